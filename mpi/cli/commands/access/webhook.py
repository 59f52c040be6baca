"""Commands ``mpi webhook …``: addresses to which the change feed is sent."""

from __future__ import annotations

import signal
import threading
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.output import JsonFlag, print_json, print_note, print_table, show_facts

if TYPE_CHECKING:
    from mpi.service.webhooks.subscriptions import Webhook, WebhookSecret

CodeArgument = Annotated[str, typer.Argument(metavar="CODE", help="The webhook.")]
_AFTER = "Cursor of the feed after which it begins."


def add(
    client: Annotated[str, typer.Argument(help="The client whose feed is sent.")],
    url: Annotated[str, typer.Argument(help="The https address of the receiver.")],
    after: Annotated[int, typer.Option(min=0, metavar="CURSOR", help=_AFTER)] = 0,
    purpose: Annotated[
        str | None, typer.Option(metavar="PURPOSE", help="The purpose of use on the ledger.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Register a webhook of a client and show its secret once."""
    from mpi.service.webhooks import subscriptions

    with open_session(for_look_up=True) as session:
        registered = subscriptions.register_webhook(
            session.index, session.viewer, url, after, client, purpose
        )
    _show_secret(registered, as_json=as_json)


def list_all(as_json: JsonFlag = False) -> None:
    """List the webhooks and how far each is."""
    from mpi.service.webhooks import subscriptions

    with open_session(for_look_up=True) as session:
        webhooks = subscriptions.list_webhooks(session.index, session.viewer)
    if as_json:
        print_json([asdict(webhook) for webhook in webhooks])
        return
    print_table(
        ("code", "client", "url", "state", "since", "cursor", "failures", "last failure", "next attempt"),
        [
            (
                webhook.code,
                webhook.client,
                webhook.url,
                webhook.state,
                webhook.state_since[:19],
                webhook.cursor,
                webhook.failures,
                webhook.last_failure or "",
                (webhook.next_attempt_at or "")[:19],
            )
            for webhook in webhooks
        ],
    )


def rotate(
    code: CodeArgument,
    overlap_hours: Annotated[
        int, typer.Option("--overlap-hours", metavar="HOURS", help="Hours for which both secrets sign.")
    ] = 24,
    as_json: JsonFlag = False,
) -> None:
    """Give a webhook another secret and show it once."""
    from mpi.service.webhooks import subscriptions

    with open_session(for_look_up=True) as session:
        rotated = subscriptions.rotate_secret(session.index, session.viewer, code, overlap_hours)
    _show_secret(rotated, as_json=as_json)


def pause(code: CodeArgument, as_json: JsonFlag = False) -> None:
    """Stop a webhook until it is resumed."""
    from mpi.service.webhooks import subscriptions

    with open_session(for_look_up=True) as session:
        webhook = subscriptions.pause_webhook(session.index, session.viewer, code)
    _show(webhook, as_json=as_json)


def resume(code: CodeArgument, as_json: JsonFlag = False) -> None:
    """Resume a webhook from its own cursor.

    It may be paused, dead or gone. Nothing is lost.
    """
    from mpi.service.webhooks import subscriptions

    with open_session(for_look_up=True) as session:
        webhook = subscriptions.resume_webhook(session.index, session.viewer, code)
    _show(webhook, as_json=as_json)


def replay(
    code: CodeArgument,
    after: Annotated[int, typer.Option(min=0, metavar="CURSOR", help=_AFTER)],
    as_json: JsonFlag = False,
) -> None:
    """Resume a webhook from another cursor."""
    from mpi.service.webhooks import subscriptions

    with open_session(for_look_up=True) as session:
        webhook = subscriptions.resume_webhook(session.index, session.viewer, code, after)
    _show(webhook, as_json=as_json)


def send_test(code: CodeArgument, as_json: JsonFlag = False) -> None:
    """Send a test message to a webhook."""
    from mpi.service.webhooks import subscriptions

    with open_session(for_look_up=True) as session:
        result = subscriptions.send_test(session.index, session.viewer, code)
    show_facts(asdict(result), as_json=as_json)


def remove(code: CodeArgument, as_json: JsonFlag = False) -> None:
    """Remove a webhook and destroy its secrets."""
    from mpi.service.webhooks import subscriptions

    with open_session(for_look_up=True) as session:
        webhook = subscriptions.remove_webhook(session.index, session.viewer, code)
    _show(webhook, as_json=as_json)


def deliver(
    once: Annotated[bool, typer.Option("--once", help="Deliver what is due now, and end.")] = False,
) -> None:
    """Deliver webhooks until Ctrl-C.

    The server does so too, unless MPI_WEBHOOK_DELIVERY=command. Several may run: each webhook is delivered by
    one of them at a time.
    """
    from mpi.service.webhooks.worker import WebhookWorker

    with open_session(for_look_up=True) as session:
        worker = WebhookWorker(lambda: session.index)
        if once:
            worker.deliver_due()
            return
        stop_requested = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop_requested.set())
        worker.start()
        print_note("delivering webhooks; Ctrl-C stops it")
        stop_requested.wait()
        worker.stop()


def _show_secret(registered: WebhookSecret, *, as_json: bool) -> None:
    facts = {
        "code": registered.webhook.code,
        "client": registered.webhook.client,
        "secret": registered.secret,
    }
    show_facts(facts, as_json=as_json)
    if not as_json:
        print_note("the secret is shown this once: keep it where keys are kept")


def _show(webhook: Webhook, *, as_json: bool) -> None:
    show_facts(asdict(webhook), as_json=as_json)
