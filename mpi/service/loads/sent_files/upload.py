"""Files sent over HTTP, from arrival to the end of their load.

A file lies in a private folder of its own under the index's home, with its options, since conditions on rows
may hold names. Whatever becomes of the load, the folder is removed, but for a draft that is not loaded yet
(``draft``). What a kill or a person leaves behind is removed after an hour: when the next file arrives, and
by a thread of the server (``sweep``). An interrupted load goes on when the same file is sent again.
"""

import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from mpi.domain import clock
from mpi.domain.errors import InputError
from mpi.domain.snapshot import Snapshot
from mpi.domain.viewer import Viewer
from mpi.intake.containers.gzip_file import GZIP_SUFFIX
from mpi.intake.containers.unpacked_size import check_unpacked_size
from mpi.intake.mapping_reader import FileMapping, list_shipped_mappings, load_mapping, narrow_mapping
from mpi.intake.reader import FORMATS, FileRows, open_file
from mpi.service.core.index import Index
from mpi.service.holdings.settings import find_limited_sources
from mpi.service.indexing.reindex import Progress
from mpi.service.loads.dry_run import DryRun, dry_run
from mpi.service.loads.load import LoadOptions, load, make_load_options
from mpi.service.loads.load_log import MAX_LISTED_REJECTS
from mpi.service.loads.open_outcomes import count_file_rows, tells_of_care
from mpi.service.loads.receipt import SEALED_ROW
from mpi.service.processes.worker_liveness import is_worker_alive
from mpi.storage.repositories.sources.batches import LOADED
from mpi.storage.unit_of_work.units import ReadUnit

STALE_S = 3_600
"""Seconds after the last change of a folder after which it is removed, if no job reads it."""
SMALL_BYTES = 200_000
"""Largest file that is loaded by the process that received it; some 1,000 records."""
FOLDER = "uploads"
"""Folder of files that were sent, under the index's home."""
MAPPING_FILE = "mapping.toml"
"""Name of the mapping in the folder of a file."""
_OPTIONS, _FILE = "options.json", "file"
_SUFFIXES = frozenset({
    ".csv", ".tsv", ".txt", ".parquet", ".ndjson", ".jsonl", ".json", ".xml", ".xlsx", ".xlsm", ".zip",
})  # fmt: skip
_PACKED_SUFFIXES = frozenset({".xlsx", ".xlsm", ".zip", GZIP_SUFFIX})
_PACKED_FACTOR = 10
"""Bytes that a byte of a packed file becomes, about."""
_PRIVATE_FILE, _PRIVATE_FOLDER = 0o600, 0o700
_ONE_FILE = "the form holds one file, and one mapping at most"


@dataclass(frozen=True, slots=True)
class UploadOptions:
    """How a file that was sent is read and loaded.

    Args:
        mapping: name of a shipped mapping; None for the mapping that was sent, or for canonical columns.
        file_format: format of the file; None to tell it from the mapping or the file's name.
        where: each ``COLUMN=VALUE``: only rows whose column has this text.
        snapshot: ``full`` withdraws records that the file lacks; ``delta`` never does.
        as_of: when the file was true at its source (ISO 8601); None for the moment of loading.
        confirm: load the file even if a guard holds it.
        sheet: sheet of a workbook; None for the mapping's, or the only one.
        draft: code of the draft that is gone once the file is loaded; None if the file is of none.
    """

    mapping: str | None = None
    file_format: str | None = None
    where: tuple[str, ...] = ()
    snapshot: Snapshot = Snapshot.DELTA
    as_of: str | None = None
    confirm: bool = False
    sheet: str | None = None
    draft: str | None = None


class Upload:
    """Private folder of one file that is being sent.

    Args:
        folder: the folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def code(self) -> str:
        """Name of the folder, which a job remembers."""
        return self._folder.name

    def create_file(self, name: str) -> BinaryIO:
        """Create the file to load.

        Of the name that was sent, only a known ending is kept.

        Raises:
            InputError: the form has a file already, whatever its ending.
        """
        if find_file(self._folder) is not None:
            raise InputError(_ONE_FILE)
        path = Path(name)
        is_gzip = path.suffix.lower() == GZIP_SUFFIX
        suffix = (Path(path.stem) if is_gzip else path).suffix.lower()
        return self._create(
            _FILE + (suffix if suffix in _SUFFIXES else "") + (GZIP_SUFFIX if is_gzip else "")
        )

    def create_mapping(self) -> BinaryIO:
        """Create the file of the mapping that was sent."""
        return self._create(MAPPING_FILE)

    def add_link(self, file: Path) -> None:
        """Add a file of another folder.

        Both folders hold it until each is removed. It is copied where the disk has no hard links, as shared
        folders often have none.

        Raises:
            FileNotFoundError: the file is gone.
        """
        try:
            os.link(file, self._folder / file.name)
        except FileNotFoundError:
            raise
        except OSError:
            with file.open("rb") as content, self._create(file.name) as target:
                shutil.copyfileobj(content, target)

    def is_small(self) -> bool:
        """Return whether the file loads faster than a process starts."""
        file = find_file(self._folder)
        if file is None:
            return False
        factor = _PACKED_FACTOR if file.suffix in _PACKED_SUFFIXES else 1
        return factor * file.stat().st_size <= SMALL_BYTES

    def finish(self, options: UploadOptions, max_bytes: int) -> None:
        """Store the options, and check that the file can be read.

        Args:
            options: how the file is read.
            max_bytes: most bytes that a packed file may become.

        Raises:
            InputError: an option is wrong.
            MappingError: the mapping is wrong, or does not fit the columns.
            FileError: the file cannot be read, or becomes too large.
        """
        file = find_file(self._folder)
        if file is not None:
            check_unpacked_size(file, max_bytes)
        with self._create(_OPTIONS) as target:
            target.write(orjson.dumps(asdict(options)))
        _open_rows(self._folder)

    def remove(self) -> None:
        """Remove the folder with all files."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _create(self, name: str) -> BinaryIO:
        """Create a file that only its owner can read.

        Raises:
            InputError: the form has this file already.
        """
        try:
            number = os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE_FILE)
        except FileExistsError:
            raise InputError(_ONE_FILE) from None
        return os.fdopen(number, "wb")


def begin_upload(index: Index, viewer: Viewer, prefix: str = "") -> Upload:
    """Create the private folder of an arriving file, named with a prefix."""
    folder = index.home / FOLDER
    folder.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
    remove_stale_folders(index, viewer)
    upload = folder / f"{prefix}{secrets.token_hex(16)}"
    upload.mkdir(mode=_PRIVATE_FOLDER)
    return Upload(upload)


def find_upload_folder(index: Index, code: str) -> Path:
    """Return the folder of a sent file, which may be gone."""
    return index.home / FOLDER / code


def load_upload(index: Index, viewer: Viewer, source: str, code: str, progress: Progress) -> int | None:
    """Load a file that was sent, and remove it.

    Errors are those of ``load``. The draft of a file that a guard held stays.

    Returns:
        Number of the load, also if a guard held it; None if the file had no rows.
    """
    folder = find_upload_folder(index, code)
    with _opened(folder) as (rows, options):
        draft = _read_options(folder).draft
        receipt = load(index, viewer, source, rows, options, progress)
    if draft is not None and receipt.status == LOADED:
        Upload(find_upload_folder(index, draft)).remove()
    return receipt.batch


def preview_upload(
    index: Index, viewer: Viewer, source: str, code: str, progress: Progress
) -> dict[str, Any]:
    """Preview the load of a sent file, and remove it.

    Errors are those of ``dry_run``.

    Returns:
        Status, reason of a hold, counts, issues and rejected rows. How the rows match records of others is
        told only to who may see all sources.
    """
    with _opened(find_upload_folder(index, code)) as (rows, options):
        preview = dry_run(index, viewer, source, rows, options, progress)
    return _summarize(preview, sees_all=viewer.sources is None)


def hide_outcomes(unit: ReadUnit, source: str, report: Mapping[str, Any]) -> dict[str, Any]:
    """Return a preview's report as far as a viewer may know it.

    Of a source that holds linked records only, the outcomes tell who is in care.
    """
    is_hidden = tells_of_care(unit.viewer, source, find_limited_sources(unit))
    sees_all = unit.viewer.sources is None and not is_hidden
    shown: dict[str, Any] = {"newer": None}  # a report of an older release lacks it
    shown |= {name: value for name, value in report.items() if name != "sealed_rows"}
    if not sees_all:
        shown["bands"] = None
    if is_hidden:
        shown |= {
            "counts": count_file_rows(report["counts"], report.get("sealed_rows", 0)),
            "spared": None,
            "newer": None,
            "sealed": None,
            "rejects": [reject for reject in report["rejects"] if reject["reason"] != SEALED_ROW],
        }
    return shown


def _summarize(preview: DryRun, *, sees_all: bool) -> dict[str, Any]:
    """Return what is kept of a preview.

    It holds figures and places, and no values or persons.
    """
    receipt = preview.receipt
    return {
        "status": receipt.status,
        "held_reason": receipt.held_reason,
        "counts": receipt.counts,
        "spared": receipt.spared,
        "newer": receipt.newer,
        "sealed": preview.sealed,
        "sealed_rows": sum(reject.reason == SEALED_ROW for reject in receipt.rejects),
        "bands": {band.value: count for band, count in preview.bands.items()} if sees_all else None,
        "issues": dict(sorted(receipt.issues.items())),
        "rejects": [
            {
                "line": reject.line,
                "offset": reject.offset,
                "field": reject.field,
                "reason": reject.reason,
                "detail": reject.detail,
            }
            for reject in receipt.rejects[:MAX_LISTED_REJECTS]
        ],
    }


@contextmanager
def _opened(folder: Path) -> Iterator[tuple[FileRows, LoadOptions]]:
    """Open a file that was sent, and remove it at the end."""
    try:
        yield _open_rows(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _open_rows(folder: Path) -> tuple[FileRows, LoadOptions]:
    """Open the rows and load options of a sent file.

    Raises:
        InputError: the file is gone, an option is wrong, or a file of changes is loaded as full.
        MappingError: the mapping is wrong, or does not fit the columns.
        FileError: the file cannot be read.
    """
    file = find_file(folder)
    if file is None:
        raise InputError("the form has no file: send it in the part 'file', with its name")
    options = _read_options(folder)
    if options.file_format is not None and options.file_format not in FORMATS:
        raise InputError(f"format: it is one of {', '.join(FORMATS)}")
    as_of = None if options.as_of is None else clock.parse_moment(options.as_of, "as_of")
    is_full = options.snapshot is Snapshot.FULL
    mapping = narrow_mapping(_read_mapping(folder, options.mapping), options.where, full=is_full)
    rows = open_file(file, mapping, options.file_format, sheet=options.sheet)
    return rows, make_load_options(rows, options.snapshot, as_of, confirm=options.confirm)


def _read_options(folder: Path) -> UploadOptions:
    """Return how a file that was sent is read and loaded."""
    stored = orjson.loads((folder / _OPTIONS).read_bytes())
    snapshot, where = Snapshot(stored["snapshot"]), tuple(stored["where"])
    return UploadOptions(**{**stored, "where": where, "snapshot": snapshot})


def _read_mapping(folder: Path, name: str | None) -> FileMapping | None:
    """Return the mapping that was named or sent; None for canonical columns.

    Raises:
        InputError: there is no shipped mapping of the name; a path would name a file of this machine.
        MappingError: the mapping that was sent is wrong.
    """
    sent = folder / MAPPING_FILE
    if name is None:
        return load_mapping(sent) if sent.exists() else None
    shipped = list_shipped_mappings()
    if name not in shipped or sent.exists():
        raise InputError(f"mapping: send the mapping as a file, or name one of {', '.join(shipped)}")
    return load_mapping(name)


def find_file(folder: Path) -> Path | None:
    """Return the file to load of a folder, or None."""
    return next(iter(sorted(folder.glob(f"{_FILE}*"))), None)


def remove_stale_folders(index: Index, viewer: Viewer) -> None:
    """Remove old folders that no running job reads."""
    folder = index.home / FOLDER
    if not folder.is_dir():
        return
    with index.database.read(viewer) as unit:
        running = [job for job in unit.jobs.running() if is_worker_alive(job.worker, job.beat)]
    in_use = {job.detail.get("upload") for job in running}
    for left in folder.iterdir():
        with suppress(OSError):  # another process may remove it just now
            newest = max(each.stat().st_mtime for each in (left, *left.iterdir()))
            if left.name not in in_use and time.time() - newest > STALE_S:
                shutil.rmtree(left, ignore_errors=True)
