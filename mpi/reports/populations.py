"""Special populations among children in care, by each definition of care."""

from collections.abc import Iterable, Mapping

from mpi.reports.cells import CHILDREN, Cell, FrequencyTable
from mpi.reports.child_tables import ChildTables
from mpi.reports.definitions import CareDefinition
from mpi.reports.report_table import Column, ReportTable
from mpi.reports.waterfall import to_percent

POPULATIONS = {
    "disability": "Disability",
    "english_learner": "English learner",
    "homeless": "Homeless",
    "migrant": "Migrant",
    "economic_disadvantage": "Economic disadvantage",
}
"""Populations that are crossed with foster care, with their titles."""
CARE, ANY = "care", "any"
_CARE = """
CREATE OR REPLACE TABLE care AS
SELECT person, '' AS class FROM record GROUP BY person
"""
_ADD_CARE = """
UPDATE care SET class = class || $code || ' ' WHERE person IN (SELECT person FROM in_care)
"""
_CROSS = """
WITH flagged AS (
    SELECT person, string_agg(DISTINCT authority, '|' ORDER BY authority) AS authorities
    FROM (SELECT * EXCLUDE definition,
        CASE definition WHEN $any THEN 'a definition named any' ELSE definition END AS authority FROM flag)
    JOIN record USING (record)
    WHERE population = $population AND coalesce(begin_on, '') <= $day
      AND coalesce(end_on, '9999-12-31') > $day
    GROUP BY person
)
SELECT class, coalesce(authorities, ''), count(*) FROM care LEFT JOIN flagged USING (person) GROUP BY 1, 2
"""


def count_populations(
    tables: ChildTables, definitions: Iterable[CareDefinition], day: str
) -> dict[str, FrequencyTable]:
    """Count children by care and special population on a day.

    Definitions overlap, of care and of a population. So a table counts children by the set of definitions
    that they meet, and its unions are the definitions. The difference of two definitions is a cell like
    others.

    Args:
        tables: the children.
        definitions: definitions of care.
        day: the day, ``YYYY-MM-DD``.

    Returns:
        Tables by population.
    """
    codes = classify_care(tables, definitions, day)
    found = {}
    for population in POPULATIONS:
        rows = tables.count(_CROSS, {"population": population, "day": day, "any": ANY})
        counts: dict[tuple[str, ...], int] = {(row[0], row[1]): row[2] for row in rows}
        found[population] = _to_table(population, codes, counts)
    return found


def classify_care(tables: ChildTables, definitions: Iterable[CareDefinition], day: str) -> list[str]:
    """Make the table ``care`` of the definitions that each person meets.

    The set of definitions met on the day is the codes in the given order, each followed by a space. It is
    empty for who is not in care.

    Returns:
        The codes.
    """
    tables.count(_CARE)
    codes = []
    for care in definitions:
        tables.find_in_care(care, day)
        tables.count(_ADD_CARE, {"code": care.code})
        codes.append(care.code)
    return codes


def _to_table(population: str, codes: list[str], counts: dict[tuple[str, ...], int]) -> FrequencyTable:
    """Return a table by sets of definitions, for care and the population."""
    care_classes = tuple(sorted({care_class for care_class, _ in counts}))
    classes = tuple(sorted({authorities for _, authorities in counts}))
    unions = [
        (CARE, f"by {code}", tuple(each for each in care_classes if code in each.split())) for code in codes
    ]
    unions.append((population, ANY, tuple(each for each in classes if each)))
    authorities = list_authorities(classes)
    if len(authorities) > 1:
        unions += [
            (population, f"by {authority}", tuple(each for each in classes if authority in each.split("|")))
            for authority in authorities
        ]
    return FrequencyTable(CHILDREN, ((CARE, care_classes), (population, classes)), counts, tuple(unions))


def list_authorities(classes: Iterable[str]) -> list[str]:
    """Return the definitions of a population that some child meets."""
    return sorted({authority for each in classes for authority in each.split("|") if authority})


def make_populations(
    populations: Mapping[str, FrequencyTable],
    counts: Mapping[Cell, int | None],
    tables: ChildTables,
    definitions: Mapping[str, CareDefinition],
    day: str,
) -> ReportTable:
    """Return special populations among children in care as a report.

    Args:
        populations: tables of ``count_populations``.
        counts: count of each of their cells; None if it is hidden.
        tables: the children that were counted.
        definitions: definitions of care by code.
        day: the day.
    """
    rows = []
    for code, care in definitions.items():
        for population, table in populations.items():
            in_care = counts[table.find_cell(care=f"by {code}")]
            for dimension, union, _ in table.unions:
                if dimension == population:
                    crossed = counts[table.find_cell(**{CARE: f"by {code}", population: union})]
                    title = POPULATIONS[population] + ("" if union == ANY else f", {union}")
                    rows.append((care.title, title, in_care, crossed, to_percent(crossed, in_care)))
    first = next(iter(populations.values()), None)
    return ReportTable(
        name="populations",
        title="Special populations among children in care",
        unit="children",
        source="flags of the records of the index, by the definition that each names",
        as_of=day,
        known_on=tables.known_on,
        number=None if first is None else counts[first.find_cell()],
        definition="A row says by which definition a child is in care, and by which one in the population.",
        columns=(
            Column("care", "In care by"),
            Column("population", "Population"),
            Column("in_care", "In care", "children"),
            Column("in_both", "In care and in the population", "children"),
            Column("percent", "Share", "percent"),
        ),
        rows=tuple(rows),
        notes=(
            "The definitions are near each other and not equal: AFCARS counts children at home on trial.",
            "The reporting group of ESSA does not count these; a state's own definition may count others.",
            "A population that no record names counts as no, though the school may not have asked.",
            "The report 'combinations' says how many children are in several populations.",
        ),
    )
