"""Keyed hashes: the only form in which the index keeps an SSN, a blocking key or a tie-breaker.

One secret (32 bytes, made by ``mpi init``) is the key; every use has a *domain* of its own, so that a
token of one kind never equals a token of another. BLAKE2b is a keyed hash by design (RFC 7693).
"""

import hashlib
from dataclasses import dataclass, field

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

    def int64(self, domain: str, text: str) -> int:
        """A signed 64-bit integer for ``text``, as both stores' integer columns hold it."""
        digest = hashlib.blake2b(
            text.encode(), digest_size=8, key=self.secret, person=domain.encode()[:16]
        ).digest()
        return int.from_bytes(digest, "big", signed=True)

    def token(self, domain: str, text: str) -> str:
        """A 128-bit hexadecimal token for ``text``."""
        return hashlib.blake2b(
            text.encode(), digest_size=16, key=self.secret, person=domain.encode()[:16]
        ).hexdigest()
