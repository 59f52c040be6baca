"""Server of files that is reached over SFTP."""

import asyncio
import hashlib
import os
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Self, TypeVar

import asyncssh

from mpi.client.retries import RetryPolicy
from mpi.connectors.api_session import DEFAULT_RETRY
from mpi.connectors.connection import Connection
from mpi.connectors.file_server import FileChangedError, FileList, FileRefusedError, RemoteFile
from mpi.connectors.sftp.file_names import is_hidden, may_match, read_safe_name
from mpi.connectors.sftp.loop_thread import CLOSE_S, LoopThread
from mpi.connectors.sftp.options import SftpOptions, read_options
from mpi.connectors.sftp.ssh_connection import ANSWER_S, SshLogin
from mpi.domain.errors import RemoteSystemError

MAX_NAMES = 100_000
"""Most names of a folder."""
_READ_BYTES = 1_048_576
_COPY_S, _SLOWEST_BYTES_S = 600, 50_000
"""Seconds that every file may take, and bytes a second that a longer one has to have."""
_PRIVATE = 0o600
_FILE_TYPES = frozenset({asyncssh.FILEXFER_TYPE_REGULAR, asyncssh.FILEXFER_TYPE_UNKNOWN})
"""Types that may be files: a server that lists no permissions tells no type."""
_LAST_SECOND = 253_402_300_799
"""The end of the year 9999: a later time is none."""
_T = TypeVar("_T")
_Step = Callable[[asyncssh.SFTPClient], Coroutine[Any, Any, _T]]


class _StepFailedError(RemoteSystemError):
    """Error: a step failed after the user had signed in."""


class SftpServer:
    """Folder of files on an SSH server.

    The first call signs in, and later ones use its session. A load may take an hour between two of them: a
    session that broke meanwhile is opened again. As a context manager, it closes the session at its end.

    Args:
        connection: the server.
        retry: how often a server is called again that cannot be reached.
        wait: waits some seconds.
        answer_s: most seconds until the server answers a request.

    Raises:
        InputError: an option or the credentials are wrong.
    """

    def __init__(
        self,
        connection: Connection,
        retry: RetryPolicy = DEFAULT_RETRY,
        wait: Callable[[float], None] = time.sleep,
        answer_s: float = ANSWER_S,
    ) -> None:
        self._name = connection.name
        self._answer_s = answer_s
        self._retry = retry
        self._wait = wait
        self.options: SftpOptions = read_options(connection)
        self._login = SshLogin(connection.name, self.options, connection.sign_in)
        self._thread: LoopThread | None = None
        self._session: tuple[asyncssh.SFTPClient, AsyncExitStack] | None = None
        self._has_begun = False

    def __enter__(self) -> Self:
        """Return the server."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Close the session, if one is open."""
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.close(self._drop_session())

    def list_files(self) -> FileList:
        """Return the files whose names fit the pattern, oldest first.

        Raises:
            RemoteSystemError: the server cannot be reached, refuses, or holds too many names.
        """
        entries = self._call(self._read_folder)
        marker, pattern = self.options.marker, self.options.pattern
        times = {raw: _read_time(attributes) for raw, attributes in entries}
        files, refused, skipped = [], 0, 0
        for raw, attributes in entries:
            is_marker = bool(marker) and raw.endswith(marker.encode())
            if is_marker or is_hidden(raw) or not may_match(raw, pattern):
                continue
            if attributes.type not in _FILE_TYPES:
                skipped += 1
                continue
            # A marker that is older than its file is that of an earlier one, and this one may be growing.
            if marker and times.get(raw + marker.encode(), -1) < times[raw]:
                continue
            name = read_safe_name(raw)
            if name is None:
                refused += 1
            else:
                files.append(RemoteFile(name, attributes.size or 0, times[raw]))
        return FileList(sorted(files, key=lambda file: (file.modified, file.name)), refused, skipped)

    def fetch(self, file: RemoteFile, target: Path) -> str:
        """Copy a file to a local one, and return its SHA-256.

        Raises:
            FileChangedError: it is another one meanwhile, or gone.
            FileRefusedError: it has too many bytes, the server refuses it, or its copy takes too long or
                breaks off again and again.
            RemoteSystemError: the server cannot be reached.
        """
        if file.size > self.options.max_bytes:
            raise FileRefusedError(
                f"{file.name}: {file.size:,} bytes are more than max_bytes, {self.options.max_bytes:,}"
            )

        async def copy(sftp: asyncssh.SFTPClient) -> str:
            try:
                with _open_private(target) as write:
                    async with asyncio.timeout(_COPY_S + file.size / _SLOWEST_BYTES_S):
                        return await self._copy(sftp, file, write)
            except TimeoutError:
                raise FileRefusedError(f"{file.name}: the server took too long to send it") from None

        try:
            return self._call(copy)
        except _StepFailedError:
            raise FileRefusedError(f"{file.name}: the connection broke in each copy of it") from None

    def move(self, file: RemoteFile, folder: str) -> None:
        """Move a file into another folder of the server, replacing none.

        A file whose name is taken there gets the time into its name. A marker of the file is deleted. A file
        that is another one meanwhile is left, and so is one that is gone.

        Raises:
            FileRefusedError: the server refuses; or it moved the file, and refuses to delete its marker.
            RemoteSystemError: the server cannot be reached.
        """
        marker = f"{file.name}{self.options.marker}"

        async def rename(sftp: asyncssh.SFTPClient) -> bool:
            """Return whether nothing is left to do."""
            origin, target = (self._join(path).encode() for path in (file.name, f"{folder}/{file.name}"))
            async with asyncio.timeout(self._answer_s):
                try:
                    attributes = await sftp.lstat(origin)
                except asyncssh.SFTPNoSuchFile:
                    return True
                if (attributes.size or 0, _read_time(attributes)) != (file.size, file.modified):
                    return True
                if await sftp.exists(target):
                    target += f".{file.modified}-{time.time_ns()}".encode()
                await sftp.rename(origin, target)
                return not self.options.marker or await _remove(sftp, self._join(marker))

        try:
            is_done = self._call(rename)
        except (FileRefusedError, _StepFailedError):
            raise FileRefusedError(f"{file.name}: the server does not let it be moved to {folder}") from None
        if not is_done:
            raise FileRefusedError(f"{file.name}: it was moved to {folder}, but its marker cannot be deleted")

    async def _read_folder(self, sftp: asyncssh.SFTPClient) -> list[tuple[bytes, asyncssh.SFTPAttrs]]:
        """Return the names of the folder, with their attributes."""
        entries: list[tuple[bytes, asyncssh.SFTPAttrs]] = []
        listing = sftp.scandir(self.options.path.encode())
        while True:
            async with asyncio.timeout(self._answer_s):
                entry = await anext(listing, None)
            if entry is None:
                return entries
            entries.append((_to_bytes(entry.filename), entry.attrs))
            if len(entries) > MAX_NAMES:
                raise RemoteSystemError(
                    f"{self._name}: the folder has more than {MAX_NAMES:,} names: have old files moved away"
                )

    async def _copy(self, sftp: asyncssh.SFTPClient, file: RemoteFile, write: Callable[[bytes], None]) -> str:
        """Copy as many bytes of a file as were listed."""
        digest, done = hashlib.sha256(), 0
        try:
            async with asyncio.timeout(self._answer_s):
                remote = await sftp.open(self._join(file.name).encode(), "rb", encoding=None)
            async with remote:
                while True:
                    async with asyncio.timeout(self._answer_s):
                        part = _to_bytes(await remote.read(_READ_BYTES, done))
                    done += len(part)
                    if not part or done > file.size:
                        break
                    digest.update(part)
                    write(part)
                async with asyncio.timeout(self._answer_s):
                    attributes = await remote.stat()
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
            raise FileChangedError(f"{file.name}: the file is gone") from None
        if (done, attributes.size or 0, _read_time(attributes)) != (file.size, file.size, file.modified):
            raise FileChangedError(f"{file.name}: the file is still being written")
        return digest.hexdigest()

    def _join(self, name: str) -> str:
        """Return the path of a name that is relative to the folder."""
        return name if name.startswith("/") or self.options.path == "." else f"{self.options.path}/{name}"

    def _call(self, step: _Step[_T]) -> _T:
        """Do a step in the session; repeat it if the connection broke.

        Raises:
            RemoteSystemError: the server cannot be reached, or refuses.
        """
        attempt = 0
        self._thread = thread = self._thread or LoopThread()
        while True:
            attempt += 1
            try:
                return thread.run(self._do(step))
            except asyncssh.SFTPError as error:
                if not _is_broken(error):
                    raise FileRefusedError(
                        f"{self._name}: the server refuses ({type(error).__name__})"
                    ) from None
                failure = type(error).__name__
            except (asyncssh.Error, TimeoutError) as error:
                failure = type(error).__name__
            except OSError as error:
                if error.filename is not None:  # a local file
                    raise
                failure = os.strerror(error.errno) if error.errno else type(error).__name__
            pause_s = self._retry.find_pause_s(attempt, None)
            if pause_s is None:
                kind = _StepFailedError if self._has_begun else RemoteSystemError
                raise kind(f"{self._name}: {self.options.host} port {self.options.port}: {failure}")
            self._wait(pause_s)

    async def _do(self, step: _Step[_T]) -> _T:
        """Do a step in the session, and close a broken session."""
        self._has_begun = False
        sftp = await self._open_session()
        self._has_begun = True
        try:
            return await step(sftp)
        except BaseException as error:  # also a cancellation, after which the session cannot be used
            if not isinstance(error, asyncssh.SFTPError) or _is_broken(error):
                await self._drop_session()
            raise

    async def _open_session(self) -> asyncssh.SFTPClient:
        """Return the session, which is opened if there is none."""
        if self._session is None:
            async with AsyncExitStack() as stack:
                sftp = await stack.enter_async_context(self._login.open())
                self._session = sftp, stack.pop_all()
        return self._session[0]

    async def _drop_session(self) -> None:
        """Close the session, also one whose server answers no more."""
        session, self._session = self._session, None
        if session is not None:
            with suppress(OSError, asyncssh.Error):
                async with asyncio.timeout(CLOSE_S):
                    await session[1].aclose()


async def _remove(sftp: asyncssh.SFTPClient, path: str) -> bool:
    """Delete a file of the server, and return whether it is gone."""
    try:
        await sftp.remove(path.encode())
    except asyncssh.SFTPNoSuchFile:
        return True
    except asyncssh.SFTPError as error:
        if _is_broken(error):
            raise
        return False
    return True


def _is_broken(error: asyncssh.SFTPError) -> bool:
    """Return whether an error says that the session has ended."""
    return isinstance(error, asyncssh.SFTPConnectionLost | asyncssh.SFTPNoConnection)


def _to_bytes(content: bytes | str) -> bytes:
    """Return bytes: asyncssh gives text only if told an encoding."""
    return content if isinstance(content, bytes) else content.encode()


@contextmanager
def _open_private(path: Path) -> Iterator[Callable[[bytes], None]]:
    """Open a private local file, and yield what writes to it.

    Its errors name it, unlike those of a connection.
    """
    file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE), "wb")

    def write(part: bytes) -> None:
        with _naming(path):
            file.write(part)

    try:
        yield write
    finally:
        with _naming(path):
            file.close()


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Let an error of the operating system name a file."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _read_time(attributes: asyncssh.SFTPAttrs) -> int:
    """Return a file's time in seconds since 1970; 0 for none."""
    modified = attributes.mtime or 0
    return modified if 0 <= modified <= _LAST_SECOND else 0
