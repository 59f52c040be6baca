"""Entry point: opens a file of any supported format as canonical rows."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from mpi.domain.errors import FileError, MappingError
from mpi.intake.afcars_file import AfcarsFile
from mpi.intake.columns import check_columns, list_columns
from mpi.intake.containers.content_type import ZIP, check_content, find_content_type
from mpi.intake.containers.gzip_file import GZIP_SUFFIX, open_gzip
from mpi.intake.containers.zip_file import check_members, list_members, open_member
from mpi.intake.csv_file import CsvTable
from mpi.intake.edfi.edfi_file import STUDENT_ROOT, EdfiFile, list_edfi_files
from mpi.intake.mapping_types import FileMapping, make_canonical_mapping
from mpi.intake.ndjson_file import NdjsonTable
from mpi.intake.oneroster.bundle import OneRosterBundle
from mpi.intake.oneroster.student import StudentRules
from mpi.intake.parquet_file import ParquetTable
from mpi.intake.projection import Projection
from mpi.intake.rows import CanonicalRow, RejectedRow
from mpi.intake.tabular_file import FileOpener, TabularFile, open_binary
from mpi.intake.token_file import TokenFile
from mpi.intake.workbook.workbook_file import WorkbookTable
from mpi.intake.xml_stream import XmlFile

FORMATS = ("csv", "xlsx", "parquet", "ndjson", "edfi", "afcars", "openlinktoken", "oneroster")
"""File formats that ``open_file`` reads."""

_UNMAPPED_FORMATS = ("edfi", "afcars", "openlinktoken", "oneroster")
_ONEROSTER_USERS, _ONEROSTER_MANIFEST = "users.csv", "manifest.csv"
_FORMAT_OF_SUFFIX = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".parquet": "parquet",
    ".ndjson": "ndjson", ".jsonl": "ndjson", ".json": "ndjson", ".xlsx": "xlsx", ".xlsm": "xlsx",
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
        name: name of the file.
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
        self.name = path.name
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
    sheet: str | None = None,
) -> FileRows:
    """Open a file, check its columns, and prepare to read its rows.

    Args:
        path: a file; for Ed-Fi also a folder, for OneRoster a ZIP file or a folder. A CSV or NDJSON file may
            be a gzip file, and CSV files may stand in a ZIP file.
        mapping: how its columns become canonical fields; None where they are canonical already. Formats of
            one meaning (AFCARS, Ed-Fi, Open Link Token) take none.
        file_format: one of FORMATS; None to tell it from the mapping or the file's name.
        student_rules: which numbers of a student are read from OneRoster; None for other formats.
        sheet: name of the sheet of a workbook; None for that of the mapping, or the only one.

    Raises:
        FileError: the file cannot be read, or its format is not known.
        MappingError: the mapping and the file's columns do not account for each other.
    """
    chosen_format = file_format or (mapping.format if mapping else None) or detect_format(path)
    if chosen_format not in FORMATS:
        raise FileError(f"{chosen_format!r} is no format; there are {', '.join(FORMATS)}")
    if student_rules is not None and chosen_format != "oneroster":
        raise FileError(f"{path.name}: only OneRoster bundles take rules of state IDs and student numbers")
    if chosen_format in _UNMAPPED_FORMATS:
        return _open_unmapped(path, chosen_format, mapping, student_rules)
    layout = mapping or make_canonical_mapping()
    if sheet is not None:
        if chosen_format != "xlsx":
            raise FileError(f"{path.name}: only a workbook has sheets")
        layout = replace(layout, sheet=sheet)
    return _open_data(path, chosen_format, layout)


def open_files(
    paths: Sequence[Path],
    mapping: FileMapping | None,
    file_format: str | None,
    student_rules: StudentRules | None = None,
    sheet: str | None = None,
) -> FileRows:
    """Open several files of one kind as one, in their order.

    Arguments and errors are those of ``open_file``.
    """
    files = [open_file(path, mapping, file_format, student_rules, sheet) for path in paths]
    if len(files) == 1:
        return files[0]
    if mapping is not None:
        _refuse_row_numbers(mapping)
    names = [file.name for file in files]
    if len(set(names)) < len(names):
        raise FileError("two of the files have the same name: rename one, so that its rows can be told")
    return FileSet(files)


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


def _refuse_row_numbers(mapping: FileMapping) -> None:
    """Refuse a mapping whose local IDs a second file would repeat."""
    if mapping.local_id_from_row:
        raise MappingError(
            f"{mapping.name} takes local IDs from row numbers, which several files would repeat: load one"
        )


class FileSet(FileRows):
    """Rows of several files, one after the other, as one file.

    Args:
        files: the opened files.
    """

    def __init__(self, files: Sequence[FileRows]) -> None:
        self._parts = files
        self.name = ", ".join(file.name for file in files)
        self.format = files[0].format
        self.columns = tuple(dict.fromkeys(column for file in files for column in file.columns))
        self.gone = frozenset[str]().union(*(file.gone for file in files))
        stated = {file.holds_all for file in files}
        self.holds_all = None if None in stated else stated == {True}
        self.size_bytes = sum(file.size_bytes for file in files)
        self.skipped_rows = 0
        self._is_started = False

    @property
    def bytes_read(self) -> int:
        """Number of bytes read, for a progress bar."""
        return sum(file.bytes_read for file in self._parts)

    def compute_digest(self) -> str:
        """Return the SHA-256 of all files' content, format and mapping."""
        digests = [file.compute_digest() for file in self._parts]
        return hashlib.sha256(" ".join(digests).encode()).hexdigest()

    def _count_skipped(self) -> Iterator[CanonicalRow | RejectedRow]:
        """Yield the rows of each file, with its name."""
        for file in self._parts:
            for row in file:
                self.skipped_rows = sum(part.skipped_rows for part in self._parts)
                yield replace(row, file=file.name)
        self.skipped_rows = sum(part.skipped_rows for part in self._parts)


def _open_data(path: Path, file_format: str, mapping: FileMapping) -> FileRows:
    """Open a table, also one that is compressed."""
    if path.suffix.lower() == GZIP_SUFFIX:
        if file_format not in {"csv", "ndjson"}:
            raise FileError(f"{path.name}: unpack it first; only CSV and NDJSON are read from a gzip file")
        return _open_table(path, file_format, mapping, Path(path.stem), partial(open_gzip, path))
    if file_format == "csv" and path.is_file() and find_content_type(path) == ZIP:
        return _open_zip(path, mapping)
    check_content(path, file_format)
    return _open_table(path, file_format, mapping, path, None)


def _open_zip(path: Path, mapping: FileMapping) -> FileRows:
    """Open the CSV files of a ZIP file as one file."""
    members = list_members(path)
    others = [name for name, _ in members if _FORMAT_OF_SUFFIX.get(Path(name).suffix.lower()) != "csv"]
    if others or not members:
        kinds = ", ".join(sorted({Path(name).suffix.lower() or "without an ending" for name in others}))
        what = f"it also holds files that are no CSV ({kinds})" if others else "it is empty"
        raise FileError(f"{path.name}: {what}; put only CSV files into it")
    check_members(path, members)
    if len(members) > 1:
        _refuse_row_numbers(mapping)
    files = [
        _open_table(path, "csv", mapping, Path(name), partial(open_member, path, member))
        for name, member in members
    ]
    if len(files) == 1:
        return files[0]
    for file, (name, member) in zip(files, members, strict=True):
        file.name, file.size_bytes = name, member.file_size
    archive = FileSet(files)
    archive.name = path.name
    return archive


def _open_table(
    path: Path, file_format: str, mapping: FileMapping, name: Path, opener: FileOpener | None
) -> FileRows:
    """Open a table.

    Args:
        path: the file on the disk.
        file_format: ``csv``, ``xlsx``, ``parquet`` or ``ndjson``.
        mapping: how its columns become canonical fields.
        name: name of the table, which differs where it is compressed.
        opener: opens a table that is compressed; None for the file itself.
    """
    table = _open_tabular_file(name, file_format, mapping, opener)
    try:
        check_columns(mapping, table.columns, complete=table.columns_are_complete)
    except MappingError as error:
        raise MappingError(f"{name.name}: {error}") from None
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


def _open_tabular_file(
    path: Path, file_format: str, mapping: FileMapping, opener: FileOpener | None
) -> TabularFile:
    if file_format == "csv":
        is_tab_separated = path.suffix.lower() == ".tsv"
        delimiter = mapping.delimiter or ("\t" if is_tab_separated else ",")
        return CsvTable(path, delimiter, mapping.encoding, opener, mapping.header_row or 1)
    if file_format == "xlsx":
        return WorkbookTable(path, mapping.sheet, mapping.header_row)
    return ParquetTable(path) if file_format == "parquet" else NdjsonTable(path, opener)


def _project_rows(table: TabularFile, projection: Projection) -> Iterator[CanonicalRow | RejectedRow | None]:
    for row in table.rows():
        if isinstance(row, RejectedRow):
            yield row
        else:
            yield projection.project(row) if projection.is_wanted(row) else None


def detect_format(path: Path) -> str:
    """Return the format of a file or folder.

    A file's name tells it, and so does the content of a ZIP or XML file. A folder's files tell it.

    Raises:
        FileError: its name does not tell its format.
    """
    if path.is_dir():
        return "oneroster" if (path / _ONEROSTER_USERS).exists() else "edfi"
    if path.suffix.lower() == ".zip":
        return _detect_zip_format(path)
    if path.suffix.lower() == ".xml":
        return "edfi" if XmlFile(path, record_depth=1).read_root_name() == STUDENT_ROOT else "afcars"
    suffix = Path(path.stem).suffix.lower() if path.suffix.lower() == GZIP_SUFFIX else path.suffix.lower()
    if suffix in _FORMAT_OF_SUFFIX:
        return _FORMAT_OF_SUFFIX[suffix]
    raise FileError(f"{path.name}: its name does not tell its format; say --format {'|'.join(FORMATS)}")


def _detect_zip_format(path: Path) -> str:
    """Return the format of a ZIP file: OneRoster or CSV.

    A ZIP file without a CSV file counts as OneRoster.
    """
    names = {name.casefold() for name, _ in list_members(path)}
    tables = [name for name in names if Path(name).suffix == ".csv"]
    is_bundle = bool(names & {_ONEROSTER_USERS, _ONEROSTER_MANIFEST}) or not tables
    return "oneroster" if is_bundle else "csv"


def _list_files(path: Path, file_format: str) -> list[Path]:
    if file_format == "oneroster" and path.is_dir():
        return sorted(path.glob("*.csv"))
    return list_edfi_files(path)
