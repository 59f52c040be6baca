"""Bound of what a packed file becomes, checked before it is read."""

import gzip
import zlib
from pathlib import Path

from mpi.domain.errors import FileError
from mpi.intake.containers.content_type import GZIP, ZIP, find_content_type
from mpi.intake.containers.zip_file import list_members

_PIECE = 1 << 20


def check_unpacked_size(path: Path, limit: int) -> None:
    """Refuse a gzip or ZIP file that becomes larger than a limit.

    A gzip file is unpacked in pieces that are thrown away, up to the limit. The members of a ZIP file state
    their sizes, at which their readers end. A workbook has bounds of its own.

    Args:
        path: the file.
        limit: most bytes that it may become.

    Raises:
        FileError: it becomes larger, or is damaged.
    """
    kind = find_content_type(path)
    if kind == ZIP:
        is_larger = sum(member.file_size for _, member in list_members(path)) > limit
    else:
        is_larger = kind == GZIP and _is_gzip_larger(path, limit)
    if is_larger:
        raise FileError(f"{path.name}: it would become more than {limit:,} bytes; divide it")


def _is_gzip_larger(path: Path, limit: int) -> bool:
    """Return whether a gzip file becomes larger than a limit."""
    size = 0
    try:
        with gzip.open(path) as file:
            while piece := file.read(_PIECE):
                size += len(piece)
                if size > limit:
                    return True
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise FileError(
            f"{path.name}: not a whole gzip file ({type(error).__name__}): is it cut short?"
        ) from None
    return False
