"""State that a client's calls share, and the exchange of a call."""

import time
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Any, TypeVar
from urllib.parse import quote_plus

import httpx

from mpi.client.calls import Call
from mpi.client.credentials import AccessToken, ApiKey, ClientCredentials, Credentials
from mpi.client.errors import (
    ClientError,
    ConnectionFailedError,
    InvalidAnswerError,
    NotAuthenticatedError,
    ProblemError,
)
from mpi.client.flows import Flow, Pause, Send
from mpi.client.json_reader import parse_json
from mpi.client.problem_reader import error_from_response, error_from_token_response
from mpi.client.retries import RetryPolicy
from mpi.client.version import __version__

T = TypeVar("T")

DEFAULT_RETRY = RetryPolicy()
DEFAULT_TIMEOUT_S = 60.0
"""Longer than the 30 seconds that the index lets a write wait."""
TOKEN_PATH = "/oauth/token"  # noqa: S105 - a path
_RENEW_BEFORE_S = 30.0
"""Seconds before its end at which a token is replaced, so that none ends while a call is under way."""
_CONNECT_TIMEOUT_S = 10.0


class Session:
    """Address, credentials and habits that the calls of a client share.

    Several threads may use one session. Those that need an access token at once may each get one.

    Args:
        url: address of the index, such as ``https://mpi.example.gov``.
        credentials: what to show the index; text is an API key.
        purpose: purpose of use of calls that name none.
        retry: when calls are made again.
        timeout_s: seconds to wait for each part of an answer.
        allow_plain_http: whether the key may be sent to another machine without TLS.

    Raises:
        ValueError: the address cannot be used.
    """

    def __init__(
        self,
        url: str,
        credentials: Credentials | str,
        *,
        purpose: str | None,
        retry: RetryPolicy,
        timeout_s: float,
        allow_plain_http: bool,
    ) -> None:
        self.url = _parse_url(url, allow_plain_http=allow_plain_http)
        self.retry = retry
        self._credentials = ApiKey(credentials) if isinstance(credentials, str) else credentials
        self._purpose = purpose
        timeout = httpx.Timeout(timeout_s, connect=min(timeout_s, _CONNECT_TIMEOUT_S), pool=None)
        self._extensions = {"timeout": timeout.as_dict()}
        self._token: AccessToken | None = None

    def exchange(self, call: Call[T], purpose: str | None = None) -> Flow[T]:
        """Make a call, retry it where allowed, and return its result.

        Raises:
            ProblemError: the index answered with a problem.
            ConnectionFailedError: no answer came.
            InvalidAnswerError: the answer has another form than expected.
        """
        token = yield from self._authorize()
        try:
            response = yield from self._send_call(call, token, purpose)
        except NotAuthenticatedError:
            # The token may have ended early: its key was rotated, or the index restored.
            if not self.discard_token(token):
                raise
        else:
            return call.read(response)
        token = yield from self._authorize()
        response = yield from self._send_call(call, token, purpose)
        return call.read(response)

    def discard_token(self, token: str | None = None) -> bool:
        """Forget a refused access token; the next call gets another one.

        Args:
            token: the refused token; by default the one in use. A newer one is kept.

        Returns:
            False for an API key, which nothing replaces.
        """
        if isinstance(self._credentials, ApiKey):
            return False
        if self._token is not None and token in (None, self._token.token):
            self._token = None
        return True

    def _send_call(self, call: Call[Any], token: str, purpose: str | None) -> Flow[httpx.Response]:
        """Send a call with its credentials and purpose."""
        headers = {"Purpose-Of-Use": purpose or self._purpose, **call.headers}
        request_headers = {name: value for name, value in headers.items() if value is not None}

        def build() -> httpx.Request:
            return self._build_request(
                call.method,
                call.path,
                {"Authorization": f"Bearer {token}", **request_headers},
                params=call.params,
                content=call.content,
            )

        return self._send(build, error_from_response, is_repeatable=call.is_repeatable)

    def _send(
        self,
        build: Callable[[], httpx.Request],
        read_error: Callable[[httpx.Response], ProblemError],
        *,
        is_repeatable: bool,
    ) -> Flow[httpx.Response]:
        """Send a request until it succeeds, or may not be sent again."""
        attempt = 1
        while True:
            answer = yield from _try_once(build(), read_error)
            if isinstance(answer, httpx.Response):
                return answer
            pause_s = self._find_pause_s(answer, attempt) if is_repeatable else None
            if pause_s is None:
                raise answer
            yield Pause(pause_s)
            attempt += 1

    def _find_pause_s(self, failure: ClientError, attempt: int) -> float | None:
        """Return the pause before the next attempt; None for no more."""
        if isinstance(failure, ProblemError):
            return self.retry.find_pause_s(attempt, failure.retry_after_s) if failure.is_transient else None
        return self.retry.find_pause_s(attempt, None) if isinstance(failure, ConnectionFailedError) else None

    def _authorize(self) -> Flow[str]:
        """Return the key or access token to show; get a missing token."""
        if isinstance(self._credentials, ApiKey):
            return self._credentials.key
        token = self._token
        if token is None or token.renew_at <= time.monotonic():
            token = yield from self._request_token(self._credentials)
            self._token = token
        return token.token

    def _request_token(self, credentials: ClientCredentials) -> Flow[AccessToken]:
        """Ask the token endpoint for an access token (RFC 6749, section 4.4)."""
        form = {"grant_type": "client_credentials"}
        if credentials.scopes:
            form["scope"] = " ".join(credentials.scopes)
        # Section 2.3.1: name and secret are form-encoded before they are joined.
        client = httpx.BasicAuth(quote_plus(credentials.client_id), quote_plus(credentials.client_secret))

        def build() -> httpx.Request:
            request = self._build_request("POST", TOKEN_PATH, {}, data=form)
            return next(client.sync_auth_flow(request))

        response = yield from self._send(build, error_from_token_response, is_repeatable=True)
        return _read_token(response)

    def _build_request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        **body: Any,  # noqa: ANN401 - arguments of httpx.Request
    ) -> httpx.Request:
        """Build a request with the headers and time-outs of every call."""
        for name, value in headers.items():
            if not (value.isascii() and value.isprintable() and value and value == value.strip()):
                # The value may be a key.
                raise ValueError(f"{name}: give printable ASCII characters, without blanks around them")
        all_headers = {"Accept": "application/json", "User-Agent": f"mpi-client/{__version__}", **headers}
        try:
            return httpx.Request(
                method, self.url + path, headers=all_headers, extensions=self._extensions, **body
            )
        except httpx.InvalidURL:
            raise ValueError(
                "the path of the call is too long, or holds characters that are not percent-encoded"
            ) from None


def _try_once(
    request: httpx.Request, read_error: Callable[[httpx.Response], ProblemError]
) -> Flow[httpx.Response | ClientError]:
    """Send a request; return its successful response, or why there is none."""
    try:
        response: httpx.Response = yield Send(request)
    except httpx.TransportError as error:
        return ConnectionFailedError(_describe_failure(error))
    except httpx.RequestError:
        return InvalidAnswerError("the answer cannot be decoded: is a proxy in between?")
    return response if response.is_success else read_error(response)


def _describe_failure(error: httpx.TransportError) -> str:
    """Describe why no answer came.

    Only errors of connecting are quoted: others may quote a part of the request or the answer.
    """
    if isinstance(error, httpx.ConnectError):
        return f"the index cannot be reached: {error}"
    if isinstance(error, httpx.TimeoutException):
        return f"no answer came in time ({type(error).__name__}): try again, or give a longer timeout_s"
    return f"the connection broke before the answer came ({type(error).__name__})"


def _read_token(response: httpx.Response) -> AccessToken:
    """Read an access token, and when to replace it."""
    members = parse_json(response.content)
    token = members.get("access_token") if isinstance(members, dict) else None
    lifetime_s = members.get("expires_in") if isinstance(members, dict) else None
    if not isinstance(token, str) or not isinstance(lifetime_s, int | float):
        raise InvalidAnswerError("the answer of the token endpoint has no access_token and expires_in")
    return AccessToken(token, time.monotonic() + max(lifetime_s - _RENEW_BEFORE_S, lifetime_s / 2))


def _parse_url(text: str, *, allow_plain_http: bool) -> str:
    """Return the address of an index, without a slash at its end.

    Raises:
        ValueError: it is no address, holds more than one, or would send the key in the clear.
    """
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, TypeError):
        raise ValueError("the address of the index is no URL: give https://HOST") from None
    if url.scheme not in ("https", "http") or not url.host:
        raise ValueError("the address of the index begins with https:// and names a host")
    if url.userinfo or url.query or url.fragment:
        raise ValueError("the address of the index holds no user, query or fragment: give https://HOST")
    if url.scheme == "http" and not allow_plain_http and not _is_loopback(url.host):
        raise ValueError(
            "without TLS the key could be read on the way: give https://HOST, or allow_plain_http=True "
            "where another program encrypts the connection"
        )
    return str(url).rstrip("/")


def _is_loopback(host: str) -> bool:
    """Return whether a host is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
