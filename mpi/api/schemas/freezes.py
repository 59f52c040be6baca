"""Freeze windows as callers see them."""

from pydantic import BaseModel, ConfigDict, Field

from mpi.api.schemas.examples import EXAMPLE_TIME


class FreezeWindowOut(BaseModel):
    """Days on which what is decided of a source's records waits."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": 2,
                "source": "D01-SIS",
                "begins_on": "2026-10-01",
                "ends_on": "2026-10-05",
                "state": "coming",
                "reason": "count-day",
                "by": "operator",
                "at": EXAMPLE_TIME,
            }
        }
    )

    id: int = Field(description="Its number.")
    source: str = Field(description="The source's code.")
    begins_on: str = Field(description="Its first day.")
    ends_on: str = Field(description="The first day after it.")
    state: str = Field(description="`coming`, `open`, `over` or `lifted`.")
    reason: str = Field(description="Its maker's code.")
    by: str = Field(description="Who made it.")
    at: str = Field(description="When.")
