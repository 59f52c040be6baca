"""Undo of a file load, written in chunks.

Undo removes every statement of the load and computes the result from the rest. Each chunk is a whole
transaction: for the records of a chunk, no statement of the load counts any more. Records of one person are
in one chunk, so that IDs come out as in one transaction. Calling an interrupted undo again resumes it.
"""

import time
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from typing import Any

from mpi.clustering.union_find import UnionFind
from mpi.domain import clock
from mpi.domain.errors import ConflictError, MpiError, NotFoundError
from mpi.domain.viewer import Action, Viewer, is_allowed_on, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.idempotency import find_stored_answer, store_answer
from mpi.service.core.index import Index
from mpi.service.core.undoable_steps import add_step, check_reason, step_transaction
from mpi.service.data_quality.tickets import reopen_tickets
from mpi.service.holdings.settings import find_limited_sources
from mpi.service.indexing.reindex import Progress, ReindexResult, ScoredEdges, ignore_progress, reindex
from mpi.service.loads.open_outcomes import tells_of_care
from mpi.service.loads.window_sizes import make_undo_sizer
from mpi.service.persons.disclosure_recipients import DisclosureRecipients, find_recipients_before
from mpi.service.persons.step_effects import PastDisclosure, PersonEffect, describe_changes_of_commits
from mpi.service.processes.pacing import AdaptiveBatchSize, disable_garbage_collection
from mpi.service.processes.worker_liveness import is_worker_alive, worker_name
from mpi.service.resolution.id_choice import IdChoice
from mpi.service.resolution.resolve import ResolveInputs, find_affected_records, resolve_indexed
from mpi.service.statements.current_version import RestatedRecords, recompute_current_versions
from mpi.storage.repositories.sources.batches import LOADED, LOADING, UNDOING, Batch
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

DISCLOSED_FIELDS = ("source", "local_id", "disclosures")
COMMIT_KIND = "undo load"


@dataclass(frozen=True, slots=True)
class LoadUndoResult:
    """Counts of what undoing a file load did, or would do.

    It holds counts, because a load may be large. They are left out where they tell who is in care.

    Args:
        batch: the load.
        source: its source.
        preview: whether nothing was changed.
        step: number of the undo step; None in a preview.
        stated: records with a statement of the load.
        restored: records for which an earlier or later statement is active instead.
        removed: records that no longer take part.
        moved: records that change person, of those that the viewer may see.
        persons: number of changed persons by kind of change.
        told: clients that see the change in the feed.
        disclosed: number of disclosures due to links that the undo removes; None if the viewer may not know
            others' disclosures.
        disclosures: the latest of these disclosures, newest first. Empty if the viewer may not read the
            ledger, and in the answer to a repeated call.
    """

    batch: int
    source: str
    preview: bool
    step: int | None
    stated: int | None = None
    restored: int | None = None
    removed: int | None = None
    moved: int | None = None
    persons: dict[str, int] = field(default_factory=dict)
    told: tuple[str, ...] = ()
    disclosed: int | None = None
    disclosures: tuple[PastDisclosure, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the result of the load undo as plain values for JSON."""
        return asdict(self)


def undo_load(
    index: Index,
    viewer: Viewer,
    number: int,
    reason: str = "bad-load",
    *,
    preview: bool = False,
    progress: Progress = ignore_progress,
) -> LoadUndoResult:
    """Undo a file load, keeping everything that came after it.

    A record that the load created is gone, unless another statement states it. A record that it changed or
    withdrew is as it would be without the load. A record that it sealed stays sealed. So does one that it
    asked to expunge, which still waits for a second person.

    The undo is written in chunks, and others write in between. Calling an interrupted undo again resumes it;
    its counts are then of the rest, except for ``stated``.

    Args:
        index: the open index.
        viewer: who undoes the load.
        number: the load's batch number, as on its receipt.
        reason: a reason code.
        preview: change nothing.
        progress: receives the progress of long steps.

    Raises:
        NotFoundError: there is no such load that the viewer may know of.
        ConflictError: the load was held or undone before.
        AccessDenied: the viewer may not load.
    """
    require_permission(viewer, Action.LOAD)
    code, sizer = check_reason(reason), make_undo_sizer(index)
    with (
        disable_garbage_collection(),
        sizer.timed_turn(),
        step_transaction(index, viewer, COMMIT_KIND, preview=preview) as unit,
    ):
        sizer.note_begin(unit)
        if (stored_answer := find_stored_answer(unit, index)) is not None:
            return _result_from(stored_answer, viewer)
        if _has_concurrent_writer(unit, index.tuning.pacing.contended_for_s):
            sizer.note_other_writer()
        undo = _begin_or_resume(unit, index, number, code, preview=preview)
        # A preview is rolled back, so it must be one transaction.
        undo.undo_chunk(unit, len(undo.remaining) if preview else sizer.max_items, progress)
        result = None
        if not undo.remaining:
            result = undo.build_result(unit)
            undo.finish(unit, result)
    try:
        result = result or _undo_remaining_chunks(undo, viewer, sizer, progress)
    except BaseException:  # including an interrupt: a repeated call need not wait for a timeout
        with suppress(MpiError):  # report the first error
            undo.detach(viewer)
        raise
    if undo.receipts.latest:
        disclose(index, viewer, Action.LOAD, undo.receipts.record_ids, DISCLOSED_FIELDS)
    return replace(result, disclosures=undo.receipts.latest)


def _undo_remaining_chunks(
    undo: "_LoadUndo", viewer: Viewer, sizer: AdaptiveBatchSize, progress: Progress
) -> LoadUndoResult:
    """Undo the rest of a load after the first chunk of records."""
    database = undo.index.database
    while undo.remaining:
        # More chunks follow, so an interrupt may still stop the undo, and other threads get a turn.
        database.is_commit_begun = False
        time.sleep(undo.index.tuning.pacing.rest_s)
        with disable_garbage_collection(), sizer.timed_turn(), database.write(viewer, COMMIT_KIND) as unit:
            sizer.note_begin(unit)
            if undo.detect_commits(unit):
                sizer.note_other_writer()
            undo.undo_chunk(unit, sizer.max_items, progress)
    with database.read(viewer) as reader:
        result = undo.build_result(reader)
    with database.write(viewer, COMMIT_KIND) as unit:
        undo.require_ownership(unit)
        undo.finish(unit, result)
    return result


@dataclass(slots=True)
class _LoadUndo:
    """State of one undo of a load while its chunks are written.

    Args:
        index: the open index.
        batch: the load as it was before.
        step: the step of the undo.
        first_commit: the first commit of the undo.
        groups: the load's records, grouped if they are or were one person.
        group_numbers: the group of each record.
        remaining: records whose statements by the load still count.
        stated_count: number of records with a statement of the load.
        is_preview: whether everything is rolled back.

    Attributes:
        commits: commits of the chunks.
        receipts: disclosures due to links that the undo removes, once the result is built.
    """

    index: Index
    batch: Batch
    step: int
    first_commit: int
    groups: list[list[int]]
    group_numbers: dict[int, int]
    remaining: set[int]
    stated_count: int
    is_preview: bool
    commits: list[int] = field(default_factory=list)
    receipts: DisclosureRecipients = field(default_factory=DisclosureRecipients)
    _next_group: int = 0
    _restored_count: int = 0
    _removed_count: int = 0
    _previous_persons: dict[int, int] = field(default_factory=dict)
    _settled: set[int] = field(default_factory=set)

    def detect_commits(self, unit: WriteUnit) -> bool:
        """Return whether others committed since the undo's last chunk.

        Raises:
            ConflictError: another caller resumed this undo.
        """
        last_commit = unit.last_commit()
        self.require_ownership(unit)
        return last_commit != self.commits[-1]

    def require_ownership(self, unit: ReadUnit) -> None:
        """Refuse to write if another caller resumed this undo of a load.

        Raises:
            ConflictError: another caller did.
        """
        batch = unit.batches.get(self.batch.id)
        if batch is None or (batch.status, batch.undoing_commit) != (UNDOING, self.commits[-1]):
            raise ConflictError(f"another caller has resumed the undo of load {self.batch.id}")

    def undo_chunk(self, unit: WriteUnit, limit: int, progress: Progress) -> None:
        """Undo the load's statements about the next chunk of records.

        Args:
            unit: the chunk's transaction.
            limit: largest number of records, but at least the records of one person.
            progress: receives the number of records undone.
        """
        all_changes = RestatedRecords()
        affected_records: set[int] = set()
        chunk_records = self._take_next(limit)
        while chunk_records:
            unit.batches.mark_records_undone(self.batch.id, chunk_records, unit.commit_no, worker_name())
            changes = recompute_current_versions(unit, self.index, chunk_records)
            unit.record_versions.mark_undone(self.batch.id, chunk_records)
            affected_records |= (
                reindex(unit, self.index, changes.changed, changes.removed, progress).affected
                | changes.overlay_suspects
            )
            all_changes.add(changes)
            # Records settled together are undone together. Otherwise restored records would meet
            # records that are still to be removed, and take their IDs.
            chunk_records = self._take_groups_of(
                find_affected_records(unit, self.index, affected_records) & self.remaining
            )
        choice = IdChoice(as_of=self.batch.commit_no - 1)
        inputs = ResolveInputs(
            choice, reassessed_records=all_changes.record_ids, further_records=all_changes.overlay_suspects
        )
        indexed = ReindexResult(affected_records, ScoredEdges({}))
        settled = resolve_indexed(unit, self.index, all_changes.changed, indexed, COMMIT_KIND, inputs)
        self._restored_count += len(all_changes.changed)
        self._removed_count += len(all_changes.removed)
        # For a record settled in an earlier chunk, the person before that chunk counts.
        newly_settled = settled.persons_before.keys() - self._settled
        self._previous_persons.update((record, settled.persons_before[record]) for record in newly_settled)
        self._settled |= settled.records
        self.commits.append(unit.commit_no)
        progress("taking back", self.stated_count - len(self.remaining), self.stated_count)

    def _take_next(self, limit: int) -> set[int]:
        """Take the next records to undo, in whole person groups."""
        chunk_records: set[int] = set()
        while self._next_group < len(self.groups):
            group = self.remaining.intersection(self.groups[self._next_group])
            if chunk_records and len(chunk_records) + len(group) > limit:
                break
            chunk_records |= group
            self._next_group += 1
        self.remaining -= chunk_records
        return chunk_records

    def _take_groups_of(self, records: Collection[int]) -> set[int]:
        """Take the records to undo that share a person with given ones."""
        members = {
            member for record in records for member in self.groups[self.group_numbers[record]]
        } & self.remaining
        self.remaining -= members
        return members

    def build_result(self, unit: ReadUnit) -> LoadUndoResult:
        """Return the result of the load's undo after its last chunk.

        Args:
            unit: the transaction of the last chunk or a later one.
        """
        step = None if self.is_preview else self.step
        if tells_of_care(unit.viewer, self.batch.source, find_limited_sources(unit)):
            return LoadUndoResult(self.batch.id, self.batch.source, self.is_preview, step)
        persons, moved_records, client_names, _ = describe_changes_of_commits(
            unit, lambda: {*self.commits}, self._previous_persons, self._settled, preview=self.is_preview
        )
        self.receipts = find_recipients_before(unit, self._previous_persons, self.first_commit)
        return LoadUndoResult(
            batch=self.batch.id,
            source=self.batch.source,
            preview=self.is_preview,
            step=step,
            stated=self.stated_count,
            restored=self._restored_count,
            removed=self._removed_count,
            moved=len(moved_records),
            persons=_count_changes(persons),
            told=client_names,
            disclosed=self.receipts.answer_count,
        )

    def finish(self, unit: WriteUnit, result: LoadUndoResult) -> None:
        """Mark the load as undone and store the answer for repeats.

        Args:
            unit: the transaction.
            result: the answer.
        """
        unit.batches.end_undo(self.batch.id)
        reopen_tickets(unit, self.batch.id)
        store_answer(unit, self.index, result.as_dict(), ())

    def detach(self, viewer: Viewer) -> None:
        """Release the undo from this process, so that another can resume it.

        Args:
            viewer: who undoes the load.
        """
        with self.index.database.read(viewer) as reader:
            batch = reader.batches.get(self.batch.id)
        # The last commit may have failed.
        if (
            batch is not None
            and batch.undoing_worker == worker_name()
            and batch.undoing_commit in self.commits
        ):
            with self.index.database.write(viewer, COMMIT_KIND) as unit:
                unit.batches.release_undo(self.batch.id)


def _begin_or_resume(unit: WriteUnit, index: Index, number: int, reason: str, *, preview: bool) -> _LoadUndo:
    """Begin the undo of a load, or resume an interrupted one.

    Raises:
        NotFoundError: there is no such load that the viewer may know of.
        ConflictError: the load was held, undone before or is being undone.
    """
    batch = _require_loaded_batch(unit, number)
    stated_records = unit.record_assertions.records_of_load(batch.id)
    if batch.undone_commit is None:
        first_commit = unit.commit_no
        step_id = add_step(unit, "undo", reason, {"batch": batch.id})
        unit.batches.begin_undo(batch.id, first_commit)
    else:
        _require_interrupted(unit, batch)
        first_commit = batch.undone_commit
        [step_id] = [
            step_row.id
            for step_row in unit.steps.steps_in_commits([first_commit])
            if step_row.detail.get("batch") == batch.id
        ]
    remaining = stated_records - unit.batches.undone_records(batch.id)
    groups = _group_by_person(unit, remaining, batch.commit_no)
    group_numbers = {
        record: number_in_order for number_in_order, group in enumerate(groups) for record in group
    }
    return _LoadUndo(
        index=index,
        batch=batch,
        step=step_id,
        first_commit=first_commit,
        groups=groups,
        group_numbers=group_numbers,
        remaining=remaining,
        stated_count=len(stated_records),
        is_preview=preview,
    )


def _has_concurrent_writer(unit: ReadUnit, contended_for_s: float) -> bool:
    """Return whether another caller, apart from a load, wrote recently.

    A load that has just ended is likely the one to be undone.
    """
    last_commit = unit.last_commit()
    if last_commit not in (commits := unit.commit_info({last_commit})):
        return False
    written_at, _, kind = commits[last_commit]
    return kind != "load" and written_at > clock.format_timestamp(
        clock.now() - timedelta(seconds=contended_for_s)
    )


def _require_interrupted(unit: ReadUnit, batch: Batch) -> None:
    """Refuse to resume an undo that a live process still writes.

    A caller that got no answer in time may ask again.
    """
    last_commit = batch.undoing_commit
    if last_commit is not None and is_worker_alive(
        batch.undoing_worker or "", unit.commit_info({last_commit})[last_commit][0]
    ):
        raise ConflictError(f"load {batch.id} is being undone: its receipt says undone when that is done")


def _group_by_person(unit: ReadUnit, records: Collection[int], commit_no: int) -> list[list[int]]:
    """Group records that are one person, or were since a commit.

    Records that are one person without the load may be two with it, and the reverse.
    """
    persons_of = {
        record: [
            membership.person_id
            for membership in history
            if membership.to_commit is None or membership.to_commit >= commit_no
        ]
        for record, history in unit.persons.memberships_of(records).items()
    }
    person_sets = UnionFind()
    for persons in persons_of.values():
        if persons:
            person_sets.join_all(persons)
    groups: dict[tuple[int, int], list[int]] = {}
    for record in sorted(records):
        persons = persons_of[record]
        groups.setdefault((person_sets.find(persons[0]), 0) if persons else (0, record), []).append(record)
    return list(groups.values())


def _result_from(stored_answer: Mapping[str, Any], viewer: Viewer) -> LoadUndoResult:
    """Return an earlier load undo's stored result, as visible to the viewer."""
    disclosed = stored_answer.get("disclosed") if viewer.sources is None else None
    return LoadUndoResult(**{**stored_answer, "disclosed": disclosed, "disclosures": ()})


def _count_changes(persons: Iterable[PersonEffect]) -> dict[str, int]:
    """Count the persons that a load's undo changed, by kind of change."""
    counts: dict[str, int] = {}
    for person in persons:
        counts[person.change] = counts.get(person.change, 0) + 1
    return dict(sorted(counts.items()))


def _require_loaded_batch(unit: ReadUnit, number: int) -> Batch:
    """Return a batch's load; refuse one that cannot be undone."""
    batch = unit.batches.get(number)
    if batch is None or not is_allowed_on(unit.viewer, Action.LOAD, batch.source):
        raise NotFoundError(f"there is no load {number}")
    if batch.status not in (LOADED, LOADING, UNDOING):
        raise ConflictError(f"load {number} is {batch.status}: there is nothing to undo")
    return batch
