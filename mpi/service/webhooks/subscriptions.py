"""Subscriptions of clients to webhooks: register, rotate, pause, resume, replay, test, remove."""

import base64
import secrets
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import timedelta

from mpi.domain import clock
from mpi.domain.errors import AccessDenied, ConflictError, InputError, NotFoundError
from mpi.domain.viewer import Action, Viewer, require_any_permission, require_permission
from mpi.service.access.administration_log import Subject, log_change
from mpi.service.access.clients import has_rights_of
from mpi.service.core.index import Index
from mpi.service.persons.change_feed import require_feed_access, require_known_cursor
from mpi.service.webhooks.addresses import AddressRules, check_url
from mpi.service.webhooks.delivery import COMMIT_KIND, find_subscriber, read_generation
from mpi.service.webhooks.messages import build_test_message
from mpi.service.webhooks.receiver import Receiver
from mpi.storage.repositories.notices.webhooks import (
    PROGRESS_MEMBERS,
    StoredWebhook,
    WebhookState,
)
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

MAX_WEBHOOKS = 10
"""Webhooks of one client."""
MAX_OVERLAP_HOURS = 30 * 24
"""Most hours for which the secret before a rotation signs too."""
SECRET_PREFIX = "whsec_"  # noqa: S105 - a prefix, no secret
_SECRET_BYTES = 32
_MANAGERS = (Action.CROSSWALK_READ, Action.CLIENT_ADMIN)
"""Rights of which one is needed to manage webhooks: a client's own, or those of others."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook without its secret, for its client and the operator.

    Args:
        code: its code.
        client: name of the client whose feed it carries.
        url: address that messages are sent to.
        purpose: purpose of use on the ledger; None where the client named none.
        state: ``active``, ``paused``, ``dead`` (all attempts of a message failed) or ``gone`` (its receiver
            answered 410).
        state_since: since when (ISO, UTC).
        generation: generation of the feed that its receiver was told of.
        cursor: last commit that was delivered whole; where it began before the first.
        delivered_at: when a message was last delivered (ISO, UTC).
        failures: failed attempts of the present message.
        failing_since: first of these (ISO, UTC).
        last_failure: why the last attempt failed, as a code; None since the last delivery.
        next_attempt_at: time of the next attempt (ISO, UTC); None if nothing waits for it.
        former_secret_until: until when the secret before a rotation signs too (ISO, UTC).
    """

    code: str
    client: str
    url: str
    purpose: str | None
    state: str
    state_since: str
    generation: str
    cursor: int
    delivered_at: str | None
    failures: int
    failing_since: str | None
    last_failure: str | None
    next_attempt_at: str | None
    former_secret_until: str | None


@dataclass(frozen=True, slots=True)
class WebhookSecret:
    """A webhook with its secret, which is shown once.

    Args:
        webhook: the webhook.
        secret: secret that signs its messages, with ``whsec_``.
    """

    webhook: Webhook
    secret: str


@dataclass(frozen=True, slots=True)
class WebhookTest:
    """Outcome of a test message.

    Args:
        is_delivered: whether the receiver answered with a status of 200 to 299.
        status: status of its answer; None without one.
        failure: why it failed, as a code; None if it was delivered.
    """

    is_delivered: bool
    status: int | None
    failure: str | None


def register_webhook(
    index: Index,
    viewer: Viewer,
    url: str,
    after: int = 0,
    client: str | None = None,
    purpose: str | None = None,
) -> WebhookSecret:
    """Register an address to which the change feed is sent.

    Args:
        index: the open index.
        viewer: the client itself, or an operator with every right of the client.
        url: https address of the receiver.
        after: cursor of the feed after which it begins; 0 from the beginning.
        client: name of the client, for an operator; None for the viewer itself.
        purpose: purpose of use of that client; ignored without one, since the viewer has named its own.

    Raises:
        InputError: the URL cannot be called.
        NotFoundError: the client does not exist.
        ConflictError: the client has this webhook or too many, or the cursor is ahead of the index.
        AccessDenied: the client may not read the change feed, or the viewer has less than the client.
    """
    subscriber = viewer if client is None else _become_client(index, viewer, client, purpose)
    require_feed_access(subscriber)
    check_url(url, AddressRules(index.settings.webhook_networks))
    secret = _make_secret()
    generation = read_generation(index)
    with index.database.write(viewer, COMMIT_KIND) as unit:
        existing = unit.webhooks.of_client(subscriber.client)
        if any(each.url == url for each in existing):
            raise ConflictError("this client has a webhook of this address: remove or replay that one")
        if len(existing) >= MAX_WEBHOOKS:
            raise ConflictError(f"a client has at most {MAX_WEBHOOKS} webhooks: remove one first")
        require_known_cursor(unit, after)
        webhook = StoredWebhook(
            code=index.keyed_hash.to_case_code("webhook", unit.commit_no),
            client=subscriber.client,
            url=url,
            purpose=subscriber.purpose,
            state=WebhookState.ACTIVE,
            state_at=clock.format_timestamp(clock.now()),
            revision=1,
            secret=secret,
            generation=generation,
            cursor=after,
            created_commit=unit.commit_no,
        )
        unit.webhooks.add(webhook)
        log_change(unit, Subject.CLIENT, subscriber.client, "webhook-add", webhook=webhook.code)
    return WebhookSecret(_view(webhook), secret)


def list_webhooks(index: Index, viewer: Viewer) -> list[Webhook]:
    """Return the viewer's own webhooks, oldest first.

    An operator also gets those of clients whose rights it has.

    Raises:
        AccessDenied: the viewer may neither read the change feed nor administer clients.
    """
    require_any_permission(viewer, _MANAGERS)
    with index.database.read(viewer) as unit:
        return [_view(each) for each in unit.webhooks.all() if _may_manage(unit, viewer, each)]


def show_webhook(index: Index, viewer: Viewer, code: str) -> Webhook:
    """Return a webhook of the viewer.

    Raises:
        NotFoundError: the viewer has no webhook of that code.
        AccessDenied: the viewer may neither read the change feed nor administer clients.
    """
    with index.database.read(viewer) as unit:
        return _view(_find(unit, viewer, code))


def rotate_secret(index: Index, viewer: Viewer, code: str, overlap_hours: int = 24) -> WebhookSecret:
    """Give a webhook another secret, shown once; both sign for a time.

    Args:
        index: the open index.
        viewer: its client, or an operator.
        code: code of the webhook.
        overlap_hours: hours for which the present secret signs too; 0 to end it at once.

    Raises:
        InputError: the hours are too many.
        NotFoundError: the viewer has no webhook of that code.
        AccessDenied: the viewer may neither read the change feed nor administer clients.
    """
    if not 0 <= overlap_hours <= MAX_OVERLAP_HOURS:
        raise InputError(f"overlap_hours: give 0 to {MAX_OVERLAP_HOURS} hours")
    secret = _make_secret()
    with index.database.write(viewer, COMMIT_KIND) as unit:
        webhook = _find(unit, viewer, code)
        until = clock.format_timestamp(clock.now() + timedelta(hours=overlap_hours))
        former = (webhook.secret, until) if overlap_hours else (None, None)
        rotated = replace(webhook, secret=secret, former_secret=former[0], former_until=former[1])
        _change(unit, rotated, ("secret", "former_secret", "former_until"), "webhook-rotate")
    return WebhookSecret(_view(rotated), secret)


def pause_webhook(index: Index, viewer: Viewer, code: str) -> Webhook:
    """Stop the delivery of a webhook, until it is resumed.

    Raises:
        NotFoundError: the viewer has no webhook of that code.
        ConflictError: it is not active.
        AccessDenied: the viewer may neither read the change feed nor administer clients.
    """
    with index.database.write(viewer, COMMIT_KIND) as unit:
        webhook = _find(unit, viewer, code)
        if webhook.state != WebhookState.ACTIVE:
            raise ConflictError(f"the webhook is {webhook.state}: nothing is sent")
        paused = replace(webhook, state=WebhookState.PAUSED, state_at=clock.format_timestamp(clock.now()))
        _change(unit, paused, ("state", "state_at"), "webhook-pause")
        return _view(paused)


def resume_webhook(index: Index, viewer: Viewer, code: str, after: int | None = None) -> Webhook:
    """Deliver a webhook again, from its cursor or from another one (replay).

    The attempts of the present message begin anew.

    Args:
        index: the open index.
        viewer: its client, or an operator.
        code: code of the webhook, in any state.
        after: cursor of the feed after which it goes on; None for its own.

    Raises:
        NotFoundError: the viewer has no webhook of that code.
        ConflictError: the cursor is ahead of the index.
        AccessDenied: the viewer may neither read the change feed nor administer clients.
    """
    with index.database.write(viewer, COMMIT_KIND) as unit:
        webhook = _find(unit, viewer, code)
        active = replace(
            webhook,
            state=WebhookState.ACTIVE,
            state_at=clock.format_timestamp(clock.now()),
            failures=0,
            failing_since=None,
            last_failure=None,
            next_attempt_at=None,
        )
        if after is not None:
            require_known_cursor(unit, after)
            active = replace(active, cursor=after, last_message=None)
        members = [name for name in PROGRESS_MEMBERS if getattr(active, name) != getattr(webhook, name)]
        _change(unit, active, members, "webhook-resume" if after is None else "webhook-replay")
        return _view(active)


def remove_webhook(index: Index, viewer: Viewer, code: str) -> Webhook:
    """Remove a webhook and destroy its secrets; return it as it was.

    Raises:
        NotFoundError: the viewer has no webhook of that code.
        AccessDenied: the viewer may neither read the change feed nor administer clients.
    """
    with index.database.write(viewer, COMMIT_KIND) as unit:
        webhook = _find(unit, viewer, code)
        unit.ensure_commit()
        unit.webhooks.delete(code)
        log_change(unit, Subject.CLIENT, webhook.client, "webhook-remove", webhook=code)
        return _view(webhook)


def send_test(index: Index, viewer: Viewer, code: str) -> WebhookTest:
    """Send a message that tells of nothing to a webhook's receiver, once.

    Raises:
        NotFoundError: the viewer has no webhook of that code.
        AccessDenied: the viewer may neither read the change feed nor administer clients.
    """
    with index.database.read(viewer) as unit:
        webhook = _find(unit, viewer, code)
    receiver = Receiver(webhook.url, AddressRules(index.settings.webhook_networks))
    try:
        outcome = receiver.send(build_test_message(index.keyed_hash, code), [webhook.secret])
    finally:
        receiver.close()
    return WebhookTest(outcome.failure is None, outcome.status, outcome.failure)


def _become_client(index: Index, viewer: Viewer, name: str, purpose: str | None) -> Viewer:
    """Return a client as viewer, for an operator with all its rights.

    Whoever names the address gets what the client may read.

    Raises:
        NotFoundError: the client does not exist.
        NotAuthenticated: its key was revoked or has expired.
        AccessDenied: the viewer may not administer clients, or has less than the client.
    """
    require_permission(viewer, Action.CLIENT_ADMIN)
    with index.database.read(viewer) as unit:
        record = unit.clients.find_by_name(name)
    if record is None:
        raise NotFoundError(f"there is no client {name!r}")
    if not has_rights_of(viewer, record.client):
        raise AccessDenied("a webhook can be registered by somebody who may do all that its client may")
    return find_subscriber(index, name, purpose)


def _find(unit: ReadUnit, viewer: Viewer, code: str) -> StoredWebhook:
    """Return a webhook that the viewer may manage.

    Raises:
        NotFoundError: there is none of that code.
        AccessDenied: the viewer may neither read the change feed nor administer clients.
    """
    require_any_permission(viewer, _MANAGERS)
    webhook = unit.webhooks.find(code) if code.isalnum() else None
    if webhook is None or not _may_manage(unit, viewer, webhook):
        raise NotFoundError("there is no such webhook")
    return webhook


def _may_manage(unit: ReadUnit, viewer: Viewer, webhook: StoredWebhook) -> bool:
    """Return whether the viewer may manage a webhook.

    It is the viewer's own, or of a client whose rights an operator has.
    """
    if webhook.client == viewer.client:
        return True
    if Action.CLIENT_ADMIN not in viewer.actions:
        return False
    record = unit.clients.find_by_name(webhook.client)
    return record is not None and has_rights_of(viewer, record.client)


def _change(unit: WriteUnit, webhook: StoredWebhook, members: Collection[str], act: str) -> None:
    """Store a change of a webhook, and log it."""
    unit.ensure_commit()
    unit.webhooks.change(webhook, members)
    log_change(unit, Subject.CLIENT, webhook.client, act, webhook=webhook.code)


def _make_secret() -> str:
    """Return a random secret of 256 bits in the specification's form."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def _view(webhook: StoredWebhook) -> Webhook:
    now = clock.format_timestamp(clock.now())
    return Webhook(
        code=webhook.code,
        client=webhook.client,
        url=webhook.url,
        purpose=webhook.purpose,
        state=str(webhook.state),
        state_since=webhook.state_at,
        generation=webhook.generation,
        cursor=webhook.cursor,
        delivered_at=webhook.delivered_at,
        failures=webhook.failures,
        failing_since=webhook.failing_since,
        last_failure=webhook.last_failure,
        next_attempt_at=webhook.next_attempt_at,
        former_secret_until=webhook.former_until if (webhook.former_until or "") > now else None,
    )
