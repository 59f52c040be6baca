"""A standardized record, either as features or as compact bytes."""

from typing import NamedTuple

from mpi.domain.features import Features
from mpi.standardize.serialization import features_from_bytes


class PackedRecord(NamedTuple):
    """A standardized record as bytes, which keeps large loads small in memory.

    Args:
        features: standardized values for comparison, as ``features_to_bytes`` writes them.
        keys: blocking keys, ascending, as native 64-bit integers.
        config_digest: digest of the configuration used: its lists decide which shared values are removed, its
            model decides which blocking keys the record has.
    """

    features: bytes
    keys: bytes
    config_digest: str


ComparableRecord = Features | PackedRecord


def unpack_features(record: ComparableRecord) -> Features:
    """Return a standardized record's comparison features, from objects or packed bytes."""
    return features_from_bytes(record.features) if isinstance(record, PackedRecord) else record
