"""Pairs of one record found and scored before its transaction, so that the writer is held for less.

They are found as the index stands a moment before, while others may write. In the transaction it is asked
whose keys were written since, and which of those that were found have keys still: the same pairs, by law 1,
as a search there would find.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

from mpi.domain.features import Features
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.service.core.stored_features import load_features
from mpi.service.indexing.reindex import NOT_PAIRED, Changed, Paired, paired_with
from mpi.service.records.candidates import (
    CandidateQuery,
    build_query,
    keys_from_bytes,
    request_candidates,
    score_candidates,
    score_records,
)
from mpi.service.statements.intake import Verdict, judge
from mpi.service.statements.statement import Statement
from mpi.storage.key_index.candidates import CandidateRows
from mpi.storage.unit_of_work.unit import ReadUnit, WriteUnit

LARGEST_CHANGE_COUNT = 100
"""Records that others wrote meanwhile, beyond which it is sooner done to search anew, as beside a load."""


@dataclass(frozen=True, slots=True)
class OptimisticPairs:
    """The pairs of a record as they were a moment ago.

    Args:
        query: the record as it was compared, under which configuration, in which groups.
        last_commit: the last that the pairs take into account.
        bits: weight of each record that it pairs with, in bits.
        features: of those.
    """

    query: CandidateQuery
    last_commit: int
    bits: Mapping[int, float]
    features: Mapping[int, Features]

    def prefetch(self, unit: WriteUnit) -> None:
        """Send ahead what ``now`` will ask."""
        unit.keys.prefetch_keys_written_since(self.query.config_id, self.last_commit, LARGEST_CHANGE_COUNT + 1)
        unit.keys.prefetch_records_with_keys(self.query.config_id, self.bits)

    def refresh(self, unit: WriteUnit, index: Index) -> Self | None:
        """The pairs as they are in the transaction; None where they have to be looked for.

        Args:
            unit: the record's transaction, before anything is written.
            index: the model.
        """
        query = self.query
        if not query.is_current(unit, index):
            return None
        written_since = unit.keys.keys_written_since(query.config_id, self.last_commit, LARGEST_CHANGE_COUNT + 1)
        if len(written_since) > LARGEST_CHANGE_COUNT:
            return None
        indexed = unit.keys.records_with_keys(query.config_id, self.bits)
        unchanged_bits = {
            candidate: bits
            for candidate, bits in self.bits.items()
            if candidate in indexed - written_since.keys()
        }
        own_keys = set(query.keys)
        sharing = [
            candidate
            for candidate, written_keys in written_since.items()
            if written_keys.group_id in query.groups
            and not own_keys.isdisjoint(keys_from_bytes(written_keys.keys))
        ]
        rescored = score_records(index, query.packed, load_features(unit, query.config_id, sharing))
        features = {
            candidate: self.features[candidate] for candidate in unchanged_bits if candidate in self.features
        }
        return replace(self, bits=unchanged_bits | rescored.bits, features=features | rescored.features)

    def get_pairs(self, record: int, changed: Mapping[int, Changed]) -> Paired:
        """The pairs of what a statement changed; none where more than the record did, or otherwise.

        Args:
            record: the record's number.
            changed: what changed with it.
        """
        if changed.keys() != {record} or changed[record].made != self.query.packed:
            return NOT_PAIRED
        return paired_with(record, self.bits, self.features)


def find_optimistic_pairs(
    index: Index, viewer: Viewer, source_code: str, prepared: Statement
) -> OptimisticPairs | None:
    """Find and score the pairs of a record before it is written; None where that is of no use.

    Args:
        index: the open index.
        viewer: who says it.
        source_code: its source.
        prepared: what is said, made comparable.
    """
    if _is_pointless(index):
        return None
    query = build_query(index, source_code, prepared)
    if query is None:
        return None
    with index.database.read_optimistic(viewer) as unit:
        requests = _send_requests(unit, query)
        if not (index.database.is_postgresql and unit.keys.segments.segments_of(query.config_id)):
            return _score_requested(unit, index, query, requests)
    # Each statement there is of a moment of its own: a run may be merged, and gone, before it is read.
    with index.database.read(viewer) as unit:
        return _score_requested(unit, index, query, _send_requests(unit, query))


class _SearchRequests(NamedTuple):
    """What was asked: each is read once."""

    read_last_commit: Callable[[], int]
    read_candidates: Callable[[], CandidateRows]


def _send_requests(unit: ReadUnit, query: CandidateQuery) -> _SearchRequests:
    """Send ahead what is asked; the last commit first, as what is committed later is looked at again."""
    read_last_commit = unit.request_last_commit()
    unit.records.prefetch_by_local_ids(query.source_id, [query.statement.local_id])
    return _SearchRequests(read_last_commit, request_candidates(unit, query))


def _score_requested(
    unit: ReadUnit, index: Index, query: CandidateQuery, requests: _SearchRequests
) -> OptimisticPairs | None:
    prepared = query.statement
    existing = unit.records.find_by_local_ids(query.source_id, [prepared.local_id]).get(prepared.local_id)
    last_commit = requests.read_last_commit()
    if judge(existing, prepared) not in (Verdict.CREATED, Verdict.UPDATED):
        return None
    scored = score_candidates(
        unit, index, query, requests.read_candidates(), existing.id if existing else None
    )
    return None if scored is None else OptimisticPairs(query, last_commit, scored.bits, scored.features)


def _is_pointless(index: Index) -> bool:
    if index.database.is_postgresql:
        # Nobody waits for the writer's place, and what would be asked again is asked once.
        return index.store.group_commit.are_alone
    # SQLite's connections each keep pages until another writes: in the one that writes they are at hand.
    return index.store.group_commit.wait_for_each_other
