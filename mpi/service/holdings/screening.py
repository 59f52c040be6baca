"""Screening of new rows before anything of them is stored."""

from array import array
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from mpi.domain.source import Holdings
from mpi.matching.scoring.batch_scorer import ScoringResources
from mpi.service.core.comparable_record import PackedRecord
from mpi.service.core.index import Index
from mpi.service.holdings.care import find_related, is_child_in_care
from mpi.service.indexing.changed_record import pack_record
from mpi.service.indexing.finer_keys import find_finer_keys, merge_keys
from mpi.service.indexing.pair_scorer import score_pairs_between, score_pairs_with_stored
from mpi.service.indexing.pairing_limits import DUCKDB_MEMORY
from mpi.service.statements.statement import Statement
from mpi.service.statements.statement_features import make_comparable
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import ReadUnit


def select_screened(
    source: Source, statements: Sequence[Statement], stored: Collection[str]
) -> list[Statement]:
    """Return the statements that must match a child in care.

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


@dataclass(frozen=True, slots=True)
class Screening:
    """Result of comparing new rows with the stored records.

    Args:
        unmatched: standardized rows that have nothing to do with a child in care, by local ID.
        near: standardized rows that may be linked to a child in care, by local ID.
    """

    unmatched: dict[str, PackedRecord]
    near: dict[str, PackedRecord]


def screen_statements(
    unit: ReadUnit, index: Index, source: Source, statements: Sequence[Statement]
) -> Screening:
    """Compare statements about records that are not stored with stored ones.

    Only stored records count, not other rows of the file, so that neither the order of rows nor the size of a
    batch matters.

    Args:
        unit: the transaction.
        index: the open index.
        source: the source of the statements.
        statements: the statements.
    """
    packed = _pack_statements(unit, index, source, statements)
    records = {-position: record for position, record in enumerate(packed.values(), 1)}
    scored = score_pairs_with_stored(
        unit, index.matcher, index.config_id(unit), records, _make_resources(index)
    )
    related = find_related(unit, index, scored.to_edges())
    return Screening(
        unmatched={
            local_id: record
            for position, (local_id, record) in enumerate(packed.items(), 1)
            if -position not in related.held
        },
        near={
            local_id: record
            for position, (local_id, record) in enumerate(packed.items(), 1)
            if -position in related.near
        },
    )


def find_rivals(
    unit: ReadUnit,
    index: Index,
    source: Source,
    statements: Sequence[Statement],
    near: Mapping[str, PackedRecord],
) -> set[str]:
    """Return the local IDs of statements that are rivals of near rows.

    A rival makes a pair of at least the influence floor with a row that may be linked to a child in care.
    Without it, that row might be linked to the wrong child.

    Args:
        unit: the transaction.
        index: the open index.
        source: the source of the statements.
        statements: the statements.
        near: the near rows of the whole file.
    """
    packed = _pack_statements(unit, index, source, statements)
    rows = {-position: record for position, record in enumerate(packed.values(), 1)}
    numbers = {-position: local_id for position, local_id in enumerate(packed, 1)}
    near_rows = {-len(rows) - position: record for position, record in enumerate(near.values(), 1)}
    scored = score_pairs_between(
        unit, index.matcher, index.config_id(unit), near_rows, rows, _make_resources(index)
    )
    floor = index.matcher.model.thresholds.influence_floor
    return {numbers[row] for (_, row), bits in scored.to_edges().items() if bits >= floor}


def _pack_statements(
    unit: ReadUnit, index: Index, source: Source, statements: Sequence[Statement]
) -> dict[str, PackedRecord]:
    """Return the standardized records of statements, by local ID."""
    blocking = index.blocking_of(unit, index.config_id(unit))
    comparable = make_comparable(unit, index, source, statements)
    packed = {
        local_id: pack_record(record, blocking, index.keyed_hash, "")
        for local_id, record in comparable.items()
    }
    numbered = dict(enumerate(packed.values()))
    own_keys = {number: array("q", record.keys).tolist() for number, record in numbered.items()}
    finer_keys = find_finer_keys(unit, index, index.config_id(unit), numbered, own_keys)
    return {
        local_id: record._replace(keys=merge_keys(record.keys, finer_keys.get(number, ())))
        for number, (local_id, record) in enumerate(packed.items())
    }


def _make_resources(index: Index) -> ScoringResources:
    return ScoringResources(index.home, DUCKDB_MEMORY, None, index.tuning.scoring)
