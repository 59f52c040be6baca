"""Suppression of counts so small that they could identify a child."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

SMALLEST_SHOWN_COUNT = 10
"""Smallest count above 0 shown to viewers who may not read records."""
_FEWEST_HIDDEN = 3
"""Fewest counts hidden together: of two, the sum can tell both."""

CellName = TypeVar("CellName", bound=str)


def suppress_cells(
    cells: Mapping[CellName, int], least: int = SMALLEST_SHOWN_COUNT
) -> dict[CellName, int | None]:
    """Replace counts of few people by None, where their total is known.

    The next smallest are suppressed too until no small count follows from the total, from what is shown and
    from this rule: a hidden count is at least 1 and at most the smallest shown one. Then each hidden count
    could be 1, or ``least - 1`` or more. If every count above 0 is hidden, a small total may still tell them.
    A count of 0 is shown, as it identifies nobody.

    Args:
        cells: counts of disjoint groups.
        least: smallest count that is shown.
    """
    ordered = sorted((count, name) for name, count in cells.items() if count)
    size = sum(count < least for count, _ in ordered)
    while 0 < size < len(ordered) and not _are_protected([count for count, _ in ordered], size, least):
        size += 1
    hidden = {name for _, name in ordered[:size]}
    return {name: None if name in hidden else count for name, count in cells.items()}


def _are_protected(counts: Sequence[int], size: int, least: int) -> bool:
    """Return whether the smallest counts, if hidden, cannot be computed.

    Args:
        counts: all counts above 0, ascending.
        size: number of those hidden.
        least: smallest count that is shown.
    """
    total, others = sum(counts[:size]), size - 1
    return size >= _FEWEST_HIDDEN and least - 1 + others <= total <= 1 + others * (counts[size] - 1)


def suppress_cells_in_parts(
    parts: Sequence[Mapping[CellName, int]], least: int = SMALLEST_SHOWN_COUNT
) -> dict[CellName, int | None]:
    """Replace counts of few people by None, where part totals are known.

    Args:
        parts: counts of disjoint groups, in parts whose totals are published.
        least: smallest count that is shown.
    """
    of_all = suppress_cells({name: count for part in parts for name, count in part.items()}, least)
    in_part = {name: count for part in parts for name, count in suppress_cells(part, least).items()}
    return {name: None if in_part[name] is None else count for name, count in of_all.items()}


def suppress_count(count: int, least: int = SMALLEST_SHOWN_COUNT) -> int | None:
    """Return a count of people, or None where it is too small."""
    return None if 0 < count < least else count
