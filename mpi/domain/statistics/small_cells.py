"""Suppression of counts so small that they could identify a child."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

SMALLEST_SHOWN_COUNT = 10
"""Smallest count above 0 shown to viewers who may not read records."""

CellName = TypeVar("CellName", bound=str)


def suppress_cells(
    cells: Mapping[CellName, int], least: int = SMALLEST_SHOWN_COUNT
) -> dict[CellName, int | None]:
    """Replace counts of few people by None, where their total is known.

    Where only one count would be suppressed, the total would reveal it: then the next smallest is
    suppressed too. A count of 0 is shown, as it identifies nobody.

    Args:
        cells: counts of disjoint groups.
        least: smallest count that is shown.
    """
    hidden = {name for name, count in cells.items() if 0 < count < least}
    rest = {name: count for name, count in cells.items() if count and name not in hidden}
    if len(hidden) == 1 and rest:
        hidden.add(min(rest, key=lambda name: (rest[name], name)))
    return {name: None if name in hidden else count for name, count in cells.items()}


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
