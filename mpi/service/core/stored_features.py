"""Features of records as they are stored, as many at a time as are no burden on memory."""

from collections.abc import Collection, Iterator

from mpi.domain.features import Features
from mpi.standardize.payload import features_from_bytes
from mpi.storage.unit_of_work.unit import ReadUnit

FEATURES_PER_BATCH = 2_000
"""Records of a block whose features are in memory at once."""


def load_features(unit: ReadUnit, config_id: int, record_ids: Collection[int]) -> dict[int, Features]:
    """Stored features of records."""
    stored = unit.derived_data.features(config_id, record_ids)
    return {record: features_from_bytes(payload) for record, payload in stored.items()}


def split_into_batches(records: list[int]) -> Iterator[list[int]]:
    """Records, so many at once that their features are no burden on memory."""
    return (records[at : at + FEATURES_PER_BATCH] for at in range(0, len(records), FEATURES_PER_BATCH))
