"""One attempt to send a message to the receiver of a webhook."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum
from functools import cache
from urllib.parse import urlsplit

import httpcore
from standardwebhooks import Webhook

from mpi import __version__
from mpi.domain import clock
from mpi.service.webhooks.addresses import AddressRefusedError, AddressRules
from mpi.service.webhooks.guarded_network import Deadline, GuardedNetwork
from mpi.service.webhooks.messages import Message

ATTEMPT_S = 15.0
"""Seconds of an attempt, from connecting to the end of the answer; the specification says 15 to 30."""
CONNECT_S = 5.0
MAX_ANSWER_BYTES = 16_384
"""Bytes of an answer's body that are read, and thrown away; the connection ends where there are more."""
_IDLE_S = 30.0
"""Seconds for which an idle connection is kept."""
_OK, _FIRST_OTHER, _GONE = 200, 300, 410


class Failure(StrEnum):
    """Why an attempt failed, where the receiver gave no status."""

    ADDRESS = "address-refused"
    """The host is unknown, or has an address that may not be called."""
    TIMEOUT = "timeout"
    CONNECTION = "connection-failed"
    TLS = "tls-failed"
    ANSWER = "answer-malformed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Outcome of an attempt.

    Args:
        status: status of the answer; None without one.
        failure: why it failed: a ``Failure``, or ``status-`` and the status; None if it was delivered.
        retry_after_s: seconds for which the receiver asks to wait; None if it does not.
    """

    status: int | None
    failure: str | None = None
    retry_after_s: float | None = None

    @property
    def is_gone(self) -> bool:
        """Whether the receiver wants no more messages."""
        return self.status == _GONE


class Receiver:
    """The receiver of one webhook, with its connection.

    It is for one thread. Redirects are not followed, proxies of the environment are not used, and nothing of
    an answer but its status and ``Retry-After`` is looked at.

    Args:
        url: its address.
        rules: which addresses may be called.
        attempt_s: seconds of an attempt.
    """

    def __init__(self, url: str, rules: AddressRules, attempt_s: float = ATTEMPT_S) -> None:
        self.url = url
        is_encrypted = urlsplit(url).scheme == "https"
        self._attempt_s = attempt_s
        self._deadline = Deadline()
        self._pool = httpcore.ConnectionPool(
            ssl_context=make_tls_context() if is_encrypted else None,
            max_connections=1,
            keepalive_expiry=_IDLE_S,
            network_backend=GuardedNetwork(rules, self._deadline, is_encrypted=is_encrypted),
        )

    def send(self, message: Message, secrets: Sequence[str], redisclosure: str | None = None) -> Outcome:
        """Send a message once.

        Args:
            message: the message.
            secrets: secrets that sign it: the present one, and during a rotation the former one.
            redisclosure: statement that it may not be passed on, as the header of an answer makes it.
        """
        self._deadline.begin(self._attempt_s)
        headers = _sign(message, secrets)
        if redisclosure is not None:
            headers.append(("Redisclosure", redisclosure))
        try:
            return self._post(message.body.encode(), headers)
        except AddressRefusedError:
            return Outcome(None, Failure.ADDRESS)
        except (httpcore.TimeoutException, TimeoutError):
            return Outcome(None, Failure.TIMEOUT)
        except httpcore.ConnectError as error:
            is_tls = isinstance(error.__context__, ssl.SSLError)
            return Outcome(None, Failure.TLS if is_tls else Failure.CONNECTION)
        except httpcore.ProtocolError:
            return Outcome(None, Failure.ANSWER)
        except (httpcore.NetworkError, OSError):
            return Outcome(None, Failure.CONNECTION)

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()

    def _post(self, body: bytes, headers: list[tuple[str, str]]) -> Outcome:
        """Post a body, and read the answer up to a limit."""
        timeouts = {
            "connect": CONNECT_S,
            "read": self._attempt_s,
            "write": self._attempt_s,
            "pool": CONNECT_S,
        }
        with self._pool.stream(
            "POST", self.url, headers=headers, content=body, extensions={"timeout": timeouts}
        ) as answer:
            length = 0
            for part in answer.iter_stream():
                length += len(part)
                if length > MAX_ANSWER_BYTES:
                    break
        if _OK <= answer.status < _FIRST_OTHER:
            return Outcome(answer.status)
        return Outcome(answer.status, f"status-{answer.status}", _read_retry_after(answer.headers))


def _sign(message: Message, secrets: Sequence[str]) -> list[tuple[str, str]]:
    """Return the headers of an attempt, with a signature by each secret."""
    now = clock.now()
    signatures = [Webhook(secret).sign(message.id, now, message.body) for secret in secrets]
    return [
        ("Content-Type", "application/json"),
        ("User-Agent", f"mpi-webhooks/{__version__}"),
        ("webhook-id", message.id),
        ("webhook-timestamp", str(int(now.timestamp()))),
        ("webhook-signature", " ".join(signatures)),
    ]


def _read_retry_after(headers: Sequence[tuple[bytes, bytes]]) -> float | None:
    """Return the seconds of a ``Retry-After`` header (RFC 9110, section 10.2.3)."""
    text = next((value for name, value in headers if name.lower() == b"retry-after"), b"").decode("latin-1")
    text = text.strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    # A date without a zone is of UTC.
    return max((moment.replace(tzinfo=moment.tzinfo or UTC) - clock.now()).total_seconds(), 0.0)


@cache
def make_tls_context() -> ssl.SSLContext:
    """Return a TLS context that trusts the authorities of this system."""
    return ssl.create_default_context()
