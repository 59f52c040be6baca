"""Members that several request bodies share, and their OpenAPI description."""

from typing import Annotated, Any

from pydantic import Field, StrictBool, StrictInt

from mpi.api.request.json_body import JsonBody
from mpi.api.schemas.openapi_parts import build_schema_ref

_REASON = Field(
    description="Reason code; text about a person belongs in `note`.", json_schema_extra={"maxLength": 64}
)
_DATE_FORMAT: dict[str, Any] = {"format": "date"}

Reason = Annotated[str, _REASON]
OptionalReason = Annotated[str | None, _REASON]
Note = Annotated[str | None, Field(description="Free text, which can be expunged by itself.")]
Preview = Annotated[StrictBool, Field(description="Return the effect without changing anything.")]
Supersedes = Annotated[tuple[StrictInt, ...], Field(description="Decisions to replace.")]
Date = Annotated[str, Field(json_schema_extra=_DATE_FORMAT)]
OptionalDate = Annotated[str | None, Field(json_schema_extra=_DATE_FORMAT)]


class ReasonBody(JsonBody, json_schema_extra={"example": {"reason": "not-now"}}):
    """Body of a step that needs a reason code at most."""

    reason: OptionalReason = None


def describe_body(model: type[JsonBody]) -> dict[str, Any]:
    """Describe an operation's request body for OpenAPI (``openapi_extra``).

    The schema itself is added to the document by ``DocumentedAPI``.

    Args:
        model: the model of the body, with an example.
    """
    schema = model.model_json_schema()
    content = {"schema": build_schema_ref(model.__name__), "example": schema["example"]}
    return {
        "requestBody": {"required": bool(schema.get("required")), "content": {"application/json": content}}
    }
