"""Optimistic candidate search: score a record's pairs before its transaction.

The write lock is held for less. The pairs are found as the index stands a moment before, while others may
write. The transaction asks which keys were written since, and which of the scored records still have keys.
The result equals that of a search in the transaction (law 1).
"""

from collections import Counter
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from itertools import chain
from typing import NamedTuple, Self

from mpi.domain.features import Features
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.service.core.stored_features import load_features
from mpi.service.indexing.changed_record import ChangedRecord
from mpi.service.indexing.known_pairs import NO_KNOWN_PAIRS, KnownPairs, known_pairs_of_record
from mpi.service.records.candidates import (
    CandidateQuery,
    build_query,
    has_large_block,
    keys_from_bytes,
    request_candidates,
    score_candidates,
    score_records,
)
from mpi.service.statements.statement import Statement
from mpi.service.statements.statement_judgement import StatementOutcome, judge_statement
from mpi.storage.key_index.candidate_query import CandidateRows
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit


@dataclass(frozen=True, slots=True)
class OptimisticPairs:
    """Scored pairs of one record, computed before its write transaction.

    Args:
        query: the record's query: its content, configuration and groups.
        last_commit: the last commit that the pairs take into account.
        max_changed_records: most concurrently written records before a new search.
        bits: match weight of each paired record, in bits.
        features: features of those records.
        block_sizes: stored records of each blocking key that brings pairs.
        purged_keys: blocking keys of the record that bring no pairs.
    """

    query: CandidateQuery
    last_commit: int
    max_changed_records: int
    bits: Mapping[int, float]
    features: Mapping[int, Features]
    block_sizes: Mapping[int, int]
    purged_keys: AbstractSet[int]

    def prefetch(self, unit: WriteUnit) -> None:
        """Send the queries that ``refresh`` will read, without waiting for answers.

        Args:
            unit: the record's transaction.
        """
        unit.keys.forward.prefetch_keys_written_since(
            self.query.config_id, self.last_commit, self.max_changed_records + 1
        )
        unit.keys.forward.prefetch_records_with_keys(self.query.config_id, self.bits)
        unit.keys.purged_blocks.prefetch_purged(self.query.config_id, self.query.keys)

    def refresh(self, unit: WriteUnit, index: Index) -> Self | None:
        """Return the record's pairs, updated with what others committed meanwhile.

        Args:
            unit: the record's transaction, before anything is written.
            index: the model.

        Returns:
            The pairs, or None if they have to be searched again.
        """
        query = self.query
        if not query.is_current(unit, index):
            return None
        written_since = unit.keys.forward.keys_written_since(
            query.config_id, self.last_commit, self.max_changed_records + 1
        )
        if len(written_since) > self.max_changed_records:
            return None
        indexed = unit.keys.forward.records_with_keys(query.config_id, self.bits)
        unchanged_bits = {
            candidate: bits
            for candidate, bits in self.bits.items()
            if candidate in indexed - written_since.keys()
        }
        if unit.keys.purged_blocks.select_purged(query.config_id, query.keys) != self.purged_keys:
            return None
        own_keys = set(query.keys) - self.purged_keys
        shared_keys = {
            candidate: own_keys.intersection(keys_from_bytes(written_keys.keys))
            for candidate, written_keys in written_since.items()
            if written_keys.group_id in query.groups
        }
        sharing = [candidate for candidate, keys in shared_keys.items() if keys]
        joined = Counter(chain.from_iterable(shared_keys.values()))
        if has_large_block(index, joined + Counter(self.block_sizes)):
            return None
        rescored = score_records(index, query.packed, load_features(unit, query.config_id, sharing))
        features = {
            candidate: self.features[candidate] for candidate in unchanged_bits if candidate in self.features
        }
        return replace(self, bits=unchanged_bits | rescored.bits, features=features | rescored.features)

    def get_pairs(self, record: int, changed: Mapping[int, ChangedRecord]) -> KnownPairs:
        """Return the scored pairs of the record that a statement changed.

        Args:
            record: the record's number.
            changed: what the statement changed, by record.

        Returns:
            The pairs, or ``NOT_PAIRED`` if more than the record changed, or otherwise than compared.
        """
        if changed.keys() != {record} or changed[record].comparable != self.query.packed:
            return NO_KNOWN_PAIRS
        return known_pairs_of_record(record, self.bits, self.features, self.purged_keys)


def find_optimistic_pairs(
    index: Index, viewer: Viewer, source_code: str, prepared: Statement
) -> OptimisticPairs | None:
    """Find and score a record's candidate pairs before its write transaction.

    Args:
        index: the open index.
        viewer: who sends the record.
        source_code: its source.
        prepared: the standardized statement.

    Returns:
        The pairs, or None if an early search gains nothing.
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
    # Without a snapshot each statement sees its own moment: a segment may be merged before it is read.
    with index.database.read(viewer) as unit:
        return _score_requested(unit, index, query, _send_requests(unit, query))


class _SearchRequests(NamedTuple):
    """Pending database requests of a candidate search; each is read once."""

    read_last_commit: Callable[[], int]
    read_candidates: Callable[[], CandidateRows]


def _send_requests(unit: ReadUnit, query: CandidateQuery) -> _SearchRequests:
    """Send the database requests of a candidate search, the last commit first.

    Later commits are checked again in the transaction.
    """
    read_last_commit = unit.request_last_commit()
    unit.records.prefetch_by_local_ids(query.source_id, [query.statement.local_id])
    return _SearchRequests(read_last_commit, request_candidates(unit, query))


def _score_requested(
    unit: ReadUnit, index: Index, query: CandidateQuery, requests: _SearchRequests
) -> OptimisticPairs | None:
    """Read the answers of a candidate search and score the candidates."""
    prepared = query.statement
    existing = unit.records.find_by_local_ids(query.source_id, [prepared.local_id]).get(prepared.local_id)
    last_commit = requests.read_last_commit()
    if judge_statement(existing, prepared) not in (StatementOutcome.CREATED, StatementOutcome.UPDATED):
        return None
    scored = score_candidates(
        unit, index, query, requests.read_candidates(), existing.id if existing else None
    )
    if scored is None:
        return None
    return OptimisticPairs(
        query=query,
        last_commit=last_commit,
        max_changed_records=index.tuning.request.changed_records,
        bits=scored.bits,
        features=scored.features,
        block_sizes=scored.block_sizes,
        purged_keys=scored.purged_keys,
    )


def _is_pointless(index: Index) -> bool:
    """Return whether searching candidates before the write transaction gains nothing."""
    if index.database.is_postgresql:
        # No other writer waits, and the transaction need not repeat the queries.
        return index.store.group_commit.is_uncontended
    # A SQLite connection caches pages until another writes; the writing connection has them.
    return index.store.group_commit.is_contended_in_process
