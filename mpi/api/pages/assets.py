"""The style sheet, the one script, the icon: the same for everybody, and nothing from elsewhere."""

from fastapi import APIRouter
from starlette.responses import Response

from mpi.api.pages.render import asset

router = APIRouter(include_in_schema=False)
# The shell forbids keeping what it answers; these hold nothing of anybody.


@router.get("/style.css")
def style() -> Response:
    """How the pages look."""
    return Response(asset("style.css"), media_type="text/css")


@router.get("/desk.js")
def script() -> Response:
    """Keyboard shortcuts; the pages do all that they do without it."""
    return Response(asset("desk.js"), media_type="text/javascript")


@router.get("/icon.svg")
def icon() -> Response:
    """The icon."""
    return Response(asset("icon.svg"), media_type="image/svg+xml")
