"""Repository of items of children in care, as sources state them."""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

import orjson
from sqlalchemy import Connection, and_, bindparam, exists, func, or_, select, update

from mpi.domain.children.items import SCHOOL_ITEMS, ItemKind
from mpi.storage.driver.bulk_rows import execute_many, insert_rows
from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.repositories.payload_keys import PayloadKeys
from mpi.storage.tables import AnyRow, CareRosterRow, ChildItemRow, table_of

_item = table_of(ChildItemRow)
_decision = table_of(ChildItemRow).alias("decision")
_roster = table_of(CareRosterRow)


class StoredItem(NamedTuple):
    """What a source states of one item of a child.

    Args:
        record_id: record of the source.
        kind: kind of item.
        as_of: latest day for which the source stated it.
        value: values by column; None where the source says that it is not known.
        from_commit: commit since which it is stored.
    """

    record_id: int
    kind: str
    as_of: str
    value: Mapping[str, str] | None
    from_commit: int = 0


class ItemGap(NamedTuple):
    """An item that children of a source lack, and since when.

    Args:
        source_id: source of who answers for it.
        kind: kind of item.
        begin: earliest day since which a child needs it.
    """

    source_id: int
    kind: ItemKind
    begin: str


_COLUMNS = (_item.c.record_id, _item.c.kind, _item.c.as_of, _item.c.value, _item.c.from_commit)
_CURRENT = select(*_COLUMNS).where(is_in(_item.c.record_id, "ids"), _item.c.to_commit.is_(None))
_IS_CURRENT = (
    _item.c.record_id == bindparam("record"),
    _item.c.kind == bindparam("item"),
    _item.c.to_commit.is_(None),
)
_END = update(_item).where(*_IS_CURRENT).values(to_commit=bindparam("ended"))
_CONFIRM = update(_item).where(*_IS_CURRENT).values(as_of=bindparam("day"))
# A condition on both records at once would let SQLite read the whole table.
_IS_STATED = or_(
    *(
        exists().where(
            _item.c.record_id == record,
            _item.c.kind == bindparam("item"),
            _item.c.to_commit.is_(None),
            _item.c.value.is_not(None),
            _item.c.as_of >= _roster.c.care_begin,
        )
        for record in (_roster.c.care_record_id, _roster.c.school_record_id)
    )
)
_TODAY = and_(
    _roster.c.care_begin <= bindparam("day"),
    _roster.c.care_end > bindparam("day"),
    _roster.c.enrolled_begin <= bindparam("day"),
    _roster.c.enrolled_end > bindparam("day"),
    _roster.c.care_begin != "",
)
_CARE_GAPS = (
    select(_roster.c.care_source_id, func.min(_roster.c.care_begin))
    .where(_TODAY, ~_IS_STATED)
    .group_by(_roster.c.care_source_id)
)
_SCHOOL_GAPS = (
    select(_roster.c.school_source_id, func.min(_roster.c.enrolled_begin))
    .where(_TODAY, _roster.c.enrolled_begin > _roster.c.care_begin, ~_IS_STATED)
    .group_by(_roster.c.school_source_id)
)
_UNTRANSPORTED = (
    select(
        _roster.c.school_source_id,
        _decision.c.record_id,
        _decision.c.kind,
        _decision.c.as_of,
        _decision.c.value,
        _decision.c.from_commit,
    )
    .join(
        _decision,
        and_(
            _decision.c.record_id == _roster.c.care_record_id,
            _decision.c.kind == ItemKind.BEST_INTEREST.value,
            _decision.c.to_commit.is_(None),
            _decision.c.value.is_not(None),
            _decision.c.as_of >= _roster.c.care_begin,
        ),
    )
    .where(_TODAY, ~_IS_STATED)
)


class ChildItems:
    """Repository of items of children in care; their values are stored encrypted.

    Args:
        connection: connection with an open transaction.
        payload_keys: payload keys in use.
    """

    def __init__(self, connection: Connection, payload_keys: PayloadKeys) -> None:
        self._connection = connection
        self._keys = payload_keys

    def current(self, record_ids: Collection[int]) -> list[StoredItem]:
        """Return what sources state of records' items at present."""
        return [
            self._to_item(row)
            for chunk in iter_chunks(record_ids)
            for row in self._connection.execute(_CURRENT, {"ids": chunk})
        ]

    def replace(self, commit_no: int, ended: Iterable[StoredItem], begun: Iterable[StoredItem]) -> None:
        """End some statements and begin others."""
        execute_many(
            self._connection,
            _END,
            [{"record": each.record_id, "item": each.kind, "ended": commit_no} for each in ended],
        )
        rows = [
            {
                "record_id": each.record_id,
                "kind": each.kind,
                "from_commit": commit_no,
                "to_commit": None,
                "as_of": each.as_of,
                "value": self._keys.encrypt_optional_text(
                    item_place(each.record_id, each.kind, commit_no),
                    None if each.value is None else _dump(each.value),
                ),
            }
            for each in begun
        ]
        insert_rows(self._connection, _item, rows)

    def confirm(self, items: Iterable[StoredItem]) -> None:
        """Store later days for which sources stated the same."""
        rows = [{"record": each.record_id, "item": each.kind, "day": each.as_of} for each in items]
        execute_many(self._connection, _CONFIRM, rows)

    def find_gaps(self, day: str, kinds: Collection[ItemKind]) -> list[ItemGap]:
        """Return the items that children in care at known schools lack.

        Transport is not among them: whether it is needed is encrypted.

        Args:
            day: today (``YYYY-MM-DD``).
            kinds: kinds of items that are sought.
        """
        return [
            ItemGap(source, kind, begin)
            for kind in ItemKind
            if kind in kinds and kind is not ItemKind.TRANSPORT
            for source, begin in self._connection.execute(
                _SCHOOL_GAPS if kind in SCHOOL_ITEMS else _CARE_GAPS, {"day": day, "item": kind.value}
            )
        ]

    def find_decisions_without_transport(self, day: str) -> list[tuple[int, StoredItem]]:
        """Return best-interest decisions of children without stated transport.

        Args:
            day: today (``YYYY-MM-DD``).

        Returns:
            Source of the child's school and the decision.
        """
        rows = self._connection.execute(_UNTRANSPORTED, {"day": day, "item": ItemKind.TRANSPORT.value})
        return [(row.school_source_id, self._to_item(row)) for row in rows]

    def _to_item(self, row: AnyRow) -> StoredItem:
        place = item_place(row.record_id, row.kind, row.from_commit)
        text = self._keys.decrypt_optional_text(place, row.value)
        return StoredItem(
            row.record_id, row.kind, row.as_of, None if text is None else orjson.loads(text), row.from_commit
        )


def item_place(record_id: int, kind: str, from_commit: int) -> str:
    """Return the place of an item's values, which binds their encryption."""
    return f"child_item.value|{record_id}|{kind}|{from_commit}"


def _dump(value: Mapping[str, str]) -> str:
    return orjson.dumps(dict(value), option=orjson.OPT_SORT_KEYS).decode()
