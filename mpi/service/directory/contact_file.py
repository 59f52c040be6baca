"""File of points of contact, which the operator keeps.

``contacts.csv`` in ``MPI_HOME`` has a row for each point of contact::

    level,code,organization,name,phone,email,owner,confirm_by,sources
    district,D01,North School District,Pat Doe,614-555-0100,,North student services,2027-06-30,D01-SIS
"""

import csv
import logging
from collections.abc import Mapping
from functools import lru_cache
from io import StringIO
from pathlib import Path

from mpi.domain import clock
from mpi.domain.errors import InputError
from mpi.domain.viewer import Viewer, require_any_permission
from mpi.service.core.index import Index
from mpi.service.directory.contacts import CONTACT_READERS, Contact, ContactDirectory, ContactLevel

FILE_NAME = "contacts.csv"
COLUMNS = (
    "level", "code", "organization", "name", "phone", "email", "owner", "confirm_by", "sources",
)  # fmt: skip
"""Columns of the file; ``sources`` may be missing."""
MAX_ROWS = 10_000
_OPTIONAL = frozenset({"sources"})
_MAX_BYTES = 4 << 20
_MAX_TEXT = 200
_NO_CONTACTS = ContactDirectory()
_log = logging.getLogger(__name__)


def read_contacts(index: Index, viewer: Viewer, level: ContactLevel | None = None) -> tuple[Contact, ...]:
    """Return the points of contact, in the order of the file.

    Args:
        index: the open index.
        viewer: who asks.
        level: kind of organization; None for all.

    Raises:
        AccessDenied: the viewer has no right by which people work with the index.
        InputError: the file cannot be used; the message names line and column.
    """
    require_any_permission(viewer, CONTACT_READERS)
    directory = load_directory(index.home)
    return directory.contacts if level is None else directory.list_level(level)


def list_due_contacts(contacts: tuple[Contact, ...]) -> tuple[Contact, ...]:
    """Return the contacts whose confirmation is overdue, the longest overdue first."""
    today = clock.today()
    due = [each for each in contacts if each.confirm_by < today]
    return tuple(sorted(due, key=lambda each: (each.confirm_by, each.level, each.code)))


def find_directory(index: Index) -> ContactDirectory:
    """Return the directory of contacts for lists of children.

    It is empty if the file cannot be used. A list of children is worth more than who to call, so a fault of
    the file does not take it away.
    """
    try:
        return load_directory(index.home)
    except InputError as error:
        _log.warning("no points of contact are shown: %s", error)
        return _NO_CONTACTS


def load_directory(home: Path) -> ContactDirectory:
    """Load the directory of an index; empty without a file.

    Args:
        home: folder of the index.

    Raises:
        InputError: the file cannot be used; the message names line and column.
    """
    path = home / FILE_NAME
    try:
        status = path.stat()
    except OSError:
        return _NO_CONTACTS
    if status.st_size > _MAX_BYTES:
        raise InputError(f"{FILE_NAME} is larger than {_MAX_BYTES >> 20} MB: is it the right file?")
    return _read_file(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4)
def _read_file(path: Path, _changed: int, _size: int) -> ContactDirectory:
    """Read the file, once for each change."""
    try:
        return parse_contacts(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise InputError(f"{FILE_NAME} is not in UTF-8: save it as CSV UTF-8") from None
    except OSError:
        raise InputError(f"{FILE_NAME} cannot be read: give the index the right to read it") from None


def parse_contacts(text: str) -> ContactDirectory:
    """Return the directory that a CSV text holds.

    Args:
        text: CSV with the columns of ``COLUMNS``.

    Raises:
        InputError: a column is missing or unknown, or a row is incomplete; the message names line and column.
    """
    reader = csv.DictReader(StringIO(text), strict=True)
    try:
        header = list(reader.fieldnames or ())
        missing = [name for name in COLUMNS if name not in header and name not in _OPTIONAL]
        if missing or len(header) != len(set(header)) or set(header) - set(COLUMNS):
            raise InputError(f"{FILE_NAME}, line 1: the columns are {', '.join(COLUMNS)}")
        contacts = [_read_row(row, reader.line_num) for row in reader]
    except csv.Error:
        raise InputError(f"{FILE_NAME}, line {reader.line_num}: this is no CSV that can be read") from None
    if len(contacts) > MAX_ROWS:
        raise InputError(f"{FILE_NAME} has over {MAX_ROWS:,} rows: is it the right file?")
    return ContactDirectory(tuple(contacts))


def _read_row(row: Mapping[str, str | None], line: int) -> Contact:
    cells = {name: (row.get(name) or "").strip() for name in COLUMNS}
    if None in row:
        raise InputError(f"{FILE_NAME}, line {line}: there are more cells than columns")
    for name, cell in cells.items():
        if len(cell) > _MAX_TEXT or not cell.isprintable():
            raise InputError(
                f"{FILE_NAME}, line {line}, {name}: give at most {_MAX_TEXT} characters that can be seen"
            )
    level = _read_level(cells["level"], line)
    for name in ("organization", "name", "owner", *(() if level is ContactLevel.STATE else ("code",))):
        if not cells[name]:
            raise InputError(f"{FILE_NAME}, line {line}, {name}: a value is required")
    if not cells["phone"] and not cells["email"]:
        raise InputError(f"{FILE_NAME}, line {line}, phone: give a phone number or a mail address")
    return Contact(
        level=level,
        code=cells["code"],
        organization=cells["organization"],
        name=cells["name"],
        phone=cells["phone"] or None,
        email=cells["email"] or None,
        owner=cells["owner"],
        confirm_by=clock.parse_day(cells["confirm_by"], f"{FILE_NAME}, line {line}, confirm_by").isoformat(),
        sources=tuple(cells["sources"].split()),
    )


def _read_level(text: str, line: int) -> ContactLevel:
    try:
        return ContactLevel(text.casefold())
    except ValueError:
        raise InputError(f"{FILE_NAME}, line {line}, level: give {', '.join(ContactLevel)}") from None
