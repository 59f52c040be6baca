"""Copies of a scope's records and decisions, as they are now."""

from collections.abc import Collection
from dataclasses import dataclass

from mpi.domain.decision import CORRECTION, Authority, DecisionKind
from mpi.domain.source import SHARED_SCOPE
from mpi.storage.repositories.sources.records import RecordState, StoredRecord
from mpi.storage.repositories.sources.scopes import Change, ChangedItem
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.repositories.steps.decisions import DecisionStatus, StoredDecision
from mpi.storage.unit_of_work.units import ReadUnit

_COPIED_STATES = frozenset({RecordState.ACTIVE, RecordState.WITHDRAWN, RecordState.HELD, RecordState.SEALED})
_COPIED_AUTHORITIES = frozenset({Authority.SOURCE, Authority.STEWARD})


@dataclass(frozen=True, slots=True)
class RecordCopy:
    """A record of a scope, as it is now.

    Args:
        number: its number in the scope.
        source: code of its source.
        local_id: its local ID.
        state: whether it is active, withdrawn or sealed.
        payload: its content as bytes; None unless it is active.
        issues: quality issues of its values, as JSON.
        is_destroyed: whether its content was destroyed.
    """

    number: int
    source: str
    local_id: str
    state: RecordState
    payload: bytes | None = None
    issues: str = "[]"
    is_destroyed: bool = False


@dataclass(frozen=True, slots=True)
class DecisionCopy:
    """A decision of a scope, as it is now.

    Args:
        number: its number in the scope.
        kind: SAME or DIFFERENT.
        authority: rank of its author.
        groups: numbers of records in the scope, by group.
        reason: its maker's reason code.
        recheck_on: day of its recheck.
        is_in_force: whether it binds now.
        original: number of the shared index's decision of which it is a copy; None where it was made here.
    """

    number: int
    kind: DecisionKind
    authority: Authority
    groups: tuple[tuple[int, ...], ...]
    reason: str
    recheck_on: str | None
    is_in_force: bool
    original: int | None = None


@dataclass(frozen=True, slots=True)
class CopyPage:
    """Copies of what a number of changes concern, read at one moment.

    Args:
        records: the records, at most one copy of each.
        decisions: the decisions, at most one copy of each.
        sources: the sources of the records.
        end: the last change of the page.
        generation: generation of the scope's index.
    """

    records: tuple[RecordCopy, ...]
    decisions: tuple[DecisionCopy, ...]
    sources: tuple[Source, ...]
    end: Change
    generation: str


def read_page(unit: ReadUnit, position: Change, limit: int) -> CopyPage | None:
    """Read what the next changes of a scope concern.

    Args:
        unit: a transaction of the scope's index.
        position: the change after which to begin.
        limit: most changes.

    Returns:
        The copies; None where nothing has changed since.
    """
    changes = unit.scopes.changes_after(position, limit)
    if not changes:
        return None
    record_ids = {change.number for change in changes if change.item == ChangedItem.RECORD}
    decision_ids = {change.number for change in changes if change.item == ChangedItem.DECISION}
    records = unit.records.get(record_ids)
    used_sources = {record.source_id for record in records.values()}
    return CopyPage(
        records=copy_records(unit, records.values()),
        decisions=copy_decisions(unit, unit.decisions.by_ids(decision_ids).values()),
        sources=tuple(source for source in unit.sources.all() if source.id in used_sources),
        end=changes[-1],
        generation=read_generation(unit),
    )


def read_generation(unit: ReadUnit) -> str:
    """Return the generation of an index, which is another one after a restore."""
    info = unit.configs.index_info()
    return "" if info is None else info.generation


def copy_records(unit: ReadUnit, records: Collection[StoredRecord]) -> tuple[RecordCopy, ...]:
    """Return copies of records, in the order of their numbers."""
    codes = {source.id: source.code for source in unit.sources.all()}
    versions = unit.records.active_versions([record.id for record in records])
    copies = []
    for record in sorted(records, key=lambda record: record.id):
        state = RecordState(record.state)
        if state not in _COPIED_STATES:
            continue
        version = versions.get(record.id)
        copies.append(
            RecordCopy(
                number=record.id,
                source=codes[record.source_id],
                local_id=record.local_id,
                # A held record has no version that counts.
                state=RecordState.WITHDRAWN if state is RecordState.HELD else state,
                payload=None if version is None else version.payload,
                issues="[]" if version is None else version.issues,
                is_destroyed=record.content_hash == "",
            )
        )
    return tuple(copies)


def copy_decisions(unit: ReadUnit, decisions: Collection[StoredDecision]) -> tuple[DecisionCopy, ...]:
    """Return copies of decisions of stewards and sources, in the order of their numbers.

    UNSURE binds nothing, and a correction is of the index in which it was made.
    """
    originals = unit.scopes.originals_of(
        SHARED_SCOPE, ChangedItem.DECISION, [decision.id for decision in decisions]
    )
    return tuple(
        DecisionCopy(
            number=decision.id,
            kind=decision.kind,
            authority=decision.authority,
            groups=decision.groups,
            reason=decision.reason,
            recheck_on=decision.recheck_on,
            is_in_force=decision.status is DecisionStatus.IN_FORCE,
            original=originals.get(decision.id),
        )
        for decision in sorted(decisions, key=lambda decision: decision.id)
        if decision.authority in _COPIED_AUTHORITIES
        and decision.kind is not DecisionKind.UNSURE
        and decision.origin != CORRECTION
    )
