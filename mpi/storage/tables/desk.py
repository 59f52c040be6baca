"""What people do at the steward's desk, kept by question: it survives the question's closing and return.

A *question* is what a steward is shown at once: a record with all its candidates, a grid of twins, or the
records of one burst. Its tasks are derived (``task.question``); what people did with it is here.
"""

from sqlalchemy import Index
from sqlmodel import SQLModel

from mpi.storage.columns import bigint, primary_key, text


class TaskWorkRow(SQLModel, table=True):
    """Where one question stands; a question without a row is new and nobody's.

    ``lease_until`` ends a claim by itself; ``asleep_until`` is the day from which a deferred question is
    asked again; ``closed_because`` says whether a person answered it or its reason went. ``about`` is the
    question as whoever worked on it last saw it, JSON of numbers and codes: it sleeps while it is that.
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
    asleep_until: str | None = text(default=None)
    due_on: str | None = text(default=None)
    opened_at: str = text()
    closed_at: str | None = text(default=None)
    closed_because: str | None = text(default=None)
    about: str = text(default="{}")


class TaskActionRow(SQLModel, table=True):
    """One thing that somebody did with a question, or that became of it by itself; never rewritten.

    ``note`` is free text, which can be expunged alone; ``detail`` is JSON and holds codes and numbers only.
    """

    __tablename__ = "task_action"
    __table_args__ = (Index("ix_task_action_question", "question"), Index("ix_task_action_at", "at"))
    id: int = primary_key()
    question: str = text()
    at: str = text()
    actor: str = text()
    action: str = text()
    detail: str = text(default="{}")
    step_id: int | None = bigint(default=None)
    note: str | None = text(default=None)


class OwnerQuestionRow(SQLModel, table=True):
    """What a steward asks the owner of one record, who sees that record and nothing else."""

    __tablename__ = "owner_question"
    __table_args__ = (
        Index("ix_owner_question_question", "question"),
        Index("ix_owner_question_source", "source_id", "state"),
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
    """A filter of the queue that somebody gave a name."""

    __tablename__ = "saved_view"
    actor: str = text(primary_key=True)
    name: str = text(primary_key=True)
    filters: str = text()


class BlindPairRow(SQLModel, table=True):
    """A pair drawn at random to be judged without its weight: links made, pairs just below, second reviews.

    ``stratum`` is what it was drawn from, ``stratum_pairs`` how many pairs that held on the day, so that
    precision and recall of all of them can be estimated; ``stratum_seen`` is how many were counted for it,
    fewer where the count is an estimate itself. ``linked`` is how the index held the pair then, and the
    versions are what the records said: one that says something else since is another pair.
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
    """What one person says of a blind pair. It changes nothing in the index."""

    __tablename__ = "blind_answer"
    blind_pair_id: int = primary_key(foreign_key="blind_pair.id")
    actor: str = text(primary_key=True)
    verdict: str = text()
    at: str = text()


class PracticeAnswerRow(SQLModel, table=True):
    """What one person says of a practice pair, whose truth is known."""

    __tablename__ = "practice_answer"
    actor: str = text(primary_key=True)
    item: int = primary_key()
    verdict: str = text()
    right: bool
    at: str = text()
