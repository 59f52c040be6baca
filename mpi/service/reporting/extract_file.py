"""Digest of a file from which a report was made."""

import hashlib
from pathlib import Path

from mpi.domain.errors import FileError


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file.

    Raises:
        FileError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}") from error
