"""Keyed hashes: the only form in which the index keeps an SSN, a blocking key or a tie-breaker.

One secret (32 bytes, made by ``mpi init``) is the key; every use has a *domain* of its own, so that a
token of one kind never equals a token of another. BLAKE2b is a keyed hash by design (RFC 7693).
"""

import hashlib
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class KeyedHash:
    """Hashes text under a secret.

    Args:
        secret: 32 bytes, never logged and never shown by ``repr``.
    """

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != SECRET_BYTES:
            raise ValueError(f"the secret must be {SECRET_BYTES} bytes")

    def to_int64(self, domain: str, text: str) -> int:
        """A signed 64-bit integer for ``text``, as both stores' integer columns hold it."""
        hashed = _start_hash(self.secret, domain, 8).copy()
        hashed.update(text.encode())
        return int.from_bytes(hashed.digest(), "big", signed=True)

    def to_int64s(self, texts: Iterable[tuple[str, Iterable[str]]]) -> tuple[int, ...]:
        """The integers of many texts, each domain with its own: what a record's blocking keys are made by."""
        digests = []
        for domain, some in texts:
            begun = _start_hash(self.secret, domain, 8)
            for text in some:
                hashed = begun.copy()
                hashed.update(text.encode())
                digests.append(hashed.digest())
        return struct.unpack(f">{len(digests)}q", b"".join(digests))

    def to_token(self, domain: str, text: str) -> str:
        """A 128-bit hexadecimal token for ``text``."""
        hashed = _start_hash(self.secret, domain, 16).copy()
        hashed.update(text.encode())
        return hashed.hexdigest()

    def to_tokens(self, domain: str, texts: Iterable[str]) -> list[str]:
        """The tokens of many texts of one domain."""
        begun, made = _start_hash(self.secret, domain, 16), []
        for text in texts:
            hashed = begun.copy()
            hashed.update(text.encode())
            made.append(hashed.hexdigest())
        return made


@lru_cache(256)  # a copy costs half of taking in the key anew; there are some thirty domains
def _start_hash(secret: bytes, domain: str, size: int) -> "hashlib.blake2b":
    return hashlib.blake2b(digest_size=size, key=secret, person=domain.encode()[:16])
