"""API schemas of quality issues and their numbers."""

from enum import StrEnum
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from mpi.api.schemas.openapi_parts import EXAMPLE_TIME
from mpi.api.schemas.parameters import NoQuery
from mpi.service.data_quality.issues import MAX_LISTED, IssueFilters

_ISSUE: dict[str, Any] = {
    "local_id": "12345",
    "rejected": False,
    "field": "birth_date",
    "kind": "future-date",
    "state": "open",
    "first_seen": EXAMPLE_TIME,
    "last_seen": EXAMPLE_TIME,
    "load": 4,
    "last_load": 9,
    "ended_at": None,
    "ended_load": None,
    "suggestion": "The date is in the future. Send the right one.",
}


class IssueChoice(StrEnum):
    """Which issues are listed, by their state."""

    OPEN = "open"
    ENDED = "ended"
    ALL = "all"

    @property
    def is_open(self) -> bool | None:
        """Whether only open issues are listed; None for all."""
        return None if self is IssueChoice.ALL else self is IssueChoice.OPEN


class IssuesQuery(NoQuery):
    """Query for a page of a source's issues."""

    state: IssueChoice = Field(IssueChoice.OPEN, description="`open`, `ended` or `all`.")
    field: str | None = Field(None, max_length=64, description="Only of this canonical field.")
    kind: str | None = Field(None, max_length=64, description="Only of this kind.")
    after: str | None = Field(None, max_length=1200, description="`cursor` of the page before.")
    limit: int = Field(100, ge=1, le=MAX_LISTED, description="Number of issues at which a page ends.")

    @property
    def filters(self) -> IssueFilters:
        """The filters of the use case."""
        return IssueFilters(self.state.is_open, self.field, self.kind)


class RecordIssueOut(BaseModel):
    """Quality issue of a record, without the value."""

    model_config = ConfigDict(json_schema_extra={"example": _ISSUE})

    local_id: str = Field(description="Local ID of the record.")
    rejected: bool = Field(description="Whether the row was rejected, so that the index lacks what it said.")
    field: str | None = Field(description="Canonical field; null for the row as a whole.")
    kind: str = Field(description="Stable code of the issue.")
    state: str = Field(description="`open`, `corrected`, or `withdrawn` with its record.")
    first_seen: str = Field(description="As-of time of the first statement that has it.")
    last_seen: str = Field(description="As-of time of the last statement that has it.")
    load: int | None = Field(description="Load that brought it; null for a record sent by itself.")
    last_load: int | None = Field(description="Last load that has it.")
    ended_at: str | None = Field(description="As-of time of the statement that ended it; null while open.")
    ended_load: int | None = Field(description="Load that ended it.")
    suggestion: str = Field(description="What the source does about it.")


class RecordIssuePageOut(BaseModel):
    """Page of a source's issues: rejected rows first, then records."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"source": "D01-SIS", "cursor": None, "issues": [_ISSUE], "may_list": True}
        }
    )

    source: str = Field(description="Code of the source.")
    cursor: str | None = Field(
        description="`after` of the next page; null at the end. A page may be short although another follows."
    )
    issues: list[RecordIssueOut] = Field(description="The issues; those of one record stand together.")
    may_list: bool = Field(
        description="Whether the caller may list the records; if not, there are no issues."
    )


class IssueCountOut(BaseModel):
    """Number of records with one kind of issue."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={"example": {"field": "birth_date", "kind": "future-date", "records": 3}},
    )

    field: str = Field(description="Canonical field.")
    kind: str = Field(description="Stable code of the issue.")
    records: int = Field(description="Active records that have it.")


class IssueSummaryOut(BaseModel):
    """Open issues of a source's active records, counted by field and kind."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "source": "D01-SIS",
                "counts": [{"field": "birth_date", "kind": "future-date", "records": 3}],
                "records": 1200,
                "may_list": True,
            }
        },
    )

    source: str = Field(description="Code of the source.")
    counts: list[IssueCountOut] = Field(description="Largest number first. Rejected rows are not counted.")
    records: int = Field(description="Active records of the source.")
    may_list: bool = Field(description="Whether the caller may list the records by local ID.")


IssuesDep = Annotated[IssuesQuery, Query()]
