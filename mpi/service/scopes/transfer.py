"""Transfer of a scope's changes into the shared index.

A scope answers from its own database alone, and its callers do not wait for the shared index. The changes
follow in transactions of the shared index. Each stores how far it has come, so that a kill at any moment
loses nothing and repeats nothing.
"""

from dataclasses import dataclass, replace

from mpi.domain.errors import ConflictError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.service.indexing.reindex import Progress, ignore_progress
from mpi.service.scopes.copies import CopyPage, read_page
from mpi.service.scopes.takeover import take_over
from mpi.storage.repositories.sources.scopes import Scope
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

PAGE_CHANGES = 2_000
"""Most changes that one transaction of the shared index takes over."""


@dataclass(slots=True)
class TransferResult:
    """What a transfer has taken over.

    Args:
        scope: code of the scope.
        records: number of records.
        decisions: number of decisions.
        contradictions: decisions that contradict one of the shared index, each of which became a question.
    """

    scope: str
    records: int = 0
    decisions: int = 0
    contradictions: int = 0


def transfer_changes(
    scope_index: Index,
    shared_index: Index,
    viewer: Viewer,
    code: str,
    *,
    page: int = PAGE_CHANGES,
    progress: Progress = ignore_progress,
) -> TransferResult:
    """Take over a scope's changes that the shared index has not seen.

    Args:
        scope_index: the open index of the scope.
        shared_index: the open shared index.
        viewer: who asks.
        code: code of the scope.
        page: most changes that one transaction takes over.
        progress: callback that reports the changes taken over.

    Raises:
        NotFoundError: the shared index knows no such scope.
        ConflictError: a source of the scope belongs to another one, or to the shared index; or the scope was
            restored from a backup that is older than what was taken over.
        AccessDenied: the viewer may not administer sources.
    """
    require_permission(viewer, Action.SOURCE_ADMIN)
    _copy_settings(scope_index, shared_index, viewer, code)
    result = TransferResult(code)
    while True:
        with shared_index.database.read(viewer) as unit:
            scope = unit.scopes.get(code)
        with scope_index.database.read(viewer) as unit:
            _require_same_history(unit, scope)
            copies = read_page(unit, scope.position, page)
        if copies is None:
            return result
        with shared_index.database.write(viewer, "transfer") as unit:
            # Another process may have taken them over meanwhile.
            if unit.scopes.get(code).position == scope.position:
                _take_over(unit, shared_index, code, copies, result)
        progress("transfer", result.records, result.records)


def _copy_settings(scope_index: Index, shared_index: Index, viewer: Viewer, code: str) -> None:
    """Copy to the shared index whether sources ask for consent."""
    with scope_index.database.read(viewer) as unit:
        own_sources = {source.code: source for source in unit.sources.all()}
    with shared_index.database.read(viewer) as unit:
        changed = {
            source.id: own_sources[source.code].asks_consent
            for source in unit.sources.all()
            if source.scope == code
            and source.code in own_sources
            and own_sources[source.code].asks_consent != source.asks_consent
        }
    if not changed:
        return
    with shared_index.database.write(viewer, "transfer") as unit:
        for source_id, asks_consent in changed.items():
            unit.sources.set_asks_consent(source_id, asks_consent=asks_consent)
        unit.ensure_commit()


def _require_same_history(unit: ReadUnit, scope: Scope) -> None:
    """Raise if the scope lacks the commit that was read last.

    A restored scope gives the numbers of lost commits again, at other times.

    Args:
        unit: a transaction of the scope's index.
        scope: the scope, as the shared index knows it.

    Raises:
        ConflictError: the scope was restored from a backup that is older than what was taken over.
    """
    number = scope.position.commit_no
    if number and unit.commit_info({number}).get(number, ("",))[0] != scope.read_at:
        raise ConflictError(
            f"the scope {scope.code} was restored from a backup that is older than what the shared index has "
            "taken over: restore the shared index too, from a backup that was made before that of the scope"
        )


def _take_over(unit: WriteUnit, index: Index, code: str, page: CopyPage, result: TransferResult) -> None:
    """Write the copies of a page, and the new position."""
    _add_sources(unit, code, page)
    contradictions = take_over(unit, index, code, page.records, page.decisions)
    unit.scopes.move_position(code, page.end, page.read_at)
    result.records += len(page.records)
    result.decisions += len(page.decisions)
    result.contradictions += contradictions


def _add_sources(unit: WriteUnit, code: str, page: CopyPage) -> None:
    """Add the scope's sources that the shared index does not know.

    Raises:
        ConflictError: a source belongs to another scope, or to the shared index.
    """
    known_sources = {source.code: source for source in unit.sources.all()}
    for source in page.sources:
        known = known_sources.get(source.code)
        if known is None:
            number = unit.counters.take("source")
            unit.sources.add(
                number,
                number,
                replace(source, id=number, group_id=1, paused=False, scope=code),
                unit.commit_no,
            )
        elif known.scope != code:
            owner = "the shared index" if known.scope is None else f"the scope {known.scope}"
            raise ConflictError(f"source {source.code!r} of the scope {code} belongs to {owner} already")
