"""OpenAPI document, completed by schemas that FastAPI does not find itself."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from mpi.api.edfi.problems import EdfiProblem
from mpi.api.edfi.schemas import MODELS, REQUEST_MODELS
from mpi.api.request.json_body import JsonBody
from mpi.api.schemas.openapi_parts import HEADER_COMPONENTS, HEADERS, SCHEMAS
from mpi.api.schemas.problem import ProblemOut
from mpi.api.schemas.records import RECORD_SCHEMA, BulkAnswerOut

_EXTRA_MODELS: tuple[type[BaseModel], ...] = (ProblemOut, BulkAnswerOut, EdfiProblem, *MODELS)

_WAITING_STATUSES = frozenset(("429", "503", "default"))
"""Statuses of answers that may ask the caller to wait."""


class DocumentedAPI(FastAPI):
    """FastAPI application whose OpenAPI document includes problem, bulk and body schemas.

    FastAPI would add ``application/json`` to every response that names a model; problems have another media
    type. It would read a body that it knows of before any dependency has permitted the caller.
    """

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document, built once."""
        if self.openapi_schema is None:
            document = super().openapi()
            _, definitions = models_json_schema(
                [
                    *((model, "serialization") for model in _EXTRA_MODELS),
                    *((model, "validation") for model in (*_list_bodies(JsonBody), *REQUEST_MODELS)),
                ],
                ref_template=SCHEMAS + "{model}",
            )
            schemas = document["components"]["schemas"]
            schemas.update({RECORD_SCHEMA["title"]: RECORD_SCHEMA, **definitions["$defs"]})
            _add_headers(document)
        return super().openapi()


def _add_headers(document: dict[str, Any]) -> None:
    """Name the headers of every answer of a document."""
    document["components"]["headers"] = HEADER_COMPONENTS
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    for status, answer in (each for operation in operations for each in operation["responses"].items()):
        names = ("X-Request-Id", "Retry-After") if status in _WAITING_STATUSES else ("X-Request-Id",)
        answer.setdefault("headers", {}).update({name: {"$ref": HEADERS + name} for name in names})


def _list_bodies(body: type[JsonBody]) -> list[type[JsonBody]]:
    """Return all subclasses of a request-body model, except private shared bases."""
    models = [extending for model in body.__subclasses__() for extending in (model, *_list_bodies(model))]
    return [model for model in models if not model.__name__.startswith("_")]
