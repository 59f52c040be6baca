"""API schemas of blind pairs and practice pairs."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, StrictInt

from mpi.api.request.json_body import JsonBody
from mpi.api.schemas.openapi_parts import EXAMPLE_TIME
from mpi.api.schemas.persons import LabelOut
from mpi.service.sampling.blind_review import VERDICTS

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
