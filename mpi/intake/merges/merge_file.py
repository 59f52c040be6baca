"""Reader of a file of merges, splits and reuse of local IDs.

The file is CSV, NDJSON or Parquet, with the columns of ``FIELDS`` or with a mapping to them. It is stated all
or nothing, so one wrong line refuses it; the error names the lines and shows none of their values.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from mpi.domain.errors import FileError, MappingError
from mpi.domain.source_merge import MAX_STATEMENTS, MergeKind, MergeStatement, join_errors
from mpi.intake.cell_conversion import to_text
from mpi.intake.mapping_reader import MAPPED_FORMATS, load_field_mapping
from mpi.intake.mapping_types import FileMapping, MappedValue
from mpi.intake.reader import open_file
from mpi.intake.rows import CanonicalRow, RejectedRow

FIELDS = ("old_local_id", "new_local_id", "date", "kind")
"""Columns of a file without a mapping; ``date``, ``kind`` and ``new_local_id`` may be missing."""
_OPTIONAL_FIELDS = frozenset({"new_local_id", "date", "kind"})
_ROWS_PER_REPORT = 500

Progress = Callable[[str, int, int], None]


def read_merge_file(
    path: Path, mapping: str | None, file_format: str | None, progress: Progress
) -> list[MergeStatement]:
    """Return what the rows of a file state.

    Args:
        path: the file.
        mapping: path of a mapping file; None for a file with the columns of ``FIELDS``.
        file_format: csv, ndjson or parquet; None to tell it from the mapping or the file's name.
        progress: receives the name of the step, the bytes read and all bytes.

    Raises:
        FileError: the file cannot be read, is too long, or some of its rows cannot be read.
        MappingError: the mapping is wrong, or does not fit the file's columns.
    """
    layout = _make_plain_mapping() if mapping is None else load_field_mapping(mapping, FIELDS)
    if "old_local_id" not in dict(layout.fields):
        raise MappingError(f"{layout.name}: [fields] old_local_id is missing")
    rows = open_file(path, layout, file_format)
    if rows.format not in MAPPED_FORMATS:
        raise FileError(f"{path.name}: a file of merges is {', '.join(MAPPED_FORMATS)}")
    statements: list[MergeStatement] = []
    errors: list[str] = []
    for number, row in enumerate(rows):
        if number == MAX_STATEMENTS:
            raise FileError(f"{path.name}: it has more than {MAX_STATEMENTS:,} rows: send it in parts")
        if number % _ROWS_PER_REPORT == 0:
            progress("reading", rows.bytes_read, rows.size_bytes)
        faults = list(_find_faults(row))
        errors += faults
        if isinstance(row, CanonicalRow) and not faults:
            statements.append(_make_statement(row))
    if errors:
        raise FileError(f"{path.name}: {join_errors(errors)}")
    return statements


def _make_plain_mapping() -> FileMapping:
    """Return the mapping of a file whose columns are the fields themselves."""
    return FileMapping(
        name="a file of merges",
        local_id=None,
        fields=tuple(
            (name, MappedValue(columns=(name,), optional=name in _OPTIONAL_FIELDS)) for name in FIELDS
        ),
    )


def _find_faults(row: CanonicalRow | RejectedRow) -> Iterator[str]:
    """Yield a row's faults, with its line and without its values."""
    if isinstance(row, RejectedRow):
        yield f"line {row.line}: {row.detail}"
        return
    for issue in row.issues:
        yield f"line {row.line}: {issue.field}: {issue.code}"
    if "old_local_id" not in row.fields:
        yield f"line {row.line}: old_local_id: missing"
    for name in FIELDS:
        if name in row.fields and to_text(row.fields[name]) is None:
            yield f"line {row.line}: {name}: not text"


def _make_statement(row: CanonicalRow) -> MergeStatement:
    """Return a row's statement; without a kind, it is a merge."""
    values = {name: to_text(row.fields.get(name)) for name in FIELDS}
    return MergeStatement(
        kind=(values["kind"] or MergeKind.MERGE).lower(),
        old_local_id=values["old_local_id"] or "",
        new_local_id=values["new_local_id"],
        date=values["date"],
        place=f"line {row.line}",
    )
