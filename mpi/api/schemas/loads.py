"""API schemas of file loads: receipts, rejected rows, previews and undo."""

from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from mpi.api.schemas.decisions import ReceivedOut
from mpi.api.schemas.openapi_parts import EXAMPLE_TIME
from mpi.api.schemas.parameters import NoQuery

_COUNTS: dict[str, Any] = {
    "received": 1201,
    "created": 14,
    "updated": 3,
    "unchanged": 1183,
    "withdrawn": 0,
    "history": 0,
    "superseded": 0,
    "held": 0,
    "rejected": 1,
    "dropped": 0,
}
_LOAD: dict[str, Any] = {
    "number": 4,
    "source": "D01-SIS",
    "status": "loaded",
    "snapshot": "delta",
    "at": EXAMPLE_TIME,
    "by": "d01-nightly",
    "as_of": EXAMPLE_TIME,
    "counts": _COUNTS,
    "hides_outcomes": False,
    "may_undo": True,
}
_REJECT: dict[str, Any] = {
    "line": 17,
    "offset": 2204,
    "field": "birth_date",
    "reason": "invalid-date",
    "detail": "give a date as YYYY-MM-DD",
}
_COUNTS_TEXT = (
    "Rows by outcome; `received` is the sum of the others. Where outcomes tell who is in care, only "
    "`received` and `rejected` of the file's rows, and none until the load is complete."
)


class RejectOut(BaseModel):
    """Rejected row of a file, without its text."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"example": _REJECT})

    line: int = Field(description="Line of the file.")
    offset: int | None = Field(description="Byte of the file at which the row begins, if known.")
    field: str | None = Field(description="The canonical field; null for the row as a whole.")
    reason: str = Field(description="Stable code of the reason.")
    detail: str = Field(description="What is wrong; holds no value.")


class NamedRejectOut(RejectOut):
    """Rejected row of a file, with its local ID alone."""

    model_config = ConfigDict(
        from_attributes=True, json_schema_extra={"example": _REJECT | {"local_id": "70001"}}
    )

    local_id: str | None = Field(
        description="Local ID of the row; null if it has none that can be read, or the caller may not list "
        "the source's records."
    )


class LoadOut(BaseModel):
    """Load of a file."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"example": _LOAD})

    number: int = Field(description="Number of the load.")
    source: str = Field(description="Source of the file.")
    status: str = Field(description="`loaded`, `loading`, `held`, `undoing` or `undone`.")
    snapshot: str = Field(description="`full` or `delta`.")
    at: str = Field(description="When it was loaded.")
    by: str = Field(description="Who loaded it.")
    as_of: str | None = Field(description="When the file was true at its source, if known.")
    counts: dict[str, int] = Field(description=_COUNTS_TEXT)
    hides_outcomes: bool = Field(description="Whether outcomes are left out, since they tell who is in care.")
    may_undo: bool = Field(description="Whether the load can be undone now.")


class LoadReceiptOut(BaseModel):
    """Receipt of the load of a file."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "entry": _LOAD,
                "held_reason": None,
                "undone_at": None,
                "undone_by": None,
                "issues": {"birth_date:implausible": 2},
                "rejects": [_REJECT],
                "reject_count": 1,
                "spared": 0,
                "newer": 0,
            }
        },
    )

    entry: LoadOut = Field(description="The load.")
    held_reason: str | None = Field(description="Why a guard held it; null if none did.")
    undone_at: str | None = Field(description="When its undo began.")
    undone_by: str | None = Field(description="Who began the undo.")
    issues: dict[str, int] | None = Field(
        description="Records by field and code of a quality issue; null for an old load."
    )
    rejects: list[RejectOut] = Field(description="The first 100 rejected rows.")
    reject_count: int = Field(description="All rejected rows.")
    spared: int | None = Field(
        description="Absent records that stay, as a row without a readable local ID may be theirs; null "
        "where it would tell who is in care, and for an old load."
    )
    newer: int | None = Field(
        description="Absent records that stay, as their source stated them later than the file; null "
        "where it would tell who is in care, and for an old load."
    )


class DryRunReportOut(BaseModel):
    """What the load of a file would do."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "status": "loaded",
                "held_reason": None,
                "counts": _COUNTS,
                "spared": 0,
                "newer": 0,
                "sealed": 0,
                "bands": {"LINK": 12, "REVIEW": 1, "NON_LINK": 4},
                "issues": {},
                "rejects": [_REJECT],
            }
        }
    )

    status: str = Field(description="`loaded`, or `held` if a guard would hold it.")
    held_reason: str | None = Field(description="Why a guard would hold it; null if none would.")
    counts: dict[str, int] = Field(description=_COUNTS_TEXT)
    spared: int | None = Field(
        description="Absent records that would stay, as an unreadable row may be theirs; null where it would "
        "tell who is in care."
    )
    newer: int | None = Field(
        description="Absent records that would stay, as their source stated them later than the file; null "
        "where it would tell who is in care, and for an old dry run."
    )
    sealed: int | None = Field(
        description="Active records that would be sealed or expunged, which stays; null where it would tell "
        "who is in care."
    )
    bands: dict[str, int] | None = Field(
        description="New and changed records by band of their best match; null unless the caller may see all."
    )
    issues: dict[str, int] = Field(description="Records by field and code of a quality issue.")
    rejects: list[RejectOut] = Field(description="The first 100 rejected rows.")


class LoadsQuery(NoQuery):
    """Query for a page of loads."""

    source: str | None = Field(None, description="Only loads of this source.", examples=["D01-SIS"])
    before: int | None = Field(
        None, ge=1, lt=2**63, description="`number` of the last load of the page before."
    )


LoadsDep = Annotated[LoadsQuery, Query()]
LOAD_REQUEST: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "title": "LoadForm",
                    "type": "object",
                    "required": ["file"],
                    "additionalProperties": False,
                    "properties": {
                        "file": {
                            "type": "string",
                            "contentMediaType": "application/octet-stream",
                            "description": "The file, with its name.",
                        },
                        "mapping": {
                            "type": "string",
                            "description": "Name of a shipped mapping, or the file of a mapping.",
                        },
                        "format": {
                            "type": "string",
                            "description": "Format, if the file's name does not tell it.",
                        },
                        "sheet": {
                            "type": "string",
                            "description": "Sheet of a workbook that has several.",
                        },
                        "where": {
                            "type": "array",
                            "items": {"type": "string"},
                            "description": "`COLUMN=VALUE`: only rows whose column has this text.",
                        },
                        "snapshot": {
                            "type": "string",
                            "enum": ["full", "delta"],
                            "description": "`full` withdraws records that the file lacks.",
                        },
                        "as_of": {
                            "type": "string",
                            "description": "When the file was true at its source (ISO 8601); now by default.",
                        },
                        "confirm": {
                            "type": "string",
                            "enum": ["true", "false"],
                            "description": "Load the file even if a guard holds it.",
                        },
                        "dry_run": {
                            "type": "string",
                            "enum": ["true", "false"],
                            "description": "Tell what the load would do, and store nothing.",
                        },
                    },
                },
                "example": {"file": "local_id,first_name,last_name\n1,Amara,Okonkwo\n", "snapshot": "delta"},
            }
        },
    }
}
"""Request body of the route that loads a file, for OpenAPI."""


class LoadUndoneOut(BaseModel):
    """Effect of undoing a load, or its preview."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "batch": 4,
                "source": "D01-SIS",
                "preview": False,
                "step": 9,
                "stated": 1200,
                "restored": 1185,
                "removed": 3,
                "moved": 12,
                "persons": {"kept": 4, "retired": 1, "revived": 5},
                "told": ["district-01"],
                "disclosed": 0,
                "disclosures": [],
            }
        }
    )

    batch: int = Field(description="Number of the load.")
    source: str = Field(description="Source of the load.")
    preview: bool = Field(description="Whether this is a preview, which changes nothing.")
    step: int | None = Field(description="Step number; null in a preview.")
    stated: int | None = Field(
        description="Records that the load stated something about; null, as the other numbers, where they "
        "tell who is in care."
    )
    restored: int | None = Field(description="Records that go back to another statement.")
    removed: int | None = Field(description="Records that become inactive.")
    moved: int | None = Field(
        description="Records that move to another person, of those that the caller may see."
    )
    persons: dict[str, int] = Field(description="Number of persons by kind of change.")
    told: list[str] = Field(description="Clients that see the change in the feed.")
    disclosed: int | None = Field(
        description="Number of disclosures due to the removed links; null unless the client has all sources."
    )
    disclosures: list[ReceivedOut] = Field(
        description="Latest disclosures, newest first; only with scope `disclosure.read` on all sources."
    )
