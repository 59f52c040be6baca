"""Encryption of an index's stored content, and rotation of its payload keys.

Both run in short transactions beside other writers, and may be interrupted at any instant and called again:
what is left to do follows from the rows themselves. New content is encrypted under the current key from the
first transaction on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mpi.domain.errors import ConflictError, InputError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.service.indexing.reindex import Progress, ignore_progress
from mpi.service.processes.pacing import Pace
from mpi.storage.encryption.key_ring import KeyRing
from mpi.storage.repositories.payload_keys import KeyState, StoredKey
from mpi.storage.repositories.stored_content import TEXT_COLUMNS, PageResult
from mpi.storage.unit_of_work.units import WriteUnit

PAGE_ROWS = 250
"""Rows of one transaction."""


@dataclass(frozen=True, slots=True)
class EncryptionResult:
    """What an encryption or a rotation did.

    Args:
        key: number of the payload key that encrypts everything now.
        written: number of values that were written.
        retired: numbers of the payload keys that encrypt nothing any more.
    """

    key: int
    written: int
    retired: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """State of the keys of an index.

    Args:
        keys: payload keys that content may be encrypted under; empty where it is readable.
        place: where the payload keys come from.
        has_token_key: whether tokens are made with a key of their own.
    """

    keys: tuple[StoredKey, ...]
    place: str
    has_token_key: bool


def describe_keys(index: Index, viewer: Viewer) -> KeyStatus:
    """Return the state of the keys of an index.

    Raises:
        AccessDenied: the viewer may not administer clients and keys.
    """
    require_permission(viewer, Action.CLIENT_ADMIN)
    with index.database.read(viewer) as unit:
        ring = unit.payload_keys.ring
        return KeyStatus(
            tuple(unit.payload_keys.all()), ring.source.place, index.keyed_hash.token_key is not None
        )


def encrypt_index(index: Index, viewer: Viewer, progress: Progress = ignore_progress) -> EncryptionResult:
    """Encrypt the content of an index that was created without encryption.

    Called again, it encrypts what an interrupted call has left.

    Raises:
        AccessDenied: the viewer may not administer clients and keys.
        StoreError: the payload keys cannot be read or written.
    """
    require_permission(viewer, Action.CLIENT_ADMIN)
    with index.database.write(viewer, "keys") as unit:
        ring = unit.payload_keys.ring
        if not unit.payload_keys.all():
            unit.payload_keys.begin(ring.last_number() if ring.source.exists() else ring.add_key())
        number = _current_number(unit)
    last = _read_last(index, viewer, lambda unit: unit.stored_content.last_version())
    written = _write_pages(
        index,
        viewer,
        lambda unit, after: unit.stored_content.encrypt_payloads(after or 0, PAGE_ROWS),
        lambda after: progress("encrypting", after, last),
    )
    return EncryptionResult(number, written + _encrypt_texts(index, viewer, progress))


def rotate_payload_key(
    index: Index, viewer: Viewer, progress: Progress = ignore_progress
) -> EncryptionResult:
    """Encrypt everything under a new payload key.

    The new key is the highest number among the payload keys; where there is none yet, it is added to the key
    file. Data keys are encrypted anew, payloads stay as they are. Called again, it finishes an interrupted
    rotation.

    Raises:
        AccessDenied: the viewer may not administer clients and keys.
        InputError: the index is not encrypted.
        ConflictError: another rotation began meanwhile.
        StoreError: a key is missing, or the keys come from elsewhere than a file and have no new one.
    """
    require_permission(viewer, Action.CLIENT_ADMIN)
    number = _begin_rotation(index, viewer)
    last = _read_last(index, viewer, lambda unit: unit.stored_content.last_record())
    written = _write_pages(
        index,
        viewer,
        lambda unit, after: unit.stored_content.rewrap_data_keys(after or 0, PAGE_ROWS),
        lambda after: progress("rotating", after, last),
    )
    written += _encrypt_texts(index, viewer, progress)
    with index.database.write(viewer, "keys") as unit:
        # All writers have used this key since it began, and everything from before was written anew.
        if _current_number(unit) != number:
            raise ConflictError("another rotation of the payload key began meanwhile: run it again")
        retired = unit.payload_keys.end_retiring()
    return EncryptionResult(number, written, tuple(retired))


def _begin_rotation(index: Index, viewer: Viewer) -> int:
    """Return the payload key of the rotation that begins or goes on."""
    with index.database.write(viewer, "keys") as unit:
        stored = unit.payload_keys.all()
        if not stored:
            raise InputError("the content of this index is not encrypted: run mpi keys encrypt first")
        current = _current_number(unit)
        if any(key.state is KeyState.RETIRING for key in stored):
            return current
        number = _find_new_key(unit.payload_keys.ring, current)
        unit.payload_keys.begin(number)
        return number


def _find_new_key(ring: KeyRing, current: int) -> int:
    """Return the number of the next payload key, made if missing."""
    last = ring.last_number()
    return last if last > current else ring.add_key()


def _current_number(unit: WriteUnit) -> int:
    return next(key.number for key in unit.payload_keys.all() if key.state is KeyState.CURRENT)


def _encrypt_texts(index: Index, viewer: Viewer, progress: Progress) -> int:
    """Encrypt all texts; return how many were written."""
    written = 0
    for done, name in enumerate(TEXT_COLUMNS):
        progress("notes and answers", done, len(TEXT_COLUMNS))
        written += _write_pages(
            index,
            viewer,
            lambda unit, after, name=name: unit.stored_content.encrypt_texts(name, after, PAGE_ROWS),  # type: ignore[misc]
        )
    return written


def _write_pages(
    index: Index,
    viewer: Viewer,
    write_page: Callable[[WriteUnit, Any], PageResult],
    report: Callable[[Any], None] = lambda _after: None,
) -> int:
    """Write page after page; return how many values were written.

    Each page is a transaction of its own.
    """
    pace = Pace(index.database, viewer, "keys", tuning=index.tuning.pacing)
    after, written = None, 0
    while True:
        with pace.transaction() as unit:
            page = write_page(unit, after)
        if page.last is None:
            return written
        after, written = page.last, written + page.written
        report(after)


def _read_last(index: Index, viewer: Viewer, read: Callable[[Any], int]) -> int:
    with index.database.read(viewer) as unit:
        return read(unit)
