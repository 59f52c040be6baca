"""API schemas of sources, and of pausing or resuming one."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from mpi.api.request.json_body import JsonBody
from mpi.domain.source import Holdings, SourceKind

_SOURCE: dict[str, Any] = {
    "code": "D01-SIS",
    "name": "District 1 student information system",
    "agency": "D01",
    "kind": "sis",
    "holdings": "all",
    "one_id_per_child": True,
    "asks_consent": False,
    "paused": False,
    "scope": None,
}


class NewSourceBody(
    JsonBody,
    json_schema_extra={
        "example": {"code": "D01-SIS", "agency": "D01", "kind": "sis", "one_id_per_child": True}
    },
):
    """A source to add."""

    code: str = Field(
        description="1 to 64 letters, digits, `_`, `-` or `.`.",
        json_schema_extra={"minLength": 1, "maxLength": 64},
    )
    name: str | None = Field(default=None, description="Name for people; the code by default.")
    agency: str | None = Field(default=None, description="Agency that owns it; the code by default.")
    kind: SourceKind = Field(default=SourceKind.OTHER, description="Kind of system.")
    one_id_per_child: StrictBool = Field(
        default=False, description="The source gives each child one local ID; two are a question."
    )
    holdings: Holdings = Field(
        default=Holdings.ALL,
        description="`linked`: hold only what may be of a child in care; `tokens`: also tokens of the rest.",
    )


class SourceOut(BaseModel):
    """A source: a system of an agency that sends records."""

    model_config = ConfigDict(json_schema_extra={"example": _SOURCE})

    code: str = Field(description="Code of the source.")
    name: str = Field(description="Name for people.")
    agency: str = Field(description="Agency that owns it.")
    kind: str = Field(description="Kind of system.")
    holdings: str = Field(description="Which of its records are held: `all`, `linked` or `tokens`.")
    one_id_per_child: bool = Field(description="Whether it gives each child one local ID.")
    asks_consent: bool = Field(description="Whether others' decisions about its records need its consent.")
    paused: bool = Field(description="Whether new records are held.")
    scope: str | None = Field(description="Scope that its records are sent to; null for this index.")


class PausedOut(BaseModel):
    """Result of pausing or resuming sources."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"sources": ["D01-SIS"], "paused": False, "resolved": 12, "moved": 3}}
    )

    sources: list[str] = Field(description="Codes of the sources.")
    paused: bool = Field(description="Whether new records are held.")
    resolved: int = Field(description="Number of records whose held statements took effect.")
    moved: int = Field(description="Number of records that moved to another person.")
