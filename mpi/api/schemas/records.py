"""API schemas of records: upsert, withdrawal, re-key, bulk upsert, requests to expunge."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from mpi.api.request.json_body import JsonBody
from mpi.api.schemas.decisions import ReceivedOut
from mpi.api.schemas.openapi_parts import EXAMPLE_EID, EXAMPLE_TIME, EnterpriseId, build_schema_ref
from mpi.api.schemas.problem import ProblemOut
from mpi.api.schemas.request_bodies import Preview, ReasonBody
from mpi.domain.record import SENT_FIELDS
from mpi.service.records.upsert_result import Outcome
from mpi.service.statements.boundary_orders import MAX_REFERENCE_LENGTH
from mpi.service.stewardship.expunge_requests import MAX_RECORDS

CHILD: dict[str, Any] = {
    "first_name": "Amara",
    "middle_name": "Grace",
    "last_name": "Okonkwo",
    "birth_date": "2014-03-09",
    "sex": "F",
    "address_line1": "412 Larkspur Ave Apt 3",
    "city": "Dayton",
    "state": "OH",
    "postal_code": "45402",
    "guardian_first_name": "Ngozi",
    "guardian_last_name": "Okonkwo",
    "guardian_relationship": "mother",
    "school_id": "1042",
    "district_id": "D01",
    "grade": "05",
    "entry_date": "2026-08-24",
    "flags": [{"population": "foster_care", "value": "Y", "definition": "ESSA", "begin": "2026-09-02"}],
    "as_of": "2026-11-24T06:00:00Z",
}
"""Example of a canonical record, about an invented child."""


RECORD_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "title": "CanonicalRecord",
    "description": (
        "A canonical record, whole: a field left out is gone. All fields are optional; an unknown one is "
        "refused. Fields are described in docs/canonical-record.md."
    ),
    "properties": {name: {} for name in SENT_FIELDS}
    | {
        "same_as": {
            "type": ["string", "null"],
            "description": "Enterprise ID that the record belongs to, according to its source.",
        },
        "not": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Enterprise IDs that the record does not belong to.",
        },
    },
    "additionalProperties": False,
}


def build_record_body(example: dict[str, Any], description: str) -> dict[str, Any]:
    """Build the OpenAPI request body with one canonical record."""
    schema = build_schema_ref(str(RECORD_SCHEMA["title"]))
    content = {"application/json": {"schema": schema, "example": example}}
    return {"requestBody": {"required": True, "description": description, "content": content}}


class IssueOut(BaseModel):
    """Quality issue of a record that was accepted all the same."""

    field: str = Field(description="The canonical field.", examples=["birth_date"])
    code: str = Field(description="Code of the issue, such as `future-date`.", examples=["future-date"])


class ResolvedOut(BaseModel):
    """Result of an upsert: outcome and present enterprise ID."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "source": "D01-SIS",
                "local_id": "12345",
                "enterprise_id": EXAMPLE_EID,
                "outcome": "linked",
                "record": "created",
                "provisional": False,
                "tasks": [],
                "issues": [],
                "pending": False,
            }
        }
    )

    source: str = Field(description="Code of the record's source.")
    local_id: str = Field(description="The source's own ID of the record.")
    enterprise_id: EnterpriseId | None = Field(description="The person's ID; null for an inactive record.")
    outcome: Outcome = Field(description="Effect on the record's identity.")
    record: str = Field(description="Effect on the record: `created`, `updated`, `unchanged`, `history`, …")
    provisional: bool = Field(
        description="Whether the ID may still change: by a steward's answer, or because it is pending."
    )
    pending: bool = Field(
        default=False,
        description="Whether the comparison is unfinished, because many records share a blocking key. It "
        "ends within seconds; an event with the cause `settled` tells that the ID is final.",
    )
    tasks: list[str] = Field(description="Keys of the review tasks about the record.")
    issues: list[IssueOut] = Field(description="Quality issues of the values sent.")


class WithdrawnOut(ResolvedOut):
    """Result of withdrawing a record."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "source": "D01-SIS",
                "local_id": "12345",
                "enterprise_id": None,
                "outcome": "withdrawn",
                "record": "withdrawn",
                "provisional": False,
                "tasks": [],
                "issues": [],
                "pending": False,
                "disclosed": 0,
                "disclosures": [],
            }
        }
    )

    disclosed: int | None = Field(
        description="Number of disclosures due to the removed links; null unless the client has all sources."
    )
    disclosures: list[ReceivedOut] = Field(
        description="Latest disclosures, newest first; only with scope `disclosure.read` on all sources."
    )


class RekeyBody(ReasonBody, json_schema_extra={"example": {"to": "D01-2027-12345", "reason": "new-sis"}}):
    """New local ID of a record."""

    to: str = Field(description="The new local ID.")


class SeparateBody(
    ReasonBody, json_schema_extra={"example": {"to": "12345-B", "reason": "shared-id", "preview": True}}
):
    """New local ID of the second child who shares a local ID."""

    to: str = Field(description="The new local ID, which no record has.")
    preview: Preview = False


class RekeyedOut(BaseModel):
    """Result of replacing local IDs."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"source": "D01-SIS", "step": 14, "rekeyed": 1, "review": [], "unknown": []}
        }
    )

    source: str = Field(description="The records' source.")
    step: int | None = Field(description="Step number, for an undo.")
    rekeyed: int = Field(description="Number of records with their new ID.")
    review: list[str] = Field(
        description="New IDs that another record has: each becomes a claim with a task."
    )
    unknown: list[str] = Field(description="Old IDs that no record has.")


class RecordOut(BaseModel):
    """Record as its source last stated it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "source": "D01-SIS",
                "local_id": "12345",
                "state": "active",
                "enterprise_id": EXAMPLE_EID,
                "record": {"local_id": "12345", **CHILD},
                "withheld": [],
                "issues": [],
            }
        }
    )

    source: str = Field(description="Code of the record's source.")
    local_id: str = Field(description="The source's own ID of the record.")
    state: Literal["active", "withdrawn", "held", "aside"] = Field(
        description="State; only an active record is compared. A steward's correction is `aside`."
    )
    enterprise_id: EnterpriseId | None = Field(
        description="The person's ID; null while the record is inactive."
    )
    record: dict[str, Any] = Field(
        description="Canonical record with flat columns filled; never an SSN, which is not stored."
    )
    withheld: list[str] = Field(
        description="Fields not shown, whether or not they have a value, because a record of the child has a "
        "confidential address or a protective order and the client is not named for this record's source."
    )
    issues: list[IssueOut] = Field(description="Quality issues of the record's values.")
    statements: list[str] | None = Field(
        default=None,
        description="What a parent or student attached to a value of the record; left out where nothing is.",
    )


class BulkAnswerOut(BaseModel):
    """Answer to one line: the result of an upsert, or its `problem`."""

    model_config = ConfigDict(extra="allow")

    line: int = Field(description="Number of the line, from 1.")
    source: str | None = Field(None, description="Source that the line named.")
    local_id: str | None = Field(None, description="Local ID that the line named.")
    problem: ProblemOut | None = Field(None, description="Why the line was refused.")


_BULK_REQUEST_EXAMPLE = (
    '{"source":"D01-SIS","local_id":"12345","first_name":"Amara","last_name":"Okonkwo","birth_date":"2014-03-09"}\n'
    '{"source":"D01-SIS","local_id":"12346","restrictions":[{"kind":"secret"}]}\n'
)
_BULK_RESPONSE_EXAMPLE = (
    '{"line":1,"source":"D01-SIS","local_id":"12345","enterprise_id":"' + EXAMPLE_EID + '",'
    '"outcome":"created","record":"created","provisional":false,"tasks":[],"issues":[],"pending":false}\n'
    '{"line":2,"source":"D01-SIS","local_id":"12346","problem":{"type":"urn:mpi:problem:invalid-record",'
    '"title":"The record is refused","status":422,"detail":"restrictions: kind must be one '
    'of address_confidential, expunged, opt_out, protective_order, sealed",'
    '"field":"restrictions","reason":"unknown-code"}}\n'
)
_NDJSON = "application/x-ndjson"

BULK_REQUEST: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "One canonical record with its `source` a line, up to 50,000 lines of 1 MB.",
        "content": {_NDJSON: {"schema": {"type": "string"}, "example": _BULK_REQUEST_EXAMPLE}},
    }
}
BULK_RESPONSE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "One answer a line, in order.",
        "content": {
            _NDJSON: {
                "schema": build_schema_ref(BulkAnswerOut.__name__),
                "example": _BULK_RESPONSE_EXAMPLE,
            }
        },
    }
}


class ExpungeAnswerBody(JsonBody, json_schema_extra={"example": {"source": "CCWIS", "local_ids": ["C-17"]}}):
    """Records whose requests are answered."""

    source: str = Field(description="Code of the records' source.")
    local_ids: tuple[str, ...] = Field(
        description="Local IDs of the records.",
        json_schema_extra={"minItems": 1, "maxItems": MAX_RECORDS},
    )


class ExpungeRequestOut(BaseModel):
    """Record whose expunge waits for a second person's approval."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "source": "CCWIS",
                "local_id": "C-17",
                "requested_by": "ccwis-feed",
                "requested_at": EXAMPLE_TIME,
            }
        }
    )

    source: str = Field(description="Code of the record's source.")
    local_id: str = Field(description="The source's own ID of the record.")
    requested_by: str = Field(description="Client that sent the expunge.")
    requested_at: str = Field(description="When it was received.")


class UnsealRequestBody(
    JsonBody,
    json_schema_extra={"example": {"source": "CCWIS", "local_ids": ["C-17"], "reference": "26-JV-0412"}},
):
    """Records whose seal a court order lifts."""

    source: str = Field(description="Code of the records' source.")
    local_ids: tuple[str, ...] = Field(
        description="Local IDs of the records.",
        json_schema_extra={"minItems": 1, "maxItems": MAX_RECORDS},
    )
    reference: str = Field(
        description="The court order's own number, with a digit and without any personal data.",
        json_schema_extra={"minLength": 1, "maxLength": MAX_REFERENCE_LENGTH},
    )


class UnsealRequestOut(BaseModel):
    """Record whose seal a second person has yet to lift."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "source": "CCWIS",
                "local_id": "C-17",
                "reference": "26-JV-0412",
                "requested_by": "ccwis-counsel",
                "requested_at": EXAMPLE_TIME,
            }
        }
    )

    source: str = Field(description="Code of the record's source.")
    local_id: str = Field(description="The source's own ID of the record.")
    reference: str = Field(description="The court order's own number.")
    requested_by: str = Field(description="Client that asked.")
    requested_at: str = Field(description="When it asked.")


class UnsealAnswerOut(BaseModel):
    """Result of a request to lift seals, or of its answer."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"source": "CCWIS", "answer": "approved", "records": 1}}
    )

    source: str = Field(description="Code of the records' source.")
    answer: Literal["asked", "approved", "refused"] = Field(description="What was done.")
    records: int = Field(description="Number of records.")


class ExpungeAnswerOut(BaseModel):
    """Result of answering requests to expunge records."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"source": "CCWIS", "answer": "approved", "records": 1}}
    )

    source: str = Field(description="Code of the records' source.")
    answer: Literal["approved", "refused"] = Field(description="The answer.")
    records: int = Field(description="Number of records.")
