"""Pages that explain a file's columns, try the file and load it."""

from datetime import datetime, time, timedelta, timezone
from http import HTTPStatus
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.administration import field_choices
from mpi.api.pages.administration.sent_file import SentFile, SentFileDep
from mpi.api.pages.approvals.jobs import redirect_to_work, start_work
from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import FormDep
from mpi.api.pages.session.page_context import Visit, VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.api.request.forms import Form, make_button_error
from mpi.api.request.problems import find_status
from mpi.domain import clock
from mpi.domain.errors import ConflictError, InputError, ModelMovedError, MpiError
from mpi.domain.snapshot import Snapshot
from mpi.domain.viewer import Viewer
from mpi.intake.proposal.proposal import ProposalOptions
from mpi.intake.proposal.starters import list_starters
from mpi.service.core.index import Index
from mpi.service.jobs.job_state import JobKind
from mpi.service.loads.sent_files import draft
from mpi.service.loads.sent_files.upload import UploadOptions
from mpi.standardize.fields.codes import STATE_CODES

router = APIRouter(include_in_schema=False, route_class=PageRoute)
_MEDIA_TYPE = "application/toml; charset=utf-8"
_SAVE, _TRY, _LOAD, _REMOVE = "save", "try", "load", "remove"


@router.get("/files")
def list_page(index: IndexDep, visit: VisitDep) -> Response:
    """Show the person's unloaded files and a form that sends one."""
    return _render_list(index, visit)


@router.post("/files")
def send(index: IndexDep, visit: VisitDep, sent: SentFileDep) -> Response:
    """Take a file, and show what its columns mean."""
    try:
        draft.finish_draft(index, sent.upload, sent.name, _read_options(sent))
    except InputError as error:
        sent.upload.remove()
        return _render_list(index, visit, error, sent.form)
    except BaseException:  # a defect or an interrupt too leaves no file of a child behind
        sent.upload.remove()
        raise
    return RedirectResponse(f"/files/{sent.upload.code}", HTTPStatus.SEE_OTHER)


@router.get("/files/{upload}")
def show_file(index: IndexDep, visit: VisitDep, upload: str) -> Response:
    """Show what the columns of a file mean, with its forms.

    Raises:
        NotFoundError: the person has no such file.
    """
    return _render_file(index, visit, draft.get_draft(index, visit.viewer, upload))


@router.get("/files/{upload}/mapping.toml")
def download_mapping(index: IndexDep, visit: VisitDep, upload: str) -> Response:
    """Download the mapping of a file, which ``mpi ingest`` reads too.

    Raises:
        NotFoundError: the person has no such file.
    """
    text = draft.read_mapping(index, visit.viewer, upload)
    headers = {"Content-Disposition": 'attachment; filename="mapping.toml"', "Cache-Control": "no-store"}
    return Response(text, media_type=_MEDIA_TYPE, headers=headers)


@router.post("/files/{upload}")
def change(request: Request, index: IndexDep, visit: VisitDep, upload: str, form: FormDep) -> Response:
    """Save answers about a file, then do what the button says.

    Raises:
        NotFoundError: the person has no such file.
    """
    found = draft.get_draft(index, visit.viewer, upload)
    button = form.button()
    if button == _REMOVE:
        draft.remove_draft(index, visit.viewer, upload)
        return RedirectResponse("/files?done=file_removed", HTTPStatus.SEE_OTHER)
    if button not in {_SAVE, _TRY, _LOAD}:
        raise make_button_error()
    try:
        options = field_choices.read_answers(found.view, found.options, form)
        if options != found.options:
            found = draft.answer_draft(index, visit.viewer, upload, options)
        if button != _SAVE:
            kind = JobKind.LOAD if button == _LOAD else JobKind.DRY_RUN
            return _begin(request, index, visit.viewer, found, kind, form)
    except ModelMovedError:
        raise  # the route loads the model in force, and tries again
    except (InputError, ConflictError) as error:
        return _render_file(index, visit, found, error, form)
    return RedirectResponse(f"/files/{quote(upload)}?done=answers_saved", HTTPStatus.SEE_OTHER)


def _begin(
    request: Request, index: Index, viewer: Viewer, found: draft.Draft, kind: JobKind, form: Form
) -> Response:
    """Begin the job that tries or loads a copy of a file.

    Raises:
        InputError: something is not answered, or the file does not fit.
        ConflictError: a load of the source is under way.
    """
    source = form.text("source")
    copy = draft.copy_draft(index, viewer, found.code, source, _read_load_options(form))
    try:
        job, result = start_work(
            request, index, viewer, kind, None, is_quick=copy.is_small(), source=source, upload=copy.code
        )
    except BaseException:  # no job has taken the copy over, so that nothing else would remove it
        copy.remove()
        raise
    return redirect_to_work(kind, job, result)


def _read_options(sent: SentFile) -> ProposalOptions:
    """Return what is said about a file that is sent."""
    form = sent.form
    return ProposalOptions(
        form.optional_text("sheet"), form.optional_text("starter"), form.optional_text("state")
    )


def _read_load_options(form: Form) -> UploadOptions:
    """Return how a file is loaded.

    Raises:
        InputError: it is not chosen whether the file holds all records, or its day is wrong.
    """
    snapshot = form.text("snapshot")
    if snapshot not in set(Snapshot):
        raise InputError("snapshot: choose whether the file holds all records")
    return UploadOptions(
        snapshot=Snapshot(snapshot), as_of=_read_end_of_day(form), confirm=form.is_checked("confirm")
    )


def _read_end_of_day(form: Form) -> str | None:
    """Return the end of a file's day; None if still ahead.

    At its beginning, the file would be older than all that was loaded on its day. The day is one of the
    reader's clock, whose offset the script of the pages sends; without it, one of UTC.

    Raises:
        InputError: the day is no day, lies before 1900, or more than a day ahead.
    """
    if not form.optional_text("as_of"):
        return None
    day = form.day("as_of")
    clock.parse_moment(day.isoformat(), "as_of")
    try:
        zone = timezone(timedelta(minutes=int(form.optional_text("utc_offset") or 0)))
    except (ValueError, OverflowError):
        raise InputError("utc_offset: is a number of minutes") from None
    end = datetime.combine(day, time.max, zone)
    return end.isoformat() if end < clock.now() else None


def _render_list(
    index: Index, visit: Visit, error: MpiError | None = None, form: Form | None = None
) -> Response:
    """Render the person's files, with what was typed about another one."""
    return render_page(
        "files.html",
        HTTPStatus.OK if error is None else find_status(error)[0],
        visit=visit,
        files=draft.list_drafts(index, visit.viewer),
        most=draft.MAX_DRAFTS,
        starters=list_starters(),
        states=sorted(STATE_CODES),
        form=form or Form({}),
        problems=[] if error is None else [("file", str(error))],
    )


def _render_file(
    index: Index, visit: Visit, found: draft.Draft, error: MpiError | None = None, form: Form | None = None
) -> Response:
    """Render one file, with what was chosen for its load."""
    return render_page(
        "file.html",
        HTTPStatus.OK if error is None else find_status(error)[0],
        visit=visit,
        file=found,
        view=found.view,
        choices=field_choices,
        sources=draft.list_loadable_sources(index, visit.viewer),
        states=sorted(STATE_CODES),
        form=form or Form({}),
        problems=[] if error is None else [("", str(error))],
    )
