"""Formats of FHIR requests and answers: JSON only."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from mpi.api.fhir.outcomes import FHIR_JSON, FhirError, Issue
from mpi.api.request.authentication import IndexDep

BASE_PATH = "/fhir"
_JSON_TYPES = frozenset(("json", "application/json", "text/json", FHIR_JSON, "application/fhir json"))
"""Media types and short forms of JSON; in a URL, ``+`` is a space."""
_ACCEPTED_RANGES = _JSON_TYPES | {"*/*", "application/*"}


class FormatQuery(BaseModel):
    """Query parameters of every FHIR operation; refuses unknown ones."""

    model_config = ConfigDict(extra="forbid")

    format: str | None = Field(
        None, alias="_format", description="Format of the answer: `json`.", examples=["json"]
    )
    pretty: bool | None = Field(None, alias="_pretty", description="Ignored.", examples=[False])


FormatDep = Annotated[FormatQuery, Query()]


# Async, because FastAPI would run plain functions in the thread pool.
async def require_json_answer(request: Request) -> None:
    """Refuse a caller who accepts no JSON.

    ``_format`` overrides the header ``Accept``.

    Raises:
        FhirError: the format that is asked for is not JSON.
    """
    asked = request.query_params.get("_format")
    ranges = [asked] if asked is not None else request.headers.get("accept", "*/*").split(",")
    if not any(_read_type(each) in (_ACCEPTED_RANGES if asked is None else _JSON_TYPES) for each in ranges):
        text = f"this server answers {FHIR_JSON} only"
        raise FhirError(Issue("not-supported", text), status=HTTPStatus.NOT_ACCEPTABLE)


async def require_json_body(request: Request) -> None:
    """Refuse a body that is declared as another format than JSON.

    Raises:
        FhirError: the content type is not JSON.
    """
    if _read_type(request.headers.get("content-type", FHIR_JSON)) not in _JSON_TYPES:
        text = f"this server reads {FHIR_JSON} only"
        raise FhirError(Issue("not-supported", text), status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE)


async def find_base_url(request: Request, index: IndexDep) -> str:
    """Return this server's base address, from the settings or the call."""
    return index.settings.fhir.url or f"{str(request.base_url).rstrip('/')}{BASE_PATH}"


BaseUrlDep = Annotated[str, Depends(find_base_url)]


def _read_type(text: str) -> str:
    """Return a media type in lower case, without its parameters."""
    return text.partition(";")[0].strip().lower()
