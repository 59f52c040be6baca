"""Files that are not of canonical columns, read for training as ``mpi ingest`` reads them."""

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
from training.records import RawRow

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
    """How the file of a source is to be read.

    Args:
        mapping: how its columns become canonical fields; None where it takes none.
        file_format: one of FORMATS; None where the mapping or the file's name tells.
    """

    mapping: FileMapping | None = None
    file_format: str | None = None


def read_layouts(paths: Sequence[Path], mappings: Sequence[str], formats: Sequence[str]) -> dict[str, FileLayout]:
    """What was said of how files are to be read, by source: the name of a file without its suffix.

    Args:
        paths: the files.
        mappings: ``SOURCE=MAPPING``, the mapping as ``mpi ingest`` takes it.
        formats: ``SOURCE=FORMAT``.

    Raises:
        InputError: one is not of that form, names no file that was given, or one that another names too.
        MappingError: there is no such mapping, or it is wrong.
    """
    sources = {path.stem for path in paths}
    named = {source: load_mapping(what) for source, what in _parse_assignments(mappings, sources, "--mapping")}
    kinds = dict(_parse_assignments(formats, sources, "--format"))
    for kind in kinds.values():
        if kind not in FORMATS:
            raise InputError(f"{kind!r} is no format; there are {', '.join(FORMATS)}")
    return {source: FileLayout(named.get(source), kinds.get(source)) for source in named.keys() | kinds.keys()}


def _parse_assignments(said: Sequence[str], sources: set[str], option: str) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for one in said:
        source, sign, what = one.partition("=")
        if not sign or not what:
            raise InputError(
                f"{option} {one}: say SOURCE=…, the source being the file's name without its suffix"
            )
        if source not in sources:
            raise InputError(f"{option} {one}: no file of --data is called {source}")
        if source in seen:
            raise InputError(f"{option} {one}: said twice of {source}")
        seen.add(source)
        yield source, what


def read_rows_by_layout(path: Path, layouts: Mapping[str, FileLayout]) -> Iterator[RawRow] | None:
    """The rows of a file that a layout is stated for; None of any other.

    A row that cannot be read is left out, as one that the door refuses is: ``mpi ingest --dry-run`` tells of
    both.

    Raises:
        FileError: the file cannot be read.
        MappingError: the mapping and the file's columns do not account for each other.
    """
    layout = layouts.get(path.stem)
    if layout is None:
        return None
    rows = open_file(path, layout.mapping, layout.file_format)
    return (RawRow(path.stem, row.fields, {}) for row in rows if isinstance(row, CanonicalRow))
