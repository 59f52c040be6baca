"""A record in comparable form, as an object or as bytes."""

from typing import NamedTuple

from mpi.domain.features import Features
from mpi.standardize.payload import features_from_bytes


class PackedRecord(NamedTuple):
    """A record made comparable, as bytes: a load of a million keeps no more of each.

    Args:
        features: as ``features_to_bytes`` writes them.
        keys: blocking keys, ascending, as native 64-bit integers.
        config: digest of the configuration under which it was made comparable: its lists say which shared
            values were taken out, its model which keys the record has.
    """

    features: bytes
    keys: bytes
    config: str


ComparableRecord = Features | PackedRecord


def unpack_features(made: ComparableRecord) -> Features:
    """The features, whichever way they are at hand."""
    return features_from_bytes(made.features) if isinstance(made, PackedRecord) else made
