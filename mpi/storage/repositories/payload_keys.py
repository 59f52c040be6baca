"""Payload keys in use, and encryption of a transaction's values."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, insert, select, update

from mpi.domain.errors import StoreError
from mpi.storage.driver.prefetch import prefetch
from mpi.storage.encryption import envelope
from mpi.storage.encryption.envelope import AlteredContentError
from mpi.storage.encryption.key_ring import KeyRing
from mpi.storage.tables import PayloadKeyRow, table_of

if TYPE_CHECKING:
    from mpi.storage.encryption.envelope import ContentKeys

_key = table_of(PayloadKeyRow)
_ALL_KEYS = select(_key.c.number, _key.c.key_check, _key.c.state)
_HELD_KEYS = _ALL_KEYS.with_for_update(read=True)
ALTERED = "stored content was altered, or belongs to another row: run mpi verify, and restore a backup"
"""Error message for content that does not decrypt."""


class KeyState(StrEnum):
    """Whether a payload key encrypts new content."""

    CURRENT = "current"
    RETIRING = "retiring"


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A payload key that content may be encrypted under.

    Args:
        number: its number.
        check: text by which another key of that number is noticed.
        state: whether it encrypts new content.
    """

    number: int
    check: str
    state: KeyState


class PayloadKeys:
    """Repository of payload keys in use; encrypts and decrypts texts.

    The keys are read once in a transaction, so that a writer encrypts with the key in force. Rotation takes
    the index lock; a writer without it locks the rows on PostgreSQL until its transaction ends.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stored: list[StoredKey] | None = None
        self._is_prefetched = False
        self.locks_rows = False

    @property
    def ring(self) -> KeyRing:
        """The payload keys themselves.

        Raises:
            StoreError: this process was given none.
        """
        ring: KeyRing | None = getattr(self._connection, "key_ring", None)
        if ring is None:
            raise StoreError("content of this index is encrypted, and this process has no payload keys")
        return ring

    def prefetch(self) -> None:
        """Send the query of the keys in use ahead of its use."""
        if self._stored is None and not self.locks_rows:
            prefetch(self._connection, _ALL_KEYS)
            self._is_prefetched = True

    def take_prefetched(self) -> None:
        """Read what was prefetched, before a first write discards it."""
        if self._is_prefetched:
            self.all()

    def all(self) -> list[StoredKey]:
        """Return the payload keys in use, by number."""
        if self._stored is None:
            is_shared = self.locks_rows and self._connection.dialect.name == "postgresql"
            rows = self._connection.execute(_HELD_KEYS if is_shared else _ALL_KEYS).all()
            self._stored = sorted(
                (StoredKey(number, check, KeyState(state)) for number, check, state in rows),
                key=lambda key: key.number,
            )
        return self._stored

    @property
    def current(self) -> "ContentKeys | None":
        """The keys that encrypt new content; None where it is stored readable."""
        number = next((key.number for key in self.all() if key.state is KeyState.CURRENT), None)
        return None if number is None else self.ring.get(number)

    def begin(self, number: int) -> None:
        """Encrypt new content with a payload key; earlier ones retire."""
        self._connection.execute(update(_key).values(state=KeyState.RETIRING.value))
        self._connection.execute(
            insert(_key).values(
                number=number, key_check=self.ring.check_of(number), state=KeyState.CURRENT.value
            )
        )
        self._stored = None

    def end_retiring(self) -> list[int]:
        """Delete the retiring keys, which encrypt nothing any more; return their numbers."""
        numbers = [key.number for key in self.all() if key.state is KeyState.RETIRING]
        self._connection.execute(delete(_key).where(_key.c.state == KeyState.RETIRING.value))
        self._stored = None
        return numbers

    def encrypt_text(self, place: str, text: str) -> str:
        """Return a text as stored, encrypted where there are payload keys.

        Args:
            place: table, column and row.
            text: the text.
        """
        keys = self.current
        if keys is None:
            return text.lstrip(envelope.TEXT_MARK[0])
        return envelope.encrypt_text(keys, place, text)

    def encrypt_optional_text(self, place: str, text: str | None) -> str | None:
        """Return a text as it is stored; None for None."""
        return None if text is None else self.encrypt_text(place, text)

    def decrypt_text(self, place: str, stored: str) -> str:
        """Return a stored text, readable.

        Raises:
            StoreError: it was altered, or its key is missing.
        """
        try:
            number = envelope.text_key_number(stored)
            if number is None:
                return stored
            return envelope.decrypt_text(self.ring.get(number), place, stored)
        except AlteredContentError:
            raise StoreError(ALTERED) from None

    def decrypt_optional_text(self, place: str, stored: str | None) -> str | None:
        """Return a stored text, readable; None for None."""
        return None if stored is None else self.decrypt_text(place, stored)


class RecordCipher:
    """Encryption of records' payloads in one transaction.

    Unwrapped data keys are kept until the transaction ends.

    Args:
        keys: payload keys in use.
    """

    def __init__(self, keys: PayloadKeys) -> None:
        self._keys = keys
        self._wrapped: dict[int, bytes | None] = {}
        self._ciphers: dict[int, envelope.Cipher] = {}

    @property
    def encrypts(self) -> bool:
        """Whether new payloads are encrypted."""
        return self._keys.current is not None

    def remember(self, record_id: int, wrapped: bytes | None) -> None:
        """Remember the stored data key of a record, read in this transaction."""
        if record_id not in self._wrapped:
            self._wrapped[record_id] = wrapped

    def forget(self, record_ids: Iterable[int]) -> None:
        """Forget records' data keys, which are destroyed."""
        for record_id in record_ids:
            self._wrapped[record_id] = None
            self._ciphers.pop(record_id, None)

    def unknown(self, record_ids: Iterable[int]) -> list[int]:
        """Return the records whose stored data keys were not read yet."""
        return [record_id for record_id in record_ids if record_id not in self._wrapped]

    def without_key(self, record_ids: Iterable[int]) -> list[int]:
        """Return the records that have no data key."""
        return [record_id for record_id in record_ids if self._wrapped.get(record_id) is None]

    def make_key(self, record_id: int) -> bytes | None:
        """Make a record's data key; return it wrapped, or None."""
        keys = self._keys.current
        if keys is None:
            return None
        data_key = envelope.make_data_key()
        self._ciphers[record_id] = envelope.open_data_key(data_key)
        wrapped = envelope.wrap_data_key(keys, record_id, data_key)
        self._wrapped[record_id] = wrapped
        return wrapped

    def rewrap(self, record_id: int, wrapped: bytes) -> bytes:
        """Return a record's data key, encrypted under the current payload key.

        Raises:
            AlteredContentError: it was altered, or is another record's.
        """
        keys = self._keys.current
        data_key = self._unwrap(record_id, wrapped)
        if keys is None:
            raise StoreError("there is no payload key in force")
        return envelope.wrap_data_key(keys, record_id, data_key)

    def encrypt(self, record_id: int, version_id: int, payload: bytes) -> bytes:
        """Encrypt a payload under the known data key of its record."""
        return envelope.encrypt_payload(self._cipher(record_id), record_id, version_id, payload)

    def decrypt(self, record_id: int, version_id: int, wrapped: bytes | None, stored: bytes) -> bytes:
        """Return a stored payload, readable.

        Raises:
            StoreError: it was altered, or its key is missing.
        """
        if not envelope.is_encrypted(stored):
            return stored
        try:
            return self.open(record_id, version_id, wrapped, stored)
        except AlteredContentError:
            raise StoreError(ALTERED) from None

    def open(self, record_id: int, version_id: int, wrapped: bytes | None, stored: bytes) -> bytes:
        """Decrypt a payload.

        Raises:
            AlteredContentError: it was altered, belongs to another row, or its data key is gone.
        """
        self.remember(record_id, wrapped)
        return envelope.decrypt_payload(self._cipher(record_id), record_id, version_id, stored)

    def _cipher(self, record_id: int) -> envelope.Cipher:
        cipher = self._ciphers.get(record_id)
        if cipher is None:
            wrapped = self._wrapped.get(record_id)
            if wrapped is None:
                raise AlteredContentError
            cipher = envelope.open_data_key(self._unwrap(record_id, wrapped))
            self._ciphers[record_id] = cipher
        return cipher

    def _unwrap(self, record_id: int, wrapped: bytes) -> bytes:
        keys = self._keys.ring.get(envelope.key_number_of(wrapped))
        return envelope.unwrap_data_key(keys, record_id, wrapped)
