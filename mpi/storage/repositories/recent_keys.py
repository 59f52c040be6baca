"""The blocking keys that loads wrote last, as sorted runs: SQLite's table of all is gone to for many at once.

The keys of some thousand records lie everywhere among those of a million: to add them is to write nearly
every page of the table. Into a run of their own they are written for a fifth of that, and from there they
are moved into the table of all in the order of their keys, so that each of its pages is written once for all
the runs that wait. A row is in one of the two tables, and moves within one transaction, so that a snapshot
has it once.

PostgreSQL adds rows to a table beside its index of them: there a run would only be written besides.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Connection, bindparam, delete, select

from mpi.storage.among import among
from mpi.storage.repositories.rows import drop_columns, put_columns
from mpi.storage.tables import RecentKeyRow

_recent = RecentKeyRow.__table__  # type: ignore[attr-defined]

READ_WHOLE = 200_000
"""Keys that are looked for, from which on it is sooner done to read the runs from end to end."""

# One look where there is no run, and one more for each: nearly always there is none, and every search asks.
_RUNS = (
    "WITH RECURSIVE each_run(run) AS (SELECT 0 UNION ALL "
    "SELECT (SELECT min(run) FROM recent_key WHERE config_id = ? AND run > each_run.run) "
    "FROM each_run WHERE run IS NOT NULL) SELECT run FROM each_run WHERE run > 0"
)
_SHARING = select(_recent.c.key, _recent.c.record_id).where(
    _recent.c.config_id == bindparam("config"),
    among(_recent.c.run, "runs"),
    among(_recent.c.group_id, "groups"),
    among(_recent.c.key, "keys"),
)
_SHARING_SOME = _SHARING.limit(bindparam("most"))
_PLACE = "group_id, key, record_id"

Place = tuple[int, ...]
"""Where a row is among all: visibility group, key and record."""


class Merged(NamedTuple):
    """What a merge has come to.

    Args:
        rows: how many were moved.
        place: of the last; empty where no row was left after it.
    """

    rows: int
    place: Place


class RecentKeys:
    """The runs of every configuration; none on PostgreSQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.are_kept = connection.dialect.name == "sqlite"

    @property
    def _driver(self) -> Any:  # noqa: ANN401 - SQLite's own connection
        return self._connection.connection.driver_connection

    def runs(self, config_id: int) -> list[int]:
        """The runs of a configuration, oldest first."""
        if not self.are_kept:
            return []
        return [row[0] for row in self._driver.execute(_RUNS, (config_id,))]

    def put(self, run: int, columns: Mapping[str, Sequence[int]]) -> None:
        """Add rows, in the order of their keys, to a run."""
        put_columns(self._connection, _recent, {**columns, "run": [run] * len(columns["config_id"])})

    def drop(self, runs: Collection[int], columns: Mapping[str, Sequence[int]]) -> None:
        """Remove rows from whichever of the runs has them."""
        for run in runs:
            drop_columns(self._connection, _recent, {**columns, "run": [run] * len(columns["config_id"])})

    def drop_all(self, config_id: int | None) -> None:
        """Remove the runs of a configuration, or of all."""
        statement = delete(_recent)
        if config_id is not None:
            statement = statement.where(_recent.c.config_id == config_id)
        self._connection.execute(statement)

    def sharing(
        self,
        config_id: int,
        runs: Sequence[int],
        groups: Collection[int],
        keys: Collection[int],
        most: int | None,
    ) -> list[tuple[int, int]]:
        """(key, record) of every record in those visibility groups that has one of the keys, or so many."""
        asked = {"config": config_id, "runs": runs, "groups": groups, "keys": keys}
        limit = {} if most is None else {"most": most}
        rows = self._connection.execute(_SHARING_SOME if limit else _SHARING, asked | limit)
        return [(row[0], row[1]) for row in rows]

    def found_by(
        self, config_id: int, groups: Collection[int], keys: Collection[int]
    ) -> Iterator[np.ndarray]:
        """The same for a great many keys, in two columns: each run is read from end to end."""
        wanted = np.fromiter(keys, np.int64, len(keys))
        wanted.sort()
        for run in self.runs(config_id):
            rows = self._columns(
                ("key", "record_id"),
                f"FROM recent_key WHERE config_id = ? AND run = ? AND group_id IN ({listed(groups)})",
                (config_id, run),
            )
            places = np.minimum(np.searchsorted(wanted, rows[0]), len(wanted) - 1)
            yield rows[:, wanted[places] == rows[0]]

    def searched(self, config_id: int) -> Iterator[np.ndarray]:
        """Visibility group, key and record of every row, a run at a time."""
        for run in self.runs(config_id):
            yield self._columns(
                ("group_id", "key", "record_id"),
                "FROM recent_key WHERE config_id = ? AND run = ?",
                (config_id, run),
            )

    def _columns(self, names: Sequence[str], of: str, asked: tuple[int, ...]) -> np.ndarray:
        """Columns as they are stored; a row handed over by itself costs more than it takes to find it."""
        wanted = ", ".join(f"group_concat({name}, ' ')" for name in names)
        found = self._driver.execute(f"SELECT {wanted} {of}", asked).fetchone()
        return np.array([np.fromstring(column or "", np.int64, sep=" ") for column in found], np.int64)

    def waiting(self) -> int:
        """How many rows wait to be merged."""
        if not self.are_kept:
            return 0
        return int(self._driver.execute("SELECT count(*) FROM recent_key").fetchone()[0])

    def newest(self) -> tuple[int, int] | None:
        """Configuration and number of the run that was begun last, of the last configuration."""
        if not self.are_kept:
            return None
        found: tuple[int, int] | None = self._driver.execute(
            "SELECT config_id, run FROM recent_key ORDER BY config_id DESC, run DESC LIMIT 1"
        ).fetchone()
        return found

    def merge(self, most: int, after: Place = ()) -> Merged:
        """Move the rows with the least keys after a place among all.

        Args:
            most: rows that are moved at most, where that is as many as there are runs.
            after: the place; empty for the beginning.
        """
        newest = self.newest()
        if newest is None:
            return Merged(0, ())
        config_id, runs = newest[0], self.runs(newest[0])
        where = f"config_id = ? AND run IN ({listed(runs)})"
        asked: tuple[int, ...] = (config_id,)
        if after:
            where, asked = f"{where} AND ({_PLACE}) > (?, ?, ?)", (*asked, *after)
        share = max(1, most // len(runs))
        ends = [end for run in runs if (end := self._place(config_id, run, after, share)) is not None]
        last = min(ends, default=())
        if last:
            # None of the runs has more than its share up to there.
            where, asked = f"{where} AND ({_PLACE}) <= (?, ?, ?)", (*asked, *last)
        # A row that damage has put into both is one row: the merge goes on, and it is in its place after it.
        self._driver.execute(
            f"INSERT OR IGNORE INTO blocking_key (config_id, {_PLACE}) "
            f"SELECT config_id, {_PLACE} FROM recent_key WHERE {where} ORDER BY {_PLACE}",
            asked,
        )
        moved = int(self._driver.execute(f"DELETE FROM recent_key WHERE {where}", asked).rowcount)
        return Merged(moved, last)

    def _place(self, config_id: int, run: int, after: Place, number: int) -> Place | None:
        beyond = f"AND ({_PLACE}) > (?, ?, ?)" if after else ""
        found: Place | None = self._driver.execute(
            f"SELECT {_PLACE} FROM recent_key WHERE config_id = ? AND run = ? {beyond} "
            f"ORDER BY {_PLACE} LIMIT 1 OFFSET ?",
            (config_id, run, *after, number - 1),
        ).fetchone()
        return found


def listed(numbers: Collection[int]) -> str:
    """Numbers as a statement has them between brackets."""
    return ", ".join(str(int(number)) for number in numbers)
