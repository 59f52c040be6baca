"""Loading: the statements of a file written chunk by chunk, each chunk a whole transaction.

Where others write meanwhile the chunks become so small that nobody waits long for one. The partition is the
same whatever the chunks (law 1), so that after each of them the index is sound. The batch says ``loading``
until the last; the same file sent again, and read in the same way, goes on where it stopped.
"""

import gc
from array import array
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import chain, islice, repeat

from mpi.domain.errors import ConflictError
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.service.indexing.compaction import KeyRuns
from mpi.service.indexing.reindex import Progress
from mpi.service.loads.batch_sizes import SMALLEST_WINDOW, compute_largest_window, plan_window_sizes
from mpi.service.loads.pair_prefetch import PrefetchedPairs, PairPrefetcher, prefetch_pairs
from mpi.service.loads.pair_worker import PairWorker
from mpi.service.loads.receipt import Receipt, count_verdicts
from mpi.service.loads.row_intake import ValidatedFile
from mpi.service.loads.snapshots import FileImpact, assess_file
from mpi.service.loads.standardize_pool import StandardizePool
from mpi.service.processes.core_reservation import LeavingRoom
from mpi.service.processes.pacing import Portions, with_all_that_is_there_kept
from mpi.service.processes.yielding import giving_way
from mpi.service.resolution.resolve import NOTHING, Besides, resolve
from mpi.service.statements.current_version import restate
from mpi.service.statements.intake import take
from mpi.service.statements.statement import Statement
from mpi.storage.repositories.sources.batches import LOADING, Batch
from mpi.storage.repositories.sources.record_assertions import Sighting, SightingKind
from mpi.storage.repositories.sources.records import RecordState, StoredRecord
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.unit import ReadUnit, WriteUnit

SQLITE_CHUNK = 2_000
"""Statements of one transaction, at most: others wait for it."""
POSTGRESQL_CHUNK = 10_000
"""The same on PostgreSQL, where each transaction waits for the server some ten times."""
CHECKPOINTER_FROM = 10_000
"""Statements from which on a process that makes checkpoints is begun, which takes a tenth of a second."""

LOADED, HELD = "loaded", "held"
_PARTIAL_COUNTS = ("created", "updated", "unchanged", "withdrawn", "history", "held")


def new_transaction_sizer(index: Index) -> Portions:
    """How much a load writes in one transaction, and its undo."""
    return Portions(POSTGRESQL_CHUNK if index.database.is_postgresql else SQLITE_CHUNK)


@dataclass(frozen=True, slots=True)
class LoadFile:
    """A file that is loaded.

    Args:
        source: whose records it holds.
        sent: its rows.
        as_of: when it was true at its source.
        digest: of its content and of how it is read; empty where nothing is to go on with it.
        snapshot: its kind.
        full: whether records that it lacks are withdrawn.
    """

    source: Source
    sent: ValidatedFile
    as_of: str
    digest: str
    snapshot: str
    full: bool


@dataclass(frozen=True, slots=True)
class _MissingRecords:
    """Records that a full snapshot lacks, and that are to be settled.

    Args:
        withdrawn: those that it withdrew.
        doubted: others, of which a version waits.
    """

    withdrawn: set[int]
    doubted: set[int]


_NO_MISSING_RECORDS = _MissingRecords(set(), set())


@dataclass(slots=True)
class ChunkWriter:
    """One load, chunk by chunk.

    Args:
        index: the open index.
        viewer: who loads.
        file: what is loaded.
        receipt: takes the counts.
        room: told of others who write.
        progress: told of long steps.
        done: records about which this load has said its word, where it was interrupted.
    """

    index: Index
    viewer: Viewer
    file: LoadFile
    receipt: Receipt
    room: LeavingRoom
    progress: Progress
    done: frozenset[int] = frozenset()
    _portions: Portions = field(init=False)
    _runs: KeyRuns = field(init=False)
    _named: "array[int]" = field(default_factory=lambda: array("q"))
    _withdrew: int = 0
    _counts: dict[str, int] = field(default_factory=dict)
    _written: int = 0

    def __post_init__(self) -> None:
        statements = len(self.file.sent.headings)
        self._portions = new_transaction_sizer(self.index)
        self._runs = KeyRuns(self.index, self.viewer, statements, self.progress)

    def go_on(self, batch: Batch) -> None:
        """Go on with a load that stopped."""
        with self.index.database.read(self.viewer) as unit:
            self.done = frozenset(unit.sightings.of_batch(batch.id))
        self.receipt.batch = batch.id
        self._named.extend(self.done)
        self._counts = batch.counts
        for name in _PARTIAL_COUNTS:
            setattr(self.receipt, name, batch.counts[name])
        self.receipt.received += self.receipt.withdrawn

    def hold(self, reason: str) -> None:
        """Keep the receipt, and nothing else."""
        receipt = self.receipt
        receipt.status, receipt.held_reason, receipt.held = HELD, reason, len(self.file.sent.headings)
        with self.index.database.write(self.viewer, "load") as unit:
            self._keep(unit, HELD)

    def run(self) -> None:
        """Write everything."""
        is_long = len(self.file.sent.headings) >= CHECKPOINTER_FROM
        with self.index.database.checkpoints_apart() if is_long else nullcontext():
            self._run()

    def _run(self) -> None:
        # Of a large file a search would go through a million names, at the end of each window.
        with with_all_that_is_there_kept(), StandardizePool(self.file.sent) as meanwhile:
            windows = self._windows(meanwhile)
            said = next(windows, None)
            left = self._write_windows(said, windows) if said else None
        if left is None:
            left = self._withdrawn_but_for_the_last()
            with self.index.database.write(self.viewer, "load") as unit:
                self._require_mine(unit)
                self._settle(unit, self._lacking(unit, left))
                self._finish(unit, left)
        self._runs.merge_at_the_end()

    def _write_windows(self, said: list[Statement], windows: Iterator[list[Statement]]) -> FileImpact | None:
        """Write every window, the pairs of the next being looked for meanwhile."""
        index, viewer, source = self.index, self.viewer, self.file.source
        left: FileImpact | None = None
        ahead = self._look_ahead(said)
        with PairWorker(index, viewer) as apart:
            looking = PairPrefetcher(apart, index, viewer, source)
            following = next(windows, [])
            coming = looking.begin(looking.prepare(following), ahead) if following else None
            while said:
                left = self._write_window(ahead, said, is_last=not following)
                # What the other process is asked next is made ready while it is at work still.
                said, following = following, next(windows, [])
                prepared = looking.prepare(following)
                if said:
                    self._runs.merge_meanwhile(looking.is_at_work)
                if coming is not None:
                    looking.end(coming, ahead)
                    ahead = coming
                elif said:
                    ahead = self._look_ahead(said)
                # Nothing of this load reads from the log now, as it does nearly all the time.
                index.database.begin_log_anew()
                coming = looking.begin(prepared, ahead) if following else None
                gc.collect()
        return left

    def _look_ahead(self, said: list[Statement]) -> PrefetchedPairs:
        look = partial(prefetch_pairs, self.index, self.viewer, self.file.source, said, self.progress)
        return giving_way(look)

    def _write_window(self, ahead: PrefetchedPairs, said: list[Statement], *, is_last: bool) -> FileImpact | None:
        """Write statements chunk by chunk; with the last of a full file, what it lacks is withdrawn."""
        left: FileImpact | None = None
        first = 0
        while first < len(said):
            left = None
            if is_last and len(said) - first <= self._portions.most:
                left = self._withdrawn_but_for_the_last()
            with self._portions.turn(), self.index.database.write(self.viewer, "load") as unit:
                self._portions.begun(unit)
                # Before this transaction has a number of its own, which would look like another's.
                if ahead.look(unit) and unit.last_commit() != self._withdrew:
                    self._portions.others_write()
                    self._runs.others_write()
                    self.room.is_asked()
                places = range(first, min(first + self._portions.most, len(said)))
                if places.stop < len(said):
                    left = None
                self._require_mine(unit)
                lacking = _NO_MISSING_RECORDS if left is None else self._lacking(unit, left)
                self._write(unit, ahead, said[first : places.stop], places, lacking)
                self._keep(unit, LOADING) if left is None else self._finish(unit, left)
                ahead.last_commit = unit.commit_no
            if left is None:
                # There is more to come: it is not too late to stop.
                self.index.database.commit_begun = False
            first = places.stop
        return left

    def _windows(self, meanwhile: StandardizePool) -> Iterator[list[Statement]]:
        """The statements that are not yet written, as many at a time as are looked ahead for at once.

        Those after them are made comparable meanwhile.
        """
        waiting = self._waiting()
        # What a full snapshot has withdrawn is done as well, and none of its rows.
        statements = max(0, len(self.file.sent.headings) - len(self.done))
        sizes = chain(plan_window_sizes(statements, compute_largest_window(self._indexed() + statements)), repeat(SMALLEST_WINDOW))
        coming = meanwhile.begin(list(islice(waiting, next(sizes))))
        while coming.said:
            following = meanwhile.begin(list(islice(waiting, next(sizes))))
            yield meanwhile.end(coming)
            coming = following

    def _indexed(self) -> int:
        with self.index.database.read(self.viewer) as unit:
            return unit.keys.greatest(self.index.config_id(unit))

    def _waiting(self) -> Iterator[Statement]:
        """The statements that are not yet written."""
        statements = self.file.sent.statements()
        if not self.done:
            yield from statements
            return
        while some := list(islice(statements, POSTGRESQL_CHUNK)):
            with self.index.database.read(self.viewer) as unit:
                known = unit.records.find(self.file.source.id, [one.local_id for one in some])
            for one in some:
                if one.local_id in known and known[one.local_id].id in self.done:
                    self._written += 1
                else:
                    yield one

    def _require_mine(self, unit: WriteUnit) -> None:
        """Nobody else may have gone on with this load, or have taken it back."""
        if self.receipt.batch is None:
            self.receipt.batch = unit.counters.take("batch")
        elif (now := unit.batches.get(self.receipt.batch)) is None or (
            (now.status, now.counts) != (LOADING, self._counts)
        ):
            raise ConflictError(f"load {self.receipt.batch} was gone on with, or undone, by somebody else")

    def _write(
        self, unit: WriteUnit, ahead: PrefetchedPairs, said: list[Statement], places: range, lacking: _MissingRecords
    ) -> None:
        said = [
            one._replace(made=ahead.made.get(place, one.made))
            for place, one in zip(places, said, strict=True)
        ]
        source = self.file.source
        known = unit.records.find(source.id, [one.local_id for one in said])
        taken = take(unit, self.index, source, said, known, self.receipt.batch)
        self._named.extend(taken.record_ids.values())
        count_verdicts(self.receipt, said, known, taken.verdicts)
        gone = lacking.withdrawn | (taken.gone & {record.id for record in known.values()})
        placed = {taken.record_ids[one.local_id]: place for place, one in zip(places, said, strict=True)}
        ahead.gone |= gone
        paired = ahead.paired(unit, self.index, places, taken.changed, placed)
        paired = replace(paired, in_run=self._runs.is_worth_one(unit))
        besides = Besides(touched=taken.doubted | lacking.doubted, paired=paired)
        resolve(unit, self.index, taken.changed, gone, "load", self.progress, besides)
        self._written += len(said)
        self.progress("loading records", self._written, len(self.file.sent.headings))

    def _withdrawn_but_for_the_last(self) -> FileImpact:
        """Withdraw what a full snapshot lacks, but for as many as the last transaction can take."""
        file = self.file
        if not file.full:
            return FileImpact(0)
        with self.index.database.read(self.viewer) as unit:
            if self._has_named_all(unit):
                return FileImpact(0)
            left = assess_file(unit, file.source.id, file.sent, file.as_of, full=True)
        self.receipt.spared = left.spared
        while len(absent := left.absent(file.as_of)) > self._portions.most and self.receipt.batch is not None:
            some = absent[: self._portions.most]
            with self._portions.turn(), self.index.database.write(self.viewer, "load") as unit:
                self._portions.begun(unit)
                self._require_mine(unit)
                gone = self._withdraw(unit, some)
                self._note_gone(unit, some)
                self._settle(unit, _MissingRecords(gone, set()))
                unit.records.seen(dict.fromkeys(gone, file.as_of))
                self._keep(unit, LOADING)
                self._withdrew = unit.commit_no
            done = {record.id for record in some}
            left.lacking = [record for record in left.lacking if record.id not in done]
        return left

    def _has_named_all(self, unit: ReadUnit) -> bool:
        """Whether the source has no record but those that this load was about, and none of them is held.

        Of the first load of a source nothing is lacking: to see so all that it wrote would be read again.
        """
        states = unit.records.states_of(self.file.source.id)
        return RecordState.HELD not in states and sum(states.values()) == len(set(self._named))

    def _settle(self, unit: WriteUnit, lacking: _MissingRecords) -> None:
        besides = Besides(touched=lacking.doubted) if lacking.doubted else NOTHING
        resolve(unit, self.index, {}, lacking.withdrawn, "load", self.progress, besides)

    def _lacking(self, unit: WriteUnit, left: FileImpact) -> _MissingRecords:
        """Withdraw what the file lacks, and note that it is gone; returns the records to be settled.

        Noted before they are settled: what waits of a record, and is older than that, waits no more.
        """
        gone = self._withdraw(unit, left.absent(self.file.as_of))
        self._note_gone(unit, left.lacking)
        # One that its source has stated since stays active: only what waits of it may be over.
        return _MissingRecords(gone, {record.id for record in left.lacking if record.overlaid} - gone)

    def _withdraw(self, unit: WriteUnit, absent: list[StoredRecord]) -> set[int]:
        """Withdraw those that still stand as they did when looked at; returns them, to be settled."""
        file, now = self.file, unit.records.get([record.id for record in absent])
        standing = [
            one.id for one in now.values() if one.state == RecordState.ACTIVE and one.last_seen <= file.as_of
        ]
        unit.records.set_state(standing, RecordState.WITHDRAWN)
        self.receipt.withdrawn += len(standing)
        self.receipt.received += len(standing)
        return set(standing)

    def _note_gone(self, unit: WriteUnit, records: list[StoredRecord]) -> None:
        """A statement that each record is gone."""
        said = (
            Sighting(record.id, SightingKind.GONE, self.file.as_of, None, self.receipt.batch)
            for record in records
        )
        unit.sightings.add(said, unit.commit_no)

    def _finish(self, unit: WriteUnit, left: FileImpact) -> None:
        """Note what a full snapshot says of the records that it lacks, and that the file is loaded."""
        as_of = self.file.as_of
        gone = left.absent(as_of) + left.still_gone(as_of)
        # As they stand now: of one that its source has stated since, this file says nothing new.
        now = unit.records.get([record.id for record in gone]).values()
        still = [one.id for one in now if one.state == RecordState.WITHDRAWN and one.last_seen <= as_of]
        unit.records.seen(dict.fromkeys(still, as_of))
        restate(unit, self.index, left.held)
        self._keep(unit, LOADED)

    def _keep(self, unit: WriteUnit, status: str) -> None:
        """Write the receipt as it now stands; the rows that were refused with its last form."""
        receipt, begun = self.receipt, bool(self._counts)
        self._runs.last_commit = unit.commit_no
        if receipt.batch is None:
            receipt.batch = unit.counters.take("batch")
        self._counts = receipt.counts
        if status == LOADING:
            so_far = {name: getattr(receipt, name) for name in _PARTIAL_COUNTS}
            self._counts |= so_far | {"rejected": 0, "superseded": 0, "received": sum(so_far.values())}
        if begun:
            unit.batches.go_on(receipt.batch, status, self._counts)
        else:
            unit.batches.add(
                {
                    "id": receipt.batch,
                    "source_id": self.file.source.id,
                    "commit_no": unit.commit_no,
                    "snapshot": self.file.snapshot,
                    "status": status,
                    "file_digest": self.file.digest,
                    "as_of": self.file.as_of,
                    "held_reason": receipt.held_reason,
                },
                self._counts,
            )
        if status != LOADING:
            unit.batches.reject(
                [
                    {"batch_id": receipt.batch, "seq": seq, **asdict(reject)}
                    for seq, reject in enumerate(receipt.rejects)
                ]
            )
