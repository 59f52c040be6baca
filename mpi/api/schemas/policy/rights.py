"""API schemas of rights cases."""

from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from mpi.api.request.json_body import JsonBody
from mpi.policy.cases.subject_rights import (
    MAX_STATEMENT_LENGTH,
    MAX_TEXT_LENGTH,
    CaseKind,
    Check,
    Identification,
    RefusalReason,
    Relation,
    RightsState,
)
from mpi.service.agreements.documents import Day
from mpi.service.rights.subject_report import NOTICES
from mpi.service.statements.boundary_orders import MAX_REFERENCE_LENGTH

_CODE = "5be1c0a9d274"
_TEXT: dict[str, Any] = {"minLength": 1, "maxLength": MAX_TEXT_LENGTH}
_REQUEST: dict[str, Any] = {
    "kind": "inspect",
    "source": "D01-SIS",
    "local_id": "12345",
    "relation": "parent",
    "identification": "photo_id",
    "identified_by": "R. Registrar",
    "reference": "SR-2026-17",
    "received": "2026-11-20",
    "owner": "Records office",
}

RightsCodeDep = Annotated[str, Path(description="Code of the case.", examples=[_CODE])]


class RightsRequestBody(JsonBody, json_schema_extra={"example": _REQUEST}):
    """A request as received, whose texts name no parent and child."""

    kind: CaseKind = Field(description="`inspect` a record, or `amend` one.")
    source: str = Field(description="Code of the source whose record it names.")
    local_id: str = Field(description="Local ID of the record.")
    relation: Relation = Field(description="Who asks: `parent`, `student`, `acting_parent` or `agency`.")
    identification: Identification = Field(
        description="How it was made sure: `photo_id`, `known_to_staff`, `notarized` or `court_order`."
    )
    identified_by: str = Field(description="Name of the person who made sure.", json_schema_extra=_TEXT)
    reference: str = Field(
        description="Number under which the paper is filed, with a digit and without any personal data.",
        json_schema_extra={"minLength": 1, "maxLength": MAX_REFERENCE_LENGTH},
    )
    received: Day = Field(description="Day on which it was received.")
    owner: str = Field(description="Person or office that answers for the case.", json_schema_extra=_TEXT)
    field: str | None = Field(default=None, description="Field that is to be amended; with `amend` only.")
    wanted: str | None = Field(
        default=None,
        description="The change that is asked for; with `amend` only.",
        json_schema_extra={"maxLength": MAX_STATEMENT_LENGTH},
    )


class RightsReleaseBody(
    JsonBody,
    json_schema_extra={
        "example": {"checks": ["identity", "rights", "protection"], "released_by": "P. Officer"}
    },
):
    """What the second person attests, and who it is."""

    checks: tuple[Check, ...] = Field(
        description="`identity`, `rights` and `protection` are needed, and `age` if no record tells it."
    )
    released_by: str = Field(description="Name of who releases the report.", json_schema_extra=_TEXT)


class RightsRefusalBody(
    JsonBody, json_schema_extra={"example": {"reason": "not_entitled", "decided_by": "P. Officer"}}
):
    """A refusal. The letter tells no reason."""

    reason: RefusalReason = Field(description="Why; kept with the case.")
    decided_by: str = Field(description="Name of who decides.", json_schema_extra=_TEXT)


class RightsGrantBody(JsonBody, json_schema_extra={"example": {"decided_by": "P. Officer"}}):
    """A granted request to amend."""

    decided_by: str = Field(description="Name of who decides.", json_schema_extra=_TEXT)


class HearingRequestBody(JsonBody, json_schema_extra={"example": {}}):
    """That a hearing was asked for today."""


class HearingBody(JsonBody, json_schema_extra={"example": {"officer": "H. Officer", "amends": False}}):
    """The decision of a hearing."""

    officer: str = Field(description="Name of who held the hearing.", json_schema_extra=_TEXT)
    amends: StrictBool = Field(description="Whether the record is to be amended.")


class StatementBody(JsonBody, json_schema_extra={"example": {"statement": "She skipped fifth grade."}}):
    """A person's statement about the record."""

    statement: str = Field(
        description="What the person wrote.",
        json_schema_extra={"minLength": 1, "maxLength": MAX_STATEMENT_LENGTH},
    )


class RightsCaseOut(BaseModel):
    """A rights case with what became of it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "code": _CODE,
                "state": "open",
                **_REQUEST,
                "field": None,
                "wanted": None,
                "statement": None,
                "opened_by": "records-office",
                "clock": "inspection",
                "due": "2027-01-04",
                "days_left": 36,
                "notice": None,
                "letter": None,
                "steps": [],
            }
        }
    )

    code: str = Field(description="Code of the case.")
    kind: CaseKind = Field(description="`inspect` or `amend`.")
    state: RightsState = Field(description="State of the case.")
    source: str = Field(description="Code of the source whose record it names.")
    local_id: str | None = Field(description="Local ID of the record; null where it is no longer there.")
    received: str = Field(description="Day on which it was received.")
    relation: Relation = Field(description="Who asks.")
    identification: Identification = Field(description="How it was made sure who asks.")
    identified_by: str = Field(description="Who made sure.")
    reference: str = Field(description="Number under which the paper is filed.")
    owner: str = Field(description="Person or office that answers for the case.")
    field: str | None = Field(description="Field that is to be amended.")
    wanted: str | None = Field(description="The change that is asked for.")
    statement: str | None = Field(description="The statement attached to the record.")
    opened_by: str = Field(description="Who opened the case.")
    clock: str | None = Field(description="The clock that runs.")
    due: str | None = Field(description="Last day of the clock.")
    days_left: int | None = Field(description="Days until then, negative afterwards.")
    notice: int | None = Field(description="The warning that is due: 14, 7 or 1 days, 0 if it is late.")
    letter: str | None = Field(description="Letter about a refusal, the same for every reason.")
    steps: list[dict[str, Any]] = Field(description="What persons did with the case, oldest first.")


class ReportedItemOut(BaseModel):
    """An item of a child in care that a record's source states."""

    kind: str = Field(description="What it is, such as `best_interest_decision`.")
    as_of: str = Field(description="Latest day for which the source stated it.")
    values: dict[str, str] = Field(description="The values that may be inspected, by column of the file.")


class ReportedRecordOut(BaseModel):
    """A record of the child in a report."""

    source: str = Field(description="Code of its source.")
    agency: str = Field(description="Agency that keeps it.")
    local_id: str = Field(description="Its local ID.")
    law: str = Field(description="The law that lets it be inspected.")
    values: dict[str, Any] = Field(description="The fields that may be inspected and have a value.")
    statements: list[str] = Field(description="Statements attached to it.")
    items: list[ReportedItemOut] = Field(description="Items of a child in care that its source states.")


class ReportedDisclosureOut(BaseModel):
    """A disclosure of the child's records in a report."""

    day: str = Field(description="Day on which the answer left.")
    receiver: str = Field(description="Agency that received it.")
    purpose: str | None = Field(description="Purpose of use.")
    agreement: str | None = Field(description="Agreement that the receiver acted under.")
    in_list: bool = Field(description="Whether the child may have been in a list of many children.")
    fields: list[str] = Field(description="Inspected fields that the answer held.")


class SubjectReportOut(BaseModel):
    """What is linked to a child, and who received it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "code": _CODE,
                "source": "D01-SIS",
                "released_on": "2026-11-29",
                "released_by": "P. Officer",
                "records": [
                    {
                        "source": "D01-SIS",
                        "agency": "D01-SIS",
                        "local_id": "12345",
                        "law": "FERPA, 34 CFR 99.10",
                        "values": {"first_name": "Amara", "grade": "05"},
                        "statements": [],
                        "items": [
                            {
                                "kind": "best_interest_decision",
                                "as_of": "2026-11-28",
                                "values": {"best_interest_decision": "stay"},
                            }
                        ],
                    }
                ],
                "disclosures": [],
                "notices": list(NOTICES),
            }
        }
    )

    code: str = Field(description="Code of the case.")
    source: str = Field(description="Code of the source to which the request was made.")
    released_on: str = Field(description="Day of the release.")
    released_by: str = Field(description="Who released it.")
    records: list[ReportedRecordOut] = Field(description="The records, the asked one first.")
    disclosures: list[ReportedDisclosureOut] = Field(description="Disclosures, newest first.")
    notices: list[str] = Field(description="Sentences that stand on every report.")
