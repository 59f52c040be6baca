"""Tables of read marks, mentions, daily mails and short-lived links."""

from sqlalchemy import Index
from sqlmodel import SQLModel

from mpi.storage.columns import bigint, primary_key, text


class NoticeMarkRow(SQLModel, table=True):
    """An answer that a person has read or dismissed.

    The answers themselves are in the tables of steps, consents, owner questions and actions. ``kind`` tells
    which, ``number`` and ``part`` are numbers of the row.
    """

    __tablename__ = "notice_mark"
    person: str = text(primary_key=True)
    kind: str = text(primary_key=True)
    number: int = primary_key()
    part: int = primary_key()
    at: str = text()


class MentionRow(SQLModel, table=True):
    """A person whom a note on a review question mentions."""

    __tablename__ = "mention"
    __table_args__ = (Index("ix_mention_person", "person"),)
    action_id: int = primary_key(foreign_key="task_action.id")
    person: str = text(primary_key=True)


class DigestRow(SQLModel, table=True):
    """Daily mail of a person: its address and its last day.

    ``state`` is ``sending`` from before the mail is handed over until its outcome is known, so that nobody is
    mailed twice for one day; then ``sent`` or ``failed``.
    """

    __tablename__ = "digest"
    person: str = text(primary_key=True)
    address: str = text()
    mailed_on: str | None = text(default=None)
    state: str | None = text(default=None)


class DeskLinkRow(SQLModel, table=True):
    """Short-lived link to the page of a child or question.

    A link to a child stores a record of the child. Only a hash of its token is stored.
    """

    __tablename__ = "desk_link"
    token_hash: str = text(primary_key=True)
    record_id: int | None = bigint(default=None)
    question: str | None = text(default=None)
    made_by: str = text()
    expires_at: str = text(index=True)
