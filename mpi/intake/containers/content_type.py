"""Recognition of a file's type by its content."""

import zipfile
from pathlib import Path

from mpi.domain.errors import FileError
from mpi.intake.tabular_file import open_binary

WORKBOOK, OLD_WORKBOOK, ZIP, GZIP, PARQUET = "xlsx", "xls", "zip", "gzip", "parquet"

_DESCRIPTIONS = {
    WORKBOOK: "an Excel workbook",
    OLD_WORKBOOK: "an Excel workbook of the old kind (.xls), or one with a password",
    ZIP: "a ZIP file",
    GZIP: "a gzip file",
    PARQUET: "a Parquet file",
    "pdf": "a PDF document",
    "image": "a picture",
    "sqlite": "an SQLite database",
    "rtf": "a document of a word processor (RTF)",
    "html": "a web page (HTML)",
    "xml": "an XML file",
}
_SIGNATURES = (
    (b"PAR1", PARQUET),
    (b"\x1f\x8b", GZIP),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OLD_WORKBOOK),
    (b"%PDF-", "pdf"),
    (b"\x89PNG", "image"),
    (b"\xff\xd8\xff", "image"),
    (b"SQLite format 3\0", "sqlite"),
    (b"{\\rtf", "rtf"),
)
_ZIP_SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06")
_WORKBOOK_PART = "xl/workbook.xml"
_SAMPLE_BYTES = 512
_BOM = b"\xef\xbb\xbf"
_REMEDIES = {
    WORKBOOK: "rename it to .xlsx, or give --format xlsx",
    OLD_WORKBOOK: "open it in Excel and save it as .xlsx, without a password",
    ZIP: "rename it to .zip",
    GZIP: "rename it to .csv.gz",
    PARQUET: "rename it to .parquet, or give --format parquet",
    "text": "if it is CSV, rename it to .csv or give --format csv",
    "html": "export the table as CSV or .xlsx",
}
_EXPECTED: dict[str, tuple[frozenset[str | None], str]] = {
    "csv": (frozenset((None,)), "CSV"),
    "xlsx": (frozenset((WORKBOOK,)), "an Excel workbook"),
    "parquet": (frozenset((PARQUET,)), "Parquet"),
    "ndjson": (frozenset((None,)), "JSON"),
}


def find_content_type(path: Path) -> str | None:
    """Return what a file is, by its first bytes.

    Returns:
        None for text, and for a file of an unknown type.

    Raises:
        FileError: it cannot be opened.
    """
    with open_binary(path) as file:
        sample = file.read(_SAMPLE_BYTES)
    if sample.startswith(_ZIP_SIGNATURES):
        return WORKBOOK if _is_workbook(path) else ZIP
    kind = next((kind for signature, kind in _SIGNATURES if sample.startswith(signature)), None)
    if kind is not None:
        return kind
    start = sample.removeprefix(_BOM).lstrip().lower()
    if start.startswith((b"<html", b"<!doctype html", b"<table")):
        return "html"
    return "xml" if start.startswith(b"<?xml") else None


def check_content(path: Path, file_format: str) -> None:
    """Raise where a file is of another type than its format.

    Args:
        path: the file.
        file_format: ``csv``, ``xlsx``, ``parquet`` or ``ndjson``; others are not checked.

    Raises:
        FileError: it says what the file is, and what to do.
    """
    if file_format not in _EXPECTED or not path.is_file() or not path.stat().st_size:
        return
    accepted, expected_name = _EXPECTED[file_format]
    kind = find_content_type(path)
    if kind in accepted:
        return
    description = _DESCRIPTIONS.get(kind or "")
    if description is None:
        if not _is_text(path):
            return  # the reader says what is wrong
        kind, description = "text", "a text file"
    remedy = _REMEDIES.get(kind or "", "export the data as CSV or .xlsx")
    raise FileError(f"{path.name}: it is {description}, not {expected_name}; {remedy}")


def _is_workbook(path: Path) -> bool:
    """Return whether a ZIP file is an Excel workbook."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _WORKBOOK_PART in archive.NameToInfo
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError):
        return False


def _is_text(path: Path) -> bool:
    """Return whether a file begins with text."""
    with open_binary(path) as file:
        return b"\0" not in file.read(_SAMPLE_BYTES)
