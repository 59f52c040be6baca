"""Hash function under the index's secret, for identifiers, blocking keys and more.

The index keeps SSNs and blocking keys in no other form. One secret (32 bytes, made by ``mpi init``) is the
key. Every use has a *domain* of its own, so that a token of one kind never equals a token of another. BLAKE2b
is a keyed hash by design (RFC 7693).
"""

import hashlib
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

SECRET_BYTES = 32
"""Length of the secret, in bytes."""


@dataclass(frozen=True, slots=True)
class KeyedHash:
    """A hash function of texts under the secret of the index.

    Args:
        secret: 32 bytes, never logged and never shown by ``repr``.
    """

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != SECRET_BYTES:
            raise ValueError(f"the secret must be {SECRET_BYTES} bytes")

    def to_int64(self, domain: str, text: str) -> int:
        """Hash a text to a signed 64-bit integer.

        Both databases hold such an integer in an integer column.

        Args:
            domain: the use of the hash; at most 16 bytes count.
            text: the value to hash.
        """
        hasher = _start_hash(self.secret, domain, 8).copy()
        hasher.update(text.encode())
        return int.from_bytes(hasher.digest(), "big", signed=True)

    def to_int64s(self, texts: Iterable[tuple[str, Iterable[str]]]) -> tuple[int, ...]:
        """Hash the texts of several domains to signed 64-bit integers.

        A record's blocking keys are made so, at one call.

        Args:
            texts: each domain with its texts.
        """
        digests = []
        for domain, domain_texts in texts:
            domain_hasher = _start_hash(self.secret, domain, 8)
            for text in domain_texts:
                hasher = domain_hasher.copy()
                hasher.update(text.encode())
                digests.append(hasher.digest())
        return struct.unpack(f">{len(digests)}q", b"".join(digests))

    def to_token(self, domain: str, text: str) -> str:
        """Hash a text to a 128-bit hexadecimal token."""
        hasher = _start_hash(self.secret, domain, 16).copy()
        hasher.update(text.encode())
        return hasher.hexdigest()

    def to_tokens(self, domain: str, texts: Iterable[str]) -> list[str]:
        """Hash several texts of one domain to 128-bit hexadecimal tokens."""
        domain_hasher, tokens = _start_hash(self.secret, domain, 16), []
        for text in texts:
            hasher = domain_hasher.copy()
            hasher.update(text.encode())
            tokens.append(hasher.hexdigest())
        return tokens


@lru_cache(256)  # a copy costs half of taking in the key anew; there are some thirty domains
def _start_hash(secret: bytes, domain: str, size: int) -> "hashlib.blake2b":
    """Return a hash that has taken in the secret and domain."""
    return hashlib.blake2b(digest_size=size, key=secret, person=domain.encode()[:16])
