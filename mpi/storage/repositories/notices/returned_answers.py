"""Repository of answers and mentions that are addressed to a person.

An answer is that of another person to something that the person asked.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    Text,
    and_,
    bindparam,
    exists,
    func,
    literal,
    null,
    select,
    union_all,
)

from mpi.storage.repositories.payload_keys import PayloadKeys
from mpi.storage.repositories.review.owner_questions import ANSWERED, note_place
from mpi.storage.repositories.review.task_work import action_note_place
from mpi.storage.repositories.steps.consents import ConsentStatus
from mpi.storage.tables import (
    AnyRow,
    ApprovalRow,
    CommitRow,
    ConsentRow,
    DecisionRow,
    MentionRow,
    NoticeMarkRow,
    OwnerQuestionRow,
    StepRow,
    TaskActionRow,
    table_of,
)

_action = table_of(TaskActionRow)
_step = table_of(StepRow)
_made = table_of(CommitRow).alias("made")
_answered = table_of(CommitRow).alias("answered")
_decision = table_of(DecisionRow)
_approval = table_of(ApprovalRow)
_consent = table_of(ConsentRow)
_owner_question = table_of(OwnerQuestionRow)
_mention = table_of(MentionRow)
_mark = table_of(NoticeMarkRow)
_person = bindparam("person", type_=Text)
_since_commit = bindparam("since_commit", type_=BigInteger)
_since = bindparam("since", type_=Text)
_limit = bindparam("limit", type_=BigInteger)

ESCALATE = "escalate"
ESCALATION_ANSWERS = ("answer", "undo", "note", "release", "reply")
"""Actions of others with which an escalated question comes back."""


class ReturnKind(StrEnum):
    """Kinds of what comes back for a person."""

    CONSENT = "consent"
    """A source's owner consented to a step of the person, or refused it."""
    APPROVAL = "approval"
    """A second person approved a step of the person."""
    UNDONE = "undone"
    """Somebody else sent a step of the person back, or undid it."""
    OWNER_ANSWER = "owner_answer"
    """A source's owner answered the person's question about a record."""
    ESCALATION = "escalation"
    """Somebody acted on a question that the person had escalated."""
    MENTION = "mention"
    """Somebody mentioned the person in a note on a question."""


@dataclass(frozen=True, slots=True)
class ReturnKey:
    """Identity of something that came back.

    Args:
        kind: what it is.
        number: number of its step, question to an owner, or action.
        part: source of a consent, commit of an approval or undo, record of an owner's answer; else 0.
    """

    kind: ReturnKind
    number: int
    part: int


@dataclass(frozen=True, slots=True)
class ReturnLine:
    """One thing that came back for a person.

    Args:
        key: its identity.
        at: when (ISO, UTC).
        actor: who answered.
        outcome: code of the answer, or of the action.
        question: key of the question, where it is about one.
        step: number of the person's step, where it is about one.
        reason: reason code of the answer.
        detail: details of the action, or of the step.
        note: free text of the answer.
    """

    key: ReturnKey
    at: str
    actor: str
    outcome: str
    question: str | None
    step: int | None
    reason: str | None
    detail: Mapping[str, Any]
    note: str | None


_NOTE_PLACES: Mapping[ReturnKind, Callable[[int], str]] = {
    ReturnKind.OWNER_ANSWER: note_place,
    ReturnKind.ESCALATION: action_note_place,
    ReturnKind.MENTION: action_note_place,
}
"""Places of the notes, to which their encryption is bound."""


class ReturnedAnswers:
    """Repository of what came back for one person and is unread."""

    def __init__(self, connection: Connection, payload_keys: PayloadKeys) -> None:
        self._connection = connection
        self._keys = payload_keys

    def unread(self, person: str, since_commit: int, since: str, limit: int) -> list[ReturnLine]:
        """Return what came back for a person and is unread, newest first.

        Args:
            person: name of the account or client.
            since_commit: commit number after which answers count.
            since: the same as a moment (ISO, UTC).
            limit: most lines.
        """
        rows = self._connection.execute(
            _UNREAD, {"person": person, "since_commit": since_commit, "since": since, "limit": limit}
        )
        return [
            ReturnLine(
                key=ReturnKey(ReturnKind(row.kind), row.number, row.part),
                at=row.at,
                actor=row.actor,
                outcome=row.outcome,
                question=row.question,
                step=row.step,
                reason=row.reason,
                detail=orjson.loads(row.detail),
                note=self._read_note(row),
            )
            for row in rows
        ]

    def _read_note(self, row: AnyRow) -> str | None:
        if row.note is None:
            return None
        return self._keys.decrypt_text(_NOTE_PLACES[ReturnKind(row.kind)](row.number), row.note)


def _columns(  # noqa: PLR0913 - one argument for each column of the union
    kind: ReturnKind,
    number: ColumnElement[int],
    part: ColumnElement[int],
    at: ColumnElement[str],
    actor: ColumnElement[str],
    outcome: ColumnElement[str],
    *,
    question: Any = None,  # noqa: ANN401 - a column, or None
    step: Any = None,  # noqa: ANN401 - as above
    reason: Any = None,  # noqa: ANN401 - as above
    detail: Any = None,  # noqa: ANN401 - as above
    note: Any = None,  # noqa: ANN401 - as above
) -> list[Any]:
    """Return the columns of one part of the union."""
    texts = {"question": question, "reason": reason, "note": note}
    return [
        literal(kind.value).label("kind"),
        number.label("number"),
        part.label("part"),
        at.label("at"),
        actor.label("actor"),
        outcome.label("outcome"),
        (null().cast(BigInteger) if step is None else step).label("step"),
        (literal("{}") if detail is None else detail).label("detail"),
        *((null().cast(Text) if text is None else text).label(name) for name, text in texts.items()),
    ]


def _is_unread(kind: ReturnKind, number: ColumnElement[int], part: ColumnElement[int]) -> ColumnElement[bool]:
    """Return the condition that the person has not read something."""
    is_same = (_mark.c.kind == kind.value, _mark.c.number == number, _mark.c.part == part)
    return ~exists(select(1).where(_mark.c.person == _person, *is_same))


def _select_consents() -> Select[Any]:
    """Select owners' consents to a person's steps, and refusals."""
    kind = ReturnKind.CONSENT
    columns = _columns(
        kind, _consent.c.step_id, _consent.c.source_id, _answered.c.at, _answered.c.client, _consent.c.status,
        step=_consent.c.step_id, reason=_consent.c.reason,
    )  # fmt: skip
    return (
        select(*columns)
        .join(_step, _step.c.id == _consent.c.step_id)
        .join(_made, _made.c.no == _step.c.commit_no)
        .join(_answered, _answered.c.no == _consent.c.commit_no)
        .where(
            _made.c.client == _person,
            _consent.c.commit_no > _since_commit,
            _consent.c.status != ConsentStatus.ASKED.value,
            _is_unread(kind, _consent.c.step_id, _consent.c.source_id),
        )
        .order_by(_consent.c.commit_no.desc())
    )


def _select_approvals() -> Select[Any]:
    """Select second approvals of a person's steps."""
    kind = ReturnKind.APPROVAL
    columns = _columns(
        kind, _step.c.id, _approval.c.commit_no, _answered.c.at, _answered.c.client, literal("approved"),
        step=_step.c.id,
    )  # fmt: skip
    return (
        select(*columns)
        .join(_decision, _decision.c.id == _approval.c.decision_id)
        .join(_step, _step.c.id == _decision.c.step_id)
        .join(_made, _made.c.no == _step.c.commit_no)
        .join(_answered, _answered.c.no == _approval.c.commit_no)
        .where(
            _made.c.client == _person,
            _answered.c.client != _person,
            _approval.c.commit_no > _since_commit,
            _approval.c.kind == _step.c.kind,
            _is_unread(kind, _step.c.id, _approval.c.commit_no),
        )
        .distinct()
        .order_by(_answered.c.at.desc())
    )


def _select_undone() -> Select[Any]:
    """Select steps of a person that others sent back or undid.

    A refusal of consent ends a step too; it comes back as the consent.
    """
    kind = ReturnKind.UNDONE
    undo = _step.alias("undo")
    reason = (
        select(func.max(undo.c.reason))
        .where(undo.c.commit_no == _step.c.undone_commit, undo.c.kind == "undo")
        .scalar_subquery()
    )
    was_refused = exists(
        select(1).where(_consent.c.step_id == _step.c.id, _consent.c.commit_no == _step.c.undone_commit)
    )
    columns = _columns(
        kind, _step.c.id, _step.c.undone_commit, _answered.c.at, _answered.c.client, literal("undone"),
        step=_step.c.id, reason=reason, detail=_step.c.detail,
    )  # fmt: skip
    return (
        select(*columns)
        .join(_made, _made.c.no == _step.c.commit_no)
        .join(_answered, _answered.c.no == _step.c.undone_commit)
        .where(
            _step.c.undone_commit > _since_commit,
            _made.c.client == _person,
            _answered.c.client != _person,
            ~was_refused,
            _is_unread(kind, _step.c.id, _step.c.undone_commit),
        )
        .order_by(_step.c.undone_commit.desc())
    )


def _select_owner_answers() -> Select[Any]:
    """Select owners' answers to a person's questions about records."""
    kind = ReturnKind.OWNER_ANSWER
    question = _owner_question
    columns = _columns(
        kind, question.c.id, question.c.record_id, question.c.answered_at, question.c.answered_by,
        question.c.answer, question=question.c.question, note=question.c.note,
    )  # fmt: skip
    return (
        select(*columns)
        .where(
            question.c.asked_by == _person,
            question.c.state == ANSWERED,
            question.c.answered_at > _since,
            _is_unread(kind, question.c.id, question.c.record_id),
        )
        .order_by(question.c.answered_at.desc())
    )


def _select_escalations() -> Select[Any]:
    """Select what others did with questions that a person escalated."""
    asked = _action.alias("asked")
    was_escalated = exists(
        select(1).where(
            asked.c.question == _action.c.question,
            asked.c.actor == _person,
            asked.c.action == ESCALATE,
            asked.c.id < _action.c.id,
        )
    )
    own_questions = select(asked.c.question).where(asked.c.actor == _person, asked.c.action == ESCALATE)
    condition = and_(
        _action.c.question.in_(own_questions),
        was_escalated,
        _action.c.at > _since,
        _action.c.actor != _person,
        _action.c.action.in_(ESCALATION_ANSWERS),
    )
    return _select_actions(ReturnKind.ESCALATION).where(condition)


def _select_mentions() -> Select[Any]:
    """Select notes that mention a person."""
    return (
        _select_actions(ReturnKind.MENTION)
        .join(_mention, _mention.c.action_id == _action.c.id)
        .where(_mention.c.person == _person, _action.c.at > _since)
    )


def _select_actions(kind: ReturnKind) -> Select[Any]:
    """Select unread actions on questions, newest first."""
    no_part = literal(0, BigInteger)
    columns = _columns(
        kind, _action.c.id, no_part, _action.c.at, _action.c.actor, _action.c.action,
        question=_action.c.question, detail=_action.c.detail, note=_action.c.note,
    )  # fmt: skip
    return (
        select(*columns)
        .select_from(_action)
        .where(_is_unread(kind, _action.c.id, no_part))
        .order_by(_action.c.id.desc())
    )


def _select_unread() -> Select[Any]:
    """Select everything unread that came back for a person, newest first."""
    queries = (
        _select_consents(),
        _select_approvals(),
        _select_undone(),
        _select_owner_answers(),
        _select_escalations(),
        _select_mentions(),
    )
    parts = [query.limit(_limit).subquery() for query in queries]
    united = union_all(*(select(part) for part in parts)).subquery()
    return select(united).order_by(united.c.at.desc(), united.c.number.desc()).limit(_limit)


_UNREAD = _select_unread()
"""Each page counts what it selects, and composing it takes 15 ms."""
