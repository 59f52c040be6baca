"""API schemas of sources and of what they state about local IDs."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from mpi.api.request.json_body import JsonBody
from mpi.api.schemas.openapi_parts import EXAMPLE_EID, EXAMPLE_TIME, EnterpriseId
from mpi.api.schemas.request_bodies import OptionalDate, OptionalReason, Preview
from mpi.domain.errors import InputError
from mpi.domain.source import Holdings, SourceKind
from mpi.domain.source_merge import MergeKind, MergeStatement

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
    "retired": False,
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
    retired: bool = Field(description="Whether it sends nothing any more.")


class RenameSourceBody(JsonBody, json_schema_extra={"example": {"display_name": "Lake County Schools"}}):
    """Another name of a source."""

    display_name: str = Field(
        description="Name for people; the code stays.", json_schema_extra={"minLength": 1, "maxLength": 200}
    )


class RetireSourceBody(JsonBody, json_schema_extra={"example": {"retired": True, "preview": True}}):
    """Whether a source is retired."""

    retired: StrictBool = Field(default=True, description="`false`: take its records again.")
    preview: Preview = False


class RetirementOut(BaseModel):
    """What the retirement of a source does; its records are kept."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "code": "D01-SIS",
                "retired": True,
                "refused": ["records", "loads", "pulls"],
                "still_taken": ["withdrawals", "seals", "expunge-requests"],
                "unfinished_loads": [],
                "preview": False,
            }
        }
    )

    code: str = Field(description="Code of the source.")
    retired: bool = Field(description="Whether it is retired; in a preview, whether it is at present.")
    refused: list[str] = Field(description="What is not taken of a retired source.")
    still_taken: list[str] = Field(description="What is still taken of a retired source.")
    unfinished_loads: list[int] = Field(
        description="Loads of it that are at work or interrupted. It is retired only once they have ended."
    )
    preview: bool = Field(description="Whether nothing was changed.")


class PausedOut(BaseModel):
    """Result of pausing or resuming sources."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"sources": ["D01-SIS"], "paused": False, "resolved": 12, "moved": 3}}
    )

    sources: list[str] = Field(description="Codes of the sources.")
    paused: bool = Field(description="Whether new records are held.")
    resolved: int = Field(description="Number of records whose held statements took effect.")
    moved: int = Field(description="Number of records that moved to another person.")


class MergeStatementBody(JsonBody):
    """What a source states about one or two of its local IDs."""

    kind: str = Field(
        MergeKind.MERGE,
        description="`merge`: the old local ID is the new one now. `split`: two that were merged are two "
        "again. `reuse`: the old local ID was used for two children.",
    )
    old_local_id: str = Field(description="The local ID that was merged, split or used twice.")
    new_local_id: str | None = Field(None, description="The other local ID; left out for `reuse`.")
    date: OptionalDate = Field(None, description="Day on which it happened at the source; today by default.")


MAX_MERGES = 1000


class MergesBody(
    JsonBody,
    json_schema_extra={
        "example": {
            "merges": [{"old_local_id": "12345", "new_local_id": "67890", "date": "2026-03-02"}],
            "preview": True,
        }
    },
):
    """Merges, splits and reuses that a source states, all or nothing."""

    merges: list[MergeStatementBody] = Field(description=f"1 to {MAX_MERGES:,} statements, in any order.")
    reason: OptionalReason = None
    preview: Preview = False

    def build_statements(self) -> list[MergeStatement]:
        """Build the statements, each with its place in the body.

        Raises:
            InputError: there are more than one call may hold.
        """
        if len(self.merges) > MAX_MERGES:
            raise InputError(f"merges: give at most {MAX_MERGES:,} statements a call")
        return [
            MergeStatement(
                kind=body.kind,
                old_local_id=body.old_local_id,
                new_local_id=body.new_local_id,
                date=body.date,
                place=f"merges[{number}]",
            )
            for number, body in enumerate(self.merges)
        ]


class MergesStatedOut(BaseModel):
    """Result of what a source stated about its local IDs."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "source": "D01-SIS",
                "step": 14,
                "new": 1,
                "stated": [31],
                "unchanged": 0,
                "undone": 0,
                "refused": [],
                "moved": 1,
                "preview": False,
            }
        }
    )

    source: str = Field(description="Code of the source.")
    step: int | None = Field(description="Step number, for an undo; null if nothing was stored.")
    new: int = Field(description="Number of statements that are new.")
    stated: list[int] = Field(description="Numbers of the new statements; empty in a preview.")
    unchanged: int = Field(description="Number of statements that were made before.")
    undone: int = Field(description="Number of statements that a person undid; they are not made again.")
    refused: list[str] = Field(description="Places of statements about a sealed or destroyed record.")
    moved: int = Field(description="Number of records that changed person, of those that the caller may see.")
    preview: bool = Field(description="Whether nothing was changed.")


class MergeStatementOut(BaseModel):
    """What a source stated about its local IDs."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "number": 31,
                "kind": "merge",
                "old_local_id": "12345",
                "new_local_id": "67890",
                "date": "2026-03-02",
                "status": "in_force",
                "stated_at": EXAMPLE_TIME,
                "stated_by": "d01-feed",
                "ended_at": None,
            }
        }
    )

    number: int = Field(description="Number of the statement, in the numbering of decisions.")
    kind: str = Field(description="`merge`, `split` or `reuse`.")
    old_local_id: str = Field(description="The local ID that was merged, split or used twice.")
    new_local_id: str | None = Field(description="The other local ID; null for `reuse`.")
    date: str = Field(description="Day on which it happened at the source.")
    status: str = Field(
        description="`in_force`, `superseded` by a later statement, `review` if a steward is asked, "
        "`taken_back` by the source, or `undone` by a person."
    )
    stated_at: str = Field(description="When it was received.")
    stated_by: str = Field(description="Client or account that stated it.")
    ended_at: str | None = Field(description="When it ended; null while it counts.")


class MergeTakenBackOut(BaseModel):
    """Result of taking back what a source stated."""

    model_config = ConfigDict(json_schema_extra={"example": {"source": "D01-SIS", "number": 31, "moved": 1}})

    source: str = Field(description="Code of the source.")
    number: int = Field(description="Number of the statement.")
    moved: int = Field(description="Number of records that changed person, of those that the caller may see.")


class RetiredIdOut(BaseModel):
    """Enterprise ID that a source was given and that is retired now."""

    enterprise_id: EnterpriseId = Field(description="The retired ID.")
    retired_at: str = Field(description="When it was retired for this source.")
    now: list[EnterpriseId] = Field(
        description="IDs that hold its last records of this source today: one, several, or none."
    )
    local_ids: list[str] = Field(description="Local IDs of these records.")


class RetiredIdPageOut(BaseModel):
    """Page of a source's retired enterprise IDs, oldest first."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "source": "D01-SIS",
                "cursor": None,
                "retired": [
                    {
                        "enterprise_id": EXAMPLE_EID,
                        "retired_at": EXAMPLE_TIME,
                        "now": ["T8EB-2Z47-N10V"],
                        "local_ids": ["12345"],
                    }
                ],
            }
        }
    )

    source: str = Field(description="Code of the source.")
    cursor: str | None = Field(description="`after` of the next page; null at the end.")
    retired: list[RetiredIdOut] = Field(description="The retired IDs.")
