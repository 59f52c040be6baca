"""API schemas of published reports on children."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mpi.api.schemas.parameters import NoQuery
from mpi.reports.report_table import STANDING_NOTICE

_MAX_CODE_LENGTH = 64
_DAY = "2026-10-01"
_ENTRY: dict[str, Any] = {
    "name": "waterfall", "day": _DAY, "care": "essa",
    "title": "From care to outcome: who is counted, and who is left out",
    "as_of": "2026-09-30", "definition": "Foster care (ESSA).", "refusal": None,
}  # fmt: skip
_LIST: dict[str, Any] = {"reports": [_ENTRY], "lag_days": 1}
_COLUMNS: list[dict[str, str]] = [
    {"name": "step", "title": "Step", "unit": ""},
    {"name": "children", "title": "Children", "unit": "children"},
]
_REPORT: dict[str, Any] = {
    **{name: value for name, value in _ENTRY.items() if name != "refusal"},
    "unit": "children", "source": "child-welfare and school records of the index", "known_on": "2026-09-30",
    "number": 9120, "notes": [], "notice": STANDING_NOTICE, "smallest_shown": 10, "columns": _COLUMNS,
    "rows": [["In care", 9120]],
}  # fmt: skip


class ReportQuery(NoQuery):
    """Query for a published report."""

    day: str | None = Field(
        None, description="Day on which it was published. Default: the latest.", examples=[_DAY]
    )
    care: str | None = Field(
        None, max_length=_MAX_CODE_LENGTH, description="Code of the definition of care. Default: any."
    )


class ReportEntryOut(BaseModel):
    """Published report in the list, without its figures."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"example": _ENTRY})

    name: str = Field(description="Name of the report.")
    day: str = Field(description="Day on which it was published.")
    care: str = Field(description="Code of the definition of care.")
    title: str = Field(description="Title for people.")
    as_of: str = Field(description="Day of its figures.")
    definition: str = Field(description="Who is counted.")
    refusal: str | None = Field(description="Why it is not shown to the caller; null if it is.")


class ReportListOut(BaseModel):
    """Published reports that there are for the caller."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"example": _LIST})

    reports: list[ReportEntryOut] = Field(description="The reports, latest first.")
    lag_days: int = Field(description="Days after which a report is shown.")


class ReportColumnOut(BaseModel):
    """Column of a report."""

    model_config = ConfigDict(from_attributes=True)

    name: str = Field(description="Name in files.")
    title: str = Field(description="Title for people.")
    unit: str = Field(description="`children`, `percent`, or empty for texts.")


class ReportOut(BaseModel):
    """Published report with all that a reader must know of it."""

    model_config = ConfigDict(json_schema_extra={"example": _REPORT})

    name: str = Field(description="Name of the report.")
    day: str = Field(description="Day on which it was published.")
    care: str = Field(description="Code of the definition of care.")
    title: str = Field(description="Title for people.")
    unit: str = Field(description="What is counted.")
    source: str = Field(description="Where the figures come from.")
    as_of: str = Field(description="Day of the figures.")
    known_on: str = Field(description="Day whose knowledge they use.")
    number: int | None = Field(description="Number of children in the report; null if it is hidden.")
    definition: str = Field(description="Who is counted.")
    notes: list[str] = Field(description="What a reader has to know.")
    notice: str = Field(description="Notice that every report carries.")
    smallest_shown: int = Field(description="Smallest count above 0 that is shown.")
    columns: list[ReportColumnOut] = Field(description="Its columns.", examples=[_COLUMNS])
    rows: list[list[str | int | float | None]] = Field(
        description="A value for each column; null for a count that is hidden.",
        examples=[[["In care", 9120]]],
    )
