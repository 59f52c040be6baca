"""The style sheet, the one script, the icon: the same for everybody, and nothing from elsewhere.

A page names each by its content: a browser keeps it and never asks again, and asks at once for another.
"""

from fastapi import APIRouter
from starlette.responses import Response

from mpi.api.pages.rendering.render import asset, asset_version

router = APIRouter(include_in_schema=False)
_KEPT = {"Cache-Control": "public, max-age=31536000, immutable"}


@router.get("/style.css")
def style(v: str = "") -> Response:
    """How the pages look."""
    return _asset("style.css", "text/css", v)


@router.get("/desk.js")
def script(v: str = "") -> Response:
    """Keyboard shortcuts; the pages do all that they do without it."""
    return _asset("desk.js", "text/javascript", v)


@router.get("/icon.svg")
def icon(v: str = "") -> Response:
    """The icon."""
    return _asset("icon.svg", "image/svg+xml", v)


def _asset(name: str, media_type: str, version: str) -> Response:
    """The file as it is now, kept only under its own name: the page of an earlier program has another."""
    return Response(
        asset(name), media_type=media_type, headers=_KEPT if version == asset_version(name) else None
    )
