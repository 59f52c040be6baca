"""Suppression of small cells, audited by linear programs.

The rule hides each count from 1 to one below the smallest shown count. Other cells are hidden too, until no
hidden small count can be computed: two linear programs for each small cell find its least and greatest value
that fit everything published, today and the time before, and these may not lie within the rule's own bounds.
The order in which cells are hidden is fixed, so the algorithm can be published. ADR 0158 compares it with
others.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mpi.domain.errors import InputError
from mpi.domain.statistics.small_cells import SMALLEST_SHOWN_COUNT
from mpi.reports.cells import Cell, CellSum, CountedTable

_SLACK = 1e-6
"""Tolerance of the linear programs; counts are whole numbers."""


@dataclass(frozen=True, slots=True)
class Publication:
    """Counts as they are published together.

    Args:
        counts: count of each cell; None if it is hidden.
        small: hidden cells whose counts are small; the others only protect these. Never published.
        sums: sums between the cells.
        is_held: whether these are the counts of the time before, as the new ones would tell a small count.
    """

    counts: Mapping[Cell, int | None]
    small: frozenset[Cell]
    sums: tuple[CellSum, ...]
    is_held: bool = False


@dataclass(frozen=True, slots=True)
class CellRule:
    """Rule of small cells.

    Args:
        smallest_shown: smallest count above 0 that is shown.
        movement: by how much a reader knows that a count at most changed since the time before.
    """

    smallest_shown: int = SMALLEST_SHOWN_COUNT
    movement: int = SMALLEST_SHOWN_COUNT - 1


def publish_tables(
    tables: Iterable[CountedTable],
    rule: CellRule | None = None,
    previous: Publication | None = None,
) -> Publication:
    """Return the counts of some tables with small cells hidden.

    Args:
        tables: the tables that are published together.
        rule: the rule of small cells.
        previous: what was published the time before, which readers remember.

    Returns:
        The publication; that of the time before, held, if no other one protects every small cell of both.

    Raises:
        InputError: the extra ``reports``, which holds the solver, is not installed.
    """
    rule = rule or CellRule()
    exact: dict[Cell, int] = {}
    sums: dict[CellSum, None] = {}
    for table in tables:
        exact |= table.count_cells()
        sums |= dict.fromkeys(table.list_sums())
    small = frozenset(cell for cell, count in exact.items() if 0 < count < rule.smallest_shown)
    # Also the zeros of a small total, which else would tell how many of its parts are none.
    hidden = set(small).union(*(line.parts for line in sums if line.total in small))
    for cell in sorted(small):
        while not _is_protected(cell, _mask(exact, small, hidden, sums), rule, None):
            if not _hide_another(cell, exact, hidden, sums):
                raise InputError(
                    f"no suppression protects the small counts of {cell.population!r}: show fewer groups"
                )
    if previous is not None and not _hide_against(previous, exact, small, hidden, sums, rule):
        return _hold(previous)
    return _show_needless(exact, small, hidden, sums, rule, previous)


def _hide_against(
    previous: Publication,
    exact: Mapping[Cell, int],
    small: frozenset[Cell],
    hidden: set[Cell],
    sums: Mapping[CellSum, None],
    rule: CellRule,
) -> bool:
    """Hide cells until the time before helps nobody; return whether that is possible."""
    for cell in sorted(small):
        while not _is_protected(cell, _mask(exact, small, hidden, sums), rule, previous):
            if not _hide_another(cell, exact, hidden, sums):
                return False
    publication = _mask(exact, small, hidden, sums)
    return _are_protected(previous.small, previous, rule, publication)


def _show_needless(
    exact: Mapping[Cell, int],
    small: frozenset[Cell],
    hidden: set[Cell],
    sums: Mapping[CellSum, None],
    rule: CellRule,
    previous: Publication | None,
) -> Publication:
    """Show every cell again that protects none, the largest count first."""
    publication = _mask(exact, small, hidden, sums)
    needed = small.union(*(line.parts for line in sums if line.total in small))
    for cell in sorted(hidden - needed, key=lambda each: (-exact[each], each)):
        trial = _mask(exact, small, hidden - {cell}, sums)
        if _are_protected(small, trial, rule, previous) and (
            previous is None or _are_protected(previous.small, previous, rule, trial)
        ):
            hidden.discard(cell)
            publication = trial
    return publication


def _hold(previous: Publication) -> Publication:
    return Publication(previous.counts, previous.small, previous.sums, is_held=True)


def _mask(
    exact: Mapping[Cell, int], small: frozenset[Cell], hidden: set[Cell], sums: Iterable[CellSum]
) -> Publication:
    counts = {cell: None if cell in hidden else count for cell, count in exact.items()}
    return Publication(counts, small, tuple(sums))


def _hide_another(cell: Cell, exact: Mapping[Cell, int], hidden: set[Cell], sums: Iterable[CellSum]) -> bool:
    """Hide the smallest shown count that helps to compute a cell; return whether there is one.

    It stands in a sum with the cell, or with a hidden cell that does, and so on.
    """
    reached = {cell}
    sums = list(sums)
    while True:
        members = {each for line in sums for each in (line.total, *line.parts)
                   if reached.intersection((line.total, *line.parts))}  # fmt: skip
        shown = [each for each in members if each not in hidden and exact[each]]
        if shown:
            hidden.add(min(shown, key=lambda each: (exact[each], each)))
            return True
        further = members & hidden
        if further <= reached:
            return False
        reached |= further


def bound_cell(
    cell: Cell, publication: Publication, rule: CellRule | None = None, other: Publication | None = None
) -> tuple[float, float]:
    """Return the least and greatest count of a cell that fit everything published.

    Args:
        cell: a cell of the publication.
        publication: what is published with it.
        rule: the rule of small cells.
        other: what was published the time before or after, if a reader has it too.
    """
    count = publication.counts[cell]
    if count is not None:
        return count, count
    program = _Program(rule or CellRule(), [each for each in (publication, other) if each is not None])
    return program.minimize((0, cell), 1), -program.minimize((0, cell), -1)


def _is_protected(cell: Cell, publication: Publication, rule: CellRule, other: Publication | None) -> bool:
    return _are_protected([cell], publication, rule, other)


def _are_protected(
    cells: Iterable[Cell], publication: Publication, rule: CellRule, other: Publication | None
) -> bool:
    """Return whether no bounds of small cells are tighter than the rule's own."""
    program = _Program(rule, [each for each in (publication, other) if each is not None])
    return all(
        program.minimize((0, cell), 1) <= 1 + _SLACK
        and -program.minimize((0, cell), -1) >= rule.smallest_shown - 1 - _SLACK
        for cell in sorted(cells)
    )


class _Program:
    """Linear program over the hidden cells of one or two publications.

    A variable is the place of the publication, and a cell. Zeros are hidden only under a hidden total, so
    every other hidden count is at least 1.
    """

    def __init__(self, rule: CellRule, publications: Sequence[Publication]) -> None:
        hidden = [
            (place, cell)
            for place, publication in enumerate(publications)
            for cell, count in publication.counts.items()
            if count is None
        ]
        self._columns = {variable: column for column, variable in enumerate(hidden)}
        may_be_zero = {
            (place, part)
            for place, publication in enumerate(publications)
            for line in publication.sums
            if publication.counts[line.total] is None
            for part in line.parts
        }
        self._bounds = [(0 if variable in may_be_zero else 1, None) for variable in hidden]
        self._equal: list[tuple[dict[int, float], float]] = []
        self._at_most: list[tuple[dict[int, float], float]] = []
        for place, publication in enumerate(publications):
            self._add_sums(place, publication)
        if len(publications) > 1:
            self._add_movement(rule.movement, *publications)
        self._solve, make_matrix = _import_solver()
        size = len(self._columns)
        self._matrices = (make_matrix(self._at_most, size), make_matrix(self._equal, size))

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

    def _add_movement(self, movement: int, first: Publication, second: Publication) -> None:
        for cell in first.counts.keys() & second.counts.keys():
            row: dict[int, float] = {}
            constant = 0.0
            for place, sign, publication in ((0, 1.0, first), (1, -1.0, second)):
                count = publication.counts[cell]
                if count is None:
                    row[self._columns[place, cell]] = sign
                else:
                    constant += sign * count
            if row:
                self._at_most.append((row, movement - constant))
                self._at_most.append(({column: -sign for column, sign in row.items()}, movement + constant))

    def minimize(self, variable: tuple[int, Cell], sign: int) -> float:
        """Return the least value of a variable, or of its negative.

        A program without a solution tells nothing of the cell, since then the reader assumed too little
        movement.
        """
        objective = [0.0] * len(self._columns)
        objective[self._columns[variable]] = sign
        at_most, equal = self._matrices
        answer = self._solve(
            objective,
            A_ub=at_most,
            b_ub=[bound for _, bound in self._at_most] or None,
            A_eq=equal,
            b_eq=[value for _, value in self._equal] or None,
            bounds=self._bounds,
            method="highs",
        )
        return float(answer.fun) if answer.status == 0 else float("-inf")


def _import_solver() -> tuple[Any, Any]:
    """Return SciPy's solver, and a function that makes its sparse matrices."""
    try:
        from scipy.optimize import linprog  # noqa: PLC0415 - an extra
        from scipy.sparse import csr_array  # noqa: PLC0415 - an extra
    except ImportError:
        raise InputError(
            "published tables need the extra 'reports': pip install 'master-person-index[reports]'"
        ) from None

    def make_matrix(rows: Sequence[tuple[Mapping[int, float], float]], size: int) -> Any:  # noqa: ANN401
        if not rows:
            return None
        entries = [
            (value, line, column) for line, (row, _) in enumerate(rows) for column, value in row.items()
        ]
        values, lines, columns = zip(*entries, strict=True)
        return csr_array((values, (lines, columns)), shape=(len(rows), size))

    return linprog, make_matrix
