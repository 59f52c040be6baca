"""Suppression of small cells, audited by linear programs.

The rule hides each count from 1 to one below the smallest shown count. Other cells are hidden too, until no
hidden small count can be computed: two linear programs for each small cell find its least and greatest value
that fit everything published, now and at earlier times, and these may not lie within the rule's own bounds.
The order in which cells are hidden is fixed, so the algorithm can be published. ADR 0158 compares it with
others, and ADR 0169 adds the earlier times.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mpi.domain.errors import InputError
from mpi.reports.cell_bounds import CellProgram, CellRule, Publication
from mpi.reports.cells import Cell, CellSum, CountedTable


def publish_tables(
    tables: Iterable[CountedTable],
    rule: CellRule | None = None,
    previous: Sequence[Publication] = (),
    pattern: Publication | None = None,
) -> Publication:
    """Return the counts of some tables with small cells hidden.

    Args:
        tables: the tables that are published together.
        rule: the rule of small cells.
        previous: what was published before, which readers remember, earliest first.
        pattern: what was published of the same children, to be repeated: what it hides stays hidden.

    Returns:
        The publication; the latest earlier one, held, if no other one protects every small cell of all.

    Raises:
        InputError: no suppression protects the small counts, or the extra ``reports`` is not installed.
    """
    rule = rule or CellRule()
    exact: dict[Cell, int] = {}
    sums: dict[CellSum, None] = {}
    withheld: frozenset[Cell] = frozenset()
    for table in tables:
        exact |= table.count_cells()
        sums |= dict.fromkeys(table.list_sums())
        withheld |= table.list_withheld()
    kept = withheld if pattern is None else withheld | (pattern.hidden & exact.keys())
    # What was hidden stays so at first: a cell that is shown at one time alone tells what it was at another.
    before = kept.union(*(each.hidden & exact.keys() for each in previous))
    draft = _Draft(exact, tuple(sums), rule, kept, before)
    if (cell := draft.protect(draft.small)) is not None:
        raise InputError(
            f"no suppression protects the small counts of {cell.population!r}: show fewer groups"
        )
    if not draft.protect_against_all(previous):
        return replace(previous[-1], is_held=True)
    draft.show_needless(previous)
    return draft.publish()


@dataclass(slots=True)
class _Draft:
    """Tables whose hidden cells are being chosen.

    Args:
        exact: count of each cell.
        sums: sums between the cells.
        rule: the rule of small cells.
        kept: cells that stay hidden.
        before: cells that were hidden before, and so are at first.
        small: cells whose counts are small.
        needed: cells that are hidden whatever protects the small ones.
        hidden: cells that are hidden.
        last_failure: number of the publications and cell that made the last trial fail.
    """

    exact: dict[Cell, int]
    sums: tuple[CellSum, ...]
    rule: CellRule
    kept: frozenset[Cell]
    before: frozenset[Cell]
    small: frozenset[Cell] = frozenset()
    needed: frozenset[Cell] = frozenset()
    hidden: frozenset[Cell] = frozenset()
    last_failure: tuple[int, Cell | None] = (0, None)

    def __post_init__(self) -> None:
        self.small = frozenset(
            cell for cell, count in self.exact.items() if 0 < count < self.rule.smallest_shown
        )
        # Also the zeros of a small total, which else would tell how many of its parts are none.
        self.needed = self.small.union(
            self.kept, *(line.parts for line in self.sums if line.total in self.small)
        )
        self.hidden = self.needed | self.before

    def publish(self, hidden: frozenset[Cell] | None = None) -> Publication:
        """Return the tables as published, with these or other cells hidden."""
        hidden = self.hidden if hidden is None else hidden
        counts = {cell: None if cell in hidden else count for cell, count in self.exact.items()}
        return Publication(counts, self.small, self.sums, self.before & hidden)

    def protect(self, cells: Iterable[Cell], other: Publication | None = None) -> Cell | None:
        """Hide further cells until small ones are protected.

        Returns:
            A small cell that cannot be protected; None if all are.
        """
        cells = sorted(cells)
        while True:
            publications = [self.publish()] if other is None else [self.publish(), other]
            cell = CellProgram(self.rule, publications).find_unprotected(cells)
            if cell is None or not self._hide_another(cell):
                return cell
            if other is None:
                # Hiding more widens every bound: the cells before this one stay protected.
                cells = cells[cells.index(cell) :]

    def protect_against_all(self, previous: Sequence[Publication]) -> bool:
        """Hide cells until no earlier publication helps anybody.

        What is hidden for one may be what told how much counts changed since another. So all are asked again.

        Returns:
            Whether that is possible.
        """
        while True:
            hidden = self.hidden
            if not all(self._protect_against(earlier) for earlier in previous):
                return False
            if hidden == self.hidden:
                return True

    def _protect_against(self, earlier: Publication) -> bool:
        if self.protect(self.small, earlier) is not None:
            return False
        while True:
            cell = CellProgram(self.rule, [earlier, self.publish()]).find_unprotected(earlier.small)
            if cell is None:
                return True
            if cell not in self.exact or not self._hide_another(cell):
                return False

    def show_needless(self, previous: Sequence[Publication]) -> None:
        """Show cells again that protect none, the largest counts first.

        Cells are tried in groups, which are halved until each is shown as a whole or one cell stays hidden.
        """
        cells = sorted(self.hidden - self.needed, key=lambda each: (-self.exact[each], each))
        groups = [cells] if cells else []
        while groups:
            group = groups.pop()
            if self._is_protected(self.publish(self.hidden.difference(group)), previous):
                self.hidden = self.hidden.difference(group)
            elif len(group) > 1:
                half = len(group) // 2
                groups += [group[half:], group[:half]]

    def _is_protected(self, trial: Publication, previous: Sequence[Publication]) -> bool:
        """Return whether no small cell of these publications can be computed.

        What failed last is tried first, as it is the likeliest to fail again.
        """
        pairs = [(self.small, [trial])]
        pairs += [(self.small, [trial, earlier]) for earlier in previous]
        pairs += [(earlier.small, [earlier, trial]) for earlier in previous]
        places = sorted(range(len(pairs)), key=lambda place: place != self.last_failure[0])
        for place in places:
            cells, publications = pairs[place]
            cell = CellProgram(self.rule, publications).find_unprotected(cells, self.last_failure[1])
            if cell is not None:
                self.last_failure = (place, cell)
                return False
        return True

    def _hide_another(self, cell: Cell) -> bool:
        """Hide the smallest shown count that helps to compute a cell.

        Returns whether there is one.

        It stands in a sum with the cell, or with a hidden cell that does, and so on. A cell that is itself
        shown, as another time hides it, is hidden first.
        """
        if cell not in self.hidden:
            self.hidden |= {cell}
            return True
        reached = {cell}
        while True:
            members = {each for line in self.sums for each in (line.total, *line.parts)
                       if reached.intersection((line.total, *line.parts))}  # fmt: skip
            shown = [each for each in members if each not in self.hidden and self.exact[each]]
            if shown:
                self.hidden |= {min(shown, key=lambda each: (self.exact[each], each))}
                return True
            further = members & self.hidden
            if further <= reached:
                return False
            reached |= further
