"""Writer of enterprise IDs into an Ed-Fi API, as identification codes.

Until Data Standard 5, a code is a part of the student's association with an education organization, which is
replaced as a whole. From Data Standard 6 on, it is a resource of its own.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import count, islice

import httpx

from mpi.connectors.api_session import ApiAnswer, ApiSession
from mpi.connectors.connection import Connection
from mpi.connectors.edfi.api_reader import ApiReader
from mpi.connectors.edfi.discovery import EdfiApi, discover
from mpi.connectors.edfi.item_store import ItemStore
from mpi.connectors.edfi.options import EdfiOptions, read_options
from mpi.connectors.id_writing import AssignedIds, IdWriteResult
from mpi.connectors.pull import Progress
from mpi.domain.errors import InputError, RemoteSystemError
from mpi.intake.edfi import resources
from mpi.intake.edfi.items import Item, list_objects, read_object, read_text

_ASSOCIATIONS = "studentEducationOrganizationAssociations"
_SYSTEM = "studentIdentificationSystemDescriptor"
_ORGANIZATION = "assigningOrganizationIdentificationCode"
_CODE = "identificationCode"
_BATCH = 100
"""Students whose IDs are looked up, and put on the ledger, at once."""
_MOST_ATTEMPTS = 3
"""Most times that a change is made again on what somebody else has changed meanwhile."""
_NOT_SENT = frozenset({"_etag", "_lastModifiedDate", "_changeVersion", "link"})
_OUTCOMES = frozenset({
    httpx.codes.OK, httpx.codes.CREATED, httpx.codes.NO_CONTENT, httpx.codes.BAD_REQUEST,
    httpx.codes.FORBIDDEN,
    httpx.codes.NOT_FOUND, httpx.codes.CONFLICT, httpx.codes.PRECONDITION_FAILED,
})  # fmt: skip
_CONFLICTS = frozenset({httpx.codes.CONFLICT, httpx.codes.PRECONDITION_FAILED})
_WRITTEN = ""
_UNCHANGED = "unchanged"


class EdfiIdWriter:
    """Writer of enterprise IDs into an Ed-Fi API.

    Args:
        connection: its address, credentials and options.
        open_session: opens a session with the API of a connection.

    Raises:
        InputError: an option is wrong, or does not say under which system the IDs are written.
    """

    def __init__(
        self, connection: Connection, open_session: Callable[[Connection], ApiSession] = ApiSession
    ) -> None:
        self._connection = connection
        self._options = read_options(connection)
        self._open_session = open_session
        if not self._options.id_system or not self._options.id_organization:
            raise InputError(
                f"{connection.name}: options.id_system and options.id_organization say how IDs are written; "
                "without them, none is"
            )

    def write_ids(self, assigned: AssignedIds, progress: Progress, *, is_trial: bool) -> IdWriteResult:
        """Write the enterprise IDs that the API lacks.

        Another one under the same system is replaced.

        Args:
            assigned: the enterprise IDs.
            progress: is told how many associations were looked at.
            is_trial: count what would be written, and send nothing.

        Raises:
            RemoteSystemError: the API cannot be reached, or refuses the first change.
            InputError: an option of the connection is wrong.
        """
        with self._open_session(self._connection) as session, ItemStore() as store:
            api = discover(session, self._connection, self._options)
            reader = ApiReader(session, self._connection.name, api, self._options)
            places = _Places(store, has_codes=api.has_identification_codes)
            for resource in places.resources:
                for item in reader.read_everything(resource):
                    store.put(resource, item)
            sender = _Sender(session, self._connection.name, api, self._options)
            run = _Run(sender, places, self._options, assigned, is_trial=is_trial)
            total = store.count(_ASSOCIATIONS)
            students = places.students()
            for done in count(1):
                batch = tuple(islice(students, _BATCH))
                if not batch:
                    break
                run.write_batch(batch)
                progress(_ASSOCIATIONS, min(done * _BATCH, total), total)
            return run.result()


class _Places:
    """Where IDs are written: associations, and codes of their own.

    Args:
        store: holds the items of ``resources``.
        has_codes: whether identification codes are a resource of their own.
    """

    def __init__(self, store: ItemStore, *, has_codes: bool) -> None:
        self._store = store
        self.has_codes = has_codes
        self.resources = (_ASSOCIATIONS, *((resources.IDENTIFICATION_CODES,) if has_codes else ()))

    def students(self) -> Iterator[str]:
        """Yield the unique IDs of the students who have a place."""
        return self._store.owners(_ASSOCIATIONS)

    def of(self, student_id: str) -> Iterator[tuple[Item, list[Item]]]:
        """Yield each association of a student, with its organization's codes."""
        items = list(self._store.items_of(student_id))
        for resource, association in items:
            if resource != _ASSOCIATIONS:
                continue
            organization = _find_organization(association)
            yield (
                association,
                [
                    code
                    for name, code in items
                    if name == resources.IDENTIFICATION_CODES and _find_organization(code) == organization
                ]
                if self.has_codes
                else [*list_objects(association, "studentIdentificationCodes")],
            )


class _Run:
    """One run that writes IDs.

    Args:
        sender: sends changes.
        places: where IDs are written.
        options: options of the connection.
        assigned: the enterprise IDs.
        is_trial: whether nothing is sent.
    """

    def __init__(
        self,
        sender: "_Sender",
        places: _Places,
        options: EdfiOptions,
        assigned: AssignedIds,
        *,
        is_trial: bool,
    ) -> None:
        self._sender = sender
        self._places = places
        self._options = options
        self._assigned = assigned
        self._is_trial = is_trial
        self._outcomes: Counter[str] = Counter()
        self._unassigned = 0

    def write_batch(self, student_ids: tuple[str, ...]) -> None:
        """Write the IDs of some students, after the ledger has said so."""
        ids = self._assigned.find(student_ids)
        changes = []
        for student_id in student_ids:
            for association, codes in self._places.of(student_id):
                if student_id not in ids:
                    self._unassigned += 1
                elif _find_code(codes, self._options) == ids[student_id]:
                    self._outcomes[_UNCHANGED] += 1
                else:
                    changes.append((student_id, association, codes))
        if self._is_trial or not changes:
            self._outcomes[_WRITTEN] += len(changes)
            return
        self._assigned.disclose([*dict.fromkeys(student_id for student_id, *_ in changes)])
        for student_id, association, codes in changes:
            send = self._sender.send_code if self._places.has_codes else self._sender.send_association
            outcome = send(association, codes, ids[student_id])
            self._outcomes[outcome] += 1
            if outcome == str(int(httpx.codes.FORBIDDEN)) and not self._outcomes[_WRITTEN]:
                self._sender.raise_forbidden(self._places.resources[-1])

    def result(self) -> IdWriteResult:
        """Return how the run ended."""
        failed = {name: n for name, n in sorted(self._outcomes.items()) if name not in {_WRITTEN, _UNCHANGED}}
        return IdWriteResult(self._outcomes[_WRITTEN], self._outcomes[_UNCHANGED], self._unassigned, failed)


class _Sender:
    """Sender of changes to the API, each based on the present state.

    Args:
        session: the session with the API.
        name: name of the connection, for messages.
        api: what the API offers.
        options: options of the connection.
    """

    def __init__(self, session: ApiSession, name: str, api: EdfiApi, options: EdfiOptions) -> None:
        self._session = session
        self._name = name
        self._api = api
        self._options = options

    def send_association(self, association: Item, _codes: list[Item], enterprise_id: str) -> str:
        """Put an ID into an association; return why it failed, or nothing."""

        def change(present: Item) -> Item | None:
            codes = [*list_objects(present, "studentIdentificationCodes")]
            if _find_code(codes, self._options) == enterprise_id:
                return None
            others = [code for code in codes if not _is_own(code, self._options)]
            return {**present, "studentIdentificationCodes": [*others, self._make_code(enterprise_id)]}

        return self._replace(_ASSOCIATIONS, association, change)

    def send_code(self, association: Item, codes: list[Item], enterprise_id: str) -> str:
        """Put or make an identification code; return why it failed, or nothing."""
        own = next((code for code in codes if _is_own(code, self._options, any_organization=True)), None)
        if own is None:
            code = {
                "educationOrganizationReference": _drop(
                    read_object(association, "educationOrganizationReference")
                ),
                "studentReference": _drop(read_object(association, "studentReference")),
                **self._make_code(enterprise_id),
            }
            path = f"{self._api.data_path}/ed-fi/{resources.IDENTIFICATION_CODES}"
            return _to_outcome(self._session.post(path, code, accepted=_OUTCOMES))

        def change(present: Item) -> Item | None:
            if read_text(present, _CODE) == enterprise_id:
                return None
            return {**present, **self._make_code(enterprise_id)}

        return self._replace(resources.IDENTIFICATION_CODES, own, change)

    def raise_forbidden(self, resource: str) -> None:
        """Raise that the client may not write a resource."""
        raise RemoteSystemError(
            f"{self._name}: the client's claim set does not allow Update of {resource}; "
            "ask the API's host for it"
        )

    def _make_code(self, enterprise_id: str) -> dict[str, object]:
        return {
            _SYSTEM: self._options.id_system,
            _ORGANIZATION: self._options.id_organization,
            _CODE: enterprise_id,
        }

    def _replace(self, resource: str, item: Item, change: Callable[[Item], Item | None]) -> str:
        """Change an item as it is now.

        If somebody else changes it meanwhile, it is read and changed again.
        """
        path = f"{self._api.data_path}/ed-fi/{resource}/{read_text(item, 'id') or ''}"
        answer: ApiAnswer | None = None
        for _ in range(_MOST_ATTEMPTS):
            found = self._session.get(path, accepted=_OUTCOMES)
            present = found.json() if found.status == httpx.codes.OK else None
            if not isinstance(present, dict):
                return str(found.status)
            changed = change(present)
            if changed is None:
                return _UNCHANGED
            tag = found.headers.get("ETag") or read_text(present, "_etag")
            headers = {"If-Match": tag} if tag else {}
            answer = self._session.put(path, _drop(changed), accepted=_OUTCOMES, headers=headers)
            if answer.status not in _CONFLICTS:
                break
        return _WRITTEN if answer is None else _to_outcome(answer)


def _find_organization(item: Item) -> str | None:
    return read_text(item, "educationOrganizationReference", "educationOrganizationId")


def _is_own(code: Item, options: EdfiOptions, *, any_organization: bool = False) -> bool:
    """Return whether a code is the one for enterprise IDs.

    A code that is a resource of its own is unique for its system, whoever assigned it.
    """
    is_system = (read_text(code, _SYSTEM) or "").casefold() == options.id_system.casefold()
    return is_system and (any_organization or read_text(code, _ORGANIZATION) == options.id_organization)


def _find_code(codes: list[Item], options: EdfiOptions) -> str | None:
    """Return the enterprise ID that stands among codes."""
    return next((read_text(code, _CODE) for code in codes if _is_own(code, options)), None)


def _to_outcome(answer: ApiAnswer) -> str:
    """Return why a change failed: its status; nothing if it did not."""
    return _WRITTEN if answer.status < httpx.codes.MULTIPLE_CHOICES else str(answer.status)


def _drop(item: Mapping[str, object]) -> dict[str, object]:
    """Return an item, or a reference, without what the API alone sets."""
    return {
        name: _drop(value) if isinstance(value, dict) else value
        for name, value in item.items()
        if name not in _NOT_SENT
    }
