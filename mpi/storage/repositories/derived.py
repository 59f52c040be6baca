"""Features, blocking keys and edges, per configuration."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import orjson
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Text,
    bindparam,
    cast,
    delete,
    func,
    select,
    union_all,
)

from mpi.storage.among import among
from mpi.storage.repositories.asking import ahead
from mpi.storage.repositories.chunks import CHUNK, chunked
from mpi.storage.repositories.rows import put, put_columns
from mpi.storage.tables import BlockingKeyRow, EdgeRow, FeatureRow

_feature = FeatureRow.__table__  # type: ignore[attr-defined]
_key = BlockingKeyRow.__table__  # type: ignore[attr-defined]
_edge = EdgeRow.__table__  # type: ignore[attr-defined]

# Composed once: composing a statement costs more than SQLite takes to run it.
# SQLite has no statistics, and would rather read every edge by the key than those of one end by its index.
_ENDS = ((_edge.c.lo, ""), (_edge.c.hi, "INDEXED BY ix_edge_hi"))
_EDGES_OF = union_all(
    *(
        select(_edge.c.lo, _edge.c.hi, _edge.c.weight)
        .where(
            _edge.c.config_id == bindparam("config"), among(end, "ids"), _edge.c.weight >= bindparam("floor")
        )
        .with_hint(_edge, hint, "sqlite")
        for end, hint in _ENDS
    )
)
_FEATURES = select(_feature.c.record_id, _feature.c.payload).where(
    _feature.c.config_id == bindparam("config"), among(_feature.c.record_id, "ids")
)
_FEATURES_AFTER = (
    select(_feature.c.record_id, _feature.c.payload)
    .where(_feature.c.config_id == bindparam("config"), _feature.c.record_id > bindparam("after"))
    .order_by(_feature.c.record_id)
    .limit(CHUNK)
)
_SHARING = select(_key.c.key, _key.c.record_id).where(
    _key.c.config_id == bindparam("config"), among(_key.c.group_id, "groups"), among(_key.c.key, "keys")
)
_SHARING_SOME = _SHARING.limit(bindparam("most"))
# The keys of a record as one text: as rows, a million records' would be made 26 million tuples.
_KEYS = (
    select(_key.c.record_id, func.count(), func.aggregate_strings(cast(_key.c.key, Text), ","))
    .where(
        _key.c.config_id == bindparam("config"),
        _key.c.record_id > bindparam("after"),
        _key.c.record_id <= bindparam("upto"),
    )
    .with_hint(_key, "INDEXED BY ix_blocking_key_record", "sqlite")
    .group_by(_key.c.record_id)
)
_LARGE = (
    select(_key.c.key, func.count().label("size"))
    .where(_key.c.config_id == bindparam("config"))
    .group_by(_key.c.key)
    .having(func.count() > bindparam("over"))
    .order_by(func.count().desc(), _key.c.key)
)
_LAST_WITH_KEYS = select(func.max(_key.c.record_id)).where(_key.c.config_id == bindparam("config"))
_KEYS_OF = select(_key.c.record_id, _key.c.key).where(
    _key.c.config_id == bindparam("config"), among(_key.c.record_id, "ids")
)
_DROP_FEATURES = (
    delete(_feature)
    .where(_feature.c.config_id == bindparam("config"), among(_feature.c.record_id, "ids"))
    .returning(_feature.c.record_id)
)
_DROPS = (
    delete(_key).where(_key.c.config_id == bindparam("config"), among(_key.c.record_id, "ids")),
    *(
        delete(_edge)
        .where(_edge.c.config_id == bindparam("config"), among(end, "ids"))
        .with_hint(hint, dialect_name="sqlite")
        for end, hint in _ENDS
    ),
)

_EDGES_FROM = select(_edge.c.lo, _edge.c.hi, _edge.c.weight).where(
    _edge.c.config_id == bindparam("config"), among(_edge.c.lo, "ids")
)
_DROP_EDGE = delete(_edge).where(
    _edge.c.config_id == bindparam("config"), _edge.c.lo == bindparam("low"), _edge.c.hi == bindparam("high")
)
_RECORDS = (_feature.c.record_id, _key.c.record_id, _edge.c.lo)
"""The records of each table; an edge is its lower end's."""

KEY_PAGE = 10_000
"""Records, with some 26 keys each."""
MICROBITS = 1_000_000
"""Edges keep weights as whole millionths of a bit."""

Edges = dict[tuple[int, int], float]
"""Bits by (lower record number, higher record number)."""


def _least(column: ColumnElement[int], after: int) -> Select[Any]:
    return select(func.min(column)).where(column > after)


class Derived:
    """What can be computed again from records and configuration."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put_features(self, config_id: int, payloads: Iterable[tuple[int, bytes]]) -> None:
        """Add features of records that have none."""
        rows = list(payloads)
        if len(rows) == 1:
            [(record, payload)] = rows
            put(
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
        put_columns(self._connection, _feature, columns)

    def put_keys(self, config_id: int, keys: Iterable[tuple[int, int, int]] | np.ndarray) -> None:
        """Add blocking keys: (visibility group, key, record)."""
        listed = keys if isinstance(keys, np.ndarray) else np.array(list(keys), dtype=np.int64)
        groups, own, records = listed.reshape(-1, 3).T
        # In the order of the table: each of its pages is then gone to once.
        order = np.lexsort((records, own, groups))
        columns = {
            "config_id": [config_id] * len(own),
            "group_id": groups[order].tolist(),
            "key": own[order].tolist(),
            "record_id": records[order].tolist(),
        }
        put_columns(self._connection, _key, columns)

    def put_edges(self, config_id: int, edges: Mapping[tuple[int, int], float]) -> None:
        """Add edges."""
        ends = sorted(edges)
        columns = {
            "config_id": [config_id] * len(ends),
            "lo": [lo for lo, _ in ends],
            "hi": [hi for _, hi in ends],
            "weight": [round(edges[each] * MICROBITS) for each in ends],
        }
        put_columns(self._connection, _edge, columns)

    def drop(self, config_id: int, record_ids: Collection[int]) -> None:
        """Remove features, keys and edges of the given records; one without features has no others."""
        for chunk in chunked(record_ids):
            rows = self._connection.execute(_DROP_FEATURES, {"config": config_id, "ids": chunk})
            known = [row.record_id for row in rows]
            for statement in _DROPS if known else ():
                self._connection.execute(statement, {"config": config_id, "ids": known})

    def drop_all(self, config_id: int | None = None, *, edges_only: bool = False) -> None:
        """Remove everything derived, of one configuration or of all."""
        for table in (_edge,) if edges_only else (_feature, _key, _edge):
            statement = delete(table)
            if config_id is not None:
                statement = statement.where(table.c.config_id == config_id)
            self._connection.execute(statement)

    def drop_own(self, config_id: int, record_ids: Collection[int]) -> None:
        """Remove features and keys of records; their edges stay."""
        for chunk in chunked(record_ids):
            for table in (_feature, _key):
                self._connection.execute(
                    delete(table).where(table.c.config_id == config_id, among(table.c.record_id, chunk))
                )

    def drop_edges(self, config_id: int, edges: Collection[tuple[int, int]]) -> None:
        """Remove edges by their ends."""
        rows = [{"config": config_id, "low": lo, "high": hi} for lo, hi in edges]
        if rows:
            self._connection.execute(_DROP_EDGE, rows)

    def drop_range(self, config_id: int, first: int, last: int) -> None:
        """Remove what is derived from the records with numbers of a range, both ends in it."""
        for column in _RECORDS:
            table = column.table
            self._connection.execute(
                delete(table).where(table.c.config_id == config_id, column.between(first, last))
            )

    def configs(self) -> set[int]:
        """Configurations of which anything is stored."""
        found: set[int] = set()
        for column in _RECORDS:
            own = column.table.c.config_id
            # Each number is looked up after the last: to read them all would be to read the table.
            after = -1
            while (number := self._connection.execute(_least(own, after)).scalar()) is not None:
                found.add(number)
                after = number
        return found

    def span(self, config_id: int) -> tuple[int, int] | None:
        """The least and the greatest record of which a configuration stores anything."""
        ends = []
        for column in _RECORDS:
            for end in (func.min(column), func.max(column)):
                found = self._connection.execute(
                    select(end).where(column.table.c.config_id == config_id)
                ).scalar()
                ends += [] if found is None else [int(found)]
        return (min(ends), max(ends)) if ends else None

    def record_ids(self, config_id: int) -> set[int]:
        """Every record of which a configuration stores anything."""
        found: set[int] = set()
        for column in _RECORDS:
            rows = self._connection.execute(
                select(column).where(column.table.c.config_id == config_id).distinct()
            )
            found.update(row[0] for row in rows)
        return found

    def with_features(self, config_id: int) -> set[int]:
        """The records that have features."""
        rows = self._connection.execute(select(_feature.c.record_id).where(_feature.c.config_id == config_id))
        return {row[0] for row in rows.all()}

    def edges_from(self, config_id: int, record_ids: Collection[int]) -> dict[tuple[int, int], int]:
        """Edges whose lower end is among the records, in millionths of a bit."""
        found: dict[tuple[int, int], int] = {}
        for chunk in chunked(record_ids):
            rows = self._connection.execute(_EDGES_FROM, {"config": config_id, "ids": chunk})
            found.update({(row[0], row[1]): row[2] for row in rows})
        return found

    def features(self, config_id: int, record_ids: Collection[int]) -> dict[int, bytes]:
        """Feature payloads of the records that have them."""
        found = {}
        for chunk in chunked(record_ids):
            rows = self._connection.execute(_FEATURES, {"config": config_id, "ids": chunk})
            found.update({row.record_id: row.payload for row in rows})
        return found

    def all_features(self, config_id: int) -> Iterator[tuple[int, bytes]]:
        """Every feature payload, by record; a part at a time, as PostgreSQL's driver keeps a whole answer."""
        after, page = -1, CHUNK
        while page == CHUNK:
            rows = self._connection.execute(_FEATURES_AFTER, {"config": config_id, "after": after}).all()
            page = len(rows)
            for record, payload in rows:
                after = record
                yield record, payload

    def all_keys(self, config_id: int) -> list[tuple[int, int]]:
        """Every (key, record)."""
        pages = self.key_pages(config_id)
        return [row for own, records in pages for row in zip(own.tolist(), records.tolist(), strict=True)]

    def key_pages(self, config_id: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Every key and its record, in two columns, a page of records at a time."""
        last = self._connection.execute(_LAST_WITH_KEYS, {"config": config_id}).scalar() or 0
        for after in range(0, last, KEY_PAGE):
            asked = {"config": config_id, "after": after, "upto": after + KEY_PAGE}
            if rows := self._connection.execute(_KEYS, asked).all():
                records, counts, texts = zip(*rows, strict=True)
                yield np.fromstring(",".join(texts), np.int64, sep=","), np.repeat(records, counts)

    def keys_of(self, config_id: int, record_ids: Collection[int]) -> dict[int, list[int]]:
        """Blocking keys by record."""
        found: dict[int, list[int]] = {}
        for chunk in chunked(record_ids):
            rows = self._connection.execute(_KEYS_OF, {"config": config_id, "ids": chunk})
            for row in rows:
                found.setdefault(row.record_id, []).append(row.key)
        return found

    def sharing(
        self, config_id: int, groups: Collection[int], keys: Collection[int], most: int | None = None
    ) -> list[tuple[int, int]]:
        """(key, record) of every record in those visibility groups that has one of the keys.

        With ``most`` they end after so many a key on average: one of the keys then has more.
        """
        found: list[tuple[int, int]] = []
        for chunk in chunked(keys):
            asked = {"config": config_id, "groups": groups, "keys": chunk}
            limit = {} if most is None else {"most": most * len(chunk) + 1}
            rows = self._connection.execute(_SHARING_SOME if limit else _SHARING, asked | limit)
            found += [(row[0], row[1]) for row in rows]
        return found

    def large_blocks(self, config_id: int, over: int) -> list[tuple[int, int]]:
        """(key, records) of every key that more records than so many have, largest first."""
        rows = self._connection.execute(_LARGE, {"config": config_id, "over": over})
        return [(row[0], row[1]) for row in rows]

    def found_by(
        self, config_id: int, groups: Collection[int], keys: Collection[int]
    ) -> Iterator[list[tuple[int, int]]]:
        """``sharing`` for many keys, a part at a time; ascending keys are looked up soonest."""
        if self._connection.dialect.name == "postgresql":
            for chunk in chunked(keys):
                yield self.sharing(config_id, groups, chunk)
            return
        listed = ", ".join(str(int(group)) for group in groups)
        statement = (
            "SELECT k.key, k.record_id FROM json_each(?) AS wanted CROSS JOIN blocking_key AS k "
            f"WHERE k.config_id = ? AND k.group_id IN ({listed}) AND k.key = wanted.value"
        )
        driver: Any = self._connection.connection.driver_connection
        for chunk in chunked(keys):
            yield driver.execute(statement, (orjson.dumps(list(chunk)).decode(), config_id)).fetchall()

    def features_in_parts(
        self, config_id: int, record_ids: Collection[int]
    ) -> Iterator[list[tuple[int, bytes]]]:
        """Feature payloads of the records that have them, a part at a time."""
        for chunk in chunked(record_ids):
            rows = self._connection.execute(_FEATURES, {"config": config_id, "ids": chunk})
            yield [(row[0], row[1]) for row in rows]

    def edges_of(self, config_id: int, record_ids: Collection[int], floor: float) -> Edges:
        """Edges with either end among the records, from ``floor`` bits up."""
        found: Edges = {}
        for chunk in chunked(record_ids):
            rows = self._connection.execute(
                _EDGES_OF, {"config": config_id, "ids": chunk, "floor": round(floor * MICROBITS)}
            )
            found.update({(row[0], row[1]): row[2] / MICROBITS for row in rows})
        return found

    def ask_edges_of(self, config_id: int, record_ids: Collection[int], floor: float) -> None:
        """Send ahead what ``edges_of`` will ask."""
        for chunk in chunked(record_ids):
            given = {"config": config_id, "ids": chunk, "floor": round(floor * MICROBITS)}
            ahead(self._connection, _EDGES_OF, given)

    def all_edges(self, config_id: int) -> Edges:
        """Every edge."""
        rows = self._connection.execute(
            select(_edge.c.lo, _edge.c.hi, _edge.c.weight).where(_edge.c.config_id == config_id)
        )
        return {(row[0], row[1]): row[2] / MICROBITS for row in rows}
