"""Cells of frequency tables, and the sums that tie them together."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import NamedTuple, Protocol

CHILDREN = "children known"
"""Population of all children of the index."""


class Cell(NamedTuple):
    """A group of children that a published table counts.

    Two tables that count one group share the cell, and so a reader can combine them.

    Args:
        population: name of the children who are counted.
        values: (dimension, value) of the group, ordered by dimension; empty for all.
    """

    population: str
    values: tuple[tuple[str, str], ...]


class CellSum(NamedTuple):
    """A cell and the cells of which it is the sum."""

    total: Cell
    parts: tuple[Cell, ...]


class CountedTable(Protocol):
    """Table whose counts are tied by sums."""

    def count_cells(self) -> dict[Cell, int]:
        """Return the count of every cell."""

    def list_sums(self) -> list[CellSum]:
        """Return every sum between the cells."""

    def list_withheld(self) -> frozenset[Cell]:
        """Return the cells that no published table shows, whatever they count."""


@dataclass(frozen=True, slots=True)
class FrequencyTable:
    """Counts of children by all combinations of some dimensions.

    Args:
        population: name of the children who are counted.
        dimensions: name and values of each dimension, in the order of columns.
        counts: number of children by one value for each dimension; 0 where left out.
        unions: groups of values of a dimension that are counted together, too: (dimension, name, values).
    """

    population: str
    dimensions: tuple[tuple[str, tuple[str, ...]], ...]
    counts: Mapping[tuple[str, ...], int]
    unions: tuple[tuple[str, str, tuple[str, ...]], ...] = ()

    def find_cell(self, **values: str) -> Cell:
        """Return the cell of a group, by values of some dimensions."""
        return Cell(self.population, tuple(sorted(values.items())))

    def count_cells(self) -> dict[Cell, int]:
        """Return the count of every combination, total and union."""
        cells = {self.find_cell(**group): 0 for group in self._list_groups(range(len(self.dimensions)))}
        for combination, count in self.counts.items():
            for kept in _subsets(range(len(self.dimensions))):
                names = [self.dimensions[place][0] for place in kept]
                values = [self._list_values_with(place, combination[place]) for place in kept]
                for group in product(*values):
                    cells[self.find_cell(**dict(zip(names, group, strict=True)))] += count
        return cells

    def list_sums(self) -> list[CellSum]:
        """Return every total and every union as a sum of its parts.

        A total has its parts along one dimension; the parts of a union are its values.
        """
        sums = []
        for split, (name, values) in enumerate(self.dimensions):
            others = range(len(self.dimensions))
            for group in self._list_groups([place for place in others if place != split]):
                parts = {value: self.find_cell(**group, **{name: value}) for value in values}
                sums.append(CellSum(self.find_cell(**group), tuple(parts.values())))
                for dimension, union, members in self.unions:
                    if dimension == name:
                        total = self.find_cell(**group, **{name: union})
                        sums.append(CellSum(total, tuple(parts[member] for member in members)))
        return sums

    def list_withheld(self) -> frozenset[Cell]:
        """Return no cell: each can be shown."""
        return frozenset()

    def _list_groups(self, places: Sequence[int]) -> Iterator[dict[str, str]]:
        """Yield every group by values or unions of some dimensions."""
        for kept in _subsets(places):
            names = [self.dimensions[place][0] for place in kept]
            values = [
                (
                    *self.dimensions[place][1],
                    *(union for dimension, union, _ in self.unions if dimension == self.dimensions[place][0]),
                )
                for place in kept
            ]
            for group in product(*values):
                yield dict(zip(names, group, strict=True))

    def _list_values_with(self, place: int, value: str) -> tuple[str, ...]:
        """Return a value of a dimension and the unions that hold it."""
        name = self.dimensions[place][0]
        return (
            value,
            *(union for dimension, union, members in self.unions if dimension == name and value in members),
        )


def _subsets(places: Sequence[int]) -> Iterator[tuple[int, ...]]:
    for size in range(len(places) + 1):
        yield from combinations(places, size)
