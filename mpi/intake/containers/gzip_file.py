"""Opening of gzip files, bounded."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from mpi.domain.errors import FileError
from mpi.intake.containers.streams import BoundedStream
from mpi.intake.containers.zip_file import MAX_BYTES, MAX_RATIO
from mpi.intake.tabular_file import open_binary

GZIP_SUFFIX = ".gz"
"""Ending of the name of a gzip file."""
_FREE_BYTES = 64_000_000
"""Bytes that the smallest file may become."""


@contextmanager
def open_gzip(path: Path) -> Iterator[BinaryIO]:
    """Open the content of a gzip file for reading.

    Raises:
        FileError: it cannot be opened, is damaged or cut short, or would become too large.
    """
    with open_binary(path) as packed:
        limit = min(MAX_BYTES, max(_FREE_BYTES, MAX_RATIO * path.stat().st_size))
        stream = BoundedStream(path.name, cast("BinaryIO", gzip.GzipFile(fileobj=packed)), limit)
        try:
            yield cast("BinaryIO", io.BufferedReader(stream))
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise FileError(
                f"{path.name}: not a whole gzip file ({type(error).__name__}): is it cut short?"
            ) from None
