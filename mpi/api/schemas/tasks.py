"""Review tasks as callers see them."""

from pydantic import BaseModel, ConfigDict, Field

from mpi.api.schemas.persons import LabelOut


class TaskOut(BaseModel):
    """Two records that may be one person, or a decision to look at again, for a steward."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "key": "pair:-7013264415291881021:4402919911772334114",
                "kind": "pair",
                "reason": "band",
                "match_weight": 9.4,
                "records": [
                    {"source": "CCWIS", "local_id": "C-88123"},
                    {"source": "D01-SIS", "local_id": "12345"},
                ],
                "decisions": [],
            }
        }
    )

    key: str = Field(description="Names the task; the same question always has the same key.")
    kind: str = Field(description="What is asked: `pair`, `conflict`, `recheck`, `approval` or `claim`.")
    reason: str = Field(description="Why the index does not answer it by itself.")
    match_weight: float = Field(description="Of the pair, in bits.")
    records: list[LabelOut] = Field(description="Two records that it is about; of a claim, one or two.")
    decisions: list[int] = Field(
        description="Decisions that it is about: of a `conflict` the chain, of a `recheck` the one."
    )
