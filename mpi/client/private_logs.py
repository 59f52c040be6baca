"""Keeping of local IDs out of the log of httpx.

httpx logs the URL of each call at the level INFO. A URL of the index may hold the local ID of a child.
"""

import logging

import httpx

_URL_PLACE = 1
"""Place of the URL among the arguments of httpx's line."""


class _HidePaths(logging.Filter):
    """Filter that cuts logged URLs of an index to its address."""

    def __init__(self) -> None:
        super().__init__()
        self.origins: set[tuple[str, str, int | None]] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Cut the path off an index's URL, and keep the line."""
        arguments = record.args
        if isinstance(arguments, tuple) and len(arguments) > _URL_PLACE:
            url = arguments[_URL_PLACE]
            if isinstance(url, httpx.URL) and _origin(url) in self.origins:
                shown = f"{url.scheme}://{url.netloc.decode('ascii')}/…"
                record.args = (*arguments[:_URL_PLACE], shown, *arguments[_URL_PLACE + 1 :])
        return True


_FILTER = _HidePaths()


def hide_paths(url: str) -> None:
    """Let httpx log calls to an index without their paths.

    This applies to the whole process.

    Args:
        url: address of the index.
    """
    _FILTER.origins.add(_origin(httpx.URL(url)))
    logging.getLogger("httpx").addFilter(_FILTER)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """Return what a URL shares with all others of its server."""
    return url.scheme, url.host, url.port
