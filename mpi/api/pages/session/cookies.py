"""Cookies of the pages: HTTP-only, same-site, and secure over TLS."""

import re

from fastapi import Request
from starlette.responses import Response

VISIT_BYTES = 32
_VISIT_PATTERN = re.compile(r"[A-Za-z0-9_-]{43}")
_SIGN_IN_COOKIE, _VISIT_COOKIE = "mpi-sign-in", "mpi-visit"
_FLOW_COOKIE = "mpi-sign-in-flow"
_DEMO_ROLE_COOKIE = "mpi-acting-as"
_HOST_PREFIX = "__Host-"
"""Cookie name prefix that browsers accept only with ``Secure``, for one host (RFC 6265bis)."""


def read_visit_token(request: Request) -> str | None:
    """Return the cookie token that ties a sign-in form to its browser.

    Returns:
        None if the browser sent no valid token.
    """
    token = request.cookies.get(_cookie_name(request, _VISIT_COOKIE), "")
    return token if _VISIT_PATTERN.fullmatch(token) else None


def set_visit_token(request: Request, answer: Response, token: str) -> None:
    """Set the cookie that ties the sign-in form to the browser.

    The cookie has a name of its own: a link from another site comes without the sign-in cookie, and must not
    end the sign-in.
    """
    _set_cookie(request, answer, _VISIT_COOKIE, token)


def read_sign_in_token(request: Request) -> str | None:
    """Return the token of the browser's sign-in cookie, valid or not."""
    return request.cookies.get(_cookie_name(request, _SIGN_IN_COOKIE))


def set_sign_in_token(request: Request, answer: Response, token: str) -> None:
    """Set the sign-in cookie, which lasts until the browser closes."""
    _set_cookie(request, answer, _SIGN_IN_COOKIE, token)


def delete_sign_in_token(request: Request, answer: Response) -> None:
    """Delete the sign-in cookie."""
    answer.delete_cookie(
        _cookie_name(request, _SIGN_IN_COOKIE),
        path="/",
        secure=_is_secure(request),
        httponly=True,
        samesite="strict",
    )


def read_flow_token(request: Request) -> str | None:
    """Return the token of the browser's sign-in with a provider."""
    return request.cookies.get(_cookie_name(request, _FLOW_COOKIE))


def set_flow_token(request: Request, answer: Response, token: str) -> None:
    """Set the cookie that ties a provider's answer to the browser.

    The answer comes by a link from the provider's site, so the cookie is sent along with links.
    """
    _set_cookie(request, answer, _FLOW_COOKIE, token, is_sent_with_links=True)


def delete_flow_token(request: Request, answer: Response) -> None:
    """Delete the cookie of a sign-in with a provider, which has ended."""
    answer.delete_cookie(
        _cookie_name(request, _FLOW_COOKIE),
        path="/",
        secure=_is_secure(request),
        httponly=True,
        samesite="lax",
    )


def read_demo_role(request: Request) -> str | None:
    """Return the role that a demonstration's user chose, from its cookie."""
    return request.cookies.get(_cookie_name(request, _DEMO_ROLE_COOKIE))


def set_demo_role(request: Request, answer: Response, role: str) -> None:
    """Set the cookie with the role chosen in a demonstration."""
    _set_cookie(request, answer, _DEMO_ROLE_COOKIE, role)


def _set_cookie(
    request: Request, answer: Response, name: str, value: str, *, is_sent_with_links: bool = False
) -> None:
    """Set a cookie that scripts and other sites cannot read."""
    answer.set_cookie(
        _cookie_name(request, name),
        value,
        path="/",
        secure=_is_secure(request),
        httponly=True,
        samesite="lax" if is_sent_with_links else "strict",
    )


def _cookie_name(request: Request, name: str) -> str:
    """Return a cookie's name, with the host prefix over TLS."""
    return f"{_HOST_PREFIX}{name}" if _is_secure(request) else name


def _is_secure(request: Request) -> bool:
    """Check whether the browser uses TLS."""
    # Uvicorn sets the scheme from X-Forwarded-Proto of a proxy on this machine.
    return request.url.scheme == "https"
