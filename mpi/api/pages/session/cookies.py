"""The cookies of the pages: out of reach of scripts, of other sites, and over TLS of everybody between."""

import re

from fastapi import Request
from starlette.responses import Response

VISIT_BYTES = 32
_VISIT = re.compile(r"[A-Za-z0-9_-]{43}")
_SIGN_IN, _VISITING = "mpi-sign-in", "mpi-visit"
_ACTING_AS = "mpi-acting-as"
_BOUND = "__Host-"
"""Browsers take a name so begun only with ``Secure``, for one host, and from it alone (RFC 6265bis)."""


def visit_token(request: Request) -> str | None:
    """What the browser holds before anybody signs in, so that the sign-in form is a page's own too."""
    found = request.cookies.get(_name(request, _VISITING), "")
    return found if _VISIT.fullmatch(found) else None


def keep_visit(request: Request, answer: Response, token: str) -> None:
    """Give the browser what the sign-in form belongs to.

    Not under the sign-in's own name: a link from elsewhere comes without that cookie, and must not end it.
    """
    _keep(request, answer, _VISITING, token)


def sign_in_token(request: Request) -> str | None:
    """The token of a sign-in, whether or not it still is one."""
    return request.cookies.get(_name(request, _SIGN_IN))


def keep_sign_in(request: Request, answer: Response, token: str) -> None:
    """Give the browser a token; it forgets it when it is closed."""
    _keep(request, answer, _SIGN_IN, token)


def forget_sign_in(request: Request, answer: Response) -> None:
    """Take the token back."""
    answer.delete_cookie(
        _name(request, _SIGN_IN), path="/", secure=_secure(request), httponly=True, samesite="strict"
    )


def acting_as(request: Request) -> str | None:
    """The role that was chosen on open pages."""
    return request.cookies.get(_name(request, _ACTING_AS))


def keep_acting_as(request: Request, answer: Response, role: str) -> None:
    """Remember the role on open pages."""
    _keep(request, answer, _ACTING_AS, role)


def _keep(request: Request, answer: Response, name: str, value: str) -> None:
    answer.set_cookie(
        _name(request, name), value, path="/", secure=_secure(request), httponly=True, samesite="strict"
    )


def _name(request: Request, name: str) -> str:
    return f"{_BOUND}{name}" if _secure(request) else name


def _secure(request: Request) -> bool:
    # Of a proxy on this machine, uvicorn believes X-Forwarded-Proto.
    return request.url.scheme == "https"
