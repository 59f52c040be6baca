"""The blocking keys that loads wrote last, as sorted runs: the table of all is gone to for many at once.

The keys of some thousand records lie everywhere among those of a million: to add them is to write nearly
every page of the table, or of its index. A run has them in two columns, each one value: a hundredth of the
rows, which is written and read as fast as memory is copied. From there they are merged into the table of all
in the order of their keys, so that each of its pages is written once for all the runs that wait.

Keys that records had among all and have lost are in the run as well, and stay among all until it is merged:
to take them out is to go to nearly every page too. Whoever searches leaves them out.

A run never changes, so that a process keeps those that it has read. What is dropped is noted beside them, and
so is how far a merge has come: a snapshot has each key once. Where a record is expunged its runs are written
anew, under other marks.
"""

import secrets
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import BigInteger, Connection, bindparam, delete, func, insert, select, text, update

from mpi.storage.driver.bulk_rows import delete_by_columns, insert_columns
from mpi.storage.driver.in_list import is_in
from mpi.storage.key_index.segment_arrays import (
    AS_STORED,
    NO_ROWS,
    Content,
    Merge,
    Numbers,
    Part,
    Run,
    in_order,
    rows_of,
    rows_without,
    together,
)
from mpi.storage.tables import BlockingKeyRow, GoneFromRunsRow, KeyMergeRow, KeyRunRow

_key = BlockingKeyRow.__table__  # type: ignore[attr-defined]
_run = KeyRunRow.__table__  # type: ignore[attr-defined]
_gone = GoneFromRunsRow.__table__  # type: ignore[attr-defined]
_merge = KeyMergeRow.__table__  # type: ignore[attr-defined]

RUN_KEYS = 60_000
"""That small transactions' runs, which come one after the other, are put together up to."""
_DROPPED = 40
"""Rows of merged runs that are dropped in the time in which one is merged."""
_ASKED = 5_000
"""Records of which it is asked by number whether they are gone; beyond that all that are gone are read."""

_RUNS = select(
    _run.c.number,
    _run.c.config_id,
    _run.c.mark,
    _run.c.group_id,
    _run.c.records,
    _run.c.size,
    _run.c.commit_no,
    func.length(_run.c.lost_keys, type_=BigInteger()) // AS_STORED.itemsize,
).order_by(_run.c.number)
_COLUMNS = ("keys", "record_ids", "lost_keys", "lost_ids")
_STORED = select(*(_run.c[name] for name in _COLUMNS)).where(_run.c.number == bindparam("number"))
_PUT = insert(_run).values(
    number=select(func.coalesce(func.max(_run.c.number), 0) + 1).scalar_subquery(),
    **{column.name: bindparam(column.name) for column in _run.c if column.name != "number"},
)
_REWRITE = (
    update(_run)
    .where(_run.c.number == bindparam("of"))
    .values({name: bindparam(name) for name in ("mark", "records", "size", *_COLUMNS)})
)
_DROP = delete(_run).where(is_in(_run.c.number, "numbers"))
_MERGES = select(_merge.c.config_id, _merge.c.upto, _merge.c.group_id, _merge.c.key, _merge.c.record_id)


def _integers(*names: str) -> list[Any]:
    return [bindparam(name, type_=BigInteger()) for name in names]


_MERGED = text(
    "INSERT INTO key_merge (config_id, upto, group_id, key, record_id) "
    "VALUES (:config, :upto, :group, :key, :record) ON CONFLICT (config_id) "
    "DO UPDATE SET upto = excluded.upto, group_id = excluded.group_id, key = excluded.key, "
    "record_id = excluded.record_id"
).bindparams(*_integers("config", "upto", "group", "key", "record"))
_MERGE_IS_OVER = delete(_merge).where(_merge.c.config_id == bindparam("config"))
_NOTE_GONE = text(
    "INSERT INTO gone_from_runs (config_id, record_id, run) VALUES (:config, :record, :run) "
    "ON CONFLICT (config_id, record_id) DO UPDATE SET run = excluded.run"
).bindparams(*_integers("config", "record", "run"))
_GONE = select(_gone.c.record_id, _gone.c.run).where(_gone.c.config_id == bindparam("config"))
_GONE_AMONG = _GONE.where(is_in(_gone.c.record_id, "ids"))
_FORGET_GONE = delete(_gone).where(_gone.c.config_id == bindparam("config"), _gone.c.run <= bindparam("upto"))


class Waiting(NamedTuple):
    """What waits to be merged.

    Args:
        records: how many have keys in runs.
        is_begun: whether a merge has moved some of what waits already.
    """

    records: int
    is_begun: bool


class Sharing(NamedTuple):
    """What runs have of some keys.

    Args:
        has: who has one of them: two columns, key and record; a part a run.
        lost: who is found among all by one of them, and has it no more: visibility group, key and record.
    """

    has: list[Numbers]
    lost: Numbers

    def left_of(self, found: Numbers) -> Numbers:
        """Key and record of what was found among all, without what was lost; given with the group."""
        return rows_without(found, self.lost)[1:]

    def left_of_few(self, found: Collection[tuple[int, int, int]]) -> list[tuple[int, int]]:
        """The same, by row."""
        lost = set(zip(*self.lost.tolist(), strict=True))
        return [row[1:] for row in found if row not in lost]

    def pairs(self, most: int | None = None) -> list[tuple[int, int]]:
        """Who has one of the keys, or so many."""
        return [(key, record) for part in self.has for key, record in part.T[:most].tolist()][:most]


NONE_SHARING = Sharing([], NO_ROWS)


class RecentKeys:
    """The runs of every configuration, as one unit of work finds and leaves them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._asked: Any = None
        self._known: list[Run] | None = None

    def ask(self) -> None:
        """Send ahead the question which runs there are; of what is asked later none is missed.

        Where each statement is of a moment of its own a key that is merged between the two is found twice.
        """
        if self._connection.dialect.name == "postgresql" and self._known is None and self._asked is None:
            self._asked = self._connection.execute(_RUNS)

    def runs(self, config_id: int) -> list[Run]:
        """The runs of a configuration, oldest first."""
        return [run for run in self._all() if run.config_id == config_id]

    def _all(self) -> list[Run]:
        if self._known is None:
            asked, self._asked = self._asked, None
            rows: Any = self._connection.execute(_RUNS) if asked is None else asked
            self._known = [Run(*row) for row in rows]
        return self._known

    def _changed(self) -> None:
        self._known = self._asked = None

    def put(self, config_id: int, rows: Numbers, commit_no: int, lost: Numbers = NO_ROWS) -> None:
        """Add keys.

        Args:
            config_id: the configuration.
            rows: three columns, visibility group, key and record, ascending.
            commit_no: of the transaction.
            lost: the same of keys among all that their records have no more; rows of both are had.
        """
        for group in np.unique(np.concatenate([rows[0], lost[0]])).tolist():
            has, gone = (some[1:, some[0] == group] for some in (rows, lost))
            earlier = self._small(config_id, group, has.shape[1] + gone.shape[1])
            contents = [self._whole(run) for run in earlier]
            standing = self._standing(config_id, [content.has for content in contents])
            has = together([has, *(part.pairs for part in standing)])
            gone = together([gone, *(content.lost.pairs for content in contents)])
            self._connection.execute(
                _PUT,
                {
                    "config_id": config_id,
                    "group_id": group,
                    "commit_no": min([commit_no, *(run.commit_no for run in earlier)]),
                    **_content(has, gone),
                },
            )
            # After that which takes their place: its number is to be greater.
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
        if runs and record_ids:
            last = runs[-1].number
            gone = [{"config": config_id, "record": record, "run": last} for record in record_ids]
            self._connection.execute(_NOTE_GONE, gone)

    def erase(self, records: Collection[int]) -> None:
        """Destroy what any run has of some records: a note that they are gone would leave it there.

        What they have lost is no more among all either.
        """
        if not records:
            return
        wanted = np.fromiter(records, np.int64, len(records))
        for run in self._all():
            content = self._stored(run)
            left = content.without(wanted)
            if left.size < content.size:
                self._drop_from_all(run.config_id, rows_without(content.lost.rows, left.lost.rows))
                self._connection.execute(
                    _REWRITE, {"of": run.number, **_content(left.has.pairs, left.lost.pairs)}
                )
        self._changed()

    def drop_all(self, config_id: int | None) -> None:
        """Remove the runs of a configuration, or of all."""
        for table in (_run, _gone, _merge):
            statement = delete(table)
            if config_id is not None:
                statement = statement.where(table.c.config_id == config_id)
            self._connection.execute(statement)
        self._changed()

    def sharing(self, config_id: int, groups: Collection[int], keys: Collection[int]) -> Sharing:
        """Every record in those visibility groups that has one of the keys, or has lost it."""
        contents = [content for content in self._contents(config_id) if content.run.group_id in groups]
        if not contents:
            return NONE_SHARING
        wanted = np.fromiter(keys, np.int64, len(keys))
        wanted.sort()
        has = [part for content in contents if len((part := content.has.with_keys(wanted)).keys)]
        lost = [content.lost.with_keys(wanted) for content in contents if content.run.lost]
        return Sharing([part.pairs for part in self._standing(config_id, has)], rows_of(lost))

    def searched(self, config_id: int) -> Iterator[Numbers]:
        """Visibility group, key and record of every row that records have, as stored; a run at a time."""
        for content in self._as_stored(config_id):
            yield from (standing.rows for standing in self._standing(config_id, [content.has]))

    def lost(self, config_id: int) -> Numbers:
        """The same of those that records have lost, all at once."""
        return rows_of([content.lost for content in self._as_stored(config_id)])

    def hidden(self, config_id: int, rows: Numbers) -> Numbers:
        """Those of some rows that would not be found among all: there they were lost, and are so still."""
        if not any(run.lost for run in self.runs(config_id)):
            return NO_ROWS
        wanted = np.unique(rows[1])
        lost = rows_of([content.lost.with_keys(wanted) for content in self._contents(config_id)])
        return rows_without(rows, rows_without(rows, lost))

    def sizes(self, config_id: int) -> tuple[Numbers, Numbers]:
        """Every key that a run has, ascending, and how many records have it there."""
        own = [rows[1] for rows in self.searched(config_id)]
        return np.unique(np.concatenate([np.empty(0, np.int64), *own]), return_counts=True)

    def waiting(self, config_id: int) -> Waiting:
        """What waits of a configuration."""
        records = sum(run.records for run in self.runs(config_id))
        return Waiting(records, is_begun=self._merge(config_id) is not None)

    def rows_waiting(self) -> int:
        """How many keys wait at most, of all configurations; 0 only where none does."""
        # One more for each: one of which all is gone is dropped in a merge as well.
        return sum(run.size + 1 for run in self._all())

    def newest(self) -> int | None:
        """The mark of the run that was written last; None where there is none."""
        return self._all()[-1].mark if self._all() else None

    def merged(self) -> frozenset[tuple[int, ...]]:
        """How far the merges that are under way have come: another where anybody goes on with one."""
        return frozenset(tuple(row) for row in self._connection.execute(_MERGES))

    def merge(self, most: int) -> int:
        """Move the next keys of the last configuration that has some among all, least first.

        A merge goes from the least key to the greatest of the runs that there are when it begins; what is put
        into others meanwhile is left to the next.

        Args:
            most: keys that are moved at most, where that is as many as there are runs.

        Returns:
            how many were moved, or went with a run that is dropped; 0 only where nothing waits.
        """
        if not self._all():
            return 0
        config_id = max(run.config_id for run in self._all())
        merge = self._merge(config_id)
        upto = self.runs(config_id)[-1].number if merge is None else merge.upto
        contents = [content for content in self._contents(config_id) if content.run.number <= upto]
        left = [part for content in contents for part in content.parts]
        if not left:
            return self._drop_merged(config_id, [content.run for content in contents], upto, most * _DROPPED)
        share = max(1, most // len(left))
        # None of the runs has more than its share up to there.
        ends = [part.place(share - 1) for part in left if len(part.keys) > share]
        last = min(ends) if ends else max(part.place(-1) for part in left)
        moved = [content.upto(last) for content in contents]
        self._move(config_id, moved)
        group, key, record = last
        came_to = {"config": config_id, "upto": upto, "group": group, "key": key, "record": record}
        self._connection.execute(_MERGED, came_to)
        return sum(content.size for content in moved)

    def _move(self, config_id: int, contents: Sequence[Content]) -> None:
        has = rows_of(self._standing(config_id, [content.has for content in contents]))
        # What was lost and is had again is left where it is.
        self._drop_from_all(config_id, rows_without(rows_of([content.lost for content in contents]), has))
        # A row that damage has put into both is one row: the merge goes on, and it is in its place after it.
        insert_columns(self._connection, _key, key_columns(config_id, in_order(has)), if_new=True)

    def _drop_from_all(self, config_id: int, rows: Numbers) -> None:
        delete_by_columns(self._connection, _key, key_columns(config_id, in_order(rows)))

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
            self._connection.execute(_MERGE_IS_OVER, {"config": config_id})
            self._connection.execute(_FORGET_GONE, {"config": config_id, "upto": upto})
        return max(size, 1)

    def _drop_runs(self, numbers: Sequence[int]) -> None:
        if numbers:
            self._connection.execute(_DROP, {"numbers": numbers})
        self._changed()

    def _merge(self, config_id: int) -> Merge | None:
        if not self._all():
            return None
        for config, upto, group, key, record in self._connection.execute(_MERGES):
            if config == config_id:
                return Merge(upto, (group, key, record))
        return None

    def _contents(self, config_id: int) -> list[Content]:
        """What each run has left, what is gone among it."""
        self._forget_others()
        runs = self.runs(config_id)
        if not runs:
            return []
        merge = self._merge(config_id)
        return [self._whole(run).not_merged(merge) for run in runs]

    def _as_stored(self, config_id: int) -> Iterator[Content]:
        """The same, read anew."""
        merge = self._merge(config_id)
        return (self._stored(run).not_merged(merge) for run in self.runs(config_id))

    def _whole(self, run: Run) -> Content:
        kept = self._kept
        if (content := kept.get(run.mark)) is None:
            content = kept[run.mark] = self._stored(run)
        return content

    def _stored(self, run: Run) -> Content:
        row = self._connection.execute(_STORED, {"number": run.number}).one()
        keys, records, lost_keys, lost_ids = (np.frombuffer(column, AS_STORED) for column in row)
        return Content(Part(run, keys, records), Part(run, lost_keys, lost_ids))

    @property
    def _kept(self) -> dict[int, Content]:
        kept: dict[int, Content] = getattr(self._connection, "unchanging", {}).setdefault("key_run", {})
        return kept

    def _forget_others(self) -> None:
        """Keep no run in memory that is gone.

        What was put later than all that this snapshot has may be another's that began after it.
        """
        kept, runs = self._kept, self._all()
        if not kept:
            return
        marks, last = {run.mark for run in runs}, max((run.commit_no for run in runs), default=None)
        for mark, content in list(kept.items()):
            if mark not in marks and (last is None or content.run.commit_no <= last):
                kept.pop(mark, None)

    def _standing(self, config_id: int, parts: Sequence[Part]) -> list[Part]:
        """The parts without the keys of records that are gone from their runs."""
        if not parts:
            return []
        if sum(len(part.records) for part in parts) <= _ASKED:
            records = sorted({record for part in parts for record in part.records.tolist()})
            rows = self._connection.execute(_GONE_AMONG, {"config": config_id, "ids": records})
        else:
            rows = self._connection.execute(_GONE, {"config": config_id})
        gone = np.array([tuple(row) for row in rows], np.int64).reshape(-1, 2).T
        return [part.without(gone[0][gone[1] >= part.run.number]) for part in parts]


def key_columns(config_id: int, rows: Numbers) -> dict[str, list[int]]:
    """Rows of three columns, visibility group, key and record, as the table of all has them."""
    groups, keys, records = (column.tolist() for column in rows)
    return {"config_id": [config_id] * len(keys), "group_id": groups, "key": keys, "record_id": records}


def _content(has: Numbers, lost: Numbers) -> dict[str, Any]:
    """What a run holds as it is stored, under a mark of its own: keys and records, had and lost."""
    columns = (column.astype(AS_STORED).tobytes() for column in (*has, *lost))
    return {
        "mark": secrets.randbits(63),
        "records": len(np.unique(np.concatenate([has[1], lost[1]]))),
        "size": has.shape[1] + lost.shape[1],
        **dict(zip(_COLUMNS, columns, strict=True)),
    }
