"""Screening of new rows, so that a row of another child is never stored."""

from collections.abc import Collection, Mapping, Sequence

from mpi.domain.source import Holdings
from mpi.matching.scoring.batch_scorer import ScoringResources
from mpi.service.core.index import Index
from mpi.service.holdings.care import find_records_in_care, is_child_in_care
from mpi.service.indexing.pair_scorer import DUCKDB_MEMORY, score_pairs_with_stored
from mpi.service.indexing.reindex import pack_record
from mpi.service.statements.statement import Statement
from mpi.service.statements.statement_intake import make_comparable
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import ReadUnit


def select_screened(
    source: Source, statements: Sequence[Statement], stored: Collection[str]
) -> list[Statement]:
    """Return the statements that are stored only if they match a child in care.

    A statement about a stored record is stored in any case: a run after the load judges stored records. So is
    one that seals its record, since a seal has to outlast the file, and one that says itself that the child
    is in care.

    Args:
        source: the source of the statements.
        statements: statements of one file, or one statement.
        stored: local IDs of the source's stored records.
    """
    if source.holdings is Holdings.ALL:
        return []
    return [
        statement
        for statement in statements
        if statement.local_id not in stored
        and statement.seal_kind is None
        and not is_child_in_care(source.kind, statement.record)
    ]


def find_unmatched(unit: ReadUnit, index: Index, source: Source, statements: Sequence[Statement]) -> set[str]:
    """Return the local IDs of statements that match no stored child in care.

    A statement matches if it makes a pair of at least the stored minimum weight. Only stored records count,
    not other rows of the file, so that neither the order of rows nor the size of a batch matters.

    Args:
        unit: the transaction.
        index: the open index.
        source: the source of the statements.
        statements: statements about records that are not stored.
    """
    config_id = index.config_id(unit)
    blocking = index.blocking_of(unit, config_id)
    comparable = make_comparable(unit, index, source, statements)
    numbers = {-position: statement.local_id for position, statement in enumerate(statements, 1)}
    records = {
        number: pack_record(comparable[local_id], blocking, index.keyed_hash, "")
        for number, local_id in numbers.items()
    }
    resources = ScoringResources(index.home, DUCKDB_MEMORY, None, index.tuning.scoring)
    edges = score_pairs_with_stored(unit, index.matcher, config_id, records, resources).to_edges()
    return set(numbers.values()) - _list_matched(unit, numbers, edges)


def _list_matched(unit: ReadUnit, numbers: Mapping[int, str], edges: Collection[tuple[int, int]]) -> set[str]:
    """Return the local IDs of the rows in pairs with a child in care."""
    in_care = find_records_in_care(unit, {stored for _, stored in edges})
    return {numbers[row] for row, stored in edges if stored in in_care}
