"""API schemas of legal holds, retention and destruction runs."""

from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field, StrictInt

from mpi.api.request.json_body import JsonBody
from mpi.policy.cases.subject_rights import MAX_TEXT_LENGTH

_TEXT: dict[str, Any] = {"minLength": 1, "maxLength": MAX_TEXT_LENGTH}
_HOLD: dict[str, Any] = {
    "source": "D01-SIS",
    "local_id": "12345",
    "agreement": None,
    "reference": "LH-2026-3",
    "reason": "pending lawsuit",
    "placed_by": "C. Counsel",
}

HoldCodeDep = Annotated[str, Path(description="Code of the legal hold.", examples=["7c11d90e5ab2"])]


class LegalHoldBody(JsonBody, json_schema_extra={"example": _HOLD}):
    """A legal hold on a source, a child or an agreement."""

    source: str | None = Field(default=None, description="Code of the source, or of the record's source.")
    local_id: str | None = Field(default=None, description="Local ID of a record of the child.")
    agreement: str | None = Field(default=None, description="Code of the agreement, with nothing else.")
    reference: str = Field(description="Number of the paper, with a digit and without any personal data.")
    reason: str = Field(description="Why, without a name of a child.", json_schema_extra=_TEXT)
    placed_by: str = Field(description="Name of who answers for it.", json_schema_extra=_TEXT)


class HoldLiftBody(JsonBody, json_schema_extra={"example": {"lifted_by": "C. Counsel", "reason": "settled"}}):
    """That a hold is lifted."""

    lifted_by: str = Field(description="Name of who answers for it.", json_schema_extra=_TEXT)
    reason: str = Field(description="Why.", json_schema_extra=_TEXT)


class LegalHoldOut(BaseModel):
    """A legal hold."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "code": "7c11d90e5ab2",
                "target": "child",
                **_HOLD,
                "placed_on": "2026-11-29",
                "entered_by": "legal-office",
                "stands": True,
                "lifted_by": None,
                "lift_reason": None,
            }
        }
    )

    code: str = Field(description="Code of the hold.")
    target: str = Field(description="`child`, `source` or `agreement`.")
    source: str | None = Field(description="Code of its source.")
    local_id: str | None = Field(description="Local ID of the named record, while it is there.")
    agreement: str | None = Field(description="Code of its agreement.")
    reference: str = Field(description="Number of the paper.")
    reason: str = Field(description="Why.")
    placed_by: str = Field(description="Who answers for it.")
    placed_on: str = Field(description="Day on which it was placed.")
    entered_by: str = Field(description="Who entered it.")
    stands: bool = Field(description="Whether it was not lifted.")
    lifted_by: str | None = Field(description="Who lifted it.")
    lift_reason: str | None = Field(description="Why it was lifted.")


class RetentionOut(BaseModel):
    """What is due to be destroyed of one source."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "source": "D01-SIS",
                "rule": "1826 days after the last exit",
                "due": 12,
                "held": 1,
                "local_ids": [],
            }
        }
    )

    source: str = Field(description="Code of the source.")
    rule: str = Field(description="Its retention.")
    due: int = Field(description="Records that may be destroyed.")
    held: int = Field(description="Due records that a legal hold or an open case keeps.")
    local_ids: list[str] = Field(description="Local IDs; empty where records are only counted.")


class DestructionPlanBody(JsonBody, json_schema_extra={"example": {"source": "D01-SIS"}}):
    """The source whose due records are to be destroyed."""

    source: str = Field(description="Code of the source.")


class DestructionApprovalBody(
    JsonBody, json_schema_extra={"example": {"approved_by": "P. Officer", "records": 12}}
):
    """A second person's approval."""

    approved_by: str = Field(description="Name of who approves.", json_schema_extra=_TEXT)
    records: StrictInt = Field(description="Number of records of the run, to be sure.")


class DestructionExecutionBody(JsonBody, json_schema_extra={"example": {}}):
    """That an approved run is to go on."""


class DestructionRunOut(BaseModel):
    """A destruction run."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "number": 1,
                "source": "D01-SIS",
                "state": "planned",
                "rule": "1826 days after the last exit",
                "records": 12,
                "planned_by": "records-office",
                "approved_by": None,
                "waiting": 12,
                "destroyed": 0,
                "spared": 0,
                "digest": None,
            }
        }
    )

    number: int = Field(description="Number of the run.")
    source: str = Field(description="Code of the source.")
    state: str = Field(description="`planned`, `approved` or `done`.")
    rule: str = Field(description="The retention when it was planned.")
    records: int = Field(description="Records when it was planned.")
    planned_by: str = Field(description="Who planned it.")
    approved_by: str | None = Field(description="Who approved it.")
    waiting: int = Field(description="Records that it has still to look at.")
    destroyed: int = Field(description="Records destroyed.")
    spared: int = Field(description="Records left, since they were held or not due by then.")
    digest: str | None = Field(description="SHA-256 of the certificate, as on the ledger.")


class DestructionCertificateOut(BaseModel):
    """The certificate of a run; later versions may add statements."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {
                "certificate": "destruction-1",
                "class": "records of source D01-SIS, 1826 days after the last exit",
                "destroyed": 12,
                "approved_by": "P. Officer",
                "signature": "0d3f…",
                "digest": "9c56…",
            }
        },
    )

    certificate: str = Field(description="Name of the certificate.")
    destroyed: int = Field(description="Records destroyed.")
    approved_by: str = Field(description="Who approved it.")
    signature: str = Field(description="Keyed hash that the index alone can make.")
    digest: str = Field(description="SHA-256 of the statements, as on the ledger.")
