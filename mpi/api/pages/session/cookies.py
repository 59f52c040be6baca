"""The cookies of the pages: out of reach of scripts, of other sites, and over TLS of everybody between."""

import re

from fastapi import Request
from starlette.responses import Response

VISIT_BYTES = 32
_VISIT_PATTERN = re.compile(r"[A-Za-z0-9_-]{43}")
_SIGN_IN_COOKIE, _VISIT_COOKIE = "mpi-sign-in", "mpi-visit"
_DEMO_ROLE_COOKIE = "mpi-acting-as"
_HOST_PREFIX = "__Host-"
"""Browsers take a name so begun only with ``Secure``, for one host, and from it alone (RFC 6265bis)."""


def read_visit_token(request: Request) -> str | None:
    """What the browser holds before anybody signs in, so that the sign-in form is a page's own too."""
    token = request.cookies.get(_cookie_name(request, _VISIT_COOKIE), "")
    return token if _VISIT_PATTERN.fullmatch(token) else None


def set_visit_token(request: Request, answer: Response, token: str) -> None:
    """Give the browser what the sign-in form belongs to.

    Not under the sign-in's own name: a link from elsewhere comes without that cookie, and must not end it.
    """
    _set_cookie(request, answer, _VISIT_COOKIE, token)


def read_sign_in_token(request: Request) -> str | None:
    """The token of a sign-in, whether or not it still is one."""
    return request.cookies.get(_cookie_name(request, _SIGN_IN_COOKIE))


def set_sign_in_token(request: Request, answer: Response, token: str) -> None:
    """Give the browser a token; it forgets it when it is closed."""
    _set_cookie(request, answer, _SIGN_IN_COOKIE, token)


def delete_sign_in_token(request: Request, answer: Response) -> None:
    """Take the token back."""
    answer.delete_cookie(
        _cookie_name(request, _SIGN_IN_COOKIE),
        path="/",
        secure=_is_secure(request),
        httponly=True,
        samesite="strict",
    )


def read_demo_role(request: Request) -> str | None:
    """The role that was chosen on open pages."""
    return request.cookies.get(_cookie_name(request, _DEMO_ROLE_COOKIE))


def set_demo_role(request: Request, answer: Response, role: str) -> None:
    """Remember the role on open pages."""
    _set_cookie(request, answer, _DEMO_ROLE_COOKIE, role)


def _set_cookie(request: Request, answer: Response, name: str, value: str) -> None:
    answer.set_cookie(
        _cookie_name(request, name),
        value,
        path="/",
        secure=_is_secure(request),
        httponly=True,
        samesite="strict",
    )


def _cookie_name(request: Request, name: str) -> str:
    return f"{_HOST_PREFIX}{name}" if _is_secure(request) else name


def _is_secure(request: Request) -> bool:
    # Of a proxy on this machine, uvicorn believes X-Forwarded-Proto.
    return request.url.scheme == "https"
