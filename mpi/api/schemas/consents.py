"""API schemas of waiting steps and owners' consent."""

from pydantic import BaseModel, ConfigDict, Field, StrictBool
from pydantic.config import JsonDict

from mpi.api.schemas.decisions import ConsentOut
from mpi.api.schemas.openapi_parts import EXAMPLE_TIME
from mpi.api.schemas.persons import LabelOut
from mpi.api.schemas.request_bodies import ReasonBody
from mpi.domain.decision import DecisionKind

_LEFT: JsonDict = {"source": "ccwis", "local_id": "C-17"}
_RIGHT: JsonDict = {"source": "D01-SIS", "local_id": "4711"}


class AskConsentBody(ReasonBody, json_schema_extra={"example": {"asks": True, "reason": "agreement"}}):
    """Whether decisions about a source's records need its owner's consent."""

    asks: StrictBool = Field(description="Whether they need it from now on.")


class AskingConsentOut(BaseModel):
    """Whether decisions about a source's records need the owner's consent."""

    model_config = ConfigDict(json_schema_extra={"example": {"source": "ccwis", "asks_consent": True}})

    source: str = Field(description="The source's code.")
    asks_consent: bool = Field(
        description="Whether others' decisions about the source's records wait for the owner."
    )


class WaitingDecisionOut(BaseModel):
    """Decision that a waiting step makes or, for an undo, revokes."""

    id: int = Field(description="Number of the decision.")
    kind: DecisionKind = Field(description="SAME, DIFFERENT or UNSURE.")
    groups: list[list[LabelOut]] = Field(description="Records by group.")


class WaitingStepOut(BaseModel):
    """Step that waits for an approver or for owners."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "step": 7,
                "kind": "merge",
                "at": EXAMPLE_TIME,
                "by": "district-01",
                "reason": "same-child",
                "decisions": [{"id": 12, "kind": "SAME", "groups": [[_LEFT, _RIGHT]]}],
                "approval": False,
                "consents": [
                    {"source": "ccwis", "status": "asked", "asked_at": EXAMPLE_TIME, "at": None, "by": None,
                     "reason": None}
                ],
                "records": [_LEFT, _RIGHT],
                "may_approve": False,
                "may_consent": ["ccwis"],
            }
        }
    )  # fmt: skip

    step: int = Field(description="Number of the step.")
    kind: str = Field(
        description="`decision`, `merge`, `split`, `move`, `correction` or `undo`; `change` for an owner who "
        "may not see all of the step, nor its maker, reason and decisions."
    )
    at: str = Field(description="Time of the step; for such an owner, time of the question.")
    by: str | None = Field(description="Maker.")
    reason: str | None = Field(description="Reason code of the maker.")
    decisions: list[WaitingDecisionOut] = Field(description="Decisions that the step makes or revokes.")
    approval: bool = Field(description="Whether the step waits for a second approver.")
    consents: list[ConsentOut] = Field(description="Consents of owners, of sources that the caller may see.")
    records: list[LabelOut] = Field(description="The caller's records that the step changes.")
    may_approve: bool = Field(description="Whether the caller may approve the step.")
    may_consent: list[str] = Field(description="Sources for which the caller may consent or refuse.")
