"""Outcomes of an identity system, and the Ed-Fi API's answer to each.

An Ed-Fi ODS puts its identities controller before an identity system, which reports one of four statuses.
The table of answers is that of the controller (ODS/API 7.3):

| status | get | create | find, search | results |
|---|---|---|---|---|
| Success | 200 if the score is 100, else 404 | 201 with ``Location`` | 200, or 202 with ``Location`` | 200 |
| NotFound | 404 | 404 | 404 | 404 |
| Incomplete | 502 | 502 | 502 | 200 with ``Location`` |
| InvalidProperties | 502 | 400 | 502 | 502 |
| any other | 502 | 502 | 502 | 502 |

Here API and identity system are one program. What a client sends wrong is refused before the identity system
is asked (400). So 502 is left for what is the index's own fault or state.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Self

import orjson
from starlette.responses import Response

from mpi.api.edfi.schemas import InvalidBodyError
from mpi.domain.errors import MpiError, NotFoundError, StoreError

JSON = "application/json"
PERFECT_SCORE = 100
"""Score of a look-up by unique ID."""
_FAILURE = "Invalid response from identity service: "
"""Beginning of the message of every 502, by which clients know it."""
_UNKNOWN = "Unknown"
_NOT_FOUND = "there is no such identity"
_UNEXPECTED = "the index could not do it; its log has the reason"


class IdentityStatus(StrEnum):
    """Status that an identity system reports."""

    SUCCESS = "Success"
    NOT_FOUND = "NotFound"
    INCOMPLETE = "Incomplete"
    INVALID_PROPERTIES = "InvalidProperties"


@dataclass(frozen=True, slots=True)
class Fault:
    """An error that an identity system reports.

    Args:
        code: stable code.
        description: one sentence without a value of a student.
    """

    code: str
    description: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an identity system reports of one call.

    Args:
        status: an ``IdentityStatus``, or any other text.
        data: what is answered: an identity, a unique ID, or answers to a list.
        location: path under which it, or the rest of it, can be read.
        faults: errors; None where the system names none.
        retry_after_s: seconds after which it is worth to ask again; None if at once.
    """

    status: str
    data: Any = None
    location: str | None = None
    faults: tuple[Fault, ...] | None = ()
    retry_after_s: int | None = None

    @classmethod
    def of_failure(cls, error: MpiError) -> Self:
        """Return the outcome of an error that is not the caller's."""
        # The message of another internal error may name files of this machine.
        text = str(error) if isinstance(error, StoreError) else _UNEXPECTED
        return cls(_UNKNOWN, faults=(Fault(error.code, text),))


def respond_to_get(outcome: Outcome) -> Response:
    """Return the answer to a look-up by unique ID.

    Raises:
        NotFoundError: nothing was found, or only what is like it.
    """
    _require_found(outcome)
    if outcome.status != IdentityStatus.SUCCESS:
        return respond_to_failure(outcome)
    if outcome.data["Score"] != PERFECT_SCORE:
        raise NotFoundError(_NOT_FOUND)
    return _respond(HTTPStatus.OK, outcome.data)


def respond_to_create(outcome: Outcome) -> Response:
    """Return the answer to a request for a unique ID.

    Raises:
        NotFoundError: the identity system knows no such thing.
        InvalidBodyError: it refuses what was sent; the code of a fault is the property.
    """
    _require_found(outcome)
    if outcome.status == IdentityStatus.INVALID_PROPERTIES:
        raise InvalidBodyError({f"$.{fault.code}": [fault.description] for fault in outcome.faults or ()})
    if outcome.status != IdentityStatus.SUCCESS:
        return respond_to_failure(outcome)
    return _respond(HTTPStatus.CREATED, outcome.data, outcome.location)


def respond_to_list(outcome: Outcome) -> Response:
    """Return the answer to a list of unique IDs or searches.

    A location without data tells where the answers will be.

    Raises:
        NotFoundError: the identity system knows no such thing.
    """
    _require_found(outcome)
    if outcome.status != IdentityStatus.SUCCESS:
        return respond_to_failure(outcome)
    if outcome.data is None and outcome.location is not None:
        return Response(status_code=HTTPStatus.ACCEPTED, headers={"Location": outcome.location})
    return _respond(HTTPStatus.OK, outcome.data)


def respond_to_results(outcome: Outcome) -> Response:
    """Return the answer to a call for results by token.

    Raises:
        NotFoundError: there is no such token.
    """
    _require_found(outcome)
    if outcome.status not in (IdentityStatus.SUCCESS, IdentityStatus.INCOMPLETE):
        return respond_to_failure(outcome)
    return _respond(HTTPStatus.OK, outcome.data, outcome.location, outcome.retry_after_s)


def respond_to_failure(outcome: Outcome, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer to an outcome that the identity system caused."""
    is_known = outcome.status in tuple(IdentityStatus)
    errors = outcome.faults
    message = ", ".join(fault.description for fault in errors or ())
    content = {
        "Message": f"{_FAILURE}{message}.",
        "IdentitySystemStatusCode": outcome.status if is_known else _UNKNOWN,
        "IdentitySystemErrors": None
        if errors is None
        else [{"Code": fault.code, "Description": fault.description} for fault in errors],
    }
    return Response(orjson.dumps(content), HTTPStatus.BAD_GATEWAY, dict(headers or {}), JSON)


def _require_found(outcome: Outcome) -> None:
    if outcome.status == IdentityStatus.NOT_FOUND:
        raise NotFoundError(_NOT_FOUND)


def _respond(
    status: HTTPStatus, data: object, location: str | None = None, retry_after_s: int | None = None
) -> Response:
    headers = {} if location is None else {"Location": location}
    if retry_after_s is not None:
        headers["Retry-After"] = str(retry_after_s)
    return Response(orjson.dumps(data), status, headers, JSON)
