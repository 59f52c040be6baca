"""Pull files from another system's folder, and load each once."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from itertools import chain
from pathlib import Path

from mpi.connectors.file_server import FileChangedError, FileList, FileRefusedError, FileServer, RemoteFile
from mpi.domain import clock
from mpi.domain.errors import InputError
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.service.pulls.pull import require_pulled_source
from mpi.service.pulls.pull_lease import COMMIT_KIND, PullLease
from mpi.storage.repositories.sources.pulled_files import PulledFile
from mpi.storage.unit_of_work.database import Lock
from mpi.storage.unit_of_work.units import ReadUnit

_TOKEN_DOMAIN = "pulled file"  # noqa: S105 - a domain of the keyed hash
_FIRST_TIME = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp())
"""A server that tells an earlier time of a file keeps no times."""


class FileStatus(StrEnum):
    """What became of a file in a pull."""

    LOADED = "loaded"
    HELD = "held"
    """A guard held it; nothing of it was loaded."""
    FAILED = "failed"
    """It cannot be read, or all of its rows were rejected."""
    UNCHANGED = "unchanged"
    """It was loaded last, with the same content; or it is known, and its move failed again."""
    GROWING = "growing"
    """It is still being written; the next pull takes it."""
    REFUSED = "refused"
    """It is too large, or the server does not let it be read in time; the next pull tries it again."""


@dataclass(frozen=True, slots=True)
class FilePullOptions:
    """Options of a pull of files.

    Args:
        settle_s: seconds in which size and time of a file must stay the same; 0 if a marker tells that.
        loaded_path: folder of the server into which loaded files are moved; empty to leave them.
        failed_path: folder of the server into which failed files are moved; empty to leave them. A held file
            stays, so that it can be confirmed.
        retry: whether files that failed or were held before are pulled again.
        confirmed: names of held files that are pulled again, and loaded although a guard holds them.
    """

    settle_s: float = 0
    loaded_path: str = ""
    failed_path: str = ""
    retry: bool = False
    confirmed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """A copy of a file of another system.

    Args:
        remote: the file there.
        path: the copy.
        digest: SHA-256 of its content.
        as_of: when it was true at its source; None if the server does not tell.
        is_confirmed: whether it is loaded even if a guard holds it.
    """

    remote: RemoteFile
    path: Path
    digest: str
    as_of: datetime | None
    is_confirmed: bool = False


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What became of a file in a pull.

    Args:
        name: its name.
        status: what became of it.
        reason: why it was not loaded, without any text of its rows; empty if it was.
        move_error: why the server did not move it with its marker; empty if it did, or was not asked to.
    """

    name: str
    status: FileStatus
    reason: str = ""
    move_error: str = ""


@dataclass(frozen=True, slots=True)
class FilePullResult:
    """How a pull of files ended.

    Args:
        files: what became of each file that was new.
        refused_names: number of files whose names are not safe; they were left.
        skipped_names: number of folders, links and devices whose names fit the pattern; they were left.
    """

    files: Sequence[FileOutcome]
    refused_names: int
    skipped_names: int


Load = Callable[[FetchedFile], FileOutcome]
"""Loads a file and puts its copy away; raises what stops the pull, so that the next one repeats the file."""


@dataclass(frozen=True, slots=True)
class FolderPull:
    """A folder of another system, and what is done with its files.

    Args:
        source_code: the source of the files.
        server: the folder.
        incoming: local folder of copies, empty and private.
        load: loads a copy.
        options: how files settle, and where they go.
        note: receives what became of each file, once it is known.
        wait: waits some seconds.
    """

    source_code: str
    server: FileServer
    incoming: Path
    load: Load
    options: FilePullOptions
    note: Callable[[FileOutcome], None] = lambda _outcome: None
    wait: Callable[[float], None] = time.sleep


def pull_files(index: Index, viewer: Viewer, pull: FolderPull) -> FilePullResult:
    """Load the new files of a folder, oldest first.

    A file is remembered once it is loaded, so a pull that is killed repeats at most one; its rows are
    unchanged then, or its load is resumed.

    Args:
        index: the open index.
        viewer: who pulls.
        pull: the folder.

    Raises:
        RemoteSystemError: the server cannot be reached, or refuses to list the folder.
        NotFoundError: no such source.
        AccessDenied: the viewer may not load this source.
        AgreementLapsed: no agreement that covers the source is in force; nothing was asked for.
        ConflictError: another process pulls the source.
        InputError: a confirmed file is not held, or not in the folder.
    """
    source = require_pulled_source(index, viewer, pull.source_code)
    outcomes: list[FileOutcome] = []
    with PullLease(index, viewer, source):
        run = _FilePull(pull, _FileMemory(index, viewer, source.id))
        files, listing = run.find_new_files()
        for outcome in chain(run.move_known_files(listing, files), run.take(files)):
            outcomes.append(outcome)
            pull.note(outcome)
    return FilePullResult(outcomes, listing.refused, listing.skipped)


def list_new_files(
    index: Index, viewer: Viewer, source_code: str, server: FileServer, options: FilePullOptions
) -> Sequence[RemoteFile]:
    """Return the files that a pull would take, oldest first.

    Some may still be written.

    Errors as for ``pull_files``.
    """
    source = require_pulled_source(index, viewer, source_code)
    memory = _FileMemory(index, viewer, source.id)
    return [file for file in server.list_files().files if memory.is_new(file, options)]


class _FileMemory:
    """Files of a source that were pulled before."""

    def __init__(self, index: Index, viewer: Viewer, source_id: int) -> None:
        self._index, self._viewer, self._source_id = index, viewer, source_id
        with index.database.read(viewer) as unit:
            self._files = dict(unit.pulled_files.list_of_source(source_id))
            self._last_loaded = self._find_last_loaded(unit)

    def _find_last_loaded(self, unit: ReadUnit) -> PulledFile | None:
        """Return the source's last loaded file, unless a load was undone since."""
        loaded = (each for each in self._files.values() if each.status == FileStatus.LOADED)
        last = max(loaded, key=lambda each: each.pulled_at, default=None)
        if last is None or unit.batches.has_undo_since(self._source_id, last.pulled_at):
            return None
        return last

    def find(self, file: RemoteFile) -> PulledFile | None:
        """Return how a file of this name was pulled last."""
        return self._files.get(self._make_token(file))

    def is_new(self, file: RemoteFile, options: FilePullOptions) -> bool:
        """Return whether a file is new, has changed, or is tried again."""
        last = self.find(file)
        if last is None or (last.size, last.modified) != (file.size, file.modified):
            return True
        return (options.retry and last.status != FileStatus.LOADED) or self.is_confirmed(file, options)

    def is_confirmed(self, file: RemoteFile, options: FilePullOptions, digest: str = "") -> bool:
        """Return whether a held file is confirmed, with this digest if given."""
        last = self.find(file)
        if last is None or last.status != FileStatus.HELD or file.name not in options.confirmed:
            return False
        return digest in ("", last.digest)

    def is_last_loaded(self, file: RemoteFile, digest: str) -> bool:
        """Return whether the source's last loaded file has this name and content.

        It does not count if a load was undone since. A file that was loaded before the last one may state
        again what the last one replaced.
        """
        last = self._last_loaded
        return last is not None and (last.file_token, last.digest) == (self._make_token(file), digest)

    def remember(self, file: RemoteFile, digest: str, status: FileStatus) -> None:
        """Store how a file was pulled."""
        pulled = PulledFile(
            source_id=self._source_id,
            file_token=self._make_token(file),
            size=file.size,
            modified=file.modified,
            digest=digest,
            status=status.value,
            pulled_at=clock.format_timestamp(clock.now()),
        )
        with self._index.database.write(self._viewer, COMMIT_KIND, Lock.NONE) as unit:
            unit.pulled_files.remember(pulled)
        self._files[pulled.file_token] = pulled
        if status == FileStatus.LOADED:
            self._last_loaded = pulled

    def _make_token(self, file: RemoteFile) -> str:
        """Return a keyed hash of a filename, which may name a person."""
        return self._index.keyed_hash.to_token(_TOKEN_DOMAIN, file.name)


@dataclass(frozen=True, slots=True)
class _FilePull:
    """One pull of files."""

    pull: FolderPull
    memory: _FileMemory

    def find_new_files(self) -> tuple[list[RemoteFile], FileList]:
        """Return the files to take, and all files of the folder.

        Raises:
            InputError: a confirmed file is not held, or not in the folder.
        """
        server, options = self.pull.server, self.pull.options
        listing = server.list_files()
        held = {file.name for file in listing.files if self.memory.is_confirmed(file, options)}
        if unknown := options.confirmed - held:
            names = ", ".join(map(repr, sorted(unknown)))
            raise InputError(f"--confirm-file: no held file of the folder has this name: {names}")
        new = [file for file in listing.files if self.memory.is_new(file, options)]
        if new and options.settle_s:
            self.pull.wait(options.settle_s)
            still = frozenset(server.list_files().files)
            new = [file for file in new if file in still]
        return new, listing

    def move_known_files(self, listing: FileList, new: Sequence[RemoteFile]) -> Iterator[FileOutcome]:
        """Move known files that are still there; yield those that are refused."""
        taken = frozenset(new)
        for file in listing.files:
            last = self.memory.find(file)
            if last is None or file in taken or self.memory.is_new(file, self.pull.options):
                continue
            if move_error := self._move(file, FileStatus(last.status)):
                yield FileOutcome(file.name, FileStatus.UNCHANGED, move_error=move_error)

    def take(self, files: Sequence[RemoteFile]) -> Iterator[FileOutcome]:
        """Load files one by one, and yield what became of each."""
        for file in files:
            copy = self.pull.incoming / file.name
            try:
                digest = self.pull.server.fetch(file, copy)
            except FileChangedError as error:
                outcome = FileOutcome(file.name, FileStatus.GROWING, str(error))
            except FileRefusedError as error:
                outcome = FileOutcome(file.name, FileStatus.REFUSED, str(error))
            else:
                outcome = self._load(file, copy, digest)
            copy.unlink(missing_ok=True)
            yield outcome

    def _load(self, file: RemoteFile, copy: Path, digest: str) -> FileOutcome:
        """Load a copy, remember the file, and have it moved."""
        if self.memory.is_last_loaded(file, digest):
            outcome = FileOutcome(file.name, FileStatus.UNCHANGED)
        else:
            # The guard is passed by for the content that somebody has looked at, and for no other one.
            is_confirmed = self.memory.is_confirmed(file, self.pull.options, digest)
            outcome = self.pull.load(FetchedFile(file, copy, digest, _read_as_of(file), is_confirmed))
        is_loaded = outcome.status in {FileStatus.LOADED, FileStatus.UNCHANGED}
        status = FileStatus.LOADED if is_loaded else outcome.status
        self.memory.remember(file, digest, status)
        return replace(outcome, move_error=self._move(file, status))

    def _move(self, file: RemoteFile, status: FileStatus) -> str:
        """Move a file as the connection says; return why it was refused."""
        options = self.pull.options
        folder = {FileStatus.LOADED: options.loaded_path, FileStatus.FAILED: options.failed_path}.get(status)
        if not folder:
            return ""
        try:
            self.pull.server.move(file, folder)
        except FileRefusedError as error:
            return str(error)
        return ""


def _read_as_of(file: RemoteFile) -> datetime | None:
    """Return when a source's file was true, at the latest now.

    Two files that are loaded in another order than they were written then give the same records.
    """
    if file.modified < _FIRST_TIME:
        return None
    return min(datetime.fromtimestamp(file.modified, UTC), clock.now())
