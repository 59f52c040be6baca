"""Authentication of page requests and CSRF checks of forms.

``SignedDep`` provides the signed-in person, or redirects to the sign-in page and back. ``FormDep`` provides
the form if it comes from this site and has the person's CSRF token. The demonstration signs nobody in and
uses the demo users instead.
"""

import secrets
from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote, unquote, urlsplit

from fastapi import Depends, FastAPI, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match

from mpi.api.pages.session.cookies import read_demo_role, read_sign_in_token
from mpi.api.pages.session.demo_people import create_demo_person
from mpi.api.request.authentication import IndexDep
from mpi.api.request.client_address import PERSON, note_caller
from mpi.api.request.forms import Form, SentFormDep
from mpi.domain.errors import InputError, NotAuthenticated
from mpi.service.access.session_authentication import SignedInAccount, authenticate_session

TOKEN_FIELD = "csrf"  # noqa: S105 - a field name, no password
SIGN_IN, SIGN_OUT, CHANGE_PASSWORD = "/sign-in", "/sign-out", "/change-password"
SECOND_FACTOR, FIRST_ACCOUNT = "/second-factor", "/first-account/{token}"
SESSION, SESSIONS = "/session", "/sessions"
_MAX_PATH_LENGTH = 2_000
READ_METHODS = ("GET", "HEAD")
"""Methods of requests that change nothing."""
LOOK_HEADER = "x-mpi-look"
"""Header of a page that reads itself again; such a read never lengthens a session."""


class ForeignFormError(InputError):
    """Error of a form from another site, or from before signing in."""

    code = "foreign-form"


class PageRedirect(Exception):  # noqa: N818 - a redirect is no error
    """Redirection of the person to another page.

    Args:
        path: URL path of the other page.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path


def require_signed_in(request: Request, index: IndexDep) -> SignedInAccount:
    """Return the person signed in to the pages, or the demo user.

    Raises:
        PageRedirect: nobody is signed in, or the person must set a password or one-time codes first.
    """
    if request.app.state.open_pages:
        return create_demo_person(index, read_demo_role(request))
    token = read_sign_in_token(request)
    try:
        signed = authenticate_session(index, token, is_activity=not _is_look(request))
    except NotAuthenticated:
        # A browser with a token was signed in before; the form that it sends now is lost.
        raise PageRedirect(_build_sign_in_url(request, was_signed_in=token is not None)) from None
    note_caller(request.scope, PERSON)
    if signed.must_change and request.url.path not in (CHANGE_PASSWORD, SIGN_OUT):
        raise PageRedirect(CHANGE_PASSWORD)
    if signed.must_enroll and request.url.path not in (CHANGE_PASSWORD, SECOND_FACTOR, SIGN_OUT):
        raise PageRedirect(SECOND_FACTOR)
    return signed


def _is_look(request: Request) -> bool:
    """Return whether a page reads itself again, without its person."""
    return request.method == "GET" and LOOK_HEADER in request.headers


SignedDep = Annotated[SignedInAccount, Depends(require_signed_in)]


def require_own_form(request: Request, signed: SignedDep, form: SentFormDep) -> Form:
    """Return the form of a signed-in person after its CSRF check.

    Raises:
        ForeignFormError: the form comes from another site, or from a page before signing in again.
    """
    check_form(request, form, signed.csrf)
    return form


FormDep = Annotated[Form, Depends(require_own_form)]


def check_form(request: Request, form: Form, csrf: str) -> None:
    """Check a form's origin and CSRF token.

    Raises:
        ForeignFormError: the form comes from another site or lacks the token.
    """
    check_origin(request)
    form_token = form.raw_text(TOKEN_FIELD)
    if not secrets.compare_digest(form_token.encode(), csrf.encode()):
        raise ForeignFormError(
            "this page is from before you signed in: nothing was done; open the page again and repeat it"
        )


def check_origin(request: Request) -> None:
    """Check that a form comes from this site.

    The check reads the headers alone, so that it can precede the reading of the body.

    Raises:
        ForeignFormError: it comes from another site.
    """
    if not _is_same_site(request):
        raise ForeignFormError("another site sent this form: nothing was done")


def to_local_path(target: str | None) -> str:
    """Return a redirect target within this site, ``/`` if it is none.

    A redirect to another site would abuse the trust in this site's name.
    """
    if not target or len(target) > _MAX_PATH_LENGTH or not target.isprintable() or not target.isascii():
        return "/"
    parts = urlsplit(target)
    # Browsers treat \ as /, and // as the start of a host name.
    is_local = target.startswith("/") and not target.startswith("//") and "\\" not in target
    if not is_local or parts.scheme or parts.netloc or parts.path in (SIGN_IN, SIGN_OUT, CHANGE_PASSWORD):
        return "/"
    return target


def find_page(request: Request) -> str:
    """Return the path of the requested page.

    For a sent form, return the path of the page of the form.
    """
    return _raw_path(request) if request.method in READ_METHODS else _find_form_page(request)


def install(app: FastAPI, *, open_pages: bool) -> None:
    """Make the application answer ``PageRedirect`` errors with redirects."""
    app.state.open_pages = open_pages

    @app.exception_handler(PageRedirect)
    async def _lead(_request: Request, elsewhere: PageRedirect) -> Response:
        return RedirectResponse(elsewhere.path, HTTPStatus.SEE_OTHER)


def _is_same_site(request: Request) -> bool:
    """Check whether the browser says that the request comes from this site.

    With ``Referrer-Policy: no-referrer`` browsers send ``Origin: null`` even to the same site, so
    Sec-Fetch-Site takes precedence. A program sends neither header, and still needs the CSRF token.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    return origin is None or origin == f"{request.url.scheme}://{request.headers.get('host', '')}"


def _build_sign_in_url(request: Request, *, was_signed_in: bool) -> str:
    """Build the sign-in URL that leads back to the requested page."""
    is_read = request.method in READ_METHODS
    target = to_local_path(_requested_path(request) if is_read else _find_form_page(request))
    next_query = f"next={quote(target, safe='/')}" if target != "/" else ""
    reason = ("why=ended" if is_read else "why=lost") if was_signed_in else ""
    query = "&".join(part for part in (next_query, reason) if part)
    return f"{SIGN_IN}?{query}" if query else SIGN_IN


def _requested_path(request: Request) -> str:
    """Return the requested path and query as sent, without decoding.

    A decoded slash inside a key would split the path.
    """
    query = request.url.query
    return f"{_raw_path(request)}?{query}" if query else _raw_path(request)


def _find_form_page(request: Request) -> str:
    """Return the path of the page that contained a submitted form.

    The page is the nearest one at or above the path that the form was sent to.
    """
    path = _raw_path(request)
    while path and not _is_page(request, path):
        path = path.rpartition("/")[0]
    return path


def _is_page(request: Request, path: str) -> bool:
    """Check whether a path is the path of an HTML page."""
    scope = {**request.scope, "method": "GET", "path": unquote(path)}
    return any(route.matches(dict(scope))[0] is Match.FULL for route in request.app.router.routes)


def _raw_path(request: Request) -> str:
    """Return the requested path as sent, without decoding."""
    raw: bytes = request.scope["raw_path"]
    return raw.decode("latin-1")
