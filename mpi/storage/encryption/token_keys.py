"""Token keys: numbered keys that make tokens and blocking keys.

Their text has the same form as that of the payload keys. Where there is no key 1, the tie key is key 1: an
index of an earlier release makes its tokens with that. The database stores which numbers are in force.
"""

import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from mpi.domain.errors import StoreError
from mpi.domain.keyed_hash import FIRST_TOKEN_KEYS, SECRET_BYTES, KeyedHash, TokenExchange
from mpi.storage.encryption.key_ring import parse_keys
from mpi.storage.encryption.key_source import KeySource, write_key_file


@dataclass(frozen=True, slots=True)
class TokenKeyRing:
    """The token keys of an index, read when they are needed.

    It holds no key, so that another process reads them itself.

    Args:
        source: where the keys come from.
        read_secret: reads the tie key.
        read_exchanges: reads the exchanges of linkage tokens.
    """

    source: KeySource
    read_secret: Callable[[], bytes]
    read_exchanges: Callable[[], tuple[TokenExchange, ...]]

    def make_keyed_hash(self, numbers: Sequence[int] = FIRST_TOKEN_KEYS) -> KeyedHash:
        """Return the hash function under certain token keys.

        Args:
            numbers: numbers of the token keys in force, ascending.

        Raises:
            StoreError: the keys cannot be read, or there is none of a number.
        """
        secret, keys = self.read_secret(), self.read()
        missing = [number for number in numbers if number not in keys and number != 1]
        if missing:
            raise StoreError(
                f"token key {missing[0]}, with which this index makes its tokens, is not in "
                f"{self.source.place}: add it there"
            )
        newest = keys.get(numbers[-1])
        earlier = tuple(keys.get(number, secret) for number in numbers[:-1])
        return KeyedHash(secret, newest, earlier, tuple(numbers), self.read_exchanges())

    def read(self) -> dict[int, bytes]:
        """Return the token keys by number.

        Raises:
            StoreError: they cannot be read.
        """
        return parse_keys(self.source.read(), self.source.place, "token key") if self.source.exists() else {}

    def find_or_add_key(self, current: int) -> int:
        """Return the number of the next key, made if missing.

        Raises:
            StoreError: the keys come from elsewhere than a file and have no new one, or it cannot be written.
        """
        keys = self.read()
        if keys and max(keys) > current:
            return max(keys)
        if not self.source.is_file:
            raise StoreError(
                f"the token keys come from {self.source.place}: add a line with a new number and key there "
                "first"
            )
        number = current + 1
        self._write({**keys, number: secrets.token_bytes(SECRET_BYTES)})
        return number

    def drop_keys(self, numbers: Collection[int]) -> bool:
        """Delete keys from the key file.

        Returns:
            Whether they are gone; False where the operator must delete them elsewhere.

        Raises:
            StoreError: the file cannot be written.
        """
        keys = self.read()
        if keys.keys().isdisjoint(numbers):
            return True
        if not self.source.is_file:
            return False
        self._write({number: key for number, key in keys.items() if number not in numbers})
        return True

    def _write(self, keys: dict[int, bytes]) -> None:
        write_key_file(
            self.source.path, "".join(f"{number}:{key.hex()}\n" for number, key in sorted(keys.items()))
        )
