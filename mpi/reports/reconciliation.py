"""Children in care by an AFCARS file and by the index.

They are counted by age, with what explains the difference.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from mpi.reports.child_tables import ChildTables
from mpi.reports.definitions import CareDefinition
from mpi.reports.report_table import Column, ReportTable

_BANDS = ((0, "0 to 4 years"), (5, "5 to 13 years"), (14, "14 to 17 years"), (18, "18 years and older"))
_UNKNOWN, _ALL = "birth date unknown", "all"
_CHILDREN = """
SELECT person, min(try_cast(birth_date AS DATE))::VARCHAR FROM in_care
LEFT JOIN record USING (person) LEFT JOIN client USING (record) GROUP BY person
"""
_NUMBERS = """
SELECT count(DISTINCT record) - count(DISTINCT person) FROM in_care JOIN record USING (person)
WHERE kind = 'ccwis' AND record IN (
    SELECT record FROM placement WHERE begin_on <= $day AND coalesce(end_on, '9999-12-31') > $day
)
"""


@dataclass(frozen=True, slots=True)
class FileChild:
    """A child of an AFCARS file, in care on the day.

    Args:
        number: the child's record number in the file.
        birth_date: birth date, ``YYYY-MM-DD``; None if unknown.
    """

    number: str
    birth_date: str | None


def make_reconciliation(
    tables: ChildTables, children: Collection[FileChild], definition: CareDefinition, day: str
) -> ReportTable:
    """Return the counts of an AFCARS file beside those of the index.

    The file holds no names, so children are counted and not compared one by one.

    Args:
        tables: the children of the index.
        children: children of the file who are in care on the day.
        definition: who is in care in the index.
        day: the day, ``YYYY-MM-DD``.
    """
    tables.find_in_care(definition, day)
    numbers = {child.number: child.birth_date for child in children}
    in_file = Counter(_find_band(birth_date, day) for birth_date in numbers.values())
    in_index = Counter(_find_band(birth_date, day) for _, birth_date in tables.count(_CHILDREN))
    bands = [*(title for _, title in _BANDS), _UNKNOWN]
    rows = [(band, in_file[band], in_index[band], in_index[band] - in_file[band]) for band in bands]
    rows.append((_ALL, len(numbers), in_index.total(), in_index.total() - len(numbers)))
    [(doubled,)] = tables.count(_NUMBERS, {"day": day})
    return ReportTable(
        name="reconciliation",
        title="Children in care: AFCARS file and index",
        unit="children",
        source="an AFCARS file, and child-welfare records of the index",
        as_of=day,
        known_on=tables.known_on,
        number=in_index.total(),
        definition=f"{definition.title} ({definition.authority}).",
        columns=(
            Column("age", "Age"),
            Column("in_file", "In the file", "children"),
            Column("in_index", "In the index", "children"),
            Column("difference", "Index less file", "children"),
        ),
        rows=tuple(rows),
        notes=(
            f"The index counts a child once; {doubled:,} further client numbers are of a child counted.",
            f"{len(children) - len(numbers):,} records of the file repeat a number and count once.",
            "The file is of the end of its report period; the index holds what was sent since.",
            "Records that were sealed or expunged may be in the file and are not in the index.",
        ),
    )


def _find_band(birth_date: str | None, day: str) -> str:
    if birth_date is None:
        return _UNKNOWN
    age = int(day[:4]) - int(birth_date[:4]) - (birth_date[5:] > day[5:])
    return next((title for least, title in reversed(_BANDS) if age >= least), _BANDS[0][1])
