"""API schemas of errors, as problem details (RFC 9457)."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mpi.api.schemas.openapi_parts import build_schema_ref

_MEDIA_TYPE = "application/problem+json"
_INSTANCE = "urn:uuid:0b1f6f0e-6b1f-4f5a-9a38-2f4e3a7f6a10"
_EXAMPLES: dict[int, dict[str, Any]] = {
    400: {
        "type": "urn:mpi:problem:invalid-enterprise-id",
        "title": "Not an enterprise ID",
        "detail": "its check symbol does not fit: a letter or digit is wrong, or two are swapped",
    },
    401: {
        "type": "urn:mpi:problem:not-authenticated",
        "title": "Nobody known is asking",
        "detail": "send an API key: Authorization: Bearer <key>, or X-API-Key: <key>",
    },
    403: {
        "type": "urn:mpi:problem:access-denied",
        "title": "The policy does not permit it",
        "detail": "client 'district-01' has no access to this source",
    },
    404: {
        "type": "urn:mpi:problem:not-found",
        "title": "No such thing",
        "detail": "source 'D01-SIS' has no such record",
    },
    409: {
        "type": "urn:mpi:problem:conflict",
        "title": "The present state does not allow it",
        "detail": "the index has moved to another model: start this process again",
    },
    412: {
        "type": "urn:mpi:problem:stale",
        "title": "What was read has changed",
        "detail": "what you read has changed since: look again, then decide",
    },
    413: {
        "type": "urn:mpi:problem:too-large",
        "title": "Too large",
        "detail": "a record has at most 1,000,000 bytes",
    },
    422: {
        "type": "urn:mpi:problem:invalid-record",
        "title": "The record is refused",
        "detail": "restrictions: kind must be one of address_confidential, expunged, opt_out, "
        "protective_order, sealed",
        "field": "restrictions",
        "reason": "unknown-code",
    },
    429: {
        "type": "urn:mpi:problem:too-many-searches",
        "title": "Too many searches",
        "detail": "this client has had 30 person searches answered within a minute: wait, then search again",
    },
    503: {
        "type": "urn:mpi:problem:store-unusable",
        "title": "The store cannot be used now",
        "detail": "the database is busy with another writer: try again",
    },
}


class ProblemOut(BaseModel):
    """Problem details of an error.

    `type` is stable: branch on it, and show `detail` to a person.
    """

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="`urn:mpi:problem:` and a stable code.")
    title: str = Field(description="Kind of problem; the same for every problem of a type.")
    status: int = Field(description="The status of the answer.")
    detail: str = Field(description="What was wrong, where, and what to do; never a value of a record.")
    instance: str | None = Field(None, description="ID of this occurrence in the server's log.")
    field: str | None = Field(None, description="For a refused record: the invalid canonical field.")
    reason: str | None = Field(None, description="For a refused record: a stable reason code.")
    chain: list[int] | None = Field(None, description="For a contradiction: the contradicting decisions.")


def describe_problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe an operation's error responses for OpenAPI.

    Args:
        statuses: status codes of the operation, besides those of every operation.
    """
    documented: dict[int | str, dict[str, Any]] = {
        status: _response(_EXAMPLES[status] | {"status": status}, _EXAMPLES[status]["title"])
        for status in sorted({*statuses, 400, 401, 403, 503})
    }
    unexpected = {
        "type": "urn:mpi:problem:unexpected",
        "title": "Something went wrong",
        "status": 500,
        "detail": "it was logged under the ID in instance, without any value of the request",
    }
    return {**documented, "default": _response(unexpected, "Any other problem")}


def _response(example: dict[str, Any], description: str) -> dict[str, Any]:
    """Describe one error response for OpenAPI, with an example."""
    content = {
        "schema": build_schema_ref(ProblemOut.__name__),
        "example": {**example, "instance": _INSTANCE},
    }
    return {"description": description, "content": {_MEDIA_TYPE: content}}
