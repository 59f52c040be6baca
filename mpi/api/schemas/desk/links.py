"""API schemas of links into the pages of the desk."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mpi.api.request.json_body import JsonBody

_PATH = "/go/q3Vt0mX7b1sN8cYkR2fLzA5dHw9uJ4eP"
_OUT: dict[str, Any] = {"path": _PATH, "expires_at": "2026-11-29T18:15:00.000000Z"}


class LinkBody(JsonBody, json_schema_extra={"example": {"source": "D01-SIS", "local_id": "12345"}}):
    """Target of a link: the child of a record, or a question."""

    source: str | None = Field(default=None, description="Code of the record's source.")
    local_id: str | None = Field(default=None, description="The record's local ID.")
    question: str | None = Field(default=None, description="Key of a question, instead of a record.")


class LinkOut(BaseModel):
    """A link into the pages."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"example": _OUT})

    path: str = Field(description="Path of the link below the address of the pages. It names nobody.")
    expires_at: str = Field(description="When the link stops working (ISO, UTC).")
