"""The style sheet, the one script, the icon: the same for everybody, and nothing from elsewhere.

A page names each by its content: a browser keeps it and never asks again, and asks at once for another.
"""

from fastapi import APIRouter
from starlette.responses import Response

from mpi.api.pages.rendering.render import hash_asset, read_asset

router = APIRouter(include_in_schema=False)
_CACHE_HEADERS = {"Cache-Control": "public, max-age=31536000, immutable"}


@router.get("/style.css")
def get_style_sheet(v: str = "") -> Response:
    """How the pages look."""
    return _serve_asset("style.css", "text/css", v)


@router.get("/desk.js")
def get_script(v: str = "") -> Response:
    """Keyboard shortcuts; the pages do all that they do without it."""
    return _serve_asset("desk.js", "text/javascript", v)


@router.get("/icon.svg")
def get_icon(v: str = "") -> Response:
    """The icon."""
    return _serve_asset("icon.svg", "image/svg+xml", v)


def _serve_asset(name: str, media_type: str, version: str) -> Response:
    """The file as it is now, kept only under its own name: the page of an earlier program has another."""
    return Response(
        read_asset(name),
        media_type=media_type,
        headers=_CACHE_HEADERS if version == hash_asset(name) else None,
    )
