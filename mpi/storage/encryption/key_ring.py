"""Payload keys: numbered keys that encrypt what the index stores.

The text of the keys has one line for each, ``NUMBER:HEX``; a lone key without a number is key 1. The database
stores which of them encrypts new content, so that all processes agree.
"""

import hmac
import secrets
from dataclasses import dataclass, field

from mpi.domain.errors import StoreError
from mpi.storage.encryption.envelope import ContentKeys, derive_content_keys
from mpi.storage.encryption.key_source import KeySource, write_key_file

KEY_BYTES = 32
"""Length of a payload key, in bytes."""
MAX_KEY_NUMBER = 9_999


@dataclass(slots=True)
class KeyRing:
    """The payload keys of an index, read when one is first needed.

    A number that is unknown reads them again: another process may have begun to use a new key.

    Args:
        source: where the keys come from.
    """

    source: KeySource
    _keys: dict[int, ContentKeys] = field(default_factory=dict, repr=False)

    def get(self, number: int) -> ContentKeys:
        """Return what is derived from a payload key.

        Raises:
            StoreError: the keys cannot be read, or there is none of that number.
        """
        found = self._keys.get(number)
        if found is None:
            self._keys = self._read()
            found = self._keys.get(number)
        if found is None:
            raise StoreError(
                f"payload key {number}, with which content of this index is encrypted, is not in "
                f"{self.source.place}: add it there"
            )
        return found

    def check_of(self, number: int) -> str:
        """Return the stored text by which a wrong payload key is noticed."""
        return self.get(number).check

    def last_number(self) -> int:
        """Return the highest number of the keys, read anew."""
        self._keys = self._read()
        return max(self._keys)

    def is_right(self, number: int, check: str) -> bool:
        """Return whether the index was encrypted with this key."""
        return hmac.compare_digest(self.check_of(number), check)

    def add_key(self) -> int:
        """Add a random key to the key file; return its number.

        The earlier keys stay in the file.

        Raises:
            StoreError: the keys come from elsewhere than a file, or it cannot be written.
        """
        source = self.source
        if not source.is_file:
            raise StoreError(
                f"the payload keys come from {source.place}: add a line with a new number and key there first"
            )
        keys = parse_keys(source.read(), source.place) if source.path.exists() else {}
        number = max(keys, default=0) + 1
        keys[number] = secrets.token_bytes(KEY_BYTES)
        write_key_file(source.path, "".join(f"{each}:{key.hex()}\n" for each, key in sorted(keys.items())))
        return number

    def _read(self) -> dict[int, ContentKeys]:
        keys = parse_keys(self.source.read(), self.source.place)
        return {number: derive_content_keys(number, key) for number, key in keys.items()}

    def __reduce__(self) -> tuple[type["KeyRing"], tuple[KeySource]]:
        """Pickle the source only: another process reads the keys itself."""
        return KeyRing, (self.source,)


def parse_keys(text: str, place: str, name: str = "payload key") -> dict[int, bytes]:
    """Parse the text of numbered keys.

    Args:
        text: lines of ``NUMBER:HEX``, also separated by commas; or one key in hexadecimal.
        place: where it was read, for messages.
        name: what such a key is called, for messages.

    Raises:
        StoreError: a line is no key, a number comes twice, or there is none.
    """
    keys: dict[int, bytes] = {}
    lines = [line.strip() for line in text.replace(",", "\n").splitlines() if line.strip()]
    for line in lines:
        number_text, _, key_text = line.rpartition(":")
        number = _parse_number(number_text, alone=len(lines) == 1)
        key = _parse_key(key_text)
        if number is None or key is None or number in keys:
            raise StoreError(f"{place}: line {lines.index(line) + 1} is not NUMBER:KEY with {_KEY_FORM}")
        keys[number] = key
    if not keys:
        raise StoreError(f"{place} holds no {name} of {_KEY_FORM}")
    return keys


_KEY_FORM = f"{KEY_BYTES} bytes in hexadecimal"


def _parse_number(text: str, *, alone: bool) -> int | None:
    if not text and alone:
        return 1
    is_number = text.isascii() and text.isdecimal() and 0 < int(text[:6]) <= MAX_KEY_NUMBER
    return int(text) if is_number and len(text) <= len(str(MAX_KEY_NUMBER)) else None


def _parse_key(text: str) -> bytes | None:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        return None
    return key if len(key) == KEY_BYTES else None
