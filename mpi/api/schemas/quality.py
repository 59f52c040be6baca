"""API schemas of quality figures, blind pairs and practice pairs."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, StrictInt

from mpi.api.request.json_body import JsonBody
from mpi.api.schemas.openapi_parts import EXAMPLE_TIME
from mpi.api.schemas.parameters import NoQuery
from mpi.api.schemas.persons import LabelOut
from mpi.service.quality.model_fit import Verdict
from mpi.service.sampling.blind_review import VERDICTS

_RATE: dict[str, Any] = {"value": 0.88, "low": 0.87, "high": 0.88}
_SHARE: dict[str, Any] = {"value": 0.991, "low": 0.972, "high": 0.998}
_VALUES: dict[str, Any] = {"first_name": "Amara", "last_name": "Okonkwo", "birth_date": "2014-03-09"}
_STANDING: dict[str, Any] = {
    "answered": 41,
    "last": 40,
    "right": 36,
    "wanted": 40,
    "agreement": 0.85,
    "kinds": [{"kind": "twins", "right": 5, "answered": 6}],
    "open": True,
    "required": True,
}


class DrawBody(JsonBody, json_schema_extra={"example": {"size": 105}}):
    """Request of a month's blind sample."""

    month: str | None = Field(None, description="`YYYY-MM`; this month if left out, and no other is drawn.")
    size: StrictInt | None = Field(None, description="Pairs at most.")


class PairAnswerBody(JsonBody, json_schema_extra={"example": {"verdict": "same"}}):
    """Verdict on a blind or practice pair."""

    verdict: str = Field(
        description="Verdict on the pair; `unsure` if it cannot be told.",
        json_schema_extra={"enum": list(VERDICTS)},
    )


class ForecastQuery(NoQuery):
    """Query for a forecast, optionally with other thresholds."""

    link: float | None = Field(None, description="Link threshold to try, in bits.")
    review: float | None = Field(None, description="Review threshold to try, in bits.")
    margin: float | None = Field(None, description="Margin to try, in bits.")
    cohesion: float | None = Field(None, description="Cohesion to try, in bits.")


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


_THROUGHPUT: dict[str, Any] = {"actor": "ana", "answers": 130, "timed": 124, "hours": 5.2, "an_hour": 23.8}
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
                "throughput": [_THROUGHPUT],
                "model_fit": {
                    "model": "children/6",
                    "verdict": "unlike",
                    "outgrown": False,
                    "differences": [{"column": "given", "what": "listed", "fitted": 0.9, "observed": 0.3}],
                },
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


class DayOut(BaseModel):
    """Arrived and answered questions of one day."""

    day: str = Field(description="`YYYY-MM-DD`.")
    arrived: int = Field(description="Number of questions first asked that day.")
    answered: int = Field(description="Number of questions answered that day.")


class OtherThresholdsOut(BaseModel):
    """Workload that other thresholds would cause."""

    link: float = Field(description="Tried link threshold in bits.")
    review: float = Field(description="Tried review threshold in bits.")
    questions: int | None = Field(
        description="Number of pairs to ask about at once; null for whom figures are published."
    )
    hours: float | None = Field(description="Hours for these pairs.")
    hours_a_week: float | None = Field(description="Hours a week for arriving questions.")


class ForecastOut(BaseModel):
    """Forecast of the stewards' workload."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "backlog": 214,
                "minutes": 2.5,
                "minutes_measured": True,
                "hours": 8.9,
                "days": [{"day": "2026-11-23", "arrived": 6, "answered": 19}],
                "arrive_a_week": 40.0,
                "answered_a_week": 98.0,
                "hours_a_week": 1.7,
                "gone_on": "2026-12-10",
                "says": "214 questions wait, 8.9 hours' work; 40 a week arrive, 1.7 hours. …",
                "people": [_THROUGHPUT],
                "other": None,
            }
        }
    )

    backlog: int | None = Field(description="Number of waiting questions; null if too small to show.")
    minutes: float = Field(description="Minutes per answer.")
    minutes_measured: bool = Field(
        description="Whether the minutes were measured; otherwise they are assumed."
    )
    hours: float | None = Field(description="Hours for the backlog.")
    days: list[DayOut] = Field(description="Last four weeks, without the day that filled the index.")
    arrive_a_week: float | None = Field(
        description="Arriving questions per week; null with too little history."
    )
    answered_a_week: float | None = Field(description="Answered questions per week.")
    hours_a_week: float | None = Field(description="Hours per week needed for arriving questions.")
    gone_on: str | None = Field(description="Day when the backlog is done; null if it never is.")
    says: str = Field(description="Forecast in words, with its limits.")
    people: list[ThroughputOut] = Field(description="Answers by steward in those days.")
    other: OtherThresholdsOut | None = Field(description="Workload with other thresholds.")


class StratumDrawnOut(BaseModel):
    """Numbers of pairs in one stratum of a drawn sample."""

    stratum: str = Field(description="Name of the stratum.")
    pairs: int = Field(description="Number of pairs in the stratum.")
    seen: int = Field(description="Number of pairs counted for the estimate.")
    drawn: int = Field(description="Number of drawn pairs.")


class DrawnOut(BaseModel):
    """Blind sample of a month."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "month": "2026-11",
                "new": True,
                "strata": [{"stratum": "linked-near", "pairs": 8120, "seen": 162, "drawn": 15}],
            }
        }
    )

    month: str = Field(description="`YYYY-MM`.")
    new: bool = Field(description="Whether this call drew the sample.")
    strata: list[StratumDrawnOut] = Field(description="Strata of the sample.")


class BlindRecordOut(BaseModel):
    """Record of a blind pair."""

    label: LabelOut = Field(description="Source and local ID of the record.")
    as_of: str | None = Field(description="Time of the record version at its source.")
    values: dict[str, Any] = Field(description="Values by canonical field.")


class BlindPairOut(BaseModel):
    """Pair to judge blind: without weight, band, link or earlier verdicts."""

    id: int = Field(description="Number of the pair.")
    records: list[BlindRecordOut] = Field(description="The two records, in random order.")
    left: int = Field(description="Number of other pairs that wait for the caller.")


class NextBlindOut(BaseModel):
    """Next blind pair to judge."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "pair": {
                    "id": 812,
                    "records": [
                        {
                            "label": {"source": "D01-SIS", "local_id": "12345"},
                            "as_of": EXAMPLE_TIME,
                            "values": _VALUES,
                        },
                        {
                            "label": {"source": "CCWIS", "local_id": "C-88123"},
                            "as_of": EXAMPLE_TIME,
                            "values": _VALUES,
                        },
                    ],
                    "left": 14,
                }
            }
        }
    )

    pair: BlindPairOut | None = Field(description="Next pair; null if none waits.")


class BlindToldOut(BaseModel):
    """Facts shown after a blind pair is judged."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "match_weight": 5.4,
                "band": "LINK",
                "linked": True,
                "first_verdict": None,
                "claim": None,
            }
        }
    )

    match_weight: float = Field(description="Match weight of the pair in bits.")
    band: str = Field(description="Band of that weight alone.")
    linked: bool = Field(description="Whether the two were one person when the pair was drawn.")
    first_verdict: str | None = Field(description="For a second review, the first steward's verdict.")
    claim: int | None = Field(description="Claim made from the answer, if it contradicts the index.")


class OfKindOut(BaseModel):
    """Number of right practice answers for one kind of pair."""

    kind: str = Field(description="Kind of pair.")
    right: int = Field(description="Number of right answers.")
    answered: int = Field(description="Number of answers.")


class StandingOut(BaseModel):
    """Caller's progress with practice pairs."""

    answered: int = Field(description="Number of answered pairs, each counted once.")
    last: int = Field(description="Number of latest answers that count.")
    right: int = Field(description="Number of right ones among these.")
    wanted: int = Field(description="Number of answers required before live work.")
    agreement: float = Field(description="Share of right answers required.")
    kinds: list[OfKindOut] = Field(description="Results by kind, over all answers.")
    open: bool = Field(description="Whether these answers suffice for live work.")
    required: bool = Field(description="Whether practice is required for live work.")


class PracticeRecordOut(BaseModel):
    """Simulated record of a practice pair."""

    source: str = Field(description="Kind of source system.")
    values: dict[str, Any] = Field(description="Values by canonical field.")


class PracticeOut(BaseModel):
    """Simulated pair to practice on."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": 17,
                "records": [
                    {"source": "state_ssid", "values": _VALUES},
                    {"source": "ccwis", "values": _VALUES},
                ],
                "standing": _STANDING,
            }
        }
    )

    id: int = Field(description="Number of the pair.")
    records: list[PracticeRecordOut] = Field(description="The two records.")
    standing: StandingOut = Field(description="The caller's progress.")


class PracticePartOut(BaseModel):
    """Contribution of one comparison to the match weight."""

    comparison: str = Field(description="Comparison.")
    level: str = Field(description="Comparison level.")
    bits: float = Field(description="Contribution to the match weight in bits.")


class PracticeToldOut(BaseModel):
    """Truth and explanation shown after a practice answer."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "right": True,
                "truth": "different",
                "kind": "twins",
                "why": "Different children: they are twins, … Not the same: first name, state student ID.",
                "match_weight": 1.2,
                "parts": [{"comparison": "given", "level": "different", "bits": -3.1}],
                "standing": _STANDING,
            }
        }
    )

    right: bool = Field(description="Whether the answer is right.")
    truth: str = Field(description="`same` or `different`.")
    kind: str = Field(description="Kind of pair.")
    why: str = Field(description="Truth and its evidence in words.")
    match_weight: float = Field(description="Match weight by the index's model in bits.")
    parts: list[PracticePartOut] = Field(description="Contributions by comparison.")
    standing: StandingOut = Field(description="The caller's progress.")
