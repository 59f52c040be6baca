"""Signing in and out, and a password of one's own."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from secrets import token_urlsafe
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, FastAPI, Request
from starlette.responses import RedirectResponse, Response

from mpi.api.access import IndexDep
from mpi.api.forms import SentFormDep
from mpi.api.pages.cookies import forget_sign_in, keep_sign_in, sign_in_token
from mpi.api.pages.render import page
from mpi.api.pages.signed import (
    CHANGE_PASSWORD,
    SIGN_IN,
    FormDep,
    SignedDep,
    check_form,
    local_path,
)
from mpi.api.problems import status_of
from mpi.domain.errors import InputError, NotAuthenticated, StoreError
from mpi.domain.roles import PURPOSES_OF
from mpi.service.context import Index
from mpi.service.passwords import SHORTEST
from mpi.service.sign_in import Signed, change_password, csrf_of, sign_in, sign_out, viewer_of

router = APIRouter(include_in_schema=False)

Done = TypeVar("Done")

TRIED_AT_ONCE = 2
"""Passwords being hashed: each takes 64 MiB and a core."""
MOST_WAITING = 20
"""For their turn; more are told to come back, so that nobody can fill the memory."""

_PURPOSES = tuple(dict.fromkeys(purpose for purposes in PURPOSES_OF.values() for purpose in purposes))
_WHY = {
    "ended": "You were signed out, because nothing was done for a while or the password was changed.",
    "lost": (
        "You were signed out before this was sent, so nothing of it was kept. Sign in, and do it once more."
    ),
    "out": "You are signed out.",
}


def install(app: FastAPI) -> None:
    """Add the pages to the application, and what keeps passwords from taking all its memory."""
    app.state.trying = CapacityLimiter(TRIED_AT_ONCE)
    app.include_router(router)


@router.get(SIGN_IN)
def sign_in_page(request: Request, index: IndexDep, why: str = "", next: str = "") -> Response:  # noqa: A002
    """Ask for name and password."""
    if _who(index, request) is not None:
        return RedirectResponse(local_path(next), HTTPStatus.SEE_OTHER)
    # What the browser comes with is good for the form alone; signing in gives it another.
    visit = sign_in_token(request) or token_urlsafe(32)
    answer = _sign_in_page(request, index, visit, _Asked(local_path(next), notice=_WHY.get(why)))
    keep_sign_in(request, answer, visit)
    return answer


@router.post(SIGN_IN)
async def post_sign_in(request: Request, index: IndexDep, form: SentFormDep) -> Response:
    """Sign in, and go on to the page that was asked for."""
    visit = sign_in_token(request) or ""
    check_form(request, form, csrf_of(index, visit) if visit else token_urlsafe())
    onwards, name = local_path(form.whole("next")), form.whole("name")
    trying = partial(sign_in, index, name, form.whole("password"), form.optional("purpose"))
    try:
        token = await _in_turn(request, trying)
    except (NotAuthenticated, InputError, StoreError) as error:
        status = status_of(error)[0]
        # 401 would have to name a scheme of HTTP, and this is none.
        status = HTTPStatus.FORBIDDEN if status == HTTPStatus.UNAUTHORIZED else status
        return _sign_in_page(request, index, visit, _Asked(onwards, name, error=str(error)), status)
    answer = RedirectResponse(onwards, HTTPStatus.SEE_OTHER)
    keep_sign_in(request, answer, token)
    return answer


@router.post("/sign-out")
def post_sign_out(request: Request, index: IndexDep, _signed: SignedDep, _form: FormDep) -> Response:
    """End the sign-in, here and in the index."""
    sign_out(index, sign_in_token(request) or "")
    answer = RedirectResponse(f"{SIGN_IN}?why=out", HTTPStatus.SEE_OTHER)
    forget_sign_in(request, answer)
    return answer


@router.get(CHANGE_PASSWORD)
def change_password_page(index: IndexDep, signed: SignedDep) -> Response:
    """Ask for another password."""
    return _change_page(index, signed)


@router.post(CHANGE_PASSWORD)
async def post_change_password(
    request: Request, index: IndexDep, signed: SignedDep, form: FormDep
) -> Response:
    """Set a password of one's own; every other sign-in ends."""
    token = sign_in_token(request) or ""
    if form.whole("new") != form.whole("again"):
        return _change_page(index, signed, "the two new passwords are not the same")
    changing = partial(change_password, index, token, form.whole("old"), form.whole("new"))
    try:
        fresh = await _in_turn(request, changing)
    except (NotAuthenticated, InputError) as error:
        return _change_page(index, signed, str(error))
    answer = RedirectResponse("/", HTTPStatus.SEE_OTHER)
    keep_sign_in(request, answer, fresh)
    return answer


async def _in_turn(request: Request, trying: Callable[[], Done]) -> Done:
    """Hash passwords a few at a time, beside the threads that answer everything else.

    Raises:
        StoreError: too many wait already.
    """
    turn: CapacityLimiter = request.app.state.trying
    if turn.statistics().tasks_waiting >= MOST_WAITING:
        raise StoreError("too many people sign in at this moment: try again in a minute")
    return await to_thread.run_sync(trying, limiter=turn)


def _who(index: Index, request: Request) -> Signed | None:
    try:
        return viewer_of(index, sign_in_token(request))
    except NotAuthenticated:
        return None


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the sign-in page asks, and says."""

    next: str
    name: str = ""
    error: str | None = None
    notice: str | None = None


def _sign_in_page(
    request: Request, index: Index, visit: str, asked: _Asked, status: HTTPStatus = HTTPStatus.OK
) -> Response:
    csrf = csrf_of(index, visit)
    # A link elsewhere that leads here comes without the cookie, which is SameSite=Strict.
    from_elsewhere = request.headers.get("sec-fetch-site") == "cross-site"
    return page(
        "sign_in.html", status, visit=_nobody(index, csrf), here="sign-in", asked=asked, purposes=_PURPOSES,
        from_elsewhere=from_elsewhere,
    )  # fmt: skip


def _change_page(index: Index, signed: Signed, error: str | None = None) -> Response:
    status = HTTPStatus.OK if error is None else HTTPStatus.BAD_REQUEST
    visit = {
        **_nobody(index, signed.csrf),
        "name": signed.name,
        "full_name": signed.full_name,
        "role": signed.role,
    }
    return page(
        "change_password.html", status, visit=visit, here="change-password", error=error,
        must_change=signed.must_change, shortest=SHORTEST,
    )  # fmt: skip


def _nobody(index: Index, csrf: str) -> dict[str, object]:
    return {
        "test": index.is_test, "menu": (), "roles": (), "name": "", "full_name": "", "role": "",
        "flash": None, "csrf": csrf,
    }  # fmt: skip
