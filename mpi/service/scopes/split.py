"""Split: move sources of the shared index into a scope, and undo it.

The shared index keeps the records and all its enterprise IDs. Their copies get IDs of their own in the scope.
While a split is running, the sources are closed: neither index takes records for them. It can be interrupted
at any moment; running it again completes it, and an undo opens the sources in the shared index again.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

from mpi.domain.errors import ConflictError
from mpi.domain.source import SHARED_SCOPE
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.service.indexing.reindex import Progress, ignore_progress
from mpi.service.scopes.copies import copy_decisions, copy_records
from mpi.service.scopes.takeover import take_over
from mpi.service.scopes.transfer import transfer_changes
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.repositories.steps.decisions import DecisionStatus
from mpi.storage.unit_of_work.units import ReadUnit

PAGE_RECORDS = 2_000
"""Records that one transaction of the scope takes over."""


@dataclass(frozen=True, slots=True)
class SplitResult:
    """What a split moves, or would move.

    Args:
        scope: code of the scope.
        sources: codes of the sources.
        records: records of the sources, by state.
        clients: clients of the shared index that are limited to these sources. They keep reading there; add
            them to the scope and revoke them here.
    """

    scope: str
    sources: tuple[str, ...]
    records: dict[str, int]
    clients: tuple[str, ...]


def preview_split(index: Index, viewer: Viewer, code: str, sources: Collection[str]) -> SplitResult:
    """Count what a split would move, without changing anything.

    Args:
        index: the shared index.
        viewer: who asks.
        code: code of the scope.
        sources: codes of the sources.

    Raises:
        NotFoundError: there is no such scope or source.
        ConflictError: a source belongs to another scope, or records of it wait for a steward.
        AccessDenied: the viewer may not administer sources.
    """
    require_permission(viewer, Action.SOURCE_ADMIN)
    with index.database.read(viewer) as unit:
        unit.scopes.get(code)
        moved = [
            _require_movable(unit, code, unit.sources.get_by_code(source)) for source in sorted(set(sources))
        ]
        records: dict[str, int] = {}
        for source in moved:
            for state, count in unit.records.count_by_state(source.id).items():
                records[state] = records.get(state, 0) + count
        clients = tuple(
            sorted(
                client.name
                for client, _, revoked in unit.clients.all_with_commits()
                if revoked is None and client.sources is not None and client.sources & set(sources)
            )
        )
    return SplitResult(code, tuple(source.code for source in moved), records, clients)


def split_sources(
    shared_index: Index,
    scope_index: Index,
    viewer: Viewer,
    code: str,
    sources: Collection[str],
    progress: Progress = ignore_progress,
    *,
    page: int = PAGE_RECORDS,
) -> SplitResult:
    """Move sources of the shared index into a scope.

    Args:
        shared_index: the open shared index.
        scope_index: the open index of the scope.
        viewer: who asks.
        code: code of the scope.
        sources: codes of the sources.
        progress: callback that reports the records taken over.
        page: records that one transaction of the scope takes over.

    Raises:
        NotFoundError: there is no such scope or source.
        ConflictError: a source belongs to another scope, or records of it wait for a steward.
        AccessDenied: the viewer may not administer sources.
    """
    result = preview_split(shared_index, viewer, code, sources)
    moved = _close_sources(shared_index, scope_index, viewer, code, result.sources)
    total, done = sum(result.records.values()), 0
    for source in moved:
        last_number = 0
        while True:
            with shared_index.database.read(viewer) as unit:
                numbers = unit.records.ids_of_source(source.id, last_number, page)
                copies = copy_records(unit, unit.records.get(numbers).values())
            if not numbers:
                break
            with scope_index.database.write(viewer, "split") as unit:
                take_over(unit, scope_index, SHARED_SCOPE, copies, keeps_seals=True)
            last_number = numbers[-1]
            done += len(numbers)
            progress("split", done, total)
    _copy_decisions(shared_index, scope_index, viewer, {source.id for source in moved})
    _open_sources(scope_index, viewer, result.sources)
    return result


def undo_split(
    shared_index: Index,
    scope_index: Index,
    viewer: Viewer,
    code: str,
    sources: Collection[str],
    progress: Progress = ignore_progress,
) -> None:
    """Send the records of a scope's sources to the shared index again.

    The scope takes no more of them, and its changes are taken over first. The shared index keeps the
    enterprise IDs that it always had; those of the scope end.

    Args:
        shared_index: the open shared index.
        scope_index: the open index of the scope.
        viewer: who asks.
        code: code of the scope.
        sources: codes of the sources.
        progress: callback that reports the changes taken over.

    Raises:
        NotFoundError: there is no such scope or source.
        ConflictError: a source is not of the scope.
        AccessDenied: the viewer may not administer sources.
    """
    require_permission(viewer, Action.SOURCE_ADMIN)
    codes = sorted(set(sources))
    with shared_index.database.read(viewer) as unit:
        own_sources = [unit.sources.get_by_code(source) for source in codes]
    for source in own_sources:
        if source.scope != code:
            raise ConflictError(f"source {source.code!r} is not of the scope {code}")
    with scope_index.database.write(viewer, "split-undo") as unit:
        own_ids = [source.id for source in unit.sources.all() if source.code in codes]
        unit.sources.set_scope(own_ids, SHARED_SCOPE)
        unit.ensure_commit()
    transfer_changes(scope_index, shared_index, viewer, code, progress=progress)
    with shared_index.database.write(viewer, "split-undo") as unit:
        unit.sources.set_scope([source.id for source in own_sources], None)
        unit.ensure_commit()


def _require_movable(unit: ReadUnit, code: str, source: Source) -> Source:
    """Return a source that can be moved into a scope.

    Raises:
        ConflictError: it belongs to another scope, or a version of a record waits for a steward.
    """
    if source.scope not in (None, code):
        raise ConflictError(f"source {source.code!r} belongs to the scope {source.scope} already")
    if source.scope is None and unit.records.has_waiting_versions(source.id):
        raise ConflictError(
            f"records of source {source.code!r} wait: resume the source, and answer the questions about "
            "records that describe another child"
        )
    return source


def _close_sources(
    shared_index: Index, scope_index: Index, viewer: Viewer, code: str, sources: Collection[str]
) -> list[Source]:
    """Close sources in both indexes; return them as the shared index has them."""
    with shared_index.database.write(viewer, "split") as unit:
        moved = [unit.sources.get_by_code(source) for source in sources]
        unit.sources.set_scope([source.id for source in moved], code)
        unit.ensure_commit()
    with scope_index.database.write(viewer, "split") as unit:
        known = {source.code: source for source in unit.sources.all()}
        for source in moved:
            if source.code not in known:
                number = unit.counters.take("source")
                own_source = replace(source, id=number, group_id=1, paused=False, scope=SHARED_SCOPE)
                unit.sources.add(number, number, own_source, unit.commit_no)
        own_ids = [known[source.code].id for source in moved if source.code in known]
        unit.sources.set_scope(own_ids, SHARED_SCOPE)
        unit.ensure_commit()
    return moved


def _copy_decisions(
    shared_index: Index, scope_index: Index, viewer: Viewer, source_ids: Collection[int]
) -> None:
    """Copy decisions in force that name records of these sources only."""
    with shared_index.database.read(viewer) as unit:
        numbers = unit.decisions.ids_with_status(DecisionStatus.IN_FORCE)
        decisions = unit.decisions.by_ids(numbers).values()
        sources_of_records = unit.records.source_ids_of(
            {record for decision in decisions for record in decision.seen}
        )
        copies = copy_decisions(
            unit,
            [
                decision
                for decision in decisions
                if {sources_of_records[record] for record in decision.seen} <= set(source_ids)
            ],
        )
    with scope_index.database.write(viewer, "split") as unit:
        take_over(unit, scope_index, SHARED_SCOPE, (), copies)


def _open_sources(scope_index: Index, viewer: Viewer, sources: Collection[str]) -> None:
    """Let the scope take records of its new sources."""
    with scope_index.database.write(viewer, "split") as unit:
        unit.sources.set_scope([unit.sources.get_by_code(source).id for source in sources], None)
        unit.ensure_commit()
