"""Blocking keys, twice: by key, to find who shares one, and by record, to drop and to read a record's own.

By record they are one row, of some 200 bytes: an index of them by record took a sixth of the database, and a
third of the time in which keys are written (ADR 0058). By key, those that loads wrote last are in runs beside
all others (ADR 0059).
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from math import inf
from typing import Any, NamedTuple

import numpy as np
import orjson
from sqlalchemy import Connection, bindparam, delete, func, select, tuple_

from mpi.storage.driver.bulk_rows import delete_by_columns, insert_columns
from mpi.storage.driver.chunks import CHUNK_SIZE, iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.driver.prefetch import prefetch
from mpi.storage.key_index.key_segments import KeySegments, base_table_columns
from mpi.storage.key_index.segment_arrays import (
    STORED_DTYPE,
    EMPTY_ROWS,
    IntArray,
    sort_rows,
    split_unshared_rows,
    subtract_rows,
)
from mpi.storage.tables import BlockingKeyRow, RecordKeysRow

_key = BlockingKeyRow.__table__  # type: ignore[attr-defined]
_record_keys = RecordKeysRow.__table__  # type: ignore[attr-defined]

# Composed once: composing a statement costs more than SQLite takes to run it.
_ROWS_OF_KEYS_IN_GROUPS = select(_key.c.group_id, _key.c.key, _key.c.record_id).where(
    _key.c.config_id == bindparam("config"), is_in(_key.c.group_id, "groups"), is_in(_key.c.key, "keys")
)
_LIMITED_ROWS_OF_KEYS_IN_GROUPS = _ROWS_OF_KEYS_IN_GROUPS.limit(bindparam("most"))
_KEY_SIZES = select(_key.c.key, func.count()).where(_key.c.config_id == bindparam("config")).group_by(_key.c.key)
_LARGE_KEY_SIZES = _KEY_SIZES.having(func.count() > bindparam("over"))
_SIZES_OF_KEYS = _KEY_SIZES.where(is_in(_key.c.key, "keys"))
_ROWS_OF_KEYS = select(_key.c.group_id, _key.c.key, _key.c.record_id).where(
    _key.c.config_id == bindparam("config"), is_in(_key.c.key, "keys")
)
_FORWARD_ROWS = select(_record_keys.c.record_id, _record_keys.c.group_id, _record_keys.c.packed, _record_keys.c.commit_no).where(
    _record_keys.c.config_id == bindparam("config")
)
_FORWARD_ROWS_OF_RECORDS = _FORWARD_ROWS.where(is_in(_record_keys.c.record_id, "ids"))
_RECORDS_WRITTEN_SINCE = select(_record_keys.c.record_id).where(
    _record_keys.c.config_id == bindparam("config"), _record_keys.c.commit_no > bindparam("since")
)
_FORWARD_ROWS_WRITTEN_SINCE = _FORWARD_ROWS.where(_record_keys.c.commit_no > bindparam("since")).limit(bindparam("most"))
_RECORDS_WITH_KEYS = select(_record_keys.c.record_id).where(
    _record_keys.c.config_id == bindparam("config"), is_in(_record_keys.c.record_id, "ids")
)
_FORWARD_ROWS_OF_RANGE = _FORWARD_ROWS.where(_record_keys.c.record_id.between(bindparam("first"), bindparam("last")))
_FORWARD_PAGE = _FORWARD_ROWS.where(_record_keys.c.record_id > bindparam("after")).order_by(_record_keys.c.record_id).limit(bindparam("most"))
_MAX_RECORD_ID = select(func.max(_record_keys.c.record_id)).where(_record_keys.c.config_id == bindparam("config"))
_DELETE_FORWARD_ROWS = delete(_record_keys).where(_record_keys.c.config_id == bindparam("config"), is_in(_record_keys.c.record_id, "ids"))
_POSITION_COLUMNS = (_key.c.group_id, _key.c.key, _key.c.record_id)
_BASE_TABLE_PAGE = (
    select(*_POSITION_COLUMNS)
    .where(
        _key.c.config_id == bindparam("config"),
        tuple_(*_POSITION_COLUMNS) > tuple_(bindparam("group"), bindparam("key"), bindparam("record")),
    )
    .order_by(*_POSITION_COLUMNS)
    .limit(bindparam("most"))
)

RECORDS_PER_PAGE = 10_000
"""Records, with some 26 keys each."""
BASE_ROWS_PER_PAGE = 200_000
_MIN_BIGINT = -(2**63)


class PackedKeys(NamedTuple):
    """The blocking keys of one record.

    Args:
        group_id: the visibility group that it is found in.
        keys: its keys, ascending, as little-endian 64-bit integers.
    """

    group_id: int
    keys: bytes


class BlockingKeys:
    """The blocking keys of every configuration; of each record, those that the blocks have are its own."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.segments = KeySegments(connection)
        self._is_sqlite = connection.dialect.name == "sqlite"

    def write(
        self,
        config_id: int,
        keys_by_record: Mapping[int, PackedKeys],
        commit_no: int,
        *,
        as_segment: bool = False,
        rewritten: Collection[int] = (),
    ) -> None:
        """Add keys, by record.

        Args:
            config_id: the configuration.
            keys_by_record: the keys of each record.
            commit_no: of the transaction that writes them.
            as_segment: whether they are put into a run, which waits to be merged, and not among all.
            rewritten: those of the records that may have keys, in the place of which these are put; the others have
                none. Keys that a record keeps are left among all, unless some of its keys may be in a run.
        """
        some = {record: one for record, one in keys_by_record.items() if one.keys}
        rows, lost = _rows_from_packed_keys(some), EMPTY_ROWS
        if rewritten and as_segment:
            rows, lost = self._replace_with_tombstones(config_id, rows, rewritten)
        elif rewritten:
            rows = subtract_rows(rows, self._delete_all_but(config_id, rows, rewritten))
        columns: dict[str, list[Any]] = {
            "config_id": [config_id] * len(some),
            "record_id": list(some),
            "group_id": [one.group_id for one in some.values()],
            "packed": [one.keys for one in some.values()],
            "commit_no": [commit_no] * len(some),
        }
        insert_columns(self._connection, _record_keys, columns)
        if len(some) > 1:
            # Those of one record are in order as they are stored.
            rows = sort_rows(rows)
        if as_segment:
            self.segments.write(config_id, rows, commit_no, sort_rows(lost))
        else:
            self._insert_into_base_table(config_id, rows, commit_no)

    def _insert_into_base_table(self, config_id: int, rows: IntArray, commit_no: float) -> None:
        hidden = self.segments.select_tombstoned(config_id, rows)
        if hidden.size:
            # What runs say is lost would not be found there, and may be there still.
            self.segments.write(config_id, hidden, int(commit_no))
            rows = subtract_rows(rows, hidden)
        insert_columns(self._connection, _key, base_table_columns(config_id, rows))

    def _replace_with_tombstones(
        self, config_id: int, rows: IntArray, record_ids: Collection[int]
    ) -> tuple[IntArray, IntArray]:
        """Have records give up their keys, none of which is gone to.

        Args:
            config_id: the configuration.
            rows: visibility group, key and record of the keys that the records will have.
            record_ids: the records.

        Returns:
            the rows that are to be put into a run, and those that are lost among all.
        """
        among_all, anywhere = [EMPTY_ROWS], [EMPTY_ROWS]
        for chunk in iter_chunks(record_ids):
            found = self._connection.execute(_FORWARD_ROWS_OF_RECORDS, {"config": config_id, "ids": chunk}).all()
            oldest = self._oldest_segment_commit(config_id)
            in_runs = _keys_by_record(row for row in found if row[3] >= oldest)
            self.segments.add_record_tombstones(config_id, in_runs)
            # Of those any key may be among all as well.
            anywhere.append(_rows_from_packed_keys(in_runs))
            among_all.append(_rows_from_packed_keys(_keys_by_record(row for row in found if row[3] < oldest)))
            if found:
                self._connection.execute(_DELETE_FORWARD_ROWS, {"config": config_id, "ids": [row[0] for row in found]})
        has, lost = split_unshared_rows(rows, np.concatenate(among_all, axis=1))
        return has, np.concatenate([lost, *anywhere], axis=1)

    def _delete_all_but(self, config_id: int, rows: IntArray, record_ids: Collection[int]) -> IntArray:
        """Remove the keys of records, but leave those among all that are in some rows too.

        Args:
            config_id: the configuration.
            rows: visibility group, key and record of the keys that the records will have.
            record_ids: the records.

        Returns:
            the rows that the records had among all.
        """
        among_all = [EMPTY_ROWS]
        for chunk in iter_chunks(record_ids):
            found = self._connection.execute(_FORWARD_ROWS_OF_RECORDS, {"config": config_id, "ids": chunk}).all()
            oldest = self._oldest_segment_commit(config_id)
            in_runs = [row for row in found if row[3] >= oldest]
            self._delete_records(config_id, in_runs)
            there = _keys_by_record(row for row in found if row[3] < oldest)
            if there:
                before = _rows_from_packed_keys(there)
                over = sort_rows(subtract_rows(before, rows))
                delete_by_columns(self._connection, _key, base_table_columns(config_id, over))
                among_all.append(before)
                self._connection.execute(_DELETE_FORWARD_ROWS, {"config": config_id, "ids": list(there)})
        return np.concatenate(among_all, axis=1)

    def _oldest_segment_commit(self, config_id: int) -> float:
        """The commit that began the oldest run: what was written before is in none."""
        return min((run.commit_no for run in self.segments.segments_of(config_id)), default=inf)

    def max_record_id(self, config_id: int) -> int:
        """The greatest record that has keys; 0 where none has."""
        return int(self._connection.execute(_MAX_RECORD_ID, {"config": config_id}).scalar() or 0)

    def delete(self, config_id: int, record_ids: Collection[int]) -> None:
        """Remove the keys of records."""
        for chunk in iter_chunks(record_ids):
            asked = {"config": config_id, "ids": chunk}
            self._delete_records(config_id, self._connection.execute(_FORWARD_ROWS_OF_RECORDS, asked).all())

    def delete_range(self, config_id: int, first: int, last: int) -> None:
        """Remove the keys of the records with numbers of a range, both ends in it."""
        asked = {"config": config_id, "first": first, "last": last}
        self._delete_records(config_id, self._connection.execute(_FORWARD_ROWS_OF_RANGE, asked).all())

    def _delete_records(self, config_id: int, rows: Collection[Any]) -> None:
        if rows:
            own = _keys_by_record(rows)
            delete_by_columns(self._connection, _key, base_table_columns(config_id, sort_rows(_rows_from_packed_keys(own))))
            oldest = self._oldest_segment_commit(config_id)
            self.segments.add_record_tombstones(config_id, [row[0] for row in rows if row[3] >= oldest])
            self._connection.execute(_DELETE_FORWARD_ROWS, {"config": config_id, "ids": list(own)})

    def repair(self, config_id: int, mismatches: Collection[tuple[int, int, int]]) -> None:
        """Have records searched by their own keys.

        Args:
            config_id: the configuration.
            mismatches: visibility group, key and record of each row that is searched and not the record's own, or
                the other way round.
        """
        records = {row[2] for row in mismatches}
        # Runs let go of a record as a whole only: all keys of a wrong one are put among all.
        self.segments.add_record_tombstones(config_id, records)
        own = sort_rows(_rows_from_packed_keys(self.packed_keys(config_id, records)))
        there = columns_from_rows(list(mismatches))
        for rows in (sort_rows(there), own):
            delete_by_columns(self._connection, _key, base_table_columns(config_id, rows))
        self._insert_into_base_table(config_id, own, self._oldest_segment_commit(config_id))

    def delete_all(self, config_id: int | None) -> None:
        """Remove the keys of a configuration, or of all."""
        for table in (_record_keys, _key):
            statement = delete(table)
            if config_id is not None:
                statement = statement.where(table.c.config_id == config_id)
            self._connection.execute(statement)
        self.segments.delete_all(config_id)

    def packed_keys(self, config_id: int, record_ids: Collection[int]) -> dict[int, PackedKeys]:
        """The keys of records, as they are stored; nothing of one that has none."""
        found: dict[int, PackedKeys] = {}
        for chunk in iter_chunks(record_ids):
            found.update(_keys_by_record(self._connection.execute(_FORWARD_ROWS_OF_RECORDS, {"config": config_id, "ids": chunk})))
        return found

    def records_written_since(self, config_id: int, commit_no: int) -> list[int]:
        """The records whose keys a later transaction wrote, with their features; not those that went."""
        rows = self._connection.execute(_RECORDS_WRITTEN_SINCE, {"config": config_id, "since": commit_no})
        return [row[0] for row in rows]

    def keys_written_since(self, config_id: int, commit_no: int, limit: int) -> dict[int, PackedKeys]:
        """The same records with their keys, so many at most."""
        return _keys_by_record(self._connection.execute(_FORWARD_ROWS_WRITTEN_SINCE, _since_parameters(config_id, commit_no, limit)))

    def prefetch_keys_written_since(self, config_id: int, commit_no: int, limit: int) -> None:
        """Send ahead what ``written_after`` will ask."""
        prefetch(self._connection, _FORWARD_ROWS_WRITTEN_SINCE, _since_parameters(config_id, commit_no, limit))

    def records_with_keys(self, config_id: int, record_ids: Collection[int]) -> set[int]:
        """Those of the records that have keys."""
        found: set[int] = set()
        for chunk in iter_chunks(record_ids):
            rows = self._connection.execute(_RECORDS_WITH_KEYS, {"config": config_id, "ids": chunk})
            found.update(row[0] for row in rows)
        return found

    def prefetch_records_with_keys(self, config_id: int, record_ids: Collection[int]) -> None:
        """Send ahead what ``having`` will ask."""
        for chunk in iter_chunks(record_ids):
            prefetch(self._connection, _RECORDS_WITH_KEYS, {"config": config_id, "ids": chunk})

    def keys_of(self, config_id: int, record_ids: Collection[int]) -> dict[int, list[int]]:
        """The keys of records, ascending; nothing of one that has none."""
        own = self.packed_keys(config_id, record_ids)
        return {record: np.frombuffer(one.keys, STORED_DTYPE).tolist() for record, one in own.items()}

    def iterate_forward_index(self, config_id: int) -> Iterator[IntArray]:
        """Every record's own keys: three columns, visibility group, key and record, a page at a time."""
        after, found = -1, RECORDS_PER_PAGE
        while found == RECORDS_PER_PAGE:
            asked = {"config": config_id, "after": after, "most": RECORDS_PER_PAGE}
            rows = self._connection.execute(_FORWARD_PAGE, asked).all()
            if (found := len(rows)) > 0:
                after = rows[-1][0]
                yield _rows_from_packed_keys(_keys_by_record(rows))

    def iterate_searched_rows(self, config_id: int) -> Iterator[IntArray]:
        """The same columns as they are searched by key, which must be the same keys; runs come last."""
        lost = self.segments.key_tombstones(config_id)
        after, found = (_MIN_BIGINT, _MIN_BIGINT, _MIN_BIGINT), BASE_ROWS_PER_PAGE
        while found == BASE_ROWS_PER_PAGE:
            asked = dict(zip(("group", "key", "record"), after, strict=True))
            rows = self._connection.execute(
                _BASE_TABLE_PAGE, {"config": config_id, "most": BASE_ROWS_PER_PAGE, **asked}
            ).all()
            if (found := len(rows)) > 0:
                after = (rows[-1][0], rows[-1][1], rows[-1][2])
                page = columns_from_rows(rows)
                yield subtract_rows(page, _select_near_page(page, lost))
        yield from self.segments.iterate_rows(config_id)

    def find_records(
        self, config_id: int, groups: Collection[int], keys: Collection[int], limit_per_key: int | None = None
    ) -> list[tuple[int, int]]:
        """(key, record) of every record in those visibility groups that has one of the keys.

        With ``most`` they end after so many a key on average: one of the keys then has more.
        """
        # Before what may be merged meanwhile is read, where each statement is of a moment of its own.
        in_runs = self.segments.find_records(config_id, groups, keys)
        found = in_runs.pairs(limit_per_key and limit_per_key * len(keys) + 1)
        for chunk in iter_chunks(keys):
            asked = {"config": config_id, "groups": groups, "keys": chunk}
            if limit_per_key is None:
                among_all = self._fetch_rows(_ROWS_OF_KEYS_IN_GROUPS, asked)
            else:
                # One too many is left when all that was lost is taken out.
                enough = limit_per_key * len(chunk) + 1 + in_runs.tombstones.shape[1]
                among_all = self._fetch_rows(_LIMITED_ROWS_OF_KEYS_IN_GROUPS, asked | {"most": enough})
            found += in_runs.filter_tombstoned(among_all)
        return found

    def _fetch_rows(self, statement: Any, asked: Mapping[str, Any]) -> list[tuple[int, int, int]]:  # noqa: ANN401
        return [(row[0], row[1], row[2]) for row in self._connection.execute(statement, asked)]

    def large_keys(self, config_id: int, threshold: int) -> list[tuple[int, int]]:
        """(key, records) of every key that more records than so many have, largest first."""
        keys, counts = self.segments.key_sizes(config_id)
        # What more than so many have either more than half as many have in runs, or so they do among all.
        least = threshold // 2 if keys.size else threshold
        rows = self._connection.execute(_LARGE_KEY_SIZES, {"config": config_id, "over": least})
        sizes = Counter({row[0]: row[1] for row in rows})
        for chunk in iter_chunks(keys[counts > least].tolist()):
            rows = self._connection.execute(_SIZES_OF_KEYS, {"config": config_id, "keys": chunk})
            sizes.update(dict.fromkeys(chunk, 0) | {row[0]: row[1] for row in rows if row[0] not in sizes})
        self._subtract_tombstoned(config_id, sizes)
        both, _, places = np.intersect1d(
            np.fromiter(sizes, np.int64), keys, assume_unique=True, return_indices=True
        )
        sizes.update(dict(zip(both.tolist(), counts[places].tolist(), strict=True)))
        large = [(key, size) for key, size in sizes.items() if size > threshold]
        return sorted(large, key=lambda one: (-one[1], one[0]))

    def _subtract_tombstoned(self, config_id: int, sizes: Counter[int]) -> None:
        """Count those records only that have a key still."""
        lost = self.segments.key_tombstones(config_id)
        for some in _chunk_keys_by_size(
            {key: sizes[key] for key in sizes.keys() & set(np.unique(lost[1]).tolist())}
        ):
            there = columns_from_rows(self._fetch_rows(_ROWS_OF_KEYS, {"config": config_id, "keys": some}))
            keys, counts = np.unique(subtract_rows(there, lost)[1], return_counts=True)
            standing = dict(zip(keys.tolist(), counts.tolist(), strict=True))
            sizes.update({key: standing.get(key, 0) - sizes[key] for key in some})

    def find_records_in_parts(self, config_id: int, groups: Collection[int], keys: Collection[int]) -> Iterator[IntArray]:
        """``sharing`` for many keys, in two columns, a part at a time; ascending keys are found soonest."""
        in_runs = self.segments.find_records(config_id, groups, keys)
        yield from in_runs.entries
        yield from map(in_runs.without_tombstoned, self.find_in_base_table(config_id, groups, iter_chunks(keys)))

    def find_in_base_table(
        self, config_id: int, groups: Collection[int], parts: Iterable[Collection[int]]
    ) -> Iterator[IntArray]:
        """The same for each of some parts of the keys, whatever runs have and have lost.

        The visibility group is told as well: three columns.
        """
        if not self._is_sqlite:
            for part in parts:
                asked = {"config": config_id, "groups": groups, "keys": part}
                yield columns_from_rows(self._fetch_rows(_ROWS_OF_KEYS_IN_GROUPS, asked))
            return
        # A row handed over by itself costs more than it takes to find it.
        statement = (
            "SELECT json_group_array(k.key), json_group_array(k.record_id) "
            "FROM json_each(?) AS wanted CROSS JOIN blocking_key AS k "
            "WHERE k.config_id = ? AND k.group_id = ? AND k.key = wanted.value"
        )
        driver: Any = self._connection.connection.driver_connection
        for part in parts:
            wanted = orjson.dumps(list(part)).decode()
            for group in groups:
                found = driver.execute(statement, (wanted, config_id, group)).fetchone()
                keys, records = (orjson.loads(column) for column in found)
                rows = np.full((3, len(keys)), group, np.int64)
                rows[1:] = keys, records
                yield rows


def _since_parameters(config_id: int, commit_no: int, most: int) -> dict[str, int]:
    return {"config": config_id, "since": commit_no, "most": most}


def columns_from_rows(rows: Sequence[Any]) -> IntArray:
    """Rows of three values as three columns."""
    return np.array([tuple(row) for row in rows], np.int64).reshape(-1, 3).T


def _chunk_keys_by_size(sizes: Mapping[int, int]) -> Iterator[list[int]]:
    """Keys, so many at a time that not many more than ``BASE_ROWS_PER_PAGE`` records have them."""
    some: list[int] = []
    records = 0
    for key, size in sizes.items():
        some.append(key)
        records += size
        if records >= BASE_ROWS_PER_PAGE or len(some) == CHUNK_SIZE:
            yield some
            some, records = [], 0
    if some:
        yield some


def _select_near_page(page: IntArray, rows: IntArray) -> IntArray:
    """Those of some rows that may be among a page in the order of the table."""
    first, last = page[:2, 0], page[:2, -1]
    if first[0] != last[0]:
        return rows
    groups, keys, _ = rows
    return rows[:, (groups == first[0]) & (keys >= first[1]) & (keys <= last[1])]


def _keys_by_record(rows: Iterable[Any]) -> dict[int, PackedKeys]:
    return {row[0]: PackedKeys(row[1], row[2]) for row in rows}


def _rows_from_packed_keys(own: Mapping[int, PackedKeys]) -> IntArray:
    """Three columns, visibility group, key and record, of every key, by record as given."""
    keys = np.frombuffer(b"".join(one.keys for one in own.values()), STORED_DTYPE)
    counts = [len(one.keys) // STORED_DTYPE.itemsize for one in own.values()]
    rows = np.empty((3, len(keys)), np.int64)
    rows[0] = np.repeat(np.array([one.group_id for one in own.values()], np.int64), counts)
    rows[1] = keys
    rows[2] = np.repeat(np.array(list(own), np.int64), counts)
    return rows
