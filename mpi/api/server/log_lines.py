"""Lines of the server's log, as text or as JSON.

A line has the fields listed here and no others: a field that a library adds, a path, a query or the text of
an error cannot get in.
"""

import logging
import sys
from typing import TextIO

import orjson
import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

FIELDS = (
    "time", "level", "logger", "event", "request_id", "client", "method", "route", "status", "ms",
)  # fmt: skip
"""Fields of a line in JSON, in this order (docs/reference/logs.md)."""
_TEXT = "%(asctime)s %(levelname)s %(name)s %(message)s"
_CALL = "call"


def log_to_stderr(log_format: str = "text", stream: TextIO | None = None) -> None:
    """Send the program's log to standard error, without paths, queries or values.

    Args:
        log_format: ``text`` or ``json``, one object a line.
        stream: where to write instead.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_make_json_formatter() if log_format == "json" else logging.Formatter(_TEXT))
    for name in ("mpi", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.propagate = False
    logging.getLogger("mpi").setLevel(logging.INFO)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)


def _make_json_formatter() -> logging.Formatter:
    """Return a formatter that writes one JSON object a line."""
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", key="time"),
        _add_call,
    ]
    return ProcessorFormatter(
        foreign_pre_chain=before,
        processors=[_keep_fields, structlog.processors.JSONRenderer(serializer=_write_json)],
    )


def _add_call(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Add the facts of an answered call, which its line carries."""
    call: dict[str, object] | None = getattr(event["_record"], _CALL, None)
    return event if call is None else {**event, **call, "event": "request"}


def _keep_fields(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Leave out every field that is not listed."""
    return {name: event[name] for name in FIELDS if event.get(name) is not None}


def _write_json(event: EventDict, **_options: object) -> str:
    return orjson.dumps(event, default=str).decode()
