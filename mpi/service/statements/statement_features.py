"""Standardized records of statements, compared and indexed in place of them."""

from array import array
from collections.abc import Collection

from mpi.domain.record import CanonicalRecord
from mpi.matching.model.blocking_keys import compute_keys
from mpi.service.core.comparable_record import ComparableRecord, PackedRecord
from mpi.service.core.index import Index
from mpi.service.statements.statement import Statement
from mpi.standardize.serialization import features_to_bytes
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import ReadUnit


def make_comparable(
    unit: ReadUnit, index: Index, source: Source, statements: Collection[Statement]
) -> dict[str, ComparableRecord]:
    """Standardize the records of statements under the configuration in force.

    Returns:
        Standardized records by local ID.
    """
    shared = index.shared_values(unit)
    config_digest = index.digest(shared) if any(statement.comparable for statement in statements) else None
    return {
        statement.local_id: statement.comparable
        if statement.comparable is not None and statement.comparable.config_digest == config_digest
        else index.features_of(statement.record, source.code, shared)
        for statement in statements
    }


def prepare_comparable(index: Index, record: CanonicalRecord, source_code: str) -> PackedRecord | None:
    """Standardize a record before its transaction, under the last known configuration.

    If another configuration is in force by then, ``make_comparable`` standardizes the record again.

    Returns:
        The record; None where no configuration is known yet.
    """
    config_id = index.last_config_id
    shared, blocking = index.caches.shared_values.get(config_id), index.caches.blocking.get(config_id)
    if shared is None or blocking is None:
        return None
    features = index.features_of(record, source_code, shared)
    blocking_keys = array("q", compute_keys(features, blocking, index.keyed_hash))
    return PackedRecord(features_to_bytes(features), blocking_keys.tobytes(), index.digest(shared))
