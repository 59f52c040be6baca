"""Counter of term frequencies that a published model may hold."""

from collections import Counter
from collections.abc import Sequence

import pyarrow as pa

from mpi.matching.model.frequencies import Frequencies

LEAST_OCCURRENCES = 10
"""Fewest records that must share a value before it is published.

A rarer name would identify a child.
"""


def count_frequencies(
    records: pa.Table, columns: Sequence[str], least: int = LEAST_OCCURRENCES
) -> Frequencies:
    """Count how common values are; rare values share a tail frequency.

    The tail is the frequency that the owner of a rare value meets on average, sum(n**2) / sum(n) over
    the rare values: the chance that another record has the same one.

    Args:
        records: feature table.
        columns: columns of single values.
        least: fewest records that must share a value before it is listed.
    """
    counters = {column: _count_values(records[column]) for column in columns}
    tables, tails = {}, {}
    for column, counter in counters.items():
        total = counter.total() or 1
        common = sorted((v, n) for v, n in counter.items() if n >= least)
        rare = [n for n in counter.values() if n < least]
        tables[column] = {value: count / total for value, count in common}
        tails[column] = sum(n * n for n in rare) / max(sum(rare), 1) / total or 1 / total
    return Frequencies(tables, tails)


def count_all_values(records: pa.Table, columns: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return the share of every value, as Splink counts it."""
    counters = {column: _count_values(records[column]) for column in columns}
    return {
        column: {value: count / counter.total() for value, count in counter.items()}
        for column, counter in counters.items()
    }


def _count_values(column: pa.ChunkedArray) -> Counter[str]:
    """Count how often each value of a column occurs."""
    values, counts = column.drop_null().combine_chunks().value_counts().flatten()
    return Counter(dict(zip(values.to_pylist(), counts.to_pylist(), strict=True)))
