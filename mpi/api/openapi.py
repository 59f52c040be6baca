"""OpenAPI document, completed by schemas that FastAPI does not find itself."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from mpi.api.edfi.problems import EdfiProblem
from mpi.api.edfi.schemas import MODELS, REQUEST_MODELS
from mpi.api.request.json_body import JsonBody
from mpi.api.schemas.openapi_parts import SCHEMAS
from mpi.api.schemas.problem import ProblemOut
from mpi.api.schemas.records import BulkAnswerOut

_EXTRA_MODELS: tuple[type[BaseModel], ...] = (ProblemOut, BulkAnswerOut, EdfiProblem, *MODELS)


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
            document["components"]["schemas"].update(definitions["$defs"])
        return super().openapi()


def _list_bodies(body: type[JsonBody]) -> list[type[JsonBody]]:
    """Return all subclasses of a request-body model, except private shared bases."""
    models = [extending for model in body.__subclasses__() for extending in (model, *_list_bodies(model))]
    return [model for model in models if not model.__name__.startswith("_")]
