"""Hash function under the index's secret, for identifiers, blocking keys and more.

The index keeps SSNs and blocking keys in no other form. Every use has a *domain* of its own, so that a token
of one kind never equals a token of another. BLAKE2b is a keyed hash by design (RFC 7693).

There are two kinds of keys of 32 bytes. The *token key* makes the tokens of identifiers, the blocking keys
and what else is made from values of a record. The *tie key*, also called the secret of the index, does the
rest: the order of records in ties, the tokens of orders, seals of certificates, tags and codes. It never
changes. An index of an earlier release has the tie key alone, which makes its tokens too.

Token keys are numbered, since the token key rotates (ADR 0133). What is made from readable values is made
with the newest one. An SSN is stored as *kept tokens* only: the token under the oldest token key in force
and, after a rotation, the token under the newest. Records are compared by the first, hashed again under each
later key.
"""

import hashlib
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from mpi.domain.errors import InputError

SECRET_BYTES = 32
"""Length of each of the two keys, in bytes."""
MIN_SECRET_BYTES = 16
"""Shortest secret of an exchange, in bytes: a shorter one can be guessed."""
_EXCHANGE_CODE = re.compile(r"[a-z][a-z0-9_-]{0,31}")
CASE_CODE_LENGTH = 12
"""Characters of the code of a case, in hexadecimal."""
EXCHANGE_TAG_LENGTH = 12
"""Characters of the tag of the exchanges, in hexadecimal."""
TOKEN_DOMAINS = frozenset(
    (
        "ssn", "ssn4", "identifier", "near", "system", "shared", "token check", "pupil again",
        "pupil name", "pupil number", "pupil near", "pupil last4", "linkage token",
    )
)  # fmt: skip
"""Domains of what is made from the values of a record; the names of blocking keys are further ones."""
BLOCKING_KEY_PREFIXES = ("key:", "kf:")
"""Beginnings of the domains of blocking keys."""
FIRST_TOKEN_KEYS = (1,)
"""Numbers of the token keys in force before the first rotation."""


@dataclass(frozen=True, slots=True)
class TokenExchange:
    """Parties that make linkage tokens under one secret.

    Args:
        code: the name that records and settings use, such as ``schools-2026``.
        secret: the hashing secret of Open Link Token, never logged and never shown by ``repr``.
    """

    code: str
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not _EXCHANGE_CODE.fullmatch(self.code):
            raise InputError(
                "an exchange's code has 1 to 32 of a-z, 0-9, '_' and '-', and begins with a letter"
            )
        if len(self.secret) < MIN_SECRET_BYTES:
            raise InputError(f"the secret of an exchange has {MIN_SECRET_BYTES} bytes or more")


@dataclass(frozen=True, slots=True)
class KeyedHash:
    """A hash function of texts under the keys of the index.

    Args:
        secret: the tie key: 32 bytes, never logged and never shown by ``repr``.
        token_key: the newest token key, likewise; None where the tie key makes the tokens.
        earlier_token_keys: token keys before it that are still in force, oldest first.
        token_keys: numbers of all token keys in force, ascending.
        exchanges: exchanges of linkage tokens in which the index takes part, by code.
    """

    secret: bytes = field(repr=False)
    token_key: bytes | None = field(default=None, repr=False)
    earlier_token_keys: tuple[bytes, ...] = field(default=(), repr=False)
    token_keys: tuple[int, ...] = FIRST_TOKEN_KEYS
    exchanges: tuple[TokenExchange, ...] = ()

    def __post_init__(self) -> None:
        keys = (self.secret, self.token_key or self.secret, *self.earlier_token_keys)
        if any(len(key) != SECRET_BYTES for key in keys):
            raise ValueError(f"the secret must be {SECRET_BYTES} bytes")
        if len(self.token_keys) != len(self.earlier_token_keys) + 1:
            raise ValueError("each token key has one number")

    def _key_of(self, domain: str) -> bytes:
        """Return the key under which the texts of a domain are hashed."""
        if self.token_key is None or not is_token_domain(domain):
            return self.secret
        return self.token_key

    @property
    def exchange_tag(self) -> str:
        """Tag of the exchanges and their secrets; empty without any."""
        texts = [f"{exchange.code}:{exchange.secret.hex()}" for exchange in self.exchanges]
        return self.to_token("token exchange", "|".join(texts))[:EXCHANGE_TAG_LENGTH] if texts else ""

    def to_int64(self, domain: str, text: str) -> int:
        """Hash a text to a signed 64-bit integer.

        Both databases hold such an integer in an integer column.

        Args:
            domain: the use of the hash; at most 16 bytes count.
            text: the value to hash.
        """
        hasher = _start_hash(self._key_of(domain), domain, 8).copy()
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
            domain_hasher = _start_hash(self._key_of(domain), domain, 8)
            for text in domain_texts:
                hasher = domain_hasher.copy()
                hasher.update(text.encode())
                digests.append(hasher.digest())
        return struct.unpack(f">{len(digests)}q", b"".join(digests))

    def to_token(self, domain: str, text: str) -> str:
        """Hash a text to a 128-bit hexadecimal token."""
        return _hash_token(self._key_of(domain), domain, text)

    def make_kept_tokens(self, domain: str, text: str) -> str:
        """Return the tokens that are stored in place of a value.

        They are parted by a space, and each but that of key 1 is preceded by its key's number.

        Args:
            domain: the use of the hash, one of ``TOKEN_DOMAINS``.
            text: the value, which is stored nowhere.
        """
        newest = _format_kept_token(self.token_keys[-1], self.to_token(domain, text))
        if not self.earlier_token_keys:
            return newest
        oldest = _hash_token(self.earlier_token_keys[0], domain, text)
        return f"{_format_kept_token(self.token_keys[0], oldest)} {newest}"

    def read_kept_token(self, domain: str, kept: str | None) -> str | None:
        """Return the token by which records are compared, from kept tokens.

        Args:
            domain: the use of the hash.
            kept: what ``make_kept_tokens`` returned, perhaps while other token keys were in force.

        Returns:
            The token; None where there is none under the oldest token key in force.
        """
        if kept is None or (self.token_keys == FIRST_TOKEN_KEYS and kept.isalnum()):
            return kept
        token = parse_kept_tokens(kept).get(self.token_keys[0])
        return None if token is None else self._hash_again(domain, token)

    def _hash_again(self, domain: str, token: str) -> str:
        """Return a token of the oldest key, hashed under each later key."""
        if self.earlier_token_keys:
            for key in (*self.earlier_token_keys[1:], self.token_key or self.secret):
                token = _hash_token(key, domain, token)
        return token

    def to_case_code(self, kind: str, commit_no: int, number: int = 0) -> str:
        """Return the code of a case, hold, clock or consent.

        A running number would tell one agency how many others have.

        Args:
            kind: what it is a code of, as the domain of the hash.
            commit_no: commit number of the transaction that opens it.
            number: its number among those that the transaction opens, from 0.
        """
        text = f"{commit_no}.{number}" if number else str(commit_no)
        return self.to_token(kind, text)[:CASE_CODE_LENGTH]

    def to_tokens(self, domain: str, texts: Iterable[str]) -> list[str]:
        """Hash several texts of one domain to 128-bit hexadecimal tokens."""
        domain_hasher, tokens = _start_hash(self._key_of(domain), domain, 16), []
        for text in texts:
            hasher = domain_hasher.copy()
            hasher.update(text.encode())
            tokens.append(hasher.hexdigest())
        return tokens


def parse_kept_tokens(kept: str) -> dict[int, str]:
    """Return kept tokens by the number of their key.

    Args:
        kept: what ``KeyedHash.make_kept_tokens`` returned.
    """
    tokens = {}
    for part in kept.split(" "):
        number, _, token = part.rpartition(":")
        tokens[int(number or 1)] = token
    return tokens


def _format_kept_token(number: int, token: str) -> str:
    return token if number == 1 else f"{number}:{token}"


def _hash_token(key: bytes, domain: str, text: str) -> str:
    """Hash a text under one key to a 128-bit hexadecimal token."""
    hasher = _start_hash(key, domain, 16).copy()
    hasher.update(text.encode())
    return hasher.hexdigest()


@lru_cache(256)
def is_token_domain(domain: str) -> bool:
    """Return whether texts of a domain are hashed under the token key."""
    return domain in TOKEN_DOMAINS or domain.startswith(BLOCKING_KEY_PREFIXES)


@lru_cache(256)  # a copy costs half of taking in the key anew; there are some thirty domains
def _start_hash(secret: bytes, domain: str, size: int) -> "hashlib.blake2b":
    """Return a hash that has taken in the secret and domain."""
    return hashlib.blake2b(digest_size=size, key=secret, person=domain.encode()[:16])
