"""Questions of the queue as callers see and answer them."""

from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field

from mpi.api.schemas.decisions import EffectOut, build_json_body
from mpi.api.schemas.examples import EXAMPLE_EID, EXAMPLE_TIME
from mpi.api.schemas.parameters import NoQuery
from mpi.api.schemas.persons import LabelOut
from mpi.service.review.owner_questions import FIELDS_BY_REQUEST_KIND, OWNER_ANSWERS
from mpi.service.review.queue import MAX_QUESTIONS, STATES
from mpi.service.review.verdicts import ANSWER_REASONS, VerdictKind

_LEFT: dict[str, Any] = {"source": "D01-SIS", "local_id": "12345"}
_RIGHT: dict[str, Any] = {"source": "CCWIS", "local_id": "C-88123"}
EXAMPLE_KEY = "q-9eac1b5f60d3a7c3"
_DAY = "2026-12-01"

_LABEL: dict[str, Any] = {
    "type": "object",
    "properties": {"source": {"type": "string"}, "local_id": {"type": "string"}},
    "required": ["source", "local_id"],
    "additionalProperties": False,
}
_NOTE = {"type": "string", "description": "Free text, which can be expunged alone."}
_DATE = {"type": "string", "format": "date"}
_VERDICT: dict[str, Any] = {
    "type": "object",
    "properties": {"left": _LABEL, "right": _LABEL, "kind": {"enum": [kind.value for kind in VerdictKind]}},
    "required": ["left", "right", "kind"],
    "additionalProperties": False,
}

NOTE_ONLY = build_json_body({"note": "the school calls back at ten"}, (), note=_NOTE)
DEFER = build_json_body(
    {"until": _DAY},
    ("until",),
    until={**_DATE, "description": "Day from which it is asked again, within a year."},
    note=_NOTE,
)
ASSIGN = build_json_body(
    {"to": "ann", "due_on": _DAY},
    ("to",),
    to={"type": "string", "description": "Name of an account or client."},
    due_on={**_DATE, "description": "Day by which it is to be answered."},
    note=_NOTE,
)
BULK = build_json_body(
    {"keys": [EXAMPLE_KEY], "action": "defer", "until": _DAY},
    ("keys", "action"),
    keys={
        "type": "array",
        "items": {"type": "string"},
        "description": "Of questions or bursts, at most 200.",
    },
    action={"enum": ["defer", "assign", "escalate", "release"]},
    until={**_DATE, "description": "Of `defer`."},
    to={"type": "string", "description": "Of `assign`."},
    due_on={**_DATE, "description": "Of `assign`, if it is wanted."},
    note=_NOTE,
)
ASK = build_json_body(
    {"record": _LEFT, "asks": "confirm-birth-date"},
    ("asks",),
    record={
        **_LABEL,
        "description": "The record; left out, each is asked of its own owner; of a burst, each of the feed.",
    },
    asks={"enum": list(FIELDS_BY_REQUEST_KIND)},
    due_on={**_DATE, "description": "Day by which an answer is wanted; in a fortnight if left out."},
    note={**_NOTE, "description": "For the question's history; the owner does not see it."},
)
ANSWER = build_json_body(
    {"verdicts": [{"left": _LEFT, "right": _RIGHT, "kind": "different"}], "reason": "sibling"},
    ("reason",),
    verdicts={"type": "array", "items": _VERDICT, "description": "On pairs; those left out stay asked."},
    response={
        "enum": ["confirm", "revoke", "approve", "release", "refuse"],
        "description": "Of a question that is not about pairs: those that it names in `responses`.",
    },
    decision={"type": "integer", "description": "Of a conflict: which decision of the chain to revoke."},
    reason={"type": "string", "enum": list(ANSWER_REASONS)},
    note=_NOTE,
    recheck_on={**_DATE, "description": "Of `unsure`: day from which it is asked again."},
    supersedes={"type": "array", "items": {"type": "integer"}, "description": "Decisions to replace."},
    preview={"type": "boolean", "description": "Say what it would do, and change nothing."},
)
UNDO_ANSWER = build_json_body(
    {"step": 7},
    ("step",),
    step={"type": "integer", "description": "The step of the answer."},
    reason={"type": "string", "maxLength": 64},
    preview={"type": "boolean", "description": "Say what it would do, and change nothing."},
)
OWNER_ANSWER = build_json_body(
    {"answer": "wrong", "note": "mistyped; corrected tomorrow"},
    ("answer",),
    answer={"enum": list(OWNER_ANSWERS)},
    note=_NOTE,
    alike={"type": "boolean", "description": "Answer the same to all that was asked with it at once."},
)


class QuestionsQuery(NoQuery):
    """Which questions, and where to go on."""

    kind: str | None = Field(None, description="Only of this kind.", examples=["pair"])
    state: str = Field(
        "open",
        description=f"`{'`, `'.join(STATES)}`, or `any` for all that is asked today.",
        examples=["open"],
    )
    source: str | None = Field(None, description="Only where a record is of this source.")
    mine: bool = Field(default=False, description="Only what the caller has claimed or is to do.")
    due: bool = Field(default=False, description="Only what is due today or was due before.")
    text: str | None = Field(None, description="Only about a record of exactly this local ID.")
    burst: str | None = Field(None, description="Only those that this burst stands for.")
    limit: int = Field(50, ge=1, le=MAX_QUESTIONS, description="How many at most.")
    after: str | None = Field(None, description="`after` of the page before.")


class OwnerQuestionsQuery(NoQuery):
    """Open or answered."""

    answered: bool = Field(default=False, description="Those that were answered, in place of the open ones.")


QuestionsDep = Annotated[QuestionsQuery, Query()]
OwnerQuestionsDep = Annotated[OwnerQuestionsQuery, Query()]
KeyDep = Annotated[
    str, Path(description="Key of a question, or of one of its tasks.", examples=[EXAMPLE_KEY])
]

_SUMMARY: dict[str, Any] = {
    "key": EXAMPLE_KEY,
    "kind": "pair",
    "reason": "band",
    "subject": _LEFT,
    "records": [_LEFT, _RIGHT],
    "match_weight": 9.4,
    "state": "claimed",
    "claimed_by": "ann",
    "lease_until": EXAMPLE_TIME,
    "assigned_to": None,
    "due_on": _DAY,
    "opened_at": EXAMPLE_TIME,
    "burst": 0,
    "asleep_until": None,
    "closed_because": None,
}


class QuestionOut(BaseModel):
    """A question as the queue lists it."""

    model_config = ConfigDict(json_schema_extra={"example": _SUMMARY})

    key: str = Field(description="Names it; the same whenever it is asked again.")
    kind: str = Field(description="What is asked, of its most harmful task.")
    reason: str = Field(description="Why the index does not answer it by itself.")
    subject: LabelOut | None = Field(
        description="The record that it is about; null where it is several alike."
    )
    records: list[LabelOut] = Field(description="Every record that it is about, the subject first.")
    match_weight: float = Field(description="Of its heaviest pair, in bits.")
    state: str = Field(description="`open`, `claimed`, `asleep`, `waiting` (for a source) or `closed`.")
    claimed_by: str | None = Field(description="Who has it; null where you may not know.")
    lease_until: str | None = Field(description="When the claim ends by itself.")
    assigned_to: str | None = Field(description="Whose it is to do; null where you may not know.")
    due_on: str | None = Field(description="The day by which it is to be answered.")
    opened_at: str = Field(description="When it was first asked.")
    burst: int = Field(description="How many questions it stands for; 0 for itself alone.")
    asleep_until: str | None = Field(description="The day from which it is asked again.")
    closed_because: str | None = Field(description="`answered`, or `went` where its reason went.")


class QueuePageOut(BaseModel):
    """A page of the queue."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"questions": [_SUMMARY], "total": 1, "after": None}}
    )

    questions: list[QuestionOut] = Field(description="The most harmful first.")
    total: int = Field(description="How many there are; 1,001 for any more than a thousand.")
    after: str | None = Field(description="To go on with; null at the end.")


class CardOut(BaseModel):
    """One record of a question."""

    label: LabelOut = Field(description="Its source and local ID.")
    as_of: str = Field(description="When it was true at its source.")
    values: dict[str, Any] = Field(description="What it states, by canonical field; no flags.")
    enterprise_id: str | None = Field(description="The person that it is held to be.")
    household: list[LabelOut] = Field(description="Records of its source that live with it.")
    withheld: list[str] = Field(description="Fields that are not shown, as an address is confidential.")


class PairOut(BaseModel):
    """A pair of a question."""

    left: LabelOut = Field(description="One record.")
    right: LabelOut = Field(description="The other.")
    match_weight: float = Field(description="In bits.")
    verdict: str | None = Field(description="What was said of it and left it open: `unsure` or `ask`.")


class ActOut(BaseModel):
    """One thing that somebody did with a question, or that became of it by itself."""

    at: str = Field(description="When.")
    actor: str = Field(description="Who; `(index)` where nobody did it.")
    action: str = Field(
        description=(
            "`claim`, `release`, `defer`, `assign`, `escalate`, `answer`, `undo`, `ask`, `answered`, "
            "`closed` or `reopened`."
        )
    )
    detail: dict[str, Any] = Field(description="Codes and days.")
    note: str | None = Field(description="Free text.")
    step: int | None = Field(description="The step that it made, by which it can be taken back.")


class QuestionViewOut(BaseModel):
    """A question whole. `ETag` names what was read, for the `If-Match` of an answer."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "summary": _SUMMARY,
                "shape": "star",
                "cards": [
                    {
                        "label": _LEFT,
                        "as_of": EXAMPLE_TIME,
                        "values": {"first_name": "Amara", "last_name": "Okonkwo", "birth_date": "2014-03-09"},
                        "enterprise_id": EXAMPLE_EID,
                        "household": [],
                        "withheld": [],
                    }
                ],
                "pairs": [{"left": _LEFT, "right": _RIGHT, "match_weight": 9.4, "verdict": None}],
                "history": [
                    {
                        "at": EXAMPLE_TIME, "actor": "ann", "action": "claim", "detail": {}, "note": None,
                        "step": None,
                    }
                ],
                "responses": [],
                "decisions": [],
                "etag": "3f0c5a",
            }
        }
    )  # fmt: skip

    summary: QuestionOut = Field(description="As the queue lists it.")
    shape: str = Field(description="`star`, `grid`, `decision` or `burst`.")
    cards: list[CardOut] = Field(
        description="Its records, the subject first; of an `overlay` what stands, then what waits."
    )
    pairs: list[PairOut] = Field(description="The pairs that are asked, the heaviest first.")
    history: list[ActOut] = Field(description="What was done with it, oldest first.")
    responses: list[str] = Field(description="How it is answered where it is not about pairs.")
    decisions: list[int] = Field(description="The decisions that it is about.")
    etag: str = Field(description="What was read, for `If-Match`.")


class AnsweredOut(BaseModel):
    """What an answer did."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "effect": EffectOut.model_config["json_schema_extra"]["example"],  # type: ignore[index]
                "step": 7,
                "next_key": "q-0b5f60d3a7c39eac",
            }
        }
    )

    effect: EffectOut = Field(description="On people, IDs and flags; of a preview, what it would be.")
    step: int | None = Field(description="The step by which it can be taken back.")
    next_key: str | None = Field(description="The question to go on with.")


class AskedOut(BaseModel):
    """What was asked of owners."""

    model_config = ConfigDict(json_schema_extra={"example": {"numbers": [4]}})

    numbers: list[int] = Field(description="Numbers of the questions to the owners of records.")


class BulkOut(BaseModel):
    """What came of one of several questions."""

    model_config = ConfigDict(json_schema_extra={"example": {"key": EXAMPLE_KEY, "done": True, "why": None}})

    key: str = Field(description="Its key, as it was sent.")
    done: bool = Field(description="Whether it was done.")
    why: str | None = Field(description="Why it was not.")


class OwnerQuestionOut(BaseModel):
    """What the owner of a record is asked."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "number": 4, "record": _LEFT, "asks": "confirm-birth-date",
                "values": {"first_name": "Amara", "last_name": "Okonkwo", "birth_date": "2014-03-09"},
                "asked_at": EXAMPLE_TIME, "due_on": _DAY, "overdue": False, "state": "open",
                "answers": list(OWNER_ANSWERS), "answer": None, "note": None, "alike": 1,
            }
        }
    )  # fmt: skip

    number: int = Field(description="Its number.")
    record: LabelOut = Field(description="The record.")
    asks: str = Field(description="What is asked.")
    values: dict[str, Any] = Field(description="What the record states of that now.")
    asked_at: str = Field(description="When.")
    due_on: str = Field(description="The day by which an answer is wanted.")
    overdue: bool = Field(description="Whether that day has passed.")
    state: str = Field(description="`open` or `answered`.")
    answers: list[str] = Field(description="What can be answered.")
    answer: str | None = Field(description="What was answered.")
    note: str | None = Field(description="The owner's own note.")
    alike: int = Field(description="How many were asked of this source at once about one burst.")
