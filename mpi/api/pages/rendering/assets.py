"""Routes of the style sheet, script and icon.

A page names each asset by its content hash: a browser caches the file for good and fetches a new one at once.
"""

from fastapi import APIRouter
from starlette.responses import Response

from mpi.api.pages.rendering.render import hash_asset, read_asset

router = APIRouter(include_in_schema=False)
_CACHE_HEADERS = {"Cache-Control": "public, max-age=31536000, immutable"}


@router.get("/style.css")
def get_style_sheet(v: str = "") -> Response:
    """Serve the style sheet of the pages."""
    return _serve_asset("style.css", "text/css", v)


@router.get("/desk.js")
def get_script(v: str = "") -> Response:
    """Serve the pages' script of keyboard shortcuts.

    The pages work without it.
    """
    return _serve_asset("desk.js", "text/javascript", v)


@router.get("/icon.svg")
def get_icon(v: str = "") -> Response:
    """Serve the icon of the pages."""
    return _serve_asset("icon.svg", "image/svg+xml", v)


def _serve_asset(name: str, media_type: str, version: str) -> Response:
    """Serve a style sheet, script or icon, cacheable under its content hash.

    The page of an earlier program version names another hash.
    """
    return Response(
        read_asset(name),
        media_type=media_type,
        headers=_CACHE_HEADERS if version == hash_asset(name) else None,
    )
