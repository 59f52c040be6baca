"""Copies of a scope's records and decisions, as they are now."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from mpi.domain.decision import CORRECTION, Authority, DecisionKind
from mpi.domain.survivorship.values import STEWARD_SOURCE_KIND
from mpi.service.scopes.waiting_records import PageSelection
from mpi.service.statements.overlay_detection import OVERLAY
from mpi.service.statements.tombstones import is_buried
from mpi.service.stewardship.overlays import RELEASE
from mpi.storage.repositories.sources.records import RecordState, StoredRecord
from mpi.storage.repositories.sources.scopes import Change
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.repositories.steps.decisions import DecisionStatus, StoredDecision
from mpi.storage.unit_of_work.units import ReadUnit

_NAMED_STEPS = frozenset({"merge", "split", "move"})
"""Kinds of steps that an incident names; others are a decision."""
_STEP_COMMITS = _NAMED_STEPS | {"decision", "undo", "approve", "consent"}
"""Kinds of commits in which people end what a source stated."""
_COPIED_AUTHORITIES = frozenset({Authority.MIGRATION, Authority.SOURCE, Authority.STEWARD})


class RecordCopy(NamedTuple):
    """A record of a scope, as it is now.

    Args:
        number: its number in the scope.
        source: code of its source.
        local_id: its local ID.
        state: whether it is active, sealed, or else takes no part.
        payload: its content as bytes; None unless it is active.
        issues: quality issues of its values, as JSON.
        last_seen: as-of of what its source stated last.
        is_destroyed: whether its content was destroyed.
        is_buried: whether a tombstone stands for its local ID, which is a surrogate then.
        reference: reference of the latest order about it, if it has one.
        content_hash: hash of the content; None where it must be computed.
        is_dropped: whether retention or minimum holdings destroyed it, so that nothing of it is left.
        is_released: whether a steward has found, since the last sync, that it describes another child.
    """

    number: int
    source: str
    local_id: str
    state: RecordState
    payload: bytes | None = None
    issues: str = "[]"
    last_seen: str = ""
    is_destroyed: bool = False
    content_hash: str | None = None
    is_buried: bool = False
    reference: str | None = None
    is_dropped: bool = False
    is_released: bool = False

    @property
    def is_nameless(self) -> bool:
        """Whether the scope does not know the record's local ID any more."""
        return self.is_buried or self.is_destroyed


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
        changed_commit: commit number in the scope that made it, or ended it.
        changed_by: kind of the step of people that did; None where a source's statement or an import did.
    """

    number: int
    kind: DecisionKind
    authority: Authority
    groups: tuple[tuple[int, ...], ...]
    reason: str
    recheck_on: str | None
    is_in_force: bool
    changed_commit: int
    changed_by: str | None


@dataclass(frozen=True, slots=True)
class CopyPage:
    """Copies of what a number of changes concern, read at one moment.

    Args:
        records: the records, at most one copy of each.
        decisions: the decisions, at most one copy of each.
        sources: the sources of these records.
        selection: the changes of the page.
        read_at: time of the last change's commit.
    """

    records: tuple[RecordCopy, ...]
    decisions: tuple[DecisionCopy, ...]
    sources: tuple[Source, ...]
    selection: PageSelection
    read_at: str


def read_page(unit: ReadUnit, selection: PageSelection, begin: Change) -> CopyPage:
    """Read what the next changes of a scope concern.

    Args:
        unit: a transaction of the scope's index.
        selection: the changes, and what to take over.
        begin: the last change before them.
    """
    # A correction is of the index in which a steward made it.
    sources = {source.id: source for source in unit.sources.all() if source.kind != STEWARD_SOURCE_KIND}
    records = [
        record for record in unit.records.get(selection.record_ids).values() if record.source_id in sources
    ]
    decisions = [each for each in unit.decisions.by_ids(selection.decision_ids).values() if is_copied(each)]
    commit_kinds = _read_commit_kinds(unit, decisions)
    used_ids = {record.source_id for record in records}
    return CopyPage(
        records=_copy_records(unit, records, sources, _find_released_records(unit, begin)),
        decisions=tuple(_copy_decision(decision, commit_kinds) for decision in decisions),
        sources=tuple(source for source in sources.values() if source.id in used_ids),
        selection=selection,
        read_at=unit.commit_info({selection.end.commit_no})[selection.end.commit_no][0],
    )


def is_copied(decision: StoredDecision) -> bool:
    """Return whether a scope's decision is taken over into the shared index."""
    return (
        decision.authority in _COPIED_AUTHORITIES
        and decision.kind is not DecisionKind.UNSURE
        and decision.origin != CORRECTION
    )


def _find_released_records(unit: ReadUnit, begin: Change) -> set[int]:
    """Return the records of which stewards released an overlay since a change."""
    releases = unit.steps.steps_in_force_since(OVERLAY, begin.commit_no)
    return {step.detail["record"] for step in releases if step.detail["verdict"] == RELEASE}


def _copy_records(
    unit: ReadUnit,
    records: Collection[StoredRecord],
    sources: dict[int, Source],
    released_ids: Collection[int],
) -> tuple[RecordCopy, ...]:
    """Return copies of records, in the order of their numbers."""
    versions = unit.record_versions.active_versions([record.id for record in records])
    references = _read_references(unit, records)
    expunged = unit.boundary_orders.select_expunged([record.id for record in records if is_buried(record)])
    copies = []
    for record in sorted(records, key=lambda record: record.id):
        version = versions.get(record.id)
        copies.append(
            RecordCopy(
                number=record.id,
                source=sources[record.source_id].code,
                local_id=record.local_id,
                state=RecordState(record.state),
                payload=None if version is None else version.payload,
                issues="[]" if version is None else version.issues,
                last_seen=record.last_seen,
                # A record that an order destroyed before a restored index saw its content has no version.
                is_destroyed=record.content_hash == "" or record.id in expunged,
                is_buried=is_buried(record),
                reference=references.get(record.id),
                is_dropped=record.is_dropped,
                is_released=record.id in released_ids,
                # The hash leaves restrictions of earlier versions out.
                content_hash=record.content_hash if record.carried_restrictions is None else None,
            )
        )
    return tuple(copies)


def _read_references(unit: ReadUnit, records: Collection[StoredRecord]) -> dict[int, str | None]:
    """Return the reference of the latest order about each record."""
    if not unit.boundary_orders.last_number():
        return {}
    orders = unit.boundary_orders.orders_of([record.id for record in records])
    return {order.record_id: order.reference for order in orders}


def _copy_decision(decision: StoredDecision, commit_kinds: Mapping[int, str]) -> DecisionCopy:
    return DecisionCopy(
        number=decision.id,
        kind=decision.kind,
        authority=decision.authority,
        groups=decision.groups,
        reason=decision.reason,
        recheck_on=decision.recheck_on,
        is_in_force=decision.status is DecisionStatus.IN_FORCE,
        changed_commit=decision.commit_no if decision.ended_commit is None else decision.ended_commit,
        changed_by=_find_step_kind(decision, commit_kinds),
    )


def _read_commit_kinds(unit: ReadUnit, decisions: Collection[StoredDecision]) -> dict[int, str]:
    """Return the kind of each commit that ended a decision."""
    ended = {decision.ended_commit for decision in decisions if decision.ended_commit is not None}
    return {number: kind for number, (_, _, kind) in unit.commit_info(ended).items()}


def _find_step_kind(decision: StoredDecision, commit_kinds: Mapping[int, str]) -> str | None:
    """Return the kind of step that made or ended a decision.

    None where a source's own statement or an imported crosswalk did.
    """
    if decision.ended_commit is None:
        if decision.authority is not Authority.STEWARD:
            return None
        return decision.origin if decision.origin in _NAMED_STEPS else "decision"
    is_stated = decision.authority is Authority.SOURCE
    if is_stated and commit_kinds.get(decision.ended_commit) not in _STEP_COMMITS:
        return None
    return "undo" if decision.status is DecisionStatus.REVOKED else "decision"
