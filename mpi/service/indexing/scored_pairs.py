"""Scored candidate pairs, and blocks too large to bring any."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mpi.matching.scoring.block_purging import NO_NUMBERS
from mpi.service.core.block_limits import MAX_PAIRED_RECORDS
from mpi.storage.repositories.derived.features_and_edges import Edges


class BlockSizeLimit(NamedTuple):
    """Size of a block above which its records are not paired.

    Args:
        records: most records of a block that brings pairs.
        replaced: stored records that the given ones will replace, which do not count.
    """

    records: int = MAX_PAIRED_RECORDS
    replaced: Collection[int] = ()


DEFAULT_SIZE_LIMIT = BlockSizeLimit()


class BlockSizes(NamedTuple):
    """Blocking keys whose blocks are too large, or may become so.

    Args:
        purged_keys: keys that bring no pairs, since too many records hold them; ascending.
        doubtful_keys: keys that bring pairs, but too many records may hold them once the records are written:
            a statement may be held for review, and then replaces nothing. Ascending.
    """

    purged_keys: np.ndarray = NO_NUMBERS
    doubtful_keys: np.ndarray = NO_NUMBERS


NO_LARGE_BLOCKS = BlockSizes()


@dataclass(frozen=True, slots=True)
class ScoredPairs:
    """Scored record pairs at or above the stored minimum weight, in columns.

    Args:
        lo: the record with the lower number of each pair.
        hi: the record with the higher number.
        bits: match weights in bits, rounded to 1e-6.
        block_sizes: blocking keys of the given records whose blocks are too large, or may become so.
    """

    lo: np.ndarray
    hi: np.ndarray
    bits: np.ndarray
    block_sizes: BlockSizes = NO_LARGE_BLOCKS

    def to_edges(self) -> Edges:
        """Return the scored record pairs as a mapping of pairs to weights."""
        return edges_from_columns(self.lo, self.hi, self.bits)


def edges_from_columns(lo: np.ndarray, hi: np.ndarray, bits: np.ndarray) -> Edges:
    """Convert columns of pairs and weights to a mapping of pairs."""
    return dict(zip(zip(lo.tolist(), hi.tolist(), strict=True), bits.tolist(), strict=True))
