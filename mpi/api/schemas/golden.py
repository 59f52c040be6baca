"""The golden record, its corrections, and what is asked of them."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mpi.api.schemas.decisions import build_json_body
from mpi.api.schemas.examples import EXAMPLE_EID, EXAMPLE_TIME
from mpi.api.schemas.persons import LabelOut
from mpi.domain.survivorship import SINGLE_VALUE_ATTRIBUTES, SelectionReason
from mpi.storage.repositories.persons.persons import PersonStatus

_LEFT: dict[str, Any] = {"source": "D01-SIS", "local_id": "12345"}
_RIGHT: dict[str, Any] = {"source": "CCWIS", "local_id": "C-88123"}

CORRECT = build_json_body(
    {
        "attribute": "birth_date",
        "value": "2014-03-08",
        "reason": "document-seen",
        "note": "Birth certificate shown at the office",
    },
    ("attribute", "value", "reason", "note"),
    attribute={"enum": list(SINGLE_VALUE_ATTRIBUTES), "description": "What is corrected."},
    value={"description": "As a record would state it; of `birth_place` an object of its fields."},
    reason={"type": "string", "maxLength": 64, "description": "A code; what tells of a person is a note."},
    note={"type": "string", "description": "What it rests on; can be expunged alone."},
    preview={"type": "boolean", "description": "Say what it would do, and change nothing."},
)


class OtherValueOut(BaseModel):
    """Another value, and the record that states it."""

    model_config = ConfigDict(json_schema_extra={"example": {"value": "2014-03-09", "record": _LEFT}})

    value: Any = Field(description="Text, yes or no, or an object of canonical fields.")
    record: LabelOut = Field(description="The record that states it.")


class CorrectionOut(BaseModel):
    """What a steward said when correcting a value."""

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

    by: str = Field(description="Who.")
    at: str = Field(description="When.")
    reason: str = Field(description="Its maker's code.")
    evidence: str | None = Field(
        description="What it rests on; null where it is another's and the client is of certain sources."
    )
    step: int | None = Field(description="The step by which it can be undone.")


class GoldenValueOut(BaseModel):
    """A value that stands: with its record, the rule that chose it, and what other records say."""

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
    record: LabelOut = Field(description="The record that it is of.")
    as_of: str = Field(description="When that record was true at its source.")
    rule: SelectionReason = Field(description="Why it stands: see docs/reference/golden-record.md.")
    agreeing: list[LabelOut] = Field(description="Other records that state the same.")
    others: list[OtherValueOut] = Field(
        description="Other values, in the order in which they would stand without this one."
    )
    correction: CorrectionOut | None = Field(description="Where it is a steward's, what was said with it.")


class GoldenOut(BaseModel):
    """What is known of a person, over the records that the client may see; made on reading."""

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

    enterprise_id: str = Field(description="The ID asked for, in its one written form.")
    status: PersonStatus = Field(description="Where it stands today; only an active person has values.")
    now: list[str] = Field(description="IDs that hold its records today.")
    values: list[GoldenValueOut] = Field(description="The values that stand; of a list every one.")
