"""Pairs of one record asked for with the first questions of its transaction, on PostgreSQL.

Who writes alone there searches in the transaction (ADR 0066). Asked before anything is written, the search is
answered in the round trip that every step begins with, and the pairs are weighed while the server writes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mpi.service.core.index import Index
from mpi.service.indexing.reindex import NOT_PAIRED, Changed, Paired, paired_with
from mpi.service.records.candidates import CandidateQuery, build_query, request_candidates, score_candidates
from mpi.service.statements.statement import Statement
from mpi.storage.key_index.candidates import CandidateRows
from mpi.storage.unit_of_work.unit import WriteUnit


@dataclass(frozen=True, slots=True)
class PipelinedSearch:
    """A record's candidates, as they were before its transaction wrote anything of it.

    Args:
        query: the record.
        read_candidates: reads who shares a key with it.
    """

    query: CandidateQuery
    read_candidates: Callable[[], CandidateRows]

    def get_pairs(self, unit: WriteUnit, index: Index, record: int, changed: Mapping[int, Changed]) -> Paired:
        """The pairs of what a statement changed; none where they have to be looked for after all.

        That is where more than the record changed, or otherwise; where another configuration is in force,
        or other groups are searched; and where so many share its keys that it is told of.

        Args:
            unit: the record's transaction; no record but this one may have changed in it since it was asked.
            index: the model.
            record: the record's number.
            changed: what changed with it.
        """
        if changed.keys() != {record} or changed[record].made != self.query.packed:
            return NOT_PAIRED
        if not self.query.is_current(unit, index):
            return NOT_PAIRED
        scored = score_candidates(unit, index, self.query, self.read_candidates(), record)
        return NOT_PAIRED if scored is None else paired_with(record, scored.bits, scored.features)


def start_pipelined_search(
    unit: WriteUnit, index: Index, source_code: str, prepared: Statement
) -> PipelinedSearch | None:
    """Ask for a record's candidates; None where too little is known to ask, or nothing is gained by it.

    Beside others they were looked for before the turn, for which all wait.

    Args:
        unit: its transaction, which has written nothing of this record yet.
        index: the open index.
        source_code: its source.
        prepared: what is said, made comparable.
    """
    if not (unit.candidates.is_supported and index.store.group_commit.are_alone):
        return None
    query = build_query(index, source_code, prepared)
    return (
        PipelinedSearch(query, request_candidates(unit, query))
        if query is not None and query.packed.keys
        else None
    )
