"""Freeze windows: days on which decisions about a source's records wait.

Typical windows are testing, a count day or a reporting period. A decision about the source's records made in
a window takes effect on the first day after it, once a client asks for what is due; the clock alone changes
nothing. The same holds for approved items of a proposal. Incoming records are not held: pause the source for
that.
"""

from dataclasses import dataclass

from mpi.domain import clock
from mpi.domain.errors import ConflictError, InputError, NotFoundError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.service.core.undoable_steps import add_step, check_reason
from mpi.service.stewardship.deferred_steps import recompute_effective_days, release_due
from mpi.storage.repositories.steps.freeze_windows import StoredFreezeWindow
from mpi.storage.unit_of_work.units import ReadUnit

MAX_DAYS = 366


@dataclass(frozen=True, slots=True)
class FreezeWindow:
    """Period in which decisions about one source's records wait.

    Args:
        id: its number.
        source: code of the source.
        begins_on: first day.
        ends_on: first day after the window.
        state: ``coming``, ``open``, ``over`` or ``lifted``.
        reason: reason code of the maker.
        by: the client that made it.
        at: when it was made.
        lifted_by: who ended it early; None where nobody did.
    """

    id: int
    source: str
    begins_on: str
    ends_on: str
    state: str
    reason: str
    by: str
    at: str
    lifted_by: str | None = None


def add_freeze_window(
    index: Index, viewer: Viewer, source: str, begins_on: str, ends_on: str, reason: str
) -> FreezeWindow:
    """Add a period in which decisions about a source's records wait.

    Args:
        index: the open index.
        viewer: who asks.
        source: code of the source.
        begins_on: first day (ISO).
        ends_on: first day after the window.
        reason: reason code.

    Raises:
        InputError: a day or the reason is invalid, or the days are out of order, past, or over a year apart.
        NotFoundError: there is no such source.
        AccessDenied: the viewer may not administer the source.
    """
    require_permission(viewer, Action.SOURCE_ADMIN, source)
    reason_code = check_reason(reason)
    first_day, end_day = clock.parse_day(begins_on, "begins_on"), clock.parse_day(ends_on, "ends_on")
    if not 0 < (end_day - first_day).days <= MAX_DAYS:
        raise InputError(f"ends_on: give a day after begins_on, {MAX_DAYS} days later at most")
    if end_day.isoformat() <= clock.today():
        raise InputError("ends_on: that window is over already")
    with index.database.write(viewer, "freeze") as unit:
        window = StoredFreezeWindow(
            id=unit.counters.take("freeze_window"),
            source_id=unit.sources.get_by_code(source).id,
            begins_on=first_day.isoformat(),
            ends_on=end_day.isoformat(),
            reason=reason_code,
            created_commit=unit.commit_no,
        )
        unit.freezes.add(window)
        add_step(unit, "freeze", reason_code, {"window": window.id})
        return _build_views(unit, [window])[0]


def list_freeze_windows(index: Index, viewer: Viewer) -> list[FreezeWindow]:
    """List freeze windows of the viewer's sources, by first day.

    Raises:
        AccessDenied: the viewer may not administer sources.
    """
    require_permission(viewer, Action.SOURCE_ADMIN)
    with index.database.read(viewer) as unit:
        return _build_views(unit, unit.freezes.all())


def lift_freeze_window(index: Index, viewer: Viewer, window_id: int, reason: str = "lifted") -> FreezeWindow:
    """End a freeze window early; apply what waits for it alone.

    Raises:
        InputError: the reason is invalid.
        NotFoundError: the viewer can see no such window.
        ConflictError: the window is over, or was lifted before.
        AccessDenied: the viewer may not administer the source.
    """
    require_permission(viewer, Action.SOURCE_ADMIN)
    reason_code = check_reason(reason)
    with index.database.write(viewer, "lift freeze") as unit:
        stored = unit.freezes.get(window_id)
        views = [] if stored is None else _build_views(unit, [stored])
        if not views:
            raise NotFoundError(f"there is no freeze window {window_id}")
        if views[0].state in {"over", "lifted"}:
            raise ConflictError(f"freeze window {window_id} is {views[0].state}")
        unit.freezes.lift(window_id, unit.commit_no)
        add_step(unit, "lift freeze", reason_code, {"window": window_id})
        recompute_effective_days(unit)
        release_due(unit, index)
        return next(view for view in _build_views(unit, unit.freezes.all()) if view.id == window_id)


def _build_views(unit: ReadUnit, stored_windows: list[StoredFreezeWindow]) -> list[FreezeWindow]:
    """Build views of the freeze windows of sources visible to the viewer."""
    codes = {source.id: source.code for source in unit.sources.all()}
    commits = unit.commit_info(
        {
            commit
            for window in stored_windows
            for commit in (window.created_commit, window.ended_commit)
            if commit
        }
    )
    return [
        FreezeWindow(
            id=window.id,
            source=codes[window.source_id],
            begins_on=window.begins_on,
            ends_on=window.ends_on,
            state=_compute_state(window),
            reason=window.reason,
            by=commits[window.created_commit][1],
            at=commits[window.created_commit][0],
            lifted_by=None if window.ended_commit is None else commits[window.ended_commit][1],
        )
        for window in stored_windows
        if unit.viewer.may_see(codes[window.source_id])
    ]


def _compute_state(window: StoredFreezeWindow) -> str:
    """Return the state of a freeze window today."""
    today = clock.today()
    if window.ended_commit is not None:
        return "lifted"
    if window.ends_on <= today:
        return "over"
    return "coming" if window.begins_on > today else "open"
