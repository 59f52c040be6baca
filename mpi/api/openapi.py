"""The OpenAPI document: FastAPI's, with the shapes that no route returns as its own JSON."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from mpi.api.schemas.problem import ProblemOut
from mpi.api.schemas.records import BulkAnswerOut
from mpi.api.schemas.refs import SCHEMAS

_EXTRA_MODELS: tuple[type[BaseModel], ...] = (ProblemOut, BulkAnswerOut)


class DocumentedAPI(FastAPI):
    """FastAPI adds ``application/json`` to every response that names a model, and problems are not that."""

    def openapi(self) -> dict[str, Any]:
        """The document, made once."""
        if self.openapi_schema is None:
            document = super().openapi()
            _, definitions = models_json_schema(
                [(model, "serialization") for model in _EXTRA_MODELS], ref_template=SCHEMAS + "{model}"
            )
            document["components"]["schemas"].update(definitions["$defs"])
        return super().openapi()
