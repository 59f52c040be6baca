"""Members of ZIP files, bounded and read where they are."""

import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from mpi.domain.errors import FileError

MAX_BYTES = 20_000_000_000
"""Most bytes of a ZIP file's members, after decompression."""
MAX_RATIO = 200
"""Most bytes that a compressed byte may become; rosters have ten to thirty."""
MAX_MEMBERS = 1_000
"""Most files in a ZIP file."""
_DAMAGE_ERRORS = (
    zipfile.BadZipFile,
    NotImplementedError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    UnicodeDecodeError,  # a name of a member
)
_IS_ENCRYPTED = 1
_RESOURCE_FORKS = "__MACOSX"


def list_members(path: Path) -> list[tuple[str, zipfile.ZipInfo]]:
    """Return the files in a ZIP file, by their name without folders.

    Hidden files and those that macOS adds are left out. Nothing is decompressed.

    Raises:
        FileError: it cannot be read, or holds too many files.
    """
    with explain_zip_errors(path), zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        raise FileError(f"{path.name}: more than {MAX_MEMBERS:,} files in it")
    names = [PurePosixPath(member.filename.replace("\\", "/")) for member in members]
    return [
        (name.name, member)
        for name, member in zip(names, members, strict=True)
        if not member.is_dir() and not name.name.startswith(".") and _RESOURCE_FORKS not in name.parts
    ]


def check_members(path: Path, members: list[tuple[str, zipfile.ZipInfo]]) -> None:
    """Refuse members of a ZIP file that must not be decompressed.

    Raises:
        FileError: one is encrypted, would become far larger than it is, or all would become too large.
    """
    for name, member in members:
        if member.flag_bits & _IS_ENCRYPTED:
            raise FileError(f"{path.name}: {name} is encrypted; decrypt it first")
        if member.file_size > MAX_RATIO * max(member.compress_size, MAX_RATIO):
            raise FileError(
                f"{path.name}: {name} would become more than {MAX_RATIO} times as large as it is, "
                "which no roster does"
            )
    if sum(member.file_size for _, member in members) > MAX_BYTES:
        raise FileError(f"{path.name}: it would become more than {MAX_BYTES:,} bytes")


@contextmanager
def open_member(path: Path, member: zipfile.ZipInfo) -> Iterator[BinaryIO]:
    """Open a member of a ZIP file for reading.

    The reader ends after the size that was checked, whatever follows.

    Raises:
        FileError: it cannot be read.
    """
    with explain_zip_errors(path), zipfile.ZipFile(path) as archive, archive.open(member) as file:
        yield cast("BinaryIO", file)


@contextmanager
def explain_zip_errors(path: Path) -> Iterator[None]:
    """Raise FileError where a ZIP file cannot be read."""
    try:
        yield
    except OSError as error:
        raise FileError(f"{path.name}: cannot be opened: {error.strerror or 'it cannot be read'}") from None
    except _DAMAGE_ERRORS as error:
        raise FileError(f"{path.name}: this is no whole ZIP file ({type(error).__name__})") from None
