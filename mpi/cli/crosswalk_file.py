"""Tables of a crosswalk export, as CSV or Parquet."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mpi.cli.output_files import write_csv, write_private_bytes
from mpi.domain.errors import InputError

if TYPE_CHECKING:
    from mpi.service.persons.crosswalk_export import CrosswalkRow

_PARQUET_SUFFIX = ".parquet"
_SEPARATOR = "|"


def make_wide_table(rows: Iterable[CrosswalkRow]) -> tuple[list[str], list[list[object]]]:
    """Return a row for each enterprise ID, with each source's local IDs.

    Args:
        rows: the rows of the export.

    Returns:
        The header, and rows by enterprise ID; a cell of a source is a list of local IDs.
    """
    ids: dict[str, dict[str, list[str]]] = {}
    sources: dict[str, None] = {}
    for row in rows:
        sources.setdefault(row.source)
        ids.setdefault(row.enterprise_id, {}).setdefault(row.source, []).append(row.local_id)
    columns = sorted(sources)
    return ["enterprise_id", *columns], [
        [eid, *(sorted(local_ids.get(source, [])) for source in columns)]
        for eid, local_ids in sorted(ids.items())
    ]


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> int:
    """Write a table, in the format that the file's name says.

    Args:
        path: the file, which is replaced as a whole; ``.parquet`` makes it Parquet.
        header: names of the columns.
        rows: the rows; a cell may be a list of texts.

    Returns:
        The number of rows.

    Raises:
        InputError: a local ID holds the sign that would separate it from others.
        OSError: the file cannot be written; an earlier file is unchanged.
    """
    if path.suffix.lower() == _PARQUET_SUFFIX:
        table_rows = list(rows)
        write_private_bytes(path, _make_parquet(header, table_rows))
        return len(table_rows)
    return write_csv(path, header, ([_join(cell) for cell in row] for row in rows))


def _join(cell: object) -> object:
    """Return a list of local IDs as one text."""
    if not isinstance(cell, list):
        return cell
    if len(cell) > 1 and any(_SEPARATOR in each for each in cell):
        raise InputError("a local ID holds a vertical bar: write a .parquet file, or use --layout long")
    return _SEPARATOR.join(cell)


def _make_parquet(header: Sequence[str], rows: Sequence[Sequence[object]]) -> bytes:
    """Return a table as Parquet."""
    import pyarrow as pa  # noqa: PLC0415 - only Parquet needs it
    import pyarrow.parquet as pq  # noqa: PLC0415 - as above

    columns = list(zip(*rows, strict=True)) or [() for _ in header]
    texts, lists = pa.string(), pa.list_(pa.string())
    arrays = [
        pa.array(column, lists if any(isinstance(cell, list) for cell in column) else texts)
        for column in columns
    ]
    content = io.BytesIO()
    pq.write_table(pa.table(arrays, list(header)), content)
    return content.getvalue()
