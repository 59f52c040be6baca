"""A named report: a table with what a reader must know."""

import csv
import io
from dataclasses import asdict, dataclass
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from mpi.standardize.formula_text import escape_formula

STANDING_NOTICE = (
    "Records that were sealed or expunged since are in no figure, as the law orders. Every report and every"
    " repetition of a report carries this notice, whether there are such records or not."
)
"""Notice on every report, so that its presence tells nothing."""
HIDDEN = "hidden"
"""What stands for a count that is not shown."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a report.

    Args:
        name: name in files.
        title: title for people.
        unit: ``children``, ``percent`` or empty for texts.
    """

    name: str
    title: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class ReportTable:
    """A named report.

    Args:
        name: name of the report.
        title: title for people.
        unit: what is counted, such as ``children``.
        source: where the figures come from.
        as_of: day of which the figures are, ``YYYY-MM-DD``.
        known_on: day whose knowledge they use, ``YYYY-MM-DD``.
        number: number of children in the report; None if it is hidden.
        definition: who is counted, in words.
        columns: its columns.
        rows: a value for each column; None for a count that is not shown.
        notes: sentences that a reader needs.
    """

    name: str
    title: str
    unit: str
    source: str
    as_of: str
    known_on: str
    number: int | None
    definition: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str | int | float | None, ...], ...]
    notes: tuple[str, ...] = ()

    def describe(self) -> dict[str, str]:
        """Return all that a reader must know of the table, by name."""
        return {
            "report": self.name,
            "title": self.title,
            "unit": self.unit,
            "source": self.source,
            "as_of": self.as_of,
            "known_on": self.known_on,
            "n": HIDDEN if self.number is None else str(self.number),
            "definition": self.definition,
            "notes": " ".join(self.notes),
            "notice": STANDING_NOTICE,
        }


def write_csv_text(report: ReportTable) -> str:
    """Return a report as CSV, described in comment lines before the header."""
    text = io.StringIO()
    for name, value in report.describe().items():
        text.write(f"# {name}: {value}\n")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.name for column in report.columns])
    for row in report.rows:
        writer.writerow([HIDDEN if cell is None else escape_formula(cell) for cell in row])
    return text.getvalue()


def write_parquet_bytes(report: ReportTable) -> bytes:
    """Return a report as Parquet, described in the file's metadata."""
    kinds = {"children": pa.int64(), "percent": pa.float64()}
    schema = pa.schema(
        [(column.name, kinds.get(column.unit, pa.string())) for column in report.columns],
        metadata={f"mpi.{name}": value for name, value in report.describe().items()},
    )
    columns = [list(values) for values in zip(*report.rows, strict=True)] or [[] for _ in report.columns]
    table = pa.Table.from_arrays(
        [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)], schema=schema
    )
    sink: Any = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return bytes(sink.getvalue())


def write_report(report: ReportTable) -> str:
    """Return a report as JSON, equal for equal reports."""
    return orjson.dumps(asdict(report), option=orjson.OPT_SORT_KEYS).decode()


def read_report(content: str) -> ReportTable:
    """Return the report of a JSON text."""
    members: dict[str, Any] = orjson.loads(content)
    members["columns"] = tuple(Column(**column) for column in members["columns"])
    members["rows"] = tuple(tuple(row) for row in members["rows"])
    members["notes"] = tuple(members["notes"])
    return ReportTable(**members)
