"""API schema of freeze windows."""

from pydantic import BaseModel, ConfigDict, Field

from mpi.api.schemas.openapi_parts import EXAMPLE_TIME
from mpi.api.schemas.request_bodies import Date, ReasonBody


class FreezeBody(
    ReasonBody,
    json_schema_extra={
        "example": {"begins_on": "2026-10-01", "ends_on": "2026-10-05", "reason": "count-day"}
    },
):
    """Days of a freeze window."""

    begins_on: Date = Field(description="First day of the window.")
    ends_on: Date = Field(description="First day after the window.")


class FreezeWindowOut(BaseModel):
    """Freeze window: days on which decisions about a source's records wait."""

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

    id: int = Field(description="Number of the freeze window.")
    source: str = Field(description="The source's code.")
    begins_on: str = Field(description="First day of the window.")
    ends_on: str = Field(description="First day after the window.")
    state: str = Field(description="`coming`, `open`, `over` or `lifted`.")
    reason: str = Field(description="Reason code of the maker.")
    by: str = Field(description="Maker.")
    at: str = Field(description="Time.")
