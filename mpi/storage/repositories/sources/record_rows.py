"""Repository of complete record rows, to copy them into another index.

A copy has the history of its records: versions, sightings, flags, former local IDs and loads. It has numbers
of its own, which follow each other without gaps, so that they tell nothing of other sources.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, Select, Table, func, insert, select

from mpi.storage.driver.bulk_rows import insert_rows
from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.driver.prefetch import fetch_all
from mpi.storage.repositories.payload_keys import PayloadKeys, RecordCipher
from mpi.storage.tables import (
    BatchRow,
    CommitRow,
    FlagRow,
    RecordAliasRow,
    RecordRow,
    RecordVersionRow,
    SightingRow,
    table_of,
)

_record = table_of(RecordRow)
_version = table_of(RecordVersionRow)
_sighting = table_of(SightingRow)
_flag = table_of(FlagRow)
_alias = table_of(RecordAliasRow)
_batch = table_of(BatchRow)
_commit = table_of(CommitRow)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Renumbering:
    """Numbers of one index, and those that their copies get in another.

    Args:
        numbers: the numbers there, ascending.
        first: the number of the first copy.
    """

    numbers: npt.NDArray[np.int64]
    first: int = 1

    def __len__(self) -> int:
        return len(self.numbers)

    def copy_of(self, number: int) -> int:
        """Return the number of a copy.

        Raises:
            KeyError: the number is not copied.
        """
        place = int(np.searchsorted(self.numbers, number))
        if place == len(self.numbers) or self.numbers[place] != number:
            raise KeyError(number)
        return self.first + place

    def copy_of_optional(self, number: int | None) -> int | None:
        """Return the number of a copy; None for None."""
        return None if number is None else self.copy_of(number)

    def after(self, copy: int, limit: int) -> list[int]:
        """Return the next numbers whose copies follow a number."""
        start = max(copy + 1 - self.first, 0)
        return [int(number) for number in self.numbers[start : start + limit]]


@dataclass(frozen=True, slots=True)
class CopiedNumbers:
    """Numbers of everything that a copy of sources holds.

    Args:
        records: numbers of records.
        versions: numbers of their versions.
        aliases: numbers of their former local IDs.
        batches: numbers of their sources' loads.
        commits: numbers of the commits that these rows name.
    """

    records: Renumbering
    versions: Renumbering
    aliases: Renumbering
    batches: Renumbering
    commits: Renumbering


@dataclass(frozen=True, slots=True)
class RecordRowSet:
    """Complete rows of some records.

    Args:
        records: the records.
        versions: their versions.
        flags: special-population flags of these versions.
        sightings: statements that a record is unchanged or gone.
        aliases: former local IDs.
    """

    records: Sequence[Row]
    versions: Sequence[Row]
    flags: Sequence[Row]
    sightings: Sequence[Row]
    aliases: Sequence[Row]


class RecordRows:
    """Repository of complete record rows, to copy them into another index.

    Rows that were read hold readable payloads and no data keys: each index has data keys of its own.

    Args:
        connection: connection with an open transaction.
        payload_keys: payload keys in use.
    """

    def __init__(self, connection: Connection, payload_keys: PayloadKeys) -> None:
        self._connection = connection
        self._cipher = RecordCipher(payload_keys)

    def numbers_of(self, source_ids: Collection[int], further_commits: Collection[int]) -> CopiedNumbers:
        """Return the numbers of everything that sources hold.

        Args:
            source_ids: numbers of the sources.
            further_commits: further commits to copy.
        """
        of_sources = _record.c.source_id.in_(sorted(source_ids))

        def select_of_records(column: Any) -> Select[Any]:  # noqa: ANN401 - a column of any table
            return (
                select(column)
                .join(_record, _record.c.id == column.table.c.record_id)
                .where(of_sources, column.is_not(None))
                .distinct()
            )

        of_batches = _batch.c.source_id.in_(sorted(source_ids))
        commit_queries = [
            select_of_records(_version.c.received_commit),
            select_of_records(_version.c.ended_commit),
            select_of_records(_sighting.c.commit_no),
            select_of_records(_alias.c.to_commit),
            *(
                select(column).where(of_batches, column.is_not(None))
                for column in (_batch.c.commit_no, _batch.c.undone_commit)
            ),
        ]
        commits = {row[0] for query in commit_queries for row in fetch_all(self._connection, query)}
        return CopiedNumbers(
            records=self._numbering(select(_record.c.id).where(of_sources)),
            versions=self._numbering(select_of_records(_version.c.id)),
            aliases=self._numbering(select_of_records(_alias.c.id)),
            batches=self._numbering(select(_batch.c.id).where(of_batches)),
            commits=_renumber(commits.union(further_commits)),
        )

    def _numbering(self, query: Select[Any]) -> Renumbering:
        return _renumber(row[0] for row in fetch_all(self._connection, query))

    def read(self, record_ids: Collection[int]) -> RecordRowSet:
        """Return the complete rows of records."""
        records = self._rows(_record, _record.c.id, record_ids)
        versions = self._rows(_version, _version.c.record_id, record_ids)
        data_keys = {row["id"]: row.pop("data_key") for row in records}
        for row in versions:
            record_id = row["record_id"]
            row["payload"] = self._cipher.decrypt(record_id, row["id"], data_keys[record_id], row["payload"])
        return RecordRowSet(
            records=records,
            versions=versions,
            flags=self._rows(_flag, _flag.c.version_id, [row["id"] for row in versions]),
            sightings=self._rows(_sighting, _sighting.c.record_id, record_ids),
            aliases=self._rows(_alias, _alias.c.record_id, record_ids),
        )

    def commit_rows(self, numbers: Collection[int]) -> list[Row]:
        """Return the complete rows of commits."""
        return self._rows(_commit, _commit.c.no, numbers)

    def batch_rows(self, numbers: Collection[int]) -> list[Row]:
        """Return the complete rows of loads."""
        return self._rows(_batch, _batch.c.id, numbers)

    def _rows(self, table: Table, column: Any, ids: Collection[int]) -> list[Row]:  # noqa: ANN401 - a column of any table
        return [
            dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented name
            for chunk in iter_chunks(ids)
            for row in self._connection.execute(select(table).where(is_in(column, chunk)))
        ]

    def count_waiting(self, source_ids: Collection[int]) -> int:
        """Count the versions of sources' records that wait for a person."""
        query = (
            select(func.count())
            .select_from(_version)
            .join(_record, _record.c.id == _version.c.record_id)
            .where(_record.c.source_id.in_(sorted(source_ids)), _version.c.state.in_(("held", "overlay")))
        )
        return int(self._connection.execute(query).scalar() or 0)

    def count_records(self) -> int:
        """Count all records of this index."""
        return int(self._connection.execute(select(func.count()).select_from(_record)).scalar() or 0)

    def last_copy(self, numbers: Renumbering) -> int:
        """Return the highest record number up to that of the last copy."""
        query = select(func.max(_record.c.id)).where(_record.c.id < numbers.first + len(numbers))
        return int(self._connection.execute(query).scalar() or 0)

    def write(self, rows: RecordRowSet, numbers: CopiedNumbers, source_ids: Mapping[int, int]) -> None:
        """Write copies of complete record rows, with numbers of their own.

        Args:
            rows: the rows of another index.
            numbers: the numbers of the copies.
            source_ids: the number of each source here, by its number there.
        """
        records = [self._add_data_key(_copy_record(row, numbers, source_ids)) for row in rows.records]
        tables: dict[Table, Iterable[Row]] = {
            _record: records,
            _version: (self._encrypt_version(_copy_version(row, numbers)) for row in rows.versions),
            _flag: ({**row, "version_id": numbers.versions.copy_of(row["version_id"])} for row in rows.flags),
            _sighting: (_copy_sighting(row, numbers) for row in rows.sightings),
            _alias: (_copy_alias(row, numbers, source_ids) for row in rows.aliases),
        }
        for table, copies in tables.items():
            insert_rows(self._connection, table, list(copies))

    def _add_data_key(self, record: Row) -> Row:
        return {**record, "data_key": self._cipher.make_key(record["id"])}

    def _encrypt_version(self, version: Row) -> Row:
        if not self._cipher.encrypts:
            return version
        payload = self._cipher.encrypt(version["record_id"], version["id"], version["payload"])
        return {**version, "payload": payload}

    def write_commits(self, rows: Iterable[Row], numbers: CopiedNumbers, at: str | None = None) -> None:
        """Write copies of commits, with numbers of their own.

        Args:
            rows: the rows of another index.
            numbers: the numbers of the copies.
            at: time that the copies get, where this index has commits already; None for their own times.
        """
        new_time = {} if at is None else {"at": at}
        copies = [{**row, "no": numbers.commits.copy_of(row["no"]), **new_time} for row in rows]
        insert_rows(self._connection, _commit, copies)

    def write_batches(
        self, rows: Iterable[Row], numbers: CopiedNumbers, source_ids: Mapping[int, int]
    ) -> None:
        """Write copies of loads' receipts, with numbers of their own."""
        for row in rows:
            commit = numbers.commits
            copied = {
                "id": numbers.batches.copy_of(row["id"]),
                "source_id": source_ids[row["source_id"]],
                "commit_no": commit.copy_of(row["commit_no"]),
                "undone_commit": commit.copy_of_optional(row["undone_commit"]),
                "undoing_commit": None,
                "undoing_worker": None,
            }
            self._connection.execute(insert(_batch).values(**(row | copied)))


def _copy_record(row: Row, numbers: CopiedNumbers, source_ids: Mapping[int, int]) -> Row:
    return {
        **row,
        "id": numbers.records.copy_of(row["id"]),
        "source_id": source_ids[row["source_id"]],
        "version_id": numbers.versions.copy_of_optional(row["version_id"]),
    }


def _copy_version(row: Row, numbers: CopiedNumbers) -> Row:
    return {
        **row,
        "id": numbers.versions.copy_of(row["id"]),
        "record_id": numbers.records.copy_of(row["record_id"]),
        "received_commit": numbers.commits.copy_of(row["received_commit"]),
        "ended_commit": numbers.commits.copy_of_optional(row["ended_commit"]),
        "batch_id": numbers.batches.copy_of_optional(row["batch_id"]),
    }


def _copy_sighting(row: Row, numbers: CopiedNumbers) -> Row:
    return {
        **row,
        "record_id": numbers.records.copy_of(row["record_id"]),
        "commit_no": numbers.commits.copy_of(row["commit_no"]),
        "batch_id": numbers.batches.copy_of_optional(row["batch_id"]),
        "version_id": numbers.versions.copy_of_optional(row["version_id"]),
    }


def _copy_alias(row: Row, numbers: CopiedNumbers, source_ids: Mapping[int, int]) -> Row:
    return {
        **row,
        "id": numbers.aliases.copy_of(row["id"]),
        "source_id": source_ids[row["source_id"]],
        "record_id": numbers.records.copy_of(row["record_id"]),
        "from_commit": 0,
        "to_commit": numbers.commits.copy_of_optional(row["to_commit"]),
    }


def _renumber(numbers: Iterable[int]) -> Renumbering:
    """Return numbers in ascending order, each once."""
    return Renumbering(np.unique(np.fromiter(numbers, np.int64)))
