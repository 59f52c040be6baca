"""API schemas of a file of items of children in care."""

from pydantic import BaseModel, ConfigDict, Field

from mpi.api.request.json_body import JsonBody
from mpi.service.rosters.item_file import COLUMNS
from mpi.service.rosters.item_intake import MAX_LINES

_FILE = "local_id,best_interest_decision,best_interest_date\n10000180,stay,2026-11-30\n"


class ChildItemsBody(JsonBody, json_schema_extra={"example": {"csv": _FILE}}):
    """Items of children, as their file."""

    csv: str = Field(
        description=f"CSV with the columns {', '.join(COLUMNS)}; all but the first may be missing."
    )


class ChildItemsOut(BaseModel):
    """What became of a file of items."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "rows": 1,
                "changed": 1,
                "unchanged": 0,
                "older": 0,
                "unknown_lines": [],
                "unknown": 0,
            }
        },
    )

    rows: int = Field(description="Number of rows.")
    changed: int = Field(description="Number of items that are new or have another value.")
    unchanged: int = Field(description="Number of items that stay.")
    older: int = Field(description="Number of items that the index has as of a later day.")
    unknown_lines: list[int] = Field(
        description=f"Lines whose child the index does not know, at most {MAX_LINES}."
    )
    unknown: int = Field(description="Number of these lines.")
