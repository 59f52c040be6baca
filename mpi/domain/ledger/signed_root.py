"""Signed root of the disclosure ledger, as a line of JSON.

The roots of an index form a chain: each names the hash of the line before it.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, fields

from mpi.domain.errors import InputError

FORMAT = "mpi-ledger-root-1"
"""Name of the format, which is part of what is signed."""
NO_PREVIOUS = ""
"""Hash before the first root."""

_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), sort_keys=True).encode


@dataclass(frozen=True, slots=True)
class SignedRoot:
    """A head of the tree at one time, signed.

    Args:
        number: place in the chain, from 1.
        index: name of the index, which a restore does not change.
        at: when it was signed (ISO, UTC).
        size: lines of the ledger.
        root: head of the tree over them, in hexadecimal.
        previous: SHA-256 of the line before it, in hexadecimal; empty for the first.
        note: why the ledger lost lines before, such as a restore from a backup; empty for none.
        signature: Ed25519 signature of all the other fields, in hexadecimal.
        format: name of the format.
    """

    number: int
    index: str
    at: str
    size: int
    root: str
    previous: str
    note: str = ""
    signature: str = ""
    format: str = FORMAT

    def signed_bytes(self) -> bytes:
        """Return what the signature is of: sorted JSON without the signature."""
        values = asdict(self)
        del values["signature"]
        return _encode(values).encode()

    def to_line(self) -> str:
        """Return the line of the file, without its end."""
        return _encode(asdict(self))

    def digest(self) -> str:
        """Return the hash by which the next root names this one."""
        return hashlib.sha256(self.to_line().encode()).hexdigest()


def parse_root(line: str) -> SignedRoot:
    """Read a line of the file.

    Raises:
        InputError: it is none; the message tells nothing of its content.
    """
    try:
        values = json.loads(line)
        root = SignedRoot(**values)
    except (ValueError, TypeError):
        raise InputError("this is no signed root of a ledger") from None
    kinds = {"int": int, "str": str}
    # Annotations are classes here; their names say the same where they are text.
    for field in fields(SignedRoot):
        kind = field.type if isinstance(field.type, type) else kinds[str(field.type)]
        if type(getattr(root, field.name)) is not kind:
            raise InputError("this is no signed root of a ledger")
    if root.format != FORMAT or root.to_line() != line:
        raise InputError("this is no signed root of a ledger of this version")
    return root
