"""Re-identification risk of a table of children, and how coarsening lowers it.

Children with equal values in every variable form a class. The risk of a child is at most one in the size of
its class (k-anonymity: Sweeney, "k-anonymity: a model for protecting privacy", International Journal of
Uncertainty, Fuzziness and Knowledge-Based Systems 10, 2002). Every variable counts as known to an
acquaintance, so that no variable is told by a class either.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_LARGEST_CODE = 2**62
Signatures = Mapping[str, Sequence[Hashable]]
"""For each variable, one value of each child; the children are in one order."""
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Risk:
    """Re-identification risk of a table of children.

    Args:
        children: number of children.
        classes: number of classes of children with equal values.
        smallest: number of children of the smallest class; 0 without children.
        uniques: children who are alone in their class.
        exposed: children in classes below the required size.
        required: required size of a class.
    """

    children: int
    classes: int
    smallest: int
    uniques: int
    exposed: int
    required: int

    @property
    def passes(self) -> bool:
        """Whether every class has the required size."""
        return not self.exposed

    @property
    def highest(self) -> float:
        """Risk of the child who is most at risk.

        It is one in the size of its class.
        """
        return 1 / self.smallest if self.smallest else 0.0

    @property
    def average(self) -> float:
        """Risk of a child drawn at random."""
        return self.classes / self.children if self.children else 0.0


def measure_risk(signatures: Signatures, required: int) -> Risk:
    """Measure the risk of a table of children.

    Args:
        signatures: values of each child by variable; at least one variable.
        required: required number of children of a class.
    """
    return _measure(_combine([_number(values) for values in signatures.values()]), required)


def find_rare_values(signatures: Signatures, required: int) -> dict[str, int]:
    """Count the values of each variable that too few children have."""
    rare = {}
    for variable, values in signatures.items():
        _, counts = np.unique(_number(values), return_counts=True)
        rare[variable] = int((counts < required).sum())
    return rare


def suggest_levels(
    read_signatures: Callable[[str, str], Sequence[Hashable]],
    levels: Mapping[str, Sequence[str]],
    required: int,
) -> dict[str, str] | None:
    """Return the least coarse levels found whose classes are large enough.

    The variable with the most values is coarsened first, until the classes are large enough. Then each
    variable gets back the detail that it need not lose. It is the algorithm Datafly (Sweeney 1997), with a
    way back; it need not find the best of all coarsenings.

    Args:
        read_signatures: returns one value of each child, by variable and level.
        levels: levels of each variable that may be used, from fine to coarse.
        required: required number of children of a class.

    Returns:
        None where even the coarsest levels are not enough.
    """
    codes: dict[tuple[str, str], Codes] = {}

    def read_codes(variable: str, place: int) -> Codes:
        key = (variable, levels[variable][place])
        if key not in codes:
            codes[key] = _number(read_signatures(*key))
        return codes[key]

    def passes(places: Mapping[str, int]) -> bool:
        columns = [read_codes(variable, place) for variable, place in places.items()]
        return _measure(_combine(columns), required).passes

    places = dict.fromkeys(levels, 0)
    while not passes(places):
        coarser = [variable for variable, place in places.items() if place + 1 < len(levels[variable])]
        if not coarser:
            return None
        widest = max(coarser, key=lambda variable: (_count(read_codes(variable, places[variable])), variable))
        places[widest] += 1
    for variable in sorted(places):
        while places[variable] and passes(places | {variable: places[variable] - 1}):
            places[variable] -= 1
    return {variable: levels[variable][place] for variable, place in places.items()}


def _number(values: Sequence[Hashable]) -> Codes:
    """Return values as numbers from 0, equal for equal values."""
    numbers: dict[Hashable, int] = {}
    return np.fromiter(
        (numbers.setdefault(value, len(numbers)) for value in values), np.int64, count=len(values)
    )


def _count(codes: Codes) -> int:
    """Return the number of different values."""
    return int(codes.max()) + 1 if len(codes) else 0


def _combine(columns: Sequence[Codes]) -> Codes:
    """Return the class of each child, by all columns together."""
    combined, size = columns[0], _count(columns[0])
    for column in columns[1:]:
        factor = _count(column)
        if size * max(factor, 1) >= _LARGEST_CODE:
            combined = np.unique(combined, return_inverse=True)[1].astype(np.int64)
            size = _count(combined)
        combined, size = combined * factor + column, size * factor
    return combined


def _measure(classes: Codes, required: int) -> Risk:
    _, counts = np.unique(classes, return_counts=True)
    return Risk(
        children=len(classes),
        classes=len(counts),
        smallest=int(counts.min()) if len(counts) else 0,
        uniques=int((counts == 1).sum()),
        exposed=int(counts[counts < required].sum()),
        required=required,
    )
