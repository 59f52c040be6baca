"""Records of a scope, written to the index that takes them over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from mpi.domain import clock
from mpi.domain.record import CanonicalRecord, QualityIssue, Restriction
from mpi.service.core.index import Index
from mpi.service.indexing.reindex import ChangedRecord
from mpi.service.scopes.copies import RecordCopy
from mpi.service.statements.correction_records import seal_corrections
from mpi.service.statements.current_version import recompute_current_versions
from mpi.service.statements.expunction import destroy_records
from mpi.service.statements.statement import SEALED, Statement, build_statement
from mpi.service.statements.statement_intake import write_statements
from mpi.service.stewardship.rekey import rename_records
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.repositories.sources.record_assertions import Sighting, SightingKind
from mpi.storage.repositories.sources.records import RecordState, StoredRecord
from mpi.storage.repositories.sources.scopes import ChangedItem
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import WriteUnit

TRANSFER = "transfer"


@dataclass(slots=True)
class CopyEffect:
    """Records that copies change in the index which takes them over.

    Args:
        changed: records with new comparison features.
        removed: records that take part no more.
        further: records to settle although their content is the same.
    """

    changed: dict[int, ChangedRecord] = field(default_factory=dict)
    removed: set[int] = field(default_factory=set)
    further: set[int] = field(default_factory=set)


def write_records(
    unit: WriteUnit, index: Index, scope: str, copies: Sequence[RecordCopy], *, keeps_seals: bool = False
) -> CopyEffect:
    """Write copies of another scope's records, without resolving what they change.

    Args:
        unit: a transaction of the index that takes over.
        index: that index.
        scope: code of the scope that holds the records.
        copies: at most one copy of each record.
        keeps_seals: whether a sealed record is taken over although it never counted here, so that it is
            refused if it is sent again.
    """
    effect = CopyEffect()
    sources = {source.code: source for source in unit.sources.all()}
    for code in sorted({copy.source for copy in copies}):
        taker = _Taker(unit, index, scope, sources[code], effect)
        taker.take_over([copy for copy in copies if copy.source == code], keeps_seals=keeps_seals)
    return effect


@dataclass(frozen=True, slots=True)
class _Taker:
    """Writes copies of the records of one source.

    Args:
        unit: the transaction.
        index: the index that takes over.
        scope: code of the scope that holds the records.
        source: their source, here.
        effect: collects the records affected.
    """

    unit: WriteUnit
    index: Index
    scope: str
    source: Source
    effect: CopyEffect

    def take_over(self, copies: Sequence[RecordCopy], *, keeps_seals: bool) -> None:
        """Write the copies, at most one of each record."""
        known_ids = self.unit.scopes.copies_of(
            self.scope, ChangedItem.RECORD, [copy.number for copy in copies]
        )
        records = self.unit.records.get(known_ids.values())
        stored = {number: records[record_id] for number, record_id in known_ids.items()}
        self._rename(copies, stored)
        _lift_seals(self.unit, copies, stored)
        written = [
            copy
            for copy in copies
            if copy.payload is not None
            or (keeps_seals and copy.state is RecordState.SEALED and copy.number not in stored)
        ]
        self._write_contents(written, known_ids)
        _withdraw(
            self.unit,
            self.index,
            [
                stored[copy.number]
                for copy in copies
                if copy.state is RecordState.WITHDRAWN and copy.number in stored
            ],
            self.effect,
        )
        own_ids = known_ids | self.unit.scopes.copies_of(
            self.scope, ChangedItem.RECORD, [copy.number for copy in written]
        )
        _seal(
            self.unit,
            {own_ids[c.number]: c for c in copies if c.state is RecordState.SEALED and c.number in own_ids},
            self.effect,
        )

    def _rename(self, copies: Sequence[RecordCopy], stored: Mapping[int, StoredRecord]) -> None:
        """Give records the local IDs that they have in their scope.

        A record that holds one of them and has another there by now makes room; its own change follows.
        """
        new_ids = {
            stored[copy.number]: copy.local_id
            for copy in copies
            if copy.number in stored and stored[copy.number].local_id != copy.local_id
        }
        holders = self.unit.records.find_by_local_ids(self.source.id, [copy.local_id for copy in copies])
        others = [
            holders[copy.local_id]
            for copy in copies
            if copy.local_id in holders
            and holders[copy.local_id].local_id == copy.local_id
            and (copy.number not in stored or stored[copy.number].id != holders[copy.local_id].id)
        ]
        copied_ids = self.unit.scopes.originals_of(
            self.scope, ChangedItem.RECORD, [record.id for record in others]
        )
        for record in others:
            if record.id in copied_ids:
                new_ids.setdefault(record, f"{TRANSFER}:{record.id}")
        if new_ids:
            rename_records(self.unit, self.index, self.source.code, new_ids)
            self.effect.further |= {record.id for record in new_ids}

    def _write_contents(self, copies: Sequence[RecordCopy], known_ids: Mapping[int, int]) -> None:
        """Make the contents of records the current ones."""
        existing = self.unit.records.find_by_local_ids(self.source.id, [copy.local_id for copy in copies])
        statements = [_build_statement(copy, existing.get(copy.local_id)) for copy in copies]
        intake = write_statements(self.unit, self.index, self.source, statements, existing, is_checked=True)
        self.effect.changed.update(intake.changed)
        self.effect.removed |= intake.removed & {record.id for record in existing.values()}
        self.effect.further |= intake.overlay_suspects
        new_copies = {
            copy.number: intake.record_ids[copy.local_id] for copy in copies if copy.number not in known_ids
        }
        self.unit.scopes.add_copies(self.scope, ChangedItem.RECORD, new_copies)


def _lift_seals(unit: WriteUnit, copies: Sequence[RecordCopy], stored: Mapping[int, StoredRecord]) -> None:
    """Let records take part again whose seal their scope has lifted."""
    unsealed = [
        stored[copy.number].id
        for copy in copies
        if copy.state is not RecordState.SEALED
        and copy.number in stored
        and stored[copy.number].state == RecordState.SEALED
    ]
    unit.records.set_state(unsealed, RecordState.WITHDRAWN)


def _write_contents(
    unit: WriteUnit,
    index: Index,
    scope: str,
    source: Source,
    copies: Sequence[RecordCopy],
    effect: CopyEffect,
) -> None:
    """Make the contents of active records the current ones."""
    existing = unit.records.find_by_local_ids(source.id, [copy.local_id for copy in copies])
    statements = [_build_statement(copy, existing.get(copy.local_id)) for copy in copies]
    intake = write_statements(unit, index, source, statements, existing, is_checked=True)
    effect.changed.update(intake.changed)
    effect.removed |= intake.removed & {record.id for record in existing.values()}
    effect.further |= intake.overlay_suspects
    known_ids = unit.scopes.copies_of(scope, ChangedItem.RECORD, [copy.number for copy in copies])
    new_copies = {
        copy.number: intake.record_ids[copy.local_id] for copy in copies if copy.number not in known_ids
    }
    unit.scopes.add_copies(scope, ChangedItem.RECORD, new_copies)


def _build_statement(copy: RecordCopy, stored: StoredRecord | None) -> Statement:
    """Return a record's content as a statement that counts now.

    A scope may have gone back to an earlier content, so an earlier as-of becomes that of the latest
    statement. Of a sealed record only the local ID is taken over.
    """
    if copy.payload is None:
        return build_statement(_make_sealed_record(copy.local_id), ())
    # A version still states the local ID with which it came.
    record = record_from_bytes(copy.payload)._replace(local_id=copy.local_id)
    if stored is not None and record.as_of is not None and stored.last_seen > record.as_of:
        record = record._replace(as_of=stored.last_seen)
    issues = tuple(QualityIssue(**issue) for issue in orjson.loads(copy.issues))
    return build_statement(record, issues)


def _make_sealed_record(local_id: str) -> CanonicalRecord:
    """Return a sealed record without any value."""
    restrictions = (Restriction(kind=SEALED),)
    return CanonicalRecord(
        local_id=local_id, restrictions=restrictions, as_of=clock.format_timestamp(clock.now())
    )


def _withdraw(unit: WriteUnit, index: Index, records: Sequence[StoredRecord], effect: CopyEffect) -> None:
    """Withdraw records that their scope has withdrawn."""
    present = [record for record in records if record.state in (RecordState.ACTIVE, RecordState.HELD)]
    if not present:
        return
    now = clock.format_timestamp(clock.now())
    unit.record_assertions.add(
        [Sighting(record.id, SightingKind.GONE, max(record.last_seen, now)) for record in present],
        unit.commit_no,
    )
    changes = recompute_current_versions(unit, index, [record.id for record in present])
    effect.removed |= changes.removed
    effect.further |= changes.overlay_suspects


def _seal(unit: WriteUnit, copies: Mapping[int, RecordCopy], effect: CopyEffect) -> None:
    """Seal records that their scope has sealed, and destroy what it has destroyed.

    Args:
        unit: the transaction.
        copies: copy of each sealed record, by its number here.
        effect: collects the records affected.
    """
    if not copies:
        return
    unit.records.set_state(copies, RecordState.SEALED)
    seal_corrections(unit, list(copies))
    effect.removed |= copies.keys()
    destroy_records(unit, [record_id for record_id, copy in copies.items() if copy.is_destroyed])
