"""Tables of stewards' work on questions, owner questions, samples and practice.

A *question* is what a steward sees at once: a record with all its candidates, a grid of twins, or the
records of one burst. Its tasks are derived (``task.question``). Work is stored by question, so that
it survives the question's closing and return.
"""

from sqlalchemy import Index
from sqlmodel import SQLModel

from mpi.storage.columns import bigint, primary_key, text


class TaskWorkRow(SQLModel, table=True):
    """The state of stewards' work on one review question.

    A question without a row is new and unclaimed. ``lease_until`` ends a claim. ``asleep_until`` is the
    day from which a snoozed question is asked again. ``escalated_by`` has passed the question on and waits
    for the answer. ``closed_because`` says whether a person answered it or its tasks are gone. ``about`` is
    the question as its last worker saw it, as JSON of numbers and codes: it sleeps as long as that is
    unchanged.
    """

    __tablename__ = "task_work"
    __table_args__ = (
        Index("ix_task_work_claimed_by", "claimed_by"),
        Index("ix_task_work_assigned_to", "assigned_to"),
        Index("ix_task_work_closed_at", "closed_at"),
        Index("ix_task_work_state", "state"),
    )
    question: str = text(primary_key=True)
    state: str = text(default="open")
    claimed_by: str | None = text(default=None)
    lease_until: str | None = text(default=None)
    assigned_to: str | None = text(default=None)
    escalated_by: str | None = text(default=None)
    asleep_until: str | None = text(default=None)
    due_on: str | None = text(default=None)
    opened_at: str = text()
    closed_at: str | None = text(default=None)
    closed_because: str | None = text(default=None)
    about: str = text(default="{}")


class TaskActionRow(SQLModel, table=True):
    """One action on a review question by a person or the system.

    Rows are never rewritten.

    ``note`` is free text, which can be expunged alone. ``detail`` is JSON of codes and numbers only.
    """

    __tablename__ = "task_action"
    __table_args__ = (
        Index("ix_task_action_question", "question"),
        Index("ix_task_action_at", "at"),
        Index("ix_task_action_actor", "actor", "at"),
    )
    id: int = primary_key()
    question: str = text()
    at: str = text()
    actor: str = text()
    action: str = text()
    detail: str = text(default="{}")
    step_id: int | None = bigint(default=None, index=True)
    note: str | None = text(default=None)


class OwnerQuestionRow(SQLModel, table=True):
    """A steward's question to a record's owner, who sees only that record."""

    __tablename__ = "owner_question"
    __table_args__ = (
        Index("ix_owner_question_question", "question"),
        Index("ix_owner_question_source", "source_id", "state"),
        Index("ix_owner_question_asked_by", "asked_by"),
    )
    id: int = primary_key()
    question: str = text()
    record_id: int = bigint(foreign_key="record.id")
    source_id: int = bigint(foreign_key="source.id")
    asks: str = text()
    asked_by: str = text()
    asked_at: str = text()
    due_on: str = text()
    state: str = text(default="open")
    answer: str | None = text(default=None)
    answered_by: str | None = text(default=None)
    answered_at: str | None = text(default=None)
    note: str | None = text(default=None)


class SavedViewRow(SQLModel, table=True):
    """A named filter of the review queue.

    ``shared_with`` is null for a view of its author alone. Else it tells which sources a reader must see: a
    JSON list of codes, or ``"*"`` for all.
    """

    __tablename__ = "saved_view"
    actor: str = text(primary_key=True)
    name: str = text(primary_key=True)
    filters: str = text()
    shared_with: str | None = text(default=None)


class BlindPairRow(SQLModel, table=True):
    """A record pair that stewards judge without seeing its match weight.

    It is drawn at random, or a second review of another steward's answer.

    Samples are drawn from links and from pairs just below the threshold. ``stratum`` is what the pair was
    drawn from, and ``stratum_pairs`` how many pairs it held that day, so that precision and recall of all
    can be estimated. ``stratum_seen`` is how many were counted for it, fewer if the count is itself an
    estimate. ``linked`` tells whether the records were one person then. The versions are what the records
    said: a pair with other versions is another pair.
    """

    __tablename__ = "blind_pair"
    __table_args__ = (Index("ix_blind_pair_month", "month", "stratum"),)
    id: int = primary_key()
    stratum: str = text()
    stratum_pairs: int = bigint()
    stratum_seen: int = bigint()
    month: str = text()
    drawn_at: str = text()
    config_id: int = bigint()
    lo: int = bigint(foreign_key="record.id")
    hi: int = bigint(foreign_key="record.id")
    lo_version: int = bigint()
    hi_version: int = bigint()
    weight: int = bigint()
    linked: bool
    first_by: str | None = text(default=None)
    first_verdict: str | None = text(default=None)


class BlindAnswerRow(SQLModel, table=True):
    """One person's verdict on a record pair judged without its weight.

    It changes nothing in the index.
    """

    __tablename__ = "blind_answer"
    blind_pair_id: int = primary_key(foreign_key="blind_pair.id")
    actor: str = text(primary_key=True)
    verdict: str = text()
    at: str = text()


class PracticeAnswerRow(SQLModel, table=True):
    """One person's verdict on a practice pair of simulated records."""

    __tablename__ = "practice_answer"
    actor: str = text(primary_key=True)
    item: int = primary_key()
    verdict: str = text()
    right: bool
    at: str = text()
