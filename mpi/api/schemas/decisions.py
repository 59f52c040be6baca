"""Decisions and steps as callers send them, and what they are answered."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mpi.api.schemas.examples import EXAMPLE_EID, EXAMPLE_TIME
from mpi.api.schemas.persons import LabelOut
from mpi.domain.decision import DecisionKind

_LEFT: dict[str, Any] = {"source": "D01-SIS", "local_id": "12345"}
_RIGHT: dict[str, Any] = {"source": "CCWIS", "local_id": "C-88123"}
_SECOND_EID = "T8EB-2Z47-N10V"

_LABEL: dict[str, Any] = {
    "type": "object",
    "properties": {"source": {"type": "string"}, "local_id": {"type": "string"}},
    "required": ["source", "local_id"],
    "additionalProperties": False,
}
_TEXT = {"type": "string"}
_LABELS = {"type": "array", "items": _LABEL}
_WHY: dict[str, Any] = {
    "reason": {"type": "string", "maxLength": 64, "description": "A code; what tells of a person is a note."},
    "note": {"type": "string", "description": "Free text, which can be expunged alone."},
    "supersedes": {"type": "array", "items": {"type": "integer"}, "description": "Decisions to replace."},
    "preview": {"type": "boolean", "description": "Say what it would do, and change nothing."},
}


def build_json_body(
    example: dict[str, Any], required: tuple[str, ...], **properties: object
) -> dict[str, Any]:
    """The request body of an operation: its members, which of them it needs, and an example."""
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }
    content = {"application/json": {"schema": schema, "example": example}}
    return {"requestBody": {"required": bool(required), "content": content}}


DECIDE = build_json_body(
    {"kind": "DIFFERENT", "groups": [[_LEFT], [_RIGHT]], "reason": "sibling"},
    ("kind", "groups", "reason"),
    kind={"enum": [kind.value for kind in DecisionKind]},
    groups={"type": "array", "items": _LABELS, "description": "One group; of DIFFERENT two or more."},
    effective_from={"type": "string", "format": "date", "description": "Day from which it binds."},
    recheck_on={"type": "string", "format": "date", "description": "Day on which to look at it again."},
    **_WHY,
)
REPORT = build_json_body(
    {"kind": "SAME", "groups": [[_LEFT, _RIGHT]], "reason": "two-ids"},
    ("kind", "groups", "reason"),
    kind={"enum": ["SAME", "DIFFERENT"], "description": "What is true, as the caller sees it."},
    groups={"type": "array", "items": _LABELS, "description": "One group; of DIFFERENT two or more."},
    reason=_WHY["reason"],
    note=_WHY["note"],
)
MERGE = build_json_body(
    {"eids": [EXAMPLE_EID, _SECOND_EID], "reason": "same-child", "preview": True},
    ("eids", "reason"),
    eids={"type": "array", "items": _TEXT},
    survivor={"type": "string", "description": "The ID that stays; without it the survivor rule says."},
    **_WHY,
)
SPLIT = build_json_body(
    {"groups": [[_LEFT], [_RIGHT]], "keep": 0, "reason": "two-children"},
    ("groups", "reason"),
    groups={
        "type": "array",
        "items": _LABELS,
        "description": "Its records by part; of one, the rest is one.",
    },
    keep={"description": "The part that keeps the ID: its place from 0, or one of its records."},
    one_child={
        "type": "array",
        "items": {"type": "integer"},
        "description": "Places from 0 of parts whose records are said to be one child.",
    },
    **_WHY,
)
MOVE = build_json_body(
    {"records": [_LEFT], "to": _SECOND_EID, "reason": "wrong-child"},
    ("records", "to", "reason"),
    records=_LABELS,
    to={"type": "string", "description": "The enterprise ID that they join."},
    **_WHY,
)
UNDO = build_json_body(
    {"reason": "mistaken", "preview": True}, (), reason=_WHY["reason"], preview=_WHY["preview"]
)


class ReportedOut(BaseModel):
    """A report that waits for a steward."""

    model_config = ConfigDict(json_schema_extra={"example": {"claim": 15}})

    claim: int = Field(description="Number of the claim, as decisions are numbered.")


class PersonEffectOut(BaseModel):
    """What becomes of one person."""

    enterprise_id: str | None = Field(description="Its ID; null for one that a preview would mint.")
    change: str = Field(description="`kept`, `new`, `revived`, `retired` or `emptied`.")
    before: list[LabelOut] = Field(description="Records that it held.")
    after: list[LabelOut] = Field(description="Records that it holds.")
    flags: list[str] = Field(description="Populations flagged on those records.")


class MovedOut(BaseModel):
    """A record that changes person."""

    source: str = Field(description="The record's source.")
    local_id: str = Field(description="Its local ID.")
    before: str | None = Field(description="Enterprise ID that it had.")
    after: str | None = Field(description="Enterprise ID that it has; null for one that would be minted.")


class StaysOut(BaseModel):
    """What an undo does not change, and the decision that would."""

    together: bool = Field(description="Whether the records stay one person; otherwise they stay apart.")
    because: str = Field(description="`model` or `decision`.")
    offer: dict[str, Any] = Field(description="The opposite decision: its kind and groups.")


class ReceivedOut(BaseModel):
    """An answer that left while the records were one person, to a client that was told of both parts."""

    at: str = Field(description="When.")
    client: str = Field(description="Who received it.")
    purpose: str | None = Field(description="The purpose of use that the call named.")
    action: str = Field(description="What was asked.")
    fields: list[str] = Field(description="Names of the fields that it held; the ledger keeps no values.")
    handle: str | None = Field(description="What stands for the records of an export.")
    records: list[LabelOut] = Field(description="Those of the parted records that it was about.")


class EffectOut(BaseModel):
    """What a step did, or in a preview would do; of records that the caller may see."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "kind": "merge",
                "preview": False,
                "step": 7,
                "decisions": [12],
                "persons": [
                    {
                        "enterprise_id": EXAMPLE_EID,
                        "change": "kept",
                        "before": [_LEFT],
                        "after": [_RIGHT, _LEFT],
                        "flags": ["foster_care"],
                    },
                    {
                        "enterprise_id": _SECOND_EID,
                        "change": "retired",
                        "before": [_RIGHT],
                        "after": [],
                        "flags": ["foster_care"],
                    },
                ],
                "moved": [{**_RIGHT, "before": _SECOND_EID, "after": EXAMPLE_EID}],
                "told": ["district-01"],
                "stays": [],
                "etag": "3f0c5a",
                "awaiting": False,
                "disclosed": 0,
                "disclosures": [],
                "held_until": None,
                "approval": False,
                "consent_of": [],
            }
        }
    )

    kind: str = Field(description="`decision`, `merge`, `split`, `move`, `undo`, …")
    preview: bool = Field(description="Whether nothing was changed.")
    step: int | None = Field(description="Number under which it can be undone.")
    decisions: list[int] = Field(description="Decisions that it made.")
    persons: list[PersonEffectOut] = Field(description="People whose records change.")
    moved: list[MovedOut] = Field(description="Records that change person.")
    told: list[str] = Field(description="Clients that see the change in the feed.")
    stays: list[StaysOut] = Field(description="Of an undo: what stays as it is, and why.")
    etag: str | None = Field(description="Of the persons as they were read, for `If-Match`.")
    awaiting: bool = Field(description="Whether it waits for others to say so too, and so did nothing yet.")
    disclosed: int | None = Field(
        description="How many answers left because of the links that it parts; null unless of all sources."
    )
    disclosures: list[ReceivedOut] = Field(
        description="The latest of them, newest first; only with scope `disclosure.read` on all sources."
    )
    held_until: str | None = Field(
        description="The first day after the freeze window that holds it; null where none does."
    )
    approval: bool = Field(description="Whether a second approver is among those that it waits for.")
    consent_of: list[str] = Field(
        description="Sources whose owners are among them, of those that the caller may see."
    )


class SeenOut(BaseModel):
    """The version of a record that the maker of a decision saw."""

    source: str = Field(description="The record's source.")
    local_id: str = Field(description="Its local ID.")
    as_of: str | None = Field(description="As-of of the version; null of a record that was withdrawn.")


class EvidencePairOut(BaseModel):
    """What the model said of a pair when the decision was made; no values."""

    records: list[LabelOut] = Field(description="The pair.")
    match_weight: float = Field(description="In bits.")
    levels: dict[str, str] = Field(description="How each comparison turned out.")


class EvidenceOut(BaseModel):
    """Evidence as the maker of a decision saw it."""

    model: str | None = Field(description="The model, `name/version`.")
    pairs: list[EvidencePairOut] = Field(description="The pairs that it is about, heaviest first.")


class ConsentOut(BaseModel):
    """What the owner of a source was asked about a step, and said."""

    source: str = Field(description="The source's code.")
    status: str = Field(description="`asked`, `given` or `refused`.")
    asked_at: str = Field(description="When it was asked.")
    at: str | None = Field(description="When it was answered.")
    by: str | None = Field(description="Who answered.")
    reason: str | None = Field(description="That owner's code.")


class DecisionOut(BaseModel):
    """A decision: who said what about which records, when, why, and on what evidence."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": 12,
                "kind": "DIFFERENT",
                "status": "in_force",
                "suspended": False,
                "authority": "steward",
                "by": "district-01",
                "at": EXAMPLE_TIME,
                "reason": "sibling",
                "notes": [],
                "groups": [[_LEFT], [_RIGHT]],
                "seen": [{**_LEFT, "as_of": EXAMPLE_TIME}, {**_RIGHT, "as_of": EXAMPLE_TIME}],
                "evidence": {
                    "model": "children/5",
                    "pairs": [
                        {"records": [_LEFT, _RIGHT], "match_weight": 9.4, "levels": {"birth_date": "equal"}}
                    ],
                },
                "effective_from": None,
                "recheck_on": None,
                "supersedes": [],
                "step": 7,
                "origin": "decision",
                "ended_at": None,
                "ended_by": None,
                "consents": [],
            }
        }
    )

    id: int = Field(description="Its number.")
    kind: DecisionKind = Field(description="SAME, DIFFERENT or UNSURE.")
    status: str = Field(
        description="`in_force`, `pending`, `awaiting` others' words, `superseded`, `revoked`, or `review` "
        "of a claim."
    )
    suspended: bool = Field(description="Whether it is in force and gives way to a stronger one.")
    authority: str = Field(description="Whose word it is: `steward`, `source` or `migration`.")
    by: str = Field(description="The client that made it.")
    at: str = Field(description="When.")
    reason: str = Field(description="Its maker's code.")
    notes: list[str] = Field(description="Free text; a client of certain sources sees its own only.")
    groups: list[list[LabelOut]] = Field(description="The records, by group.")
    seen: list[SeenOut] = Field(description="The versions that its maker saw.")
    evidence: EvidenceOut = Field(description="As its maker saw it.")
    effective_from: str | None = Field(description="Day from which it binds, while it is pending.")
    recheck_on: str | None = Field(description="Day from which a task asks to look at it again.")
    supersedes: list[int] = Field(description="Decisions whose place it took.")
    step: int | None = Field(description="The step that made it.")
    origin: str | None = Field(description="What kind of step.")
    ended_at: str | None = Field(description="When it was superseded or revoked.")
    ended_by: str | None = Field(description="By whom.")
    consents: list[ConsentOut] = Field(
        description="What owners were asked about its step, of sources that the caller may see."
    )
