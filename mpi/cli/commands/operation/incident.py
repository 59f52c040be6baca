"""Commands ``mpi incident …`` for wrong links and their corrections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.command_session import CommandSession, open_session
from mpi.cli.output import JsonFlag, print_facts, print_json, print_note, print_table

if TYPE_CHECKING:
    from mpi.domain.record_ref import RecordRef

Code = Annotated[str, typer.Argument(help="The incident.")]


def list_all(
    with_closed: Annotated[bool, typer.Option("--all", help="List closed ones too.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """List the incidents of wrong links, the latest first."""
    from mpi.domain import clock
    from mpi.service.audit.incident_notices import describe_notice
    from mpi.service.audit.incidents import list_incidents

    with open_session(for_look_up=True) as session:
        incidents = list_incidents(session.index, session.viewer, with_closed=with_closed)
    today = clock.now().date()
    if as_json:
        print_json([incident.as_dict() for incident in incidents])
        return
    rows = [
        [
            incident.code,
            incident.state.value,
            incident.kind,
            incident.opened_at,
            incident.opened_by,
            incident.scope,
            len(incident.recipients),
            incident.waiting_count,
            *(
                (None, None)
                if incident.deadline is None
                else (incident.deadline.due.isoformat(), incident.deadline.days_left(today))
            ),
        ]
        for incident in incidents
    ]
    columns = (
        "code", "state", "kind", "opened", "by", "scope", "recipients", "unacknowledged", "due", "days left",
    )  # fmt: skip
    print_table(columns, rows)
    for incident in incidents:
        if (notice := describe_notice(incident, today)) is not None:
            print_note(notice)


def show(code: Code, as_json: JsonFlag = False) -> None:
    """Show who was told what because of a wrong link."""
    with open_session(for_look_up=True) as session:
        _show(session, code, as_json=as_json)


def send(code: Code, as_json: JsonFlag = False) -> None:
    """Send every recipient of an incident its correction."""
    from mpi.service.audit.incidents import send_corrections

    with open_session() as session:
        send_corrections(session.index, session.viewer, code)
        _show(session, code, as_json=as_json)


def acknowledge(
    code: Code,
    client: Annotated[str, typer.Argument(help="The recipient.")],
    by: Annotated[str, typer.Option("--by", help="Name of the person who acknowledged it.")],
    as_json: JsonFlag = False,
) -> None:
    """Record that a recipient has acknowledged its correction on paper."""
    from mpi.service.audit.incidents import acknowledge_for

    with open_session() as session:
        acknowledge_for(session.index, session.viewer, code, client, by)
        _show(session, code, as_json=as_json)


def close(
    code: Code,
    by: Annotated[str, typer.Option("--by", help="Name of the person who closes it.")],
    note: Annotated[str, typer.Option("--note", help="What was done, without any personal data.")],
    as_json: JsonFlag = False,
) -> None:
    """Close an incident, of which every correction is acknowledged."""
    from mpi.service.audit.incidents import close_incident

    with open_session() as session:
        close_incident(session.index, session.viewer, code, by, note)
        _show(session, code, as_json=as_json)


def _show(session: CommandSession, code: str, *, as_json: bool) -> None:
    """Print one incident."""
    from mpi.service.audit.incidents import show_incident

    incident = show_incident(session.index, session.viewer, code)
    if as_json:
        print_json(incident.as_dict())
        return
    facts = incident.as_dict()
    names = (
        "code", "state", "kind", "scope", "opened_at", "opened_by", "reverses", "clock", "due", "days_left",
        "reversed_at", "reversed_by", "closed_by", "closed_at", "note",
    )  # fmt: skip
    print_facts({name: facts[name] for name in names})
    for number, part in enumerate(incident.parts, 1):
        print_facts({f"part {number}": _join(part)})
    print_table(
        (
            "recipient",
            "agreement",
            "first told",
            "last told",
            "answers",
            "records",
            "acknowledged",
            "by",
            "withdrawn",
        ),
        [
            [
                recipient.client,
                recipient.agreement,
                recipient.since,
                recipient.until,
                recipient.answers,
                _join(recipient.records),
                recipient.acknowledged_at,
                recipient.acknowledged_by,
                recipient.withdrawn_at,
            ]
            for recipient in incident.recipients
        ],
    )


def _join(refs: tuple[RecordRef, ...]) -> str:
    return ", ".join(f"{ref.source}:{ref.local_id}" for ref in refs)
