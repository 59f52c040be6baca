"""API schemas of saved views of the review queue."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mpi.api.schemas.decisions import build_json_body
from mpi.service.review.queue import STATES
from mpi.service.review.saved_views import MAX_NAME_LENGTH

_NAME: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": MAX_NAME_LENGTH}
_EXAMPLE: dict[str, Any] = {
    "name": "due in the north",
    "kind": None,
    "state": "open",
    "source": "D01-SIS",
    "mine": False,
    "due": True,
    "burst": None,
}

SAVE = build_json_body(
    {"name": "due in the north", "source": "D01-SIS", "due": True},
    ("name",),
    name={**_NAME, "description": "Name of the view; an existing one is replaced."},
    kind={"type": "string", "description": "Only questions of this kind."},
    state={"enum": [*STATES, "any"], "description": "State; by default `open`."},
    source={"type": "string", "description": "Only questions about a record of this source."},
    mine={"type": "boolean", "description": "Only questions claimed by or assigned to the caller."},
    due={"type": "boolean", "description": "Only questions that are due or overdue."},
    burst={"type": "string", "description": "Only the questions of this burst."},
)
FORGET = build_json_body({"name": "due in the north"}, ("name",), name=_NAME)


class SavedViewOut(BaseModel):
    """Saved filters of the review queue."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})

    name: str = Field(description="Name among the caller's own views.")
    kind: str | None = Field(description="Only questions of this kind.")
    state: str = Field(description="`open`, `claimed`, `asleep`, `waiting`, `closed` or `any`.")
    source: str | None = Field(description="Only questions about a record of this source.")
    mine: bool = Field(description="Only questions claimed by or assigned to the caller.")
    due: bool = Field(description="Only questions that are due or overdue.")
    burst: str | None = Field(description="Only the questions of this burst.")
