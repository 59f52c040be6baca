"""What a server of files takes and gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mpi.domain.errors import RemoteSystemError


class FileRefusedError(RemoteSystemError):
    """Error: one file of the other system cannot be taken."""


class FileChangedError(FileRefusedError):
    """Error: a file of the other system changed while it was read."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """File in the folder of another system.

    Args:
        name: its name, one that is safe as a local one.
        size: its bytes.
        modified: its time there, in seconds since 1970.
    """

    name: str
    size: int
    modified: int


@dataclass(frozen=True, slots=True)
class FileList:
    """Files in the folder of another system.

    Args:
        files: those that may be taken, oldest first.
        refused: number of files whose names are not safe.
        skipped: number of names that fit the pattern and are folders, links or devices.
    """

    files: Sequence[RemoteFile]
    refused: int
    skipped: int = 0


class FileServer(Protocol):
    """Folder of files of another system. Every method raises RemoteSystemError."""

    def list_files(self) -> FileList:
        """Return the files whose names fit the pattern of the connection."""

    def fetch(self, file: RemoteFile, target: Path) -> str:
        """Copy a file to a local one, and return its SHA-256.

        Raises:
            FileChangedError: it is another one meanwhile, or gone.
            FileRefusedError: it has too many bytes, or the server refuses it or takes too long.
        """

    def move(self, file: RemoteFile, folder: str) -> None:
        """Move a file into another folder of the server, replacing none.

        Raises:
            FileRefusedError: the server refuses; the message says whether the file was moved.
        """
