"""Pacing of batch writes in short transactions.

No other writer waits long for any of these transactions.
"""

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, TypeVar

from mpi.domain.tuning import DEFAULT_TUNING, PacingTuning
from mpi.domain.viewer import Viewer
from mpi.storage.unit_of_work.database import Database
from mpi.storage.unit_of_work.units import WriteUnit

MAX_ITEMS = 2_000

Item = TypeVar("Item")


@contextmanager
def disable_garbage_collection() -> Iterator[None]:
    """Disable cyclic garbage collection within a context.

    A collection would scan everything that a batch job holds.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def freeze_existing_objects() -> Iterator[None]:
    """Exclude objects that exist now from garbage collection.

    They live until the batch job ends.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def collect_recent_garbage() -> None:
    """Collect cyclic garbage, and let later collections skip what is left.

    A batch job calls it after a step, and a server once it has started.
    """
    gc.collect()
    gc.freeze()


class Pace:
    """Splits batch writing into transactions of equal length with rests between them.

    Args:
        database: the database to write to.
        viewer: who acts.
        kind: kind of the commits.
        on_begin: called at the start of each transaction.
        tuning: lengths of transactions and rests.

    Attributes:
        is_interruptible: whether the work may be interrupted between two transactions.
        rest_factor: length of a rest, as a multiple of the transaction before it.
    """

    def __init__(
        self,
        database: Database,
        viewer: Viewer,
        kind: str,
        on_begin: Callable[[WriteUnit], None] = lambda _unit: None,
        tuning: PacingTuning = DEFAULT_TUNING.pacing,
    ) -> None:
        self._tuning = tuning
        self._database = database
        self._viewer = viewer
        self._kind = kind
        self._on_begin = on_begin
        self.is_interruptible = True
        self.rest_factor = 1.0

    def batches(
        self, items: Sequence[Item], *, initial_items: int = 4, max_items: int = MAX_ITEMS
    ) -> Iterator["PacedBatch[Item]"]:
        """Yield the items in batches that adapt to the measured transaction time."""
        size, start = float(initial_items), 0
        while start < len(items):
            batch = PacedBatch(self, items[start : start + max(1, int(size))])
            yield batch
            start += len(batch.items)
            if batch.duration_s > 0:
                size = min(
                    max(1.0, size * min(2.0, self._tuning.transaction_s / batch.duration_s)), max_items
                )

    @contextmanager
    def transaction(self) -> Iterator[WriteUnit]:
        """Open one write transaction, and rest after it."""
        with disable_garbage_collection(), self._database.write(self._viewer, self._kind) as unit:
            # Wait for the writer lock, which PostgreSQL is asked for in advance.
            unit.wait_for_store()
            started_at = time.perf_counter()
            self._on_begin(unit)
            yield unit
        duration_s = time.perf_counter() - started_at
        if self.is_interruptible:
            # More batches follow, and the work so far can be dropped: an interrupt is still possible.
            self._database.is_commit_begun = False
        rest_s = self.rest_factor * min(duration_s, self._tuning.transaction_s)
        time.sleep(max(self._tuning.rest_s, rest_s))


class PacedBatch(Generic[Item]):
    """Items of one write transaction, and how long the transaction took."""

    def __init__(self, pace: Pace, items: Sequence[Item]) -> None:
        self._pace = pace
        self.items = items
        self.duration_s = 0.0

    @contextmanager
    def transaction(self) -> Iterator[WriteUnit]:
        """Open the write transaction for the items of this batch."""
        started_at = 0.0
        with self._pace.transaction() as unit:
            started_at = time.perf_counter()
            yield unit
            unit.wait_for_store()
            # Without the commit, which takes equally long for one item and for ten.
            self.duration_s = time.perf_counter() - started_at


class AdaptiveBatchSize:
    """Number of items per transaction, which shrinks beside other writers.

    Args:
        max_items: most items of a transaction while nobody else writes.
        contended_items: items of the first transaction beside other writers; later ones adapt to the time
            taken.
        tuning: lengths of transactions and rests.

    Attributes:
        max_items: most items of the next transaction.
    """

    def __init__(
        self, max_items: int, contended_items: int = 20, tuning: PacingTuning = DEFAULT_TUNING.pacing
    ) -> None:
        self._tuning = tuning
        self._largest_size, self._contended_size = max_items, contended_items
        self._contended_until = 0.0
        self._began_at = 0.0
        self.max_items = max_items

    @property
    def _is_contended(self) -> bool:
        return time.monotonic() < self._contended_until

    def note_begin(self, unit: WriteUnit) -> None:
        """Start timing a transaction once it holds the writer's lock."""
        # PostgreSQL is asked for the writer lock in advance.
        unit.wait_for_store()
        self._began_at = time.perf_counter()

    def note_other_writer(self) -> None:
        """Record, before the transaction's work, that another process has written."""
        if not self._is_contended:
            self.max_items = min(self.max_items, self._contended_size)
        self._contended_until = time.monotonic() + self._tuning.contended_for_s

    @contextmanager
    def timed_turn(self) -> Iterator[None]:
        """Time one transaction, and rest afterwards if other processes write too."""
        self._began_at = time.perf_counter()
        yield
        duration_s = time.perf_counter() - self._began_at
        if not self._is_contended:
            self.max_items = min(2 * self.max_items, self._largest_size)
            return
        growth = min(2.0, self._tuning.contended_transaction_s / duration_s)
        self.max_items = max(1, min(int(self.max_items * growth), self._largest_size))
        time.sleep(self._tuning.rest_s)
