"""Steps that wait for others, and owners' consent, as callers see them."""

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from mpi.api.schemas.decisions import ConsentOut
from mpi.api.schemas.examples import EXAMPLE_TIME
from mpi.api.schemas.persons import LabelOut
from mpi.domain.decision import DecisionKind

_LEFT: JsonDict = {"source": "ccwis", "local_id": "C-17"}
_RIGHT: JsonDict = {"source": "D01-SIS", "local_id": "4711"}


class AskingConsentOut(BaseModel):
    """Whether a source asks for its owner's consent."""

    model_config = ConfigDict(json_schema_extra={"example": {"source": "ccwis", "asks_consent": True}})

    source: str = Field(description="The source's code.")
    asks_consent: bool = Field(description="Whether what others decide of its records waits for its owner.")


class WaitingDecisionOut(BaseModel):
    """What a step is to say, or of an undo to take back."""

    id: int = Field(description="Number of the decision.")
    kind: DecisionKind = Field(description="SAME, DIFFERENT or UNSURE.")
    groups: list[list[LabelOut]] = Field(description="The records, by group.")


class WaitingStepOut(BaseModel):
    """A step that waits until others have said so too."""

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

    step: int = Field(description="Its number.")
    kind: str = Field(
        description="`decision`, `merge`, `split`, `move`, `correction` or `undo`; `change` to an owner who "
        "may not see all of it, and who is told neither who made it, nor why, nor what it says."
    )
    at: str = Field(description="When it was made; to such an owner, when the owner was asked.")
    by: str | None = Field(description="Who made it.")
    reason: str | None = Field(description="Its maker's code.")
    decisions: list[WaitingDecisionOut] = Field(description="What it is to say, or to take back.")
    approval: bool = Field(description="Whether it waits for a second approver.")
    consents: list[ConsentOut] = Field(
        description="What owners were asked, of sources that the caller may see."
    )
    records: list[LabelOut] = Field(description="The caller's records that it touches.")
    may_approve: bool = Field(description="Whether the caller may give the second word.")
    may_consent: list[str] = Field(description="Sources for which the caller may consent or refuse.")
