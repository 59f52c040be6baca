"""Lines of the server's log, as text or as JSON.

A line has the fields listed here and no others: a field that a library adds, a path, a query or the text of
an error cannot get in.
"""

import logging
import os
import sys
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import TextIO

import orjson
import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

from mpi.domain.clock import format_timestamp
from mpi.domain.errors import InputError
from mpi.domain.security_events import MARK, EventMark, SecurityEvent
from mpi.domain.source import SHARED_SCOPE
from mpi.service.audit.event_format import to_ecs

FIELDS = (
    "time", "level", "logger", "event", "request_id", "client", "method", "route", "status", "ms",
    "security_event",
)  # fmt: skip
"""Fields of a line in JSON, in this order (docs/reference/logs.md)."""
_TEXT = "%(asctime)s %(levelname)s %(name)s %(message)s"
_CALL = "call"


@dataclass(frozen=True, slots=True)
class LogOutput:
    """How the log is written.

    Args:
        log_format: ``text`` or ``json``, one object a line.
        security_log: file to which security events are appended; None for none.
        scope: code of the scope that is served.
        stream: where to write instead of standard error.
    """

    log_format: str = "text"
    security_log: Path | None = None
    scope: str = SHARED_SCOPE
    stream: TextIO | None = None


def start_log(output: LogOutput) -> None:
    """Send the program's log to standard error, without paths, queries or values.

    Raises:
        InputError: the file of security events cannot be opened.
    """
    handler = logging.StreamHandler(output.stream or sys.stderr)
    is_json = output.log_format == "json"
    handler.setFormatter(_make_json_formatter() if is_json else logging.Formatter(_TEXT))
    handlers: list[logging.Handler] = [handler]
    if output.security_log is not None:
        handlers.append(_open_security_log(output.security_log, output.scope))
    for name in ("mpi", "uvicorn.error"):
        logger = logging.getLogger(name)
        for former in logger.handlers:
            former.close()
        logger.handlers[:] = handlers
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
    mark: EventMark | None = getattr(event["_record"], MARK, None)
    if mark is not None:
        event["security_event"] = mark.name
    return event if call is None else {**event, **call, "event": "request"}


def _keep_fields(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Leave out every field that is not listed."""
    return {name: event[name] for name in FIELDS if event.get(name) is not None}


def _open_security_log(path: Path, scope: str) -> logging.Handler:
    """Return a handler that appends security events to a file.

    A SIEM reads the file, which may be renamed meanwhile: the next event is written to a new one.
    """
    try:
        # Only its owner may read it, whatever the permissions that new files get.
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600))
        handler = WatchedFileHandler(path, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write {path}, which MPI_SECURITY_LOG names: {error.strerror}") from None
    handler.setFormatter(_SecurityFormatter(scope))
    handler.addFilter(lambda record: hasattr(record, MARK))
    return handler


class _SecurityFormatter(logging.Formatter):
    """Formatter that writes the security event of a line, in ECS fields.

    Args:
        scope: code of the scope that is served.
    """

    def __init__(self, scope: str) -> None:
        super().__init__()
        self._scope = scope

    def format(self, record: logging.LogRecord) -> str:
        """Return one line of JSON, without its end."""
        mark: EventMark = getattr(record, MARK)
        at = format_timestamp(datetime.fromtimestamp(record.created, UTC))
        event = SecurityEvent(
            mark.name, f"log-{uuid.uuid4()}", at, mark.actor, address=mark.address, facts=mark.facts
        )
        return to_ecs(event, self._scope).decode()


def _write_json(event: EventDict, **_options: object) -> str:
    return orjson.dumps(event, default=str).decode()
