"""API schema of review tasks."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mpi.api.schemas.persons import LabelOut

_EXAMPLE: dict[str, Any] = {
    "key": "pair:-7013264415291881021:4402919911772334114",
    "kind": "pair",
    "reason": "band",
    "match_weight": 9.4,
    "records": [
        {"source": "CCWIS", "local_id": "C-88123"},
        {"source": "D01-SIS", "local_id": "12345"},
    ],
    "decisions": [],
    "question": "q-9eac1b5f60d3a7c3",
    "state": "open",
    "claimed_by": None,
    "lease_until": None,
    "assigned_to": None,
    "due_on": "2026-12-24",
    "opened_at": "2026-11-24T06:00:02.118000Z",
}


class TaskOut(BaseModel):
    """Review task about a pair of records or a decision."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})

    key: str = Field(description="Key of the task; the same question always has the same key.")
    kind: str = Field(
        description=(
            "Kind of task: `pair`, `conflict`, `recheck`, `approval`, `claim`, `multiple` or `overlay`."
        )
    )
    reason: str = Field(description="Reason why the index does not decide by itself.")
    match_weight: float = Field(description="Match weight of the pair in bits.")
    records: list[LabelOut] = Field(description="The two records; for a claim, one or two.")
    decisions: list[int] = Field(
        description="Decisions: for a `conflict` the chain, for a `recheck` the one to check."
    )
    question: str = Field(
        description="Key of the question that shows the task: a record with all its candidates."
    )
    state: str = Field(description="State of the question: `open`, `claimed`, `asleep` or `waiting`.")
    claimed_by: str | None = Field(description="Holder of the claim; null if you may not know.")
    lease_until: str | None = Field(description="End of the claim.")
    assigned_to: str | None = Field(description="Assignee; null if you may not know.")
    due_on: str | None = Field(description="Due date.")
    opened_at: str | None = Field(description="Time when the question was first asked.")
