"""Hash of a ledger line, of which the personal part can go.

The leaf of a line holds the public part in clear text and, of the personal part, only a commitment:
SHA-256 of a random nonce and the part. Once nonce and part are destroyed, the commitment tells nothing, and
the leaf is what it was. The format is documented in docs/reference/ledger.md.
"""

import hashlib
import json
import secrets
from dataclasses import dataclass

from mpi.domain.ledger.merkle import hash_leaf

FORMAT = "mpi-ledger-1"
"""Name of the format, which each leaf begins with."""
NONCE_BYTES = 32

REDACT_ACTION = "ledger.redact"
"""Action of a line that states that an earlier line lost personal data."""
EMPTY_LIST = "[]"

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class PublicPart:
    """What a line states of the receiver, never of a child.

    Args:
        at: when the answer left (ISO, UTC).
        client: who received it.
        purpose: purpose of use.
        agreement: code of the agreement.
        action: kind of request.
    """

    at: str
    client: str
    purpose: str | None
    agreement: str | None
    action: str


@dataclass(frozen=True, slots=True)
class PersonalPart:
    """What a line states of children, as stored.

    Args:
        record_ids: JSON list of record numbers.
        fields: JSON list of names of fields, or of the reason of an emergency access.
        handle: name of a set of records.
    """

    record_ids: str
    fields: str
    handle: str | None


ERASED = PersonalPart(EMPTY_LIST, EMPTY_LIST, None)
"""Personal part of a line that was about destroyed records alone."""


def draw_nonce() -> bytes:
    """Return a random nonce."""
    return secrets.token_bytes(NONCE_BYTES)


def commit_to(nonce: bytes, personal: PersonalPart) -> bytes:
    """Return the commitment to the personal part of a line."""
    text = _encode([personal.record_ids, personal.fields, personal.handle])
    return hashlib.sha256(nonce + text.encode()).digest()


def hash_line(public: PublicPart, commitment: bytes) -> bytes:
    """Return the hash of the leaf of a line."""
    text = _encode([
        FORMAT, public.at, public.client, public.purpose, public.agreement, public.action, commitment.hex(),
    ])  # fmt: skip
    return hash_leaf(text.encode())
