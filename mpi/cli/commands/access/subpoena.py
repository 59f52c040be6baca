"""Commands ``mpi subpoena …``: cases with counsel's decision, and what they release."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.client_key import AsClient, choose_viewer
from mpi.cli.command_session import CommandSession, open_session
from mpi.cli.commands.stewardship.expunge import Source
from mpi.cli.output import JsonFlag, print_facts, print_json, print_note, print_table
from mpi.domain import clock
from mpi.domain.errors import InputError
from mpi.policy.cases.subpoena import CounselVerdict

if TYPE_CHECKING:
    from mpi.domain.viewer import Viewer

Code = Annotated[str, typer.Argument(help="The case.")]
Fields = Annotated[list[str], typer.Option("--field", help="A canonical field; repeat for several.")]


def open_case(
    local_ids: Annotated[list[str], typer.Argument(metavar="LOCAL_ID...", help="The records, 100 at most.")],
    source: Source,
    court: Annotated[str, typer.Option(help="Court that issued it.")],
    reference: Annotated[str, typer.Option(help="The court's own number, with no name.")],
    served_by: Annotated[str, typer.Option(help="Office that served it.")],
    received: Annotated[str, typer.Option(metavar="DAY", help="Day on which it was received.")],
    due: Annotated[str, typer.Option(metavar="DAY", help="Day by which it is to be answered.")],
    fields: Fields,
    notice_forbidden: Annotated[
        bool, typer.Option("--notice-forbidden", help="The order forbids to notify the parents.")
    ] = False,
    as_client: AsClient = False,
    as_json: JsonFlag = False,
) -> None:
    """Open the case of a subpoena that was served.

    Nothing is released before counsel has decided.
    """
    from mpi.policy.cases.subpoena import Subpoena
    from mpi.service.legal import subpoena_cases

    subpoena = Subpoena(
        source=source,
        court=court,
        reference=reference,
        served_by=served_by,
        received=clock.parse_day(received, "--received"),
        due=clock.parse_day(due, "--due"),
        notice_forbidden=notice_forbidden,
    )
    with open_session() as session:
        viewer = choose_viewer(session, as_client=as_client)
        code = subpoena_cases.open_case(session.index, viewer, subpoena, local_ids, fields)
        _show_case(session, viewer, code, as_json=as_json)


def show(as_client: AsClient = False, as_json: JsonFlag = False) -> None:
    """List the subpoena cases, the earliest due day first."""
    from mpi.service.legal import subpoena_cases

    with open_session(for_look_up=True) as session:
        viewer = choose_viewer(session, as_client=as_client)
        views = subpoena_cases.list_cases(session.index, viewer)
    cases = [subpoena_cases.to_plain_values(view) for view in views]
    if as_json:
        print_json(cases)
        return
    columns = ("code", "state", "source", "reference", "due", "verdict", "counsel", "obstacle")
    print_table(columns, [[case[column] for column in columns] for case in cases])


def notify(
    code: Code,
    day: Annotated[str | None, typer.Option("--on", metavar="DAY", help="The day; today by default.")] = None,
    as_client: AsClient = False,
    as_json: JsonFlag = False,
) -> None:
    """Record when the parents were notified of a case."""
    from mpi.service.legal import subpoena_cases

    noticed = clock.now().date() if day is None else clock.parse_day(day, "--on")
    with open_session() as session:
        viewer = choose_viewer(session, as_client=as_client)
        subpoena_cases.record_notice(session.index, viewer, code, noticed)
        _show_case(session, viewer, code, as_json=as_json)


def decide(
    code: Code,
    verdict: Annotated[str, typer.Argument(help="release, narrow or refuse.")],
    counsel: Annotated[str, typer.Option(help="Name of the attorney who decides.")],
    reason: Annotated[str, typer.Option(help="Why, in a few words; nothing of a child.")],
    local_ids: Annotated[
        list[str] | None, typer.Option("--record", metavar="LOCAL_ID", help="A record that is kept.")
    ] = None,
    fields: Annotated[list[str] | None, typer.Option("--field", help="A field that is kept.")] = None,
    as_client: AsClient = False,
    as_json: JsonFlag = False,
) -> None:
    """Decide about a case, as counsel.

    Who opened the case cannot decide. At this command line everybody is the operator.
    """
    from mpi.policy.cases.subpoena import CounselDecision
    from mpi.service.legal import subpoena_cases

    decision = CounselDecision(_parse_verdict(verdict), counsel, reason)
    with open_session() as session:
        viewer = choose_viewer(session, as_client=as_client)
        subpoena_cases.decide_case(session.index, viewer, code, decision, local_ids or (), fields or ())
        _show_case(session, viewer, code, as_json=as_json)


def release(code: Code, as_client: AsClient = False, as_json: JsonFlag = False) -> None:
    """Release what counsel decided, and print it.

    Each person gets a line on the disclosure ledger.
    """
    from mpi.service.legal import subpoena_release

    with open_session() as session:
        viewer = choose_viewer(session, as_client=as_client)
        result = subpoena_release.release_case(session.index, viewer, code)
    if as_json:
        print_json(asdict(result))
        return
    print_facts({"case": result.code, "reference": result.reference, "records": len(result.records)})
    for record in result.records:
        print_facts({"source": record.source, "local_id": record.local_id, **record.values})
        if record.withheld:
            print_note(f"withheld, since the whereabouts are confidential: {', '.join(record.withheld)}")


def _show_case(session: CommandSession, viewer: Viewer, code: str, *, as_json: bool) -> None:
    """Print one case."""
    from mpi.service.legal import subpoena_cases

    values = subpoena_cases.to_plain_values(subpoena_cases.show_case(session.index, viewer, code))
    if as_json:
        print_json(values)
    else:
        print_facts(values)


def _parse_verdict(text: str) -> CounselVerdict:
    try:
        return CounselVerdict(text)
    except ValueError:
        raise InputError(f"verdict: give one of {', '.join(CounselVerdict)}") from None
