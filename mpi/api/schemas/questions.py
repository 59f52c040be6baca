"""API schemas of the review queue's questions and answers."""

from typing import Annotated, Any, Literal

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt

from mpi.api.request.json_body import JsonBody
from mpi.api.schemas.decisions import EffectOut, UndoBody
from mpi.api.schemas.openapi_parts import EXAMPLE_EID, EXAMPLE_TIME, EnterpriseId
from mpi.api.schemas.parameters import NoQuery
from mpi.api.schemas.persons import LabelOut
from mpi.api.schemas.request_bodies import (
    Date,
    Note,
    OptionalDate,
    Preview,
    Supersedes,
)
from mpi.domain.record_ref import RecordRef
from mpi.service.review.answers.verdicts import ANSWER_REASONS, VerdictKind
from mpi.service.review.owner_questions import FIELDS_BY_REQUEST_KIND, OWNER_ANSWERS
from mpi.service.review.queue import MAX_QUESTIONS, STATES

_LEFT: dict[str, Any] = {"source": "D01-SIS", "local_id": "12345"}
_RIGHT: dict[str, Any] = {"source": "CCWIS", "local_id": "C-88123"}
EXAMPLE_KEY = "q-9eac1b5f60d3a7c3"
_DAY = "2026-12-01"


class NoteBody(JsonBody, json_schema_extra={"example": {"note": "the school calls back at ten"}}):
    """Body of an act on a question: a note at most."""

    note: Note = None


class DeferBody(NoteBody, json_schema_extra={"example": {"until": _DAY}}):
    """Day until which a question is deferred."""

    until: Date = Field(description="Day from which the question is asked again, within a year.")


class AssignBody(NoteBody, json_schema_extra={"example": {"to": "ann", "due_on": _DAY}}):
    """Assignee of a question."""

    to: str = Field(description="Name of an account or client.")
    due_on: OptionalDate = Field(None, description="Due date of the question.")


class BulkBody(
    NoteBody, json_schema_extra={"example": {"keys": [EXAMPLE_KEY], "action": "defer", "until": _DAY}}
):
    """Act on several questions."""

    keys: list[str] = Field(description="Keys of questions or bursts, at most 200.")
    action: Literal["defer", "assign", "escalate", "release"] = Field(description="The act.")
    until: OptionalDate = Field(None, description="For `defer`: day from which the question is asked again.")
    to: str | None = Field(None, description="For `assign`: name of an account or client.")
    due_on: OptionalDate = Field(None, description="For `assign`: due date, optional.")


class AskBody(JsonBody, json_schema_extra={"example": {"record": _LEFT, "asks": "confirm-birth-date"}}):
    """Question to the owner of a record."""

    record: RecordRef | None = Field(
        None,
        description="The record; left out, each is asked of its own owner; of a burst, each of the feed.",
    )
    asks: str = Field(
        description="What the owner is asked.", json_schema_extra={"enum": list(FIELDS_BY_REQUEST_KIND)}
    )
    due_on: OptionalDate = Field(None, description="Due date of the answer; by default in two weeks.")
    note: Note = Field(None, description="Note for the question's history; the owner does not see it.")


class VerdictBody(
    JsonBody, json_schema_extra={"example": {"left": _LEFT, "right": _RIGHT, "kind": "different"}}
):
    """Verdict on a pair of records."""

    left: RecordRef
    right: RecordRef
    kind: str = Field(description="Verdict.", json_schema_extra={"enum": list(VerdictKind)})


class AnswerBody(
    NoteBody,
    json_schema_extra={
        "example": {
            "verdicts": [{"left": _LEFT, "right": _RIGHT, "kind": "different"}],
            "reason": "sibling",
        }
    },
):
    """Answer to a question: verdicts on its pairs, or a response."""

    verdicts: list[VerdictBody] | None = Field(
        None, description="Verdicts on pairs; pairs left out stay open. Required without a `response`."
    )
    response: str | None = Field(
        None,
        description="For a question that is not about pairs: one of its `responses`.",
        json_schema_extra={"enum": ["confirm", "revoke", "approve", "release", "refuse", None]},
    )
    decision: StrictInt | None = Field(None, description="For a conflict: decision of the chain to revoke.")
    reason: str = Field(description="Reason code.", json_schema_extra={"enum": list(ANSWER_REASONS)})
    recheck_on: OptionalDate = Field(
        None, description="For `unsure`: day from which the question is asked again."
    )
    supersedes: Supersedes = ()
    preview: Preview = False


class UndoAnswerBody(UndoBody, json_schema_extra={"example": {"step": 7}}):
    """Answer to undo."""

    step: StrictInt = Field(description="Step number of the answer.")


class OwnerAnswerBody(
    NoteBody, json_schema_extra={"example": {"answer": "wrong", "note": "mistyped; corrected tomorrow"}}
):
    """Owner's answer to a question about a record."""

    answer: str = Field(description="The answer.", json_schema_extra={"enum": list(OWNER_ANSWERS)})
    alike: StrictBool = Field(
        default=False, description="Give this answer to all questions that were asked together."
    )


class QuestionsQuery(NoQuery):
    """Query for a page of the review queue, with filters."""

    kind: str | None = Field(None, description="Only questions of this kind.", examples=["pair"])
    state: str = Field(
        "open",
        description=f"`{'`, `'.join(STATES)}`, or `any` for all that is asked today.",
        examples=["open"],
    )
    source: str | None = Field(None, description="Only questions about a record of this source.")
    mine: bool = Field(default=False, description="Only questions claimed by or assigned to the caller.")
    due: bool = Field(default=False, description="Only questions that are due or overdue.")
    text: str | None = Field(None, description="Only questions about a record with exactly this local ID.")
    burst: str | None = Field(None, description="Only the questions of this burst.")
    limit: int = Field(50, ge=1, le=MAX_QUESTIONS, description="Maximum number.")
    after: str | None = Field(None, description="`after` of the page before.")


class OwnerQuestionsQuery(NoQuery):
    """Query for open or answered questions to owners."""

    answered: bool = Field(default=False, description="Return answered questions instead of open ones.")


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
    """Question as an entry of the review queue."""

    model_config = ConfigDict(json_schema_extra={"example": _SUMMARY})

    key: str = Field(description="Key of the question; the same whenever it is asked again.")
    kind: str = Field(description="Kind of the most urgent task.")
    reason: str = Field(description="Reason why the index does not decide by itself.")
    subject: LabelOut | None = Field(
        description="Subject record; null if several similar records are compared."
    )
    records: list[LabelOut] = Field(description="All records of the question, the subject first.")
    match_weight: float = Field(description="Highest match weight of its pairs in bits.")
    state: str = Field(description="`open`, `claimed`, `asleep`, `waiting` (for a source) or `closed`.")
    claimed_by: str | None = Field(description="Holder of the claim; null if you may not know.")
    lease_until: str | None = Field(description="End of the claim.")
    assigned_to: str | None = Field(description="Assignee; null if you may not know.")
    due_on: str | None = Field(description="Due date.")
    opened_at: str = Field(description="Time when the question was first asked.")
    burst: int = Field(description="Number of questions in the burst; 0 for a single question.")
    asleep_until: str | None = Field(description="Day from which the question is asked again.")
    closed_because: str | None = Field(description="`answered`, or `went` if its reason disappeared.")


class QueuePageOut(BaseModel):
    """Page of the review queue."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"questions": [_SUMMARY], "total": 1, "after": None}}
    )

    questions: list[QuestionOut] = Field(description="Questions, most urgent first.")
    total: int = Field(description="Number of questions; 1,001 means more than a thousand.")
    after: str | None = Field(description="Position for the next page; null at the end.")


class CardOut(BaseModel):
    """Record of a question."""

    label: LabelOut = Field(description="Source and local ID of the record.")
    as_of: str = Field(description="Time of the record version at its source.")
    values: dict[str, Any] = Field(description="Values by canonical field, without flags.")
    enterprise_id: EnterpriseId | None = Field(description="Enterprise ID of the record.")
    household: list[LabelOut] = Field(description="Records of the same source and household.")
    withheld: list[str] = Field(description="Fields not shown, because whereabouts are confidential.")


class PairOut(BaseModel):
    """Pair of records that a question asks about."""

    left: LabelOut = Field(description="First record.")
    right: LabelOut = Field(description="Second record.")
    match_weight: float = Field(description="Match weight in bits.")
    verdict: str | None = Field(description="Verdict that left the pair open: `unsure` or `ask`.")


class ActOut(BaseModel):
    """Event in the history of a question."""

    at: str = Field(description="Time.")
    actor: str = Field(description="Actor; `(index)` for the index itself.")
    action: str = Field(
        description=(
            "`claim`, `release`, `defer`, `assign`, `escalate`, `restore`, `answer`, `undo`, `ask`, "
            "`answered`, `closed` or `reopened`."
        )
    )
    detail: dict[str, Any] = Field(description="Codes and days.")
    note: str | None = Field(description="Free text.")
    step: int | None = Field(description="Step number, for an undo.")


class QuestionViewOut(BaseModel):
    """Question with its records, pairs and history.

    `ETag` identifies what was read, for the `If-Match` of an answer.
    """

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

    summary: QuestionOut = Field(description="Entry of the queue.")
    shape: str = Field(description="`star`, `grid`, `decision` or `burst`.")
    cards: list[CardOut] = Field(
        description="Records, the subject first; for an `overlay` the version in force, then the held one."
    )
    pairs: list[PairOut] = Field(description="Pairs to judge, highest match weight first.")
    history: list[ActOut] = Field(description="Events, oldest first.")
    responses: list[str] = Field(description="Possible responses, if the question is not about pairs.")
    decisions: list[int] = Field(description="Decisions that the question is about.")
    etag: str = Field(description="ETag of what was read, for `If-Match`.")


class AnsweredOut(BaseModel):
    """Effect of an answer, and the next question."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "effect": EffectOut.model_config["json_schema_extra"]["example"],  # type: ignore[index]
                "step": 7,
                "next_key": "q-0b5f60d3a7c39eac",
            }
        }
    )

    effect: EffectOut = Field(description="Effect on persons, IDs and flags, or its preview.")
    step: int | None = Field(description="Step number, for an undo.")
    next_key: str | None = Field(description="Key of the next question.")


class AskedOut(BaseModel):
    """Numbers of the questions sent to owners."""

    model_config = ConfigDict(json_schema_extra={"example": {"numbers": [4]}})

    numbers: list[int] = Field(description="Numbers of the questions to the owners of records.")


class BulkOut(BaseModel):
    """Result for one question of a bulk action."""

    model_config = ConfigDict(json_schema_extra={"example": {"key": EXAMPLE_KEY, "done": True, "why": None}})

    key: str = Field(description="Key of the question, as sent.")
    done: bool = Field(description="Whether the action succeeded.")
    why: str | None = Field(description="Reason of the failure.")


class OwnerQuestionOut(BaseModel):
    """Question to the owner of a record."""

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

    number: int = Field(description="Number of the question.")
    record: LabelOut = Field(description="The record.")
    asks: str = Field(description="Kind of question.")
    values: dict[str, Any] = Field(description="Present values of the record concerned.")
    asked_at: str = Field(description="Time.")
    due_on: str = Field(description="Due date of the answer.")
    overdue: bool = Field(description="Whether the due date has passed.")
    state: str = Field(description="`open` or `answered`.")
    answers: list[str] = Field(description="Possible answers.")
    answer: str | None = Field(description="Answer.")
    note: str | None = Field(description="The owner's own note.")
    alike: int = Field(description="Number of questions sent to this source together about one burst.")
