"""Steps from the children in care to those in an outcome."""

from collections.abc import Mapping
from dataclasses import dataclass

from mpi.reports.cells import CHILDREN, Cell, CellSum
from mpi.reports.child_tables import ChildTables
from mpi.reports.definitions import CareDefinition
from mpi.reports.report_table import Column, ReportTable

_SCHOOL_AGE = (5, 17)
"""Years of age at which a child is expected in a public school, both included."""
_IN_OTHER_STATE = ("out_of_state", "icpc")
"""Types of placements in another state, whose schools are in no file of this one."""
IN_CARE, OF_AGE, EXPECTED = "in_care", "of_school_age", "expected_here"
LINKED, AUTOMATIC, BY_PERSON = "linked", "linked_automatically", "linked_by_person"
COUNTED, IN_OUTCOME = "enrolled_on_count_day", "in_outcome"
NO_AGE, NOT_OF_AGE, ELSEWHERE = "age_unknown", "not_of_school_age", "in_another_state"
OPEN, NOT_FOUND = "open_question", "no_school_record"
NOT_COUNTED, NO_OUTCOME = "not_enrolled_on_count_day", "no_outcome"
TITLES = {
    IN_CARE: "In care",
    NO_AGE: "left out: birth date unknown",
    NOT_OF_AGE: "left out: not of school age",
    OF_AGE: "Of school age",
    ELSEWHERE: "left out: placed in another state",
    EXPECTED: "Expected in a school here",
    OPEN: "left out: a question is open",
    NOT_FOUND: "left out: no school record found",
    LINKED: "Linked to a school record",
    AUTOMATIC: "of these: linked automatically",
    BY_PERSON: "of these: linked by a person",
    NOT_COUNTED: "left out: not enrolled on count day",
    COUNTED: "Enrolled on count day",
    NO_OUTCOME: "left out: no outcome in the extract",
    IN_OUTCOME: "In the outcome",
}
"""Steps of the waterfall in order, with what each leaves out."""
_EXTRACT_STEPS = (NOT_COUNTED, COUNTED, NO_OUTCOME, IN_OUTCOME)
STEPS = (IN_CARE, OF_AGE, EXPECTED, LINKED, COUNTED, IN_OUTCOME)
_SUMS = (
    (IN_CARE, (NO_AGE, NOT_OF_AGE, OF_AGE)),
    (OF_AGE, (ELSEWHERE, EXPECTED)),
    (EXPECTED, (OPEN, NOT_FOUND, LINKED)),
    (LINKED, (AUTOMATIC, BY_PERSON)),
    (LINKED, (NOT_COUNTED, COUNTED)),
    (COUNTED, (NO_OUTCOME, IN_OUTCOME)),
)
_CLASSES = """
CREATE OR REPLACE TABLE waterfall AS
WITH child AS (
    SELECT person, min(try_cast(birth_date AS DATE)) AS born FROM in_care
    LEFT JOIN record USING (person) LEFT JOIN client USING (record) GROUP BY person
), away AS (
    SELECT person FROM record JOIN placement USING (record)
    WHERE list_contains($other_states, type) AND begin_on <= $day AND coalesce(end_on, '9999-12-31') > $day
), school AS (
    SELECT DISTINCT person FROM record WHERE kind IN ('sis', 'state_id')
), asked AS (
    SELECT DISTINCT person FROM record JOIN open_record USING (record)
), joined AS (
    SELECT r.person FROM decided d JOIN record r USING (record)
    GROUP BY d.decision, r.person
    HAVING bool_or(r.kind = 'ccwis') AND bool_or(r.kind IN ('sis', 'state_id'))
)
SELECT c.person,
    CASE WHEN born IS NULL THEN 'age_unknown'
         WHEN date_diff('year', born, $day::DATE)
              - CASE WHEN strftime(born, '%m-%d') > substr($day, 6) THEN 1 ELSE 0 END
              NOT BETWEEN $youngest AND $oldest THEN 'not_of_school_age'
         WHEN c.person IN (SELECT person FROM away) THEN 'in_another_state'
         WHEN c.person NOT IN (SELECT person FROM school) THEN
              CASE WHEN c.person IN (SELECT person FROM asked) THEN 'open_question'
                   ELSE 'no_school_record' END
         WHEN c.person IN (SELECT person FROM joined) THEN 'linked_by_person'
         ELSE 'linked_automatically' END AS link,
    CASE WHEN NOT coalesce(s.on_count_day, false) THEN 'not_enrolled_on_count_day'
         WHEN coalesce(s.days_enrolled, 0) = 0 THEN 'no_outcome'
         ELSE 'in_outcome' END AS school_year
FROM child c LEFT JOIN student s USING (person)
"""
_COUNTS = "SELECT link, school_year, count(*) FROM waterfall GROUP BY 1, 2"
_EMPTY_STUDENTS = """
CREATE TABLE IF NOT EXISTS student (person BIGINT, on_count_day BOOLEAN, days_enrolled BIGINT)
"""


@dataclass(frozen=True, slots=True)
class StepCounts:
    """Counts of the waterfall, with the sums between its steps.

    Args:
        care: code of the definition of care.
        counts: number of children by step and by what a step leaves out.
    """

    care: str
    counts: Mapping[str, int]

    def count_cells(self) -> dict[Cell, int]:
        """Return the count of every step."""
        return {self.find_cell(name): count for name, count in self.counts.items()}

    def list_sums(self) -> list[CellSum]:
        """Return the sums between the steps."""
        return [
            CellSum(self.find_cell(total), tuple(self.find_cell(part) for part in parts))
            for total, parts in _SUMS
        ]

    def list_withheld(self) -> frozenset[Cell]:
        """Return no cell: each can be shown."""
        return frozenset()

    def find_cell(self, step: str) -> Cell:
        """Return the cell of a step.

        All children in care are a cell of the populations, too. Steps of the extract are a population of
        their own, since another extract changes these alone.
        """
        if step == IN_CARE:
            return Cell(CHILDREN, (("care", f"by {self.care}"),))
        source = ", in the extract" if step in _EXTRACT_STEPS else ""
        return Cell(f"in care ({self.care}){source}", (("step", step),))


def count_steps(tables: ChildTables, definition: CareDefinition, day: str) -> StepCounts:
    """Count the children of each step among those in care.

    Args:
        tables: the children; an education extract is joined, if there is one.
        definition: who is in care.
        day: the day, ``YYYY-MM-DD``.
    """
    tables.find_in_care(definition, day)
    tables.count(_EMPTY_STUDENTS)
    tables.count(
        _CLASSES,
        {
            "day": day,
            "youngest": _SCHOOL_AGE[0],
            "oldest": _SCHOOL_AGE[1],
            "other_states": list(_IN_OTHER_STATE),
        },
    )
    counts = dict.fromkeys(TITLES, 0)
    for link, school_year, count in tables.count(_COUNTS):
        counts[link] += count
        if link in {AUTOMATIC, BY_PERSON}:
            counts[school_year] += count
    for total, parts in reversed(_SUMS):
        counts[total] = sum(counts[part] for part in parts)
    return StepCounts(definition.code, counts)


def list_persons(tables: ChildTables, step: str) -> list[int]:
    """Return the persons of a step, ascending, after ``count_steps``."""
    conditions = {IN_CARE: _leaves(IN_CARE)} | {name: _leaves(name) for name in TITLES}
    links, years = conditions[step]
    rows = tables.count(
        "SELECT person FROM waterfall WHERE list_contains($links, link)"
        " AND list_contains($years, school_year) ORDER BY person",
        {"links": links, "years": years},
    )
    return [row[0] for row in rows]


def _leaves(step: str) -> tuple[list[str], list[str]]:
    """Return the classes of links and school years that a step covers."""
    years = {NOT_COUNTED: [NOT_COUNTED], COUNTED: [NO_OUTCOME, IN_OUTCOME]}
    years |= {NO_OUTCOME: [NO_OUTCOME], IN_OUTCOME: [IN_OUTCOME]}
    if step in years:
        return [AUTOMATIC, BY_PERSON], years[step]
    covered = {step}
    for total, parts in _SUMS:
        if total in covered:
            covered.update(parts)
    return sorted(covered), [NOT_COUNTED, NO_OUTCOME, IN_OUTCOME]


def make_waterfall(
    counts: Mapping[str, int | None], tables: ChildTables, definition: CareDefinition, day: str
) -> ReportTable:
    """Return the waterfall as a report.

    Args:
        counts: count of each step; None if it is hidden.
        tables: the children that were counted.
        definition: who is in care.
        day: the day on which they are.
    """
    first = counts[IN_CARE]
    rows = tuple(
        (title, "step" if name in STEPS else "part", counts[name], to_percent(counts[name], first))
        for name, title in TITLES.items()
    )
    notes = () if tables.has_education else ("No education extract was given: nobody is in the outcome.",)
    return ReportTable(
        name="waterfall",
        title="From care to outcome: who is counted, and who is left out",
        unit="children",
        source="child-welfare and school records of the index, and the education extract",
        as_of=day,
        known_on=tables.known_on,
        number=first,
        definition=f"{definition.title} ({definition.authority}).",
        columns=(
            Column("step", "Step"),
            Column("kind", "Kind"),
            Column("children", "Children", "children"),
            Column("percent_of_in_care", "Of those in care", "percent"),
        ),
        rows=rows,
        notes=notes,
    )


def to_percent(count: int | None, total: int | None) -> float | None:
    """Return a share in percent with one decimal.

    It is None if the count or the total is hidden, or if the total is 0.
    """
    return None if count is None or not total else round(100 * count / total, 1)
