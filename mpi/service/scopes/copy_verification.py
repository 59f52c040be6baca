"""Check of the copies of a scope's records in the shared index."""

from collections.abc import Collection, Iterator, Mapping

from mpi.domain.record import CanonicalRecord
from mpi.domain.survivorship import STEWARD_SOURCE_KIND
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.service.maintenance.verify import Finding
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.repositories.sources.scopes import ChangedItem
from mpi.storage.unit_of_work.units import ReadUnit

_COMPARED_STATES = frozenset({RecordState.ACTIVE, RecordState.SEALED})
"""States that the shared index takes over. Others take no part in either index."""


def verify_copies(scope_index: Index, shared_index: Index, viewer: Viewer, code: str) -> list[Finding]:
    """Check the copies of a scope's records, without changes that wait.

    Law 6: each record of the scope has one copy, and each copy its record. Their states and contents agree.

    Args:
        scope_index: the open index of the scope.
        shared_index: the open shared index.
        viewer: who asks.
        code: code of the scope.

    Returns:
        The breaches, which name records by their numbers; empty if the copies are sound.

    Raises:
        NotFoundError: the shared index knows no such scope.
        AccessDenied: the viewer may not read reports.
    """
    require_permission(viewer, Action.REPORT)
    with shared_index.database.read(viewer) as shared, scope_index.database.read(viewer) as own:
        copies = shared.scopes.all_copies(code, ChangedItem.RECORD)
        own_ids = _record_ids(own, None)
        shared_ids = _record_ids(shared, code)
        waiting = {
            change.number
            for change in own.scopes.all_changes_after(shared.scopes.get(code).position)
            if change.item == ChangedItem.RECORD
        }
        compared = {
            number: copies[number] for number in own_ids - waiting if copies.get(number) in shared_ids
        }
        findings = [
            *_name(code, "has no copy", own_ids - waiting - copies.keys()),
            *_name(code, "has a copy and does not exist", copies.keys() - own_ids),
            *_name(code, "of the shared index is no copy", shared_ids - set(copies.values())),
            *_name(
                code, "of the shared index is a copy of another source", set(copies.values()) - shared_ids
            ),
        ]
        for chunk in iter_chunks(list(compared)):
            differing = _find_differences(own, shared, {number: compared[number] for number in chunk})
            findings += _name(code, "differs from its copy", differing)
    return findings


def _record_ids(unit: ReadUnit, scope: str | None) -> set[int]:
    """Return the records of a scope's sources; None for this index."""
    return {
        record.id
        for source in unit.sources.all()
        if source.scope == scope and source.kind != STEWARD_SOURCE_KIND
        for record in unit.records.all_of_source(source.id).values()
    }


def _name(code: str, fault: str, record_ids: Collection[int]) -> Iterator[Finding]:
    for number in sorted(record_ids):
        yield Finding(6, f"scope {code}: record {number} {fault}")


def _find_differences(own: ReadUnit, shared: ReadUnit, copies: Mapping[int, int]) -> set[int]:
    """Return the records of a scope that differ from their copies."""
    own_records, shared_records = own.records.get(copies), shared.records.get(copies.values())
    own_contents, shared_contents = _read_contents(own, copies), _read_contents(shared, copies.values())
    return {
        number
        for number, copy in copies.items()
        if _compared_state(own_records[number].state) != _compared_state(shared_records[copy].state)
        or own_contents.get(number) != shared_contents.get(copy)
    }


def _compared_state(state: str) -> str | None:
    return state if state in _COMPARED_STATES else None


def _read_contents(unit: ReadUnit, record_ids: Collection[int]) -> dict[int, CanonicalRecord]:
    """Return what active records say, without what a copy states otherwise.

    A merge follows as a decision, an earlier content that counts again gets a later date, and a version of a
    re-keyed record states the local ID with which it came.
    """
    return {
        number: record_from_bytes(payload)._replace(as_of=None, local_id="", merged_into=None)
        for number, (_source, payload) in unit.records.payloads(record_ids).items()
    }
