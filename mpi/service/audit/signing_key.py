"""The Ed25519 key that signs the roots of the ledger."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from mpi.domain.errors import InputError, StoreError

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that verifies signatures of roots."""

    key: Ed25519PublicKey

    def verifies(self, signature: str, content: bytes) -> bool:
        """Return whether a signature (hexadecimal) is of this key and content."""
        try:
            self.key.verify(bytes.fromhex(signature), content)
        except (ValueError, InvalidSignature):
            return False
        return True

    def to_pem(self) -> str:
        """Return the key as PEM text."""
        return self.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that signs roots."""

    key: Ed25519PrivateKey

    def sign(self, content: bytes) -> str:
        """Return the signature of a content in hexadecimal."""
        return self.key.sign(content).hex()

    @property
    def public(self) -> PublicKey:
        """The key that verifies the signatures."""
        return PublicKey(self.key.public_key())


def load_signing_key(path: Path, *, is_new: bool = False) -> SigningKey:
    """Read the private key from its file.

    Args:
        path: PEM file that only its owner may read.
        is_new: make a key where there is no file.

    Raises:
        StoreError: the file is missing, cannot be read or written, holds no such key, or others may read it.
    """
    try:
        if is_new and not path.exists():
            _make_key(path)
        if path.stat().st_mode & _OTHERS:
            raise StoreError(f"{path}: others may read the signing key: chmod 600 {path}")
        content = path.read_bytes()
    except OSError as error:
        raise StoreError(f"cannot use the signing key {path}: {error.strerror}") from error
    try:
        key = load_pem_private_key(content, None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise StoreError(f"{path} holds no Ed25519 key in PEM form without a password")
    return SigningKey(key)


def load_public_key(path: Path) -> PublicKey:
    """Read a public key from a PEM file.

    Raises:
        InputError: the file cannot be read, or holds no Ed25519 key.
    """
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise InputError(f"{path}: give a PEM file of an Ed25519 public key, as mpi audit key prints it")
    return PublicKey(key)


def _make_key(path: Path) -> None:
    content = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
