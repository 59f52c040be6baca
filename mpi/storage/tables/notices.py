"""Tables of read marks, mentions, daily mails, short-lived links and webhooks."""

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


class WebhookRow(SQLModel, table=True):
    """Subscription of a client: an address that gets the change feed.

    ``state`` is ``active``, ``paused``, ``dead`` or ``gone``, since ``state_at``. ``revision`` grows with
    each change by a person or client, so that a delivery under way notices it. ``secret`` and
    ``former_secret`` are encrypted. ``cursor`` is the last commit of which every message was delivered,
    in the feed's ``generation``; ``last_message`` is the ID of the last message that was delivered, which
    may be of the next commit. ``failures`` counts the attempts of the present message. ``worker`` is the
    process that delivers, and ``beat`` that process's last heartbeat.
    """

    __tablename__ = "webhook"
    __table_args__ = (Index("ix_webhook_client", "client"),)
    code: str = text(primary_key=True)
    client: str = text()
    url: str = text()
    purpose: str | None = text(default=None)
    state: str = text()
    state_at: str = text()
    revision: int = bigint()
    secret: str = text()
    former_secret: str | None = text(default=None)
    former_until: str | None = text(default=None)
    generation: str = text()
    cursor: int = bigint()
    last_message: str | None = text(default=None)
    delivered_at: str | None = text(default=None)
    failures: int = bigint(default=0)
    failing_since: str | None = text(default=None)
    last_failure: str | None = text(default=None)
    next_attempt_at: str | None = text(default=None)
    worker: str = text(default="")
    beat: str = text(default="")
    created_commit: int = bigint()
