"""Re-clusters as proposals, and holds, as callers see them."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mpi.api.schemas.decisions import ReceivedOut, build_json_body
from mpi.api.schemas.examples import EXAMPLE_EID, EXAMPLE_TIME
from mpi.api.schemas.persons import LabelOut

_LEFT: dict[str, Any] = {"source": "D01-SIS", "local_id": "12345"}
_RIGHT: dict[str, Any] = {"source": "CCWIS", "local_id": "C-88123"}
_BEFORE: dict[str, Any] = {"enterprise_id": EXAMPLE_EID, "records": [_LEFT, _RIGHT]}
_AFTER: list[Any] = [
    {"enterprise_id": EXAMPLE_EID, "records": [_LEFT]},
    {"enterprise_id": None, "records": [_RIGHT]},
]

PROPOSE = build_json_body(
    {"model": "children/2"},
    (),
    model={"type": "string", "description": "`name/version`; without it, the model in force."},
    refresh_lists={"type": "boolean", "description": "Make the lists of shared values anew."},
    reason={"type": "string", "maxLength": 64},
)
APPLY = build_json_body(
    {"items": [1, 3]},
    (),
    items={
        "type": "array",
        "items": {"type": "integer"},
        "description": "The approved ones; without it, all. The rest is held.",
    },
)
_BITS: dict[str, Any] = {"type": "number", "description": "In bits; the one in force if left out."}
SIMULATE = build_json_body({"link": 11.5}, (), link=_BITS, review=_BITS, margin=_BITS, cohesion=_BITS)
REASON_ONLY = build_json_body({"reason": "not-now"}, (), reason={"type": "string", "maxLength": 64})


class GroupOut(BaseModel):
    """Records of one person."""

    enterprise_id: str | None = Field(description="Its ID; null for one that is to be minted.")
    records: list[LabelOut] = Field(description="Its records.")


class ItemOut(BaseModel):
    """One change, of people that no other item is about."""

    no: int = Field(description="Its number within the proposal.")
    kind: str = Field(description="`merge`, `split` or `move`.")
    status: str = Field(description="`open`, `applied`, `held`, or `changed` since it was read and held.")
    before: list[GroupOut] = Field(description="The people before it.")
    after: list[GroupOut] = Field(description="The people after it.")


class ProposalOut(BaseModel):
    """A re-cluster to be read before it is applied."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": 3,
                "status": "open",
                "model": "children/2",
                "model_before": "children/1",
                "by": "nightly",
                "at": EXAMPLE_TIME,
                "merge": 0,
                "split": 1,
                "move": 0,
                "moved": 1,
                "ids_retired": 0,
                "ids_new": 1,
                "tasks": 12,
                "steward_hours": 0.6,
                "items": [{"no": 1, "kind": "split", "status": "open", "before": [_BEFORE], "after": _AFTER}],
            }
        }
    )

    id: int = Field(description="Its number.")
    status: str = Field(description="`open`, `applying`, `applied`, `rejected` or `rolled_back`.")
    model: str = Field(description="The model that it was made with.")
    model_before: str = Field(
        description="The model in force when it was made; of one that was applied, just before that."
    )
    by: str = Field(description="Who made it.")
    at: str = Field(description="When.")
    merge: int = Field(description="Items that make people one.")
    split: int = Field(description="Items that part people.")
    move: int = Field(description="Items that do both.")
    moved: int = Field(description="Records that change person.")
    ids_retired: int = Field(description="Enterprise IDs to be retired.")
    ids_new: int = Field(description="Enterprise IDs to be minted, or to live again.")
    tasks: int = Field(description="Review tasks after it; 0 once it has ended.")
    steward_hours: float = Field(description="What those take, at three minutes each.")
    items: list[ItemOut] = Field(description="The changes; none in a list of proposals.")


class AppliedOut(BaseModel):
    """What became of a proposal."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "proposal": 3,
                "status": "applied",
                "applied": 2,
                "held": 1,
                "changed": 0,
                "moved": 2,
                "model": "children/2",
                "disclosed": 0,
                "disclosures": [],
            }
        }
    )

    proposal: int = Field(description="Its number.")
    status: str = Field(description="Where it stands now.")
    applied: int = Field(description="Items that were carried out.")
    held: int = Field(description="Items that were not approved.")
    changed: int = Field(description="Items that are other than they were read, and are held.")
    moved: int = Field(description="Records that changed person.")
    model: str = Field(description="The model in force now.")
    disclosed: int = Field(description="How many answers left because of links that it parts.")
    disclosures: list[ReceivedOut] = Field(
        description="The latest of them, newest first; only with scope `disclosure.read`."
    )


class HoldOut(BaseModel):
    """A computed change that waits for a person."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": 5,
                "kind": "proposal",
                "status": "open",
                "since": EXAMPLE_TIME,
                "proposal": 3,
                "before": [_BEFORE],
                "after": _AFTER,
                "held_until": None,
            }
        }
    )

    id: int = Field(description="Its number.")
    kind: str = Field(description="Why it waits.")
    status: str = Field(description="`open`.")
    since: str = Field(description="Since when.")
    proposal: int | None = Field(description="The proposal that it was an item of.")
    before: list[GroupOut] = Field(description="The people as they are held.")
    after: list[GroupOut] = Field(description="The people as they were computed.")
    held_until: str | None = Field(description="Of what was approved: the first day after the freeze window.")


class HoldEndedOut(BaseModel):
    """What ending a hold did."""

    model_config = ConfigDict(json_schema_extra={"example": {"hold": 5, "status": "released", "moved": 1}})

    hold: int = Field(description="Its number.")
    status: str = Field(description="`released` or `refused`.")
    moved: int = Field(description="Records that changed person.")


class SimulationOut(BaseModel):
    """What other thresholds would do, in figures."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "link": 11.5,
                "review": 5.0,
                "margin": 3.0,
                "cohesion": 0.0,
                "persons": 81200,
                "merge": 140,
                "split": 12,
                "mint": 12,
                "moved": 155,
                "tasks": 310,
                "steward_hours": 15.5,
            }
        }
    )

    link: float = Field(description="The link threshold tried, in bits.")
    review: float = Field(description="The review threshold tried.")
    margin: float = Field(description="The margin tried.")
    cohesion: float = Field(description="The cohesion tried.")
    persons: int = Field(description="People after it.")
    merge: int = Field(description="People that would take in others.")
    split: int = Field(description="People that would lose records.")
    mint: int = Field(description="IDs to be minted.")
    moved: int = Field(description="Records that would change person.")
    tasks: int = Field(description="Review tasks after it.")
    steward_hours: float = Field(description="What those take, at three minutes each.")
