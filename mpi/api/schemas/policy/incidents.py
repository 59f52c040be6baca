"""API schemas of incidents and corrections."""

from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

from mpi.api.request.json_body import JsonBody
from mpi.api.schemas.openapi_parts import EXAMPLE_EID, EnterpriseId
from mpi.api.schemas.parameters import NoQuery
from mpi.policy.cases.subject_rights import MAX_TEXT_LENGTH
from mpi.service.incidents.views import IncidentState

_CODE = "5be1c0a9d274"
_AT = "2026-11-24T15:04:05.000000Z"
_DAY = "2026-11-27"
_TEXT: dict[str, Any] = {"minLength": 1, "maxLength": MAX_TEXT_LENGTH}

IncidentCodeDep = Annotated[str, Path(description="Code of the incident.", examples=[_CODE])]


class IncidentsQuery(NoQuery):
    """Which incidents are wanted."""

    with_closed: bool = Field(False, description="List closed ones too.")


class SendBody(JsonBody, json_schema_extra={"example": {}}):
    """That the corrections are to be sent."""


class AcknowledgementBody(
    JsonBody, json_schema_extra={"example": {"client": "district-1", "by": "R. Registrar"}}
):
    """An acknowledgement that was given on paper."""

    client: str = Field(description="The recipient, a client or account.", json_schema_extra=_TEXT)
    by: str = Field(description="Name of the person who acknowledged it.", json_schema_extra=_TEXT)


class ClosingBody(
    JsonBody, json_schema_extra={"example": {"by": "P. Officer", "note": "Both districts corrected it."}}
):
    """The closing of an incident."""

    by: str = Field(description="Name of the person who closes it.", json_schema_extra=_TEXT)
    note: str = Field(description="What was done, without any personal data.", json_schema_extra=_TEXT)


class OwnAcknowledgementBody(JsonBody, json_schema_extra={"example": {}}):
    """That the caller acknowledges a correction."""


class IncidentRecordOut(BaseModel):
    """A record of an incident."""

    source: str = Field(description="Code of its source.", examples=["D01-SIS"])
    local_id: str = Field(description="Its local ID.", examples=["12345"])


class RecipientOut(BaseModel):
    """Who received answers because of a wrong link."""

    client: str = Field(description="Name of the client or account.", examples=["district-1"])
    agreement: str | None = Field(description="Agreement that it acted under.")
    since: str = Field(description="When it was told first (UTC).", examples=[_AT])
    until: str = Field(description="When it was told last (UTC).", examples=[_AT])
    answers: int = Field(description="Number of answers.")
    records: list[IncidentRecordOut] = Field(description="Records that it was told of.")
    fields: list[str] = Field(description="Fields that it received; empty once corrections are sent.")
    acknowledged_at: str | None = Field(description="When it acknowledged the correction (UTC).")
    acknowledged_by: str | None = Field(description="Who acknowledged it.")
    withdrawn_at: str | None = Field(description="From when on the correction holds no longer (UTC).")


class IncidentOut(BaseModel):
    """A wrong link that was found, and what became of it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "code": _CODE,
                "state": "open",
                "kind": "split",
                "opened_at": _AT,
                "opened_by": "steward",
                "parts": [
                    [{"source": "D01-SIS", "local_id": "12345"}],
                    [{"source": "ccwis", "local_id": "C-17"}],
                ],
                "recipients": [
                    {
                        "client": "district-1",
                        "agreement": "dsa-2026-01",
                        "since": _AT,
                        "until": _AT,
                        "answers": 1,
                        "records": [{"source": "D01-SIS", "local_id": "12345"}],
                        "fields": ["enterprise_id"],
                        "acknowledged_at": None,
                        "acknowledged_by": None,
                        "withdrawn_at": None,
                    }
                ],
                "scope": None,
                "clock": "send",
                "due": _DAY,
                "days_left": 2,
                "notice": 7,
                "reversed_at": None,
                "reversed_by": None,
                "reverses": None,
                "closed_by": None,
                "closed_at": None,
                "note": None,
            }
        }
    )

    code: str = Field(description="Code of the incident.", examples=[_CODE])
    state: IncidentState = Field(
        description="`open`, `sent`, `acknowledged`, `reversed` (the records are one person again) or "
        "`closed`."
    )
    kind: str = Field(
        description="Kind of the step that parted the records, or made them one person again.",
        examples=["split"],
    )
    opened_at: str = Field(description="When it did (UTC).", examples=[_AT])
    opened_by: str = Field(description="Who made the step, or ran the sync of its scope.")
    scope: str | None = Field(description="Scope in which the step was made; null where it was made here.")
    parts: list[list[IncidentRecordOut]] = Field(description="Records of each part.")
    recipients: list[RecipientOut] = Field(description="Who was told because of the link.")
    clock: str | None = Field(
        description="The clock that runs: `send` corrections or `acknowledge` them; null where none does."
    )
    due: str | None = Field(description="Its last day.", examples=[_DAY])
    days_left: int | None = Field(description="Days until then, negative afterwards.")
    notice: int | None = Field(description="Warning that is due: 14, 7 or 1 days, or 0 once it is overdue.")
    reversed_at: str | None = Field(description="When its records became one person again (UTC).")
    reversed_by: str | None = Field(description="Who made the step that did, or ran the sync of its scope.")
    reverses: str | None = Field(
        description="Incident whose corrections this one reverses; null for a wrong link."
    )
    closed_by: str | None = Field(description="Name of the person who closed it.")
    closed_at: str | None = Field(description="When it was closed (UTC).")
    note: str | None = Field(description="Why it is closed.")


class CorrectedRecordOut(BaseModel):
    """A record whose link was wrong."""

    source: str = Field(description="Code of its source.", examples=["D01-SIS"])
    local_id: str = Field(description="Its local ID.", examples=["12345"])
    enterprise_id: EnterpriseId | None = Field(description="The enterprise ID that holds it today.")


class LinkCorrectionOut(BaseModel):
    """A correction sent to the caller."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "code": _CODE,
                "since": _AT,
                "until": _AT,
                "records": [{"source": "D01-SIS", "local_id": "12345", "enterprise_id": EXAMPLE_EID}],
                "sent_at": _AT,
                "due": _DAY,
                "acknowledged_at": None,
                "withdrawn_at": None,
                "reverses": None,
            }
        }
    )

    code: str = Field(description="Code of the correction.", examples=[_CODE])
    since: str = Field(description="When the caller was told first (UTC).", examples=[_AT])
    until: str = Field(description="When the caller was told last (UTC).", examples=[_AT])
    records: list[CorrectedRecordOut] = Field(description="Records whose earlier answers were wrong.")
    sent_at: str = Field(description="When it was sent (UTC).", examples=[_AT])
    due: str | None = Field(description="Last day to acknowledge it; null where that is not needed.")
    acknowledged_at: str | None = Field(description="When it was acknowledged (UTC).")
    withdrawn_at: str | None = Field(description="From when on it holds no longer (UTC).")
    reverses: str | None = Field(
        description="Earlier correction that this one reverses: its records are one person again."
    )
