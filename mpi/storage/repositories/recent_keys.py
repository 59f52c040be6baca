"""The blocking keys that loads wrote last, as sorted runs: SQLite's table of all is gone to for many at once.

The keys of some thousand records lie everywhere among those of a million: to add them is to write nearly
every page of the table. A run has them in two columns, each one value: a hundredth of the rows, which is
written and read as fast as memory is copied. From there they are merged into the table of all in the order of
their keys, so that each of its pages is written once for all the runs that wait.

A run never changes, so that a process keeps those that it has read. What is dropped is noted beside them, and
so is how far a merge has come: a snapshot has each key once. PostgreSQL adds rows to a table beside its index
of them: there a run would only be written besides.
"""

import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Connection, delete

from mpi.storage.repositories.run_parts import AS_STORED, Merge, Numbers, Part, Run, together
from mpi.storage.tables import GoneFromRunsRow, KeyMergeRow, KeyRunRow

RUN_KEYS = 60_000
"""That a run has at most: what small transactions write one after the other is put together up to there."""
_DROPPED = 40
"""Rows of merged runs that are dropped in the time in which one is merged."""
_ASKED = 5_000
"""Records of which it is asked by number whether they are gone; beyond that all that are gone are read."""

_RUNS = (
    "SELECT number, mark, group_id, records, size, commit_no FROM key_run WHERE config_id = ? ORDER BY number"
)
_PUT = (
    "INSERT INTO key_run (number, config_id, mark, group_id, records, size, commit_no, keys, record_ids) "
    "SELECT coalesce(max(number), 0) + 1, ?, ?, ?, ?, ?, ?, ?, ? FROM key_run"
)
_MERGE = "SELECT upto, group_id, key, record_id FROM key_merge WHERE config_id = ?"
_MERGED = (
    "INSERT OR REPLACE INTO key_merge (config_id, upto, group_id, key, record_id) VALUES (?, ?, ?, ?, ?)"
)
_AMONG_ALL = "INSERT OR IGNORE INTO blocking_key (config_id, group_id, key, record_id) VALUES (?, ?, ?, ?)"

_TABLES = (
    KeyRunRow.__table__,  # type: ignore[attr-defined]
    GoneFromRunsRow.__table__,  # type: ignore[attr-defined]
    KeyMergeRow.__table__,  # type: ignore[attr-defined]
)


class Waiting(NamedTuple):
    """What waits to be merged.

    Args:
        records: how many have keys in runs.
        is_begun: whether a merge has moved some of what waits already.
    """

    records: int
    is_begun: bool


class RecentKeys:
    """The runs of every configuration; none on PostgreSQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.are_kept = connection.dialect.name == "sqlite"

    @property
    def _driver(self) -> Any:  # noqa: ANN401 - SQLite's own connection
        return self._connection.connection.driver_connection

    def runs(self, config_id: int) -> list[Run]:
        """The runs of a configuration, oldest first."""
        if not self.are_kept:
            return []
        return [Run(*row) for row in self._driver.execute(_RUNS, (config_id,))]

    def put(self, config_id: int, rows: Numbers, records: Mapping[int, int], commit_no: int) -> None:
        """Add keys.

        Args:
            config_id: the configuration.
            rows: three columns, visibility group, key and record, ascending.
            records: how many there are of each visibility group.
            commit_no: of the transaction.
        """
        for group, number in records.items():
            keys, record_ids = rows[1:, rows[0] == group]
            earlier = self._small(config_id, group, len(keys))
            parts = self._standing(config_id, [self._whole(run) for run in earlier])
            if parts:
                keys, record_ids = together(
                    [keys, *(part.keys for part in parts)], [record_ids, *(part.records for part in parts)]
                )
            told = (
                config_id,
                secrets.randbits(63),
                group,
                number + sum(run.records for run in earlier),
                len(keys),
                min(commit_no, *(run.commit_no for run in earlier)) if earlier else commit_no,
            )
            packed = (column.astype(AS_STORED).tobytes() for column in (keys, record_ids))
            # Before those go that it takes the place of: its number is to be greater.
            self._driver.execute(_PUT, (*told, *packed))
            self._drop_runs([run.number for run in earlier])

    def _small(self, config_id: int, group: int, size: int) -> list[Run]:
        """The last runs that are to be put together with so many keys; a merge has moved none of theirs."""
        merge = self._merge(config_id)
        mine = [
            run
            for run in self.runs(config_id)
            if run.group_id == group and (merge is None or run.number > merge.upto)
        ]
        small = []
        while mine and mine[-1].size <= size and mine[-1].size + size <= RUN_KEYS:
            small.append(mine.pop())
            size += small[-1].size
        return small

    def drop(self, config_id: int, record_ids: Collection[int]) -> None:
        """Note that what the runs have of these records is their keys no more."""
        runs = self.runs(config_id)
        if runs:
            self._driver.executemany(
                "REPLACE INTO gone_from_runs (config_id, record_id, run) VALUES (?, ?, ?)",
                zip(repeat(config_id), record_ids, repeat(runs[-1].number)),
            )

    def drop_all(self, config_id: int | None) -> None:
        """Remove the runs of a configuration, or of all."""
        for table in _TABLES:
            statement = delete(table)
            if config_id is not None:
                statement = statement.where(table.c.config_id == config_id)
            self._connection.execute(statement)

    def sharing(
        self, config_id: int, groups: Collection[int], keys: Collection[int], most: int | None = None
    ) -> list[tuple[int, int]]:
        """(key, record) of every record in those visibility groups that has one of the keys, or so many."""
        found = [rows for part in self.found_by(config_id, groups, keys) for rows in part.T.tolist()]
        return [(key, record) for key, record in found[:most]]

    def found_by(self, config_id: int, groups: Collection[int], keys: Collection[int]) -> Iterator[Numbers]:
        """The same in two columns, a run at a time."""
        parts = [part for part in self._parts(config_id) if part.run.group_id in groups]
        if not parts:
            return
        wanted = np.fromiter(keys, np.int64, len(keys))
        wanted.sort()
        found = [part.with_keys(wanted) for part in parts]
        for part in self._standing(config_id, [part for part in found if len(part.keys)]):
            yield np.stack([part.keys, part.records])

    def searched(self, config_id: int) -> Iterator[Numbers]:
        """Visibility group, key and record of every row, a run at a time, as they are stored."""
        for run in self.runs(config_id):
            part = self._stored(run).not_merged(self._merge(config_id))
            yield from (standing.rows for standing in self._standing(config_id, [part]))

    def sizes(self, config_id: int) -> tuple[Numbers, Numbers]:
        """Every key that a run has, ascending, and how many records have it there."""
        own = [rows[1] for rows in self.searched(config_id)]
        return np.unique(np.concatenate([np.empty(0, np.int64), *own]), return_counts=True)

    def waiting(self, config_id: int) -> Waiting:
        """What waits of a configuration."""
        if not self.are_kept:
            return Waiting(0, is_begun=False)
        records = sum(run.records for run in self.runs(config_id))
        return Waiting(records, is_begun=self._merge(config_id) is not None)

    def rows_waiting(self) -> int:
        """How many keys wait at most, of all configurations; 0 only where none does."""
        if not self.are_kept:
            return 0
        # One more for each: one of which all is gone is dropped in a merge as well.
        return int(self._driver.execute("SELECT coalesce(sum(size + 1), 0) FROM key_run").fetchone()[0])

    def newest(self) -> int | None:
        """The mark of the run that was written last; None where there is none."""
        if not self.are_kept:
            return None
        found = self._driver.execute("SELECT mark FROM key_run ORDER BY number DESC LIMIT 1").fetchone()
        return None if found is None else int(found[0])

    def merge(self, most: int) -> int:
        """Move the next keys of the last configuration that has some among all, least first.

        A merge goes from the least key to the greatest of the runs that there are when it begins; what is put
        into others meanwhile is left to the next.

        Args:
            most: keys that are moved at most, where that is as many as there are runs.

        Returns:
            how many were moved, or went with a run that is dropped; 0 only where nothing waits.
        """
        config_id = self._newest_config()
        if config_id is None:
            return 0
        merge = self._merge(config_id)
        upto = self.runs(config_id)[-1].number if merge is None else merge.upto
        parts = [part for part in self._parts(config_id) if part.run.number <= upto]
        left = [part for part in parts if len(part.keys)]
        if not left:
            return self._drop_merged(config_id, [part.run for part in parts], upto, most * _DROPPED)
        share = max(1, most // len(left))
        # None of the runs has more than its share up to there.
        ends = [part.place(share - 1) for part in left if len(part.keys) > share]
        last = min(ends) if ends else max(part.place(-1) for part in left)
        moved = [part.upto(last) for part in left]
        self._add_among_all(config_id, self._standing(config_id, moved))
        self._driver.execute(_MERGED, (config_id, upto, *last))
        return sum(len(part.keys) for part in moved)

    def _newest_config(self) -> int | None:
        if not self.are_kept:
            return None
        found: int | None = self._driver.execute("SELECT max(config_id) FROM key_run").fetchone()[0]
        return found

    def _add_among_all(self, config_id: int, parts: Sequence[Part]) -> None:
        groups, keys, records = np.concatenate([part.rows for part in parts], axis=1)
        order = np.lexsort((records, keys, groups))
        columns = (column[order].tolist() for column in (groups, keys, records))
        # A row that damage has put into both is one row: the merge goes on, and it is in its place after it.
        self._driver.executemany(_AMONG_ALL, zip(repeat(config_id), *columns))

    def _drop_merged(self, config_id: int, runs: Sequence[Run], upto: int, most: int) -> int:
        """Drop runs of which all is among all; with the last of them the merge is over."""
        dropped: list[int] = []
        size = 0
        for run in runs:
            if dropped and size + run.size > most:
                break
            dropped.append(run.number)
            size += run.size
        self._drop_runs(dropped)
        if len(dropped) == len(runs):
            self._driver.execute("DELETE FROM key_merge WHERE config_id = ?", (config_id,))
            self._driver.execute(
                "DELETE FROM gone_from_runs WHERE config_id = ? AND run <= ?", (config_id, upto)
            )
        return max(size, 1)

    def _drop_runs(self, numbers: Collection[int]) -> None:
        self._driver.executemany("DELETE FROM key_run WHERE number = ?", ((number,) for number in numbers))

    def _merge(self, config_id: int) -> Merge | None:
        found = self._driver.execute(_MERGE, (config_id,)).fetchone()
        return None if found is None else Merge(found[0], (found[1], found[2], found[3]))

    def _parts(self, config_id: int) -> list[Part]:
        """What each run has left, what is gone among it."""
        runs = self.runs(config_id)
        if not runs:
            self._kept.clear()
            return []
        self._forget_others(runs)
        merge = self._merge(config_id)
        return [self._whole(run).not_merged(merge) for run in runs]

    def _whole(self, run: Run) -> Part:
        kept = self._kept
        if (part := kept.get(run.mark)) is None:
            part = kept[run.mark] = self._stored(run)
        return part

    def _stored(self, run: Run) -> Part:
        found = self._driver.execute("SELECT keys, record_ids FROM key_run WHERE number = ?", (run.number,))
        keys, records = (np.frombuffer(column, AS_STORED) for column in found.fetchone())
        return Part(run, keys, records)

    @property
    def _kept(self) -> dict[int, Part]:
        kept: dict[int, Part] = getattr(self._connection, "unchanging", {}).setdefault("key_run", {})
        return kept

    def _forget_others(self, runs: Sequence[Run]) -> None:
        """Keep no run in memory that is gone; later ones are those of another snapshot."""
        kept = self._kept
        marks = {run.mark for run in runs}
        for mark, part in list(kept.items()):
            if mark not in marks and part.run.number <= runs[-1].number:
                kept.pop(mark, None)

    def _standing(self, config_id: int, parts: Sequence[Part]) -> list[Part]:
        """The parts without the keys of records that are gone from their runs."""
        if not parts:
            return []
        statement = "SELECT record_id, run FROM gone_from_runs WHERE config_id = ?"
        if sum(len(part.records) for part in parts) <= _ASKED:
            records = {record for part in parts for record in part.records.tolist()}
            statement += f" AND record_id IN ({listed(records)})"
        gone = np.array(self._driver.execute(statement, (config_id,)).fetchall(), np.int64).reshape(-1, 2).T
        return [part.without(gone[0][gone[1] >= part.run.number]) for part in parts]


def listed(numbers: Collection[int]) -> str:
    """Numbers as a statement has them between brackets."""
    return ", ".join(str(int(number)) for number in numbers)
