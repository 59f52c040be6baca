"""Saved views as callers see and send them."""

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
    name={**_NAME, "description": "Names it; one of that name is replaced."},
    kind={"type": "string", "description": "Only questions of this kind."},
    state={"enum": [*STATES, "any"], "description": "`open` where it is left out."},
    source={"type": "string", "description": "Only where a record is of this source."},
    mine={"type": "boolean", "description": "Only what the caller has claimed or is to do."},
    due={"type": "boolean", "description": "Only what is due today or was due before."},
    burst={"type": "string", "description": "Only those that this burst stands for."},
)
FORGET = build_json_body({"name": "due in the north"}, ("name",), name=_NAME)


class SavedViewOut(BaseModel):
    """Filters of the queue under a name."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})

    name: str = Field(description="Names it among the caller's own.")
    kind: str | None = Field(description="Only questions of this kind.")
    state: str = Field(description="`open`, `claimed`, `asleep`, `waiting`, `closed` or `any`.")
    source: str | None = Field(description="Only where a record is of this source.")
    mine: bool = Field(description="Only what the caller has claimed or is to do.")
    due: bool = Field(description="Only what is due today or was due before.")
    burst: str | None = Field(description="Only those that this burst stands for.")
