"""OpenAPI description of requests and answers of the Ed-Fi Identities API."""

from typing import Any

from pydantic import BaseModel

from mpi.api.edfi.outcomes import JSON
from mpi.api.edfi.problems import KINDS, PROBLEM_PREFIX, EdfiProblem
from mpi.api.edfi.schemas import IdentityResponse, IdentitySearchResponse, IdentitySystemError
from mpi.api.request.problems import MEDIA_TYPE
from mpi.api.schemas.openapi_parts import EXAMPLE_EID, build_schema_ref

_CORRELATION_ID = "0b1f6f0e-6b1f-4f5a-9a38-2f4e3a7f6a10"
_COMMON_STATUSES = (400, 401, 403)
_LOCATION = {"Location": {"description": "Where the answer is.", "schema": {"type": "string"}}}

Answers = dict[int | str, dict[str, Any]]


def _describe_json(description: str, schema: dict[str, Any], example: object) -> dict[str, Any]:
    return {"description": description, "content": {JSON: {"schema": schema, "example": example}}}


def _describe_model(description: str, model: type[BaseModel]) -> dict[str, Any]:
    example = model.model_json_schema()["example"]
    return _describe_json(description, build_schema_ref(model.__name__), example)


CREATED: Answers = {
    201: {
        **_describe_json("The student's unique ID", {"type": "string"}, EXAMPLE_EID),
        "headers": _LOCATION,
    }
}
FOUND: Answers = {200: _describe_model("The student", IdentityResponse)}
LISTED: Answers = {
    200: _describe_model("The students", IdentitySearchResponse),
    202: {"description": "The list is worked on; the answers will be at `Location`.", "headers": _LOCATION},
}
RESULTS: Answers = {
    200: {**_describe_model("The answers, or `Incomplete`", IdentitySearchResponse), "headers": _LOCATION}
}


def describe_answers(answers: Answers, *statuses: int) -> Answers:
    """Describe an operation's responses for OpenAPI.

    Args:
        answers: its responses that are no errors.
        statuses: statuses of its errors, besides those of every operation.
    """
    errors: Answers = {status: _describe_problem(status) for status in sorted({*_COMMON_STATUSES, *statuses})}
    failure = _describe_model("The index itself could not answer", IdentitySystemError)
    return {**answers, **errors, 502: failure, "default": _describe_default()}


def _describe_problem(status: int) -> dict[str, Any]:
    code, title, detail = KINDS[status]
    example = {
        "detail": detail,
        "type": PROBLEM_PREFIX + code,
        "title": title,
        "status": status,
        "correlationId": _CORRELATION_ID,
    }
    content = {"schema": build_schema_ref(EdfiProblem.__name__), "example": example}
    return {"description": title, "content": {MEDIA_TYPE: content}}


def _describe_default() -> dict[str, Any]:
    """Describe errors before a route is chosen: they have ``/v1``'s form."""
    example = {
        "type": "urn:mpi:problem:unexpected",
        "title": "Something went wrong",
        "status": 500,
        "detail": "it was logged under the ID in instance, without any value of the request",
    }
    content = {"schema": build_schema_ref("ProblemOut"), "example": example}
    return {"description": "Any other problem", "content": {MEDIA_TYPE: content}}


def describe_request(model: type[BaseModel]) -> dict[str, Any]:
    """Describe an operation's request body of one object (``openapi_extra``)."""
    content = {"schema": build_schema_ref(model.__name__), "example": model.model_json_schema()["example"]}
    return {"requestBody": {"required": True, "content": {JSON: content}}}


def describe_list(item: type[BaseModel] | dict[str, Any], example: list[Any] | None) -> dict[str, Any]:
    """Describe an operation's request body of a list (``openapi_extra``).

    Args:
        item: model or schema of an item.
        example: an example; None for one of the model's.
    """
    if isinstance(item, dict):
        schema, sample = item, example
    else:
        schema, sample = build_schema_ref(item.__name__), [item.model_json_schema()["example"]]
    content = {"schema": {"type": "array", "items": schema}, "example": sample}
    return {"requestBody": {"required": True, "content": {JSON: content}}}
