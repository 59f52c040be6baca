"""Encryption of a stored value, and of a record's data key.

AES-256-GCM throughout. A record has a random data key, stored encrypted ("wrapped") under a payload key, so
that a rotation writes 64 bytes a record, and destroying these destroys the content everywhere. The associated
data name the place of a value, so that a ciphertext moved to another row does not decrypt.
"""

import base64
import hmac
import os
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

Cipher = AESGCM
"""The cipher of a data key."""
NONCE_BYTES, TAG_BYTES, SALT_BYTES, DATA_KEY_BYTES = 12, 16, 16, 32
NUMBER_BYTES = 4
WRAPPED_BYTES = NUMBER_BYTES + NONCE_BYTES + DATA_KEY_BYTES + TAG_BYTES
"""Length of a wrapped data key: number of its payload key, nonce, encrypted key and tag."""
ENCRYPTED = b"\x01"
"""First byte of an encrypted payload; a readable one is JSON and begins with a brace."""
TEXT_MARK = "\x1eenc:"
"""Beginning of an encrypted text; the control character never begins a text that is stored readable."""
_CHECK_BYTES = 16


class AlteredContentError(ValueError):
    """A stored value was altered, moved, or encrypted under another key."""


@dataclass(frozen=True, slots=True)
class ContentKeys:
    """What is derived from one payload key by HKDF-Expand (RFC 5869).

    Args:
        number: number of the payload key.
        wrapping: encrypts data keys.
        text_root: derives the key of one text.
        check: text by which another key of that number is noticed.
    """

    number: int
    wrapping: AESGCM = field(repr=False)
    text_root: bytes = field(repr=False)
    check: str


def derive_content_keys(number: int, key: bytes) -> ContentKeys:
    """Derive from a payload key what encrypts data keys and texts."""
    return ContentKeys(
        number,
        AESGCM(_expand(key, b"mpi wrap")),
        _expand(key, b"mpi text"),
        _expand(key, b"mpi check")[:_CHECK_BYTES].hex(),
    )


def make_data_key() -> bytes:
    """Return a random data key."""
    return os.urandom(DATA_KEY_BYTES)


def wrap_data_key(keys: ContentKeys, record_id: int, data_key: bytes) -> bytes:
    """Encrypt a record's data key under a payload key."""
    nonce = os.urandom(NONCE_BYTES)
    number = keys.number.to_bytes(NUMBER_BYTES, "big")
    return number + nonce + keys.wrapping.encrypt(nonce, data_key, b"record.data_key|%d" % record_id)


def key_number_of(wrapped: bytes) -> int:
    """Return the number of the payload key that wraps a data key.

    Raises:
        AlteredContentError: the value is no wrapped data key.
    """
    if len(wrapped) != WRAPPED_BYTES:
        raise AlteredContentError
    return int.from_bytes(wrapped[:NUMBER_BYTES], "big")


def unwrap_data_key(keys: ContentKeys, record_id: int, wrapped: bytes) -> bytes:
    """Decrypt a record's data key.

    Raises:
        AlteredContentError: it was altered, or is another record's.
    """
    nonce = wrapped[NUMBER_BYTES : NUMBER_BYTES + NONCE_BYTES]
    try:
        return keys.wrapping.decrypt(
            nonce, wrapped[NUMBER_BYTES + NONCE_BYTES :], b"record.data_key|%d" % record_id
        )
    except InvalidTag:
        raise AlteredContentError from None


def open_data_key(data_key: bytes) -> Cipher:
    """Return the cipher of a data key, for a record's payloads."""
    return AESGCM(data_key)


def encrypt_payload(cipher: Cipher, record_id: int, version_id: int, payload: bytes) -> bytes:
    """Encrypt the payload of one version of a record."""
    nonce = os.urandom(NONCE_BYTES)
    return ENCRYPTED + nonce + cipher.encrypt(nonce, payload, _payload_place(record_id, version_id))


def decrypt_payload(cipher: Cipher, record_id: int, version_id: int, stored: bytes) -> bytes:
    """Decrypt the payload of one version of a record.

    Raises:
        AlteredContentError: it was altered, or is another version's.
    """
    try:
        return cipher.decrypt(
            stored[1 : 1 + NONCE_BYTES], stored[1 + NONCE_BYTES :], _payload_place(record_id, version_id)
        )
    except (InvalidTag, ValueError):
        raise AlteredContentError from None


def is_encrypted(payload: bytes) -> bool:
    """Return whether a stored payload is encrypted."""
    return payload[:1] == ENCRYPTED


def encrypt_text(keys: ContentKeys, place: str, text: str) -> str:
    """Encrypt a text that concerns no single record.

    Its key is derived from the payload key and a random salt, which is stored with it.

    Args:
        keys: what is derived from the payload key.
        place: table, column and row.
        text: the text.
    """
    salt = os.urandom(SALT_BYTES)
    nonce = os.urandom(NONCE_BYTES)
    sealed = AESGCM(_expand(keys.text_root, salt)).encrypt(nonce, text.encode(), place.encode())
    return f"{TEXT_MARK}{keys.number}:{base64.b64encode(salt + nonce + sealed).decode()}"


def text_key_number(stored: str) -> int | None:
    """Return the payload key's number of an encrypted text, or None.

    Raises:
        AlteredContentError: the text was altered.
    """
    if not stored.startswith(TEXT_MARK):
        return None
    number = stored[len(TEXT_MARK) :].partition(":")[0]
    if not (number.isascii() and number.isdecimal()):
        raise AlteredContentError
    return int(number)


def decrypt_text(keys: ContentKeys, place: str, stored: str) -> str:
    """Decrypt a text that ``encrypt_text`` encrypted.

    Raises:
        AlteredContentError: it was altered, or belongs to another place.
    """
    try:
        sealed = base64.b64decode(stored[len(TEXT_MARK) :].partition(":")[2], validate=True)
        salt, rest = sealed[:SALT_BYTES], sealed[SALT_BYTES:]
        cipher = AESGCM(_expand(keys.text_root, salt))
        return cipher.decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], place.encode()).decode()
    except (InvalidTag, ValueError):
        raise AlteredContentError from None


def _expand(key: bytes, info: bytes) -> bytes:
    """Return 32 bytes of HKDF-Expand with SHA-256 (RFC 5869, section 2.3)."""
    return hmac.digest(key, info + b"\x01", "sha256")


def _payload_place(record_id: int, version_id: int) -> bytes:
    return b"record_version.payload|%d|%d" % (record_id, version_id)
