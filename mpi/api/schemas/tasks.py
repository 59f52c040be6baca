"""Review tasks as callers see them."""

from pydantic import BaseModel, ConfigDict, Field

from mpi.api.schemas.persons import LabelOut


class TaskOut(BaseModel):
    """Two records that may be one person, for a steward to decide."""

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
            }
        }
    )

    key: str = Field(description="Names the task; the same question always has the same key.")
    kind: str = Field(description="What is asked.")
    reason: str = Field(description="Why the index does not answer it by itself.")
    match_weight: float = Field(description="Of the pair, in bits.")
    records: list[LabelOut] = Field(description="The two records.")
