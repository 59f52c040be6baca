"""Tables of children in an in-memory database, which reports count."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa

from mpi.reports.definitions import CareDefinition

_SCHEMAS = {
    "record": pa.schema(
        [
            ("record", pa.int64()),
            ("person", pa.int64()),
            ("source", pa.string()),
            ("kind", pa.string()),
            ("local_id", pa.string()),
        ]
    ),
    "client": pa.schema([("record", pa.int64()), ("birth_date", pa.string())]),
    "placement": pa.schema(
        [("record", pa.int64()), ("type", pa.string()), ("begin_on", pa.string()), ("end_on", pa.string())]
    ),
    "flag": pa.schema(
        [
            ("record", pa.int64()),
            ("population", pa.string()),
            ("definition", pa.string()),
            ("begin_on", pa.string()),
            ("end_on", pa.string()),
        ]
    ),
    "open_record": pa.schema([("record", pa.int64())]),
    "decided": pa.schema([("decision", pa.int64()), ("record", pa.int64())]),
}
_NEVER = "9999-12-31"
_OPEN_STAYS = """
CREATE OR REPLACE TABLE in_care AS
SELECT DISTINCT r.person FROM record r WHERE r.record IN (
    SELECT record FROM placement
    WHERE $flag = '' AND begin_on <= $last AND coalesce(end_on, $never) > $first
      AND NOT list_contains($left_out, type)
    UNION ALL
    SELECT record FROM flag JOIN record USING (record)
    WHERE $flag <> '' AND population = $flag AND coalesce(begin_on, '') <= $last
      AND coalesce(end_on, $never) > $first AND (len($kinds) = 0 OR list_contains($kinds, kind))
)
"""
_STAY_COUNTS = """
CREATE OR REPLACE TABLE stability AS
SELECT person, count(DISTINCT (begin_on, type)) AS placements FROM record JOIN placement USING (record)
WHERE begin_on <= $last AND ($first = $last OR coalesce(end_on, $never) > $first) GROUP BY person
"""
_STUDENTS = """
CREATE OR REPLACE TABLE student AS
SELECT coalesce(r.person, -e.number) AS person,
    bool_or(e.on_count_day) AS on_count_day,
    sum(e.days_enrolled) AS days_enrolled,
    sum(e.days_enrolled) FILTER (WHERE e.days_absent IS NOT NULL) AS days_with_attendance,
    sum(e.days_absent) FILTER (WHERE e.days_enrolled IS NOT NULL) AS days_absent,
    sum(e.school_changes) AS school_changes,
    sum(e.suspensions) AS suspensions,
    sum(e.expulsions) AS expulsions,
    sum(e.credits_attempted) FILTER (WHERE e.credits_earned IS NOT NULL) AS credits_attempted,
    sum(e.credits_earned) FILTER (WHERE e.credits_attempted IS NOT NULL) AS credits_earned,
    bool_or(e.retained) AS retained,
    max(e.ela_level) AS ela_level,
    max(e.math_level) AS math_level,
    arg_min(e.acgr_result, list_position(['graduate', 'not_graduate', 'removed'], e.acgr_result))
        FILTER (WHERE e.acgr_result <> '') AS acgr_result
FROM (SELECT *, row_number() OVER (ORDER BY source, local_id) AS number FROM education) e
LEFT JOIN record r ON r.source = e.source AND r.local_id = e.local_id
GROUP BY 1
"""


@dataclass(slots=True)
class ChildTables:
    """In-memory database of an index's children as known on a day.

    Rows of ``record`` are those of persons; ``decided`` holds the records of decisions that join records, and
    ``open_record`` those with an open question. A flag of ``flag`` is one whose value is yes.

    Attributes:
        connection: the database.
        known_on: day whose knowledge the tables hold, ``YYYY-MM-DD``.
        has_education: whether an education extract was read.
    """

    known_on: str
    connection: duckdb.DuckDBPyConnection = field(default_factory=duckdb.connect)
    has_education: bool = False

    def __post_init__(self) -> None:
        for name, schema in _SCHEMAS.items():
            empty = schema.empty_table()
            self.connection.from_arrow(empty).create(name)

    def add(self, name: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Append rows, as tuples in the order of the table's columns."""
        schema = _SCHEMAS[name]
        columns = list(zip(*rows, strict=True))
        if columns:
            arrays = [pa.array(values, each.type) for values, each in zip(columns, schema, strict=True)]
            self.connection.from_arrow(pa.Table.from_arrays(arrays, schema=schema)).insert_into(name)

    def close(self) -> None:
        """Release the memory of the tables."""
        self.connection.close()

    def find_in_care(self, definition: CareDefinition, first: str, last: str | None = None) -> None:
        """Make the table ``in_care`` of the persons in care.

        Args:
            definition: who is in care.
            first: the day, or the first one of a period, ``YYYY-MM-DD``.
            last: the last day of the period; None for the one day.
        """
        self.connection.execute(
            _OPEN_STAYS,
            {
                "flag": definition.flag,
                "kinds": sorted(definition.kinds),
                "left_out": sorted(definition.leaves_out),
                "first": first,
                "last": last or first,
                "never": _NEVER,
            },
        )

    def count_stays(self, first: str, last: str) -> None:
        """Make the table ``stability``: each person's number of placements in a period.

        If the first day is also the last, all placements up to that day count.
        """
        self.connection.execute(_STAY_COUNTS, {"first": first, "last": last, "never": _NEVER})

    def join_students(self) -> None:
        """Make the table ``student``: the extract's rows summed by person.

        A row whose record the index does not hold counts as a person of its own, with a negative number. A
        value that no row of the person states is NULL.
        """
        self.connection.execute(_STUDENTS)
        self.has_education = True

    def count(self, query: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        return self.connection.execute(query, parameters or {}).fetchall()
