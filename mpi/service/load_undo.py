"""Undo of a load: nothing that it said counts any more, and everything is computed anew from the rest."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from mpi.domain.errors import ConflictError, NotFoundError
from mpi.domain.viewer import Action, Viewer, permit
from mpi.service.context import Index
from mpi.service.deciding import as_before
from mpi.service.disclosure import disclose
from mpi.service.effects import Received, changes
from mpi.service.loading import LOADED
from mpi.service.once import keep_answer, kept_answer
from mpi.service.received import Receipts, receipts
from mpi.service.reindex import Progress, silent
from mpi.service.resolve import Besides, resolve
from mpi.service.settle import Choice
from mpi.service.standing import restate
from mpi.service.steps import add_step, reason_code, step
from mpi.storage.repositories.batches import LOADING, Batch
from mpi.storage.unit import ReadUnit

FIELDS = ("source", "local_id", "disclosures")


@dataclass(frozen=True, slots=True)
class LoadUndone:
    """What undoing a load did, or in a preview would do; figures, because a load may be large.

    Args:
        batch: the load.
        source: its source.
        preview: whether nothing was changed.
        step: the step; None in a preview.
        stated: records that it said something about.
        restored: records that an earlier or later statement stands for instead.
        removed: records that take no part without it.
        moved: records that change person, of those that the viewer may see.
        persons: people whose records change, by what becomes of them.
        told: clients that see the change in the feed.
        disclosed: how many answers left because of links that it parts; None where the viewer may not know of
            others' answers.
        disclosures: the latest of them, newest first; empty where the viewer may not read the ledger, and in
            the answer to a repeated call.
    """

    batch: int
    source: str
    preview: bool
    step: int | None
    stated: int
    restored: int
    removed: int
    moved: int
    persons: dict[str, int]
    told: tuple[str, ...]
    disclosed: int | None = None
    disclosures: tuple[Received, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def undo_load(
    index: Index,
    viewer: Viewer,
    number: int,
    reason: str = "bad-load",
    *,
    preview: bool = False,
    progress: Progress = silent,
) -> LoadUndone:
    """Take a load back, whatever came since.

    What it created is gone unless another statement says it; what it changed or withdrew is as it would be
    without it. A record that it sealed stays sealed, and what it expunged is gone for good.

    Args:
        index: the open index.
        viewer: who undoes it.
        number: the load's batch, as its receipt says.
        reason: a code.
        preview: change nothing.
        progress: told of long steps.

    Raises:
        NotFoundError: there is no such load that the viewer may know of.
        ConflictError: it was held, or undone before.
        AccessDenied: the viewer may not load.
    """
    permit(viewer, Action.LOAD)
    code = reason_code(reason)
    with step(index, viewer, "undo load", preview=preview) as unit:
        if (kept := kept_answer(unit, index)) is not None:
            return _again(kept, viewer)
        batch = _batch(unit, number)
        step_id = add_step(unit, "undo", code, {"batch": batch.id})
        stated = unit.sightings.of_batch(batch.id)
        choice = Choice(keeps=as_before(unit, stated, batch.commit_no))
        unit.batches.mark_undone(batch.id, unit.commit_no)
        restated = restate(unit, index, stated)
        unit.records.mark_undone(batch.id)
        besides = Besides(choice, restated.untold, touched=restated.doubted)
        settled = resolve(unit, index, restated.changed, restated.gone, "undo load", progress, besides)
        persons: Collection[Any] = ()
        moved: Collection[Any] = ()
        told: tuple[str, ...] = ()
        received = Receipts()
        if settled is not None:
            persons, moved, told, _ = changes(unit, settled.current, settled.records, preview=preview)
            received = receipts(unit, settled.current)
        undone = LoadUndone(
            batch.id,
            batch.source,
            preview,
            None if preview else step_id,
            len(stated),
            len(restated.changed),
            len(restated.gone),
            len(moved),
            _counted(person.change for person in persons),
            told,
            received.number,
        )
        keep_answer(unit, index, undone.as_dict(), ())
    if received.latest:
        disclose(index, viewer, Action.LOAD, received.records, FIELDS)
    return replace(undone, disclosures=received.latest)


def _again(kept: Mapping[str, Any], viewer: Viewer) -> LoadUndone:
    """What a call was answered before, less what its viewer may no longer know."""
    number = kept.get("disclosed") if viewer.sources is None else None
    return LoadUndone(**{**kept, "disclosed": number, "disclosures": ()})


def _counted(changes: Any) -> dict[str, int]:  # noqa: ANN401 - an iterable of words
    counts: dict[str, int] = {}
    for change in changes:
        counts[change] = counts.get(change, 0) + 1
    return dict(sorted(counts.items()))


def _batch(unit: ReadUnit, number: int) -> Batch:
    found = unit.batches.get(number)
    if found is None or not unit.viewer.may_see(found.source):
        raise NotFoundError(f"there is no load {number}")
    if found.status not in (LOADED, LOADING):
        raise ConflictError(f"load {number} is {found.status}: there is nothing of it to undo")
    return found
