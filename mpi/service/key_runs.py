"""Where the blocking keys of a load go: into runs, and from there among all, in short transactions.

A run is searched like all the others, so that whoever is interrupted leaves an index that is sound; what a
load left is merged by the next, by ``mpi rebuild``, or by whoever serves.
"""

import time
from contextlib import suppress

from mpi.domain.errors import MpiError
from mpi.domain.viewer import Viewer
from mpi.service.context import Index
from mpi.service.pacing import Pace, Portions
from mpi.service.reindex import Progress
from mpi.storage.database import Database
from mpi.storage.unit import WriteUnit

RUN_RECORDS = 10_000
"""Whose keys a run holds: each transaction that adds to it writes nearly all of its pages."""
MERGED_RECORDS, MERGED_SHARE = 200_000, 10
"""Whose keys wait before they are merged, or a tenth of the index where that is more: a merge writes every
page of all keys, so that fewer cost more to merge; more cost more to be searched beside all."""
LARGE_RECORDS = 30_000
"""From this many records on the table of all has so many pages that a run is worth its merge."""
FEW_STATEMENTS = 500
"""A file of fewer writes its keys among all: they would be merged by themselves."""

_ROWS, _ROWS_BESIDE = 100_000, 1_000
"""Keys of a transaction that merges, and of the first beside others: a thousand take two milliseconds."""
MERGING, KIND = "merging keys", "merge"
LEFT_S = 600.0
"""When no run has been begun for so long, no load is at work on those that there are."""


class KeyRuns:
    """The runs of one load.

    Args:
        index: the open index.
        viewer: who loads.
        statements: how many the file has.
        progress: told of long steps.

    Attributes:
        last_commit: the load's own last, by which it is seen that others have written since.
    """

    def __init__(self, index: Index, viewer: Viewer, statements: int, progress: Progress) -> None:
        self._index = index
        self._viewer = viewer
        self._is_worth_runs = statements >= FEW_STATEMENTS
        self._progress = progress
        self._portions = Portions(_ROWS, _ROWS_BESIDE)
        self._run: int | None = None
        self._in_run = 0
        self._waiting = 0
        self._indexed = 0
        self.last_commit: int | None = None

    def others_write(self) -> None:
        """Take note that others have written meanwhile."""
        self._portions.others_write()

    def next(self, unit: WriteUnit, records: int) -> int | None:
        """The run that the keys of a transaction are put into; None where they are put among all.

        Args:
            unit: the transaction.
            records: how many it indexes.
        """
        if not self._is_worth_runs:
            return None
        self._indexed = unit.keys.greatest(self._index.config_id(unit))
        if self._indexed < LARGE_RECORDS:
            return None
        if self._run is None or self._in_run >= RUN_RECORDS:
            self._run, self._in_run = unit.commit_no, 0
        self._in_run += records
        self._waiting += records
        return self._run

    def merge_if_due(self) -> None:
        """Merge where enough waits."""
        if self._waiting >= max(MERGED_RECORDS, self._indexed // MERGED_SHARE):
            self.merge()

    def merge(self) -> None:
        """Merge all that waits, of whichever load."""
        database = self._index.database
        with database.read(self._viewer) as unit:
            total = left = unit.keys.recent.waiting()
        while left > 0:
            with self._portions.turn(), database.write(self._viewer, "load") as unit:
                self._portions.begun()
                self._see_others(unit)
                moved = unit.keys.recent.merge(self._portions.most)
            # There is more to come, and a run is searched as well: it is not too late to stop.
            database.commit_begun = False
            # Others may merge at the same time.
            left = left - moved if moved else 0
            self._progress(MERGING, total - left, total)
        self._run, self._waiting = None, 0

    def _see_others(self, unit: WriteUnit) -> None:
        last = unit.last_commit()
        if self.last_commit is not None and last != self.last_commit:
            self._portions.others_write()
            self.last_commit = last

    def merge_at_the_end(self) -> None:
        """Merge all that waits once the load is whole; whatever stops that leaves runs, and a whole load."""
        # It is no fault of the load: what is left is searched as well, and the next one merges it.
        with suppress(KeyboardInterrupt, MpiError):
            self.merge()
        self._index.database.commit_begun = True


def merge_recent(database: Database, viewer: Viewer, pace: Pace) -> None:
    """Merge all that waits, so little in each transaction that nobody waits long for one."""
    with database.read(viewer) as unit:
        left = unit.keys.recent.waiting()
    while left > 0:
        for part in pace.parts(range(left)):
            with part.turn() as unit:
                moved = unit.keys.recent.merge(len(part.items))
            left = left - moved if moved else 0
            if not left:
                return


class LeftRuns:
    """What interrupted loads left, looked at again and again by a process that serves."""

    def __init__(self) -> None:
        self._newest: tuple[int, int] | None = None
        self._since = time.monotonic()

    def look(self, index: Index, viewer: Viewer) -> bool:
        """Merge the runs where no load is at work on them; returns whether there were any."""
        with index.database.read(viewer) as unit:
            newest = unit.keys.recent.newest()
        if newest != self._newest:
            self._newest, self._since = newest, time.monotonic()
        if newest is None or time.monotonic() - self._since < LEFT_S:
            return False
        merge_recent(index.database, viewer, Pace(index.database, viewer, KIND, lambda _unit: None))
        return True
