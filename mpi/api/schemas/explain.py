"""Explanations: of a pair, of a person, and of how a person was built. No value of a record is in them."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mpi.api.schemas.decisions import build_json_body
from mpi.api.schemas.examples import EXAMPLE_EID, EXAMPLE_TIME
from mpi.api.schemas.persons import LabelOut
from mpi.domain.weight import Band

_LEFT: dict[str, Any] = {"source": "D01-SIS", "local_id": "12345"}
_RIGHT: dict[str, Any] = {"source": "CCWIS", "local_id": "C-88123"}
_LABEL = {
    "type": "object",
    "properties": {"source": {"type": "string"}, "local_id": {"type": "string"}},
    "required": ["source", "local_id"],
    "additionalProperties": False,
}
_SENTENCE = "Same name, birth dates one day apart, and different addresses: 14.1 bits, enough to link."

EXPLAIN = build_json_body({"left": _LEFT, "right": _RIGHT}, ("left", "right"), left=_LABEL, right=_LABEL)


class PartOut(BaseModel):
    """What one comparison adds to the match weight."""

    comparison: str = Field(
        description="What was compared; `prior` first, `caution` last where one holds.",
        examples=["birth_date"],
    )
    level: str = Field(description="How it compared, as the model names it.", examples=["a day off"])
    bits: float = Field(description="What that adds, in bits.", examples=[4.9])
    sentence: str = Field(description="The same in words.", examples=["Birth dates one day apart."])
    frequency_bits: float = Field(description="How much of it is for a rare value, or a common one.")


class ChangeOut(BaseModel):
    """One thing that, were it otherwise, would change the answer."""

    sentence: str = Field(
        description="What, and what would come of it.",
        examples=["If the given names were the same, the pair would weigh 10.9 bits and would be linked."],
    )
    match_weight: float = Field(description="In bits, as it would be.")
    band: Band = Field(description="As it would be.")


class ExplanationOut(BaseModel):
    """Why the model takes two records for one child, or does not."""

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
                "unchangeable": "No single thing, were it otherwise, would change this answer.",
                "standing": ["They are one person now."],
            }
        }
    )

    sentence: str = Field(description="The whole in one plain sentence.")
    match_weight: float = Field(description="In bits, prior included, as far as a caution lets it.")
    probability: float = Field(description="The same as a probability.")
    band: Band = Field(description="What the model makes of the pair by itself.")
    parts: list[PartOut] = Field(description="The weight by comparison; they add up to it.")
    cautions: list[str] = Field(description="What holds the pair for a person, however much it weighs.")
    opposes: list[str] = Field(description="What speaks against, the most first.")
    found_by: list[str] = Field(
        description="Blocking rules that bring the pair together; none where the model compares the two "
        "only because other records lead from one to the other."
    )
    changes: list[ChangeOut] = Field(
        description="What would change the answer, one thing at a time: first upwards, then downwards."
    )
    unchangeable: str | None = Field(description="Said where there is no such thing.")
    standing: list[str] = Field(description="What stands now, whatever the model makes of the pair.")


class LineOut(BaseModel):
    """What joins two records of a person."""

    left: LabelOut = Field(description="The one.")
    right: LabelOut = Field(description="The other.")
    because: str = Field(description="`model` or `decision`.", examples=["model"])
    match_weight: float | None = Field(description="Of the pair; null where one of the two is not compared.")
    band: Band | None = Field(description="What the model makes of the pair by itself.")
    decision: int | None = Field(description="The decision, where that is what joins them.")
    sentence: str = Field(description="The same in words.")


class PersonExplanationOut(BaseModel):
    """Why the records of a person are one person, as far as the client may see them."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "enterprise_id": EXAMPLE_EID,
                "sentence": "2 records are one person by 1 link of the model.",
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

    enterprise_id: str = Field(description="The person.")
    sentence: str = Field(description="The whole in one plain sentence.")
    lines: list[LineOut] = Field(description="What joins the records, the strongest first: a tree.")
    parts: list[list[LabelOut]] = Field(
        description="The records by what the lines join; several where what joins them cannot be shown."
    )


class BuiltOut(BaseModel):
    """One step of how a person came to hold what it holds."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "at": EXAMPLE_TIME,
                "sentence": "A record was sent: record 12345 of D01-SIS began this person.",
                "client": "district-01",
                "step": None,
                "cause": "upsert",
            }
        }
    )

    at: str = Field(description="When.")
    sentence: str = Field(description="What was done, and what that did to this person.")
    client: str | None = Field(
        description="By whose call; null where that would tell of a record that the caller may not see."
    )
    step: int | None = Field(description="The step under which it can be undone.")
    cause: str = Field(description="What was done, as the lineage names it.")
