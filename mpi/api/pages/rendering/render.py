"""Templates into answers; every value is escaped."""

import hashlib
from functools import cache, lru_cache
from http import HTTPStatus

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from mpi.api.pages.rendering.disclosure_recipients import by_client
from mpi.api.pages.rendering.record_values import day, minute, short
from mpi.api.pages.rendering.words import count, put, words

_VERSION_DIGITS = 16


def page(template: str, status: HTTPStatus = HTTPStatus.OK, **context: object) -> HTMLResponse:
    """Render a template of ``mpi/api/templates``."""
    return HTMLResponse(_environment().get_template(template).render(context), status)


def asset(name: str) -> str:
    """A file of the pages that is the same for everybody: the style sheet, the script, the icon."""
    return _environment().get_template(name).render()


@cache
def asset_version(name: str) -> str:
    """What such a file is named by: its content."""
    return hashlib.sha256(asset(name).encode()).hexdigest()[:_VERSION_DIGITS]


def _address(name: str) -> str:
    return f"/{name}?v={asset_version(name)}"


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("mpi.api"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters.update(day=day, minute=minute, short=short, put=put, count=count, by_client=by_client)
    environment.globals.update(w=words(), address=_address)
    return environment
