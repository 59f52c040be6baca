"""API schemas of re-cluster proposals, holds and simulations."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, model_validator

from mpi.api.request.json_body import JsonBody
from mpi.api.schemas.decisions import ReceivedOut
from mpi.api.schemas.openapi_parts import EXAMPLE_EID, EXAMPLE_TIME, EnterpriseId
from mpi.api.schemas.persons import LabelOut
from mpi.api.schemas.request_bodies import ReasonBody

_LEFT: dict[str, Any] = {"source": "D01-SIS", "local_id": "12345"}
_RIGHT: dict[str, Any] = {"source": "CCWIS", "local_id": "C-88123"}
_BEFORE: dict[str, Any] = {"enterprise_id": EXAMPLE_EID, "records": [_LEFT, _RIGHT]}
_AFTER: list[Any] = [
    {"enterprise_id": EXAMPLE_EID, "records": [_LEFT]},
    {"enterprise_id": None, "records": [_RIGHT]},
]

_BITS = "Threshold in bits; by default the one in force."


class ProposalBody(ReasonBody, json_schema_extra={"example": {"model": "children/2"}}):
    """Request of a re-cluster proposal."""

    model: str | None = Field(None, description="`name/version`; without it, the model in force.")
    refresh_lists: StrictBool = Field(default=False, description="Compute the lists of shared values again.")


class ApplyBody(JsonBody, json_schema_extra={"example": {"items": [1, 3]}}):
    """Approved items of a proposal.

    A list that is null approves nothing, unlike a missing one.
    """

    items: tuple[StrictInt, ...] | None = Field(
        None, description="Numbers of approved items; by default all. The others are held."
    )

    @model_validator(mode="before")
    @classmethod
    def drop_null_members(cls, members: object) -> object:
        """Replace a null list of approved items by an empty one."""
        if isinstance(members, dict) and members.get("items", ()) is None:
            return {**members, "items": []}
        return members


class SimulationBody(JsonBody, json_schema_extra={"example": {"link": 11.5}}):
    """Thresholds to simulate."""

    link: StrictFloat | None = Field(None, description=_BITS)
    review: StrictFloat | None = Field(None, description=_BITS)
    margin: StrictFloat | None = Field(None, description=_BITS)
    cohesion: StrictFloat | None = Field(None, description=_BITS)


class GroupOut(BaseModel):
    """Person with records, before or after a change."""

    enterprise_id: EnterpriseId | None = Field(description="Enterprise ID; null for an ID to be minted.")
    records: list[LabelOut] = Field(description="Records of the person.")


class ItemOut(BaseModel):
    """Independent change of a proposal: no other item has its persons."""

    no: int = Field(description="Number of the item in the proposal.")
    kind: str = Field(description="`merge`, `split` or `move`.")
    status: str = Field(description="`open`, `applied`, `held`, or `changed` (since it was read; then held).")
    before: list[GroupOut] = Field(description="Persons before the change.")
    after: list[GroupOut] = Field(description="Persons after the change.")


class ProposalOut(BaseModel):
    """Stored re-cluster plan to read before it is applied."""

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

    id: int = Field(description="Number of the proposal.")
    status: str = Field(description="`open`, `applying`, `applied`, `rejected` or `rolled_back`.")
    model: str = Field(description="Model of the proposal.")
    model_before: str = Field(
        description="Model in force when the proposal was made or, for an applied one, just before."
    )
    by: str = Field(description="Maker.")
    at: str = Field(description="Time.")
    merge: int = Field(description="Number of items that merge persons.")
    split: int = Field(description="Number of items that split persons.")
    move: int = Field(description="Number of items that do both.")
    moved: int = Field(description="Records that move to another person.")
    ids_retired: int = Field(description="Number of enterprise IDs to retire.")
    ids_new: int = Field(description="Number of enterprise IDs to mint or revive.")
    tasks: int = Field(description="Number of review tasks after applying it; 0 for an ended proposal.")
    steward_hours: float = Field(description="Hours for those tasks, at three minutes each.")
    items: list[ItemOut] = Field(description="Changes; empty in a list of proposals.")


class AppliedOut(BaseModel):
    """Result of applying, rejecting or rolling back a proposal."""

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

    proposal: int = Field(description="Number of the proposal.")
    status: str = Field(description="Present status of the proposal.")
    applied: int = Field(description="Number of applied items.")
    held: int = Field(description="Number of items not approved, and held.")
    changed: int = Field(description="Number of items that changed since they were read, and are held.")
    moved: int = Field(description="Number of records that moved to another person.")
    model: str = Field(description="Model in force.")
    disclosed: int = Field(description="Number of disclosures due to the removed links.")
    disclosures: list[ReceivedOut] = Field(
        description="Latest disclosures, newest first; only with scope `disclosure.read`."
    )


class HoldOut(BaseModel):
    """Computed change that waits for a person."""

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

    id: int = Field(description="Number of the hold.")
    kind: str = Field(description="Reason of the hold.")
    status: str = Field(description="`open`.")
    since: str = Field(description="Start of the hold.")
    proposal: int | None = Field(description="Proposal of the held item.")
    before: list[GroupOut] = Field(description="Persons as held.")
    after: list[GroupOut] = Field(description="Persons as computed.")
    held_until: str | None = Field(description="For an approved change: first day after the freeze window.")


class HoldEndedOut(BaseModel):
    """Result of releasing or refusing a hold."""

    model_config = ConfigDict(json_schema_extra={"example": {"hold": 5, "status": "released", "moved": 1}})

    hold: int = Field(description="Number of the hold.")
    status: str = Field(description="`released` or `refused`.")
    moved: int = Field(description="Number of records that moved to another person.")


class SimulationOut(BaseModel):
    """Figures of a simulation with other thresholds."""

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

    link: float = Field(description="Tried link threshold in bits.")
    review: float = Field(description="Tried review threshold in bits.")
    margin: float = Field(description="Tried margin in bits.")
    cohesion: float = Field(description="Tried cohesion in bits.")
    persons: int = Field(description="Number of persons.")
    merge: int = Field(description="Number of persons that would absorb others.")
    split: int = Field(description="Number of persons that would lose records.")
    mint: int = Field(description="Number of IDs to mint.")
    moved: int = Field(description="Number of records that would move to another person.")
    tasks: int = Field(description="Number of review tasks.")
    steward_hours: float = Field(description="Hours for those tasks, at three minutes each.")
