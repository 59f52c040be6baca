"""Intake of statements: stores new record versions and reports each outcome.

A repetition of the current version makes no new one. A statement about a sealed record is refused and not
stored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mpi.service.core.index import Index
from mpi.service.indexing.changed_record import ChangedRecord
from mpi.service.statements.carried_restrictions import update_carried_restrictions
from mpi.service.statements.current_version import read_changed_records, recompute_current_versions
from mpi.service.statements.statement import Statement, names_carried_restriction
from mpi.service.statements.statement_judgement import StatementOutcome, judge_statements, with_buried
from mpi.service.statements.statement_writer import StatementWriter
from mpi.storage.repositories.sources.records import RecordState, StoredRecord
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import WriteUnit


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
        existing = with_buried(unit, index, source, statements, existing)
    judged = judge_statements(unit, index, source, statements, existing, is_from_scope=is_from_scope)
    record_ids = _assign_numbers(unit, statements, existing)
    writer = StatementWriter(unit, index, source, batch_id, record_ids, judged)
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
