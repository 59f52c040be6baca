"""API schemas of consents to disclose single records."""

from datetime import date
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field

from mpi.api.request.json_body import JsonBody
from mpi.api.schemas.parameters import NoQuery
from mpi.policy.cases.consent import Signer
from mpi.service.agreements.documents import Day
from mpi.service.statements.boundary_orders import MAX_REFERENCE_LENGTH

_SIGNED: dict[str, Any] = {
    "agreement": "dsa-2026-02",
    "recipient": "agency",
    "purposes": ["case_planning"],
    "fields": ["grade", "enrollments"],
    "signer": "parent",
    "signed": "2026-11-20",
    "ends": "2027-06-30",
    "reference": "CF-2026-0417",
}
_CODE = "5c1ad0e942b7"

ConsentCodeDep = Annotated[str, Path(description="Code of the consent.", examples=[_CODE])]


class RecordQuery(NoQuery):
    """Query for the consents about one record."""

    source: str = Field(description="Code of the record's source.", examples=["D01-SIS"])
    local_id: str = Field(description="Local ID of the record.", examples=["12345"])


RecordQueryDep = Annotated[RecordQuery, Query()]


class DisclosureConsentBody(
    JsonBody, json_schema_extra={"example": {"source": "D01-SIS", "local_id": "12345", **_SIGNED}}
):
    """A signed consent of a parent, or of a student of 18."""

    source: str = Field(description="Code of the record's source.")
    local_id: str = Field(description="Local ID of the record.")
    agreement: str = Field(description="Code of the agreement under which it may be disclosed.")
    recipient: str = Field(description="Code of the party that may receive it.")
    purposes: tuple[str, ...] = Field(
        description="Purposes for which it may be disclosed.", json_schema_extra={"minItems": 1}
    )
    fields: tuple[str, ...] = Field(
        description="Fields that an answer may hold, or `flags.POPULATION`.",
        json_schema_extra={"minItems": 1},
    )
    signer: Signer = Field(description="Who signed: `parent`, or `student` of 18 or older.")
    signed: Day = Field(description="Day of the signature, from which it is in force.")
    ends: Day = Field(description="Last day on which it is in force.")
    reference: str = Field(
        description="Number under which the signed paper is filed, with a digit and without personal data.",
        json_schema_extra={"minLength": 1, "maxLength": MAX_REFERENCE_LENGTH},
    )


class ConsentRevocationBody(JsonBody, json_schema_extra={"example": {"reference": "CF-2026-0417"}}):
    """The consent that is to be revoked, named a second time."""

    reference: str | None = Field(
        default=None, description="Number of the signed paper. If it is another's, nothing is revoked."
    )


class DisclosureConsentOut(BaseModel):
    """A consent to disclose a record."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"code": _CODE, **_SIGNED, "recorded_by": "district-office", "revoked_at": None}
        }
    )

    code: str = Field(description="Code of the consent.")
    agreement: str = Field(description="Code of its agreement.")
    recipient: str = Field(description="Code of the party that may receive the record.")
    purposes: list[str] = Field(description="Purposes for which it may be disclosed.")
    fields: list[str] = Field(description="Fields that an answer may hold.")
    signer: Signer = Field(description="Who signed.")
    signed: date = Field(description="Day of the signature.")
    ends: date = Field(description="Last day on which it is in force.")
    reference: str = Field(description="Number under which the signed paper is filed.")
    recorded_by: str = Field(description="Who recorded it.")
    revoked_at: str | None = Field(description="When it was revoked; null while it is not.")
