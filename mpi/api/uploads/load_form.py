"""Form of a file load: the file and its options."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from mpi.api.request.authentication import CallerDep, IndexDep
from mpi.api.uploads.multipart_form import MultipartForm
from mpi.domain.errors import InputError
from mpi.domain.snapshot import Snapshot
from mpi.service.core.readiness import require_free_space
from mpi.service.loads.sent_files.upload import Upload, UploadOptions, begin_upload

_FIELDS = frozenset({"mapping", "format", "where", "snapshot", "as_of", "confirm", "dry_run", "sheet"})
_FLAGS: Mapping[str, bool] = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """A file that has arrived, with its options.

    Args:
        upload: its private folder.
        dry_run: whether it is only tried, and nothing stored.
    """

    upload: Upload
    dry_run: bool


async def receive_file(request: Request, index: IndexDep, viewer: CallerDep) -> ReceivedFile:
    """Read and check the form of a file load.

    Use this as a dependency of a route that permits the caller before (``permit``). The caller of the
    dependency hands the file to a job, which removes it.

    Raises:
        InputError: the form is wrong.
        TooLargeError: the file is too large.
        StoreError: the disk of the index is nearly full.
        FileError: the file cannot be read.
        MappingError: the mapping is wrong, or does not fit the file.
    """
    # The route may be called again with another model, but the body is read once.
    received: ReceivedFile | None = getattr(request.state, "received_file", None)
    if received is not None:
        return received
    require_free_space(index)
    upload = await run_in_threadpool(begin_upload, index, viewer)
    try:
        form = MultipartForm(upload, index.settings.max_upload_bytes)
        await form.read(request)
        await run_in_threadpool(upload.finish, _read_options(form.fields), index.settings.max_upload_bytes)
    except BaseException:  # an interrupt too leaves no file behind
        upload.remove()
        raise
    received = ReceivedFile(upload, _read_flag(form.fields, "dry_run"))
    request.state.received_file = received
    return received


def _read_options(fields: Mapping[str, Sequence[str]]) -> UploadOptions:
    """Return the options of a form.

    Raises:
        InputError: a field is unknown, or its value is wrong.
    """
    if not fields.keys() <= _FIELDS:
        raise InputError(
            f"the form has an unknown field; the known ones are file, {', '.join(sorted(_FIELDS))}"
        )
    _read_flag(fields, "dry_run")
    snapshot = _read_text(fields, "snapshot") or Snapshot.DELTA.value
    if snapshot not in set(Snapshot):
        raise InputError("snapshot: it is full or delta")
    return UploadOptions(
        mapping=_read_text(fields, "mapping"),
        file_format=_read_text(fields, "format"),
        where=tuple(fields.get("where", ())),
        snapshot=Snapshot(snapshot),
        as_of=_read_text(fields, "as_of"),
        confirm=_read_flag(fields, "confirm"),
        sheet=_read_text(fields, "sheet"),
    )


def _read_text(fields: Mapping[str, Sequence[str]], name: str) -> str | None:
    """Return the text of a field; None if missing or empty.

    Raises:
        InputError: the form has the field twice.
    """
    texts = fields.get(name, ())
    if len(texts) > 1:
        raise InputError(f"{name}: give it once")
    return texts[0].strip() or None if texts else None


def _read_flag(fields: Mapping[str, Sequence[str]], name: str) -> bool:
    """Return a flag of the form; false if it is missing.

    Raises:
        InputError: it is neither ``true`` nor ``false``.
    """
    text = _read_text(fields, name) or "false"
    if text not in _FLAGS:
        raise InputError(f"{name}: give true or false")
    return _FLAGS[text]
