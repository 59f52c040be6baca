"""Rendering of page templates, with every value escaped."""

import hashlib
from functools import cache, lru_cache
from http import HTTPStatus

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from mpi.api.pages.rendering.disclosure_recipients import group_by_client
from mpi.api.pages.rendering.evidence_texts import describe_strength
from mpi.api.pages.rendering.page_texts import format_count, format_text, load_words
from mpi.api.pages.rendering.record_values import format_day, format_minute, shorten_id

_HASH_DIGITS = 16


def render_page(template: str, status: HTTPStatus = HTTPStatus.OK, **context: object) -> HTMLResponse:
    """Render an HTML template of ``mpi/api/templates`` as a response."""
    return HTMLResponse(render_text(template, **context), status)


def render_text(template: str, **context: object) -> str:
    """Render a template of ``mpi/api/templates`` as text."""
    return _create_environment().get_template(template).render(context)


def read_asset(name: str) -> str:
    """Return the content of the pages' style sheet, script or icon."""
    return render_text(name)


@cache
def hash_asset(name: str) -> str:
    """Return the content hash that names a style sheet, script or icon."""
    return hash_content(read_asset(name))


def hash_content(content: str) -> str:
    """Return the hash that names a version of a file."""
    return hashlib.sha256(content.encode()).hexdigest()[:_HASH_DIGITS]


def _asset_url(name: str) -> str:
    """Return the URL of a style sheet, script or icon."""
    return f"/{name}?v={hash_asset(name)}"


@lru_cache(maxsize=1)
def _create_environment() -> Environment:
    """Create the template environment with its filters."""
    environment = Environment(
        loader=PackageLoader("mpi.api"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters.update(
        day=format_day,
        minute=format_minute,
        short=shorten_id,
        strength=describe_strength,
        put=format_text,
        count=format_count,
        by_client=group_by_client,
    )
    environment.globals.update(w=load_words(), address=_asset_url)
    return environment
