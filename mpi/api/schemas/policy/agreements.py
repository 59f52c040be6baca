"""API schemas of agreements."""

from datetime import date
from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field, StrictInt

from mpi.api.request.json_body import JsonBody
from mpi.api.schemas.openapi_parts import EXAMPLE_TIME
from mpi.policy.agreement import AgreementState
from mpi.policy.duties import DutyKind
from mpi.service.agreements.documents import AgreementDocument

_TERMS: dict[str, Any] = {
    "code": "dsa-2026-01",
    "title": "School stability of children in care",
    "begins": "2026-09-01",
    "ends": "2027-08-31",
    "parties": [
        {"code": "district", "name": "Quill School District", "kind": "education", "sources": ["D01-SIS"]},
        {"code": "agency", "name": "Child Welfare", "kind": "child_welfare", "sources": ["CCWIS"]},
    ],
    "grants": [
        {
            "discloser": "district",
            "recipient": "agency",
            "population": "foster_care",
            "legal_basis": "ferpa_caseworker",
            "purposes": ["school_stability"],
            "output_fields": ["school_id", "grade"],
            "matching_fields": ["first_name", "last_name", "birth_date"],
        }
    ],
    "retention_days": 365,
    "redisclosure": False,
    "small_cell": 10,
    "clocks": {"inspection": 45},
    "owners": [{"party": "agency", "duty": "data_steward", "office": "Office of Data"}],
}

_DUTY: dict[str, Any] = {
    "kind": "clock",
    "agreement": "dsa-2026-01",
    "party": "district",
    "name": "inspection",
    "begun": "2026-11-02",
    "due": "2026-12-17",
    "days_left": 18,
    "code": "8d20c1f7a394",
    "reference": "IR-2026-031",
}

AgreementCodeDep = Annotated[str, Path(description="Code of the agreement.", examples=["dsa-2026-01"])]


class AgreementBody(JsonBody, AgreementDocument, json_schema_extra={"example": _TERMS}):
    """Terms of an agreement, or of a new version of one."""


class ApproveAgreementBody(JsonBody, json_schema_extra={"example": {"version": 1}}):
    """The version of an agreement that its second person has read."""

    version: StrictInt = Field(description="Number of the latest version.")


class AgreementStepBody(JsonBody, json_schema_extra={"example": {"reason": "breach reported"}}):
    """Reason why an agreement is suspended, resumed or ended."""

    reason: str = Field(description="Why, in a few words; nothing of a person.")


class DutyOut(BaseModel):
    """What a party of an agreement has to do by a day."""

    model_config = ConfigDict(json_schema_extra={"example": _DUTY})

    kind: DutyKind = Field(description="`clock`, or `destruction` of what was received.")
    agreement: str = Field(description="Code of the agreement.")
    party: str = Field(description="Code of the party that has to act.")
    name: str = Field(description="Name of the clock, or `destruction`.")
    begun: date = Field(description="Day on which it began.")
    due: date = Field(description="Day by which it is to be done.")
    days_left: int = Field(description="Days until then; negative once the day has passed.")
    code: str | None = Field(description="Code of the running clock.")
    reference: str | None = Field(description="Number under which the parties file it.")


class AgreementOut(BaseModel):
    """An agreement as the caller may read it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "code": "dsa-2026-01",
                "version": 1,
                "state": "active",
                "last_day": "2027-08-31",
                "days_left": 83,
                "notice": 90,
                "terms": _TERMS,
                "draft": None,
                "draft_version": None,
                "proposed_by": None,
                "fault": None,
                "clients": ["district-01"],
                "accounts": [],
                "running_clocks": [_DUTY],
            }
        }
    )

    code: str = Field(description="Code of the agreement.")
    version: int = Field(description="Version of the terms.")
    state: AgreementState = Field(description="State today; only an `active` one permits anything.")
    last_day: str | None = Field(description="Last day in force, with approved renewals; null for no end.")
    days_left: int | None = Field(description="Days from today to the last day.")
    notice: int | None = Field(description="Warning that is due: 90, 30 or 7 days before the last day.")
    terms: AgreementDocument = Field(description="The terms that hold; a draft's where none was approved.")
    draft: AgreementDocument | None = Field(
        description="Terms that wait for approval, besides those in force."
    )
    draft_version: int | None = Field(description="Version of the draft.")
    proposed_by: str | None = Field(description="Who proposed the version that waits for approval.")
    fault: str | None = Field(description="Why the terms could not be approved today.")
    clients: list[str] = Field(description="Clients that act under it.")
    accounts: list[str] = Field(description="Accounts that act under it.")
    running_clocks: list[DutyOut] = Field(
        description="Clocks that run, the earliest due day first; for who administers or approves."
    )


class AgreementEventOut(BaseModel):
    """A line of the history of an agreement."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "at": EXAMPLE_TIME,
                "by": "counsel",
                "event": "approve",
                "version": 1,
                "reason": None,
            }
        }
    )

    at: str = Field(description="Time.")
    by: str = Field(description="Who did it.")
    event: str = Field(description="`propose`, `approve`, `suspend`, `resume` or `end`.")
    version: int = Field(description="The version that it concerns.")
    reason: str | None = Field(description="The reason that was given.")
