"""Pages to sign in, sign out and change the password."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from http import HTTPStatus
from secrets import token_urlsafe
from typing import Annotated, TypeVar

from fastapi import APIRouter, FastAPI, Query, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.page_texts import load_words
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import (
    CHANGE_PASSWORD,
    SESSION,
    SIGN_IN,
    SIGN_OUT,
    ForeignFormError,
    FormDep,
    SignedDep,
    check_form,
    to_local_path,
)
from mpi.api.pages.session.cookies import (
    VISIT_BYTES,
    delete_sign_in_token,
    read_sign_in_token,
    read_visit_token,
    set_sign_in_token,
    set_visit_token,
)
from mpi.api.pages.session.page_context import count_seconds_left, create_visit
from mpi.api.request.authentication import IndexDep
from mpi.api.request.client_address import get_client_network
from mpi.api.request.forms import Form, SentFormDep
from mpi.api.request.problems import find_status
from mpi.api.request.sign_in_limiter import RETRY_AFTER_S, SignInLimiter, TooManySignInsError
from mpi.domain.errors import InputError, MpiError, NotAuthenticated, StoreError
from mpi.domain.roles import PURPOSES_BY_ROLE
from mpi.service.access.passwords import MIN_LENGTH
from mpi.service.access.session_authentication import SignedInAccount, authenticate_session, csrf_token
from mpi.service.access.sign_in import change_password, sign_in, sign_out
from mpi.service.core.index import Index
from mpi.service.loads.sent_files.draft import remove_drafts

router = APIRouter(include_in_schema=False, route_class=PageRoute)

Result = TypeVar("Result")

NextPath = Annotated[str, Query(alias="next")]
"""Query parameter with the path to open after signing in."""

_PURPOSES = tuple(dict.fromkeys(purpose for purposes in PURPOSES_BY_ROLE.values() for purpose in purposes))


def install(app: FastAPI) -> None:
    """Limit concurrent password hashes."""
    app.state.sign_in_limiter = SignInLimiter()


@router.get(SIGN_IN)
def show_sign_in_form(request: Request, index: IndexDep, why: str = "", next_path: NextPath = "") -> Response:
    """Show the sign-in form, or redirect a person already signed in."""
    sign_in_form = SignInForm(to_local_path(next_path), why, notice=load_words().sign_in.why.maybe(why))
    try:
        authenticate_session(index, read_sign_in_token(request))
    except NotAuthenticated:
        return render_sign_in(request, index, sign_in_form)
    return RedirectResponse(sign_in_form.next, HTTPStatus.SEE_OTHER)


@router.post(SIGN_IN)
async def post_sign_in(request: Request, index: IndexDep, form: SentFormDep) -> Response:
    """Check name and password, begin a sign-in, and open the requested page."""
    sign_in_form = SignInForm(to_local_path(form.raw_text("next")), name=form.raw_text("name"))
    attempt = partial(
        sign_in,
        index,
        sign_in_form.name,
        form.raw_text("password"),
        form.optional_text("purpose"),
        replaced_token=read_sign_in_token(request),
        address=get_client_network(request.scope),
        code=form.raw_text("code"),
    )
    try:
        _check_sign_in_form(request, index, form)
        token = await run_limited(request, attempt)
    except (NotAuthenticated, InputError, StoreError) as error:
        status = find_status(error)[0]
        # A 401 response has to name an HTTP authentication scheme, and a sign-in form is none.
        status = HTTPStatus.FORBIDDEN if status == HTTPStatus.UNAUTHORIZED else status
        answer = render_sign_in(request, index, replace(sign_in_form, error=str(error)), status)
        return add_retry_time(answer, error)
    redirect = RedirectResponse(sign_in_form.next, HTTPStatus.SEE_OTHER)
    set_sign_in_token(request, redirect, token)
    return redirect


@router.post(SIGN_OUT)
def post_sign_out(request: Request, index: IndexDep, signed: SignedDep, _form: FormDep) -> Response:
    """End the person's sign-in, and remove their cookie and waiting files."""
    sign_out(index, read_sign_in_token(request) or "")
    remove_drafts(index, signed.viewer.client)
    answer = RedirectResponse(f"{SIGN_IN}?why=out", HTTPStatus.SEE_OTHER)
    delete_sign_in_token(request, answer)
    return answer


@router.post(SESSION)
def post_session(signed: SignedDep, _form: FormDep) -> Response:
    """Extend the person's session, as a page request does; return its seconds.

    The script of the pages sends it. A browser without scripts opens or reloads a page instead.
    """
    end = signed.end
    seconds = 0 if end is None else count_seconds_left(end)
    return JSONResponse({"seconds_left": seconds, "can_extend": end is not None and end.at < end.latest})


@router.get(CHANGE_PASSWORD)
def show_change_password_form(request: Request, index: IndexDep, signed: SignedDep) -> Response:
    """Show the form in which a signed-in person sets a new password."""
    return _render_change_password(request, index, signed)


@router.post(CHANGE_PASSWORD)
async def post_change_password(
    request: Request, index: IndexDep, signed: SignedDep, form: FormDep
) -> Response:
    """Set a person's new password, which ends all their other sign-ins."""
    old, new = form.raw_text("old"), form.raw_text("new")
    token, place = read_sign_in_token(request) or "", get_client_network(request.scope)
    change = partial(change_password, index, token, old, new, place)
    if new != form.raw_text("again"):
        return _render_change_password(request, index, signed, InputError(load_words().password.not_the_same))
    try:
        token = await run_limited(request, change)
    except (NotAuthenticated, InputError, StoreError) as error:
        return add_retry_time(_render_change_password(request, index, signed, error), error)
    answer = RedirectResponse("/", HTTPStatus.SEE_OTHER)
    set_sign_in_token(request, answer, token)
    return answer


async def run_limited(request: Request, attempt: Callable[[], Result]) -> Result:
    """Run a slow password check in a thread, few at a time.

    Raises:
        TooManySignInsError: too many sign-ins from the same address wait already.
        StoreError: too many sign-ins wait already.
    """
    limiter: SignInLimiter = request.app.state.sign_in_limiter
    return await limiter.run(get_client_network(request.scope), attempt)


def add_retry_time(answer: Response, error: MpiError) -> Response:
    """Say when an address with too many sign-ins may try again."""
    if isinstance(error, TooManySignInsError):
        answer.headers["Retry-After"] = str(RETRY_AFTER_S)
    return answer


def _check_sign_in_form(request: Request, index: Index, form: Form) -> None:
    """Raise unless this browser got the form, and passwords are used."""
    if not index.settings.has_local_sign_in:
        raise NotAuthenticated(load_words().sign_in.no_password)
    check_visit_form(request, index, form)


def check_visit_form(request: Request, index: Index, form: Form) -> None:
    """Check that this browser got the form of a page without sign-in.

    Raises:
        ForeignFormError: it did not, or sends no cookies.
    """
    visit = read_visit_token(request)
    if visit is None:
        raise ForeignFormError(load_words().sign_in.no_cookie)
    check_form(request, form, csrf_token(index, visit))


def render_visit_page(
    request: Request, index: Index, template: str, status: HTTPStatus, **values: object
) -> Response:
    """Render a page without sign-in, and set its anti-forgery cookie."""
    token = read_visit_token(request) or token_urlsafe(VISIT_BYTES)
    visit = replace(create_visit(request, index, None), csrf=csrf_token(index, token))
    answer = render_page(template, status, visit=visit, **values)
    set_visit_token(request, answer, token)
    return answer


@dataclass(frozen=True, slots=True)
class SignInForm:
    """Values and messages of the sign-in form.

    ``why`` is the code of the reason for which the form is shown.
    """

    next: str
    why: str = ""
    name: str = ""
    error: str | None = None
    notice: str | None = None


def render_sign_in(
    request: Request, index: Index, sign_in_form: SignInForm, status: HTTPStatus = HTTPStatus.OK
) -> Response:
    """Render the sign-in form and set its anti-forgery cookie."""
    # A request by a link on another site comes without the cookie, which is SameSite=Strict.
    from_elsewhere = request.headers.get("sec-fetch-site") == "cross-site"
    return render_visit_page(
        request, index, "sign_in.html", status, here="sign-in", purposes=_PURPOSES,
        from_elsewhere=from_elsewhere, has_password=index.settings.has_local_sign_in,
        has_provider=index.settings.oidc_provider is not None, **asdict(sign_in_form),
    )  # fmt: skip


def _render_change_password(
    request: Request, index: Index, signed: SignedInAccount, error: MpiError | None = None
) -> Response:
    """Render the form for a new password, with its error if any."""
    status = HTTPStatus.OK if error is None else HTTPStatus.BAD_REQUEST
    if isinstance(error, TooManySignInsError):
        status = find_status(error)[0]
    return render_page(
        "change_password.html", status, visit=create_visit(request, index, signed), here="change-password",
        error=None if error is None else str(error), must_change=signed.must_change, shortest=MIN_LENGTH,
    )  # fmt: skip
