"""Intake of statements: stores new record versions and reports each outcome.

A repetition of the current version makes no new one. A statement about a sealed record is refused and not
stored.
"""

from array import array
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from mpi.domain.record import CanonicalRecord
from mpi.matching.model.blocking_keys import compute_keys
from mpi.service.core.comparable_record import ComparableRecord, PackedRecord
from mpi.service.core.index import Index, canonical_key
from mpi.service.indexing.reindex import ChangedRecord
from mpi.service.statements.boundary_orders import record_orders
from mpi.service.statements.carried_restrictions import update_carried_restrictions
from mpi.service.statements.correction_records import seal_corrections
from mpi.service.statements.current_version import read_changed_records, recompute_current_versions
from mpi.service.statements.overlay_detection import OVERLAY, REFUSED, find_overlays
from mpi.service.statements.sources import require_data_source
from mpi.service.statements.statement import (
    EXPUNGED,
    Statement,
    StatementHeading,
    build_statement,
    find_seal_reference,
    names_carried_restriction,
)
from mpi.service.statements.tombstones import merge_buried_records
from mpi.standardize.serialization import features_to_bytes
from mpi.storage.repositories.sources.boundary_orders import OrderKind
from mpi.storage.repositories.sources.record_assertions import Sighting, SightingKind
from mpi.storage.repositories.sources.records import RecordState, StoredRecord
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

__all__ = [
    "IntakeResult",
    "JudgedStatements",
    "Statement",
    "StatementOutcome",
    "build_statement",
    "judge_statement",
    "judge_statements",
    "make_comparable",
    "write_statements",
]


class StatementOutcome(StrEnum):
    """What became of a source's statement, such as a new version."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    HISTORY = "history"
    SEALED = "sealed"
    REFUSED = "refused"
    HELD = "held"


_EFFECTIVE_OUTCOMES = frozenset({StatementOutcome.CREATED, StatementOutcome.UPDATED})


@dataclass(frozen=True, slots=True)
class IntakeResult:
    """Records that the intake of sources' statements changed.

    Args:
        outcomes: outcome by local ID.
        record_ids: record number by local ID.
        changed: records with new comparison features, to be indexed again.
        removed: records that no longer take part.
        overlay_suspects: records with a version that is, or was, a suspected overlay.
    """

    outcomes: dict[str, StatementOutcome]
    record_ids: dict[str, int]
    changed: dict[int, ChangedRecord]
    removed: set[int]
    overlay_suspects: set[int]


@dataclass(frozen=True, slots=True)
class JudgedStatements:
    """Outcomes of sources' statements before they are written.

    Args:
        outcomes: outcome by local ID.
        features: standardized records of statements that would take effect, by local ID.
        overlays: local IDs of statements that are held as suspected overlays.
    """

    outcomes: dict[str, StatementOutcome]
    features: dict[str, ComparableRecord]
    overlays: frozenset[str]


def judge_statement(
    existing: StoredRecord | None, statement: Statement | StatementHeading
) -> StatementOutcome:
    """Return what a source's statement does to its stored record.

    Pure. The current version is the one with the greatest as-of, then the latest received. A sealed record
    stays sealed whatever is sent: only a person lifts a seal. That it be expunged can still be asked, once.
    """
    if existing is not None and existing.state == RecordState.SEALED:
        is_request = existing.may_be_expunged and statement.seal_kind == EXPUNGED
        return StatementOutcome.SEALED if is_request else StatementOutcome.REFUSED
    if statement.seal_kind:
        return StatementOutcome.SEALED
    if existing is None:
        return StatementOutcome.CREATED
    is_unchanged = existing.content_hash == statement.content_hash and existing.state == RecordState.ACTIVE
    if is_unchanged:
        return StatementOutcome.UNCHANGED
    return StatementOutcome.HISTORY if statement.as_of < existing.last_seen else StatementOutcome.UPDATED


def judge_statements(
    unit: ReadUnit,
    index: Index,
    source: Source,
    statements: Collection[Statement],
    existing: Mapping[str, StoredRecord],
    *,
    is_from_scope: bool = False,
) -> JudgedStatements:
    """Return what one source's statements would do, without writing them.

    A statement that would take effect is held until a person has looked if its source is paused or if it is a
    suspected overlay, which means that it describes another child.

    Args:
        unit: the transaction.
        index: the open index.
        source: the source of the statements.
        statements: at most one statement for each local ID.
        existing: stored records of these local IDs.
        is_from_scope: whether the scope of the source passes the statements on. It has checked them, also
            against its tombstones, and they name all restrictions in force.

    Raises:
        ConflictError: the source is the one of stewards' corrections, or belongs to a scope.
    """
    require_data_source(source, is_from_scope=is_from_scope)
    if not is_from_scope:
        existing = _with_buried(unit, index, source, statements, existing)
    outcomes = {
        statement.local_id: judge_statement(existing.get(statement.local_id), statement)
        for statement in statements
    }
    if source.paused and not is_from_scope:
        outcomes = {
            local_id: StatementOutcome.HELD if outcome in _EFFECTIVE_OUTCOMES else outcome
            for local_id, outcome in outcomes.items()
        }
    features = make_comparable(
        unit,
        index,
        source,
        [statement for statement in statements if outcomes[statement.local_id] in _EFFECTIVE_OUTCOMES],
    )
    if is_from_scope:
        return JudgedStatements(outcomes, features, frozenset())
    local_ids = {existing[local_id].id: local_id for local_id in features if local_id in existing}
    overlay_ids = find_overlays(
        unit,
        index,
        [existing[local_id] for local_id in local_ids.values()],
        {record_id: features[local_id] for record_id, local_id in local_ids.items()},
    )
    overlays = frozenset(local_ids[record_id] for record_id in overlay_ids)
    outcomes |= dict.fromkeys(overlays, StatementOutcome.HELD)
    return JudgedStatements(outcomes, features, overlays)


def make_comparable(
    unit: ReadUnit, index: Index, source: Source, statements: Collection[Statement]
) -> dict[str, ComparableRecord]:
    """Standardize the records of statements under the configuration in force.

    Returns:
        Standardized records by local ID.
    """
    shared = index.shared_values(unit)
    config_digest = index.digest(shared) if any(statement.comparable for statement in statements) else None
    return {
        statement.local_id: statement.comparable
        if statement.comparable is not None and statement.comparable.config_digest == config_digest
        else index.features_of(statement.record, source.code, shared)
        for statement in statements
    }


def prepare_comparable(index: Index, record: CanonicalRecord, source_code: str) -> PackedRecord | None:
    """Standardize a record before its transaction, under the last known configuration.

    If another configuration is in force by then, ``make_comparable`` standardizes the record again.

    Returns:
        The record; None where no configuration is known yet.
    """
    config_id = index.last_config_id
    shared, blocking = index.caches.shared_values.get(config_id), index.caches.blocking.get(config_id)
    if shared is None or blocking is None:
        return None
    features = index.features_of(record, source_code, shared)
    blocking_keys = array("q", compute_keys(features, blocking, index.keyed_hash))
    return PackedRecord(features_to_bytes(features), blocking_keys.tobytes(), index.digest(shared))


def write_statements(
    unit: WriteUnit,
    index: Index,
    source: Source,
    statements: Sequence[Statement],
    existing: Mapping[str, StoredRecord],
    batch_id: int | None = None,
    *,
    is_from_scope: bool = False,
) -> IntakeResult:
    """Write statements of one source, each about another record.

    Args:
        unit: the transaction.
        index: the open index.
        source: the source of the statements.
        statements: at most one statement for each local ID.
        existing: stored records of these local IDs.
        batch_id: the load that the statements belong to.
        is_from_scope: whether the scope of the source passes the statements on. It has checked them, also
            against its tombstones, and they name all restrictions in force.

    Raises:
        ConflictError: the source is the one of stewards' corrections, or belongs to a scope.
    """
    if not is_from_scope:
        existing = _with_buried(unit, index, source, statements, existing)
    judged = judge_statements(unit, index, source, statements, existing, is_from_scope=is_from_scope)
    record_ids = _assign_numbers(unit, statements, existing)
    writer = _StatementWriter(unit, index, source, batch_id, record_ids, judged)
    for statement in statements:
        writer.add(statement, existing.get(statement.local_id))
    writer.flush()
    result = IntakeResult(
        outcomes=judged.outcomes,
        record_ids=record_ids,
        changed=writer.changed,
        removed=writer.gone,
        overlay_suspects=writer.doubted,
    )
    if not is_from_scope:
        _carry_restrictions(unit, index, result, statements, existing)
    if not is_from_scope:
        _recompute_overlaid(unit, index, result, existing)
    return result


def _with_buried(
    unit: ReadUnit,
    index: Index,
    source: Source,
    statements: Collection[Statement],
    existing: Mapping[str, StoredRecord],
) -> dict[str, StoredRecord]:
    """Return stored records, with destroyed ones that statements are about."""
    local_ids = [statement.local_id for statement in statements]
    return merge_buried_records(unit, index, (source.id, source.code), local_ids, existing)


def _carry_restrictions(
    unit: WriteUnit,
    index: Index,
    result: IntakeResult,
    statements: Sequence[Statement],
    existing: Mapping[str, StoredRecord],
) -> None:
    """Keep restrictions in force that a record's new version leaves out.

    A record is read again only if it has restrictions, or if the statement names one.
    """
    restricted_ids = {
        record.id
        for statement in statements
        if (record := existing.get(statement.local_id)) is not None
        and record.state != RecordState.SEALED
        and (
            record.carried_restrictions is not None
            or names_carried_restriction(record.content_hash)
            or names_carried_restriction(statement.content_hash)
        )
    } - result.removed
    if not restricted_ids:
        return
    assertions = unit.record_assertions.assertions_about(restricted_ids)
    restricted_anew = update_carried_restrictions(unit, unit.records.get(restricted_ids), assertions)
    records = unit.records.get(restricted_ids)
    still_restricted = {
        record_id
        for record_id in restricted_ids & result.changed.keys()
        if records[record_id].carried_restrictions is not None
    }
    result.changed.update(read_changed_records(unit, index, records, restricted_anew | still_restricted))


def _recompute_overlaid(
    unit: WriteUnit, index: Index, result: IntakeResult, existing: Mapping[str, StoredRecord]
) -> None:
    """Choose current versions again where suspected overlays may be the same child."""
    overlaid_ids = {record.id for record in existing.values() if record.overlaid} - result.removed
    if overlaid_ids:
        changes = recompute_current_versions(unit, index, overlaid_ids)
        result.changed.update(changes.changed)


def _assign_numbers(
    unit: WriteUnit, statements: Sequence[Statement], existing: Mapping[str, StoredRecord]
) -> dict[str, int]:
    new_ids = [statement.local_id for statement in statements if statement.local_id not in existing]
    first_number = unit.counters.take("record", len(new_ids)) if new_ids else 0
    numbers = {local_id: first_number + offset for offset, local_id in enumerate(new_ids)}
    return numbers | {local_id: record.id for local_id, record in existing.items()}


class _StatementWriter:
    """Collects database rows of statements, then writes them table by table."""

    def __init__(
        self,
        unit: WriteUnit,
        index: Index,
        source: Source,
        batch_id: int | None,
        numbers: dict[str, int],
        judged: JudgedStatements,
    ) -> None:
        self._unit = unit
        self._index = index
        self._source = source
        self._batch_id = batch_id
        self._numbers = numbers
        self._judged = judged
        self._refused = unit.record_versions.refused_hashes([numbers[name] for name in judged.overlays])
        self._waiting: list[int] = []
        self._records: list[dict[str, Any]] = []
        self._versions: list[tuple[dict[str, Any], Statement]] = []
        self._ended: list[int] = []
        self._seen: dict[int, str] = {}
        self._sightings: list[Sighting] = []
        self._activated: list[int] = []
        self._canonical_keys: dict[str, int] = {}
        self._sealed: dict[int, Statement] = {}
        self._newly_sealed: set[int] = set()
        self.changed: dict[int, ChangedRecord] = {}
        self.gone: set[int] = set()
        self.doubted: set[int] = set()

    def add(self, statement: Statement, existing: StoredRecord | None) -> None:
        """Collect the database rows of one statement."""
        record_id = self._numbers[statement.local_id]
        outcome = self._judged.outcomes[statement.local_id]
        if existing is not None and existing.overlaid:
            self.doubted.add(record_id)
        if outcome is StatementOutcome.SEALED:
            self._sealed[record_id] = statement
            if existing is None or existing.state != RecordState.SEALED:
                self._newly_sealed.add(record_id)
            self.gone.add(record_id)
        elif outcome in _EFFECTIVE_OUTCOMES:
            features = self._judged.features[statement.local_id]
            group = self._source.group_id if existing is None else existing.group_id
            key = None if existing is not None else self._key(statement.local_id)
            self.changed[record_id] = ChangedRecord(group, features, statement.merged_into, key)
        else:
            self._set_aside(record_id, statement, existing, outcome)
            return
        if existing is None:
            self._record(record_id, statement)
        elif existing.version_id is not None:
            self._ended.append(existing.version_id)
        self._version(record_id, statement, "active")
        self._activated.append(record_id)

    def _set_aside(
        self, record_id: int, statement: Statement, existing: StoredRecord | None, outcome: StatementOutcome
    ) -> None:
        """Collect a statement that leaves its record's current version unchanged.

        A refused statement is not stored.
        """
        match outcome:
            case StatementOutcome.UNCHANGED if existing is not None:
                self._unchanged(existing, statement)
            case StatementOutcome.HISTORY:
                version_id = self._unit.record_versions.find_version(
                    record_id, statement.as_of, statement.content_hash
                )
                if version_id is None:
                    self._version(record_id, statement, "history")
                else:
                    self._sight(record_id, statement, version_id)
            case StatementOutcome.HELD:
                self._hold(record_id, statement, existing)
            case _:
                pass

    def _hold(self, record_id: int, statement: Statement, existing: StoredRecord | None) -> None:
        state = "held"
        if statement.local_id in self._judged.overlays:
            refused_hashes = self._refused.get(record_id, {})
            # A person refused this content before: refuse the repetition too.
            state = REFUSED if statement.content_hash in refused_hashes.values() else OVERLAY
            self.doubted.add(record_id)
        if existing is None:
            self._record(record_id, statement, RecordState.HELD)
        elif existing.state == RecordState.WITHDRAWN and state != REFUSED:
            self._waiting.append(record_id)
        self._version(record_id, statement, state)

    def _unchanged(self, existing: StoredRecord, statement: Statement) -> None:
        """Collect the repetition of a record's current version by its source.

        The repetition counts if the load of the first assertion is undone.
        """
        if statement.as_of > existing.last_seen:
            self._seen[existing.id] = statement.as_of
        elif self._batch_id is None and statement.as_of == existing.last_seen:
            # A client repeats a call after a lost answer: once is enough. A load may be undone.
            assertions = self._unit.record_assertions.assertions_about([existing.id])[existing.id]
            repetition = (statement.as_of, existing.version_id, None)
            if any(
                (assertion.as_of, assertion.version_id, assertion.batch_id) == repetition
                for assertion in assertions
            ):
                return
        self._sight(existing.id, statement, existing.version_id)

    def _sight(self, record_id: int, statement: Statement, version_id: int | None) -> None:
        sighting = Sighting(
            record_id=record_id,
            kind=SightingKind.SAME,
            as_of=statement.as_of,
            version_id=version_id,
            batch_id=self._batch_id,
        )
        self._sightings.append(sighting)

    def _record(self, record_id: int, statement: Statement, state: RecordState = RecordState.ACTIVE) -> None:
        self._records.append(
            {
                "id": record_id,
                "source_id": self._source.id,
                "local_id": statement.local_id,
                "group_id": self._source.group_id,
                "subject": statement.subject,
                "state": state.value,
                "canonical_key": self._key(statement.local_id),
                "version_id": None,
                # A held version does not count yet, so that an older one that follows is held too.
                "last_seen": "" if state is RecordState.HELD else statement.as_of,
            }
        )

    def _key(self, local_id: str) -> int:
        """Return and cache the canonical key of a new record."""
        if local_id not in self._canonical_keys:
            self._canonical_keys[local_id] = canonical_key(
                self._index.keyed_hash, self._source.code, local_id
            )
        return self._canonical_keys[local_id]

    def _version(self, record_id: int, statement: Statement, state: str) -> None:
        row = {
            "record_id": record_id,
            "as_of": statement.as_of,
            "batch_id": self._batch_id,
            "state": state,
            "content_hash": statement.content_hash,
            # orjson writes a dataclass as the dict of its fields.
            "issues": orjson.dumps(statement.issues).decode() if statement.issues else "[]",
            "payload": statement.payload,
        }
        self._versions.append((row, statement))

    def flush(self) -> None:
        """Write the collected rows of the statements."""
        records = self._unit.records
        activated = self._number_versions() if self._versions else {}
        for row in self._records:
            if (current_version := activated.pop(row["id"], None)) is not None:
                row["version_id"] = current_version["version_id"]
        records.insert(self._records)
        if self._versions:
            self._write_versions(list(activated.values()))
        self._unit.record_versions.end_versions(self._ended, self._unit.commit_no if self._ended else 0)
        records.update_last_seen(self._seen)
        if self._sightings:
            self._unit.record_assertions.add(self._sightings, self._unit.commit_no)
        records.set_state(self._waiting, RecordState.HELD)
        if self._sealed:
            # What is to be expunged is only sealed until a second person has approved.
            records.set_state(self._sealed, RecordState.SEALED)
            seal_corrections(self._unit, self._sealed)
            references = {
                record_id: find_seal_reference(statement.record)
                for record_id, statement in self._sealed.items()
                if record_id in self._newly_sealed
            }
            record_orders(self._unit, self._index, OrderKind.SEAL, references)

    def _number_versions(self) -> dict[int, dict[str, Any]]:
        """Assign numbers to new record versions; return those that become current."""
        first = self._unit.counters.take("record_version", len(self._versions))
        active: dict[int, dict[str, Any]] = {}
        for version_id, (row, statement) in enumerate(self._versions, first):
            row |= {"id": version_id, "received_commit": self._unit.commit_no, "ended_commit": None}
            if row["state"] == "active":
                active[row["record_id"]] = {
                    "record_id": row["record_id"],
                    "version_id": version_id,
                    "as_of": statement.as_of,
                }
        return active

    def _write_versions(self, activated: list[dict[str, Any]]) -> None:
        """Write new record versions and their flags, and make some current."""
        flags = [
            {"version_id": row["id"], "seq": seq, **flag._asdict()}
            for row, statement in self._versions
            for seq, flag in enumerate(statement.flags)
        ]
        self._unit.record_versions.insert_versions([row for row, _ in self._versions])
        self._unit.record_versions.insert_flags(flags)
        self._unit.records.activate(activated)
