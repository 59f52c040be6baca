"""Pairs of a load found and scored ahead, against a snapshot, so that the writer is held for writing alone.

What others commit between the snapshot and a chunk's transaction is looked for in that transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mpi.domain.viewer import Viewer
from mpi.domain.weight import rounded
from mpi.matching.batch import Place
from mpi.service.context import Index
from mpi.service.pairing import MEMORY, Scored, edges_in, pair_up
from mpi.service.reindex import BATCH_RECORDS, NOT_PAIRED, Changed, Paired, Progress, candidates, pack
from mpi.service.statement import Packed, Statement
from mpi.service.statements import Verdict, comparable, judge
from mpi.standardize.payload import features_from_bytes
from mpi.storage.repositories.derived import Edges
from mpi.storage.repositories.sources import Source
from mpi.storage.unit import ReadUnit, WriteUnit

NOBODY = -1
_NONE = np.empty(0, np.int64)
NO_PAIRS = Scored(_NONE, _NONE, np.empty(0))


@dataclass(slots=True)
class Ahead:
    """Statements of which the pairs are known, as of a snapshot.

    A statement is known by its place; among the pairs it bears the number ``-1 - place``, and a stored record
    its own, also one that a statement of these will change: until then it is compared as it stands.

    Args:
        config_id: the configuration that they were compared under; None where they were not.
        last_commit: the last that the pairs take into account.
        chunk_of: the chunk that each place is written in.
        scored: the pairs.
        written: the chunk that each pair can be written in, the later of its two ends'.
        made: the statements made comparable, by place.
        record_of: the record of each place, once it is indexed as it was compared.
        replaced: records that stood before and are indexed anew by now.
        outdated: whether others have committed since the pairs were found.
    """

    config_id: int | None
    last_commit: int
    chunk_of: np.ndarray
    scored: Scored = NO_PAIRS
    written: np.ndarray = field(default_factory=_NONE.copy)
    made: dict[int, Packed] = field(default_factory=dict)
    record_of: np.ndarray = field(default_factory=_NONE.copy)
    replaced: set[int] = field(default_factory=set)
    outdated: bool = False

    def look(self, unit: ReadUnit) -> None:
        """See, before a chunk is written, whether others have committed since."""
        # Once and for all: what they changed may bear on the pairs of later chunks too.
        self.outdated |= unit.last_commit() != self.last_commit

    def paired(
        self,
        unit: WriteUnit,
        index: Index,
        chunk: int,
        changed: Mapping[int, Changed],
        placed: Mapping[int, int],
    ) -> Paired:
        """The pairs of a chunk, brought up to the present; none where they have to be looked for.

        Args:
            unit: the chunk's transaction, before anything of the chunk is indexed.
            index: the model.
            chunk: which.
            changed: what its statements changed.
            placed: the place of each of the chunk's records.
        """
        if index.config_id(unit) != self.config_id:
            return NOT_PAIRED
        mine = {
            record: place
            for record, place in placed.items()
            if record in changed and changed[record].made == self.made.get(place)
        }
        for record, place in mine.items():
            self.record_of[place] = record
            if not changed[record].fresh:
                self.replaced.add(record)
        edges = self._edges(chunk)
        if self.outdated:
            edges = self._up_to_date(unit, index, {r: changed[r] for r in mine}, edges)
        return Paired(frozenset(mine), edges)

    def _edges(self, chunk: int) -> Edges:
        here = self.written == chunk
        ends = (self._numbers(self.scored.lo[here]), self._numbers(self.scored.hi[here]))
        lo, hi = np.minimum(*ends), np.maximum(*ends)
        keep = (lo != NOBODY) & (lo != hi)
        return edges_in(lo[keep], hi[keep], self.scored.bits[here][keep])

    def _numbers(self, ends: np.ndarray) -> np.ndarray:
        """Record numbers of ends of pairs; NOBODY for a statement without effect, and what was replaced."""
        found = np.where(ends < 0, self.record_of[np.where(ends < 0, -1 - ends, 0)], ends)
        stale = np.fromiter(self.replaced, np.int64, len(self.replaced))
        found[(ends >= 0) & np.isin(ends, stale)] = NOBODY
        return found

    def _up_to_date(self, unit: ReadUnit, index: Index, mine: Mapping[int, Changed], edges: Edges) -> Edges:
        """The edges as they are now that others have committed: of what changed meanwhile, scored anew."""
        config_id = index.config_id(unit)
        blocking = index.blocking(unit, config_id)
        near = candidates(
            unit, config_id, {record: one.keys(blocking, index.seal) for record, one in mine.items()}
        )
        others = {other for found in near.values() for other in found} - mine.keys()
        stored = unit.derived.features(config_id, others)
        new = {int(n): hash(self.made[p].features) for p, n in enumerate(self.record_of) if n != NOBODY}
        known = self.scored.seen | new
        same = {record for record, payload in stored.items() if known.get(record) == hash(payload)}
        standing = same | mine.keys()
        fresh = {edge: bits for edge, bits in edges.items() if edge[0] in standing and edge[1] in standing}
        floor, scorer = index.matcher.model.thresholds.stored_from, index.matcher.scorer
        for record, found in near.items():
            for other in found & stored.keys() - same - mine.keys():
                bits = rounded(scorer.weight(mine[record].features, features_from_bytes(stored[other])))
                if bits >= floor:
                    fresh[min(record, other), max(record, other)] = bits
        return fresh


def look_ahead(
    index: Index,
    viewer: Viewer,
    source: Source,
    said: Sequence[Statement],
    a_chunk: int,
    progress: Progress,
) -> Ahead:
    """Find and score the pairs of statements before they are written.

    Args:
        index: the open index.
        viewer: who loads.
        source: who says them.
        said: the statements, in the order in which they will be written.
        a_chunk: statements of a chunk.
        progress: told of long steps.
    """
    chunk_of = np.arange(len(said), dtype=np.int64) // a_chunk
    with index.database.read(viewer) as unit:
        found = Ahead(None, unit.last_commit(), chunk_of)
        if len(said) < BATCH_RECORDS:
            return found
        found.config_id = index.config_id(unit)
        found.made = _made(unit, index, source, said)
        mine = {-1 - place: one for place, one in found.made.items()}
        told = Place(index.home, MEMORY, lambda done, total: progress("scoring pairs", done, total))
        found.scored = pair_up(unit, index, found.config_id, mine, told)
    found.record_of = np.full(len(said), NOBODY, np.int64)
    lo, hi = (
        np.where(e < 0, chunk_of[np.where(e < 0, -1 - e, 0)], -1) for e in (found.scored.lo, found.scored.hi)
    )
    found.written = np.maximum(lo, hi)
    return found


def _made(unit: ReadUnit, index: Index, source: Source, said: Sequence[Statement]) -> dict[int, Packed]:
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
    blocking, lists = index.blocking(unit, config_id), index.lists_of(unit, config_id).digest
    return {place: pack(made[name], blocking, index.seal, lists) for name, place in places.items()}
