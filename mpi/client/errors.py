"""Errors of the client, as one class tree.

No message holds a value of a record, a local ID, a URL or a key, so that a program may log it::

    ClientError
    ├── ConnectionFailedError     no answer came
    ├── InvalidAnswerError        what came is not an answer of the index
    ├── FeedRestoredError         the change feed began anew
    ├── CursorFileError           the file of a cursor cannot be read
    └── ProblemError              the index answered with a problem
        ├── InvalidRequestError     400, 405, 413, 421, 431
        ├── NotAuthenticatedError   401
        ├── AccessDeniedError       403
        ├── NotFoundError           404
        ├── ConflictError           409
        │   ├── AgreementLapsedError
        │   ├── DecisionConflictError
        │   └── ClaimedError
        ├── StaleError              412
        ├── InvalidRecordError      422
        ├── ReusedKeyError          422
        ├── TooManyCallsError       429
        ├── UnavailableError        408, 502, 503, 504
        └── ServerFaultError        500
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

TRANSIENT_STATUSES = frozenset({408, 429, 502, 503, 504})
"""Statuses after which the same call may succeed a little later."""


class ClientError(Exception):
    """Base class of all errors that a call of the client raises."""


class ConnectionFailedError(ClientError):
    """No answer came: no connection, a time-out, or a connection that broke.

    Whether the call took effect is unknown. A call that may be repeated was repeated before this was raised.
    """


class InvalidAnswerError(ClientError):
    """The answer has another form than the API documents.

    Is the address that of the index? Is the client older than the index?
    """


class FeedRestoredError(ClientError):
    """The index was restored from a backup; its change feed began anew.

    Drop what you built from the feed, forget the cursor, and follow the feed from its beginning.
    """


class CursorFileError(ClientError):
    """The file of a feed cursor holds something else."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Problem that the index answered with (RFC 9457).

    Args:
        status: HTTP status.
        code: stable code: ``type`` without ``urn:mpi:problem:``. Empty if the answer is not the index's own.
        title: kind of the problem.
        detail: what was wrong, where, and what to do.
        request_id: ID of the call in the server's log.
        retry_after_s: seconds after which to try again, where the answer says so.
        members: all members of the problem as sent.
    """

    status: int
    code: str
    title: str
    detail: str
    request_id: str | None = None
    retry_after_s: float | None = None
    members: Mapping[str, Any] = field(default_factory=dict, repr=False)


class ProblemError(ClientError):
    """The index answered with a problem.

    Args:
        problem: what the index answered.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        """Return the problem's title and detail, with code, status and request ID."""
        problem = self.problem
        parts = [problem.code or "no problem of the index", f"HTTP {problem.status}"]
        if problem.request_id is not None:
            parts.append(f"request {problem.request_id}")
        return f"{problem.title}: {problem.detail} ({', '.join(parts)})"

    @property
    def status(self) -> int:
        """HTTP status of the answer."""
        return self.problem.status

    @property
    def code(self) -> str:
        """Stable code of the problem, such as ``not-found``."""
        return self.problem.code

    @property
    def request_id(self) -> str | None:
        """ID of the call in the server's log.

        Quote it to the operator.
        """
        return self.problem.request_id

    @property
    def retry_after_s(self) -> float | None:
        """Seconds after which to try again, where the answer says so."""
        return self.problem.retry_after_s

    @property
    def is_transient(self) -> bool:
        """Whether the same call may succeed a little later."""
        return self.status in TRANSIENT_STATUSES


class InvalidRequestError(ProblemError):
    """The call itself is wrong: correct it before you repeat it."""


class NotAuthenticatedError(ProblemError):
    """The credentials are missing, unknown, expired or revoked."""


class AccessDeniedError(ProblemError):
    """The client may not make this call, or not for this purpose."""

    @property
    def reason(self) -> str | None:
        """Code of the rule that refused the call."""
        return _text(self.problem, "reason")


class NotFoundError(ProblemError):
    """The client knows no such source, record or enterprise ID."""


class ConflictError(ProblemError):
    """The present state of the index does not allow the call."""


class AgreementLapsedError(ConflictError):
    """The agreements of the source have lapsed; nothing was stored."""


class DecisionConflictError(ConflictError):
    """The decision contradicts decisions in force."""

    @property
    def chain(self) -> tuple[int, ...]:
        """Numbers of the decisions that it contradicts."""
        numbers = self.problem.members.get("chain")
        return tuple(numbers) if isinstance(numbers, Sequence) and not isinstance(numbers, str) else ()


class ClaimedError(ConflictError):
    """Somebody else works on the question."""


class StaleError(ProblemError):
    """What you read has changed since: read again, then decide."""


class InvalidRecordError(ProblemError):
    """The record is refused, and nothing of it was stored."""

    @property
    def field(self) -> str | None:
        """Field of the record that is invalid."""
        return _text(self.problem, "field")

    @property
    def reason(self) -> str | None:
        """Stable code of what is wrong with the field."""
        return _text(self.problem, "reason")


class ReusedKeyError(ProblemError):
    """The idempotency key came before with another call."""


class TooManyCallsError(ProblemError):
    """The client calls, searches or guesses too often: wait ``retry_after_s``."""


class UnavailableError(ProblemError):
    """The index, or a proxy in front of it, cannot answer now."""


class ServerFaultError(ProblemError):
    """The server has a fault: give its operator the request ID."""


_CLASS_BY_CODE: Mapping[str, type[ProblemError]] = {
    "agreement-lapsed": AgreementLapsedError,
    "claimed": ClaimedError,
    "decision-conflict": DecisionConflictError,
    "idempotency-key-reused": ReusedKeyError,
}
"""Classes of the problems that share their status with another one."""

_CLASS_BY_STATUS: Mapping[int, type[ProblemError]] = {
    401: NotAuthenticatedError,
    403: AccessDeniedError,
    404: NotFoundError,
    408: UnavailableError,
    409: ConflictError,
    412: StaleError,
    422: InvalidRecordError,
    429: TooManyCallsError,
    502: UnavailableError,
    503: UnavailableError,
    504: UnavailableError,
}


def error_from_problem(problem: Problem) -> ProblemError:
    """Return a problem's error by its code, or else its status."""
    by_class = _CLASS_BY_CODE.get(problem.code) or _CLASS_BY_STATUS.get(problem.status)
    if by_class is not None:
        return by_class(problem)
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ServerFaultError(problem)
    return InvalidRequestError(problem)


def _text(problem: Problem, name: str) -> str | None:
    """Return a member of a problem that is text."""
    value = problem.members.get(name)
    return value if isinstance(value, str) else None
