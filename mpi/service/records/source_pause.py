"""Pause and resume the automatic linking of a source.

A paused source's statements are accepted and held; they take effect on resume. Withdrawals and seals take
effect at once, because only what could link is held. Existing links stay.
"""

from dataclasses import dataclass

from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.service.core.undoable_steps import add_step, check_reason
from mpi.service.core.visibility import visible_labels
from mpi.service.indexing.reindex import Progress, ignore_progress
from mpi.service.resolution.resolve import NO_FURTHER_INPUTS, ResolveInputs, resolve
from mpi.service.statements.current_version import recompute_current_versions
from mpi.service.statements.sources import require_own_source
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import ReadUnit

_MAX_STEPS = 1_000
"""Most pauses that are searched for the last one of a source."""


@dataclass(frozen=True, slots=True)
class PauseResult:
    """Result of pausing sources (holding what they send) or resuming them.

    Args:
        sources: their codes.
        paused: whether their statements are held now.
        resolved: records with a held statement that took effect.
        moved: records that changed person by that, of those that the viewer may see.
    """

    sources: tuple[str, ...]
    paused: bool
    resolved: int = 0
    moved: int = 0


@dataclass(frozen=True, slots=True)
class PausedSource:
    """A source whose records are held, and who paused it.

    Args:
        source: its code.
        reason: reason code; None where the pause is not on record.
        at: since when (ISO, UTC); None likewise.
        by: name of the account or client; None likewise.
    """

    source: str
    reason: str | None
    at: str | None
    by: str | None


def list_paused(index: Index, viewer: Viewer) -> list[PausedSource]:
    """Return the paused sources that the viewer may administer, by code.

    Raises:
        AccessDenied: the viewer may not administer sources.
    """
    require_permission(viewer, Action.SOURCE_ADMIN)
    with index.database.read(viewer) as unit:
        paused = [source for source in unit.sources.all() if source.paused and viewer.may_see(source.code)]
        steps = unit.steps.latest_of_kinds(("pause",), _MAX_STEPS) if paused else []
        commits = unit.commit_info({step.commit_no for step in steps})
        pauses = []
        for source in paused:
            step = next((step for step in steps if source.id in step.detail["sources"]), None)
            at, by, _ = (None, None, None) if step is None else commits[step.commit_no]
            pauses.append(PausedSource(source.code, None if step is None else step.reason, at, by))
    return pauses


def pause(index: Index, viewer: Viewer, source_code: str | None, reason: str = "pause") -> PauseResult:
    """Pause one or all sources: hold the records that they send.

    Args:
        index: the open index.
        viewer: who asks.
        source_code: the source; None for all.
        reason: a reason code.

    Raises:
        InputError: the reason is no valid code.
        NotFoundError: no such source.
        AccessDenied: the viewer may not administer the source.
    """
    _require_permission(viewer, source_code)
    checked_reason = check_reason(reason)
    with index.database.write(viewer, "pause") as unit:
        sources = _select_sources(unit, source_code)
        unit.sources.set_paused([source.id for source in sources], paused=True)
        add_step(unit, "pause", checked_reason, {"sources": [source.id for source in sources]})
    return PauseResult(tuple(source.code for source in sources), paused=True)


def resume(
    index: Index,
    viewer: Viewer,
    source_code: str | None,
    reason: str = "resume",
    progress: Progress = ignore_progress,
) -> PauseResult:
    """Resume paused sources: process held records as if never held.

    They count in the order of their as-of (time at the source) and receipt.

    Args:
        index: the open index.
        viewer: who asks.
        source_code: the source; None for all.
        reason: a reason code.
        progress: receives the progress of long steps.

    Raises:
        InputError: the reason is no valid code.
        NotFoundError: no such source.
        AccessDenied: the viewer may not administer the source.
    """
    _require_permission(viewer, source_code)
    checked_reason = check_reason(reason)
    with index.database.write(viewer, "resume") as unit:
        sources = _select_sources(unit, source_code)
        unit.sources.set_paused([source.id for source in sources], paused=False)
        released = {
            record for source in sources for record in unit.record_versions.release_held_versions(source.id)
        }
        version_changes = recompute_current_versions(unit, index, released)
        claiming_decisions = unit.decisions.records_with_claims([source.id for source in sources])
        followed = version_changes.record_ids | claiming_decisions
        inputs = (
            ResolveInputs(further_records=version_changes.overlay_suspects, reassessed_records=followed)
            if followed
            else NO_FURTHER_INPUTS
        )
        settled = resolve(
            unit, index, version_changes.changed, version_changes.removed, "resume", progress, inputs
        )
        moved_count = 0
        if settled is not None:
            # A viewer may not know how many records of hidden sources move too.
            visible_records = visible_labels(unit, settled.records)
            persons_after = unit.persons.current_persons(visible_records)
            moved_count = sum(
                settled.persons_before.get(record) != persons_after.get(record) for record in visible_records
            )
        add_step(unit, "resume", checked_reason, {"sources": [source.id for source in sources]})
    return PauseResult(
        tuple(source.code for source in sources), paused=False, resolved=len(released), moved=moved_count
    )


def _require_permission(viewer: Viewer, source_code: str | None) -> None:
    """Refuse a viewer who may not administer the source to be paused."""
    require_permission(viewer, Action.SOURCE_ADMIN, source_code)


def _select_sources(unit: ReadUnit, source_code: str | None) -> list[Source]:
    """Return a code's source, or all that the viewer may see."""
    if source_code is not None:
        source = unit.sources.get_by_code(source_code)
        require_own_source(source)
        return [source]
    return [
        source for source in unit.sources.all() if unit.viewer.may_see(source.code) and source.scope is None
    ]
