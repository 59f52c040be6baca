"""What a source's statements would do to its stored records."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from mpi.service.core.comparable_record import ComparableRecord
from mpi.service.core.index import Index
from mpi.service.statements.overlay_detection import find_overlays
from mpi.service.statements.sources import require_data_source, require_sending_source
from mpi.service.statements.statement import EXPUNGED, Statement, StatementHeading
from mpi.service.statements.statement_features import make_comparable
from mpi.service.statements.tombstones import merge_buried_records
from mpi.storage.repositories.sources.records import RecordState, StoredRecord
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import ReadUnit


class StatementOutcome(StrEnum):
    """What became of a source's statement, such as a new version."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    HISTORY = "history"
    SEALED = "sealed"
    REFUSED = "refused"
    HELD = "held"


EFFECTIVE_OUTCOMES = frozenset({StatementOutcome.CREATED, StatementOutcome.UPDATED})


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
        ConflictError: the source is the one of stewards' corrections, belongs to a scope, or is retired.
    """
    require_data_source(source, is_from_scope=is_from_scope)
    if not is_from_scope:
        require_sending_source(source)
        existing = with_buried(unit, index, source, statements, existing)
    outcomes = {
        statement.local_id: judge_statement(existing.get(statement.local_id), statement)
        for statement in statements
    }
    if source.paused and not is_from_scope:
        outcomes = {
            local_id: StatementOutcome.HELD if outcome in EFFECTIVE_OUTCOMES else outcome
            for local_id, outcome in outcomes.items()
        }
    features = make_comparable(
        unit,
        index,
        source,
        [statement for statement in statements if outcomes[statement.local_id] in EFFECTIVE_OUTCOMES],
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


def with_buried(
    unit: ReadUnit,
    index: Index,
    source: Source,
    statements: Collection[Statement],
    existing: Mapping[str, StoredRecord],
) -> dict[str, StoredRecord]:
    """Return stored records, with destroyed ones that statements are about."""
    local_ids = [statement.local_id for statement in statements]
    return merge_buried_records(unit, index, (source.id, source.code), local_ids, existing)
