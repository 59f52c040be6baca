"""Bounds of hidden cells that follow from everything published, by linear programs."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from mpi.domain.errors import InputError
from mpi.domain.statistics.small_cells import SMALLEST_SHOWN_COUNT
from mpi.reports.cells import Cell, CellSum

_SLACK = 1e-6
"""Tolerance of the linear programs; counts are whole numbers."""
_OPTIMAL, _INFEASIBLE, _UNBOUNDED = 0, 2, 3
"""States of SciPy's answers."""

_Row = tuple[dict[int, float], float]


@dataclass(frozen=True, slots=True)
class Publication:
    """Counts as they are published together.

    Args:
        counts: count of each cell; None if it is hidden.
        small: hidden cells whose counts are small; the others only protect these. Never published.
        sums: sums between the cells.
        possible_zeros: hidden cells that may be 0 for what readers know, as they were hidden before. So may
            the parts of a hidden total.
        is_held: whether these are the counts of an earlier time, as new ones would tell a small count.
    """

    counts: Mapping[Cell, int | None]
    small: frozenset[Cell]
    sums: tuple[CellSum, ...]
    possible_zeros: frozenset[Cell] = frozenset()
    is_held: bool = False

    @property
    def hidden(self) -> frozenset[Cell]:
        """Cells that are not shown."""
        return frozenset(cell for cell, count in self.counts.items() if count is None)


@dataclass(frozen=True, slots=True)
class CellRule:
    """Rule of small cells.

    Args:
        smallest_shown: smallest count above 0 that is shown.
        movement: by how much a reader assumes that a count at most changed between two publications; None
            for the least change that their shown counts allow, with which a reader learns most. Each
            population has its own, as one can change much while another one stays.
    """

    smallest_shown: int = SMALLEST_SHOWN_COUNT
    movement: int | None = None


def bound_cell(
    cell: Cell, publication: Publication, rule: CellRule | None = None, other: Publication | None = None
) -> tuple[float, float]:
    """Return a cell's least and greatest counts that fit everything published.

    Args:
        cell: a cell of the publication.
        publication: what is published with it.
        rule: the rule of small cells.
        other: what was published at another time, if a reader has it too.
    """
    count = publication.counts[cell]
    if count is not None:
        return count, count
    program = CellProgram(rule or CellRule(), [each for each in (publication, other) if each is not None])
    return program.bound(cell)


class CellProgram:
    """Linear program over the hidden cells of one or two publications.

    A variable is the place of the publication, and a cell; the last ones are the movements of populations. A
    hidden count is at least 1, except where it may be 0.
    """

    def __init__(self, rule: CellRule, publications: Sequence[Publication]) -> None:
        self._rule = rule
        hidden = [
            (place, cell)
            for place, publication in enumerate(publications)
            for cell, count in publication.counts.items()
            if count is None
        ]
        self._columns = {variable: column for column, variable in enumerate(hidden)}
        zeros = {
            (place, cell)
            for place, publication in enumerate(publications)
            for cell in _list_possible_zeros(publication)
        }
        self._bounds: list[tuple[float, float | None]] = [
            (0 if variable in zeros else 1, None) for variable in hidden
        ]
        self._equal: list[_Row] = []
        self._at_most: list[_Row] = []
        for place, publication in enumerate(publications):
            self._add_sums(place, publication)
        self._first_movement = len(self._bounds)
        self._movements: dict[str, int] = {}
        """Column of the movement of each population, the one with most shown counts first."""
        self._least_movements: dict[int, int] = {}
        """Least movement that the counts shown both times allow, by column."""
        if len(publications) > 1:
            self._add_movements(*publications)
        self._solve, make_matrix = _import_solver()
        size = len(self._bounds)
        self._matrices = (make_matrix(self._at_most, size), make_matrix(self._equal, size))
        self._bound_movements()

    def _bound_movements(self) -> None:
        """Set the greatest change that a reader assumes of each population."""
        columns = list(self._movements.values())
        if self._rule.movement is not None:
            self._bounds[self._first_movement :] = [(0, self._rule.movement)] * len(columns)
            return
        self._bounds[self._first_movement :] = [(0, self._least_movements[column]) for column in columns]
        if not columns or self._minimize(columns[0], 1).status == _OPTIMAL:
            return
        # Hidden counts changed more than those that are shown: one population after the other.
        self._bounds[self._first_movement :] = [(0, None)] * len(columns)
        for column in columns:
            answer = self._minimize(column, 1)
            if answer.status == _OPTIMAL:
                self._bounds[column] = (0, ceil(answer.fun - _SLACK))

    def _add_sums(self, place: int, publication: Publication) -> None:
        for line in publication.sums:
            row: dict[int, float] = {}
            constant = 0.0
            for sign, cell in ((1.0, line.total), *((-1.0, part) for part in line.parts)):
                count = publication.counts[cell]
                if count is None:
                    row[self._columns[place, cell]] = sign
                else:
                    constant += sign * count
            if row:
                self._equal.append((row, -constant))

    def _add_movements(self, first: Publication, second: Publication) -> None:
        """Bound the change of every cell by the movement of its population.

        Cells that are shown are bounded too.
        """
        cells = first.counts.keys() & second.counts.keys()
        shown = Counter(each.population for each in cells - first.hidden - second.hidden)
        for population in sorted({cell.population for cell in cells}, key=lambda each: (-shown[each], each)):
            self._movements[population] = len(self._bounds)
            self._bounds.append((0, None))
        self._least_movements = dict.fromkeys(self._movements.values(), 0)
        for cell in cells:
            movement = self._movements[cell.population]
            row: dict[int, float] = {}
            constant = 0.0
            for place, sign, publication in ((0, 1.0, first), (1, -1.0, second)):
                count = publication.counts[cell]
                if count is None:
                    row[self._columns[place, cell]] = sign
                else:
                    constant += sign * count
            if not row:
                self._least_movements[movement] = max(self._least_movements[movement], int(abs(constant)))
            self._at_most.append(({**row, movement: -1.0}, -constant))
            self._at_most.append(
                ({**{column: -sign for column, sign in row.items()}, movement: -1.0}, constant)
            )

    def bound(self, cell: Cell) -> tuple[float, float]:
        """Return a cell's least and greatest counts in the first publication.

        A program without a solution tells nothing of the cell, since then the reader assumed too little
        movement.
        """
        column = self._columns[0, cell]
        least, greatest = self._minimize(column, 1), self._minimize(column, -1)
        return (
            float(least.fun) if least.status == _OPTIMAL else float("-inf"),
            -float(greatest.fun) if greatest.status == _OPTIMAL else float("inf"),
        )

    def find_unprotected(self, cells: Iterable[Cell], first: Cell | None = None) -> Cell | None:
        """Return a cell that is bounded tighter than the rule allows.

        It is one of the first publication; None if there is none.

        Args:
            cells: small cells of the first publication.
            first: one that is tried before the others, which go by their order.

        Every solution shows a possible count of all cells, so few cells need programs of their own.
        """
        # Cells for which a solution at their lowest, or at their highest, was seen.
        low: set[int] = set()
        high: set[int] = set()
        for cell in sorted(cells, key=lambda each: (each != first, each)):
            column = self._columns[0, cell]
            for sign, seen in ((1, low), (-1, high)):
                if column in seen:
                    continue
                answer = self._minimize(column, sign)
                if answer.status in {_INFEASIBLE, _UNBOUNDED}:
                    continue
                if answer.status == _OPTIMAL:
                    low.update((answer.x <= 1 + _SLACK).nonzero()[0].tolist())
                    high.update((answer.x >= self._rule.smallest_shown - 1 - _SLACK).nonzero()[0].tolist())
                if column not in seen:
                    return cell
        return None

    def _minimize(self, column: int, sign: int) -> Any:  # noqa: ANN401 - SciPy's answer
        objective = [0.0] * len(self._bounds)
        objective[column] = sign
        at_most, equal = self._matrices
        return self._solve(
            objective,
            A_ub=at_most,
            b_ub=[bound for _, bound in self._at_most] or None,
            A_eq=equal,
            b_eq=[value for _, value in self._equal] or None,
            bounds=self._bounds,
            method="highs-ds",
            options={"presolve": False},
        )


def _list_possible_zeros(publication: Publication) -> set[Cell]:
    """Return the cells that may be 0 where they are hidden."""
    parts = {
        part for line in publication.sums if publication.counts[line.total] is None for part in line.parts
    }
    return parts | publication.possible_zeros


def _import_solver() -> tuple[Any, Any]:
    """Return SciPy's solver, and a function that makes its sparse matrices."""
    try:
        from scipy.optimize import linprog  # noqa: PLC0415 - an extra
        from scipy.sparse import csr_array  # noqa: PLC0415 - an extra
    except ImportError:
        raise InputError(
            "published tables need the extra reports, which is not installed: "
            "pip install '.[reports]' in a checkout"
        ) from None

    def make_matrix(rows: Sequence[_Row], size: int) -> Any:  # noqa: ANN401
        if not rows:
            return None
        entries = [
            (value, line, column) for line, (row, _) in enumerate(rows) for column, value in row.items()
        ]
        values, lines, columns = zip(*entries, strict=True)
        return csr_array((values, (lines, columns)), shape=(len(rows), size))

    return linprog, make_matrix
