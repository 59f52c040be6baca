"""Background worker that delivers webhooks.

Each process may run one. A webhook belongs to one process at a time, by a lease with a heartbeat; another
process takes it over once that one is gone. What is left to deliver follows from the stored position alone.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

from mpi.domain import clock
from mpi.domain.errors import MpiError, StoreError, describe_origin
from mpi.domain.viewer import make_operator
from mpi.service.core.index import Index
from mpi.service.processes.worker_liveness import is_worker_alive, worker_name
from mpi.service.webhooks.addresses import AddressRules
from mpi.service.webhooks.delivery import COMMIT_KIND, Delivery, Progress
from mpi.service.webhooks.receiver import Receiver
from mpi.storage.repositories.notices.webhooks import StoredWebhook, WebhookState
from mpi.storage.unit_of_work.database import Lock

THREADS = 8
"""Webhooks that one process delivers at the same time."""
HEARTBEAT_S = 10.0
"""Seconds between two heartbeats."""
_log = logging.getLogger("mpi.webhooks")


class WebhookWorker:
    """Background thread that delivers the webhooks of an index.

    Args:
        index: returns the open index, which another model may replace.
    """

    def __init__(self, index: Callable[[], Index]) -> None:
        self._index = index
        self._stop_requested = threading.Event()
        self._thread = threading.Thread(target=self._work, name="webhooks", daemon=True)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="webhook")
        self._owned: set[str] = set()
        self._deliveries: dict[str, Delivery] = {}
        self._running: dict[str, Future[None]] = {}
        self._all_sent: dict[str, tuple[int, int]] = {}
        self._worker = worker_name()
        self._beat_at = 0.0

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the current messages, and let other processes go on."""
        self._stop_requested.set()
        self._thread.join()

    def _work(self) -> None:
        """Deliver until ``stop`` is called."""
        while not self._stop_requested.wait(self._index().tuning.request.webhook_poll_s):
            try:
                for webhook, last_commit in self._take_due():
                    self._running[webhook.code] = self._pool.submit(self._deliver, webhook, last_commit)
            except MpiError as error:
                _log.warning("webhooks were not delivered: %s (%s)", error, describe_origin(error))
        self._end()

    def deliver_due(self) -> None:
        """Deliver what is due now, in this thread, and end."""
        try:
            for webhook, last_commit in self._take_due():
                self._deliver(webhook, last_commit)
        finally:
            self._end()

    def _take_due(self) -> list[tuple[StoredWebhook, int]]:
        """Return the webhooks to deliver here, each with its last commit.

        Those of processes that are gone are taken over.
        """
        index, now = self._index(), clock.format_timestamp(clock.now())
        with index.database.read(make_operator("worker")) as unit:
            webhooks, last_commit = unit.webhooks.all(), unit.last_commit()
        self._running = {code: future for code, future in self._running.items() if not future.done()}
        owned = [
            replace(each, worker=self._worker)
            for each in webhooks
            if each.state == WebhookState.ACTIVE and (each.worker == self._worker or self._take(each, now))
        ]
        self._owned = {each.code for each in owned}
        self._close_all_but(self._owned | self._running.keys())
        self._beat(now)
        return [
            (each, last_commit)
            for each in owned
            if each.code not in self._running
            and (each.next_attempt_at or "") <= now
            and self._all_sent.get(each.code) != (each.revision, last_commit)
        ]

    def _take(self, webhook: StoredWebhook, now: str) -> bool:
        """Take over a webhook whose process is gone; return whether it worked."""
        if is_worker_alive(webhook.worker, webhook.beat):
            return False
        with self._index().database.write(make_operator("worker"), COMMIT_KIND, Lock.NONE) as unit:
            return unit.webhooks.take_over(webhook.code, webhook.worker, self._worker, now)

    def _beat(self, now: str) -> None:
        """Store a heartbeat if it is due and this process has webhooks."""
        if not self._owned or time.monotonic() - self._beat_at < HEARTBEAT_S:
            return
        with self._index().database.write(make_operator("worker"), COMMIT_KIND, Lock.NONE) as unit:
            unit.webhooks.record_beat(self._worker, now)
        self._beat_at = time.monotonic()

    def _deliver(self, webhook: StoredWebhook, last_commit: int) -> None:
        """Deliver a webhook until nothing is left or an attempt fails.

        It ends too when the process is to end.
        """
        delivery = self._deliveries.get(webhook.code)
        if delivery is None:
            receiver = Receiver(webhook.url, AddressRules(self._index().settings.webhook_networks))
            delivery = Delivery(receiver, self._worker, self._stop_requested.is_set)
            self._deliveries[webhook.code] = delivery
        progress, moved = Progress.SENT, webhook
        try:
            while progress is Progress.SENT and not self._stop_requested.is_set():
                progress, moved = delivery.deliver_page(self._index(), moved)
        except MpiError as error:
            _log.warning("webhook %s was not delivered: %s (%s)", webhook.code, error, describe_origin(error))
        except Exception as error:  # noqa: BLE001 - the message may hold personal data; only the type is logged
            _log.warning("webhook %s was not delivered: %s", webhook.code, type(error).__name__)
        if progress is Progress.ALL_SENT:
            self._all_sent[webhook.code] = (webhook.revision, last_commit)
        if moved.state != WebhookState.ACTIVE:
            _log.warning("webhook %s is %s: mpi webhook list tells more", webhook.code, moved.state)

    def _close_all_but(self, codes: set[str]) -> None:
        """Close the connections of webhooks that this process delivers no more."""
        for code in self._deliveries.keys() - codes:
            self._deliveries.pop(code).receiver.close()

    def _end(self) -> None:
        """Wait for messages being sent, and let other processes go on."""
        self._pool.shutdown()
        self._close_all_but(set())
        if not self._owned:
            return
        # A store that is gone is no matter: another process notices that this one has ended.
        with (
            suppress(StoreError),
            self._index().database.write(make_operator("worker"), COMMIT_KIND, Lock.NONE) as unit,
        ):
            unit.webhooks.release(self._worker)
