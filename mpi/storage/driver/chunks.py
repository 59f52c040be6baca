"""Bounded IN lists: SQLite and PostgreSQL both limit the variables of one statement."""

from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import TypeVar

CHUNK_SIZE = 10_000
MAX_BIGINT = 2**63 - 1
"""That a column can hold; nothing has a greater number."""

Item = TypeVar("Item")


def iter_chunks(items: Collection[Item], size: int = CHUNK_SIZE) -> Iterator[Sequence[Item]]:
    """Consecutive lists of at most ``size`` items."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
