"""Records of a scope whose changes wait for a sync."""

from collections.abc import Collection

import numpy as np

from mpi.storage.repositories.sources.scopes import Change, ChangedItem
from mpi.storage.unit_of_work.units import ReadUnit

READ_CHANGES = 50_000
"""Changes that are read at a time."""


class WaitingRecords:
    """Records with a change that waits, after a position in a scope's changes.

    Args:
        position: last change that the shared index has taken over.

    Attributes:
        position: that change; later, the end of the last page.
        change_count: number of changes after the first position, of records and decisions.
        outdated: waiting records that the shared index holds, by number in the scope. What it holds of them
            may differ from what the scope holds.
    """

    def __init__(self, position: Change) -> None:
        self.position = position
        self.change_count = 0
        self.outdated: set[int] = set()
        self._last_read = position
        # Last commit by record number, which is dense: a million records take 8 MB.
        self._commits = np.zeros(0, np.int64)

    def read(self, scope_unit: ReadUnit, shared_unit: ReadUnit, scope: str) -> None:
        """Read the changes that have come since the last call.

        Args:
            scope_unit: a transaction of the scope's index.
            shared_unit: a transaction of the shared index.
            scope: code of the scope.
        """
        while changes := scope_unit.scopes.changes_after(self._last_read, READ_CHANGES):
            self._last_read = changes[-1]
            self.change_count += len(changes)
            new = [
                (change.number, change.commit_no) for change in changes if change.item == ChangedItem.RECORD
            ]
            if new:
                numbers, commits = np.array(new, np.int64).T
                self._extend(int(numbers.max()))
                # Commits ascend: the last assignment to a number counts.
                self._commits[numbers] = commits
                self.outdated |= shared_unit.scopes.copies_of(
                    scope, ChangedItem.RECORD, numbers.tolist()
                ).keys()

    def begin_page(self, numbers: Collection[int]) -> None:
        """Note that a page takes over the present state of records."""
        self.outdated.difference_update(numbers)

    def end_page(self, numbers: Collection[int], end: Change) -> None:
        """Note that a page is taken over; some records may still wait."""
        self.position = end
        own_numbers = np.fromiter(numbers, np.int64)
        commits = self._commits[own_numbers]
        waits = commits > end.commit_no
        if end.item == ChangedItem.RECORD:
            waits |= (commits == end.commit_no) & (own_numbers > end.number)
        self.outdated.update(own_numbers[waits].tolist())

    def _extend(self, number: int) -> None:
        """Make room for a record number."""
        if number >= len(self._commits):
            commits = np.zeros(max(number + 1, 2 * len(self._commits)), np.int64)
            commits[: len(self._commits)] = self._commits
            self._commits = commits
