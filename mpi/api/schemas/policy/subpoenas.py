"""API schemas of subpoena cases."""

from datetime import date
from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from mpi.api.request.json_body import JsonBody
from mpi.policy.cases.subpoena import MAX_RECORDS, MAX_TEXT_LENGTH, CaseState, CounselVerdict
from mpi.service.agreements.documents import Day
from mpi.service.statements.boundary_orders import MAX_REFERENCE_LENGTH

_SERVED: dict[str, Any] = {
    "source": "D01-SIS",
    "court": "Juvenile Court of Quill County",
    "reference": "26-JV-0412",
    "served_by": "Office of the Public Defender",
    "received": "2026-11-20",
    "due": "2026-12-04",
    "notice_forbidden": False,
    "local_ids": ["12345"],
    "fields": ["enrollments", "grade"],
}
_CODE = "3f0c9a71be52"
_TEXT: dict[str, Any] = {"minLength": 1, "maxLength": MAX_TEXT_LENGTH}

CaseCodeDep = Annotated[str, Path(description="Code of the case.", examples=[_CODE])]


class SubpoenaBody(JsonBody, json_schema_extra={"example": _SERVED}):
    """A subpoena as it was served. Name nobody in its texts."""

    source: str = Field(description="Code of the source whose records it asks for.")
    court: str = Field(description="Court that issued it.", json_schema_extra=_TEXT)
    reference: str = Field(
        description="The court's own number, with a digit and without any personal data.",
        json_schema_extra={"minLength": 1, "maxLength": MAX_REFERENCE_LENGTH},
    )
    served_by: str = Field(description="Office that served it.", json_schema_extra=_TEXT)
    received: Day = Field(description="Day on which it was received.")
    due: Day = Field(description="Day by which it is to be answered.")
    notice_forbidden: StrictBool = Field(
        default=False, description="Whether the order forbids to notify the parents."
    )
    local_ids: tuple[str, ...] = Field(
        description="Local IDs of the records that it asks for.",
        json_schema_extra={"minItems": 1, "maxItems": MAX_RECORDS},
    )
    fields: tuple[str, ...] = Field(
        description="Canonical fields that it asks for.", json_schema_extra={"minItems": 1}
    )


class SubpoenaNoticeBody(JsonBody, json_schema_extra={"example": {"day": "2026-11-23"}}):
    """When the parents were notified, or a reasonable effort was made."""

    day: Day = Field(description="The day.")


class SubpoenaDecisionBody(
    JsonBody,
    json_schema_extra={
        "example": {
            "verdict": "narrow",
            "counsel": "R. Alvarado, General Counsel",
            "reason": "grades are not relevant",
            "fields": ["enrollments"],
        }
    },
):
    """Counsel's decision about a case."""

    verdict: CounselVerdict = Field(description="`release` all, `narrow`, or `refuse`.")
    counsel: str = Field(description="Name of the attorney who decides.", json_schema_extra=_TEXT)
    reason: str = Field(description="Why, in a few words; nothing of a child.", json_schema_extra=_TEXT)
    local_ids: tuple[str, ...] = Field(
        default=(), description="With `narrow`: records that are kept; empty for all."
    )
    fields: tuple[str, ...] = Field(
        default=(), description="With `narrow`: fields that are kept; empty for all."
    )


class SubpoenaReleaseBody(JsonBody, json_schema_extra={"example": {"reference": "26-JV-0412"}}):
    """The case that is to be released, named a second time."""

    reference: str | None = Field(
        default=None, description="The court's own number. If it is another case's, nothing is released."
    )


class SubpoenaCaseOut(BaseModel):
    """A subpoena case with what became of it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "code": _CODE,
                "state": "decided",
                **_SERVED,
                "notified": "2026-11-23",
                "opened_by": "records-office",
                "verdict": "narrow",
                "counsel": "R. Alvarado, General Counsel",
                "reason": "grades are not relevant",
                "released_local_ids": ["12345"],
                "released_fields": ["enrollments"],
                "obstacle": None,
            }
        }
    )

    code: str = Field(description="Code of the case.")
    state: CaseState = Field(description="`open`, `decided`, `released` or `refused`.")
    source: str = Field(description="Code of the source whose records it asks for.")
    court: str = Field(description="Court that issued it.")
    reference: str = Field(description="The court's own number.")
    served_by: str = Field(description="Office that served it.")
    received: date = Field(description="Day on which it was received.")
    due: date = Field(description="Day by which it is to be answered.")
    notice_forbidden: bool = Field(description="Whether the order forbids to notify the parents.")
    notified: date | None = Field(description="Day on which the parents were notified.")
    local_ids: list[str] = Field(description="Records that it asks for, without sealed ones.")
    fields: list[str] = Field(description="Fields that it asks for.")
    opened_by: str = Field(description="Who opened the case.")
    verdict: CounselVerdict | None = Field(description="Counsel's verdict.")
    counsel: str | None = Field(description="Name of the attorney.")
    reason: str | None = Field(description="Why counsel decided so.")
    released_local_ids: list[str] = Field(description="Records that may be released.")
    released_fields: list[str] = Field(description="Fields that may be released.")
    obstacle: str | None = Field(description="Why nothing may be released yet.")


class ReleasedRecordOut(BaseModel):
    """A record that a case releases."""

    source: str = Field(description="Code of its source.")
    local_id: str = Field(description="Its local ID.")
    values: dict[str, Any] = Field(description="The decided fields that have a value.")
    withheld: list[str] = Field(description="Decided fields withheld, since whereabouts are confidential.")


class SubpoenaReleaseOut(BaseModel):
    """Answer to a subpoena: the decided fields of the decided records."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "code": _CODE,
                "reference": "26-JV-0412",
                "records": [
                    {
                        "source": "D01-SIS",
                        "local_id": "12345",
                        "values": {"enrollments": [{"school_id": "1042", "grade": "05"}]},
                        "withheld": [],
                    }
                ],
            }
        }
    )

    code: str = Field(description="Code of the case.")
    reference: str = Field(description="The court's own number.")
    records: list[ReleasedRecordOut] = Field(description="The records, by local ID.")
