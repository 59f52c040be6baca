"""API schemas of a caseload."""

from pydantic import BaseModel, ConfigDict, Field

from mpi.api.request.json_body import JsonBody
from mpi.service.rosters.caseload_intake import COLUMNS

_FILE = "local_id,caseworker,name,phone,email\n10000180,cal,Cal Osei,614-555-0100,cal@agency.example\n"


class CaseloadBody(JsonBody, json_schema_extra={"example": {"csv": _FILE}}):
    """The whole caseload of a source, as its file."""

    csv: str = Field(description=f"CSV with the columns {', '.join(COLUMNS)}; the last two may be missing.")
    confirm: bool = Field(default=False, description="Accept one that leaves out most of the children.")


class CaseloadOut(BaseModel):
    """What became of a caseload."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "rows": 1,
                "caseworkers": 1,
                "begun": 1,
                "ended": 0,
                "unchanged": 0,
                "unknown_lines": [],
                "unknown": 0,
            }
        },
    )

    rows: int = Field(description="Number of rows.")
    caseworkers: int = Field(description="Number of caseworkers that it names.")
    begun: int = Field(description="Number of children who came to a caseworker.")
    ended: int = Field(description="Number of children who left one.")
    unchanged: int = Field(description="Number of children whose caseworker stays.")
    unknown_lines: list[int] = Field(description="Lines whose child the index does not know, at most 100.")
    unknown: int = Field(description="Number of these lines.")
