"""Combinations of special populations among children in care, by definition of care."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from mpi.reports.cells import CHILDREN, Cell, CellSum
from mpi.reports.child_tables import ChildTables
from mpi.reports.definitions import CareDefinition
from mpi.reports.populations import ANY, CARE, POPULATIONS, classify_care
from mpi.reports.report_table import Column, ReportTable
from mpi.reports.waterfall import to_percent

LEAST_SHOWN = 20
"""Least count of a combination that is shown in a published report.

Smaller ones are hidden, and none too. With 32 groups many counts are near the smallest one that other tables
show, and each that crosses it would hold the next release.
"""
_JOIN = "|"
_COUNTS = """
WITH flagged AS (
    SELECT DISTINCT person, population FROM record JOIN flag USING (record)
    WHERE list_contains($populations, population) AND coalesce(begin_on, '') <= $day
      AND coalesce(end_on, '9999-12-31') > $day
), combined AS (
    SELECT person, string_agg(population, '|' ORDER BY population) AS combination FROM flagged GROUP BY person
)
SELECT class, coalesce(combination, ''), count(*) FROM care LEFT JOIN combined USING (person)
WHERE class <> '' GROUP BY 1, 2
"""


def _list_combinations() -> tuple[str, ...]:
    names = sorted(POPULATIONS)
    return tuple(
        _JOIN.join(members) for size in range(len(names) + 1) for members in combinations(names, size)
    )


COMBINATIONS = _list_combinations()
"""The 32 combinations of populations, the empty one first."""


@dataclass(frozen=True, slots=True)
class CombinationTable:
    """Children in care by combination of populations.

    A child is counted by the set of definitions of care that it meets. These counts are never shown; their
    sums by definition are. Sums tie them to the tables of single populations.

    Args:
        codes: codes of the definitions of care by which children are shown.
        classes: sets of definitions that some child meets, in the form of ``classify_care``.
        counts: number of children by set of definitions and combination; 0 where left out.
    """

    codes: tuple[str, ...]
    classes: tuple[str, ...]
    counts: Mapping[tuple[str, str], int]

    def find_cell(self, care: str, combination: str) -> Cell:
        """Return the cell of a definition and a combination.

        The definition is a set, or ``by CODE``.
        """
        return Cell(CHILDREN, ((CARE, care), ("combination", combination)))

    def count_cells(self) -> dict[Cell, int]:
        """Return the count of every cell."""
        cells = {
            self.find_cell(each, combination): self.counts.get((each, combination), 0)
            for each in self.classes
            for combination in COMBINATIONS
        }
        for code in self.codes:
            for combination in COMBINATIONS:
                parts = self._list_parts(code, combination)
                cells[self.find_cell(f"by {code}", combination)] = sum(cells[part] for part in parts)
        return cells

    def list_sums(self) -> list[CellSum]:
        """Return the sums by definition, and those that tie other tables.

        These are the tables of single populations, whose cells are sums of combinations.
        """
        sums = [
            CellSum(self.find_cell(f"by {code}", combination), self._list_parts(code, combination))
            for code in self.codes
            for combination in COMBINATIONS
        ]
        for each in self.classes:
            parts = {combination: self.find_cell(each, combination) for combination in COMBINATIONS}
            sums.append(CellSum(Cell(CHILDREN, ((CARE, each),)), tuple(parts.values())))
            for population in POPULATIONS:
                total = Cell(CHILDREN, tuple(sorted(((CARE, each), (population, ANY)))))
                members = [cell for name, cell in parts.items() if population in name.split(_JOIN)]
                sums.append(CellSum(total, tuple(members)))
        return sums

    def list_withheld(self) -> frozenset[Cell]:
        """Return the cells that no published report shows.

        They are those of sets of definitions, and those with low counts.
        """
        shown = {self.find_cell(f"by {code}", each) for code in self.codes for each in COMBINATIONS}
        return frozenset(
            cell for cell, count in self.count_cells().items() if cell not in shown or count < LEAST_SHOWN
        )

    def _list_parts(self, code: str, combination: str) -> tuple[Cell, ...]:
        return tuple(self.find_cell(each, combination) for each in self.classes if code in each.split())


def count_combinations(
    tables: ChildTables, definitions: Iterable[CareDefinition], day: str, shown: Sequence[str]
) -> CombinationTable:
    """Count children in care by combination of special populations on a day.

    A child is in a population if a record has its flag, by whatever definition.

    Args:
        tables: the children.
        definitions: definitions of care.
        day: the day, ``YYYY-MM-DD``.
        shown: codes of the definitions by which children are shown. Two of them in a published report would
            tell their difference, which is small, so most of both had to be hidden.
    """
    classify_care(tables, definitions, day)
    rows = tables.count(_COUNTS, {"populations": sorted(POPULATIONS), "day": day})
    counts = {(row[0], row[1]): row[2] for row in rows}
    return CombinationTable(tuple(shown), tuple(sorted({each for each, _ in counts})), counts)


def make_combinations(
    table: CombinationTable,
    counts: Mapping[Cell, int | None],
    tables: ChildTables,
    definitions: Mapping[str, CareDefinition],
    day: str,
) -> ReportTable:
    """Return the counts of combinations as a report.

    Args:
        table: the table of ``count_combinations``.
        counts: count of each of its cells; None if it is hidden.
        tables: the children that were counted.
        definitions: definitions of care by code.
        day: the day.
    """
    rows = []
    for combination in COMBINATIONS:
        for code in table.codes:
            count = counts[table.find_cell(f"by {code}", combination)]
            if count:
                in_care = counts[Cell(CHILDREN, ((CARE, f"by {code}"),))]
                title = definitions[code].title
                rows.append((name_combination(combination), title, count, to_percent(count, in_care)))
    return ReportTable(
        name="combinations",
        title="Combinations of special populations among children in care",
        unit="children",
        source="flags of the records of the index, by whatever definition",
        as_of=day,
        known_on=tables.known_on,
        number=counts[Cell(CHILDREN, ())],
        definition="A child counts in one row for each definition of care: that of all its populations.",
        columns=(
            Column("populations", "Populations"),
            Column("care", "In care by"),
            Column("children", "Children", "children"),
            Column("percent_of_in_care", "Of those in care", "percent"),
        ),
        rows=tuple(rows),
        notes=(
            f"A published report counts by one definition and leaves out fewer than {LEAST_SHOWN} children.",
            "It also leaves out counts from which those could be computed.",
            "The definitions are near each other and not equal: AFCARS counts children at home on trial.",
            "A population that no record names counts as no, though the school may not have asked.",
        ),
    )


def name_combination(combination: str) -> str:
    """Return a combination's title, such as ``Homeless and migrant, no other``."""
    titles = [POPULATIONS[name].lower() for name in POPULATIONS if name in combination.split(_JOIN)]
    if not titles:
        return "None of these populations"
    if len(titles) == len(POPULATIONS):
        return "All of these populations"
    names = titles[0] if len(titles) == 1 else f"{', '.join(titles[:-1])} and {titles[-1]}"
    return names[0].upper() + names[1:].replace("english", "English") + ", no other"
