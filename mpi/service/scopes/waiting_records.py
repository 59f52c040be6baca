"""Changes of a scope that wait for a sync.

Changes are taken over in order, in pages. A page takes whole persons over: with the record of a change
come the records of the same person whose changes come later. So a person is settled once, and not once for
each of its sources. The later changes of such a record need nothing more.
"""

from collections.abc import Collection, Set
from dataclasses import dataclass

import numpy as np

from mpi.storage.repositories.sources.scopes import Change, ChangedItem
from mpi.storage.unit_of_work.units import ReadUnit

READ_CHANGES = 50_000
"""Changes that are read at a time."""
MAX_STEP_DECISIONS = 100
"""Most decisions of one step that a page takes beyond its limit.

A steward's step has a few decisions, and takes effect whole. The import of a crosswalk has thousands.
"""


@dataclass(frozen=True, slots=True)
class PageSelection:
    """Next changes of a scope, with the records of their page.

    Args:
        end: the last of these changes.
        change_count: number of changes.
        record_ids: records to take over, some of which have later changes only.
        decision_ids: decisions to take over.
    """

    end: Change
    change_count: int
    record_ids: Set[int]
    decision_ids: Set[int]


class WaitingRecords:
    """Records with a waiting change after a position in the changes.

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
        self._changes = np.zeros((0, len(position)), np.int64)
        # Commits by record number, which is dense: a million records take 16 MB.
        self._last_commits = np.zeros(0, np.int64)
        self._taken_commits = np.zeros(0, np.int64)

    def read(self, scope_unit: ReadUnit, shared_unit: ReadUnit, scope: str) -> None:
        """Read the changes that have come since the last call.

        Args:
            scope_unit: a transaction of the scope's index.
            shared_unit: a transaction of the shared index.
            scope: code of the scope.
        """
        blocks = [self._changes]
        while changes := scope_unit.scopes.changes_after(self._last_read, READ_CHANGES):
            self._last_read = changes[-1]
            self.change_count += len(changes)
            blocks.append(np.array(changes, np.int64))
            commits, items, numbers = blocks[-1].T
            is_record = items == ChangedItem.RECORD
            if is_record.any():
                self._extend(int(numbers[is_record].max()))
                # Commits ascend: the last assignment to a number counts.
                self._last_commits[numbers[is_record]] = commits[is_record]
                self.outdated |= shared_unit.scopes.copies_of(
                    scope, ChangedItem.RECORD, numbers[is_record].tolist()
                ).keys()
        if len(blocks) > 1:
            self._changes = np.concatenate(blocks)

    def select_page(self, scope_unit: ReadUnit, limit: int) -> PageSelection | None:
        """Choose the next changes, and what to take over for them.

        Args:
            scope_unit: the transaction of the scope's index in which the changes were read.
            limit: most records and decisions; a person more, or the rest of a step, may exceed it.

        Returns:
            The page; None where nothing waits.
        """
        record_ids: set[int] = set()
        decision_ids: set[int] = set()
        count = 0
        while count < len(self._changes) and len(record_ids) + len(decision_ids) < limit:
            block = self._changes[count : count + limit]
            numbers = block[block[:, 1] == ChangedItem.RECORD, 2]
            fellows = scope_unit.record_holders.fellow_records(numbers[self._wait(numbers)].tolist())
            for _, item, number in block.tolist():
                if len(record_ids) + len(decision_ids) >= limit:
                    break
                count += 1
                if item == ChangedItem.DECISION:
                    decision_ids.add(number)
                else:
                    record_ids.update(self._select_waiting((number, *fellows.get(number, ()))))
        if not count:
            return None
        rest = self._find_rest_of_step(count)
        decision_ids.update(rest)
        count += len(rest)
        return PageSelection(Change(*self._changes[count - 1].tolist()), count, record_ids, decision_ids)

    def _find_rest_of_step(self, count: int) -> list[int]:
        """Return the decisions that the commit of the last change also changed.

        Args:
            count: number of changes taken, the first of those that wait.
        """
        commit_no, item, _ = self._changes[count - 1].tolist()
        following = self._changes[count : count + MAX_STEP_DECISIONS]
        same_step = (following[:, 0] == commit_no) & (following[:, 1] == ChangedItem.DECISION)
        return following[same_step, 2].tolist() if item == ChangedItem.DECISION else []

    def begin_page(self, selection: PageSelection) -> None:
        """Note that a page takes over the present state of records."""
        self.outdated.difference_update(selection.record_ids)

    def end_page(self, selection: PageSelection) -> None:
        """Note that a page and its records' changes are taken over."""
        self.position = selection.end
        self._changes = self._changes[selection.change_count :]
        numbers = np.fromiter(selection.record_ids, np.int64)
        self._taken_commits[numbers] = self._last_commits[numbers]

    def _select_waiting(self, numbers: Collection[int]) -> list[int]:
        """Return those records that have a change which waits."""
        return [
            number
            for number in numbers
            if number < len(self._last_commits) and self._last_commits[number] > self._taken_commits[number]
        ]

    def _wait(self, numbers: np.ndarray) -> np.ndarray:
        """Return whether each of some changed records has a change which waits."""
        waits: np.ndarray = self._last_commits[numbers] > self._taken_commits[numbers]
        return waits

    def _extend(self, number: int) -> None:
        """Make room for a record number."""
        length = len(self._last_commits)
        if number >= length:
            added = np.zeros(max(number + 1, 2 * length) - length, np.int64)
            self._last_commits = np.concatenate([self._last_commits, added])
            self._taken_commits = np.concatenate([self._taken_commits, added])
