"""Delivery of the feed to the receiver of one webhook.

One call reads a page as the client would read it, under the rights that it has at that moment, sends its
messages one after another, and stores how far it came. A process that is killed in between sends some
messages again.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum, auto

from mpi.domain import clock
from mpi.domain.errors import AccessDenied, ConflictError, NotAuthenticated
from mpi.domain.viewer import Viewer, make_operator
from mpi.service.access.client_authentication import viewer_from_client
from mpi.service.core.disclosure import state_redisclosure
from mpi.service.core.index import Index
from mpi.service.persons.change_feed import read_changes_to_send
from mpi.service.webhooks.messages import (
    Message,
    build_messages,
    build_restored_message,
    skip_delivered,
)
from mpi.service.webhooks.receiver import Outcome, Receiver
from mpi.service.webhooks.retry_schedule import plan_attempt
from mpi.storage.repositories.notices.webhooks import StoredWebhook, WebhookState
from mpi.storage.unit_of_work.database import Lock

BATCH_S = 2.0
"""Seconds after which a batch ends, so that the rights are looked at again and the position is stored."""
FIRST_PAGE, LARGEST_PAGE = 10, 100
"""Events of the first page for a receiver whose speed is not known, and of the largest page."""
NOT_PERMITTED, CURSOR_AHEAD = "not-permitted", "cursor-ahead"
"""Failures of a webhook whose client may not read the feed, or not from this cursor, at present."""
UNREADABLE_PAUSE = timedelta(minutes=1)
"""Pause until such a feed is read again."""
COMMIT_KIND = "webhook"


class Progress(Enum):
    """What a call achieved."""

    ALL_SENT = auto()
    """There was nothing to send."""
    SENT = auto()
    """Messages were delivered, and there may be more."""
    STOPPED = auto()
    """An attempt failed, the webhook was changed meanwhile, or another process delivers it."""


@dataclass(frozen=True, slots=True)
class _Page:
    """Messages of a page of the feed.

    Args:
        messages: the messages, in order; none at the end of the feed.
        redisclosure: statement of the client's agreement that they may not be passed on, if it makes one.
        remember_end: remembers, after a durable write, that there were no changes.
    """

    messages: Sequence[Message]
    redisclosure: str | None = None
    remember_end: Callable[[], None] = lambda: None


@dataclass(slots=True)
class Delivery:
    """Delivery of one webhook by this process.

    Args:
        receiver: its receiver.
        worker: name of this process.
        is_stopping: whether the process is to end.
        page_events: events of the next page: about as many as were delivered in the time of a batch.
    """

    receiver: Receiver
    worker: str
    is_stopping: Callable[[], bool] = lambda: False
    page_events: int = FIRST_PAGE

    def deliver_page(self, index: Index, webhook: StoredWebhook) -> tuple[Progress, StoredWebhook]:
        """Send the next page of the feed, and store the progress.

        Args:
            index: the open index.
            webhook: the webhook, which this process has taken over.

        Returns:
            What was achieved, and the webhook with its new position.

        Raises:
            StoreError: the store cannot be read or written.
        """
        try:
            page = _read_page(index, webhook, self.page_events)
        except (AccessDenied, NotAuthenticated):
            return Progress.STOPPED, self._store(index, _wait(webhook, NOT_PERMITTED)) or webhook
        except ConflictError:
            return Progress.STOPPED, self._store(index, _wait(webhook, CURSOR_AHEAD)) or webhook
        if not page.messages:
            # A durable write, after which quiet cursors may be remembered.
            stored = self._store(index, replace(webhook, last_failure=None, next_attempt_at=None))
            page.remember_end()
            return Progress.STOPPED if stored is None else Progress.ALL_SENT, stored or webhook
        delivered, outcome = self._send_all(page, _list_secrets(webhook))
        self.page_events = 1 if outcome else min(2 * len(delivered), LARGEST_PAGE)
        moved = _move(webhook, delivered)
        stored = self._store(index, moved if outcome is None else _fail(moved, outcome))
        if stored is None or outcome is not None:
            return Progress.STOPPED, stored or webhook
        return Progress.SENT, stored

    def _send_all(self, page: _Page, secrets: Sequence[str]) -> tuple[list[Message], Outcome | None]:
        """Send messages in order; return those delivered and the first failure."""
        delivered: list[Message] = []
        end = time.monotonic() + BATCH_S
        for message in page.messages:
            outcome = self.receiver.send(message, secrets, page.redisclosure)
            if outcome.failure is not None:
                return delivered, outcome
            delivered.append(message)
            if self.is_stopping() or time.monotonic() > end:
                break
        return delivered, None

    def _store(self, index: Index, webhook: StoredWebhook) -> StoredWebhook | None:
        """Store the delivery's progress; None if it was taken or changed."""
        with index.database.write(make_operator("worker"), COMMIT_KIND, Lock.NONE) as unit:
            return webhook if unit.webhooks.record_progress(webhook, self.worker) else None


def find_subscriber(index: Index, client_name: str, purpose: str | None) -> Viewer:
    """Return a client as viewer of the feed, with its present rights.

    Raises:
        NotAuthenticated: the client does not exist, or its key was revoked or has expired.
    """
    with index.database.read(make_operator("worker")) as unit:
        record = unit.clients.find_by_name(client_name)
        if record is None or record.revoked_commit is not None:
            raise NotAuthenticated("there is no client of this name whose key opens the index")
        return viewer_from_client(index, unit, record.client, purpose)


def read_generation(index: Index) -> str:
    """Return the present generation of the feed."""
    with index.database.read(make_operator("worker")) as unit:
        info = unit.configs.index_info()
    return "" if info is None else info.generation


def _read_page(index: Index, webhook: StoredWebhook, page_events: int) -> _Page:
    """Return the next messages, as the client may read them now.

    Raises:
        AccessDenied: the client may not read the feed.
        NotAuthenticated: the client's key was revoked or has expired.
        ConflictError: the cursor is ahead of the index.
    """
    viewer = find_subscriber(index, webhook.client, webhook.purpose)
    generation = read_generation(index)
    if generation != webhook.generation:
        return _Page([build_restored_message(index.keyed_hash, webhook.code, generation)])
    page, remember_end = read_changes_to_send(index, viewer, webhook.cursor, page_events)
    messages = list(build_messages(index.keyed_hash, webhook.code, page, index.tuning.request.webhook_events))
    unsent = skip_delivered(messages, webhook.last_message)
    return _Page(unsent, state_redisclosure(viewer), remember_end)


def _list_secrets(webhook: StoredWebhook) -> list[str]:
    """Return the secrets that sign; the former one signs for a time."""
    now = clock.format_timestamp(clock.now())
    is_former_valid = webhook.former_secret is not None and (webhook.former_until or "") > now
    return [webhook.secret, *([webhook.former_secret or ""] if is_former_valid else [])]


def _move(webhook: StoredWebhook, delivered: Sequence[Message]) -> StoredWebhook:
    """Return the webhook after messages were delivered."""
    if not delivered:
        return webhook
    completed = [message.completes for message in delivered if message.completes is not None]
    return replace(
        webhook,
        cursor=completed[-1] if completed else webhook.cursor,
        generation=delivered[-1].generation,
        last_message=delivered[-1].id,
        delivered_at=clock.format_timestamp(clock.now()),
        failures=0,
        failing_since=None,
        last_failure=None,
        next_attempt_at=None,
    )


def _fail(webhook: StoredWebhook, outcome: Outcome) -> StoredWebhook:
    """Return the webhook after a failed attempt: waiting, dead or gone."""
    now = clock.now()
    moment = clock.format_timestamp(now)
    failures = webhook.failures + 1
    next_attempt = None if outcome.is_gone else plan_attempt(failures, now, outcome.retry_after_s)
    failed = replace(
        webhook,
        failures=failures,
        failing_since=webhook.failing_since or moment,
        last_failure=outcome.failure,
        next_attempt_at=None if next_attempt is None else clock.format_timestamp(next_attempt),
    )
    if next_attempt is not None:
        return failed
    return replace(failed, state=WebhookState.GONE if outcome.is_gone else WebhookState.DEAD, state_at=moment)


def _wait(webhook: StoredWebhook, failure: str) -> StoredWebhook:
    """Return the webhook while its feed cannot be read.

    That counts as no failed attempt.
    """
    return replace(
        webhook,
        last_failure=failure,
        next_attempt_at=clock.format_timestamp(clock.now() + UNREADABLE_PAUSE),
    )
