"""API schemas of explanations of pairs and persons, without record values."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mpi.api.request.json_body import JsonBody
from mpi.api.schemas.openapi_parts import EXAMPLE_EID, EXAMPLE_TIME, EnterpriseId
from mpi.api.schemas.persons import LabelOut
from mpi.domain.record_ref import RecordRef
from mpi.domain.weight import Band

_LEFT: dict[str, Any] = {"source": "D01-SIS", "local_id": "12345"}
_RIGHT: dict[str, Any] = {"source": "CCWIS", "local_id": "C-88123"}
_SENTENCE = (
    "Very strong evidence for the same child: same name and birth dates one day apart. "
    "Against the same child: different addresses."
)


class ExplanationBody(JsonBody, json_schema_extra={"example": {"left": _LEFT, "right": _RIGHT}}):
    """Two records whose link is to be explained."""

    left: RecordRef
    right: RecordRef


class PartOut(BaseModel):
    """Contribution of one comparison to the match weight."""

    comparison: str = Field(
        description="Comparison; `prior` comes first, and a `caution` last.",
        examples=["birth_date"],
    )
    level: str = Field(description="Comparison level, as the model names it.", examples=["a day off"])
    bits: float = Field(description="Contribution to the match weight in bits.", examples=[4.9])
    sentence: str = Field(description="Plain-language sentence.", examples=["Birth dates one day apart."])
    frequency_bits: float = Field(description="Share of the bits due to a rare or common value.")


class ChangeOut(BaseModel):
    """Single difference that would change the answer."""

    sentence: str = Field(
        description="The difference and its result.",
        examples=["If the first names were the same, the evidence would be enough to link."],
    )
    match_weight: float = Field(description="Resulting match weight in bits.")
    band: Band = Field(description="Resulting band.")


class ExplanationOut(BaseModel):
    """Explanation why the model links two records or not."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "sentence": _SENTENCE,
                "match_weight": 14.1,
                "probability": 0.999943,
                "band": "LINK",
                "parts": [
                    {
                        "comparison": "birth_date",
                        "level": "a day off",
                        "bits": 4.9,
                        "sentence": "Birth dates one day apart.",
                        "frequency_bits": 0.0,
                    }
                ],
                "cautions": [],
                "opposes": ["Different addresses."],
                "found_by": ["names", "names-year"],
                "changes": [],
                "unchangeable": "No single change would change this answer.",
                "standing": ["These records are currently one child."],
            }
        }
    )

    sentence: str = Field(description="Summary in plain sentences.")
    match_weight: float = Field(description="Match weight in bits, prior included, limited by a caution.")
    probability: float = Field(description="Match weight as a probability.")
    band: Band = Field(description="Band of the pair by the model alone.")
    parts: list[PartOut] = Field(description="Contributions by comparison, which add up to the match weight.")
    cautions: list[str] = Field(description="Cautions that send the pair to a person, whatever its weight.")
    opposes: list[str] = Field(description="Evidence against a match, strongest first.")
    found_by: list[str] = Field(
        description="Blocking rules that bring the pair together; none if the model compares the two "
        "only because other records lead from one to the other."
    )
    changes: list[ChangeOut] = Field(
        description="Single differences that would change the answer, first upward, then downward."
    )
    unchangeable: str | None = Field(description="Sentence if no single difference would change the answer.")
    standing: list[str] = Field(description="Present state of the two records, whatever the model says.")


class LineOut(BaseModel):
    """Link between two records of a person, and its reason."""

    left: LabelOut = Field(description="First record.")
    right: LabelOut = Field(description="Second record.")
    because: str = Field(description="`model` or `decision`.", examples=["model"])
    match_weight: float | None = Field(
        description="Match weight in bits; null if one record is not compared."
    )
    band: Band | None = Field(description="Band of the pair by the model alone.")
    decision: int | None = Field(description="Decision that joins the records, if one does.")
    sentence: str = Field(description="Plain-language sentence.")


class PersonExplanationOut(BaseModel):
    """Explanation why the visible records of a person are one person."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "enterprise_id": EXAMPLE_EID,
                "sentence": "2 records are one child through 1 automatic link.",
                "lines": [
                    {
                        "left": _LEFT,
                        "right": _RIGHT,
                        "because": "model",
                        "match_weight": 14.1,
                        "band": "LINK",
                        "decision": None,
                        "sentence": _SENTENCE,
                    }
                ],
                "parts": [[_LEFT, _RIGHT]],
            }
        }
    )

    enterprise_id: EnterpriseId = Field(description="Enterprise ID.")
    sentence: str = Field(description="Summary in one plain sentence.")
    lines: list[LineOut] = Field(description="Links that join the records as a tree, strongest first.")
    parts: list[list[LabelOut]] = Field(
        description="Records joined by the shown links; several groups if a link cannot be shown."
    )


class BuiltOut(BaseModel):
    """Step in the history of a person."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "at": EXAMPLE_TIME,
                "sentence": "A record was sent: record 12345 of D01-SIS became a new child.",
                "client": "district-01",
                "step": None,
                "cause": "upsert",
            }
        }
    )

    at: str = Field(description="Time.")
    sentence: str = Field(description="Operation and its effect on this person.")
    client: str | None = Field(
        description="Client of the call; null if it would reveal a record that the caller may not see."
    )
    step: int | None = Field(description="Step number, for an undo.")
    cause: str = Field(description="Operation, as in the lineage.")
