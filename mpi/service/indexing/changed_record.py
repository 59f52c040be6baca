"""A record whose comparison features are new, to be indexed again."""

from array import array
from dataclasses import dataclass

from mpi.domain.features import Features
from mpi.domain.keyed_hash import KeyedHash
from mpi.matching.model.blocking_keys import BlockingSpec, compute_keys
from mpi.service.core.comparable_record import ComparableRecord, PackedRecord, unpack_features
from mpi.standardize.serialization import features_to_bytes


@dataclass(frozen=True, slots=True)
class ChangedRecord:
    """A record whose standardized comparison features are new or have changed.

    Args:
        group_id: number of the visibility group of its source.
        comparable: the standardized record.
        merged_into: local ID of the record that its source merged it into.
        canonical_key: canonical key of a record that is new in this transaction. Nothing can refer to such a
            record yet, and nothing was derived from it. None for a record that existed.
    """

    group_id: int
    comparable: ComparableRecord
    merged_into: str | None = None
    canonical_key: int | None = None

    @property
    def is_new(self) -> bool:
        """Whether the record was added in this transaction."""
        return self.canonical_key is not None

    @property
    def features(self) -> Features:
        """The standardized comparison features of the record."""
        return unpack_features(self.comparable)

    @property
    def payload(self) -> bytes:
        """The record's comparison features as bytes, in the form that is stored."""
        return (
            self.comparable.features
            if isinstance(self.comparable, PackedRecord)
            else features_to_bytes(self.comparable)
        )

    def pack_blocking_keys(self, blocking: BlockingSpec, keyed_hash: KeyedHash) -> bytes:
        """Return the record's blocking keys as native 64-bit integers in bytes."""
        if isinstance(self.comparable, PackedRecord):
            return self.comparable.keys
        return array("q", compute_keys(self.comparable, blocking, keyed_hash)).tobytes()

    def blocking_keys(self, blocking: BlockingSpec, keyed_hash: KeyedHash) -> list[int]:
        """Return the record's blocking keys under the configuration in force."""
        return array("q", self.pack_blocking_keys(blocking, keyed_hash)).tolist()


def pack_record(
    record: ComparableRecord, blocking: BlockingSpec, keyed_hash: KeyedHash, config_digest: str
) -> PackedRecord:
    """Return a standardized record's features and blocking keys as bytes.

    Args:
        record: the record.
        blocking: blocking rules of the configuration in force.
        keyed_hash: keyed hash of the index.
        config_digest: digest of the configuration in force.
    """
    if isinstance(record, PackedRecord):
        return record
    own = array("q", compute_keys(record, blocking, keyed_hash))
    return PackedRecord(features_to_bytes(record), own.tobytes(), config_digest)
