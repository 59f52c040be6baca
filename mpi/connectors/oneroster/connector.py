"""Pulls the students of a OneRoster API.

Only students are asked for, and guardians where the connection says so. A list that has not been granted is
an error: without demographics there are no birth dates, and children would be linked by name alone.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mpi.connectors.api_session import ApiSession
from mpi.connectors.connection import Connection
from mpi.connectors.oneroster.list_reader import ListReader
from mpi.connectors.pull import Progress, PullResult, RowSink
from mpi.domain import clock
from mpi.domain.errors import InputError, RemoteSystemError
from mpi.intake.oneroster.items import (
    Item,
    is_deleted,
    list_references,
    list_roles,
    read_reference,
    read_text,
)
from mpi.intake.oneroster.roster import NAME_ALONE, NAME_ALONE_DETAIL, STUDENT_ROLE, Roster
from mpi.intake.oneroster.student import RULE_OPTIONS, StudentRules, read_rules

BASE_PATHS = {"1.1": "/ims/oneroster/v1p1", "1.2": "/ims/oneroster/rostering/v1p2"}
"""Path of the rostering API of each version."""
DEFAULT_VERSION = "1.2"
MAX_SINGLE_READS = 100
"""Most changed students who are read one by one; of more, whole lists are read."""
NO_DEMOGRAPHICS = (
    "without demographics there are no birth dates, and children would be linked by name alone: have the "
    "client granted the demographics (scope roster-demographics.readonly)"
)
_OPTIONS = RULE_OPTIONS | {"enrollments", "guardians", "overlap_minutes", "page_size", "path"}
_PAGE_SIZES = (2, 10_000)
_OVERLAP_MINUTES = (0, 10_080)


@dataclass(frozen=True, slots=True)
class _Options:
    """Options of a connection.

    Args:
        rules: which numbers of a student are read.
        base_path: path of the API.
        with_enrollments: whether enrollments in classes are read, for the dates in a school.
        with_guardians: whether guardians are read.
        overlap: time before the last pull from which on changes are asked for.
        page_size: items that are asked for at a time.
    """

    rules: StudentRules
    base_path: str
    with_enrollments: bool
    with_guardians: bool
    overlap: timedelta
    page_size: int


class OneRosterConnector:
    """Connector to a OneRoster API.

    Args:
        connection: the system.
        open_session: opens a session with it.

    Raises:
        InputError: version or an option of the connection is wrong.
    """

    def __init__(
        self, connection: Connection, open_session: Callable[[Connection], ApiSession] = ApiSession
    ) -> None:
        self._connection = connection
        self._options = _read_options(connection)
        self._open_session = open_session

    def pull(self, cursor: str | None, sink: RowSink, progress: Progress) -> PullResult:
        """Pull students who have changed since a cursor, or all.

        Args:
            cursor: time of the last pull by the system's clock (ISO, UTC); None to pull all.
            sink: gets the rows.
            progress: is told how far the pull is.

        Raises:
            RemoteSystemError: the system cannot be reached, refuses, or answers what cannot be read.
        """
        with self._open_session(self._connection) as session:
            reader = ListReader(
                session, self._connection.url, self._options.base_path, self._options.page_size
            )
            run = _PullRun(reader, self._options, sink, progress)
            if cursor is None:
                run.pull_all()
            else:
                moment = datetime.fromisoformat(cursor) - self._options.overlap
                run.pull_changes(_format_moment(moment))
            return PullResult(_format_moment(reader.began or clock.now()), is_full=cursor is None)


class _PullRun:
    """One pull: the details of students first, then the students."""

    def __init__(self, reader: ListReader, options: _Options, sink: RowSink, progress: Progress) -> None:
        self._reader = reader
        self._options = options
        self._sink = sink
        self._progress = progress
        self._roster = Roster(options.rules)
        self._student_count = 0
        self._dated_count = 0

    def pull_all(self) -> None:
        """Pull every student."""
        self._read_lists(None)
        self._add_students(None)

    def pull_changes(self, since: str) -> None:
        """Pull the students of whom something has changed.

        Args:
            since: time (ISO, UTC) from which on.
        """
        changed = self._find_changed(since)
        if not changed:
            return
        if len(changed) > MAX_SINGLE_READS:
            self._read_lists(changed)
            self._add_students(changed)
            return
        self._read_orgs()
        self._read_enrollments(changed)
        for number, key in enumerate(sorted(changed)):
            self._progress("changed students", number, len(changed))
            student = self._reader.get_one("students", key)
            if student is not None:
                self._read_details(key, student)
                self._add_student(student)

    def _find_changed(self, since: str) -> set[str]:
        """Return the changed users' IDs; tell the sink who is gone.

        Some may be those of other users than students.
        """
        changed: set[str] = set()
        gone: set[str] = set()
        for student in self._read("students", since):
            if key := read_text(student, "sourcedId"):
                (gone if is_deleted(student) else changed).add(key)
        for item in self._read("demographics", since, NO_DEMOGRAPHICS):
            changed.update(key for key in [read_text(item, "sourcedId")] if key)
        if self._options.with_enrollments:
            for item in self._read("enrollments", since):
                changed.update(key for key in [read_reference(item, "user")] if key)
        if self._options.with_guardians:
            for user in self._read("users", since):
                changed.update(list_references(user, "agents"))
        for key in sorted(gone):
            self._sink.remove(key)
        return changed - gone

    def _read_lists(self, wanted: Collection[str] | None) -> None:
        """Read the details of students.

        Args:
            wanted: IDs of these students; None for all.
        """
        self._read_orgs()
        for item in self._read("demographics", None, NO_DEMOGRAPHICS):
            if wanted is None or read_text(item, "sourcedId") in wanted:
                self._roster.add_demographics(item)
        self._read_enrollments(wanted)
        if self._options.with_guardians:
            for user in self._read("users", None):
                self._roster.add_guardian(user)

    def _read_orgs(self) -> None:
        for org in self._read("orgs", None):
            self._roster.add_org(org)

    def _read_enrollments(self, wanted: Collection[str] | None) -> None:
        if not self._options.with_enrollments:
            return
        for item in self._read("enrollments", None):
            if wanted is None or read_reference(item, "user") in wanted:
                self._roster.add_enrollment(item)

    def _read_details(self, key: str, student: Item) -> None:
        """Read demographics and guardians of one student."""
        demographics = self._reader.get_one("demographics", key, refusal=NO_DEMOGRAPHICS)
        if demographics is not None:
            self._roster.add_demographics(demographics)
        if self._options.with_guardians:
            for agent in list_references(student, "agents"):
                user = self._reader.get_one("users", agent)
                if user is not None:
                    self._roster.add_guardian(user)

    def _add_students(self, wanted: Collection[str] | None) -> None:
        """Give the sink the rows of students.

        Raises:
            RemoteSystemError: all were read, and none of them has a birth date.
        """
        for student in self._read("students", None):
            if wanted is None or read_text(student, "sourcedId") in wanted:
                self._add_student(student)
        if wanted is None and self._student_count and not self._dated_count:
            raise RemoteSystemError(f"{self._options.base_path}/demographics: {NO_DEMOGRAPHICS}")

    def _add_student(self, student: Item) -> None:
        """Give the sink a student's row, or the reason for none."""
        roles = list_roles(student)
        if roles and STUDENT_ROLE not in roles:
            return
        key = read_text(student, "sourcedId")
        if key is None:
            self._sink.reject("no-local-id", "the student has no sourcedId")
        elif is_deleted(student):
            self._sink.remove(key)
        else:
            self._student_count += 1
            self._dated_count += self._roster.has_birth_date(student)
            if self._roster.is_name_alone(student):
                self._sink.reject(NAME_ALONE, NAME_ALONE_DETAIL, key)
            else:
                self._sink.add(self._roster.make_fields(student))

    def _read(self, resource: str, since: str | None, refusal: str = "") -> Iterator[Item]:
        """Yield the items of a list, and tell the progress."""

        def count(done: int, total: int | None) -> None:
            self._progress(resource, done, total)

        return self._reader.read(resource, since, count, refusal=refusal)


def _read_options(connection: Connection) -> _Options:
    """Read version and options of a connection."""
    connection.check_options(_OPTIONS)
    version = connection.version or DEFAULT_VERSION
    if version not in BASE_PATHS:
        raise InputError(f"{connection.name}: version: there is {', '.join(BASE_PATHS)}")
    path = connection.options.get("path", "")
    if not isinstance(path, str) or (path and not path.startswith("/")):
        raise InputError(f"{connection.name}: options.path: a path such as {BASE_PATHS[version]}")
    return _Options(
        rules=read_rules(connection.name, connection.options),
        base_path=path.rstrip("/") or BASE_PATHS[version],
        with_enrollments=_read_switch(connection, "enrollments", default=True),
        with_guardians=_read_switch(connection, "guardians", default=False),
        overlap=timedelta(minutes=_read_number(connection, "overlap_minutes", 15, _OVERLAP_MINUTES)),
        page_size=_read_number(connection, "page_size", 1_000, _PAGE_SIZES),
    )


def _read_switch(connection: Connection, name: str, *, default: bool) -> bool:
    value = connection.options.get(name, default)
    if not isinstance(value, bool):
        raise InputError(f"{connection.name}: options.{name}: true or false")
    return value


def _read_number(connection: Connection, name: str, default: int, bounds: tuple[int, int]) -> int:
    value = connection.options.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not bounds[0] <= value <= bounds[1]:
        raise InputError(f"{connection.name}: options.{name}: {bounds[0]:,} to {bounds[1]:,}")
    return value


def _format_moment(moment: datetime) -> str:
    """Return a time as OneRoster writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
