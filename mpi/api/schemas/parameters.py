"""Path and query parameters of the API.

An unknown query parameter is refused: a misspelled ``as_of`` must not answer for the present.
"""

from typing import Annotated

from fastapi import Depends, Header, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from mpi.api.schemas.openapi_parts import EXAMPLE_EID
from mpi.service.persons.change_feed import MAX_EVENTS
from mpi.service.review.task_list import MAX_TASKS
from mpi.service.source_merges.listing import MAX_LISTED as MAX_LISTED_STATEMENTS
from mpi.service.source_merges.retired_ids import MAX_LISTED as MAX_LISTED_RETIRED
from mpi.service.stewardship.decisions import MAX_LISTED

_AS_OF = (
    "Answer for a past moment, in index time: an ISO 8601 date or time. A date is its first instant; "
    "without an offset it is UTC; in a URL `+` is written `%2B`."
)
_MOMENT = "2026-11-24T15:04:05Z"


class NoQuery(BaseModel):
    """Query without parameters; refuses unknown ones."""

    model_config = ConfigDict(extra="forbid")


class AsOfQuery(NoQuery):
    """Query for a past time."""

    as_of: str | None = Field(None, description=_AS_OF, examples=[_MOMENT])


class CrosswalkQuery(AsOfQuery):
    """Crosswalk query by record or by enterprise ID."""

    source: str | None = Field(None, description="Code of the record's source.", examples=["D01-SIS"])
    local_id: str | None = Field(None, description="The source's own ID of the record.", examples=["12345"])
    enterprise_id: str | None = Field(
        None, description="Return the records of this ID instead.", examples=[EXAMPLE_EID]
    )


class EventsQuery(NoQuery):
    """Query for a page of the change feed."""

    after: int = Field(0, ge=0, lt=2**63, description="`cursor` of the page before; 0 from the beginning.")
    limit: int = Field(100, ge=1, le=MAX_EVENTS, description="Approximate number of events.")


class TasksQuery(NoQuery):
    """Query for review tasks."""

    limit: int = Field(100, ge=1, le=MAX_TASKS, description="Maximum number of tasks.")


class DecisionsQuery(NoQuery):
    """Query for a page of decisions."""

    before: int | None = Field(
        None, ge=1, lt=2**63, description="`id` of the last decision of the page before."
    )
    limit: int = Field(100, ge=1, le=MAX_LISTED, description="Maximum number of decisions.")


async def _document_if_none_match(
    _: Annotated[
        str | None,
        Header(
            alias="If-None-Match",
            description="`ETag` of the answer that the caller has: if it is the same, 304 without a body.",
            examples=['"3f0c-91aa"'],
        ),
    ] = None,
) -> None:
    """Document the header, which the middleware reads."""


ConditionalRead = Depends(_document_if_none_match)
"""Dependency of a route whose answer has an ETag."""


class MergesQuery(NoQuery):
    """Query for a page of a source's statements about its local IDs."""

    before: int | None = Field(
        None, ge=1, lt=2**63, description="`number` of the last statement of the page before."
    )
    limit: int = Field(100, ge=1, le=MAX_LISTED_STATEMENTS, description="Maximum number of statements.")


class RetiredIdsQuery(NoQuery):
    """Query for a page of a source's retired enterprise IDs."""

    since: str | None = Field(
        None, description="Earliest time of retirement, ISO 8601.", examples=["2026-09-01"]
    )
    after: str | None = Field(None, description="`cursor` of the page before.")
    limit: int = Field(100, ge=1, le=MAX_LISTED_RETIRED, description="Maximum number of IDs.")


NoQueryDep = Annotated[NoQuery, Query()]
AsOfDep = Annotated[AsOfQuery, Query()]
CrosswalkDep = Annotated[CrosswalkQuery, Query()]
EventsDep = Annotated[EventsQuery, Query()]
DecisionsDep = Annotated[DecisionsQuery, Query()]
MergesDep = Annotated[MergesQuery, Query()]
RetiredIdsDep = Annotated[RetiredIdsQuery, Query()]
NumberDep = Annotated[int, Path(ge=1, lt=2**63, description="Number of the resource.", examples=[12])]
TasksDep = Annotated[TasksQuery, Query()]
SourceDep = Annotated[str, Path(description="Code of the source.", examples=["D01-SIS"])]
EidDep = Annotated[
    str,
    Path(description="An enterprise ID; case, hyphens and spaces do not matter.", examples=[EXAMPLE_EID]),
]
