"""Reader of OneRoster 1.1 and 1.2 CSV bundles.

Demographics, orgs, enrollments, guardians and, in 1.2, roles are read first and held in memory; students are
read as a stream. That takes about 1 KB a student. User profiles hold credentials, and are not read.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path

from mpi.domain.errors import FileError
from mpi.intake.oneroster.bundle_files import BundleFiles
from mpi.intake.oneroster.csv_items import CONVERSIONS, REQUIRED_COLUMNS, Cells
from mpi.intake.oneroster.items import Item, is_deleted, list_roles, read_text
from mpi.intake.oneroster.roster import NAME_ALONE, NAME_ALONE_DETAIL, STUDENT_ROLE, Roster
from mpi.intake.oneroster.student import StudentRules
from mpi.intake.oneroster.user_roles import UserRoles
from mpi.intake.rows import CanonicalRow, RejectedRow

VERSIONS = ("1.1", "1.2")
_MANIFEST = "manifest"
_READ_FILES = ("users", "demographics", "orgs", "enrollments", "roles")
_WHOLE_IN_DELTA = ("orgs", "enrollments")
"""Files that must be whole even if users are changes only: each student's schools follow from them."""
_DETAILS = {
    "duplicate-id": "users.csv has several rows of this sourcedId: which one is right?",
    "duplicate-demographics": "demographics.csv has several rows of this sourcedId: which one is right?",
    "incomplete-delta": "the bundle holds changes only, and not all of this user: ask for a bulk bundle",
    "no-local-id": "the row has no sourcedId",
    NAME_ALONE: NAME_ALONE_DETAIL,
}


class _FileMode(StrEnum):
    """What a file of a bundle holds, as the manifest says."""

    BULK = "bulk"
    DELTA = "delta"
    ABSENT = "absent"


class OneRosterBundle:
    """Students of a OneRoster bundle, read as canonical rows.

    Args:
        path: a folder or ZIP file of CSV files.
        rules: which numbers of a student are read.

    Raises:
        FileError: a file is missing, unusable, or holds changes where it must be whole; the message names it.

    Attributes:
        holds_all: whether the users are all users, and not changes only.
        gone: local IDs of users who are to be deleted.
    """

    def __init__(self, path: Path, rules: StudentRules) -> None:
        self._name = path.name
        self._files = BundleFiles(path)
        self._rules = rules
        self._version, self._modes = self._read_manifest()
        self._check_modes()
        self._tables = {name: self._files.open_table(name) for name in _READ_FILES if self._holds(name)}
        self._columns = {name: self._match_columns(name) for name in self._tables}
        self.holds_all = self._modes["users"] is _FileMode.BULK
        self.gone, self._repeated_ids = self._scan_users()
        self._dated: set[str] = set()
        self._repeated_demographics: set[str] = set()

    @property
    def position(self) -> int:
        """Number of bytes of the users read so far."""
        return self._tables["users"].position

    @property
    def size_bytes(self) -> int:
        """Number of bytes of the users."""
        return self._files.sizes["users"]

    def rows(self) -> Iterator[CanonicalRow | RejectedRow]:
        """Yield a canonical row for each student.

        Raises:
            FileError: a file other than that of the users has a row that cannot be read.
        """
        roster, roles = Roster(self._rules), UserRoles()
        self._read_details(roster, roles)
        for line, offset, user in self._each_row("users"):
            if isinstance(user, RejectedRow):
                yield user
                continue
            whole_user = roles.complete(user)
            reason = self._find_fault(roster, whole_user)
            if reason is not None:
                key = read_text(user, "sourcedId")
                yield RejectedRow(line, offset, reason, _DETAILS[reason], key)
            elif STUDENT_ROLE in list_roles(whole_user) and not is_deleted(user):
                yield CanonicalRow(line, offset, roster.make_fields(whole_user))

    def _read_details(self, roster: Roster, roles: UserRoles) -> None:
        """Read what is held in memory."""
        for org in self._each_item("orgs"):
            roster.add_org(org)
        for item in self._each_item("demographics"):
            key = read_text(item, "sourcedId") or ""
            (self._repeated_demographics if key in self._dated else self._dated).add(key)
            roster.add_demographics(item)
        for item in self._each_item("enrollments"):
            roster.add_enrollment(item)
        for item in self._each_item("roles"):
            roles.add(item)
        for _, _, user in self._each_row("users", as_cells=True):
            if not isinstance(user, RejectedRow):
                roster.add_guardian(roles.complete(user))

    def _find_fault(self, roster: Roster, user: Item) -> str | None:
        """Return why a possible student gives no row, or None."""
        roles, key = list_roles(user), read_text(user, "sourcedId")
        if is_deleted(user) or (roles and STUDENT_ROLE not in roles) or (self.holds_all and not roles):
            return None
        is_undated = self._modes["demographics"] is _FileMode.DELTA and key not in self._dated
        faults = {
            "no-local-id": key is None,
            "duplicate-id": key in self._repeated_ids,
            "duplicate-demographics": key in self._repeated_demographics,
            "incomplete-delta": not roles or is_undated,
            NAME_ALONE: roster.is_name_alone(user),
        }
        return next((reason for reason, is_so in faults.items() if is_so), None)

    def _scan_users(self) -> tuple[frozenset[str], frozenset[str]]:
        """Return the IDs of users to delete, and the repeated IDs."""
        gone: set[str] = set()
        known: set[str] = set()
        repeated: set[str] = set()
        for _, _, user in self._each_row("users", as_cells=True):
            if isinstance(user, RejectedRow) or (key := read_text(user, "sourcedId")) is None:
                continue
            (repeated if key in known else known).add(key)
            if is_deleted(user):
                gone.add(key)
        return frozenset(gone - repeated), frozenset(repeated)

    def _holds(self, name: str) -> bool:
        """Return whether the manifest says that a file is in the bundle."""
        return self._modes.get(name, _FileMode.ABSENT) is not _FileMode.ABSENT

    def _read_manifest(self) -> tuple[str, Mapping[str, _FileMode]]:
        """Return the version of the bundle, and what each file holds."""
        if _MANIFEST not in self._files.sizes:
            raise FileError(f"{self._name}: manifest.csv is missing; it says whether the files are whole")
        table = self._files.open_table(_MANIFEST)
        entries: dict[str, str] = {}
        for row in table.rows():
            if isinstance(row, RejectedRow) or len(row.values) < len(("propertyName", "value")):
                raise FileError(f"{self._name}: manifest.csv: line {row.line} cannot be read")
            entries[str(row.values[0]).strip().casefold()] = str(row.values[1]).strip().casefold()
        version = entries.get("oneroster.version", "")
        if version not in VERSIONS:
            raise FileError(f"{self._name}: manifest.csv: oneroster.version: there is {', '.join(VERSIONS)}")
        modes: dict[str, _FileMode] = {}
        for name in _READ_FILES:
            mode = entries.get(f"file.{name}", _FileMode.ABSENT.value)
            if mode not in set(_FileMode):
                raise FileError(f"{self._name}: manifest.csv: file.{name}: bulk, delta or absent")
            modes[name] = _FileMode(mode)
            if modes[name] is not _FileMode.ABSENT and name not in self._files.sizes:
                raise FileError(f"{self._name}: {name}.csv is missing, though manifest.csv names it")
        return version, modes

    def _check_modes(self) -> None:
        """Refuse a bundle whose files do not make whole records."""
        if not self._holds("users"):
            raise FileError(f"{self._name}: there is no users.csv, and so no student")
        if not self._holds("demographics"):
            raise FileError(
                f"{self._name}: there is no demographics.csv, and so no birth date: children would be linked "
                "by name alone"
            )
        if self._version != VERSIONS[0] and not self._holds("roles"):
            raise FileError(f"{self._name}: there is no roles.csv, which says who is a student")
        is_whole = self._modes["users"] is _FileMode.BULK
        for name in _READ_FILES[1:] if is_whole else _WHOLE_IN_DELTA:
            if self._modes[name] is _FileMode.DELTA:
                raise FileError(f"{self._name}: {name}.csv holds changes only: ask for it as bulk")

    def _match_columns(self, name: str) -> list[str]:
        """Return the columns of a file as OneRoster writes them.

        Raises:
            FileError: one is missing that must be there.
        """
        known = {column.casefold(): column for column in REQUIRED_COLUMNS[name]}
        columns = [known.get(column.casefold(), column) for column in self._tables[name].columns]
        for column in REQUIRED_COLUMNS[name]:
            if column not in columns:
                raise FileError(f"{self._name}: {name}.csv has no column {column}")
        return columns

    def _each_item(self, name: str) -> Iterator[Item]:
        """Yield the items of a file, if there is one.

        Raises:
            FileError: a row cannot be read.
        """
        for line, _, item in self._each_row(name) if name in self._tables else ():
            if isinstance(item, RejectedRow):
                raise FileError(f"{self._name}: {name}.csv: line {line} cannot be read ({item.reason})")
            yield item

    def _each_row(
        self, name: str, *, as_cells: bool = False
    ) -> Iterator[tuple[int, int | None, Item | RejectedRow]]:
        """Yield line, offset and item of each row of a file.

        Args:
            name: the file.
            as_cells: give the cells instead, which is faster, and enough for texts.
        """
        columns, convert = self._columns[name], dict if as_cells else CONVERSIONS[name]
        for row in self._tables[name].rows():
            if isinstance(row, RejectedRow):
                yield row.line, row.offset, row
            else:
                cells: Cells = {column: str(cell) for column, cell in zip(columns, row.values, strict=True)}
                yield row.line, row.offset, convert(cells)
