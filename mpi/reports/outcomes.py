"""School-year outcomes of students in care against all, by placement stability."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from mpi.reports.cells import CHILDREN, Cell, CellSum, FrequencyTable
from mpi.reports.child_tables import ChildTables
from mpi.reports.definitions import CareDefinition
from mpi.reports.report_table import Column, ReportTable
from mpi.reports.waterfall import STEPS, TITLES, StepCounts, to_percent

NEVER, ONE, MORE = "not in care", "in care, 1 placement", "in care, 2 placements or more"
GROUPS = (NEVER, ONE, MORE)
YES, NO = "yes", "no"
MEASURES = {
    "chronically_absent": "Chronically absent: missed 10 % of the days or more",
    "changed_school": "Changed school in the year",
    "suspended": "Suspended at least once",
    "expelled": "Expelled",
    "repeats_grade": "Repeats the grade",
    "earned_all_credits": "Earned every credit attempted (grades 9 to 12)",
    "proficient_reading": "Proficient in reading or language arts, of those tested",
    "proficient_math": "Proficient in mathematics, of those tested",
    "graduated": "Graduated in four years, by the state's own ACGR result",
}
"""Outcomes, with what each means."""
_CLASSES = """
CREATE OR REPLACE TABLE outcome AS
SELECT s.*,
    CASE WHEN c.person IS NULL THEN 'not in care'
         WHEN coalesce(p.placements, 1) <= 1 THEN 'in care, 1 placement'
         ELSE 'in care, 2 placements or more' END AS care_group
FROM student s LEFT JOIN in_care c USING (person) LEFT JOIN stability p USING (person)
"""
_JUDGEMENTS = """[
        {'measure': 'chronically_absent',
         'value': CASE WHEN days_with_attendance >= $least_days
                       THEN days_absent * 10 >= days_with_attendance END},
        {'measure': 'changed_school', 'value': CASE WHEN days_enrolled > 0 THEN school_changes > 0 END},
        {'measure': 'suspended', 'value': CASE WHEN days_enrolled > 0 THEN suspensions > 0 END},
        {'measure': 'expelled', 'value': CASE WHEN days_enrolled > 0 THEN expulsions > 0 END},
        {'measure': 'repeats_grade', 'value': CASE WHEN days_enrolled > 0 THEN retained END},
        {'measure': 'earned_all_credits',
         'value': CASE WHEN credits_attempted > 0 THEN credits_earned >= credits_attempted END},
        {'measure': 'proficient_reading', 'value': ela_level >= 3},
        {'measure': 'proficient_math', 'value': math_level >= 3},
        {'measure': 'graduated',
         'value': CASE WHEN acgr_result <> 'removed' THEN acgr_result = 'graduate' END}
    ]"""
_VALUES = f"""
SELECT care_group, measure, value, count(*) FROM (
    SELECT care_group, unnest({_JUDGEMENTS}, recursive := true) FROM outcome
) WHERE value IS NOT NULL GROUP BY 1, 2, 3
"""
_OUTSIDE, _STRANGER = "not in care on the day", "only in the extract"
_STUDENT_CLASSES = f"""
WITH known AS (SELECT DISTINCT person FROM record), judged AS (
    SELECT person, care_group,
        array_to_string([each.measure FOR each IN {_JUDGEMENTS} IF each.value IS NOT NULL], '|') AS measures
    FROM outcome
)
SELECT CASE WHEN k.person IS NULL THEN $stranger ELSE coalesce(w.link, $outside) END,
    CASE WHEN w.link IN ('linked_automatically', 'linked_by_person') THEN w.school_year ELSE '' END,
    coalesce(care_group, ''), coalesce(measures, ''), count(*)
FROM known k FULL JOIN judged j USING (person) LEFT JOIN waterfall w USING (person)
GROUP BY ALL ORDER BY ALL
"""
_LEAST_DAYS = 10
"""Days of enrollment from which absence is judged [K: the federal definition of chronic absence]."""


@dataclass(frozen=True, slots=True)
class Period:
    """Days over which care is looked at.

    Args:
        first: first day, ``YYYY-MM-DD``.
        last: last day; the same for a point in time.
    """

    first: str
    last: str

    @property
    def text(self) -> str:
        """The period in words."""
        if self.first == self.last:
            return f"in care on {self.first}"
        return f"in care at any time from {self.first} to {self.last}"

    @property
    def question(self) -> str:
        """Whether care is asked for on each day, or since one."""
        return "on the day" if self.first == self.last else f"since {self.first}"


class StudentClass(NamedTuple):
    """Children who are counted alike by the waterfall and the outcomes.

    Args:
        link: the last step of the waterfall that has a child, or why it has not.
        school_year: what the waterfall says of the school year of a linked child.
        group: group of the outcomes; empty for who is not in the extract.
        measures: outcomes by which a child is judged.
    """

    link: str
    school_year: str
    group: str
    measures: str


@dataclass(frozen=True, slots=True)
class OutcomeCounts:
    """Counts of outcomes, tied to the waterfall.

    The students judged by one outcome are nested in those of another, and in the children in care. So
    children are counted by disjoint classes, too. These are never shown, but sums of them are: every step of
    the waterfall and all students judged. So none can be computed from what is shown.

    Args:
        tables: a table for each outcome; outcomes of the same students share a population.
        steps: counts of the waterfall.
        population: name of the children of the classes.
        classes: number of children by class.
    """

    tables: Mapping[str, FrequencyTable]
    steps: StepCounts
    population: str
    classes: Mapping[StudentClass, int]

    def count_cells(self) -> dict[Cell, int]:
        """Return the count of every class."""
        return {self._find_cell(each): count for each, count in self.classes.items()}

    def list_sums(self) -> list[CellSum]:
        """Return the sums of classes that are cells of other tables."""
        children = (each for each in self.classes if each.link != _STRANGER)
        sums = [self._add_up(Cell(CHILDREN, ()), children)]
        for step in TITLES.keys() - STEPS:
            members = (each for each in self.classes if step in {each.link, each.school_year})
            sums.append(self._add_up(self.steps.find_cell(step), members))
        for name, table in self.tables.items():
            for group in GROUPS:
                members = (
                    each for each in self.classes if each.group == group and name in each.measures.split("|")
                )
                sums.append(self._add_up(table.find_cell(care=group), members))
        return [line for line in sums if line.parts]

    def list_withheld(self) -> frozenset[Cell]:
        """Return the cells of all classes: no published report shows any."""
        return frozenset(map(self._find_cell, self.classes))

    def _find_cell(self, each: StudentClass) -> Cell:
        return Cell(self.population, tuple(sorted(each._asdict().items())))

    def _add_up(self, total: Cell, classes: Iterable[StudentClass]) -> CellSum:
        return CellSum(total, tuple(sorted(map(self._find_cell, classes))))


def count_outcomes(
    tables: ChildTables, definition: CareDefinition, period: Period, steps: StepCounts
) -> OutcomeCounts:
    """Count the students of each group with and without each outcome.

    Args:
        tables: children, with an education extract joined, after ``count_steps``.
        definition: who is in care.
        period: when they are; a longer one makes a cohort, a single day a point in time.
        steps: counts of the waterfall of the last day.
    """
    tables.find_in_care(definition, period.first, period.last)
    tables.count_stays(period.first, period.last)
    tables.count(_CLASSES)
    counts: dict[str, dict[tuple[str, ...], int]] = {name: {} for name in MEASURES}
    for group, measure, value, count in tables.count(_VALUES, {"least_days": _LEAST_DAYS}):
        counts[measure][group, YES if value else NO] = count
    rows = tables.count(
        _STUDENT_CLASSES, {"least_days": _LEAST_DAYS, "outside": _OUTSIDE, "stranger": _STRANGER}
    )
    classes = {StudentClass(*row[:4]): row[4] for row in rows}
    # Another question has other cells: beside this one's they would suggest that counts changed much.
    question = f"{definition.code}, {period.question}"
    # Outcomes of the same students share their totals, so that none can show what another one hides.
    populations: dict[frozenset[StudentClass], str] = {}
    outcomes = {}
    for name in MEASURES:
        judged = frozenset(each for each in classes if name in each.measures.split("|"))
        population = populations.setdefault(judged, f"students judged by {name} ({question})")
        outcomes[name] = FrequencyTable(population, (("care", GROUPS), (name, (YES, NO))), counts[name])
    return OutcomeCounts(outcomes, steps, f"children and students ({question})", classes)


def make_outcomes(
    outcomes: Mapping[str, FrequencyTable],
    counts: Mapping[Cell, int | None],
    tables: ChildTables,
    definition: CareDefinition,
    period: Period,
) -> ReportTable:
    """Return the outcomes as a report, by group of students.

    Args:
        outcomes: tables of ``count_outcomes``.
        counts: count of each of their cells; None if it is hidden.
        tables: the children that were counted.
        definition: who is in care.
        period: when they are.
    """
    rows = []
    for name, table in outcomes.items():
        for group in (*GROUPS, "all students"):
            values = {"care": group} if group in GROUPS else {}
            students = counts[table.find_cell(**values)]
            having = counts[table.find_cell(**values, **{name: YES})]
            rows.append((MEASURES[name], group, students, having, to_percent(having, students)))
    return ReportTable(
        name="outcomes",
        title="A school year of students in care and of all students",
        unit="students",
        source="education extract, linked to child-welfare records of the index",
        as_of=period.last,
        known_on=tables.known_on,
        number=None if not outcomes else counts[next(iter(outcomes.values())).find_cell()],
        definition=f"{definition.title} ({definition.authority}); {period.text}.",
        columns=(
            Column("outcome", "Outcome"),
            Column("group", "Students"),
            Column("students", "Students judged", "children"),
            Column("with_outcome", "With the outcome", "children"),
            Column("percent", "Share", "percent"),
        ),
        rows=tuple(rows),
        notes=(
            "Placements are those of the period, or all up to the day where it is a single one.",
            "A student in care who is not linked counts as not in care.",
            "A student without a value is not judged.",
            "Graduation is what the state's own result says; nothing is computed anew.",
        ),
    )
