"""Connector that pulls the students of an Ed-Fi API."""

from collections.abc import Callable, Iterable, Iterator

from mpi.connectors.api_session import ApiSession
from mpi.connectors.connection import Connection
from mpi.connectors.edfi.api_reader import ApiReader, ChangeVersions
from mpi.connectors.edfi.cursor import EdfiCursor, read_cursor
from mpi.connectors.edfi.discovery import discover
from mpi.connectors.edfi.item_store import ItemStore, find_owner
from mpi.connectors.edfi.key_changes import Rename, find_renames
from mpi.connectors.edfi.options import EdfiOptions, read_options
from mpi.connectors.pull import Progress, PullResult, RowSink
from mpi.domain.errors import RemoteSystemError
from mpi.intake.edfi import resources
from mpi.intake.edfi.assembly import StudentAssembly
from mpi.intake.edfi.items import Item, list_objects, read_object, read_text

_MOST_ROUNDS = 10
"""Most times that a full pull reads what changed since it began."""
_NO_OWNER = "no-student-or-contact-id"


class EdfiConnector:
    """Connector of an ODS/API 7 or Ed-Fi API 8, by Change Queries.

    Args:
        connection: its address, credentials and options.
        open_session: opens a session with the API of a connection.

    Raises:
        InputError: an option is wrong.
    """

    def __init__(
        self, connection: Connection, open_session: Callable[[Connection], ApiSession] = ApiSession
    ) -> None:
        self._connection = connection
        self._options = read_options(connection)
        self._open_session = open_session

    def pull(self, cursor: str | None, sink: RowSink, progress: Progress) -> PullResult:
        """Pull the students that have changed since a cursor, or all.

        All are pulled where the API has no Change Queries, no longer knows the changes since the cursor, or
        so much has changed that reading all is faster.

        Args:
            cursor: where the last pull ended; None to pull everything.
            sink: gets the students.
            progress: is told how many items of a resource were read.

        Raises:
            RemoteSystemError: the API cannot be reached, refuses, or answers what cannot be read.
            InputError: an option of the connection is wrong.
        """
        return self._pull(read_cursor(cursor), sink, progress, is_full=False)

    def pull_all(self, cursor: str | None, sink: RowSink, progress: Progress) -> PullResult:
        """Pull all students, and the new unique IDs since a cursor.

        In all else, this is like ``pull``.
        """
        return self._pull(read_cursor(cursor), sink, progress, is_full=True)

    def _pull(
        self, last: EdfiCursor | None, sink: RowSink, progress: Progress, *, is_full: bool
    ) -> PullResult:
        with self._open_session(self._connection) as session, ItemStore() as store:
            api = discover(session, self._connection, self._options)
            names = api.list_resources(self._options.parts)
            reader = ApiReader(session, self._connection.name, api, self._options)
            versions = reader.find_versions()
            pull = _Pull(reader, names, self._options, store, sink, progress)
            if last is not None and last.version is not None and versions is not None:
                knows_changes = versions.oldest <= last.version + 1 <= versions.newest + 1
                if knows_changes and not is_full and last.resources == names:
                    result = pull.pull_changes(last, last.version, versions)
                    if result is not None:
                        return result
                elif knows_changes:
                    pull.rename_students(last, last.version, versions)
            return pull.pull_all(versions, self._connection.name)


class _Pull:
    """One pull.

    Args:
        reader: reads the API.
        names: resources that are read, students first.
        options: options of the connection.
        store: takes what is read.
        sink: gets the students.
        progress: is told how far the pull is.
    """

    def __init__(
        self,
        reader: ApiReader,
        names: tuple[str, ...],
        options: EdfiOptions,
        store: ItemStore,
        sink: RowSink,
        progress: Progress,
    ) -> None:
        self._reader = reader
        self._names = names
        self._options = options
        self._store = store
        self._sink = sink
        self._progress = progress
        self._key_changes: list[int] = []

    def pull_all(self, versions: ChangeVersions | None, name: str) -> PullResult:
        """Pull all students.

        Raises:
            RemoteSystemError: none of them has a birth date, so that names alone would link them.
        """
        if versions is None:
            last, is_complete = None, True
            for resource in self._names:
                self._put(resource, self._reader.read_all(resource, {}))
        else:
            last, is_complete = self._read_everything(versions)
        total, born = self._store.count(resources.STUDENTS), 0
        for count, (student_id, student) in enumerate(self._store.students(), start=1):
            born += "birthDate" in student
            self._add_row(student_id, student)
            if count % self._options.page_size == 0 or count == total:
                self._progress(resources.STUDENTS, count, total)
        if total and not born:
            raise RemoteSystemError(
                f"{name}: no student has a birthDate; a profile of the API hides it, and names "
                "alone link nobody"
            )
        return PullResult(self._make_cursor(last), is_complete)

    def pull_changes(self, last: EdfiCursor, since: int, versions: ChangeVersions) -> PullResult | None:
        """Pull the students of whom something has changed since a cursor.

        Returns:
            None where all should be pulled; the new unique IDs were given to the sink then.
        """
        renames = self.rename_students(last, since, versions)
        changed = self._find_changed(self._find_first(since, versions), versions.newest)
        if changed is None:
            return None
        changed |= {new_id for _, new_id in renames}
        old_ids = {old_id for old_id, _ in renames}
        for count, student_id in enumerate(sorted(changed), start=1):
            students = self._read_student(student_id)
            if students:
                self._read_details(student_id)
                self._add_row(student_id, students[0])
            elif student_id not in old_ids:
                self._sink.remove(student_id)
            self._progress(resources.STUDENTS, count, len(changed))
        return PullResult(self._make_cursor(versions.newest), is_full=False)

    def rename_students(self, last: EdfiCursor, since: int, versions: ChangeVersions) -> list[Rename]:
        """Give the sink new unique IDs of students; return them.

        What was not committed at the last pull is read apart: an API may tell several changes of a student
        as one, and the earlier ones have been told already.
        """
        first, told = self._find_first(since, versions), frozenset(last.key_changes)
        name = f"{resources.STUDENTS}/keyChanges"
        changes = [
            *(
                change
                for change in self._reader.read_versions(name, first, since)
                if _get_version(change) not in told
            ),
            *self._reader.read_versions(name, since + 1, versions.newest),
        ]
        self._key_changes = [*last.key_changes, *map(_get_version, changes)]
        renames = find_renames(changes)
        for old_id, new_id in renames:
            self._sink.rename(old_id, new_id)
        return renames

    def _find_first(self, since: int, versions: ChangeVersions) -> int:
        """Return the first change version that is read again."""
        return max(versions.oldest, since + 1 - self._options.overlap)

    def _make_cursor(self, version: int | None) -> str:
        return EdfiCursor(version, self._names, tuple(self._key_changes)).to_text()

    def _read_everything(self, versions: ChangeVersions) -> tuple[int, bool]:
        """Read all items into the store, with what changes meanwhile.

        Returns:
            the last change version that was read; and whether no item can have been missed.
        """
        first, last = 0, versions.newest
        newest = last
        for _ in range(_MOST_ROUNDS):
            for resource in self._names:
                self._put(resource, self._reader.read_versions(resource, first, last))
            newest = self._find_newest()
            if newest <= last:
                break
            first, last = max(0, last + 1 - self._options.overlap), newest
        deleted_since = max(0, versions.newest + 1 - self._options.overlap)
        for resource in self._names:
            for deleted in self._reader.read_versions(f"{resource}/deletes", deleted_since, last):
                self._store.remove(resource, read_text(deleted, "id") or "")
        return last, newest <= last

    def _find_newest(self) -> int:
        versions = self._reader.find_versions()
        return 0 if versions is None else versions.newest

    def _put(self, resource: str, items: Iterable[Item]) -> None:
        """Store items of a resource."""
        for count, item in enumerate(items, start=1):
            if not self._store.put(resource, self._leave_out_own_code(item)):
                self._sink.reject(_NO_OWNER, f"an item of {resource} names no student or contact")
            if count % self._options.page_size == 0:
                self._progress(resource, count, None)
        self._progress(resource, self._store.count(resource), None)

    def _find_changed(self, first: int, last: int) -> set[str] | None:
        """Return the IDs of students of whom something changed.

        Returns:
            None where they are too many, or where a deletion does not say whose it was.
        """
        students: set[str] = set()
        contacts: set[str] = set()
        for resource in self._names:
            owners = contacts if resource in resources.CONTACTS else students
            for item in self._reader.read_versions(f"{resource}/deletes", first, last):
                owner = find_owner(resource, read_object(item, "keyValues"))
                if owner is None:
                    return None
                owners.add(owner)
            for item in self._list_changed(resource, first, last):
                owners.add(find_owner(resource, item) or "")
            self._progress(resource, len(owners), None)
            if len(students) + len(contacts) > self._options.most_students:
                return None
        for contact in contacts - {""}:
            students |= {resources.find_student_id(item) or "" for item in self._read_associations(contact)}
        return None if len(students) > self._options.most_students else students - {""}

    def _list_changed(self, resource: str, first: int, last: int) -> Iterator[Item]:
        """Yield a resource's changed items, and their former and new keys."""
        yield from self._reader.read_versions(resource, first, last)
        for change in self._reader.read_versions(f"{resource}/keyChanges", first, last):
            yield read_object(change, "oldKeyValues")
            yield read_object(change, "newKeyValues")

    def _read_associations(self, contact: str) -> list[Item]:
        """Return the associations of students with a contact."""
        resource = next(name for name in self._names if name in resources.CONTACT_ASSOCIATIONS)
        key = "parentUniqueId" if resource == "studentParentAssociations" else "contactUniqueId"
        return self._reader.read_of(resource, key, contact)

    def _read_student(self, student_id: str) -> list[Item]:
        # The API may compare unique IDs without regard to case.
        found = self._reader.read_of(resources.STUDENTS, "studentUniqueId", student_id)
        return [item for item in found if resources.find_student_id(item) == student_id]

    def _read_details(self, student_id: str) -> None:
        """Read a student and the student's contacts into the store."""
        for resource in self._names:
            if resource == resources.STUDENTS or resource in resources.CONTACTS:
                continue
            for item in self._reader.read_of(resource, "studentUniqueId", student_id):
                self._store.put(resource, self._leave_out_own_code(item))
        for resource, item in self._store.items_of(student_id):
            contact = resources.find_contact_id(item)
            if resource in resources.CONTACT_ASSOCIATIONS and contact:
                contacts = next(name for name in self._names if name in resources.CONTACTS)
                key = "parentUniqueId" if contacts == "parents" else "contactUniqueId"
                for found in self._reader.read_of(contacts, key, contact):
                    self._store.put(contacts, found)

    def _add_row(self, student_id: str, student: Item) -> None:
        """Give the sink all that the store holds of a student."""
        assembly = StudentAssembly()
        for resource, item in self._store.items_of(student_id):
            if resource in resources.CONTACT_ASSOCIATIONS:
                for contact_resource, contact in self._store.items_of(resources.find_contact_id(item) or ""):
                    if contact_resource in resources.CONTACTS:
                        assembly.add(contact_resource, contact)
            assembly.add(resource, item)
        self._sink.add(assembly.make_fields(student))

    def _leave_out_own_code(self, item: Item) -> Item:
        """Return an item without the enterprise ID that was written back.

        What the index itself said is no evidence.
        """
        own = self._options.id_system
        codes = item.get("studentIdentificationCodes")
        if not own or not (codes or "studentIdentificationSystemDescriptor" in item):
            return item
        key = "studentIdentificationSystemDescriptor"
        if (read_text(item, key) or "").casefold() == own.casefold():
            return {name: value for name, value in item.items() if name != "identificationCode"}
        kept = [
            code
            for code in list_objects(item, "studentIdentificationCodes")
            if (read_text(code, key) or "").casefold() != own.casefold()
        ]
        return {**item, "studentIdentificationCodes": kept}


def _get_version(change: Item) -> int:
    """Return the change version of a key change."""
    version = change.get("changeVersion")
    return version if isinstance(version, int) else 0
