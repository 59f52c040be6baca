"""Splitting of long lists, and the largest integer of a column.

SQLite and PostgreSQL both limit the parameters of one statement.
"""

from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import TypeVar

CHUNK_SIZE = 10_000
MAX_BIGINT = 2**63 - 1
"""The largest value of a 64-bit column."""

Item = TypeVar("Item")


def iter_chunks(items: Collection[Item], size: int = CHUNK_SIZE) -> Iterator[Sequence[Item]]:
    """Yield consecutive lists of at most ``size`` items."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
