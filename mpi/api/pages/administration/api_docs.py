"""Interactive documentation of the API: Swagger UI, served from an installed package.

Nothing is loaded from another host, and the policy for contents stays as strict as for every page. The page
tells of the program alone, so that who writes a client needs no account.
"""

import re
from functools import cache
from importlib.resources import files

from fastapi import APIRouter, Request
from starlette.responses import Response

from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.render import hash_content, read_asset, render_page
from mpi.api.pages.session.page_context import create_visit
from mpi.api.request.authentication import IndexDep
from mpi.domain.errors import NotFoundError

router = APIRouter(include_in_schema=False, route_class=PageRoute)
_CACHE_HEADERS = {"Cache-Control": "public, max-age=31536000, immutable"}
_MEDIA_TYPES = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "docs.js": "text/javascript",
    "docs.css": "text/css",
}
"""Media type of each file of the page. Those of Swagger UI come from the package ``fastapi-swagger``."""
_PACKAGE, _FOLDER, _PREFIX = "fastapi_swagger", "resources", "swagger-ui"
_DATA_IMAGE = re.compile(r"""url\((?:"data:(?:[^"\\]|\\.)*"|'data:(?:[^'\\]|\\.)*'|data:[^)"']*)\)""")
"""Image inside a style sheet, which the policy for contents refuses."""


@router.get("/docs")
def show_docs(request: Request, index: IndexDep) -> Response:
    """Show the interactive documentation of the API."""
    return render_page(
        "docs.html",
        visit=create_visit(request, index, None),
        file=lambda name: f"/docs/{name}?v={hash_content(_read_file(name))}",
    )


@router.get("/docs/{name}")
def get_docs_file(name: str, v: str = "") -> Response:
    """Serve a style sheet or script of the documentation.

    Raises:
        NotFoundError: the page has no file of this name.
    """
    if name not in _MEDIA_TYPES:
        raise NotFoundError("the documentation has no such file")
    content = _read_file(name)
    is_current = v == hash_content(content)
    return Response(content, media_type=_MEDIA_TYPES[name], headers=_CACHE_HEADERS if is_current else None)


@cache
def _read_file(name: str) -> str:
    """Return the content of a style sheet or script of the documentation."""
    if not name.startswith(_PREFIX):
        return read_asset(name)
    content = (files(_PACKAGE) / _FOLDER / name).read_text(encoding="utf-8")
    return _DATA_IMAGE.sub("none", content) if name.endswith(".css") else content
