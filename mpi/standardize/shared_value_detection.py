"""Which values many unrelated people use: found by how many birth dates they are borne with.

Apart from what is done with such values: the processes that let rows in need no numpy, which takes as long to
import as a fourth of all the rest.
"""

from array import array
from collections.abc import Iterable
from datetime import date
from types import MappingProxyType
from typing import Self

import numpy as np

from mpi.domain.features import Features
from mpi.domain.keyed_hash import KeyedHash
from mpi.standardize.shared_values import SHARED_VALUE_COLUMNS, MIN_BIRTH_DATES, SharedValues, hash_value, list_shareable_values


def find_shared_values(records: Iterable[Features], seal: KeyedHash) -> SharedValues:
    """The values that are borne with at least ``MIN_BIRTH_DATES`` distinct birth dates.

    The order of the records does not matter. A record without a birth date is not counted.

    Args:
        records: features of all active records, nothing taken out of them.
        seal: the index's secret.
    """
    borne = SharedValueCounter()
    for features in records:
        borne.add(features, seal)
    return borne.find_shared()


class SharedValueCounter:
    """Which values are borne with which birth dates, as hashes and days; can be sent to another process."""

    def __init__(self) -> None:
        self._pairs = {column: (array("q"), array("q")) for column in SHARED_VALUE_COLUMNS}

    def add(self, features: Features, seal: KeyedHash) -> None:
        """Count one record, nothing taken out of it; one without a birth date is not counted."""
        if features.birth_date is None:
            return
        day = date.fromisoformat(features.birth_date).toordinal()
        for column, (hashes, days) in self._pairs.items():
            for value in list_shareable_values(features, column):
                hashes.append(hash_value(seal, value))
                days.append(day)

    def extend(self, other: Self) -> None:
        """Count what was counted elsewhere."""
        for column, (hashes, days) in self._pairs.items():
            more_hashes, more_days = other._pairs[column]
            hashes.extend(more_hashes)
            days.extend(more_days)

    def find_shared(self) -> SharedValues:
        """The values that are borne with at least ``MIN_BIRTH_DATES`` distinct birth dates."""
        found = {column: _select_shared_hashes(*pairs) for column, pairs in self._pairs.items()}
        return SharedValues(MappingProxyType({column: hashes for column, hashes in found.items() if hashes}))


def _select_shared_hashes(hashes: "array[int]", days: "array[int]") -> frozenset[int]:
    pairs = np.vstack([np.asarray(hashes), np.asarray(days)])
    pairs = pairs[:, np.lexsort((pairs[1], pairs[0]))]
    another = np.ones(pairs.shape[1], dtype=np.bool_)
    another[1:] = (pairs[:, 1:] != pairs[:, :-1]).any(axis=0)
    values, dates = np.unique(pairs[0, another], return_counts=True)
    return frozenset(values[dates >= MIN_BIRTH_DATES].tolist())
