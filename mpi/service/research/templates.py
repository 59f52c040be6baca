"""Templates of the documents of a research extract."""

from pathlib import Path

import jinja2

from mpi.matching.diagnostics.error_rates import format_rate

# The documents are Markdown, which has no characters to escape for HTML.
_ENVIRONMENT = jinja2.Environment(  # noqa: S701 - no HTML
    undefined=jinja2.StrictUndefined,
    keep_trailing_newline=True,
    loader=jinja2.FileSystemLoader(Path(__file__).parent),
)


def _show(count: int | None) -> str:
    """Return a count, or that it is hidden."""
    return "hidden" if count is None else f"{count:,}"


_ENVIRONMENT.filters |= {"shown": _show, "rate": format_rate}


def read_template(name: str) -> jinja2.Template:
    """Return a template by the name of its file."""
    return _ENVIRONMENT.get_template(name)
