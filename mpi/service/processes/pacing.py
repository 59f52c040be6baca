"""Pacing: long work in transactions so short that no other writer waits long for any of them."""

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, TypeVar

from mpi.domain.viewer import Viewer
from mpi.storage.unit_of_work.database import Database
from mpi.storage.unit_of_work.unit import WriteUnit

TARGET_TRANSACTION_S = 0.008
"""What one transaction should take; a writer that comes in the middle of one waits for the rest of it."""
MIN_REST_S = 0.003
"""Between two transactions, so that a writer that waits always comes in before the next."""
MAX_ITEMS = 2_000

CONTENDED_TARGET_S = 0.01
"""What one transaction of a load should take beside others; some five milliseconds are its own part."""
CONTENDED_FOR_S = 30.0
"""For so long after others have written they are taken to be at work still."""

Item = TypeVar("Item")


@contextmanager
def disable_garbage_collection() -> Iterator[None]:
    """Leave the search for cyclic garbage until nobody waits: it goes through all that a long work keeps."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@contextmanager
def freeze_existing_objects() -> Iterator[None]:
    """Search for cyclic garbage in what comes from here on only: what is there stays until the end anyway."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


class Pace:
    """Cuts work into transactions of about one length, each followed by a rest.

    Args:
        database: where it is written.
        viewer: who acts.
        kind: goes on the commits.
        begun: called at the beginning of each transaction.

    Attributes:
        may_stop: whether an interrupt between two transactions leaves nothing behind.
        rests: how many times as long as a transaction took the rest after it is.
    """

    def __init__(
        self,
        database: Database,
        viewer: Viewer,
        kind: str,
        begun: Callable[[WriteUnit], None] = lambda _unit: None,
    ) -> None:
        self._database = database
        self._viewer = viewer
        self._kind = kind
        self._begun = begun
        self.may_stop = True
        self.rests = 1.0

    def parts(
        self, items: Sequence[Item], *, first: int = 4, largest: int = MAX_ITEMS
    ) -> Iterator["PacedBatch[Item]"]:
        """The items in parts, each for one transaction, larger or smaller as those before took."""
        size, place = float(first), 0
        while place < len(items):
            part = PacedBatch(self, items[place : place + max(1, int(size))])
            yield part
            place += len(part.items)
            if part.spent_s > 0:
                size = min(max(1.0, size * min(2.0, TARGET_TRANSACTION_S / part.spent_s)), largest)

    @contextmanager
    def turn(self) -> Iterator[WriteUnit]:
        """One transaction, and a rest after it."""
        with disable_garbage_collection(), self._database.write(self._viewer, self._kind) as unit:
            # For its turn, which a server is asked for ahead.
            unit.wait_for_store()
            began = time.perf_counter()
            self._begun(unit)
            yield unit
        spent = time.perf_counter() - began
        if self.may_stop:
            # There is more to come, and what there is can be dropped: it is not too late to stop.
            self._database.is_commit_begun = False
        time.sleep(max(MIN_REST_S, self.rests * min(spent, TARGET_TRANSACTION_S)))


class PacedBatch(Generic[Item]):
    """Some items of a longer work, and how long their transaction took."""

    def __init__(self, pace: Pace, items: Sequence[Item]) -> None:
        self._pace = pace
        self.items = items
        self.spent_s = 0.0

    @contextmanager
    def turn(self) -> Iterator[WriteUnit]:
        """The transaction for these items."""
        began = 0.0
        with self._pace.turn() as unit:
            began = time.perf_counter()
            yield unit
            unit.wait_for_store()
            # The commit is not counted: it takes as long for one item as for ten.
            self.spent_s = time.perf_counter() - began


class AdaptiveBatchSize:
    """How much a work writes in one transaction: much where nobody else writes, little beside others.

    Unlike ``Pace`` it rests no longer than others need to come in: who loads a file waits for its end.

    Args:
        largest: items of a transaction that nobody waits for.
        beside: of the first beside others; then as many as fit the time.

    Attributes:
        most: how many items the next transaction may have.
    """

    def __init__(self, largest: int, beside: int = 20) -> None:
        self._largest, self._first = largest, beside
        self._until = 0.0
        self._began = 0.0
        self.most = largest

    @property
    def _is_beside(self) -> bool:
        return time.monotonic() < self._until

    def begun(self, unit: WriteUnit) -> None:
        """Take note that the transaction has begun: what it waited for others before is not its own time."""
        # A server is asked for the writer's place ahead.
        unit.wait_for_store()
        self._began = time.perf_counter()

    def others_write(self) -> None:
        """Take note, in a transaction that is yet to do its work, that others have written meanwhile."""
        if not self._is_beside:
            self.most = min(self.most, self._first)
        self._until = time.monotonic() + CONTENDED_FOR_S

    @contextmanager
    def turn(self) -> Iterator[None]:
        """One transaction, and beside others a rest after it, in which they come in."""
        self._began = time.perf_counter()
        yield
        spent = time.perf_counter() - self._began
        if not self._is_beside:
            self.most = min(2 * self.most, self._largest)
            return
        self.most = max(1, min(int(self.most * min(2.0, CONTENDED_TARGET_S / spent)), self._largest))
        time.sleep(MIN_REST_S)
