"""Reader of non-canonical training files, as ``mpi ingest`` reads them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from mpi.domain.errors import InputError
from mpi.intake.mapping_reader import load_mapping
from mpi.intake.mapping_types import FileMapping
from mpi.intake.reader import FORMATS, open_file
from mpi.intake.rows import CanonicalRow
from training.records import RecordRow

MappingOption = Annotated[
    list[str] | None,
    typer.Option(
        "--mapping",
        metavar="SOURCE=MAPPING",
        help="Mapping of a file by its name without the suffix, as `mpi ingest` takes it; may be repeated.",
    ),
]
FormatOption = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        metavar="SOURCE=FORMAT",
        help="Of a file likewise: csv, parquet, ndjson, edfi or afcars; may be repeated.",
    ),
]


@dataclass(frozen=True, slots=True)
class FileLayout:
    """Mapping and format with which to read the file of one source.

    Args:
        mapping: mapping of its columns to canonical fields; None if it needs none.
        file_format: one of FORMATS; None if the mapping or the file name decides.
    """

    mapping: FileMapping | None = None
    file_format: str | None = None


def read_layouts(
    paths: Sequence[Path], mappings: Sequence[str], formats: Sequence[str]
) -> dict[str, FileLayout]:
    """Read which mapping and format each data file has, from options.

    Args:
        paths: the data files.
        mappings: ``SOURCE=MAPPING`` options, each mapping as ``mpi ingest`` takes it.
        formats: ``SOURCE=FORMAT`` options.

    Returns:
        Layout by source, which is the file name without its suffix.

    Raises:
        InputError: an option has another form, names no given file, or names a file twice.
        MappingError: there is no such mapping, or it is wrong.
    """
    sources = {path.stem for path in paths}
    mapping_by_source = {
        source: load_mapping(mapping)
        for source, mapping in _parse_assignments(mappings, sources, "--mapping")
    }
    format_by_source = dict(_parse_assignments(formats, sources, "--format"))
    for file_format in format_by_source.values():
        if file_format not in FORMATS:
            raise InputError(f"{file_format!r} is not a format; use one of {', '.join(FORMATS)}")
    return {
        source: FileLayout(mapping_by_source.get(source), format_by_source.get(source))
        for source in mapping_by_source.keys() | format_by_source.keys()
    }


def _parse_assignments(
    assignments: Sequence[str], sources: set[str], option: str
) -> Iterator[tuple[str, str]]:
    """Parse ``SOURCE=VALUE`` options; refuse unknown or repeated sources."""
    seen: set[str] = set()
    for assignment in assignments:
        source, sign, value = assignment.partition("=")
        if not sign or not value:
            raise InputError(
                f"{option} {assignment}: write SOURCE=VALUE; SOURCE is the file name without suffix"
            )
        if source not in sources:
            raise InputError(f"{option} {assignment}: no file of --data is called {source}")
        if source in seen:
            raise InputError(f"{option} {assignment}: {source} is given twice")
        seen.add(source)
        yield source, value


def read_rows_by_layout(path: Path, layouts: Mapping[str, FileLayout]) -> Iterator[RecordRow] | None:
    """Read the rows of a file that has a layout.

    A row that cannot be read is left out, like one that record validation refuses: ``mpi ingest
    --dry-run`` reports both.

    Returns:
        The rows; None if the file has no layout.

    Raises:
        FileError: the file cannot be read.
        MappingError: the mapping and the columns of the file do not agree.
    """
    layout = layouts.get(path.stem)
    if layout is None:
        return None
    rows = open_file(path, layout.mapping, layout.file_format)
    return (RecordRow(path.stem, row.fields, {}, row.issues) for row in rows if isinstance(row, CanonicalRow))
