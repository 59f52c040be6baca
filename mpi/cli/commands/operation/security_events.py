"""Command ``mpi audit events``: security events for a SIEM."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from datetime import datetime, time, timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.output import print_lines
from mpi.cli.output_files import check_output_file, write_private_bytes
from mpi.domain import clock
from mpi.domain.errors import InputError

if TYPE_CHECKING:
    from mpi.service.audit.security_feed import Position

_FIRST_READING = timedelta(days=1)


class EventFormat(StrEnum):
    """Form of the events that are printed or written."""

    ECS = "ecs"
    """A JSON object a line, with fields of the Elastic Common Schema."""
    SYSLOG = "syslog"
    """A syslog message (RFC 5424) a line."""


def run(
    state: Annotated[
        Path | None, typer.Option(help="File that remembers what was read; made if absent.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="DAY", help="First day, without a state; by default, yesterday.")
    ] = None,
    event_format: Annotated[
        EventFormat, typer.Option("--format", help="Form of each line.")
    ] = EventFormat.ECS,
    out: Annotated[Path | None, typer.Option(help="File to append to; standard output by default.")] = None,
    syslog: Annotated[
        str | None, typer.Option(metavar="HOST[:PORT]", help="Send syslog messages over TLS instead.")
    ] = None,
    ca_file: Annotated[
        Path | None, typer.Option(help="Certificates to trust with --syslog; the system's by default.")
    ] = None,
) -> None:
    """List security events for a SIEM: changed rights, refusals, emergencies, exports.

    With --state, each run goes on where the last one ended. After a failure, events may come twice, each with
    the same ID. No event names a child.

    Raises:
        InputError: the state, an address or a file cannot be used.
        RemoteSystemError: the syslog server did not take all; the state is as before.
    """
    from mpi.service.audit.event_format import to_ecs, to_syslog
    from mpi.service.audit.security_feed import find_position, read_events

    deliver = _find_delivery(out, syslog, ca_file)
    if state is not None:
        check_output_file(state, "--state")
    with open_session(for_look_up=True) as session:
        scope, host = session.settings.scope, socket.gethostname()
        is_syslog = syslog is not None or event_format is EventFormat.SYSLOG
        position = _read_state(state)
        if position is None:
            position = find_position(session.index, session.viewer, _find_start(since))
        has_more = True
        while has_more:
            events, position, has_more = read_events(session.index, session.viewer, position)
            if events:
                deliver(
                    [to_syslog(each, scope, host) if is_syslog else to_ecs(each, scope) for each in events]
                )
            if state is not None:
                write_private_bytes(state, json.dumps(asdict(position)).encode() + b"\n")


def _find_delivery(
    out: Path | None, syslog: str | None, ca_file: Path | None
) -> Callable[[Sequence[bytes]], None]:
    """Return the function that delivers lines where the options say.

    Raises:
        InputError: the options exclude each other, or cannot be used.
    """
    from mpi.service.audit.syslog_sender import parse_address, send_messages

    if out is not None and syslog is not None:
        raise InputError("--out and --syslog exclude each other: give one")
    if syslog is not None:
        host, port = parse_address(syslog)
        return lambda lines: send_messages(host, port, lines, ca_file)
    if out is None:
        return lambda lines: print_lines(line.decode() for line in lines)
    check_output_file(out, "--out")
    return partial(_append, out)


def _find_start(since: str | None) -> datetime:
    """Return the moment from which on events are read without a state."""
    if since is None:
        return clock.now() - _FIRST_READING
    return datetime.combine(clock.parse_day(since, "--since"), time.min, clock.now().tzinfo)


def _read_state(path: Path | None) -> Position | None:
    """Return the position in a state file; None without a file.

    Raises:
        InputError: the file cannot be read, or is none of this command.
    """
    from mpi.service.audit.security_feed import Position

    if path is None or not path.exists():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        position = Position(int(found["commit"]), int(found["line"]), str(found["minute"]))
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(
            f"{path} is no state of mpi audit events: move it away, and give --since DAY of the last run"
        ) from None
    return position


def _append(path: Path, lines: Iterable[bytes]) -> None:
    """Append lines to a private file, and wait for the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "ab") as file:
        file.writelines(line + b"\n" for line in lines)
        file.flush()
        os.fsync(file.fileno())
