"""Pipelined candidate search in a record's own transaction, on PostgreSQL.

A lone writer there searches in the transaction (ADR 0066). The search is requested before anything is
written, answered in the round trip that every step begins with, and scored while the server writes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mpi.service.core.index import Index
from mpi.service.indexing.changed_record import ChangedRecord
from mpi.service.indexing.known_pairs import NO_KNOWN_PAIRS, KnownPairs, known_pairs_of_record
from mpi.service.records.candidates import CandidateQuery, build_query, request_candidates, score_candidates
from mpi.service.statements.statement import Statement
from mpi.storage.key_index.candidate_query import CandidateRows
from mpi.storage.unit_of_work.units import WriteUnit


@dataclass(frozen=True, slots=True)
class PipelinedSearch:
    """Candidate search requested within the record's transaction before its write.

    Args:
        query: the record's query.
        read_candidates: reads the records that share a blocking key.
    """

    query: CandidateQuery
    read_candidates: Callable[[], CandidateRows]

    def get_pairs(
        self, unit: WriteUnit, index: Index, record: int, changed: Mapping[int, ChangedRecord]
    ) -> KnownPairs:
        """Return the scored pairs of the record that a statement changed.

        Args:
            unit: the record's transaction; no record but this one may have changed in it since the request.
            index: the model.
            record: the record's number.
            changed: what the statement changed, by record.

        Returns:
            The pairs, or ``NOT_PAIRED`` if they have to be searched again: more than the record changed, or
            otherwise than compared; another configuration or other groups are in force; or a block is too
            large.
        """
        if changed.keys() != {record} or changed[record].comparable != self.query.packed:
            return NO_KNOWN_PAIRS
        if not self.query.is_current(unit, index):
            return NO_KNOWN_PAIRS
        scored = score_candidates(unit, index, self.query, self.read_candidates(), record)
        if scored is None:
            return NO_KNOWN_PAIRS
        return known_pairs_of_record(record, scored.bits, scored.features, scored.purged_keys)


def start_pipelined_search(
    unit: WriteUnit, index: Index, source_code: str, prepared: Statement
) -> PipelinedSearch | None:
    """Request a record's candidate matches in the transaction that writes it.

    If others write at the same time, the search ran before the transaction instead, so that they wait less.

    Args:
        unit: the record's transaction, which has written nothing of it yet.
        index: the open index.
        source_code: its source.
        prepared: the standardized statement.

    Returns:
        The search, or None if the store cannot pipeline it or too little is known for a query.
    """
    if not (unit.candidates.is_supported and index.store.group_commit.is_uncontended):
        return None
    query = build_query(index, source_code, prepared)
    return (
        PipelinedSearch(query, request_candidates(unit, query))
        if query is not None and query.packed.keys
        else None
    )
