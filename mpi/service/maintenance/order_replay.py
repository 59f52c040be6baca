"""Application of orders to the records of a restored database.

A record of the backup is known by its number. One that came after the backup is known by a keyed hash alone.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from mpi.domain.errors import StoreError
from mpi.domain.source import SourceKind
from mpi.service.core.index import Index, canonical_key
from mpi.service.resolution.resolve import ResolveInputs, resolve
from mpi.service.statements.boundary_orders import find_seal_commits, make_record_token
from mpi.service.statements.correction_records import seal_corrections
from mpi.service.statements.expunction import erase_records
from mpi.service.statements.pupil_keys import delete_pupil_tokens
from mpi.service.statements.tombstones import is_buried, make_surrogate_id
from mpi.service.stewardship.seal_lifting import CAUSE, release_records
from mpi.storage.backends.orders_file import OrderLine
from mpi.storage.repositories.sources.boundary_orders import BoundaryOrder, OrderKind
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit


def apply_orders(unit: WriteUnit, index: Index, lines: Sequence[OrderLine]) -> None:
    """Store orders, and seal, release or destroy their records."""
    _add_missing_sources(unit, lines)
    records = _find_records(unit, index, lines)
    last_lines: dict[int, OrderLine] = {}
    expunged = set()
    for line in lines:
        record_id = records[line.no]
        if line.kind == OrderKind.EXPUNGE:
            expunged.add(record_id)
        else:
            last_lines[record_id] = line
    _store(unit, lines, records)
    sealed = _seal(unit, {r for r, line in last_lines.items() if line.kind == OrderKind.SEAL} | expunged)
    released = _select_released(unit, {r for r in last_lines if r not in expunged}, last_lines)
    changes = release_records(unit, index, released, is_from_scope=True)
    if sealed or changes.record_ids:
        inputs = ResolveInputs(
            further_records=changes.overlay_suspects | changes.record_ids,
            reassessed_records=changes.record_ids,
        )
        resolve(unit, index, changes.changed, changes.removed | sealed, CAUSE, further_inputs=inputs)
    buried = {record.id for record in unit.records.get(expunged).values() if is_buried(record)}
    erase_records(unit, index, sorted(expunged - buried))


def _select_released(
    unit: ReadUnit, record_ids: Collection[int], last_lines: Mapping[int, OrderLine]
) -> list[int]:
    """Return the sealed records that orders unseal last.

    The scope of a record passes on by itself that it takes part again. After the undo of a split, this index
    gives the orders, although a backup from before the undo says that the scope does.
    """
    own_source_ids = {source.id for source in unit.sources.all() if source.scope is None}
    return [
        record.id
        for record in unit.records.get(record_ids).values()
        if last_lines[record.id].kind == OrderKind.UNSEAL
        and record.state == RecordState.SEALED
        and (record.source_id in own_source_ids or last_lines[record.id].scope is None)
    ]


def _add_missing_sources(unit: WriteUnit, lines: Sequence[OrderLine]) -> None:
    """Add the sources of orders that a backup does not know yet."""
    known = {source.code for source in unit.sources.all()}
    for code, scope in {line.source: line.scope for line in lines if line.source not in known}.items():
        number = unit.counters.take("source")
        source = Source(number, code, code, code, SourceKind.OTHER, 1, paused=False, scope=scope)
        unit.sources.add(number, number, source, unit.commit_no)


def _find_records(unit: WriteUnit, index: Index, lines: Sequence[OrderLine]) -> dict[int, int]:
    """Return the record of each order, by number of the order.

    A record of the backup is known by its number, whatever local ID it has there. Another is known by the
    keyed hash alone: it gets a row without content, under which it is refused when it comes.
    """
    codes = {source.id: source.code for source in unit.sources.all()}
    numbers = {
        record.id
        for record in unit.records.get({line.number for line in lines}).values()
        if any(line.number == record.id and line.source == codes[record.source_id] for line in lines)
    }
    names = _RecordNames(unit, index)
    return {
        line.no: line.number
        if line.number in numbers and names.note(line.source, line.record, line.number)
        else names.find_or_add(line.source, line.record)
        for line in lines
    }


class _RecordNames:
    """Records of sources by the keyed hashes of their local IDs."""

    def __init__(self, unit: WriteUnit, index: Index) -> None:
        self._unit, self._index = unit, index
        self._sources = {source.code: source for source in unit.sources.all()}
        self._by_token: dict[str, dict[str, int]] = {}

    def note(self, code: str, token: str, record_id: int) -> bool:
        """Add a tombstone for a local ID, unless the record has it."""
        if self._names_of(code).get(token) != record_id:
            self._add_tombstone(code, token, record_id)
        return True

    def find_or_add(self, code: str, token: str) -> int:
        """Return the record with a local ID, or a new row."""
        found = self._names_of(code).get(token)
        return self._add_row(code, token) if found is None else found

    def _names_of(self, code: str) -> dict[str, int]:
        if code not in self._by_token:
            source_id, keyed_hash = self._sources[code].id, self._index.keyed_hash
            records = self._unit.records.all_of_source(source_id)
            tokens = {make_record_token(keyed_hash, code, name): one.id for name, one in records.items()}
            buried = self._unit.tombstones.tokens_of({record.id for record in records.values()})
            tokens |= {token: record for record, own_tokens in buried.items() for token in own_tokens}
            self._by_token[code] = tokens
        return self._by_token[code]

    def _add_row(self, code: str, token: str) -> int:
        source, record_id = self._sources[code], self._unit.counters.take("record")
        name = make_surrogate_id(record_id)
        self._unit.records.insert(
            [
                {
                    "id": record_id,
                    "source_id": source.id,
                    "local_id": name,
                    "group_id": source.group_id,
                    "subject": None,
                    "state": RecordState.SEALED.value,
                    "canonical_key": canonical_key(self._index.keyed_hash, code, name),
                    "version_id": None,
                    "last_seen": "",
                }
            ]
        )
        self._add_tombstone(code, token, record_id)
        return record_id

    def _add_tombstone(self, code: str, token: str, record_id: int) -> None:
        names = self._names_of(code)
        if token not in names or self._is_no_tombstone(code, token):
            source_id = self._sources[code].id
            self._unit.tombstones.add(source_id, [(token, record_id)])
            delete_pupil_tokens(self._unit, self._index.keyed_hash, source_id, [token])
        names[token] = record_id

    def _is_no_tombstone(self, code: str, token: str) -> bool:
        return not self._unit.tombstones.find(self._sources[code].id, [token])


def _store(unit: WriteUnit, lines: Sequence[OrderLine], records: Mapping[int, int]) -> None:
    """Store orders under their own numbers, as applied by this commit."""
    sealed_before = find_seal_commits(unit, {records[line.no] for line in lines})
    seal_commits: defaultdict[int, int] = defaultdict(int, sealed_before)
    orders = []
    for line in lines:
        record_id, kind = records[line.no], OrderKind(line.kind)
        if kind is OrderKind.SEAL:
            seal_commits[record_id] = unit.commit_no
        orders.append(
            BoundaryOrder(
                no=line.no,
                kind=kind,
                record_id=record_id,
                source=line.source,
                token=line.record,
                reference=line.reference,
                at=line.at,
                commit_no=unit.commit_no,
                from_commit=seal_commits[record_id] if kind is OrderKind.UNSEAL else None,
            )
        )
    first = unit.counters.take("boundary_order", len(orders))
    if first != lines[0].no:
        raise StoreError("the numbers of the orders in the database are not those of the orders file")
    unit.boundary_orders.add(orders)


def _seal(unit: WriteUnit, record_ids: Collection[int]) -> set[int]:
    """Seal records; return those that were not sealed before."""
    sealed = {
        record.id for record in unit.records.get(record_ids).values() if record.state != RecordState.SEALED
    }
    unit.records.set_state(sealed, RecordState.SEALED)
    seal_corrections(unit, sealed)
    return sealed
