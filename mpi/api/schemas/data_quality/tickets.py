"""API schemas of tickets about quality issues."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mpi.api.request.json_body import JsonBody
from mpi.api.schemas.openapi_parts import EXAMPLE_TIME

_TICKET: dict[str, Any] = {
    "number": 3,
    "source": "D01-SIS",
    "field": "birth_date",
    "kind": "future-date",
    "owner": "North SIS team",
    "due_on": "2026-12-24",
    "state": "open",
    "records_at_opening": 12,
    "records_now": 4,
    "opened_at": EXAMPLE_TIME,
    "opened_by": "ona",
    "closed_at": None,
    "closed_load": None,
}


class TicketBody(
    JsonBody,
    json_schema_extra={
        "example": {name: _TICKET[name] for name in ("field", "kind", "owner", "due_on")},
    },
):
    """A ticket to open."""

    field: str = Field(description="Canonical field of the issue.")
    kind: str = Field(description="Code of the issue.")
    owner: str = Field(description="Who sees to it at the source.")
    due_on: str = Field(description="Day by which it is due, at most a year ahead.")


class CloseTicketBody(JsonBody, json_schema_extra={"example": {}}):
    """A step that needs no more than the ticket."""


class TicketOut(BaseModel):
    """Request to a source to correct one kind of quality issue."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"example": _TICKET})

    number: int = Field(description="Number of the ticket.")
    source: str = Field(description="Code of the source.")
    field: str = Field(description="Canonical field of the issue.")
    kind: str = Field(description="Code of the issue.")
    owner: str = Field(description="Who sees to it at the source.")
    due_on: str = Field(description="Day by which it is due.")
    state: str = Field(description="`open`, `overdue`, `corrected` by a load, or `closed` by a person.")
    records_at_opening: int = Field(description="Active records with the issue when it was opened.")
    records_now: int = Field(description="Active records with the issue now.")
    opened_at: str = Field(description="When it was opened.")
    opened_by: str = Field(description="Who opened it.")
    closed_at: str | None = Field(description="When it was closed; null while open.")
    closed_load: int | None = Field(description="Load that corrected the last record; null otherwise.")
