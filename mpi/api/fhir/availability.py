"""FHIR routes, or one that says which extra brings them.

``fhir.resources`` is the optional extra ``fhir``: 27 MB that most installations do not need.
"""

from importlib import import_module
from importlib.util import find_spec

from fastapi import APIRouter

from mpi.api.request.problems import NotInstalledError

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def load_router() -> APIRouter:
    """Return the ``/fhir`` routes, or a stand-in if the extra is missing."""
    if find_spec("fhir") is None:
        return _build_stand_in()
    router: APIRouter = import_module("mpi.api.fhir.routes").router
    return router


def _build_stand_in() -> APIRouter:
    """Return a router that refuses every call of ``/fhir``, whoever calls."""
    router = APIRouter()

    @router.api_route("/fhir/{path:path}", methods=_METHODS, include_in_schema=False)
    def _refuse_call(path: str) -> None:  # noqa: ARG001 - the parameter of the address
        raise NotInstalledError(
            "FHIR is not installed here; the operator installs the extra fhir: "
            "pip install '.[fhir]' in a checkout"
        )

    return router
