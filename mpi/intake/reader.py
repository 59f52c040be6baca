"""Entry point: opens a file of any supported format as canonical rows."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

from mpi.domain.errors import FileError, MappingError
from mpi.intake.afcars_file import AfcarsFile
from mpi.intake.columns import check_columns, list_columns
from mpi.intake.csv_file import CsvTable
from mpi.intake.edfi.edfi_file import STUDENT_ROOT, EdfiFile, list_edfi_files
from mpi.intake.mapping_types import FileMapping, make_canonical_mapping
from mpi.intake.ndjson_file import NdjsonTable
from mpi.intake.oneroster.bundle import OneRosterBundle
from mpi.intake.oneroster.student import StudentRules
from mpi.intake.parquet_file import ParquetTable
from mpi.intake.projection import Projection
from mpi.intake.rows import CanonicalRow, RejectedRow
from mpi.intake.tabular_file import TabularFile, open_binary
from mpi.intake.token_file import TokenFile
from mpi.intake.xml_stream import XmlFile

FORMATS = ("csv", "parquet", "ndjson", "edfi", "afcars", "openlinktoken", "oneroster")
"""File formats that ``open_file`` reads."""

_UNMAPPED_FORMATS = ("edfi", "afcars", "openlinktoken", "oneroster")
_ONEROSTER_USERS = "users.csv"
_FORMAT_OF_SUFFIX = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".parquet": "parquet",
    ".ndjson": "ndjson", ".jsonl": "ndjson", ".json": "ndjson",
}  # fmt: skip


class FileRows:
    """The rows of an opened file, to be iterated once.

    Iterating raises FileError where the rest of the file cannot be read, and then nothing of the file
    should be kept.

    Args:
        path: the file.
        file_format: one of FORMATS.
        columns: the file's own columns; none for AFCARS and Ed-Fi.
        rows: begins to read; None for a row that is skipped.
        position: returns the number of bytes read.
        mapping_digest: digest of the mapping or rules; empty for AFCARS and Ed-Fi, which have one meaning.

    Attributes:
        format: the file's format.
        columns: the file's own columns.
        gone: local IDs of records that the file states as gone.
        holds_all: whether the file holds all records of its source; None where it does not say so.
        size_bytes: the file's size.
        skipped_rows: rows so far that the mapping's ``where`` left out; they are neither sent nor
            rejected.
    """

    def __init__(
        self,
        path: Path,
        file_format: str,
        columns: tuple[str, ...],
        rows: Callable[[], Iterator[CanonicalRow | RejectedRow | None]],
        position: Callable[[], int],
        mapping_digest: str = "",
    ) -> None:
        self.format = file_format
        self.columns = columns
        self.gone: frozenset[str] = frozenset()
        self.holds_all: bool | None = None
        self._files = _list_files(path, file_format)
        self.size_bytes = sum(file.stat().st_size for file in self._files)
        self.skipped_rows = 0
        self._rows = rows
        self._position = position
        self._mapping_digest = mapping_digest
        self._is_started = False

    @property
    def bytes_read(self) -> int:
        """Number of bytes read, for a progress bar."""
        return min(self._position(), self.size_bytes)

    def compute_digest(self) -> str:
        """Return the SHA-256 of a file's content, format and mapping, in hexadecimal.

        Two loads of one file have equal digests where its format and its mapping, ``where`` too, are equal.
        Reads the file once more, about a gigabyte a second.
        """
        digests: list[str] = []
        for file in self._files:
            with open_binary(file) as source:
                digests.append(hashlib.file_digest(source, "sha256").hexdigest())
        return hashlib.sha256(
            " ".join([self.format, self._mapping_digest, *sorted(digests)]).encode()
        ).hexdigest()

    def __iter__(self) -> Iterator[CanonicalRow | RejectedRow]:
        if self._is_started:
            raise RuntimeError("the rows of a file can be read once; open it again")
        self._is_started = True
        return self._count_skipped()

    def _count_skipped(self) -> Iterator[CanonicalRow | RejectedRow]:
        """Yield the file's rows, and count those that the mapping leaves out."""
        for row in self._rows():
            if row is None:
                self.skipped_rows += 1
            else:
                yield row


def open_file(
    path: Path,
    mapping: FileMapping | None,
    file_format: str | None,
    student_rules: StudentRules | None = None,
) -> FileRows:
    """Open a file, check its columns, and prepare to read its rows.

    Args:
        path: a file; for Ed-Fi also a folder, for OneRoster a ZIP file or a folder.
        mapping: how its columns become canonical fields; None where they are canonical already. Formats of
            one meaning (AFCARS, Ed-Fi, Open Link Token) take none.
        file_format: one of FORMATS; None to tell it from the mapping or the file's name.
        student_rules: which numbers of a student are read from OneRoster; None for other formats.

    Raises:
        FileError: the file cannot be read, or its format is not known.
        MappingError: the mapping and the file's columns do not account for each other.
    """
    chosen_format = file_format or (mapping.format if mapping else None) or _detect_format(path)
    if chosen_format not in FORMATS:
        raise FileError(f"{chosen_format!r} is no format; there are {', '.join(FORMATS)}")
    if student_rules is not None and chosen_format != "oneroster":
        raise FileError(f"{path.name}: only OneRoster bundles take rules of state IDs and student numbers")
    if chosen_format in _UNMAPPED_FORMATS:
        return _open_unmapped(path, chosen_format, mapping, student_rules)
    return _open_table(path, chosen_format, mapping or make_canonical_mapping())


def _open_unmapped(
    path: Path, file_format: str, mapping: FileMapping | None, student_rules: StudentRules | None
) -> FileRows:
    if mapping is not None:
        raise MappingError(f"{path.name}: {file_format} files take no mapping; leave it out")
    if file_format == "openlinktoken":
        tokens = TokenFile(path)
        return FileRows(path, file_format, tokens.columns, tokens.rows, lambda: tokens.position)
    if file_format == "oneroster":
        return _open_oneroster(path, student_rules or StudentRules())
    file = EdfiFile(path) if file_format == "edfi" else AfcarsFile(path)
    return FileRows(path, file_format, (), file.rows, lambda: file.position)


def _open_oneroster(path: Path, rules: StudentRules) -> FileRows:
    """Open a OneRoster bundle.

    The progress is that of its users, in bytes of the bundle.
    """
    bundle = OneRosterBundle(path, rules)
    size = sum(file.stat().st_size for file in _list_files(path, "oneroster"))
    rows = FileRows(
        path,
        "oneroster",
        (),
        bundle.rows,
        lambda: size * bundle.position // max(bundle.size_bytes, 1),
        hashlib.sha256(repr(rules).encode()).hexdigest(),
    )
    rows.gone, rows.holds_all = bundle.gone, bundle.holds_all
    return rows


def _open_table(path: Path, file_format: str, mapping: FileMapping) -> FileRows:
    table = _open_tabular_file(path, file_format, mapping)
    try:
        check_columns(mapping, table.columns, complete=table.columns_are_complete)
    except MappingError as error:
        raise MappingError(f"{path.name}: {error}") from None
    own_columns = table.columns
    if not table.columns_are_complete:
        table.columns = tuple(dict.fromkeys([*own_columns, *list_columns(mapping)]))
    projection = Projection(mapping, table.columns)
    return FileRows(
        path,
        file_format,
        own_columns,
        lambda: _project_rows(table, projection),
        lambda: table.position,
        mapping.digest(),
    )


def _open_tabular_file(path: Path, file_format: str, mapping: FileMapping) -> TabularFile:
    if file_format == "csv":
        is_tab_separated = path.suffix.lower() == ".tsv"
        return CsvTable(path, mapping.delimiter or ("\t" if is_tab_separated else ","), mapping.encoding)
    return ParquetTable(path) if file_format == "parquet" else NdjsonTable(path)


def _project_rows(table: TabularFile, projection: Projection) -> Iterator[CanonicalRow | RejectedRow | None]:
    for row in table.rows():
        if isinstance(row, RejectedRow):
            yield row
        else:
            yield projection.project(row) if projection.is_wanted(row) else None


def _detect_format(path: Path) -> str:
    if path.is_dir():
        return "oneroster" if (path / _ONEROSTER_USERS).exists() else "edfi"
    if path.suffix.lower() == ".zip":
        return "oneroster"
    if path.suffix.lower() == ".xml":
        return "edfi" if XmlFile(path, record_depth=1).read_root_name() == STUDENT_ROOT else "afcars"
    if path.suffix.lower() in _FORMAT_OF_SUFFIX:
        return _FORMAT_OF_SUFFIX[path.suffix.lower()]
    raise FileError(f"{path.name}: its name does not tell its format; say --format {'|'.join(FORMATS)}")


def _list_files(path: Path, file_format: str) -> list[Path]:
    if file_format == "oneroster" and path.is_dir():
        return sorted(path.glob("*.csv"))
    return list_edfi_files(path)
