"""Pairs of a load found and scored ahead, against a snapshot, so that the writer is held for writing alone.

What others commit between the snapshot and a chunk's transaction is looked for in that transaction: the
records whose keys they wrote since, and those that went.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from mpi.domain.viewer import Viewer
from mpi.matching.scoring.load_scorer import Place
from mpi.service.core.comparable_record import Packed
from mpi.service.core.index import Index
from mpi.service.core.stored_features import load_features
from mpi.service.indexing.pairing import MEMORY, AskedLast, Scored, edges_in, pair_up
from mpi.service.indexing.reindex import (
    BATCH_RECORDS,
    NOT_PAIRED,
    Changed,
    Paired,
    Progress,
    candidates,
    pack,
)
from mpi.service.indexing.scalar_scoring import weighed
from mpi.service.loads.pair_worker import PairWorker
from mpi.service.statements.intake import Verdict, comparable, judge
from mpi.service.statements.statement import Statement
from mpi.storage.repositories.derived.derived import Edges
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.unit import ReadUnit, WriteUnit

NO_RECORD = -1
ALREADY_WRITTEN = -1
"""The place of what is written before the first."""
WORKER_FROM_STATEMENTS = 2_000
"""Statements that take effect; the pairs of fewer are found before a process has started."""
_NO_NUMBERS = np.empty(0, np.int64)
NO_PAIRS = Scored(_NO_NUMBERS, _NO_NUMBERS, np.empty(0))


@dataclass(slots=True)
class PrefetchedPairs:
    """Statements of which the pairs are known, as of a snapshot.

    A statement is known by its place; among the pairs it bears the number ``-1 - place``, and a stored record
    its own, also one that a statement of these will change: until then it is compared as it stands.

    Args:
        config_id: the configuration that they were compared under; None where they were not.
        last_commit: the last that the pairs take into account.
        statement_count: how many statements there are; places after them are those of statements written before.
        pairs: the pairs, by ``written``.
        write_positions: the place with which each pair can be written, the later of its two ends'.
        packed: the statements made comparable, by place.
        record_ids: the record of each place, once it is indexed as it was compared.
        reindexed: records that stood before and are indexed anew by now.
        inactive: records that take no part any more.
        is_outdated: whether others have committed since the pairs were found.
        changed_elsewhere: records that were indexed anew since then otherwise than by these statements as compared.
        changed_before: records that were indexed anew, or went, by the statements written after the snapshot and
            before these.
    """

    config_id: int | None
    last_commit: int
    statement_count: int
    pairs: Scored = NO_PAIRS
    write_positions: np.ndarray = field(default_factory=_NO_NUMBERS.copy)
    packed: dict[int, Packed] = field(default_factory=dict)
    record_ids: np.ndarray = field(default_factory=_NO_NUMBERS.copy)
    reindexed: set[int] = field(default_factory=set)
    inactive: set[int] = field(default_factory=set)
    is_outdated: bool = False
    changed_elsewhere: set[int] = field(default_factory=set)
    changed_before: frozenset[int] = frozenset()

    def set_pairs(self, scored: Scored, written_before: int = 0) -> None:
        """Take in the pairs, of these statements and so many that were written before them."""
        self.record_ids = np.full(self.statement_count + written_before, NO_RECORD, np.int64)
        lo, hi = (np.where(e < 0, -1 - e, ALREADY_WRITTEN) for e in (scored.lo, scored.hi))
        lo, hi = (np.where(place < self.statement_count, place, ALREADY_WRITTEN) for place in (lo, hi))
        later = np.maximum(lo, hi)
        order = np.argsort(later, kind="stable")
        self.write_positions = later[order]
        self.pairs = Scored(scored.lo[order], scored.hi[order], scored.bits[order])

    def detect_commits(self, unit: ReadUnit) -> bool:
        """See, before a chunk is written, whether others have committed since the last."""
        if unit.last_commit() == self.last_commit:
            return False
        # Once and for all: what they changed may bear on the pairs of later chunks too.
        self.is_outdated = True
        if self.config_id is not None:
            self.changed_elsewhere.update(unit.keys.written_since(self.config_id, self.last_commit))
        return True

    def update_pairs(
        self,
        unit: WriteUnit,
        index: Index,
        places: range,
        changed: Mapping[int, Changed],
        placed: Mapping[int, int],
    ) -> Paired:
        """The pairs of a chunk, brought up to the present; none where they have to be looked for.

        Args:
            unit: the chunk's transaction, before anything of the chunk is indexed.
            index: the model.
            places: those of the chunk, all before them written.
            changed: what its statements changed.
            placed: the place of each of the chunk's records.
        """
        if index.config_id(unit) != self.config_id:
            return NOT_PAIRED
        mine = {
            record: place
            for record, place in placed.items()
            if record in changed and changed[record].made == self.packed.get(place)
        }
        # One that changed otherwise, as where a statement waits no more, was compared with none to come.
        if len(mine) < len(changed):
            self.is_outdated = True
            self.changed_elsewhere.update(changed.keys() - mine.keys())
        for record, place in mine.items():
            self.record_ids[place] = record
            if not changed[record].fresh:
                self.reindexed.add(record)
        edges = self._select_edges(places)
        if self.is_outdated:
            edges = self._rescore_changed(unit, index, {r: changed[r] for r in mine}, edges, changed.keys())
        return Paired(frozenset(mine), edges)

    def _select_edges(self, places: range) -> Edges:
        here = slice(*np.searchsorted(self.write_positions, [places.start, places.stop]))
        ends = (
            self._convert_to_record_ids(self.pairs.lo[here]),
            self._convert_to_record_ids(self.pairs.hi[here]),
        )
        lo, hi = np.minimum(*ends), np.maximum(*ends)
        keep = (lo != NO_RECORD) & (lo != hi)
        return edges_in(lo[keep], hi[keep], self.pairs.bits[here][keep])

    def _convert_to_record_ids(self, ends: np.ndarray) -> np.ndarray:
        """Record numbers of ends of pairs; NOBODY for a statement without effect, and what was replaced."""
        found = np.where(ends < 0, self.record_ids[np.where(ends < 0, -1 - ends, 0)], ends)
        replaced = self.reindexed | self.inactive | self.changed_before
        stale = np.fromiter(replaced, np.int64, len(replaced))
        found[(ends >= 0) & np.isin(ends, stale)] = NO_RECORD
        return found

    def _rescore_changed(
        self,
        unit: ReadUnit,
        index: Index,
        mine: Mapping[int, Changed],
        edges: Edges,
        changed: AbstractSet[int],
    ) -> Edges:
        """The edges as they are now: those of what others indexed anew are scored anew.

        What the chunk itself changed otherwise is not what is stored of it: it is searched for once it is.
        """
        config_id = index.config_id(unit)
        others = self.changed_elsewhere - changed - self.inactive
        ends = {end for edge in edges for end in edge} - changed - others
        standing = mine.keys() | unit.keys.having(config_id, ends)
        found = {edge: bits for edge, bits in edges.items() if edge[0] in standing and edge[1] in standing}
        if others:
            found |= _score_against_changed(unit, index, config_id, mine, others)
        return found


def _score_against_changed(
    unit: ReadUnit, index: Index, config_id: int, mine: Mapping[int, Changed], others: set[int]
) -> Edges:
    """Edges between records of a chunk and others that share a key with them."""
    blocking = index.blocking_of(unit, config_id)
    own_keys = {record: one.keys(blocking, index.keyed_hash) for record, one in mine.items()}
    near = {record: found & others for record, found in candidates(unit, config_id, own_keys).items()}
    known = load_features(unit, config_id, {other for found in near.values() for other in found})
    pairs = [(record, other) for record, found in near.items() for other in found & known.keys()]
    return weighed(index.matcher, {**known, **{r: one.features for r, one in mine.items()}}, pairs)


def prefetch_pairs(
    index: Index,
    viewer: Viewer,
    source: Source,
    said: Sequence[Statement],
    progress: Progress,
) -> PrefetchedPairs:
    """Find and score the pairs of statements before they are written.

    Args:
        index: the open index.
        viewer: who loads.
        source: who says them.
        said: the statements, in the order in which they will be written.
        progress: told of long steps.
    """
    with index.database.read(viewer) as unit:
        found = _prepare_statements(unit, index, source, said)
        if found.config_id is not None:
            told = Place(index.home, MEMORY, lambda done, total: progress("scoring pairs", done, total))
            again = partial(index.database.read, viewer)
            found.set_pairs(
                pair_up(unit, index.matcher, found.config_id, _number_by_position(found.packed), told, again)
            )
    return found


class PairPrefetcher:
    """Finds the pairs of statements in a process of its own, while those before them are written.

    Args:
        apart: the process.
        index: the open index.
        viewer: who loads.
        source: who says them.
    """

    def __init__(self, apart: PairWorker, index: Index, viewer: Viewer, source: Source) -> None:
        self._worker = apart
        self._index = index
        self._viewer = viewer
        self._source = source
        self._last_requested: PrefetchedPairs | None = None
        self._pending: PrefetchedPairs | None = None

    def prepare(self, said: Sequence[Statement]) -> PrefetchedPairs:
        """Make statements comparable as the index stands, which is that after the window before the last.

        Args:
            said: the statements, in the order in which they will be written.
        """
        with self._index.database.read(self._viewer) as unit:
            return _prepare_statements(unit, self._index, self._source, said)

    def start(self, found: PrefetchedPairs, earlier: PrefetchedPairs) -> PrefetchedPairs | None:
        """Begin to look for the pairs of what was prepared; None where that is not worth a process.

        Args:
            found: what was prepared.
            earlier: the statements before these, of which nothing is written yet.
        """
        if (
            found.config_id is None
            or found.config_id != earlier.config_id
            or len(found.packed) < WORKER_FROM_STATEMENTS
        ):
            return None
        beside = {
            found.statement_count + place: one
            for place, one in earlier.packed.items()
            if place < earlier.statement_count
        }
        # The process has those before them already, if it was asked about them.
        asked = (
            AskedLast(found.statement_count)
            if self._last_requested is earlier
            else _number_by_position(beside)
        )
        self._worker.request(found.config_id, _number_by_position(found.packed), asked)
        self._last_requested = self._pending = found
        # What others commit between these snapshots is seen before the next chunk is written.
        found.is_outdated = found.last_commit != earlier.last_commit
        found.packed |= beside
        return found

    def is_running(self) -> bool:
        """Whether pairs were asked for, and are not found yet."""
        return self._pending is not None and not self._worker.has_answered()

    def finish(self, found: PrefetchedPairs, earlier: PrefetchedPairs) -> None:
        """Take in the pairs that were found, once everything before these statements is written."""
        found.set_pairs(self._worker.receive_pairs(), earlier.statement_count)
        self._pending = None
        found.record_ids[found.statement_count :] = earlier.record_ids[: earlier.statement_count]
        found.changed_before = frozenset(earlier.reindexed | earlier.inactive)
        found.is_outdated |= earlier.is_outdated
        found.changed_elsewhere |= earlier.changed_elsewhere
        found.last_commit = earlier.last_commit


def _prepare_statements(
    unit: ReadUnit, index: Index, source: Source, said: Sequence[Statement]
) -> PrefetchedPairs:
    """The statements made comparable, no pairs found yet."""
    found = PrefetchedPairs(None, unit.last_commit(), len(said))
    if len(said) >= BATCH_RECORDS:
        found.config_id = index.config_id(unit)
        found.packed = _standardize_effective(unit, index, source, said)
    return found


def _number_by_position(made: Mapping[int, Packed]) -> dict[int, Packed]:
    return {-1 - place: one for place, one in made.items()}


def _standardize_effective(
    unit: ReadUnit, index: Index, source: Source, said: Sequence[Statement]
) -> dict[int, Packed]:
    """By place: the statements that would take effect as the index stands, made comparable."""
    known = unit.records.find(source.id, [one.local_id for one in said])
    effective = (Verdict.CREATED, Verdict.UPDATED)
    places = {
        one.local_id: place
        for place, one in enumerate(said)
        if judge(known.get(one.local_id), one) in effective
    }
    made = comparable(unit, index, source, [said[place] for place in places.values()])
    config_id = index.config_id(unit)
    blocking, config = (
        index.blocking_of(unit, config_id),
        index.matcher.digest(index.shared_values_of(unit, config_id)),
    )
    return {place: pack(made[name], blocking, index.keyed_hash, config) for name, place in places.items()}
