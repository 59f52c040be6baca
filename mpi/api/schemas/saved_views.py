"""API schemas of saved views of the review queue."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from mpi.api.request.json_body import JsonBody
from mpi.service.review.queue import STATES
from mpi.service.review.saved_views import MAX_NAME_LENGTH

_EXAMPLE: dict[str, Any] = {
    "name": "due in the north",
    "kind": None,
    "state": "open",
    "source": "D01-SIS",
    "mine": False,
    "due": True,
    "burst": None,
}

_ViewName = Annotated[
    str,
    Field(
        description="Name of the view; an existing one is replaced.",
        json_schema_extra={"minLength": 1, "maxLength": MAX_NAME_LENGTH},
    ),
]


class SaveViewBody(
    JsonBody, json_schema_extra={"example": {"name": "due in the north", "source": "D01-SIS", "due": True}}
):
    """Filters of the review queue to save under a name."""

    name: _ViewName
    kind: str | None = Field(None, description="Only questions of this kind.")
    state: str | None = Field(
        None, description="State; by default `open`.", json_schema_extra={"enum": [*STATES, "any", None]}
    )
    source: str | None = Field(None, description="Only questions about a record of this source.")
    mine: StrictBool = Field(
        default=False, description="Only questions claimed by or assigned to the caller."
    )
    due: StrictBool = Field(default=False, description="Only questions that are due or overdue.")
    burst: str | None = Field(None, description="Only the questions of this burst.")


class ForgetViewBody(JsonBody, json_schema_extra={"example": {"name": "due in the north"}}):
    """Name of a view to delete."""

    name: _ViewName = Field(description="Name of the view.")


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
