"""Small cells: counts so small that they would tell of a child are not shown, nor what they follow from."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

SMALLEST_SHOWN_COUNT = 10
"""Counts from 1 to one less are not shown to whoever may not see records."""

CellName = TypeVar("CellName", bound=str)


def suppress_cells(cells: Mapping[CellName, int], least: int = SMALLEST_SHOWN_COUNT) -> dict[CellName, int | None]:
    """Counts that add up to a total that is known, with None for what is not shown.

    Where one alone would be left out, the total would tell it: then the next smallest is left out too. A
    count of 0 is shown, as it tells of nobody.

    Args:
        cells: counts, each of others than the rest.
        least: the smallest count that is shown.
    """
    hidden = {name for name, count in cells.items() if 0 < count < least}
    rest = {name: count for name, count in cells.items() if count and name not in hidden}
    if len(hidden) == 1 and rest:
        hidden.add(min(rest, key=lambda name: (rest[name], name)))
    return {name: None if name in hidden else count for name, count in cells.items()}


def suppress_cells_in_parts(parts: Sequence[Mapping[CellName, int]], least: int = SMALLEST_SHOWN_COUNT) -> dict[CellName, int | None]:
    """Counts of which the total of each part is known besides that of all; as ``suppress_cells``.

    Args:
        parts: counts, each of others than the rest.
        least: the smallest count that is shown.
    """
    of_all = suppress_cells({name: count for part in parts for name, count in part.items()}, least)
    in_part = {name: count for part in parts for name, count in suppress_cells(part, least).items()}
    return {name: None if in_part[name] is None else count for name, count in of_all.items()}


def suppress_count(count: int, least: int = SMALLEST_SHOWN_COUNT) -> int | None:
    """A count by itself; None where it is too small to be shown."""
    return None if 0 < count < least else count
