"""Schemas, references and example values shared by the OpenAPI descriptions."""

from typing import Annotated, Any

from pydantic import WithJsonSchema

from mpi.domain.eid import ALPHABET

EXAMPLE_EID = "T7K3-M92Q-X0HN"
EXAMPLE_TIME = "2026-11-24T06:00:02.118000Z"
SCHEMAS = "#/components/schemas/"
HEADERS = "#/components/headers/"
_ETAG: dict[str, Any] = {"headers": {"ETag": {"$ref": HEADERS + "ETag"}}}
ETAG_ANSWER: dict[int | str, dict[str, Any]] = {
    200: _ETAG,
    304: {"description": "The answer is the one that `If-None-Match` names. It has no body.", **_ETAG},
}
"""Answers that name the state that was read."""
HEADER_COMPONENTS: dict[str, dict[str, Any]] = {
    "ETag": {
        "description": (
            "Name of the state that was read, in quotes. Send it as `If-Match` with a change, or as "
            "`If-None-Match` with the next read."
        ),
        "schema": {"type": "string", "pattern": '^"[^"]*"$'},
        "example": '"3f0c5a"',
    },
    "Retry-After": {
        "description": "Seconds to wait before the next call.",
        "schema": {"type": "integer", "minimum": 0},
        "example": 2,
    },
    "X-Request-Id": {
        "description": "ID of the call in the server's log.",
        "schema": {"type": "string", "format": "uuid"},
        "example": "0b1f6f0e-6b1f-4f5a-9a38-2f4e3a7f6a10",
    },
}

_GROUP = f"[{ALPHABET}]{{4}}"
EnterpriseId = Annotated[str, WithJsonSchema({"type": "string", "pattern": f"^{_GROUP}-{_GROUP}-{_GROUP}$"})]
"""Enterprise ID of an answer. Requests may write it in other ways."""


def build_schema_ref(name: str) -> dict[str, str]:
    """Build a reference to a schema of the OpenAPI document."""
    return {"$ref": SCHEMAS + name}
