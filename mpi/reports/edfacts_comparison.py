"""Counts of EDFacts files beside the index's, and why they differ."""

from collections.abc import Sequence
from dataclasses import dataclass

from mpi.domain.source import EDUCATION_KINDS, SourceKind
from mpi.reports.child_tables import ChildTables
from mpi.reports.definitions import CareDefinition
from mpi.reports.edfacts_file import EdfactsCount
from mpi.reports.outcomes import Period
from mpi.reports.report_table import Column, ReportTable

EDFACTS = "edfacts"
"""Name of the report."""
_FOSTER_CARE = "foster_care"
_NEVER = "9999-12-31"


@dataclass(frozen=True, slots=True)
class FileSpecification:
    """An EDFacts file specification that counts a special population.

    Args:
        number: its number, such as ``FS222``.
        title: its title.
        population: population of the index that is nearest to it.
        is_of_year: whether it counts students of a school year, not those of a day.
        counts: whom it counts, in words, as far as the index does not.
    """

    number: str
    title: str
    population: str
    is_of_year: bool
    counts: str


SPECIFICATIONS = {
    each.number: each
    for each in (
        FileSpecification(
            "FS222", "Foster Care Enrolled", _FOSTER_CARE, True,
            "students in foster care at any time of the regular school year while enrolled in a district "
            "that receives Title I, Part A funds, served by these or not",
        ),
        FileSpecification(
            "FS002", "Children with Disabilities (IDEA) School Age", "disability", False,
            "children of 5 to 21 years under IDEA on the state's count date, none by Section 504 alone",
        ),
        FileSpecification(
            "FS141", "English Learners Enrolled", "english_learner", False,
            "English learners enrolled on the school day nearest to October 1",
        ),
        FileSpecification(
            "FS118", "Homeless Students Enrolled", "homeless", True,
            "students homeless at any time of the school year in which they were enrolled",
        ),
        FileSpecification(
            "FS121", "Migratory Children Eligible", "migrant", True,
            "eligible children of 3 to 21 years at any time of twelve months, enrolled or not",
        ),
        FileSpecification(
            "FS226", "Economically Disadvantaged Students", "economic_disadvantage", False,
            "students by the state's definition on the school day nearest to October 1, by school",
        ),
    )
}  # fmt: skip
"""Specifications by number, as of school year 2025-26."""


_PERSONS = """
CREATE OR REPLACE TABLE compared AS
WITH known AS (
    SELECT DISTINCT person FROM record
), held AS (
    SELECT person, kind = $district AS is_district, count(*) AS ids
    FROM record WHERE list_contains($schools, kind) GROUP BY person, source, kind
), pupil AS (
    SELECT person, max(ids) AS most_ids, count(*) FILTER (is_district) AS districts,
        coalesce(sum(ids) FILTER (is_district), 0) AS district_ids
    FROM held GROUP BY person
), named AS (
    SELECT person, bool_or(list_contains($schools, kind)) AS by_school,
        bool_or(NOT list_contains($schools, kind)) AS by_other,
        bool_or(list_contains($schools, kind) AND coalesce(begin_on, '') <> '') AS is_dated
    FROM record JOIN flag USING (record)
    WHERE population = $population AND coalesce(begin_on, '') <= $last AND coalesce(end_on, $never) > $first
    GROUP BY person
)
SELECT k.person, p.person IS NOT NULL AS is_pupil, coalesce(p.districts > 1, false) AS is_in_several,
    coalesce(p.most_ids > 1, false) AS is_repeated, p.most_ids - 1 AS state_repeats,
    greatest(p.most_ids, p.district_ids) - 1 AS district_repeats,
    coalesce(n.by_school, false) AS by_school,
    coalesce(n.by_other, false) AS by_other, coalesce(n.is_dated, false) AS is_dated,
    c.person IS NOT NULL AS in_care, w.person IS NOT NULL AS in_wider_care
FROM known k LEFT JOIN pupil p USING (person) LEFT JOIN named n USING (person)
LEFT JOIN in_care c USING (person) LEFT JOIN wider_care w USING (person)
"""
_MEMBER = {True: "is_pupil AND in_care", False: "by_school"}
"""Condition of a child whom the index counts, by whether the population is foster care."""
_CARE_REASONS = (
    ("of these: no school names foster care", "is_pupil AND in_care AND NOT by_school"),
    ("of these: with several local IDs of a source", "is_pupil AND in_care AND is_repeated"),
    ("not counted: a school names foster care, no agency does", "is_pupil AND by_school AND NOT in_care"),
    ("not counted: at home on trial, in care by AFCARS alone", "is_pupil AND in_wider_care AND NOT in_care"),
    ("not counted: in care, no school record is linked", "in_care AND NOT is_pupil"),
)
_FLAG_REASONS = (
    ("of these: by flags without a first day", "by_school AND NOT is_dated"),
    ("of these: with several local IDs of a source", "by_school AND is_repeated"),
    (
        "not counted: students whom another source names alone",
        "is_pupil AND by_other AND NOT by_school",
    ),
    ("not counted: named by another source, no school record is linked", "by_other AND NOT is_pupil"),
)
_FEWER, _MORE = "of these", "not counted"
_DOUBLE = ("is_repeated", "is_in_several")
"""Facts of a child who may count several times in the file, and once in the index."""
_SUMMED_REASONS = {
    True: ("of these: with records of several districts", "is_pupil AND in_care AND is_in_several"),
    False: ("of these: with records of several districts", "by_school AND is_in_several"),
}
"""Reason in a file of districts or schools: each of them counts its students (FS222 v22.0, table 2.2-1)."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """An EDFacts file's count beside that of the index.

    Args:
        in_file: count of the file.
        in_index: children whom the index counts.
        reasons: number of children by reason why the file may not count them, or may count them too.
        least: fewest children that the file could count by these reasons.
        most: most.
    """

    in_file: int
    in_index: int
    reasons: tuple[tuple[str, int], ...]
    least: int
    most: int


def compare_count(
    tables: ChildTables,
    specification: FileSpecification,
    in_file: int,
    definitions: Sequence[CareDefinition],
    period: Period,
    *,
    is_summed: bool = False,
) -> Comparison:
    """Compare a file's count with the children of the index.

    Args:
        tables: the children.
        specification: what the file counts.
        in_file: count of the file.
        definitions: that of foster care by which students are reported, and a wider one.
        period: the school year; its last day is the count day.
        is_summed: whether the count is a sum of districts or schools, each of which counts its students.
    """
    first = period.first if specification.is_of_year else period.last
    care, wider_care = definitions
    tables.find_in_care(wider_care, first, period.last)
    tables.count("CREATE OR REPLACE TABLE wider_care AS SELECT person FROM in_care")
    tables.find_in_care(care, first, period.last)
    tables.count(
        _PERSONS,
        {
            "schools": sorted(EDUCATION_KINDS),
            "district": SourceKind.SIS,
            "population": specification.population,
            "first": first,
            "last": period.last,
            "never": _NEVER,
        },
    )
    is_care = specification.population == _FOSTER_CARE
    reasons = _CARE_REASONS if is_care else _FLAG_REASONS
    reasons = (*reasons, *([_SUMMED_REASONS[is_care]] if is_summed else ()))
    several = [condition for _, condition in reasons if any(fact in condition for fact in _DOUBLE)]
    fewer = [condition for name, condition in reasons if name.startswith(_FEWER) and condition not in several]
    more = [condition for name, condition in reasons if name.startswith(_MORE)]
    in_index = _count(tables, [_MEMBER[is_care]])
    return Comparison(
        in_file=in_file,
        in_index=in_index,
        reasons=tuple((name, _count(tables, [condition])) for name, condition in reasons),
        least=in_index - _count(tables, fewer),
        most=in_index + _count(tables, more) + _count_repeats(tables, _MEMBER[is_care], is_summed=is_summed),
    )


def _count(tables: ChildTables, conditions: Sequence[str]) -> int:
    """Return the number of children for whom one of some conditions holds."""
    either = " OR ".join(f"({condition})" for condition in conditions)
    return int(tables.count(f"SELECT count(*) FROM compared WHERE {either}")[0][0])


def _count_repeats(tables: ChildTables, member: str, *, is_summed: bool) -> int:
    """Return how often a file may count the index's children again.

    A state's file may count each local ID of one source, a sum of districts each local ID of each district. A
    registry of state IDs is no district.
    """
    repeats = "district_repeats" if is_summed else "state_repeats"
    return int(tables.count(f"SELECT coalesce(sum({repeats}), 0) FROM compared WHERE {member}")[0][0])


def make_edfacts_report(
    tables: ChildTables,
    files: Sequence[tuple[FileSpecification, EdfactsCount]],
    definitions: Sequence[CareDefinition],
    period: Period,
) -> ReportTable:
    """Return the counts of EDFacts files and the index as a report.

    Args:
        tables: the children.
        files: what each file counts, and its count.
        definitions: that of foster care by which students are reported, and a wider one.
        period: the school year; its last day is the count day.
    """
    rows: list[tuple[str | int, ...]] = []
    notes = []
    for specification, count in files:
        compared = compare_count(
            tables, specification, count.students, definitions, period, is_summed=count.units > 1
        )
        title = f"{specification.number} {specification.title}"
        rows += [(title, line, students) for line, students in _list_lines(compared)]
        notes += _list_notes(specification, count)
    return ReportTable(
        name=EDFACTS,
        title="Students in special populations: EDFacts files and index",
        unit="children",
        source="EDFacts files, and records of the index",
        as_of=period.last,
        known_on=tables.known_on,
        number=_count(tables, ["is_pupil"]),
        definition=f"Foster care by {definitions[0].title} ({definitions[0].authority}); a file of a year is"
        f" compared with {period.first} to {period.last}, the others with the last day.",
        columns=(
            Column("file", "File"),
            Column("line", "Line"),
            Column("children", "Children", "children"),
        ),
        rows=tuple(rows),
        notes=(
            *notes,
            "The populations are near each other and not equal; a reason counts who may be in one alone.",
            "A difference outside of the fewest and the most has another reason: look for one in the feeds.",
        ),
    )


def _list_lines(compared: Comparison) -> list[tuple[str, int]]:
    return [
        ("in the file", compared.in_file),
        ("in the index", compared.in_index),
        ("index less file", compared.in_index - compared.in_file),
        *compared.reasons,
        ("fewest that these reasons explain", compared.least),
        ("most that these reasons explain", compared.most),
    ]


def _list_notes(specification: FileSpecification, count: EdfactsCount) -> list[str]:
    """Return what a reader must know of a file."""
    said = f"{count.title}, {count.period}" if count.period else count.title
    notes = [f"{specification.number} counts {specification.counts}. The file says: {said}."]
    if count.units > 1:
        notes.append(
            f"{specification.number}: the sum of {count.units:,} units; each counts its own children."
        )
    if count.missing:
        notes.append(f"{specification.number}: {count.missing:,} units report no count.")
    return notes
