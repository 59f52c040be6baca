"""Term frequencies as a published model may hold them."""

from collections import Counter
from collections.abc import Iterable, Sequence

from mpi.domain.features import Features
from mpi.matching.frequencies import Frequencies

LEAST_BEARERS = 10
"""No value borne by fewer records is published: a rare name names a child."""


def count_frequencies(records: Iterable[Features], columns: Sequence[str]) -> Frequencies:
    """Count how common values are; rare ones share a tail.

    The tail is the frequency that the bearer of a rare value meets on average, sum(n**2) / sum(n) over the
    rare values: the chance that another record bears the same one.
    """
    counters: dict[str, Counter[str]] = {column: Counter() for column in columns}
    for features in records:
        for column, counter in counters.items():
            value = getattr(features, column)
            if value is not None:
                counter[value] += 1
    tables, tails = {}, {}
    for column, counter in counters.items():
        total = counter.total() or 1
        common = sorted((v, n) for v, n in counter.items() if n >= LEAST_BEARERS)
        rare = [n for n in counter.values() if n < LEAST_BEARERS]
        tables[column] = {value: count / total for value, count in common}
        tails[column] = sum(n * n for n in rare) / max(sum(rare), 1) / total or 1 / total
    return Frequencies(tables, tails)
