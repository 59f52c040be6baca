"""File that a form sends, written to a private folder."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from mpi.api.pages.session.authentication import SignedDep, check_form, check_origin
from mpi.api.request.authentication import IndexDep
from mpi.api.request.forms import Form
from mpi.api.uploads.multipart_form import MultipartForm
from mpi.service.core.readiness import require_free_space
from mpi.service.loads.sent_files.draft import begin_draft
from mpi.service.loads.sent_files.upload import Upload

_MAX_NAME_LENGTH = 120


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file that has arrived with a form.

    Args:
        upload: its private folder.
        name: its name, without a folder.
        form: the other fields of the form.
    """

    upload: Upload
    name: str
    form: Form


async def receive_sent_file(request: Request, index: IndexDep, signed: SignedDep) -> SentFile:
    """Read a page's form with a file, and make its CSRF checks.

    Whoever may not load is refused before the body is read. The caller removes the file, or keeps it.

    Raises:
        AccessDenied: the person may not load.
        ConflictError: the person has sent as many files as may wait.
        ForeignFormError: the form comes from another site, or from a page before signing in again.
        InputError: the form is wrong.
        TooLargeError: the file is too large.
        StoreError: the disk of the index is nearly full.
    """
    # The route may be called again with another model, but the body is read once.
    received: SentFile | None = getattr(request.state, "sent_file", None)
    if received is not None:
        return received
    check_origin(request)
    require_free_space(index)
    upload = await run_in_threadpool(begin_draft, index, signed.viewer)
    try:
        body = MultipartForm(upload, index.settings.max_upload_bytes)
        await body.read(request)
        form = Form(body.fields)
        check_form(request, form, signed.csrf)
    except BaseException:  # an interrupt too leaves no file behind
        upload.remove()
        raise
    received = SentFile(upload, _clean_name(body.file_name), form)
    request.state.sent_file = received
    return received


SentFileDep = Annotated[SentFile, Depends(receive_sent_file)]


def _clean_name(name: str) -> str:
    """Return a file's name without folders and unprintable characters."""
    last = PurePosixPath(name.replace("\\", "/")).name
    return "".join(filter(str.isprintable, last))[-_MAX_NAME_LENGTH:] or "file"
