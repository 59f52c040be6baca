"""OpenAPI document, with schemas that no route returns as plain JSON."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from mpi.api.request.json_body import JsonBody
from mpi.api.schemas.problem import ProblemOut
from mpi.api.schemas.records import BulkAnswerOut
from mpi.api.schemas.refs import SCHEMAS

_EXTRA_MODELS: tuple[type[BaseModel], ...] = (ProblemOut, BulkAnswerOut)


class DocumentedAPI(FastAPI):
    """FastAPI application whose document includes problem, bulk and body schemas.

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
                    *((model, "validation") for model in _list_concrete_bodies(JsonBody)),
                ],
                ref_template=SCHEMAS + "{model}",
            )
            document["components"]["schemas"].update(definitions["$defs"])
        return super().openapi()


def _list_concrete_bodies(body: type[JsonBody]) -> list[type[JsonBody]]:
    """Return the models of bodies that no other model extends."""
    extending = body.__subclasses__()
    return [model for kind in extending for model in _list_concrete_bodies(kind)] if extending else [body]
