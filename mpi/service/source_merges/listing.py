"""List of what a source has stated about its own local IDs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mpi.domain.source_merge import MergeKind
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.visibility import visible_labels
from mpi.service.resolution.source_assertions import STATED_ORIGINS
from mpi.service.source_merges.statement_checks import ORIGIN_BY_KIND
from mpi.service.statements.sources import require_data_source
from mpi.storage.repositories.steps.decisions import DecisionStatus, StoredDecision
from mpi.storage.unit_of_work.units import ReadUnit

MAX_LISTED = 1000
"""Most statements of one page."""
TAKEN_BACK, UNDONE = "taken_back", "undone"
_KIND_BY_ORIGIN = {origin: kind for kind, origin in ORIGIN_BY_KIND.items()}


@dataclass(frozen=True, slots=True)
class StatementView:
    """A source's statement about its local IDs, as a viewer sees it.

    Args:
        number: number of the statement.
        kind: merge, split or reuse.
        old_local_id: the local ID that was merged, split or used twice, as the record has it now.
        new_local_id: the other local ID; None for a reuse.
        date: day on which it happened at the source (ISO).
        status: ``in_force``; ``superseded`` by a later statement about the two; ``review`` if a steward is
            asked; ``taken_back`` by the source; ``undone`` by a person.
        stated_at: when it was received (ISO, UTC).
        stated_by: the client or account that stated it.
        ended_at: when it was superseded, taken back or undone; None while it counts.
    """

    number: int
    kind: MergeKind
    old_local_id: str
    new_local_id: str | None
    date: str
    status: str
    stated_at: str
    stated_by: str
    ended_at: str | None


def list_statements(
    index: Index, viewer: Viewer, source_code: str, before: int | None = None, limit: int = MAX_LISTED
) -> list[StatementView]:
    """Return what a source stated about its local IDs, newest first.

    Statements about a sealed record are left out.

    Args:
        index: the open index.
        viewer: who asks.
        source_code: the source.
        before: only statements with lower numbers; None for the newest.
        limit: most statements to return, up to ``MAX_LISTED``.

    Raises:
        NotFoundError: there is no such source.
        ConflictError: the source's records are sent to another index.
        AccessDenied: the viewer may not read this source's records.
    """
    require_permission(viewer, Action.RECORD_READ, source_code)
    max_count = min(limit, MAX_LISTED)
    listed: list[StatementView] = []
    shown_records: set[int] = set()
    with index.database.read(viewer) as unit:
        source = unit.sources.get_by_code(source_code)
        require_data_source(source)
        while len(listed) < max_count:
            page = unit.decisions.latest_of_source(source.id, STATED_ORIGINS, before, max_count)
            if not page:
                break
            before = page[-1].id
            visible = _keep_visible(unit, page)[: max_count - len(listed)]
            listed += _build_views(unit, visible)
            shown_records.update(record for statement in visible for record in statement.seen)
    disclose(index, viewer, Action.RECORD_READ, shown_records, ("local_id",))
    return listed


def _keep_visible(unit: ReadUnit, statements: Sequence[StoredDecision]) -> list[StoredDecision]:
    """Return the statements of which the viewer may see every record."""
    labels = visible_labels(unit, {record for statement in statements for record in statement.seen})
    return [statement for statement in statements if statement.seen.keys() <= labels.keys()]


def _build_views(unit: ReadUnit, statements: Sequence[StoredDecision]) -> Iterator[StatementView]:
    """Yield the views of visible statements."""
    labels = visible_labels(unit, {record for statement in statements for record in statement.seen})
    steps = unit.steps.by_ids(
        {statement.step_id for statement in statements if statement.step_id is not None}
    )
    numbers = [(statement.commit_no, statement.ended_commit) for statement in statements]
    commits = unit.commit_info({number for pair in numbers for number in pair if number is not None})
    for statement in statements:
        old_record = statement.asserting_record or 0
        new_record = next((record for record in statement.seen if record != old_record), None)
        step = steps.get(statement.step_id or 0)
        status = statement.status.value
        if statement.status is DecisionStatus.REVOKED:
            status = TAKEN_BACK if step is None or step.undone_commit is None else UNDONE
        ended = None if statement.ended_commit is None else commits[statement.ended_commit]
        yield StatementView(
            number=statement.id,
            kind=_KIND_BY_ORIGIN[statement.origin or ""],
            old_local_id=labels[old_record].local_id,
            new_local_id=None if new_record is None else labels[new_record].local_id,
            date=statement.effective_from or "",
            status=status,
            stated_at=commits[statement.commit_no][0],
            stated_by=commits[statement.commit_no][1],
            ended_at=None if ended is None else ended[0],
        )
