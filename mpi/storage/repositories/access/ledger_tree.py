"""Repository of the ledger's Merkle tree and signed roots."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Row,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from mpi.domain.errors import StoreError
from mpi.domain.ledger.line_hash import PersonalPart, PublicPart
from mpi.storage.driver.bulk_rows import insert_columns
from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.tables import (
    CounterRow,
    DisclosedRecordRow,
    DisclosureRow,
    LedgerNodeRow,
    LedgerRootRow,
    RecordRow,
    TombstoneRow,
    table_of,
)

_disclosure = table_of(DisclosureRow)
_disclosed = table_of(DisclosedRecordRow)
_node = table_of(LedgerNodeRow)
_root = table_of(LedgerRootRow)
_counter = table_of(CounterRow)
_tombstone = table_of(TombstoneRow)
_record = table_of(RecordRow)

_LEAVES = (
    select(_disclosure.c.leaf)
    .where(_disclosure.c.id > bindparam("begin"), _disclosure.c.id <= bindparam("end"))
    .order_by(_disclosure.c.id)
)
_LINES = (
    select(_disclosure)
    .where(_disclosure.c.id > bindparam("last"))
    .order_by(_disclosure.c.id)
    .limit(bindparam("most"))
)
_NODE = select(_node.c.head).where(
    _node.c.level == bindparam("level"), _node.c.position == bindparam("position")
)
_REDACT = text(
    "SELECT ledger_redact(:line, :record_ids, :fields, :handle, :nonce, :commitment, :gone)"
).bindparams(bindparam("gone", type_=ARRAY(BigInteger())))
_EXPUNGED = select(_tombstone.c.record_id)
_DROPPED = select(_record.c.id).where(
    # A literal, so that SQLite takes the index of sealed records.
    _record.c.state == literal_column("'sealed'"),
    _record.c.version_id.is_(None),
    _record.c.last_seen == "",
)
"""Records destroyed by retention or by minimum holdings: sealed rows of which nothing is left."""
_PAGE = 5_000


@dataclass(frozen=True, slots=True)
class StoredLine:
    """A line of the ledger as it is stored, with its hashes.

    Args:
        number: its number, from 1.
        public: what it states of the receiver.
        personal: what it states of children.
        nonce: nonce of the commitment to the personal part.
        leaf: hash of the line; None only if the column was emptied.
        commitment: commitment to the personal part that the line had before it lost records.
    """

    number: int
    public: PublicPart
    personal: PersonalPart
    nonce: bytes
    leaf: bytes | None
    commitment: bytes | None


class LedgerTree:
    """Repository of the hashes of the ledger."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find_size(self) -> int:
        """Return the size of the tree: the last line's number."""
        return int(self._connection.execute(select(func.max(_disclosure.c.id))).scalar() or 0)

    def last_number_given(self) -> int:
        """Return the last number that the counter of lines gave."""
        query = select(_counter.c.next).where(_counter.c.name == "disclosure")
        return int(self._connection.execute(query).scalar() or 1) - 1

    def read_leaves(self, begin: int, end: int) -> list[bytes]:
        """Return the hashes of the lines from position ``begin`` up to ``end``.

        Raises:
            StoreError: a line or its hash is missing.
        """
        rows = self._connection.execute(_LEAVES, {"begin": begin, "end": end}).all()
        leaves = [bytes(row.leaf) for row in rows if row.leaf is not None]
        if len(leaves) != end - begin:
            raise StoreError("a line of the ledger is missing, or has no hash: run mpi audit verify")
        return leaves

    def iterate_lines(self) -> Iterator[StoredLine]:
        """Yield all lines in the order of their numbers."""
        last = 0
        while rows := self._connection.execute(_LINES, {"last": last, "most": _PAGE}).all():
            yield from map(_to_line, rows)
            last = rows[-1].id

    def find_line(self, number: int) -> StoredLine | None:
        """Return a line, or None if there is none of this number."""
        row = self._connection.execute(select(_disclosure).where(_disclosure.c.id == number)).first()
        return None if row is None else _to_line(row)

    def iterate_named_records(self) -> Iterator[tuple[int, int]]:
        """Yield each record that a line names, with its number."""
        last = (-1, -1)
        key = (_disclosed.c.record_id, _disclosed.c.disclosure_id)
        while rows := self._connection.execute(
            select(*key).where(tuple_(*key) > last).order_by(*key).limit(_PAGE)
        ).all():
            yield from ((row.record_id, row.disclosure_id) for row in rows)
            last = (rows[-1].record_id, rows[-1].disclosure_id)

    def find_lines_about(self, record_ids: Collection[int]) -> list[StoredLine]:
        """Return the lines that name one of some records, by number."""
        lines: dict[int, StoredLine] = {}
        for chunk in iter_chunks(record_ids):
            rows = self._connection.execute(
                select(_disclosure)
                .join(_disclosed, _disclosed.c.disclosure_id == _disclosure.c.id)
                .where(is_in(_disclosed.c.record_id, chunk))
            )
            lines.update({row.id: _to_line(row) for row in rows})
        return [lines[number] for number in sorted(lines)]

    def find_destroyed_records(self) -> set[int]:
        """Return the destroyed records that lines still name, expunged and dropped ones."""
        return {
            row[0]
            for destroyed in (_EXPUNGED, _DROPPED)
            for row in self._connection.execute(
                destroyed.join(_disclosed, _disclosed.c.record_id == destroyed.selected_columns[0]).distinct()
            )
        }

    def has_destroyed_records(self) -> bool:
        """Return whether any record was destroyed."""
        return any(
            self._connection.execute(destroyed.limit(1)).first() is not None
            for destroyed in (_EXPUNGED, _DROPPED)
        )

    def redact(
        self, line: StoredLine, kept: PersonalPart, nonce: bytes, commitment: bytes, gone: Collection[int]
    ) -> None:
        """Take records out of a line; its hash stays.

        Args:
            line: the line.
            kept: the personal part without the records.
            nonce: nonce of the new commitment; empty where nothing is kept.
            commitment: commitment to the personal part before, which an earlier one outlives.
            gone: the records.
        """
        values = {"record_ids": kept.record_ids, "fields": kept.fields, "handle": kept.handle, "nonce": nonce}
        if self._connection.dialect.name == "postgresql":
            given = {"line": line.number, "commitment": commitment, "gone": sorted(gone)}
            self._connection.execute(_REDACT, values | given)
            return
        self._connection.execute(
            update(_disclosure)
            .where(_disclosure.c.id == line.number)
            .values(**values, commitment=line.commitment or commitment)
        )
        self._connection.execute(
            delete(_disclosed).where(
                _disclosed.c.disclosure_id == line.number, _disclosed.c.record_id.in_(sorted(gone))
            )
        )

    def find_node(self, level: int, position: int) -> bytes | None:
        """Return the stored head of a subtree, if there is one."""
        head = self._connection.execute(_NODE, {"level": level, "position": position}).scalar()
        return None if head is None else bytes(head)

    def count_nodes(self, level: int) -> int:
        """Return how many heads of a level are stored."""
        query = select(func.count()).select_from(_node).where(_node.c.level == level)
        return int(self._connection.execute(query).scalar() or 0)

    def all_nodes(self) -> dict[tuple[int, int], bytes]:
        """Return all stored heads by level and position."""
        rows = self._connection.execute(select(_node.c.level, _node.c.position, _node.c.head))
        return {(row.level, row.position): bytes(row.head) for row in rows}

    def add_nodes(self, heads: dict[tuple[int, int], bytes]) -> None:
        """Store heads of subtrees by level and position; those there are stay."""
        if heads:
            columns: dict[str, Sequence[Any]] = {
                "level": [level for level, _ in heads],
                "position": [position for _, position in heads],
                "head": list(heads.values()),
            }
            insert_columns(self._connection, _node, columns, if_new=True)

    def list_roots(self) -> list[str]:
        """Return the signed roots as lines of text, oldest first."""
        return [row.line for row in self._connection.execute(select(_root.c.line).order_by(_root.c.number))]

    def add_root(self, number: int, size: int, line: str) -> None:
        """Store a signed root."""
        self._connection.execute(insert(_root), [{"number": number, "size": size, "line": line}])


def _to_line(row: Row[Any]) -> StoredLine:
    return StoredLine(
        number=row.id,
        public=PublicPart(row.at, row.client, row.purpose, row.agreement, row.action),
        personal=PersonalPart(row.record_ids, row.fields, row.handle),
        nonce=bytes(row.nonce or b""),
        leaf=None if row.leaf is None else bytes(row.leaf),
        commitment=None if row.commitment is None else bytes(row.commitment),
    )
