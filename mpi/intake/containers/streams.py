"""Byte streams that bound and convert another stream."""

import codecs
import io
from typing import BinaryIO

from mpi.domain.errors import FileError

_CHUNK_BYTES = 65_536


class BoundedStream(io.RawIOBase):
    """Stream that refuses to give more than a number of bytes.

    Args:
        name: name of the file, for the message.
        source: the stream to read.
        limit: most bytes that it may give.
    """

    def __init__(self, name: str, source: BinaryIO, limit: int) -> None:
        self._name = name
        self._source = source
        self._limit = limit
        self._count = 0

    def readable(self) -> bool:
        """Return True: this stream can be read."""
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        """Read bytes into a buffer.

        Raises:
            FileError: the stream gives more than its limit.
        """
        data = self._source.read(len(buffer))
        self._count += len(data)
        if self._count > self._limit:
            raise FileError(
                f"{self._name}: it would become more than {self._limit:,} bytes, which no such file does"
            )
        buffer[: len(data)] = data
        return len(data)


class Utf8Stream(io.RawIOBase):
    """Stream that gives the text of another encoding as UTF-8.

    Args:
        source: the stream to read.
        encoding: its encoding; a byte order mark is left out. What is not text becomes U+FFFD.
    """

    def __init__(self, source: BinaryIO, encoding: str) -> None:
        self._source = source
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._pending = b""
        self._is_at_end = False

    def readable(self) -> bool:
        """Return True: this stream can be read."""
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        """Read converted bytes into a buffer."""
        while not self._pending and not self._is_at_end:
            data = self._source.read(_CHUNK_BYTES)
            self._is_at_end = not data
            self._pending = self._decoder.decode(data, final=not data).encode("utf-8", "replace")
        count = min(len(buffer), len(self._pending))
        buffer[:count] = self._pending[:count]
        self._pending = self._pending[count:]
        return count
