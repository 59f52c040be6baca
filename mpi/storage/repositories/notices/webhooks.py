"""Repository of webhooks: subscriptions of clients to the change feed."""

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy import Connection, delete, insert, select, update

from mpi.storage.repositories.payload_keys import PayloadKeys
from mpi.storage.tables import AnyRow, WebhookRow, table_of

_webhook = table_of(WebhookRow)
PROGRESS_MEMBERS = (
    "state",
    "state_at",
    "generation",
    "cursor",
    "last_message",
    "delivered_at",
    "failures",
    "failing_since",
    "last_failure",
    "next_attempt_at",
)
"""Members of a webhook that its delivery changes."""


class WebhookState(StrEnum):
    """State of a webhook."""

    ACTIVE = "active"
    PAUSED = "paused"
    """A person or client stopped it."""
    DEAD = "dead"
    """Every attempt of a message failed."""
    GONE = "gone"
    """Its receiver answered 410: it wants no more messages."""


@dataclass(frozen=True, slots=True)
class StoredWebhook:
    """A subscription of a client, and how far its delivery is.

    Args:
        code: code of the webhook.
        client: name of the client.
        url: address that messages are sent to.
        purpose: purpose of use under which the client reads; None where it named none.
        state: a ``WebhookState``.
        state_at: since when it has that state (ISO, UTC).
        revision: grows with each change by a person or client.
        secret: signing secret, with ``whsec_``.
        generation: generation of the feed that the receiver knows of.
        cursor: last commit of which every message was delivered.
        created_commit: commit number of its registration.
        former_secret: secret before the last rotation; None for none.
        former_until: until when that one signs too (ISO, UTC).
        last_message: ID of the last message that was delivered; it may be a part of the next commit.
        delivered_at: when it was delivered (ISO, UTC).
        failures: failed attempts of the present message.
        failing_since: first of these (ISO, UTC); None without any.
        last_failure: code of the last failure since the last delivery; None for none.
        next_attempt_at: earliest time of the next attempt (ISO, UTC); None for now.
        worker: process that delivers; empty for none.
        beat: last heartbeat of that process (ISO, UTC).
    """

    code: str
    client: str
    url: str
    purpose: str | None
    state: str
    state_at: str
    revision: int
    secret: str = field(repr=False)
    generation: str
    cursor: int
    created_commit: int
    former_secret: str | None = field(default=None, repr=False)
    former_until: str | None = None
    last_message: str | None = None
    delivered_at: str | None = None
    failures: int = 0
    failing_since: str | None = None
    last_failure: str | None = None
    next_attempt_at: str | None = None
    worker: str = ""
    beat: str = ""


class Webhooks:
    """Repository of webhooks; their secrets are stored encrypted."""

    def __init__(self, connection: Connection, keys: PayloadKeys) -> None:
        self._connection = connection
        self._keys = keys

    def add(self, webhook: StoredWebhook) -> None:
        """Add a webhook."""
        self._connection.execute(insert(_webhook).values(self._to_values(webhook)))

    def find(self, code: str) -> StoredWebhook | None:
        """Return a webhook by code, or None.

        Raises:
            StoreError: its secret was altered, or its key is missing.
        """
        row = self._connection.execute(select(_webhook).where(_webhook.c.code == code)).first()
        return None if row is None else self._to_webhook(row)

    def all(self) -> list[StoredWebhook]:
        """Return every webhook, oldest first."""
        rows = self._connection.execute(select(_webhook).order_by(_webhook.c.created_commit, _webhook.c.code))
        return [self._to_webhook(row) for row in rows]

    def of_client(self, client: str) -> list[StoredWebhook]:
        """Return the webhooks of a client, oldest first."""
        return [each for each in self.all() if each.client == client]

    def has_stopped(self) -> bool:
        """Return whether a webhook is dead or gone."""
        stopped = _webhook.c.state.in_([WebhookState.DEAD.value, WebhookState.GONE.value])
        return self._connection.execute(select(_webhook.c.code).where(stopped).limit(1)).first() is not None

    def change(self, webhook: StoredWebhook, members: Collection[str]) -> None:
        """Store what a person or client changed, as a further revision.

        A delivery under way then stores no position any more.

        Args:
            webhook: the webhook as it shall be.
            members: names of the members that are stored.
        """
        values = {name: value for name, value in self._to_values(webhook).items() if name in members}
        values["revision"] = _webhook.c.revision + 1
        self._connection.execute(update(_webhook).where(_webhook.c.code == webhook.code).values(values))

    def delete(self, code: str) -> None:
        """Delete a webhook with its secrets."""
        self._connection.execute(delete(_webhook).where(_webhook.c.code == code))

    def take_over(self, code: str, old_worker: str, worker: str, moment: str) -> bool:
        """Give the delivery of an active webhook to another process.

        The result says whether it still belonged to the old process.
        """
        result = self._connection.execute(
            update(_webhook)
            .where(
                _webhook.c.code == code,
                _webhook.c.worker == old_worker,
                _webhook.c.state == WebhookState.ACTIVE.value,
            )
            .values(worker=worker, beat=moment)
        )
        return result.rowcount == 1

    def record_beat(self, worker: str, moment: str) -> None:
        """Store a heartbeat of a process for all webhooks that it delivers."""
        self._connection.execute(update(_webhook).where(_webhook.c.worker == worker).values(beat=moment))

    def release(self, worker: str) -> None:
        """Let other processes deliver the webhooks of a process at once."""
        self._connection.execute(
            update(_webhook).where(_webhook.c.worker == worker).values(worker="", beat="")
        )

    def record_progress(self, webhook: StoredWebhook, worker: str) -> bool:
        """Store how far the delivery of a webhook is.

        Args:
            webhook: the webhook, of the revision that the delivery began with.
            worker: process that delivers it.

        Returns:
            False if it belongs to another process or was changed meanwhile; nothing is stored then.
        """
        result = self._connection.execute(
            update(_webhook)
            .where(
                _webhook.c.code == webhook.code,
                _webhook.c.worker == worker,
                _webhook.c.revision == webhook.revision,
            )
            .values({name: getattr(webhook, name) for name in PROGRESS_MEMBERS})
        )
        return result.rowcount == 1

    def _to_values(self, webhook: StoredWebhook) -> dict[str, object]:
        values = {name: getattr(webhook, name) for name in StoredWebhook.__slots__}
        values["secret"] = self._keys.encrypt_text(webhook_secret_place(webhook.code), webhook.secret)
        values["former_secret"] = self._keys.encrypt_optional_text(
            former_secret_place(webhook.code), webhook.former_secret
        )
        return values

    def _to_webhook(self, row: AnyRow) -> StoredWebhook:
        values = {name: getattr(row, name) for name in StoredWebhook.__slots__}
        values["secret"] = self._keys.decrypt_text(webhook_secret_place(row.code), row.secret)
        values["former_secret"] = self._keys.decrypt_optional_text(
            former_secret_place(row.code), row.former_secret
        )
        return StoredWebhook(**values)


def webhook_secret_place(code: str) -> str:
    """Return the place to which a webhook secret's encryption is bound."""
    return f"webhook.secret|{code}"


def former_secret_place(code: str) -> str:
    """Return the place of a webhook's secret before its rotation."""
    return f"webhook.former_secret|{code}"
