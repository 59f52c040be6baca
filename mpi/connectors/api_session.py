"""Calls of another system's API: sign-in, retries, bounds.

Redirects are not followed, and links are only followed at the address of the connection: credentials and
records go nowhere else.
"""

import base64
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote_plus, urlencode, urlsplit

import httpx
import orjson
from oauthlib import oauth1

from mpi.client.retries import RetryPolicy, parse_retry_after
from mpi.connectors.connection import Connection, SignInKind
from mpi.domain.errors import RemoteSystemError

MAX_ANSWER_BYTES = 64_000_000
"""Most bytes of one answer, after decompression."""
_TIMEOUT = httpx.Timeout(60.0, connect=10.0)
_REPEATED = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses after which a call is made again."""
_RENEW_BEFORE_S = 30.0
"""Seconds before its end at which an access token is replaced."""
_DEFAULT_TOKEN_LIFE_S = 300.0
"""Life of a token whose answer does not say how long it lives."""


DEFAULT_RETRY = RetryPolicy()
_Method = Literal["GET", "PUT", "POST"]


class _PassingError(Exception):
    """Error: an answer that may be another one later."""

    def __init__(self, answer: "ApiAnswer") -> None:
        super().__init__(f"status {answer.status}")
        self.retry_after_s = parse_retry_after(answer.headers.get("Retry-After"))


class ApiAnswer:
    """Answer of another system's API.

    Args:
        status: its status.
        headers: its headers.
        body: its body, decompressed.
        path: what was asked for, for messages.
    """

    def __init__(self, status: int, headers: httpx.Headers, body: bytes, path: str) -> None:
        self.status = status
        self.headers = headers
        self._body = body
        self._path = path

    def raise_if_passing(self) -> None:
        """Raise _PassingError where the call may succeed later."""
        if self.status in _REPEATED:
            raise _PassingError(self)

    def json(self) -> Any:  # noqa: ANN401 - whatever the system sent
        """Return the values of the body.

        Raises:
            RemoteSystemError: it is no JSON.
        """
        # The message of orjson holds a part of the body, so it is not chained.
        try:
            return orjson.loads(self._body)
        except orjson.JSONDecodeError:
            pass
        raise RemoteSystemError(f"{self._path}: the answer is no JSON")


class ApiSession:
    """Session with the API of another system, used as a context.

    Args:
        connection: its address and credentials.
        retry: how often a call is made again, and after which pause.
        wait: waits some seconds.
        now: returns a clock's seconds.
    """

    def __init__(
        self,
        connection: Connection,
        retry: RetryPolicy = DEFAULT_RETRY,
        wait: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._retry = retry
        self._wait = wait
        self._now = now
        self._http = httpx.Client(timeout=_TIMEOUT, headers={"Accept": "application/json"})
        self._token = ""
        self._token_end = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def get(
        self,
        path: str,
        parameters: Mapping[str, str] | None = None,
        *,
        accepted: frozenset[int] = frozenset({200}),
        headers: Mapping[str, str] | None = None,
    ) -> ApiAnswer:
        """Return the answer to a read.

        Args:
            path: path below the address of the connection, with a slash; or a whole address below it.
            parameters: parameters of the query.
            accepted: statuses that are returned; all others are errors.
            headers: further headers.

        Raises:
            RemoteSystemError: the system cannot be reached, refuses, or sends too much.
        """
        return self._call("GET", path, parameters, None, accepted, headers)

    def put(
        self,
        path: str,
        values: object,
        *,
        accepted: frozenset[int],
        headers: Mapping[str, str] | None = None,
    ) -> ApiAnswer:
        """Replace a resource by values, sent as JSON; otherwise like ``get``."""
        return self._call("PUT", path, None, orjson.dumps(values), accepted, headers)

    def post(self, path: str, values: object, *, accepted: frozenset[int]) -> ApiAnswer:
        """Send values as JSON to where sending twice changes nothing.

        In all else, this is like ``get``.
        """
        return self._call("POST", path, None, orjson.dumps(values), accepted, None)

    def _call(
        self,
        method: _Method,
        path: str,
        parameters: Mapping[str, str] | None,
        body: bytes | None,
        accepted: frozenset[int],
        headers: Mapping[str, str] | None,
    ) -> ApiAnswer:
        """Make a call, and make it again after what passes."""
        url = self._make_url(path, parameters)
        content = {} if body is None else {"Content-Type": "application/json"}
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._exchange(method, url, body, {**content, **(headers or {})}, accepted)
            except httpx.TransportError as error:
                failure, asked_s = type(error).__name__, None
            except _PassingError as error:
                failure, asked_s = str(error), error.retry_after_s
            pause_s = self._retry.find_pause_s(attempt, asked_s)
            if pause_s is None:
                raise RemoteSystemError(f"{self._connection.name}: {method} {url.path}: {failure}")
            self._wait(pause_s)

    def _exchange(
        self,
        method: _Method,
        url: httpx.URL,
        body: bytes | None,
        headers: Mapping[str, str],
        accepted: frozenset[int],
    ) -> ApiAnswer:
        """Send a request, and replace a token that has ended.

        Raises:
            RemoteSystemError: the status is none of those accepted.
            _PassingError: the same request may succeed later.
        """
        answer = self._send(method, url, body, {**self._authorize(method, url), **headers})
        if answer.status == httpx.codes.UNAUTHORIZED and self._token:
            # A token may end early, such as after a restart of the system.
            self._token = ""
            answer = self._send(method, url, body, {**self._authorize(method, url), **headers})
        if answer.status in accepted:
            return answer
        answer.raise_if_passing()
        raise RemoteSystemError(f"{self._connection.name}: {method} {url.path}: status {answer.status}")

    def _make_url(self, path: str, parameters: Mapping[str, str] | None) -> httpx.URL:
        """Return the address of a call.

        Raises:
            RemoteSystemError: a link is no address, or leads away from the address of the connection.
        """
        base = urlsplit(self._connection.url)
        try:
            url = httpx.URL(path if "://" in path else f"{self._connection.url}{path}")
        except httpx.InvalidURL:
            raise RemoteSystemError(f"{self._connection.name}: a link is no address") from None
        if (url.scheme, url.netloc.decode()) != (
            base.scheme,
            httpx.URL(self._connection.url).netloc.decode(),
        ):
            raise RemoteSystemError(f"{self._connection.name}: a link leads away from its address")
        return url.copy_merge_params(parameters) if parameters else url

    def _send(
        self, method: _Method, url: httpx.URL, body: bytes | None, headers: Mapping[str, str]
    ) -> ApiAnswer:
        """Send a request once, and read its answer up to the bound."""
        name = self._connection.name
        try:
            with self._http.stream(method, url, content=body, headers=dict(headers)) as response:
                read = bytearray()
                for part in response.iter_bytes():
                    read += part
                    if len(read) > MAX_ANSWER_BYTES:
                        raise RemoteSystemError(f"{name}: {url.path}: more than {MAX_ANSWER_BYTES:,} bytes")
        except httpx.DecodingError:
            raise RemoteSystemError(f"{name}: {url.path}: the answer cannot be decompressed") from None
        return ApiAnswer(response.status_code, response.headers, bytes(read), url.path)

    def _authorize(self, method: _Method, url: httpx.URL) -> Mapping[str, str]:
        """Return the headers that show who calls."""
        sign_in = self._connection.sign_in
        if sign_in.kind == SignInKind.NONE:
            return {}
        if sign_in.kind == SignInKind.OAUTH1:
            signer = oauth1.Client(
                sign_in.client_id, sign_in.secret, signature_method=oauth1.SIGNATURE_HMAC_SHA256
            )
            _, headers, _ = signer.sign(str(url), http_method=method)
            return dict(headers)
        if not self._token or self._now() > self._token_end:
            self._fetch_token()
        return {"Authorization": f"Bearer {self._token}"}

    def _fetch_token(self) -> None:
        """Get an access token for the client's credentials.

        Raises:
            RemoteSystemError: it is refused.
        """
        sign_in = self._connection.sign_in
        scope = {"scope": " ".join(sign_in.scopes)} if sign_in.scopes else {}
        body = urlencode({"grant_type": "client_credentials", **scope}).encode()
        status, values = 0, {}
        for credentials in _list_basic_credentials(sign_in.client_id, sign_in.secret):
            headers = {"Authorization": credentials, "Content-Type": "application/x-www-form-urlencoded"}
            answer = self._send("POST", httpx.URL(sign_in.token_url), body, headers)
            answer.raise_if_passing()
            status = answer.status
            if status == httpx.codes.OK:
                content = answer.json()
                values = content if isinstance(content, dict) else {}
                break
        token = values.get("access_token")
        if not isinstance(token, str) or not token:
            raise RemoteSystemError(
                f"{self._connection.name}: sign-in was refused with status {status}: "
                "check token_url, client_id, the secret and the scopes"
            )
        life_s = values.get("expires_in")
        if not isinstance(life_s, int | float) or life_s <= 0:
            life_s = _DEFAULT_TOKEN_LIFE_S
        self._token = token
        self._token_end = self._now() + max(life_s - _RENEW_BEFORE_S, life_s / 2)


def _list_basic_credentials(client_id: str, secret: str) -> list[str]:
    """Return a client's credentials, encoded and as they are.

    RFC 6749, section 2.3.1, encodes them; many servers do not.

    Many systems do not decode them. Both are equal without special characters.
    """
    pairs = dict.fromkeys([f"{quote_plus(client_id)}:{quote_plus(secret)}", f"{client_id}:{secret}"])
    return [f"Basic {base64.b64encode(pair.encode()).decode()}" for pair in pairs]
