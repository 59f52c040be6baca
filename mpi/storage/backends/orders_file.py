"""Append-only file of orders to seal, unseal and expunge, outside the database.

A restored backup does not know the orders given since it was made; this file does. The first line names the
index. Each further line is one order as JSON, numbered from 1 without gaps. A line that lacks its end was
never acknowledged, and is removed by the next writer.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from mpi.domain.errors import StoreError

FORMAT, VERSION = "mpi-orders", 1
_TAIL_BYTES = 65_536
"""Bytes read from the end; an order takes less."""


@dataclass(frozen=True, slots=True)
class OrderLine:
    """An order as the file holds it.

    It has no names, and no local ID in plain.

    Args:
        no: number of the order.
        at: when it was given (ISO, UTC).
        kind: ``seal``, ``unseal`` or ``expunge``.
        source: code of the record's source.
        scope: scope to which the source's records are sent; None where they are sent to this index.
        record: keyed hash of the source and the record's local ID.
        number: number of the record.
        reference: the order's own reference, if it has one.
        commit: commit that applied it first.
    """

    no: int
    at: str
    kind: str
    source: str
    scope: str | None
    record: str
    number: int
    reference: str | None
    commit: int


class OrdersFile:
    """The orders file of one index.

    Args:
        path: path of the file.
        index: keyed text that tells this index from every other.
    """

    def __init__(self, path: Path, index: str) -> None:
        self.path = path
        self._index = index

    def exists(self) -> bool:
        """Return whether the file has a whole header."""
        with self._translate_errors("read"):
            try:
                with self.path.open("rb") as file:
                    return file.readline(_TAIL_BYTES).endswith(b"\n")
            except FileNotFoundError:
                return False

    def read_after(self, number: int) -> list[OrderLine]:
        """Return the orders with greater numbers, in order; none without a file.

        Raises:
            StoreError: the file cannot be read, is of another index, or is damaged.
        """
        with self._translate_errors("read"):
            try:
                content = self.path.read_bytes()
            except FileNotFoundError:
                return []
        *lines, _unfinished = content.split(b"\n")
        if not lines:
            return []
        self._check_header(lines[0])
        orders = [self._parse(line, position) for position, line in enumerate(lines[1:], 2)]
        for expected, order in enumerate(orders, 1):
            if order.no != expected:
                raise StoreError(f"{self.path}, line {expected + 1}: order {expected} is missing")
        return orders[number:]

    def read_last(self) -> OrderLine | None:
        """Return the last order, or None without one.

        Raises:
            StoreError: the file cannot be read, is of another index, or is damaged at its end.
        """
        with self._translate_errors("read"):
            try:
                descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return None
            try:
                return self._read_last(descriptor)[0]
            finally:
                os.close(descriptor)

    @contextmanager
    def lock(self) -> Iterator["LockedOrders"]:
        """Open the file for appending, while no other process appends.

        Raises:
            StoreError: the file cannot be written, is of another index, or is damaged at its end.
        """
        with self._translate_errors("write"):
            is_new = not self.path.exists()
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                if is_new:
                    _sync_folder(self.path.parent)
                last, size = self._read_last(descriptor)
                yield LockedOrders(self, descriptor, 0 if last is None else last.no, size)
            finally:
                os.close(descriptor)

    def make_header(self) -> bytes:
        """Return the first line of the file."""
        return orjson.dumps({"format": FORMAT, "version": VERSION, "index": self._index}) + b"\n"

    def _read_last(self, descriptor: int) -> tuple[OrderLine | None, int]:
        """Return the last order, and the size of all whole lines."""
        size = os.fstat(descriptor).st_size
        begin = max(size - _TAIL_BYTES, 0)
        tail = os.pread(descriptor, size - begin, begin)
        end = tail.rfind(b"\n") + 1
        if not end:
            if begin:
                raise StoreError(f"{self.path}: the end of the orders file is damaged: put it back whole")
            return None, 0
        header = os.pread(descriptor, _TAIL_BYTES, 0).partition(b"\n")[0]
        self._check_header(header)
        whole = begin + end
        if whole == len(header) + 1:
            return None, whole
        last = tail[: end - 1].rpartition(b"\n")[2]
        return self._parse(last, None), whole

    def _check_header(self, line: bytes) -> None:
        try:
            header = orjson.loads(line)
        except orjson.JSONDecodeError:
            header = None
        if not isinstance(header, dict) or (header.get("format"), header.get("version")) != (FORMAT, VERSION):
            raise StoreError(f"{self.path} is no orders file of this version: set MPI_ORDERS_FILE")
        if header.get("index") != self._index:
            raise StoreError(
                f"{self.path} is the orders file of another index or scope: set MPI_ORDERS_FILE to this one's"
            )

    def _parse(self, line: bytes, position: int | None) -> OrderLine:
        place = "its last line" if position is None else f"line {position}"
        try:
            order = OrderLine(**orjson.loads(line))
        except (orjson.JSONDecodeError, TypeError):
            raise StoreError(f"{self.path}: {place} is damaged: put the file back whole") from None
        if not isinstance(order.no, int) or not isinstance(order.number, int):
            raise StoreError(f"{self.path}: {place} is damaged: put the file back whole")
        return order

    @contextmanager
    def _translate_errors(self, doing: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"cannot {doing} the orders file {self.path}: {error.strerror}: nothing was sealed, unsealed "
                "or expunged"
            ) from error


class LockedOrders:
    """An orders file to which this process alone appends."""

    def __init__(self, file: OrdersFile, descriptor: int, last_number: int, size: int) -> None:
        self.last_number = last_number
        self._file = file
        self._descriptor = descriptor
        self._size = size

    def append(self, orders: Sequence[OrderLine]) -> None:
        """Append orders, and wait until they are on the disk.

        On a failure, such as a full disk, none of them stays.
        """
        if not orders:
            return
        content = b"" if self._size else self._file.make_header()
        content += b"".join(orjson.dumps(asdict(order)) + b"\n" for order in orders)
        try:
            os.ftruncate(self._descriptor, self._size)  # a line that lacks its end
            _write_all(self._descriptor, content, self._size)
            os.fsync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(content)
        self.last_number = orders[-1].no


def _write_all(descriptor: int, content: bytes, offset: int) -> None:
    view: Any = memoryview(content)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
