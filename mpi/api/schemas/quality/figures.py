"""API schemas of accuracy, workload and published figures."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mpi.api.schemas.openapi_parts import EXAMPLE_TIME
from mpi.service.quality.model_fit import Verdict

_RATE: dict[str, Any] = {"value": 0.88, "low": 0.87, "high": 0.88}
_SHARE: dict[str, Any] = {"value": 0.991, "low": 0.972, "high": 0.998}


class EstimateOut(BaseModel):
    """Estimate with its 95 % interval."""

    value: float = Field(description="The estimate.")
    low: float = Field(description="Lower end of its 95 % interval.")
    high: float = Field(description="Upper end.")


class KindLoadOut(BaseModel):
    """Number of waiting questions of one kind."""

    kind: str = Field(description="Kind of question.")
    open: int = Field(description="Number of open questions.")
    new: int = Field(description="Number first asked in the last 7 days.")


class AgeLoadOut(BaseModel):
    """Number of waiting questions of one age."""

    age: str = Field(description="Age class.")
    open: int = Field(description="Number of open questions.")


class WorkloadOut(BaseModel):
    """Waiting questions, and the work of the last 7 days.

    Published figures have ``open`` alone, and null or nothing for the rest.
    """

    open: int | None = Field(
        description="Number of open questions. In published figures, no person is in two of them."
    )
    new: int | None = Field(description="Number first asked in the last 7 days.")
    claimed: int | None = Field(description="Number of claimed questions.")
    asleep: int | None = Field(description="Number of snoozed questions.")
    waiting: int | None = Field(description="Number that wait for a record's owner.")
    answered: int | None = Field(description="Number answered in the last 7 days.")
    went: int | None = Field(description="Number that closed without an answer in the last 7 days.")
    kinds: list[KindLoadOut] = Field(description="Numbers by kind.")
    ages: list[AgeLoadOut] = Field(description="Numbers by age, oldest first.")
    oldest_days: int | None = Field(description="Age of the oldest question in days.")


class MatchRateOut(BaseModel):
    """Published share of children in care whose school record is found."""

    in_care: int | None = Field(
        description="Persons in care, according to child welfare; null if too small to show."
    )
    found: int | None = Field(description="Number of these with a school record.")
    rate: EstimateOut | None = Field(
        description="Share with a school record; not every child in care is enrolled."
    )


class StratumOut(BaseModel):
    """Stratum of a month's blind sample, with its verdicts."""

    stratum: str = Field(description="Name of the stratum.")
    linked: bool = Field(description="Whether the stratum's pairs are linked.")
    pairs: int = Field(description="Number of pairs in the stratum.")
    estimated: bool = Field(description="Whether the number is an estimate.")
    drawn: int = Field(description="Number of drawn pairs.")
    same: int = Field(description="Number judged to be one child.")
    different: int = Field(description="Number judged to be different children.")
    unsure: int = Field(description="Number judged unsure.")
    dropped: int = Field(description="Number never judged, because a record changed or was withdrawn.")
    waiting: int = Field(description="Number still to judge.")


class LiveMonthOut(BaseModel):
    """Precision and recall estimated from a month's blind sample.

    Published ones are of months that are over, in whole percents.
    """

    month: str = Field(description="`YYYY-MM`.")
    precision: EstimateOut | None = Field(description="Precision of automatic links.")
    recall: EstimateOut | None = Field(description="Recall among candidate pairs.")
    strata: list[StratumOut] = Field(description="Strata of the sample; empty in published figures.")


class StewardsAgreeOut(BaseModel):
    """Agreement of two stewards."""

    first: str = Field(description="First steward.")
    second: str = Field(description="The other steward.")
    pairs: int = Field(description="Number of pairs judged by both.")
    agreed: int = Field(description="Number of equal verdicts.")
    kappa: EstimateOut | None = Field(description="Cohen's kappa: agreement beyond chance.")


class BandOut(BaseModel):
    """Number of pairs in one stratum of the last sample."""

    stratum: str = Field(description="Name of the stratum.")
    linked: bool = Field(description="Whether the stratum's pairs are linked.")
    pairs: int | None = Field(description="Number; null if too small to show.")
    estimated: bool = Field(description="Whether the number is an estimate.")


class LinksOut(BaseModel):
    """Numbers of automatic links and of decisions."""

    month: str | None = Field(description="Month of the sample that counted the pairs.")
    bands: list[BandOut] = Field(description="Numbers of pairs by stratum.")
    automatic: int | None = Field(description="Number of automatically linked pairs.")
    joined: int | None = Field(description="Number of stewards' decisions in force that join records.")
    parted: int | None = Field(description="Number of stewards' decisions in force that separate records.")
    asserted: int | None = Field(description="Number of assertions of sources and migrations in force.")


class ThroughputOut(BaseModel):
    """Number and speed of one steward's answers."""

    actor: str = Field(description="Steward or client.")
    answers: int = Field(description="Number of answers.")
    timed: int = Field(description="Number of answers with a known time.")
    hours: float = Field(description="Hours of work, without breaks of over 15 minutes.")
    an_hour: float | None = Field(description="Timed answers per hour.")


THROUGHPUT_EXAMPLE: dict[str, Any] = {
    "actor": "ana",
    "answers": 130,
    "timed": 124,
    "hours": 5.2,
    "an_hour": 23.8,
}
_STRATUM: dict[str, Any] = {
    "stratum": "linked-near",
    "linked": True,
    "pairs": 8120,
    "estimated": True,
    "drawn": 15,
    "same": 14,
    "different": 0,
    "unsure": 1,
    "dropped": 0,
    "waiting": 0,
}
_PUBLICATION: dict[str, Any] = {
    "day": "2026-11-29",
    "as_of": "2026-11-28",
    "missed_days": 0,
    "base": 10,
    "smallest_shown": 100,
}


class PublicationOut(BaseModel):
    """When published figures are shown, and of which day they are."""

    day: str = Field(description="Day on which they are shown, `YYYY-MM-DD`.")
    as_of: str = Field(description="Day on which they were measured.")
    missed_days: int = Field(description="Number of later days without a measurement.")
    base: int = Field(description="Multiple to which counts are rounded, after noise was added.")
    smallest_shown: int = Field(description="Smallest count that is shown.")


class ModelDifferenceOut(BaseModel):
    """Share of records that is far from that of the model's."""

    column: str = Field(description="Compared field.")
    what: str = Field(
        description="`filled`: records with a value; `listed`: values that the model's name frequencies list."
    )
    fitted: float = Field(description="Share in the data that the model was fitted on, in steps of 5 %.")
    observed: float = Field(description="Share in this index, in steps of 5 %.")


class ModelFitOut(BaseModel):
    """Whether the match model fits the records of this index.

    Verdict and differences are of the latest measurement for who may read every record and question, else
    published. A model may be old and not state all shares of its data.
    """

    model: str = Field(description="Name and version of the model in force.")
    verdict: Verdict = Field(description="Whether the records are like those that the model was fitted on.")
    outgrown: bool = Field(
        description="Whether the index holds at least twice the records that the model was fitted for."
    )
    differences: list[ModelDifferenceOut] = Field(
        description="Shares far from those of the model's data; empty in published figures."
    )


class NewRecordsOut(BaseModel):
    """Published counts of a client's records sent as new in a month."""

    month: str = Field(description="`YYYY-MM`.")
    client: str = Field(description="Name of the client; `(people)` for all who enter records by hand.")
    sent: int | None = Field(description="Number of records sent as new.")
    searched: int | None = Field(
        description="Number of these whose child the client had searched for in the 30 minutes before; null "
        "if too small to show."
    )
    duplicates_searched: int | None = Field(
        description="Number of children of whom a duplicate was sent after a search."
    )
    duplicates_unsearched: int | None = Field(
        description="Number of children of whom a duplicate was sent without a search."
    )


class QualityOut(BaseModel):
    """All figures of the quality dashboard."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "at": EXAMPLE_TIME,
                "suppressed": False,
                "publication": _PUBLICATION,
                "next_publication": "2026-11-30",
                "workload": {
                    "open": 214,
                    "new": 31,
                    "claimed": 3,
                    "asleep": 12,
                    "waiting": 4,
                    "answered": 130,
                    "went": 9,
                    "kinds": [{"kind": "pair", "open": 197, "new": 30}],
                    "ages": [{"age": "over 30 days", "open": 20}],
                    "oldest_days": 44,
                },
                "match_rate": {"in_care": 9120, "found": 8010, "rate": _RATE},
                "live": [{"month": "2026-11", "precision": _SHARE, "recall": _SHARE, "strata": [_STRATUM]}],
                "agreement": [{"first": "ana", "second": "ben", "pairs": 61, "agreed": 57, "kappa": _SHARE}],
                "seconds_waiting": 2,
                "links": {
                    "month": "2026-11",
                    "bands": [{"stratum": "linked-near", "linked": True, "pairs": 8120, "estimated": True}],
                    "automatic": 1041300,
                    "joined": 911,
                    "parted": 640,
                    "asserted": 1200,
                },
                "throughput": [THROUGHPUT_EXAMPLE],
                "model_fit": {
                    "model": "children/7",
                    "verdict": "unlike",
                    "outgrown": False,
                    "differences": [{"column": "given", "what": "listed", "fitted": 0.9, "observed": 0.3}],
                },
                "new_records": [
                    {
                        "month": "2026-11",
                        "client": "sis-north",
                        "sent": 1240,
                        "searched": 910,
                        "duplicates_searched": None,
                        "duplicates_unsearched": 130,
                    }
                ],
            }
        }
    )

    at: str = Field(description="Time of the figures; of published ones, of their measurement.")
    suppressed: bool = Field(description="Whether all figures are published ones for this caller.")
    publication: PublicationOut | None = Field(
        description="When published figures are shown; null before the first."
    )
    next_publication: str = Field(description="Day on which the next figures are published.")
    workload: WorkloadOut = Field(description="Waiting questions.")
    match_rate: MatchRateOut = Field(description="Share of children in care whose school record is found.")
    live: list[LiveMonthOut] = Field(description="Precision and recall by month, latest first.")
    agreement: list[StewardsAgreeOut] = Field(description="Agreement by pair of stewards.")
    seconds_waiting: int | None = Field(description="Number of second reviews that wait.")
    links: LinksOut = Field(description="Numbers of links and decisions.")
    throughput: list[ThroughputOut] = Field(description="Answers by steward in the last 28 days.")
    model_fit: ModelFitOut = Field(description="Whether the match model fits the records.")
    new_records: list[NewRecordsOut] = Field(
        description="Records that clients sent as new in the last three months, by month and client."
    )
