"""Figures of the desk, blind pairs and practice pairs as callers see them."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mpi.api.schemas.decisions import build_json_body
from mpi.api.schemas.examples import EXAMPLE_TIME
from mpi.api.schemas.parameters import NoQuery
from mpi.api.schemas.persons import LabelOut
from mpi.service.sampling.blind_review import VERDICTS

_SHARE: dict[str, Any] = {"value": 0.991, "low": 0.972, "high": 0.998}
_VERDICT = {"enum": list(VERDICTS), "description": "What the pair is; `unsure` where it cannot be told."}
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

DRAW = build_json_body(
    {"size": 105},
    (),
    month={"type": "string", "description": "`YYYY-MM`; this month if left out, and no other is drawn."},
    size={"type": "integer", "description": "Pairs at most."},
)
ANSWER = build_json_body({"verdict": "same"}, ("verdict",), verdict=_VERDICT)


class ForecastQuery(NoQuery):
    """Other thresholds to try; without any, those in force."""

    link: float | None = Field(None, description="Link threshold to try, in bits.")
    review: float | None = Field(None, description="Review threshold to try, in bits.")
    margin: float | None = Field(None, description="Margin to try, in bits.")
    cohesion: float | None = Field(None, description="Cohesion to try, in bits.")


class EstimateOut(BaseModel):
    """A value with its 95 % interval."""

    value: float = Field(description="The estimate.")
    low: float = Field(description="Lower end of its 95 % interval.")
    high: float = Field(description="Upper end.")


class KindLoadOut(BaseModel):
    """Questions of one kind."""

    kind: str = Field(description="What is asked.")
    open: int | None = Field(description="How many; null where too few to be shown.")
    new: int | None = Field(description="First asked in the last 7 days.")


class AgeLoadOut(BaseModel):
    """Questions of one age."""

    age: str = Field(description="Since when they are asked.")
    open: int | None = Field(description="How many; null where too few to be shown.")


class WorkloadOut(BaseModel):
    """What waits, and what was done in the last 7 days."""

    open: int | None = Field(description="Questions that are asked.")
    new: int | None = Field(description="First asked in the last 7 days.")
    claimed: int | None = Field(description="Claimed by somebody now.")
    asleep: int | None = Field(description="Put off until a later day.")
    waiting: int | None = Field(description="Waiting for a record's owner.")
    answered: int | None = Field(description="Answered in the last 7 days.")
    went: int | None = Field(description="Closed by themselves in the last 7 days.")
    kinds: list[KindLoadOut] = Field(description="By kind.")
    ages: list[AgeLoadOut] = Field(description="By age, the oldest first.")
    oldest_days: int | None = Field(description="Days that the oldest has been asked.")


class MatchRateOut(BaseModel):
    """Of the children in care, those whose school record is found."""

    in_care: int | None = Field(description="Persons whom child welfare says to be in care today.")
    found: int | None = Field(description="Of them, those of whom a school has a record.")
    rate: EstimateOut | None = Field(description="The share; not every child in care is enrolled.")


class StratumOut(BaseModel):
    """One stratum of a month's sample, and what was said of it."""

    stratum: str = Field(description="Its name.")
    linked: bool = Field(description="Whether its pairs are linked.")
    pairs: int | None = Field(description="Pairs that it held; null where too few to be shown.")
    estimated: bool = Field(description="Whether that is an estimate.")
    drawn: int | None = Field(description="Pairs drawn; null where not to be shown.")
    same: int | None = Field(description="Judged of one child; null where not to be shown.")
    different: int | None = Field(description="Judged of different children.")
    unsure: int | None = Field(description="Of which nobody could tell.")
    dropped: int | None = Field(description="Never judged, as a record changed or went.")
    waiting: int | None = Field(description="Still to be judged.")


class LiveMonthOut(BaseModel):
    """A month's blind sample."""

    month: str = Field(description="`YYYY-MM`.")
    precision: EstimateOut | None = Field(description="Of the links made automatically.")
    recall: EstimateOut | None = Field(description="Of what candidate search brings together.")
    strata: list[StratumOut] = Field(description="What that is made of.")


class StewardsAgreeOut(BaseModel):
    """How two stewards agree."""

    first: str = Field(description="The one, by name.")
    second: str = Field(description="The other.")
    pairs: int | None = Field(description="Pairs that both judged; null where too few to be shown.")
    agreed: int | None = Field(description="On how many they said the same.")
    kappa: EstimateOut | None = Field(description="Cohen's kappa: agreement beyond chance.")


class BandOut(BaseModel):
    """Pairs of one stratum of the last sample."""

    stratum: str = Field(description="Its name.")
    linked: bool = Field(description="Whether its pairs are linked.")
    pairs: int | None = Field(description="How many; null where too few to be shown.")
    estimated: bool = Field(description="Whether that is an estimate.")


class LinksOut(BaseModel):
    """What joins and parts records."""

    month: str | None = Field(description="Of the sample that counted the pairs.")
    bands: list[BandOut] = Field(description="Pairs by stratum.")
    automatic: int | None = Field(description="Pairs linked automatically.")
    joined: int | None = Field(description="Stewards' decisions in force that join.")
    parted: int | None = Field(description="Stewards' decisions in force that part.")
    asserted: int | None = Field(description="What sources and migrations say, in force.")


class ThroughputOut(BaseModel):
    """What one person answered."""

    actor: str = Field(description="Who.")
    answers: int | None = Field(description="How many; null where too few to be shown.")
    timed: int | None = Field(description="Of these, those whose time is known.")
    hours: float | None = Field(description="At work, breaks of over 15 minutes left out.")
    an_hour: float | None = Field(description="Timed answers an hour.")


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


class QualityOut(BaseModel):
    """The figures of the dashboard."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "at": EXAMPLE_TIME,
                "suppressed": False,
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
                "match_rate": {"in_care": 9120, "found": 8011, "rate": _SHARE},
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
            }
        }
    )

    at: str = Field(description="When it was counted.")
    suppressed: bool = Field(description="Whether counts under 10 are left out, for this caller.")
    workload: WorkloadOut = Field(description="What waits.")
    match_rate: MatchRateOut = Field(description="Of the children in care.")
    live: list[LiveMonthOut] = Field(description="Precision and recall by month, the latest first.")
    agreement: list[StewardsAgreeOut] = Field(description="By pair of stewards.")
    seconds_waiting: int | None = Field(description="Second reviews that nobody has given yet.")
    links: LinksOut = Field(description="What joins and parts records.")
    throughput: list[ThroughputOut] = Field(description="Who answered how much in the last 28 days.")


class DayOut(BaseModel):
    """One day of the desk."""

    day: str = Field(description="`YYYY-MM-DD`.")
    arrived: int | None = Field(description="Questions first asked on it; null where too few to be shown.")
    answered: int | None = Field(description="Questions answered on it.")


class OtherThresholdsOut(BaseModel):
    """What other thresholds would ask for."""

    link: float = Field(description="The link threshold tried, in bits.")
    review: float = Field(description="The review threshold tried, in bits.")
    questions: int | None = Field(description="Pairs to be asked about at once.")
    hours: float | None = Field(description="What these take.")
    hours_a_week: float | None = Field(description="What those that arrive take.")


class ForecastOut(BaseModel):
    """What the desk has before it."""

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

    backlog: int | None = Field(description="Questions that wait; null where too few to be shown.")
    minutes: float = Field(description="Minutes that an answer takes.")
    minutes_measured: bool = Field(description="Whether that was measured, or is assumed.")
    hours: float | None = Field(description="What the backlog takes.")
    days: list[DayOut] = Field(description="The last four weeks; the day that filled the index is left out.")
    arrive_a_week: float | None = Field(description="Questions a week; null with too little history.")
    answered_a_week: float | None = Field(description="As is answered now.")
    hours_a_week: float | None = Field(description="What is to be worked to answer what arrives.")
    gone_on: str | None = Field(description="When the backlog is gone; null where it is not.")
    says: str = Field(description="The forecast in words, with what it lacks.")
    people: list[ThroughputOut] = Field(description="Who answered how much in those days.")
    other: OtherThresholdsOut | None = Field(description="What other thresholds would ask for.")


class StratumDrawnOut(BaseModel):
    """One stratum of a sample."""

    stratum: str = Field(description="Its name.")
    pairs: int = Field(description="Pairs that it held.")
    seen: int = Field(description="How many were counted for that.")
    drawn: int = Field(description="How many are to be judged.")


class DrawnOut(BaseModel):
    """A month's sample."""

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
    new: bool = Field(description="Whether this call drew it.")
    strata: list[StratumDrawnOut] = Field(description="What it was drawn from.")


class BlindRecordOut(BaseModel):
    """One of the two records."""

    label: LabelOut = Field(description="Its source and local ID.")
    as_of: str | None = Field(description="When its source said it.")
    values: dict[str, Any] = Field(description="What it says, by canonical field.")


class BlindPairOut(BaseModel):
    """A pair to be judged: no weight, no band, not what the index did or anybody said."""

    id: int = Field(description="Its number.")
    records: list[BlindRecordOut] = Field(description="The two, in an order that tells nothing.")
    left: int = Field(description="How many more wait for the caller.")


class NextBlindOut(BaseModel):
    """What is to be judged next."""

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

    pair: BlindPairOut | None = Field(description="The pair; null where none waits.")


class BlindToldOut(BaseModel):
    """What is told once a blind pair is judged."""

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

    match_weight: float = Field(description="Of the pair, in bits.")
    band: str = Field(description="Of that weight alone.")
    linked: bool = Field(description="Whether the two were one person when the pair was drawn.")
    first_verdict: str | None = Field(description="Of a second review, what the first steward said.")
    claim: int | None = Field(description="The claim that the answer became, where it says the index errs.")


class OfKindOut(BaseModel):
    """How often the caller was right about one kind."""

    kind: str = Field(description="What makes it hard.")
    right: int = Field(description="Right answers.")
    answered: int = Field(description="Answers.")


class StandingOut(BaseModel):
    """How far the caller is."""

    answered: int = Field(description="Pairs answered, each counted once.")
    last: int = Field(description="How many of the latest answers count.")
    right: int = Field(description="Of these, the right ones.")
    wanted: int = Field(description="How many have to be answered before live work opens.")
    agreement: float = Field(description="The share of right ones that opens it.")
    kinds: list[OfKindOut] = Field(description="By kind, over all answers.")
    open: bool = Field(description="Whether live work is open by these answers.")
    required: bool = Field(description="Whether live work waits for them at all.")


class PracticeRecordOut(BaseModel):
    """One of two simulated records."""

    source: str = Field(description="The kind of system that it is from.")
    values: dict[str, Any] = Field(description="What it says, by canonical field.")


class PracticeOut(BaseModel):
    """A simulated pair to practise on."""

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

    id: int = Field(description="Its number.")
    records: list[PracticeRecordOut] = Field(description="The two.")
    standing: StandingOut = Field(description="How far the caller is.")


class PartOut(BaseModel):
    """What one comparison adds to the match weight."""

    comparison: str = Field(description="What is compared.")
    level: str = Field(description="How far it agrees.")
    bits: float = Field(description="What that adds.")


class PracticeToldOut(BaseModel):
    """What is told once a practice pair is answered."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "right": True,
                "truth": "different",
                "kind": "twins",
                "why": "Different children: they are twins, … Different: given name, state student ID.",
                "match_weight": 1.2,
                "parts": [{"comparison": "given", "level": "different", "bits": -3.1}],
                "standing": _STANDING,
            }
        }
    )

    right: bool = Field(description="Whether the answer is the truth.")
    truth: str = Field(description="`same` or `different`.")
    kind: str = Field(description="What makes the pair hard.")
    why: str = Field(description="The truth and what shows it, in words.")
    match_weight: float = Field(description="What the index's model makes of it, in bits.")
    parts: list[PartOut] = Field(description="That weight by comparison.")
    standing: StandingOut = Field(description="How far the caller is now.")
