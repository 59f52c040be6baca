"""Reading of problems from answers, as errors.

Only what the index itself wrote gets into an error: the text of another program, such as a proxy, may hold
the path of the call, and so a local ID.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import httpx

from mpi.client.errors import Problem, ProblemError, error_from_problem
from mpi.client.retries import parse_retry_after

PROBLEM_PREFIX = "urn:mpi:problem:"
_UUID_PREFIX = "urn:uuid:"
_MAX_ID_LENGTH = 100


def error_from_response(response: httpx.Response) -> ProblemError:
    """Return the error of an answer that is not a success."""
    return error_from_members(
        _parse_members(response.content),
        response.status_code,
        read_request_id(response),
        parse_retry_after(response.headers.get("retry-after")),
    )


def error_from_token_response(response: httpx.Response) -> ProblemError:
    """Return the error in an answer of the token endpoint (RFC 6749)."""
    members = _parse_members(response.content)
    code = members.get("error")
    if not isinstance(code, str):
        return error_from_response(response)
    problem = Problem(
        response.status_code,
        code,
        "No access token",
        str(members.get("error_description", "the index gave no reason")),
        read_request_id(response),
        parse_retry_after(response.headers.get("retry-after")),
        members,
    )
    return error_from_problem(problem)


def error_from_members(
    members: Mapping[str, Any], status: int, request_id: str | None, retry_after_s: float | None = None
) -> ProblemError:
    """Return the error for an answer that is no success.

    Args:
        members: members of the problem; empty for an answer that is no JSON object.
        status: status of the answer, or of the line of a bulk answer.
        request_id: ID of the call, if the problem names none.
        retry_after_s: seconds after which to try again.
    """
    kind, instance = members.get("type"), members.get("instance")
    if isinstance(instance, str) and instance.startswith(_UUID_PREFIX):
        request_id = instance.removeprefix(_UUID_PREFIX)
    if isinstance(kind, str) and kind.startswith(PROBLEM_PREFIX):
        code = kind.removeprefix(PROBLEM_PREFIX)
        title, detail = str(members.get("title", "Problem")), str(members.get("detail", "no detail"))
    else:
        code, title = "", _describe_status(status)
        detail = "the answer is not one of the index: look at the address, and at the proxy before it"
        members = {}
    return error_from_problem(Problem(status, code, title, detail, request_id, retry_after_s, members))


def read_request_id(response: httpx.Response) -> str | None:
    """Return the ID of a call that the server sent along."""
    text = response.headers.get("x-request-id")
    is_valid = text is not None and text.isascii() and text.isprintable() and len(text) <= _MAX_ID_LENGTH
    return text if is_valid else None


def _parse_members(content: bytes) -> Mapping[str, Any]:
    """Return the members of a JSON object; none of anything else."""
    try:
        members = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return members if isinstance(members, dict) else {}


def _describe_status(status: int) -> str:
    """Return the standard phrase of an HTTP status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown status"
