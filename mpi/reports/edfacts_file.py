"""Reading of the count of students in an EDFacts submission file.

A file has a header record, then a record for each count: number, state, agency, district, school, table,
categories and fillers, total indicator, explanation, count. The total of a unit has the indicator ``Y`` and
no category. Files are comma- or tab-separated.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mpi.domain.errors import FileError

_MOST_BYTES = 64 * 2**20
_FIRST_CATEGORY, _AFTER_CATEGORIES = 6, -3
_LEAST_FIELDS = 9
_HEADER_FIELDS = 5
_LONGEST_NUMBER = 10
_MISSING = -1
"""Count by which a file says that a unit reports none."""


@dataclass(frozen=True, slots=True)
class EdfactsCount:
    """Count of students in an EDFacts file.

    Args:
        title: type of the file as its header says it, such as ``SEA FOSTER CARE ENROLLED``.
        period: reporting period as the header says it, such as ``2025-2026``; empty if it says none.
        students: sum of the totals of all units.
        units: number of units: 1 for a state's file, else its districts or schools.
        missing: number of units that report no count.
    """

    title: str
    period: str
    students: int
    units: int
    missing: int


def read_edfacts_count(path: Path) -> EdfactsCount:
    """Return the count of students in an EDFacts file.

    Args:
        path: the file, as it was submitted.

    Raises:
        FileError: it cannot be read or is no such file, is not whole, or has no total or two of a unit.
    """
    rows = _read_rows(path)
    header = next(rows, None)
    if header is None or len(header) < _HEADER_FIELDS or not _is_header(header):
        raise FileError(f"{path}: is no EDFacts file: its first line must be the header record")
    totals: dict[tuple[str, ...], int] = {}
    number = 0
    for number, row in enumerate(rows, 1):
        unit = tuple(field.strip() for field in row[1:_FIRST_CATEGORY])
        if not _is_total(row):
            continue
        if unit in totals:
            raise FileError(f"{path}, record {number}: repeats the total of a unit")
        totals[unit] = _read_number(path, number, row[-1])
    if number != int(header[1]):
        raise FileError(f"{path}: is not whole: it has {number:,} records and its header says {header[1]}")
    if not totals:
        raise FileError(f"{path}: has no total: a record with the indicator Y and no category")
    if len({unit[-1] for unit in totals}) > 1:
        raise FileError(f"{path}: has totals of several tables: give a file of one")
    counts = [count for count in totals.values() if count != _MISSING]
    return EdfactsCount(
        title=header[0].strip(),
        period=header[_HEADER_FIELDS - 1].strip(),
        students=sum(counts),
        units=len(totals),
        missing=len(totals) - len(counts),
    )


def _read_rows(path: Path) -> Iterator[list[str]]:
    """Yield the records of a file, without empty lines."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise FileError(f"{path}: is larger than {_MOST_BYTES >> 20} MB: give the state's file")
        with path.open(encoding="utf-8-sig", newline="") as file:
            delimiter = "\t" if "\t" in file.readline() else ","
            file.seek(0)
            for line, row in enumerate(csv.reader(file, delimiter=delimiter, strict=True), 1):
                if any(field.strip() for field in row):
                    if line > 1 and len(row) < _LEAST_FIELDS:
                        raise FileError(f"{path}, line {line}: has fewer than {_LEAST_FIELDS} fields")
                    yield row
    except (OSError, UnicodeDecodeError, csv.Error):
        raise FileError(f"{path}: cannot be read as text with commas or tabs (UTF-8)") from None


def _is_header(row: list[str]) -> bool:
    """Return whether a record is the header of the file.

    A header begins with the file's type and the number of records.
    """
    return not row[0].strip().isdigit() and _is_number(row[1].strip())


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER


def _is_total(row: list[str]) -> bool:
    """Return whether a record is a unit's total, of no category."""
    categories = row[_FIRST_CATEGORY:_AFTER_CATEGORIES]
    return row[_AFTER_CATEGORIES].strip().upper() == "Y" and not any(field.strip() for field in categories)


def _read_number(path: Path, number: int, text: str) -> int:
    text = text.strip()
    if text != str(_MISSING) and not _is_number(text):
        raise FileError(f"{path}, record {number}: the count must be a whole number, or -1 for a missing one")
    return int(text)
