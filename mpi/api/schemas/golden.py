"""API schemas of the golden record and its corrections."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mpi.api.request.json_body import JsonBody
from mpi.api.schemas.openapi_parts import EXAMPLE_EID, EXAMPLE_TIME, EnterpriseId
from mpi.api.schemas.persons import LabelOut
from mpi.api.schemas.request_bodies import Preview, Reason
from mpi.domain.survivorship.attributes import SINGLE_VALUE_ATTRIBUTES
from mpi.domain.survivorship.values import SelectionReason
from mpi.storage.repositories.persons.persons import PersonStatus

_LEFT: dict[str, Any] = {"source": "D01-SIS", "local_id": "12345"}
_RIGHT: dict[str, Any] = {"source": "CCWIS", "local_id": "C-88123"}


class CorrectionBody(
    JsonBody,
    json_schema_extra={
        "example": {
            "attribute": "birth_date",
            "value": "2014-03-08",
            "reason": "document-seen",
            "note": "Birth certificate shown at the office",
        }
    },
):
    """Correction of one value of a golden record."""

    attribute: str = Field(
        description="Attribute to correct.", json_schema_extra={"enum": list(SINGLE_VALUE_ATTRIBUTES)}
    )
    value: Any = Field(
        description="Value in the form of a canonical record; for `birth_place` an object of its fields."
    )
    reason: Reason
    note: str = Field(description="Evidence for the correction; can be expunged by itself.")
    preview: Preview = False


class OtherValueOut(BaseModel):
    """Alternative value and the record that states it."""

    model_config = ConfigDict(json_schema_extra={"example": {"value": "2014-03-09", "record": _LEFT}})

    value: Any = Field(description="Text, yes or no, or an object of canonical fields.")
    record: LabelOut = Field(description="Record that states the value.")


class ValueCorrectionOut(BaseModel):
    """Steward's correction of a value, with reason and evidence."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "by": "desk",
                "at": EXAMPLE_TIME,
                "reason": "document-seen",
                "evidence": "Birth certificate shown at the office",
                "step": 7,
            }
        }
    )

    by: str = Field(description="Steward or client.")
    at: str = Field(description="Time.")
    reason: str = Field(description="Reason code of the maker.")
    evidence: str | None = Field(
        description="Evidence; null if another client's and the client is restricted to certain sources."
    )
    step: int | None = Field(description="Step number, for an undo.")


class GoldenValueOut(BaseModel):
    """Value of the golden record, with record, rule and alternatives."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "attribute": "birth_date",
                "value": "2014-03-08",
                "record": _RIGHT,
                "as_of": EXAMPLE_TIME,
                "rule": "verification",
                "agreeing": [],
                "others": [{"value": "2014-03-09", "record": _LEFT}],
                "correction": None,
            }
        }
    )

    attribute: str = Field(description="A canonical field, or `birth_place`.", examples=["birth_date"])
    value: Any = Field(description="Text, yes or no, or an object of canonical fields.")
    record: LabelOut = Field(description="Record that the value comes from.")
    as_of: str = Field(description="Time of the record version at its source.")
    rule: SelectionReason = Field(
        description="Rule that chose the value: see docs/reference/golden-record.md."
    )
    agreeing: list[LabelOut] = Field(description="Other records with the same value.")
    others: list[OtherValueOut] = Field(description="Alternative values, in order of preference.")
    correction: ValueCorrectionOut | None = Field(description="Steward's correction, if the value is one.")


class GoldenOut(BaseModel):
    """Golden record of a person, computed from the visible records."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "enterprise_id": EXAMPLE_EID,
                "status": "active",
                "now": [EXAMPLE_EID],
                "values": [
                    {
                        "attribute": "first_name",
                        "value": "Amara",
                        "record": _LEFT,
                        "as_of": EXAMPLE_TIME,
                        "rule": "agreed",
                        "agreeing": [_RIGHT],
                        "others": [],
                        "correction": None,
                    }
                ],
            }
        }
    )

    enterprise_id: EnterpriseId = Field(description="Requested ID in standard form.")
    status: PersonStatus = Field(description="Present status; only an active person has values.")
    now: list[EnterpriseId] = Field(description="IDs that hold the records today.")
    values: list[GoldenValueOut] = Field(
        description="Values of the golden record; all entries of a list attribute."
    )
