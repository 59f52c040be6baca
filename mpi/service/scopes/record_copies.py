"""Records of a scope, written to the shared index."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import orjson

from mpi.domain.errors import StoreError
from mpi.domain.record import Flag, QualityIssue
from mpi.service.core.comparable_record import PackedRecord
from mpi.service.core.index import Index
from mpi.service.indexing.changed_record import ChangedRecord
from mpi.service.scopes.buried_copies import claim_buried_rows
from mpi.service.scopes.copies import RecordCopy
from mpi.service.statements.boundary_orders import record_orders
from mpi.service.statements.correction_records import list_corrections_ever_made, seal_corrections
from mpi.service.statements.current_version import recompute_current_versions
from mpi.service.statements.expunction import destroy_records, erase_contents
from mpi.service.statements.placeholders import add_placeholders
from mpi.service.statements.statement import Statement, build_statement
from mpi.service.statements.statement_intake import IntakeResult, write_statements
from mpi.service.statements.statement_judgement import StatementOutcome
from mpi.service.statements.tombstones import free_canonical_keys, remove_tombstones
from mpi.service.stewardship.rekey import rename_records
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.repositories.sources.boundary_orders import OrderKind
from mpi.storage.repositories.sources.record_assertions import Sighting, SightingKind
from mpi.storage.repositories.sources.records import RecordState, StoredRecord
from mpi.storage.repositories.sources.scopes import ChangedItem
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import WriteUnit

TRANSFER = "transfer"
NOT_PACKED: Mapping[int, PackedRecord] = MappingProxyType({})


@dataclass(slots=True)
class CopyEffect:
    """Records of the shared index that copies change.

    Args:
        changed: records with new comparison features.
        removed: records that take part no more.
        further: records to settle although their content is the same.
        released: those of the changed records that a steward of the scope found to describe another child.
    """

    changed: dict[int, ChangedRecord] = field(default_factory=dict)
    removed: set[int] = field(default_factory=set)
    further: set[int] = field(default_factory=set)
    released: set[int] = field(default_factory=set)


def write_records(
    unit: WriteUnit,
    index: Index,
    scope: str,
    copies: Sequence[RecordCopy],
    packed: Mapping[int, PackedRecord] = NOT_PACKED,
) -> CopyEffect:
    """Write copies of a scope's records, without resolving what they change.

    A record that takes no part in the scope is known here by its local ID alone, so that decisions can name
    it.

    Args:
        unit: a transaction of the shared index.
        index: the shared index.
        scope: code of the scope that holds the records.
        copies: at most one copy of each record.
        packed: features and keys of the records, as far as they are known, by number in the scope.
    """
    effect = CopyEffect()
    sources = {source.code: source for source in unit.sources.all()}
    for code in sorted({copy.source for copy in copies}):
        writer = _CopyWriter(unit, index, scope, sources[code], packed, effect)
        writer.write([copy for copy in copies if copy.source == code])
    return effect


@dataclass(frozen=True, slots=True)
class _CopyWriter:
    """Writes copies of the records of one source.

    Args:
        unit: the transaction.
        index: the shared index.
        scope: code of the scope that holds the records.
        source: their source, here.
        packed: features and keys of the records, as far as they are known, by number in the scope.
        effect: collects the records affected.
    """

    unit: WriteUnit
    index: Index
    scope: str
    source: Source
    packed: Mapping[int, PackedRecord]
    effect: CopyEffect

    def write(self, copies: Sequence[RecordCopy]) -> None:
        """Write the copies, at most one of each record."""
        own_numbers = [copy.number for copy in copies]
        known_ids = self.unit.scopes.copies_of(self.scope, ChangedItem.RECORD, own_numbers)
        records = self.unit.records.get(known_ids.values())
        stored = {number: records[record_id] for number, record_id in known_ids.items()}
        names = [copy.local_id for copy in copies if not copy.is_nameless]
        free_canonical_keys(self.unit, self.index, (self.source.id, self.source.code), names)
        holders = self._find_holders(copies)
        is_renamed = self._rename(copies, stored, holders)
        is_lifted = _lift_seals(self.unit, self.index, copies, stored)
        claimed_ids = self._claim_names(copies, known_ids)
        if is_renamed or is_lifted or claimed_ids:
            known_ids |= claimed_ids
            holders = self._find_holders(copies)
        contents = [copy for copy in copies if copy.payload is not None]
        self._write_contents(contents, known_ids, holders)
        self._add_placeholders(
            [copy for copy in copies if copy.payload is None and copy.number not in known_ids]
        )
        gone = {
            stored[copy.number].id: copy
            for copy in copies
            if copy.payload is None and copy.state is not RecordState.SEALED and copy.number in stored
        }
        _withdraw(self.unit, self.index, gone, [records[number] for number in gone], self.effect)
        sealed = [copy for copy in copies if copy.state is RecordState.SEALED]
        ids = self.unit.scopes.copies_of(self.scope, ChangedItem.RECORD, [copy.number for copy in sealed])
        _seal(self.unit, self.index, {ids[copy.number]: copy for copy in sealed}, self.effect)
        if any(copy.is_destroyed for copy in sealed):
            # A record of this page may have a former local ID of one that was destroyed just now.
            self._remove_tombstones(copies)

    def _find_holders(self, copies: Sequence[RecordCopy]) -> dict[str, StoredRecord]:
        """Return the records that hold the local IDs of copies."""
        found = self.unit.records.find_by_local_ids(self.source.id, [copy.local_id for copy in copies])
        # Sealed records are found by former local IDs too.
        return {local_id: record for local_id, record in found.items() if record.local_id == local_id}

    def _rename(
        self,
        copies: Sequence[RecordCopy],
        stored: Mapping[int, StoredRecord],
        holders: Mapping[str, StoredRecord],
    ) -> bool:
        """Give records the local IDs that they have in their scope.

        A record that holds one of them has another in its scope by now, and makes room; its own change
        follows. A destroyed record has none there: here it has the one from which its tombstone is made.

        Returns:
            Whether any record has another local ID now.
        """
        copies = [copy for copy in copies if not copy.is_nameless]
        new_ids = {
            stored[copy.number]: copy.local_id
            for copy in copies
            if copy.number in stored and stored[copy.number].local_id != copy.local_id
        }
        for copy in copies:
            holder = holders.get(copy.local_id)
            if holder is None:
                continue
            if copy.number not in stored or stored[copy.number].id != holder.id:
                new_ids.setdefault(holder, f"{TRANSFER}:{holder.id}")
        if new_ids:
            rename_records(self.unit, self.index, self.source.code, new_ids)
            self.effect.further |= {record.id for record in new_ids}
        return bool(new_ids)

    def _claim_names(self, copies: Sequence[RecordCopy], known_ids: Mapping[int, int]) -> dict[int, int]:
        """Let the scope have the local IDs that tombstones refuse here.

        Returns:
            The rows that become copies of new records, by number in the scope.
        """
        new = [copy for copy in copies if not copy.is_nameless and copy.number not in known_ids]
        source = (self.source.id, self.source.code)
        claimed_ids = claim_buried_rows(self.unit, self.index, self.scope, source, new)
        self._add_copies(claimed_ids)
        self._remove_tombstones(copies)
        return claimed_ids

    def _remove_tombstones(self, copies: Sequence[RecordCopy]) -> None:
        """Remove tombstones that stand for local IDs of records in the scope."""
        names = [copy.local_id for copy in copies if not copy.is_nameless]
        remove_tombstones(self.unit, self.index, (self.source.id, self.source.code), names)

    def _write_contents(
        self,
        copies: Sequence[RecordCopy],
        known_ids: Mapping[int, int],
        holders: Mapping[str, StoredRecord],
    ) -> None:
        """Make the contents of records the current ones."""
        existing = {copy.local_id: holders[copy.local_id] for copy in copies if copy.local_id in holders}
        statements = [
            _build_statement(copy, existing.get(copy.local_id), self.packed.get(copy.number))
            for copy in copies
        ]
        intake = write_statements(
            self.unit, self.index, self.source, statements, existing, is_from_scope=True
        )
        _require_none_refused(self.scope, copies, intake)
        # The content names all restrictions that are in force.
        self.unit.records.set_carried_restrictions(
            {record.id: None for record in existing.values() if record.carried_restrictions is not None}
        )
        self.effect.changed.update(intake.changed)
        self.effect.further |= intake.overlay_suspects
        self.effect.released |= {
            intake.record_ids[copy.local_id] for copy in copies if copy.is_released
        } & intake.changed.keys()
        self._add_copies(
            {copy.number: intake.record_ids[copy.local_id] for copy in copies if copy.number not in known_ids}
        )

    def _add_placeholders(self, copies: Sequence[RecordCopy]) -> None:
        """Add records that take no part, known by their local IDs alone."""
        source = (self.source.id, self.source.code, self.source.group_id)
        # The scope's row of a destroyed record has a number for a name, as has a row here.
        names = {
            copy.number: f"{copy.local_id}@{self.scope}" if copy.is_nameless else copy.local_id
            for copy in copies
        }
        record_ids = add_placeholders(self.unit, self.index, source, names.values())
        self._add_copies({number: record_ids[name] for number, name in names.items()})

    def _add_copies(self, numbers: Mapping[int, int]) -> None:
        """Record which record here is the copy of which."""
        self.unit.scopes.add_copies(self.scope, ChangedItem.RECORD, numbers)


def _lift_seals(
    unit: WriteUnit, index: Index, copies: Sequence[RecordCopy], stored: Mapping[int, StoredRecord]
) -> bool:
    """Let records take part again whose seal their scope has lifted.

    Their corrections, which were sealed with them, count again.

    Returns:
        Whether there are any.
    """
    unsealed = {
        stored[copy.number].id: copy.reference
        for copy in copies
        if copy.state is not RecordState.SEALED
        and copy.number in stored
        and stored[copy.number].state == RecordState.SEALED
    }
    if unsealed:
        record_orders(unit, index, OrderKind.UNSEAL, unsealed)
        unit.tombstones.remove(unsealed)
        unit.records.set_state(unsealed, RecordState.WITHDRAWN)
        unit.records.set_state(list_corrections_ever_made(unit, unsealed), RecordState.ASIDE)
    return bool(unsealed)


def _require_none_refused(scope: str, copies: Sequence[RecordCopy], intake: IntakeResult) -> None:
    """Raise if the shared index refuses a record of the scope.

    Raises:
        StoreError: a record of the scope is refused, which the two indexes cannot both be right about.
    """
    refused = [copy.number for copy in copies if intake.outcomes[copy.local_id] is StatementOutcome.REFUSED]
    if refused:
        raise StoreError(
            f"the shared index refuses record {refused[0]} of the scope {scope}, which takes part there "
            f"({len(refused):,} such records in this page): run mpi verify --all-scopes"
        )


def _build_statement(copy: RecordCopy, stored: StoredRecord | None, packed: PackedRecord | None) -> Statement:
    """Return a record's content as a statement that counts now.

    A scope may have gone back to an earlier content, so an earlier as-of becomes that of the latest
    statement. The content keeps its own, by which it is standardized. What is active in its scope is not
    sealed here, whatever its dates say of today.
    """
    payload = copy.payload or b"{}"
    issues = (
        tuple(QualityIssue(**issue) for issue in orjson.loads(copy.issues)) if copy.issues != "[]" else ()
    )
    statement = _read_statement(copy, payload, issues) or _rewrite_statement(copy, payload, issues)
    last_seen = "" if stored is None else stored.last_seen
    return statement._replace(as_of=max(statement.as_of, last_seen), comparable=packed)


def _read_statement(copy: RecordCopy, payload: bytes, issues: tuple[QualityIssue, ...]) -> Statement | None:
    """Return a statement with the scope's content, if unchanged; else None.

    Reading a whole record and writing it again takes ten times as long.
    """
    fields = orjson.loads(payload)
    if copy.content_hash is None or fields.get("local_id") != copy.local_id or "merged_into" in fields:
        return None
    return Statement(
        local_id=copy.local_id,
        as_of=fields.get("as_of", ""),
        content_hash=copy.content_hash,
        payload=payload,
        issues=issues,
        flags=tuple(Flag(**flag) for flag in fields.get("flags", ())),
        subject=fields.get("subject"),
        merged_into=None,
        seal_kind=None,
    )


def _rewrite_statement(copy: RecordCopy, payload: bytes, issues: tuple[QualityIssue, ...]) -> Statement:
    """Return a statement under the present local ID, without a merge.

    A version still states the local ID with which it came. The scope's decision of a merge follows by itself.
    """
    record = record_from_bytes(payload)._replace(local_id=copy.local_id, merged_into=None)
    return build_statement(record, issues)._replace(seal_kind=None)


def _withdraw(
    unit: WriteUnit,
    index: Index,
    copies: Mapping[int, RecordCopy],
    stored: Collection[StoredRecord],
    effect: CopyEffect,
) -> None:
    """Withdraw records that take no part in their scope any more.

    Args:
        unit: the transaction.
        index: the shared index.
        copies: copy of each record, by its number here.
        stored: the records as stored here.
        effect: collects the records affected.
    """
    present = [record for record in stored if record.state == RecordState.ACTIVE]
    if not present:
        return
    unit.record_assertions.add(
        [
            Sighting(record.id, SightingKind.GONE, max(record.last_seen, copies[record.id].last_seen))
            for record in present
        ],
        unit.commit_no,
    )
    changes = recompute_current_versions(unit, index, [record.id for record in present], is_from_scope=True)
    effect.removed |= changes.removed
    effect.further |= changes.overlay_suspects


def _seal(unit: WriteUnit, index: Index, copies: Mapping[int, RecordCopy], effect: CopyEffect) -> None:
    """Seal or destroy records as their scope has done.

    Args:
        unit: the transaction.
        index: the shared index.
        copies: copy of each sealed record, by its number here.
        effect: collects the records affected.
    """
    if not copies:
        return
    stored = unit.records.get(copies)
    newly_sealed = {
        number: copies[number].reference
        for number, record in stored.items()
        if record.state != RecordState.SEALED
    }
    record_orders(unit, index, OrderKind.SEAL, newly_sealed)
    unit.records.set_state(copies, RecordState.SEALED)
    seal_corrections(unit, list(copies))
    effect.removed |= copies.keys()
    destroyed = {record_id: copy.reference for record_id, copy in copies.items() if copy.is_destroyed}
    destroy_records(unit, index, list(destroyed), destroyed)
    _drop(unit, {record_id: copy.local_id for record_id, copy in copies.items() if copy.is_dropped})


def _drop(unit: WriteUnit, names: Mapping[int, str]) -> None:
    """Destroy records of which their scope has nothing left.

    They get the random local IDs that they have there.
    """
    if names:
        erase_contents(unit, names.keys())
        unit.record_erasure.anonymize(names.keys())
        unit.record_erasure.forget_local_ids(names)
