"""OpenAPI document, with schemas that no route returns as plain JSON."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from mpi.api.schemas.problem import ProblemOut
from mpi.api.schemas.records import BulkAnswerOut
from mpi.api.schemas.refs import SCHEMAS

_EXTRA_MODELS: tuple[type[BaseModel], ...] = (ProblemOut, BulkAnswerOut)


class DocumentedAPI(FastAPI):
    """FastAPI application whose document includes problem and bulk schemas.

    FastAPI would add ``application/json`` to every response that names a model; problems have another media
    type.
    """

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document, built once."""
        if self.openapi_schema is None:
            document = super().openapi()
            _, definitions = models_json_schema(
                [(model, "serialization") for model in _EXTRA_MODELS], ref_template=SCHEMAS + "{model}"
            )
            document["components"]["schemas"].update(definitions["$defs"])
        return super().openapi()
