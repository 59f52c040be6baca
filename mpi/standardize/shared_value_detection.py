"""Detection of addresses and other values that many unrelated people share.

A value is shared where it occurs with many distinct birth dates. This module is apart from ``shared_values``,
because processes that validate rows need no numpy, whose import takes a fourth of the time of all others.
"""

from array import array
from collections.abc import Iterable
from datetime import date
from types import MappingProxyType
from typing import Self

import numpy as np

from mpi.domain.features import Features
from mpi.domain.keyed_hash import KeyedHash
from mpi.standardize.shared_values import (
    MIN_BIRTH_DATES,
    SHARED_VALUE_COLUMNS,
    SharedValues,
    hash_value,
    list_shareable_values,
)


def find_shared_values(records: Iterable[Features], keyed_hash: KeyedHash) -> SharedValues:
    """Find values, such as addresses, that many people share.

    These occur with ``MIN_BIRTH_DATES`` or more birth dates. The order of the records does not matter. A
    record without a birth date is not counted.

    Args:
        records: features of all active records, with no value removed.
        keyed_hash: the keyed hash of the index.
    """
    counter = SharedValueCounter()
    for features in records:
        counter.add(features, keyed_hash)
    return counter.find_shared()


class SharedValueCounter:
    """Counter of the birth dates that occur with each value of records.

    It holds hashes and days only, and can be sent to another process.
    """

    def __init__(self) -> None:
        self._pairs = {column: (array("q"), array("q")) for column in SHARED_VALUE_COLUMNS}

    def add(self, features: Features, keyed_hash: KeyedHash) -> None:
        """Count one record's birth date for each of its values.

        A record without a birth date is not counted.
        """
        if features.birth_date is None:
            return
        day = date.fromisoformat(features.birth_date).toordinal()
        for column, (hashes, days) in self._pairs.items():
            for value in list_shareable_values(features, column):
                hashes.append(hash_value(keyed_hash, value))
                days.append(day)

    def extend(self, other: Self) -> None:
        """Add the counts of another counter of birth dates."""
        for column, (hashes, days) in self._pairs.items():
            more_hashes, more_days = other._pairs[column]
            hashes.extend(more_hashes)
            days.extend(more_days)

    def find_shared(self) -> SharedValues:
        """Return the values that many people share, by their birth dates."""
        shared_hashes = {column: _select_shared_hashes(*pairs) for column, pairs in self._pairs.items()}
        return SharedValues(
            MappingProxyType({column: hashes for column, hashes in shared_hashes.items() if hashes})
        )


def _select_shared_hashes(hashes: "array[int]", days: "array[int]") -> frozenset[int]:
    """Return the value hashes that occur with enough distinct birth dates."""
    pairs = np.vstack([np.asarray(hashes), np.asarray(days)])
    pairs = pairs[:, np.lexsort((pairs[1], pairs[0]))]
    is_new_pair = np.ones(pairs.shape[1], dtype=np.bool_)
    is_new_pair[1:] = (pairs[:, 1:] != pairs[:, :-1]).any(axis=0)
    values, dates = np.unique(pairs[0, is_new_pair], return_counts=True)
    return frozenset(values[dates >= MIN_BIRTH_DATES].tolist())
