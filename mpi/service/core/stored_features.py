"""Stored features of records, read in batches that bound memory."""

from collections.abc import Collection, Iterator

from mpi.domain.features import Features
from mpi.standardize.serialization import features_from_bytes
from mpi.storage.unit_of_work.units import ReadUnit


def load_features(unit: ReadUnit, config_id: int, record_ids: Collection[int]) -> dict[int, Features]:
    """Return the stored comparison features of records, by record number."""
    stored = unit.derived_data.features(config_id, record_ids)
    return {record: features_from_bytes(payload) for record, payload in stored.items()}


def split_into_batches(unit: ReadUnit, record_ids: list[int]) -> Iterator[list[int]]:
    """Split record numbers into batches whose comparison features fit into memory."""
    batch_size = unit.tuning.feature_batch_records
    return (record_ids[start : start + batch_size] for start in range(0, len(record_ids), batch_size))
