"""Candidate pairs that were scored before the records are indexed."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from mpi.domain.features import Features
from mpi.service.indexing.scored_pairs import NO_LARGE_BLOCKS, BlockSizes
from mpi.storage.repositories.derived.features_and_edges import Edges


@dataclass(frozen=True, slots=True)
class KnownPairs:
    """Changed records whose candidate pairs were scored before the transaction.

    Args:
        records: the record numbers.
        edges: their pairs at or above the storage floor, with each other and with stored records.
        features: features of records in these pairs, as far as they are in memory.
        block_limit: most records of one block that are searched for the other changed records; None for no
            limit.
        in_segment: whether the blocking keys of all changed records go into a segment, not into the main
            table.
        block_sizes: blocking keys that brought none of these pairs, since too many records hold them, or that
            may turn out to be so.
        purged_keys: those blocking keys of these records that brought no pairs; None where they are not
            known.
    """

    records: frozenset[int]
    edges: Edges
    features: Mapping[int, Features] = field(default_factory=dict)
    block_limit: int | None = None
    in_segment: bool = False
    block_sizes: BlockSizes = NO_LARGE_BLOCKS
    purged_keys: AbstractSet[int] | None = None


NO_KNOWN_PAIRS = KnownPairs(frozenset(), {})


def known_pairs_of_record(
    record: int,
    bits: Mapping[int, float],
    features: Mapping[int, Features],
    purged_keys: AbstractSet[int],
) -> KnownPairs:
    """Return one changed record with its already scored candidate pairs.

    Args:
        record: its number.
        bits: match weight in bits of each paired record; its own is ignored.
        features: features of the paired records.
        purged_keys: those of its blocking keys that bring no pairs.
    """
    edges = {
        (min(record, neighbor), max(record, neighbor)): weight
        for neighbor, weight in bits.items()
        if neighbor != record
    }
    return KnownPairs(frozenset((record,)), edges, features, purged_keys=purged_keys)
