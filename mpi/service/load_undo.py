"""Undo of a load: nothing that it said counts any more, and everything is computed anew from the rest.

It is written chunk by chunk, each a whole transaction: of the records that had their turn nothing that the
load said counts any more. Those of one person have it together, so that IDs come out as in one transaction.
Interrupted, the same undo goes on with it.
"""

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from mpi.domain.errors import ConflictError, NotFoundError
from mpi.domain.viewer import Action, Viewer, permit
from mpi.service.context import Index
from mpi.service.deciding import as_before
from mpi.service.disclosure import disclose
from mpi.service.effects import PersonEffect, Received, changes
from mpi.service.loading import LOADED, portions_of
from mpi.service.once import keep_answer, kept_answer
from mpi.service.pacing import LEAST_REST_S, seeking_no_cycles
from mpi.service.received import Receipts, receipts_until
from mpi.service.reindex import Progress, silent
from mpi.service.resolve import Besides, resolve
from mpi.service.settle import Choice
from mpi.service.standing import restate
from mpi.service.steps import add_step, reason_code, step
from mpi.storage.repositories.batches import LOADING, UNDOING, Batch
from mpi.storage.unit import ReadUnit, WriteUnit

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

    It is written chunk by chunk, and others write in between. One that was interrupted goes on when it is
    asked for again; its figures are then of what was left, but for ``stated``.

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
    portions = portions_of(index)
    undoing: _Undoing | None = None
    undone: LoadUndone | None = None
    while undone is None:
        with (
            seeking_no_cycles(),
            portions.turn(),
            step(index, viewer, "undo load", preview=preview) as unit,
        ):
            portions.begun(unit)
            if undoing is None:
                if (kept := kept_answer(unit, index)) is not None:
                    return _again(kept, viewer)
                undoing = _begun(unit, index, number, code, preview=preview)
            elif undoing.others_wrote(unit):
                portions.others_write()
            # A preview is taken back, and can be so as one transaction only.
            undoing.take_back(unit, undoing.stated if preview else portions.most, progress)
            undone = undoing.ended(unit)
        if undone is None:
            # There is more to come: it is not too late to stop, and who waits in this process comes in.
            index.database.commit_begun = False
            time.sleep(LEAST_REST_S)
    if undoing is not None and undoing.received.latest:
        disclose(index, viewer, Action.LOAD, undoing.received.records, FIELDS)
        undone = replace(undone, disclosures=undoing.received.latest)
    return undone


@dataclass(slots=True)
class _Undoing:
    """One undo, chunk by chunk.

    Args:
        index: the open index.
        batch: the load.
        step: the step of the undo.
        since: its first commit.
        people: records that the load said something about, and of which that counts still, person by person.
        stated: how many it said something about in all.
        preview: whether all is rolled back.
        done: records of which it is taken back.

    Attributes:
        received: answers that left because of links that it parts, once it is done.
    """

    index: Index
    batch: Batch
    step: int
    since: int
    people: list[list[int]]
    stated: int
    preview: bool
    done: int = 0
    received: Receipts = field(default_factory=Receipts)
    _last_commit: int | None = None
    _place: int = 0
    _restored: int = 0
    _removed: int = 0
    _before: dict[int, int] = field(default_factory=dict)
    _settled: set[int] = field(default_factory=set)

    def others_wrote(self, unit: WriteUnit) -> bool:
        """Look, before a further chunk is written, whether others have written since the last.

        Raises:
            ConflictError: they went on with this undo.
        """
        last, now = unit.last_commit(), _batch(unit, self.batch.id)
        if (now.status, now.undoing_commit) != (UNDOING, self._last_commit):
            raise ConflictError(f"somebody else goes on with the undo of load {self.batch.id}")
        return last != self._last_commit

    def take_back(self, unit: WriteUnit, most: int, progress: Progress) -> None:
        """Take back what the load said of the next records.

        Args:
            unit: the chunk's transaction.
            most: so many records, but all of one person at least.
            progress: told how many are done.
        """
        some = self._next(most)
        choice = Choice(keeps=as_before(unit, some, self.batch.commit_no))
        unit.batches.take_back(self.batch.id, some, unit.commit_no)
        restated = restate(unit, self.index, some)
        unit.records.mark_undone(self.batch.id, some)
        besides = Besides(choice, restated.untold, touched=restated.doubted)
        settled = resolve(unit, self.index, restated.changed, restated.gone, "undo load", progress, besides)
        self._restored += len(restated.changed)
        self._removed += len(restated.gone)
        if settled is not None:
            for record, person in settled.current.items():
                self._before.setdefault(record, person)
            self._settled |= settled.records
        self._last_commit = unit.commit_no
        self.done += len(some)
        progress("taking back", self.done, self.stated)

    def _next(self, most: int) -> list[int]:
        some: list[int] = []
        while self._place < len(self.people):
            mine = self.people[self._place]
            if some and len(some) + len(mine) > most:
                break
            some += mine
            self._place += 1
        return some

    def ended(self, unit: WriteUnit) -> LoadUndone | None:
        """End the undo where nothing is left to take back; what it did, or None where something is."""
        if self._place < len(self.people):
            return None
        unit.batches.end_undo(self.batch.id)
        persons, moved, told, _ = changes(
            unit, self._before, self._settled, preview=self.preview, since=self.since
        )
        self.received = receipts_until(unit, self._before, self.since)
        undone = LoadUndone(
            self.batch.id,
            self.batch.source,
            self.preview,
            None if self.preview else self.step,
            self.stated,
            self._restored,
            self._removed,
            len(moved),
            _counted(persons),
            told,
            self.received.number,
        )
        keep_answer(unit, self.index, undone.as_dict(), ())
        return undone


def _begun(unit: WriteUnit, index: Index, number: int, reason: str, *, preview: bool) -> _Undoing:
    """Begin with an undo, or go on with one that was interrupted.

    Raises:
        NotFoundError: there is no such load that the viewer may know of.
        ConflictError: it was held, or undone before.
    """
    batch = _batch(unit, number)
    stated = unit.sightings.of_batch(batch.id)
    if batch.undone_commit is None:
        since = unit.commit_no
        step_id = add_step(unit, "undo", reason, {"batch": batch.id})
        unit.batches.begin_undo(batch.id, since)
    else:
        since = batch.undone_commit
        [step_id] = [one.id for one in unit.steps.at([since]) if one.detail.get("batch") == batch.id]
    left = stated - unit.batches.taken_back(batch.id)
    undoing = _Undoing(index, batch, step_id, since, _by_person(unit, left), len(stated), preview)
    undoing.done = len(stated) - len(left)
    return undoing


def _by_person(unit: ReadUnit, records: Collection[int]) -> list[list[int]]:
    """Records of one person side by side; each alone that is nobody's."""
    person_of = unit.persons.current(records)
    found: dict[tuple[int, int], list[int]] = {}
    for record in sorted(records):
        person = person_of.get(record, 0)
        found.setdefault((person, 0 if person else record), []).append(record)
    return list(found.values())


def _again(kept: Mapping[str, Any], viewer: Viewer) -> LoadUndone:
    """What a call was answered before, less what its viewer may no longer know."""
    number = kept.get("disclosed") if viewer.sources is None else None
    return LoadUndone(**{**kept, "disclosed": number, "disclosures": ()})


def _counted(persons: Iterable[PersonEffect]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for person in persons:
        counts[person.change] = counts.get(person.change, 0) + 1
    return dict(sorted(counts.items()))


def _batch(unit: ReadUnit, number: int) -> Batch:
    found = unit.batches.get(number)
    if found is None or not unit.viewer.may_see(found.source):
        raise NotFoundError(f"there is no load {number}")
    if found.status not in (LOADED, LOADING, UNDOING):
        raise ConflictError(f"load {number} is {found.status}: there is nothing of it to undo")
    return found
