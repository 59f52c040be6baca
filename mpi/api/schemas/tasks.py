"""Review tasks as callers see them."""

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
    """Two records that may be one person, or a decision to look at again, for a steward."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})

    key: str = Field(description="Names the task; the same question always has the same key.")
    kind: str = Field(
        description=(
            "What is asked: `pair`, `conflict`, `recheck`, `approval`, `claim`, `multiple` or `overlay`."
        )
    )
    reason: str = Field(description="Why the index does not answer it by itself.")
    match_weight: float = Field(description="Of the pair, in bits.")
    records: list[LabelOut] = Field(description="Two records that it is about; of a claim, one or two.")
    decisions: list[int] = Field(
        description="Decisions that it is about: of a `conflict` the chain, of a `recheck` the one."
    )
    question: str = Field(description="Names what it is shown with: a record with all its candidates.")
    state: str = Field(description="Where that stands: `open`, `claimed`, `asleep` or `waiting`.")
    claimed_by: str | None = Field(description="Who has claimed it; null where you may not know.")
    lease_until: str | None = Field(description="When the claim ends by itself.")
    assigned_to: str | None = Field(description="Whose it is to do; null where you may not know.")
    due_on: str | None = Field(description="The day by which it is to be answered.")
    opened_at: str | None = Field(description="When it was first asked.")
