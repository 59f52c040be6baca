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
from mpi.storage.key_index.candidates import Found
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
        unit.keys.ask_written_after(self.query.config_id, self.last_commit, LARGEST_CHANGE_COUNT + 1)
        unit.keys.ask_having(self.query.config_id, self.bits)

    def refresh(self, unit: WriteUnit, index: Index) -> Self | None:
        """The pairs as they are in the transaction; None where they have to be looked for.

        Args:
            unit: the record's transaction, before anything is written.
            index: the model.
        """
        wanted = self.query
        if not wanted.is_current(unit, index):
            return None
        since = unit.keys.written_after(wanted.config_id, self.last_commit, LARGEST_CHANGE_COUNT + 1)
        if len(since) > LARGEST_CHANGE_COUNT:
            return None
        having = unit.keys.having(wanted.config_id, self.bits)
        standing = {other: bits for other, bits in self.bits.items() if other in having - since.keys()}
        mine = set(wanted.keys)
        sharing = [
            other
            for other, own in since.items()
            if own.group_id in wanted.groups and not mine.isdisjoint(keys_from_bytes(own.keys))
        ]
        found = score_records(index, wanted.packed, load_features(unit, wanted.config_id, sharing))
        features = {other: self.features[other] for other in standing if other in self.features}
        return replace(self, bits=standing | found.bits, features=features | found.features)

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
    index: Index, viewer: Viewer, source_code: str, said: Statement
) -> OptimisticPairs | None:
    """Find and score the pairs of a record before it is written; None where that is of no use.

    Args:
        index: the open index.
        viewer: who says it.
        source_code: its source.
        said: what is said, made comparable.
    """
    if _is_pointless(index):
        return None
    looked_for = build_query(index, source_code, said)
    if looked_for is None:
        return None
    with index.database.peek(viewer) as unit:
        asked = _send_requests(unit, looked_for)
        if not (index.database.is_postgresql and unit.keys.recent.runs(looked_for.config_id)):
            return _score_requested(unit, index, looked_for, asked)
    # Each statement there is of a moment of its own: a run may be merged, and gone, before it is read.
    with index.database.read(viewer) as unit:
        return _score_requested(unit, index, looked_for, _send_requests(unit, looked_for))


class _SearchRequests(NamedTuple):
    """What was asked: each is read once."""

    read_last_commit: Callable[[], int]
    read_candidates: Callable[[], Found]


def _send_requests(unit: ReadUnit, wanted: CandidateQuery) -> _SearchRequests:
    """Send ahead what is asked; the last commit first, as what is committed later is looked at again."""
    read_last_commit = unit.ask_last_commit()
    unit.records.ask_find(wanted.source_id, [wanted.statement.local_id])
    return _SearchRequests(read_last_commit, request_candidates(unit, wanted))


def _score_requested(
    unit: ReadUnit, index: Index, wanted: CandidateQuery, asked: _SearchRequests
) -> OptimisticPairs | None:
    said = wanted.statement
    existing = unit.records.find(wanted.source_id, [said.local_id]).get(said.local_id)
    last_commit = asked.read_last_commit()
    if judge(existing, said) not in (Verdict.CREATED, Verdict.UPDATED):
        return None
    found = score_candidates(unit, index, wanted, asked.read_candidates(), existing.id if existing else None)
    return None if found is None else OptimisticPairs(wanted, last_commit, found.bits, found.features)


def _is_pointless(index: Index) -> bool:
    if index.database.is_postgresql:
        # Nobody waits for the writer's place, and what would be asked again is asked once.
        return index.store.group_commit.are_alone
    # SQLite's connections each keep pages until another writes: in the one that writes they are at hand.
    return index.store.group_commit.wait_for_each_other
