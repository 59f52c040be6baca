"""Reading of an education extract of one school year.

Its rows have the local IDs of the schools' systems. The extract is read into memory for one report and never
stored: its values are no part of any record.
docs/reference/education-extract.md says what each column means.
"""

from pathlib import Path
from typing import Any

import duckdb

from mpi.domain.errors import FileError

_TEXT, _YES_NO, _NUMBER = "text", "yes_no", "number"
EXTRACT_COLUMNS = {
    "source": _TEXT,
    "local_id": _TEXT,
    "school_year": _TEXT,
    "grade": _TEXT,
    "on_count_day": _YES_NO,
    "days_enrolled": _NUMBER,
    "days_absent": _NUMBER,
    "school_changes": _NUMBER,
    "suspensions": _NUMBER,
    "expulsions": _NUMBER,
    "credits_attempted": _NUMBER,
    "credits_earned": _NUMBER,
    "retained": _YES_NO,
    "ela_level": _NUMBER,
    "math_level": _NUMBER,
    "acgr_cohort": _TEXT,
    "acgr_result": _TEXT,
}
"""Columns of an extract, with the kind of their values."""
_REQUIRED = ("source", "local_id", "school_year")
_PATTERNS = {_TEXT: "", _YES_NO: "Y|N|", _NUMBER: "[0-9]{0,9}"}
_RESULTS = ("", "graduate", "not_graduate", "removed")
_LONGEST_TEXT = 256


def read_extract(connection: duckdb.DuckDBPyConnection, path: Path) -> int:
    """Read an extract into the table ``education`` of an in-memory database.

    Args:
        connection: the database, which must be in memory.
        path: CSV (UTF-8, with a header) or Parquet.

    Returns:
        The number of rows.

    Raises:
        FileError: the file cannot be read, or a column is missing, unknown, doubled or has invalid values.
            The message counts invalid values and holds none.
    """
    relation = _open(connection, path)
    _check_columns(path, relation.columns)
    for name in relation.columns:
        _check_values(path, relation, name)
    _check_rows(path, relation)
    columns = ", ".join(
        _select(name if name in relation.columns else "NULL", kind) + f" AS {name}"
        for name, kind in EXTRACT_COLUMNS.items()
    )
    relation.project(columns).create("education")
    return int(relation.count("*").fetchall()[0][0])


def _open(connection: duckdb.DuckDBPyConnection, path: Path) -> Any:  # noqa: ANN401 - a DuckDB relation
    try:
        if path.suffix.lower() == ".parquet":
            return connection.read_parquet(str(path))
        return connection.read_csv(str(path), header=True, all_varchar=True, strict_mode=True)
    except (duckdb.Error, OSError):
        raise FileError(
            f"{path}: cannot be read as CSV (UTF-8, one header line) or Parquet: check that it is whole"
        ) from None


def _check_columns(path: Path, names: list[str]) -> None:
    missing = [name for name in _REQUIRED if name not in names]
    unknown = sorted(set(names) - EXTRACT_COLUMNS.keys())
    if missing:
        raise FileError(f"{path}: columns are missing: {', '.join(missing)}")
    if unknown:
        raise FileError(
            f"{path}: {len(unknown)} columns are not of an education extract: leave them out, or rename them"
        )


def _select(value: str, kind: str) -> str:
    """Return SQL that reads a value of a kind.

    What is empty is NULL, but an empty text.
    """
    text = f"coalesce(CAST({value} AS VARCHAR), '')"
    if kind == _NUMBER:
        return f"CAST(nullif({text}, '') AS BIGINT)"
    return f"nullif({text}, '') = 'Y'" if kind == _YES_NO else text


def _check_values(path: Path, relation: Any, name: str) -> None:  # noqa: ANN401 - a DuckDB relation
    text = f"coalesce(CAST({name} AS VARCHAR), '')"
    kind = EXTRACT_COLUMNS[name]
    if name in _REQUIRED:
        invalid, wanted = f"{text} = ''", "may not be empty"
    elif name == "acgr_result":
        results = ", ".join(f"'{result}'" for result in _RESULTS)
        invalid, wanted = f"{text} NOT IN ({results})", "must be graduate, not_graduate, removed or empty"
    elif kind == _TEXT:
        invalid, wanted = f"length({text}) > {_LONGEST_TEXT}", f"may have {_LONGEST_TEXT} characters at most"
    else:
        invalid = f"NOT regexp_full_match({text}, '{_PATTERNS[kind]}')"
        wanted = "must be Y, N or empty" if kind == _YES_NO else "must be a whole number or empty"
    try:
        count = relation.filter(invalid).count("*").fetchall()[0][0]
    except duckdb.Error:
        raise FileError(f"{path}: cannot be read as CSV (UTF-8) or Parquet: check that it is whole") from None
    if count:
        raise FileError(f"{path}: column {name}: {count:,} rows: the value {wanted}")


def _check_rows(path: Path, relation: Any) -> None:  # noqa: ANN401 - a DuckDB relation
    rows, keys, years = relation.aggregate(
        "count(*), count(DISTINCT (source, local_id)), count(DISTINCT school_year)"
    ).fetchall()[0]
    if years > 1:
        raise FileError(f"{path}: holds {years} school years: give one file for each")
    if keys < rows:
        raise FileError(f"{path}: {rows - keys:,} rows repeat the source and local ID of an earlier one")
    impossible = 0
    if {"days_absent", "days_enrolled"} <= set(relation.columns):
        impossible = (
            relation.filter("TRY_CAST(days_absent AS BIGINT) > TRY_CAST(days_enrolled AS BIGINT)")
            .count("*")
            .fetchall()[0][0]
        )
    if impossible:
        raise FileError(f"{path}: {impossible:,} rows have more days absent than enrolled")
