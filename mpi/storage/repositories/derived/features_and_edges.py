"""Repository of features and scored edges, by configuration.

Deleting a record's derived data deletes its blocking keys too.
"""

from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import orjson
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    bindparam,
    delete,
    func,
    select,
    text,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY

from mpi.storage.driver.bulk_rows import insert_columns, insert_rows
from mpi.storage.driver.chunks import CHUNK_SIZE, iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.driver.prefetch import fetch_all, prefetch
from mpi.storage.key_index.blocking_keys import BlockingKeys
from mpi.storage.tables import EdgeRow, FeatureRow, RecordKeysRow, table_of

_feature = table_of(FeatureRow)
_record_keys = table_of(RecordKeysRow)
_edge = table_of(EdgeRow)

# Module constants: composing a statement costs more than SQLite takes to run it.
# Without statistics, SQLite would scan all edges by the primary key instead of using this index.
_ENDS = ((_edge.c.lo, ""), (_edge.c.hi, "INDEXED BY ix_edge_hi"))
_EDGES_OF_RECORDS = union_all(
    *(
        select(_edge.c.lo, _edge.c.hi, _edge.c.weight)
        .where(
            _edge.c.config_id == bindparam("config"), is_in(end, "ids"), _edge.c.weight >= bindparam("floor")
        )
        .with_hint(_edge, hint, "sqlite")
        for end, hint in _ENDS
    )
)
_FEATURES = select(_feature.c.record_id, _feature.c.payload).where(
    _feature.c.config_id == bindparam("config"), is_in(_feature.c.record_id, "ids")
)
_FEATURE_PAGE = (
    select(_feature.c.record_id, _feature.c.payload)
    .where(_feature.c.config_id == bindparam("config"), _feature.c.record_id > bindparam("after"))
    .order_by(_feature.c.record_id)
    .limit(CHUNK_SIZE)
)
_DELETE_FEATURES = (
    delete(_feature)
    .where(_feature.c.config_id == bindparam("config"), is_in(_feature.c.record_id, "ids"))
    .returning(_feature.c.record_id)
)
_DELETE_EDGES_OF_RECORDS = tuple(
    delete(_edge)
    .where(_edge.c.config_id == bindparam("config"), is_in(end, "ids"))
    .with_hint(hint, dialect_name="sqlite")
    for end, hint in _ENDS
)

_EDGES_BY_LOWER_RECORD = select(_edge.c.lo, _edge.c.hi, _edge.c.weight).where(
    _edge.c.config_id == bindparam("config"), is_in(_edge.c.lo, "ids")
)
_DELETE_EDGE = delete(_edge).where(
    _edge.c.config_id == bindparam("config"), _edge.c.lo == bindparam("low"), _edge.c.hi == bindparam("high")
)
_RECORD_COLUMNS = (_feature.c.record_id, _record_keys.c.record_id, _edge.c.lo)
"""The record column of each derived table.

An edge belongs to its lower record.
"""

MICROBITS = 1_000_000
"""Millionths of a bit in one bit: the unit of stored weights."""

# Handing over single rows costs more than finding them.
_JOINED_PAYLOADS_SQLITE = (
    "SELECT json_group_array(f.record_id), json_group_array(length(f.payload)), "
    "CAST(group_concat(f.payload, '') AS BLOB) FROM json_each(?) AS wanted "
    "CROSS JOIN feature AS f WHERE f.config_id = ? AND f.record_id = wanted.value"
)
_JOINED_PAYLOADS = text(
    "SELECT array_agg(record_id) AS records, array_agg(length(payload)) AS lengths, "
    "string_agg(payload, ''::bytea) AS joined FROM feature "
    "WHERE config_id = :config AND record_id = ANY (:ids)"
).bindparams(
    bindparam("config", type_=BigInteger()),
    bindparam("ids", type_=ARRAY(BigInteger())),
)

Edges = dict[tuple[int, int], float]
"""Match weights in bits, by (lower record number, higher record number)."""


def _select_min_after(column: ColumnElement[int], lower_bound: int) -> Select[Any]:
    return select(func.min(column)).where(column > lower_bound)


class FeaturePayloads(NamedTuple):
    """Stored comparison features of several records, in one buffer.

    Args:
        records: record numbers.
        lengths: length of each payload, in bytes.
        joined: the payloads, concatenated.
    """

    records: list[int]
    lengths: list[int]
    joined: bytes


class DerivedRepository:
    """Repository of comparison features and scored pairs, computed from records."""

    def __init__(self, connection: Connection, keys: BlockingKeys) -> None:
        self._connection = connection
        self._keys = keys

    def add_features(self, config_id: int, payloads: Iterable[tuple[int, bytes]]) -> None:
        """Add comparison features of records that have none."""
        rows = list(payloads)
        if len(rows) == 1:
            [(record, payload)] = rows
            insert_rows(
                self._connection,
                _feature,
                [{"config_id": config_id, "record_id": record, "payload": payload}],
            )
            return
        columns: dict[str, list[Any]] = {
            "config_id": [config_id] * len(rows),
            "record_id": [record for record, _ in rows],
            "payload": [payload for _, payload in rows],
        }
        insert_columns(self._connection, _feature, columns)

    def add_edges(self, config_id: int, edges: Mapping[tuple[int, int], float]) -> None:
        """Add scored record pairs (edges).

        Args:
            config_id: number of the configuration.
            edges: match weight in bits, by (lower, higher) record number.
        """
        pairs = sorted(edges)
        columns = {
            "config_id": [config_id] * len(pairs),
            "lo": [lo for lo, _ in pairs],
            "hi": [hi for _, hi in pairs],
            "weight": [round(edges[pair] * MICROBITS) for pair in pairs],
        }
        insert_columns(self._connection, _edge, columns)

    def delete(
        self, config_id: int, record_ids: Collection[int], *, keep_keys_of: Container[int] = ()
    ) -> None:
        """Delete comparison features, blocking keys and scored pairs of records.

        Records without features are assumed to have no keys or edges.

        Args:
            config_id: number of the configuration.
            record_ids: the records.
            keep_keys_of: records whose keys stay. The caller must name them to ``BlockingKeys.write`` as
                rewritten, in the same transaction.
        """
        for chunk in iter_chunks(record_ids):
            rows = self._connection.execute(_DELETE_FEATURES, {"config": config_id, "ids": chunk})
            featured_records = [row.record_id for row in rows]
            self._keys.delete(
                config_id, [record for record in featured_records if record not in keep_keys_of]
            )
            for statement in _DELETE_EDGES_OF_RECORDS if featured_records else ():
                self._connection.execute(statement, {"config": config_id, "ids": featured_records})

    def delete_all(self, config_id: int | None = None, *, edges_only: bool = False) -> None:
        """Delete computed data of one matching configuration, or of all.

        The data are features, blocking keys and scored pairs. None means all configurations.
        """
        if not edges_only:
            self._keys.delete_all(config_id)
        for table in (_edge,) if edges_only else (_feature, _edge):
            statement = delete(table)
            if config_id is not None:
                statement = statement.where(table.c.config_id == config_id)
            self._connection.execute(statement)

    def delete_features_and_keys(self, config_id: int, record_ids: Collection[int]) -> None:
        """Delete features and blocking keys of records, but not their scored pairs."""
        for chunk in iter_chunks(record_ids):
            self._connection.execute(
                delete(_feature).where(_feature.c.config_id == config_id, is_in(_feature.c.record_id, chunk))
            )
        self._keys.delete(config_id, record_ids)

    def delete_edges(self, config_id: int, edges: Collection[tuple[int, int]]) -> None:
        """Delete scored pairs, given as (lower, higher) record numbers."""
        rows = [{"config": config_id, "low": lo, "high": hi} for lo, hi in edges]
        if rows:
            self._connection.execute(_DELETE_EDGE, rows)

    def delete_edges_of_records(self, config_id: int, record_ids: Collection[int]) -> None:
        """Delete all scored pairs of records, even of records without features."""
        for chunk in iter_chunks(record_ids):
            for statement in _DELETE_EDGES_OF_RECORDS:
                self._connection.execute(statement, {"config": config_id, "ids": chunk})

    def delete_range(self, config_id: int, first: int, last: int) -> None:
        """Delete features, keys and scored pairs of a range of records.

        The records are those numbered ``first`` to ``last``, inclusive.
        """
        self._keys.delete_range(config_id, first, last)
        for column in (_feature.c.record_id, _edge.c.lo):
            table = column.table
            self._connection.execute(
                delete(table).where(table.c.config_id == config_id, column.between(first, last))
            )

    def config_ids(self) -> set[int]:
        """Return the matching configurations with stored features, keys or pairs."""
        config_ids: set[int] = set()
        for column in _RECORD_COLUMNS:
            config_column = column.table.c.config_id
            # Look up each next number; selecting distinct numbers would read the whole table.
            last_id = -1
            while (
                number := self._connection.execute(_select_min_after(config_column, last_id)).scalar()
            ) is not None:
                config_ids.add(number)
                last_id = number
        return config_ids

    def record_id_range(self, config_id: int) -> tuple[int, int] | None:
        """Return the lowest and highest record number with computed data.

        Returns:
            None if no record has features, blocking keys or scored pairs.
        """
        extremes = []
        for column in _RECORD_COLUMNS:
            for end in (func.min(column), func.max(column)):
                extreme = self._connection.execute(
                    select(end).where(column.table.c.config_id == config_id)
                ).scalar()
                extremes += [] if extreme is None else [int(extreme)]
        return (min(extremes), max(extremes)) if extremes else None

    def record_ids(self, config_id: int) -> set[int]:
        """Return every record with computed data of a matching configuration."""
        record_ids: set[int] = set()
        for column in _RECORD_COLUMNS:
            rows = self._connection.execute(
                select(column).where(column.table.c.config_id == config_id).distinct()
            )
            record_ids.update(row[0] for row in rows)
        return record_ids

    def records_with_features(self, config_id: int) -> set[int]:
        """Return every record with features of a matching configuration."""
        statement = select(_feature.c.record_id).where(_feature.c.config_id == config_id)
        return {row[0] for row in fetch_all(self._connection, statement)}

    def edges_by_lower_record(
        self, config_id: int, record_ids: Collection[int]
    ) -> dict[tuple[int, int], int]:
        """Return scored pairs whose lower record is given, with match weights.

        Weights are in millionths of a bit.
        """
        edges: dict[tuple[int, int], int] = {}
        for chunk in iter_chunks(record_ids):
            rows = self._connection.execute(_EDGES_BY_LOWER_RECORD, {"config": config_id, "ids": chunk})
            edges.update({(row[0], row[1]): row[2] for row in rows})
        return edges

    def features(self, config_id: int, record_ids: Collection[int]) -> dict[int, bytes]:
        """Return serialized features by record, leaving out records without features."""
        payloads = {}
        for chunk in iter_chunks(record_ids):
            rows = self._connection.execute(_FEATURES, {"config": config_id, "ids": chunk})
            payloads.update({row.record_id: row.payload for row in rows})
        return payloads

    def iterate_features(self, config_id: int) -> Iterator[tuple[int, bytes]]:
        """Yield (record number, serialized features) of all records, in order.

        Reads a page at a time, since PostgreSQL's driver holds a whole result in memory.
        """
        last_record, row_count = -1, CHUNK_SIZE
        while row_count == CHUNK_SIZE:
            rows = self._connection.execute(_FEATURE_PAGE, {"config": config_id, "after": last_record}).all()
            row_count = len(rows)
            for record, payload in rows:
                last_record = record
                yield record, payload

    def iterate_features_in_parts(
        self, config_id: int, record_ids: Collection[int]
    ) -> Iterator[FeaturePayloads]:
        """Yield concatenated serialized features of records, chunk by chunk.

        Ascending record numbers are read fastest.
        """
        for chunk in iter_chunks(record_ids):
            if self._connection.dialect.name == "postgresql":
                parameters = {"config": config_id, "ids": list(chunk)}
                records, lengths, joined = self._connection.execute(_JOINED_PAYLOADS, parameters).one()
                yield FeaturePayloads(records or [], lengths or [], bytes(joined or b""))
                continue
            driver: Any = self._connection.connection.driver_connection
            row = driver.execute(
                _JOINED_PAYLOADS_SQLITE, (orjson.dumps(chunk).decode(), config_id)
            ).fetchone()
            yield FeaturePayloads(orjson.loads(row[0]), orjson.loads(row[1]), row[2] or b"")

    def edges_of(self, config_id: int, record_ids: Collection[int], floor: float) -> Edges:
        """Return scored pairs of records at or above a match weight.

        Args:
            config_id: number of the configuration.
            record_ids: records at either end.
            floor: least weight, in bits.
        """
        edges: Edges = {}
        for chunk in iter_chunks(record_ids):
            rows = self._connection.execute(
                _EDGES_OF_RECORDS, {"config": config_id, "ids": chunk, "floor": round(floor * MICROBITS)}
            )
            edges.update({(row[0], row[1]): row[2] / MICROBITS for row in rows})
        return edges

    def prefetch_edges_of(self, config_id: int, record_ids: Collection[int], floor: float) -> None:
        """Send the query of ``edges_of`` ahead of its use."""
        for chunk in iter_chunks(record_ids):
            parameters = {"config": config_id, "ids": chunk, "floor": round(floor * MICROBITS)}
            prefetch(self._connection, _EDGES_OF_RECORDS, parameters)

    def all_edges(self, config_id: int) -> Edges:
        """Return every scored pair of a matching configuration."""
        statement = select(_edge.c.lo, _edge.c.hi, _edge.c.weight).where(_edge.c.config_id == config_id)
        return {(row[0], row[1]): row[2] / MICROBITS for row in fetch_all(self._connection, statement)}
