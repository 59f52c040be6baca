"""File of a backup: a tar archive encrypted in the age format.

It is encrypted for public keys, so that who makes a backup cannot open it. It is written and read as
a stream, part by part; no readable copy of it is stored. The first part describes the others. The last says
that nothing is missing.

Source: https://age-encryption.org/v1
"""

import io
import os
import tarfile
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import orjson
import pyrage

from mpi.domain.errors import ConflictError, InputError
from mpi.storage.encryption.key_source import write_key_file

DESCRIPTION, END = "backup.json", "end.json"
"""Names of the first and the last part."""
PART_BYTES = 4 * 2**20
"""Bytes of a part that comes as a stream."""
_COPY_BYTES = 2**20
_NOT_WHOLE = "the backup is damaged or not whole: take another one"


class ArchiveWriter:
    """Adds parts to a backup."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self.parts = 0

    def add(self, name: str, content: bytes) -> None:
        """Add a part."""
        self._add(name, len(content), io.BytesIO(content))

    def add_file(self, name: str, path: Path) -> None:
        """Add a part that a file holds."""
        with path.open("rb") as file:
            self.add_open_file(name, file)

    def add_open_file(self, name: str, file: BinaryIO) -> None:
        """Add the rest of an open file as a part."""
        self._add(name, os.fstat(file.fileno()).st_size - file.tell(), file)

    def add_stream(self, name: str, chunks: Iterable[bytes | bytearray | memoryview]) -> None:
        """Add a stream, cut into numbered parts."""
        number, held = 0, bytearray()
        for chunk in chunks:
            held += chunk
            if len(held) >= PART_BYTES:
                self.add(f"{name}/{number:06}", bytes(held))
                number, held = number + 1, bytearray()
        self.add(f"{name}/{number:06}", bytes(held))

    def _add(self, name: str, size: int, file: BinaryIO) -> None:
        header = tarfile.TarInfo(name)
        header.size, header.mode = size, 0o600
        self._archive.addfile(header, file)
        self.parts += 1


class ArchivePart:
    """One part of a backup that is being read.

    Args:
        name: its name.
        file: its content, which can be read until the next part is asked for.
    """

    def __init__(self, name: str, file: BinaryIO) -> None:
        self.name = name
        self.file = file

    def chunks(self) -> Iterator[bytes]:
        """Yield the content."""
        while chunk := self.file.read(_COPY_BYTES):
            yield chunk

    def write_to(self, path: Path) -> None:
        """Write the content to a new private file, and onto the disk.

        Raises:
            OSError: the file is there, or cannot be written.
        """
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            for chunk in self.chunks():
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())


def make_key_pair(path: Path) -> str:
    """Write a new private key into a file; return its public key.

    Raises:
        ConflictError: the file is there.
        StoreError: it cannot be written.
    """
    if path.exists():
        raise ConflictError(f"{path} is there already: name another file")
    identity = pyrage.x25519.Identity.generate()
    public_key = str(identity.to_public())
    write_key_file(path, f"# public key: {public_key}\n{identity}\n")
    return public_key


def parse_recipients(texts: Iterable[str]) -> list[Any]:
    """Parse public keys, ``age1…`` each.

    Raises:
        InputError: one is no public key.
    """
    recipients = []
    for text in texts:
        try:
            recipients.append(pyrage.x25519.Recipient.from_str(text.strip()))
        except pyrage.RecipientError:
            raise InputError(
                "a public key of backups is age1 and 58 letters or digits: mpi keys backup FILE makes one"
            ) from None
    return recipients


def read_identities(path: Path) -> list[Any]:
    """Read the private keys of a file.

    Raises:
        InputError: the file cannot be read, or holds no private key.
    """
    try:
        lines = [line.strip() for line in path.read_text(encoding="ascii").splitlines()]
        identities = [pyrage.x25519.Identity.from_str(line) for line in lines if line and line[0] != "#"]
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, pyrage.IdentityError):
        identities = []
    if not identities:
        raise InputError(f"{path} holds no private key of backups, a line AGE-SECRET-KEY-1… each")
    return identities


@contextmanager
def write_archive(path: Path, recipients: Sequence[Any], description: object) -> Iterator[ArchiveWriter]:
    """Write a backup.

    It gets its name when it is whole and on the disk.

    Args:
        path: the new file.
        recipients: public keys; each private key opens it.
        description: the first part, as JSON.

    Raises:
        ConflictError: the file is there.
        OSError: it cannot be written.
    """
    if path.exists():
        raise ConflictError(f"{path} is there already: name another file")
    descriptor, partial_name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
    partial = Path(partial_name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with (
                _pipe_through(lambda reader: _encrypt(reader, file, recipients), "r") as pipe,
                tarfile.open(fileobj=pipe, mode="w|", format=tarfile.PAX_FORMAT) as archive,
            ):
                writer = ArchiveWriter(archive)
                writer.add(DESCRIPTION, orjson.dumps(description))
                yield writer
                writer.add(END, orjson.dumps({"parts": writer.parts}))
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
    except BaseException:  # also on Ctrl-C: leave no partial file
        partial.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def read_archive(path: Path, identities: Sequence[Any]) -> Iterator[tuple[Any, Iterator[ArchivePart]]]:
    """Open a backup; yield its description and the parts it describes.

    Who has read all parts without an error has the whole backup.

    Raises:
        InputError: it cannot be read, no private key opens it, it is damaged, or a part is missing.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    with file:
        try:
            with (
                _pipe_through(lambda writer: pyrage.decrypt_io(file, writer, identities), "w") as pipe,
                tarfile.open(fileobj=pipe, mode="r|") as archive,
            ):
                parts = _iterate_parts(archive)
                first = next(parts, None)
                if first is None or first.name != DESCRIPTION:
                    raise InputError(f"{path}: {_NOT_WHOLE}")
                yield orjson.loads(first.file.read()), _until_end(parts, path)
        except pyrage.DecryptError as error:
            wrong_key = "No matching keys" in str(error)
            reason = "the private key does not open it" if wrong_key else _NOT_WHOLE
            raise InputError(f"{path}: {reason}") from None
        except (tarfile.TarError, EOFError, orjson.JSONDecodeError, _ThreadError):
            raise InputError(f"{path}: {_NOT_WHOLE}") from None


def _iterate_parts(archive: tarfile.TarFile) -> Iterator[ArchivePart]:
    for member in archive:
        file = archive.extractfile(member)
        if file is not None:
            yield ArchivePart(member.name, file)  # type: ignore[arg-type]


def _until_end(parts: Iterator[ArchivePart], path: Path) -> Iterator[ArchivePart]:
    """Yield parts, and raise unless the last confirms that all came."""
    count = 1
    for part in parts:
        if part.name == END:
            if orjson.loads(part.file.read()) != {"parts": count}:
                break
            return
        count += 1
        yield part
    raise InputError(f"{path}: {_NOT_WHOLE}")


class _Sink:
    """File that keeps the error of a write.

    pyrage passes on only its text.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.error: OSError | None = None

    def write(self, content: bytes) -> int:
        """Write bytes."""
        try:
            return self._file.write(content)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        """Flush what was written."""
        self._file.flush()


def _encrypt(reader: BinaryIO, file: BinaryIO, recipients: Sequence[Any]) -> None:
    sink = _Sink(file)
    try:
        pyrage.encrypt_io(reader, sink, recipients)
    except pyrage.EncryptError:
        if sink.error is None:
            raise
        raise sink.error from None


class _ThreadError(Exception):
    """Exception that a stream ended with in its thread."""


@contextmanager
def _pipe_through(transform: Callable[[BinaryIO], None], mode: str) -> Iterator[BinaryIO]:
    """Run a transformation in a thread; yield an end of its pipe.

    Args:
        transform: reads (mode ``r``) or writes (mode ``w``) the file that it gets, until it ends.
        mode: what the transformation does with the pipe.
    """
    reading, writing = os.pipe()
    inner = os.fdopen(reading, "rb") if mode == "r" else os.fdopen(writing, "wb")
    outer = os.fdopen(writing, "wb") if mode == "r" else os.fdopen(reading, "rb")
    errors: list[BaseException] = []

    def run() -> None:
        try:
            with inner:
                transform(inner)
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            errors.append(error)

    thread = threading.Thread(target=run, name="backup", daemon=True)
    thread.start()
    try:
        yield outer
        if mode == "w":
            # What follows the last part is padding; the thread has to come to its end.
            while outer.read(_COPY_BYTES):
                pass
    except BaseException as error:  # also an interrupt: the thread has to end, and its error comes first
        _close(outer, thread)
        _raise_first(errors, error)
        raise
    _close(outer, thread)
    _raise_first(errors, None)


def _close(outer: BinaryIO, thread: threading.Thread) -> None:
    with suppress(BrokenPipeError):
        outer.close()
    thread.join()


def _raise_first(errors: Sequence[BaseException], own: BaseException | None) -> None:
    """Raise the thread's error unless the caller's has another cause."""
    follows = own is None or isinstance(own, (BrokenPipeError, tarfile.TarError, EOFError, InputError))
    real = [error for error in errors if not isinstance(error, BrokenPipeError)]
    if not real or not follows:
        return
    if isinstance(real[0], OSError) and real[0].errno is None:
        # pyrage's own error for damaged content.
        raise _ThreadError from None
    raise real[0]
