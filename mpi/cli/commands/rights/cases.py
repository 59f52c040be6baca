"""Commands ``mpi rights …``: cases, and rules of sources."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mpi.cli.client_key import AsClient, choose_viewer
from mpi.cli.command_session import CommandSession, open_session
from mpi.cli.commands.stewardship.expunge import Source
from mpi.cli.output import JsonFlag, print_facts, print_json, print_note, print_table, show_facts
from mpi.domain import clock
from mpi.domain.errors import InputError
from mpi.policy.cases.subject_rights import (
    CaseKind,
    Check,
    Identification,
    Inspection,
    RefusalReason,
    Relation,
)

if TYPE_CHECKING:
    from mpi.domain.viewer import Viewer
    from mpi.service.rights.subject_report import SubjectReport

Code = Annotated[str, typer.Argument(help="The case.")]
Name = Annotated[str, typer.Option("--by", help="Name of the person who decides.")]


def open_case(
    local_id: Annotated[str, typer.Argument(help="The record.")],
    source: Source,
    relation: Annotated[Relation, typer.Option(help="Who asks.")],
    identification: Annotated[Identification, typer.Option(help="How it was made sure who asks.")],
    identified_by: Annotated[str, typer.Option(help="Name of the person who made sure.")],
    reference: Annotated[str, typer.Option(help="Number under which the paper is filed, with no name.")],
    received: Annotated[str, typer.Option(metavar="DAY", help="Day on which it was received.")],
    owner: Annotated[str, typer.Option(help="Person or office that answers for the case.")],
    kind: Annotated[CaseKind, typer.Option(help="What is asked for.")] = CaseKind.INSPECT,
    field: Annotated[str | None, typer.Option(help="Field to amend; the change is read from input.")] = None,
    as_client: AsClient = False,
    as_json: JsonFlag = False,
) -> None:
    """Open the case of a person's request about a record.

    With ``--kind amend`` the change that is asked for is read from standard input.
    """
    from mpi.service.rights import requests

    request = requests.RightsRequest(
        kind=kind,
        source=source,
        local_id=local_id,
        relation=relation,
        identification=identification,
        identified_by=identified_by,
        reference=reference,
        received=clock.parse_day(received, "--received"),
        owner=owner,
        field=field,
        wanted=sys.stdin.read() if kind is CaseKind.AMEND else None,
    )
    with open_session() as session:
        viewer = choose_viewer(session, as_client=as_client)
        code = requests.open_case(session.index, viewer, request)
        _show_case(session, viewer, code, as_json=as_json)


def show(as_client: AsClient = False, as_json: JsonFlag = False) -> None:
    """List the rights cases, the earliest due day first, with warnings."""
    from mpi.service.rights import cases

    with open_session(for_look_up=True) as session:
        viewer = choose_viewer(session, as_client=as_client)
        views = [cases.to_plain_values(case) for case in cases.list_cases(session.index, viewer)]
    if as_json:
        print_json(views)
        return
    columns = ("code", "kind", "state", "source", "reference", "owner", "clock", "due", "days_left")
    print_table(columns, [[view[column] for column in columns] for view in views])


def release(
    code: Code,
    by: Name,
    checks: Annotated[list[Check], typer.Option("--check", help="What you attest; repeat for several.")],
    as_client: AsClient = False,
    as_json: JsonFlag = False,
) -> None:
    """Release the report about a child, and print it.

    Who opened the case cannot release it. The release is on the disclosure ledger.
    """
    from mpi.service.rights import subject_report

    with open_session() as session:
        viewer = choose_viewer(session, as_client=as_client)
        report = subject_report.release_report(session.index, viewer, code, checks, by)
    if as_json:
        print_json(asdict(report))
    else:
        _print_report(report)


def refuse(
    code: Code,
    by: Name,
    reason: Annotated[RefusalReason, typer.Option(help="Why; no letter tells it.")],
    as_client: AsClient = False,
    as_json: JsonFlag = False,
) -> None:
    """Refuse what a case asks for, and print the letter."""
    from mpi.service.rights import cases, requests

    with open_session() as session:
        viewer = choose_viewer(session, as_client=as_client)
        kind = cases.show_case(session.index, viewer, code).kind
        requests.refuse_case(session.index, viewer, code, kind, reason, by)
        _show_case(session, viewer, code, as_json=as_json)


def grant(code: Code, by: Name, as_client: AsClient = False, as_json: JsonFlag = False) -> None:
    """Grant a request to amend, so that the source corrects its record."""
    from mpi.service.rights import amendments

    with open_session() as session:
        viewer = choose_viewer(session, as_client=as_client)
        amendments.grant_amendment(session.index, viewer, code, by)
        _show_case(session, viewer, code, as_json=as_json)


def ask_hearing(code: Code, as_client: AsClient = False, as_json: JsonFlag = False) -> None:
    """Record that a hearing was asked for after a refusal to amend."""
    from mpi.service.rights import amendments

    with open_session() as session:
        viewer = choose_viewer(session, as_client=as_client)
        amendments.ask_hearing(session.index, viewer, code)
        _show_case(session, viewer, code, as_json=as_json)


def hear(
    code: Code,
    officer: Annotated[str, typer.Option(help="Name of the person who held the hearing.")],
    amends: Annotated[bool, typer.Option("--amend/--uphold", help="Whether the record is to be amended.")],
    as_client: AsClient = False,
    as_json: JsonFlag = False,
) -> None:
    """Record the decision of a hearing."""
    from mpi.service.rights import amendments

    with open_session() as session:
        viewer = choose_viewer(session, as_client=as_client)
        amendments.decide_hearing(session.index, viewer, code, officer, amends=amends)
        _show_case(session, viewer, code, as_json=as_json)


def attach(code: Code, as_client: AsClient = False, as_json: JsonFlag = False) -> None:
    """Attach a statement, read from standard input, to the record."""
    from mpi.service.rights import amendments

    with open_session() as session:
        viewer = choose_viewer(session, as_client=as_client)
        amendments.attach_statement(session.index, viewer, code, sys.stdin.read())
        _show_case(session, viewer, code, as_json=as_json)


def rule(
    source: Annotated[str, typer.Argument(help="The source.")],
    inspection: Annotated[Inspection | None, typer.Option(help="In which reports its records stand.")] = None,
    citation: Annotated[str | None, typer.Option(help="The law that says so.")] = None,
    inspection_days: Annotated[int | None, typer.Option(help="Days to answer a request, 45 at most.")] = None,
    amendment_days: Annotated[int | None, typer.Option(help="Days to decide, and to correct.")] = None,
    hearing_days: Annotated[
        int | None, typer.Option(help="Days to ask for a hearing, and to hold it.")
    ] = None,
    appeal_office: Annotated[str | None, typer.Option(help="Office for a review of refusals.")] = None,
    retention_days: Annotated[int | None, typer.Option(help="Days after which a record is due.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep records without end.")] = False,
    begins: Annotated[
        str | None, typer.Option("--retention-begins", help="exit, last_sent or agreement_end.")
    ] = None,
    agreement: Annotated[
        str | None, typer.Option("--retention-agreement", help="The agreement, with agreement_end.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show or change the rule of a source."""
    from mpi.policy.cases.subject_rights import to_details
    from mpi.service.rights import source_rules

    if keep and retention_days is not None:
        raise InputError("--keep: without --retention-days")
    named: dict[str, Any] = {
        "inspection": inspection,
        "citation": citation,
        "inspection_days": inspection_days,
        "amendment_days": amendment_days,
        "hearing_days": hearing_days,
        "appeal_office": appeal_office,
        "retention_days": retention_days,
        "retention_begins": begins,
    }
    changes = {name: value for name, value in named.items() if value is not None}
    if keep:
        changes["retention_days"] = None
    if agreement is not None or begins is not None:
        changes["retention_agreement"] = agreement
    with open_session() as session:
        if changes:
            source_rules.set_rule(session.index, session.viewer, source, **changes)
        rules = source_rules.list_rules(session.index, session.viewer)
    if source not in rules:
        raise InputError("source: there is none of this code: see mpi source list")
    show_facts(to_details(rules[source]), as_json=as_json)


def _show_case(session: CommandSession, viewer: Viewer, code: str, *, as_json: bool) -> None:
    """Print one case."""
    from mpi.service.rights import cases

    values = cases.to_plain_values(cases.show_case(session.index, viewer, code))
    if as_json:
        print_json(values)
        return
    letter = values.pop("letter")
    print_facts({name: value for name, value in values.items() if name != "steps"})
    if letter is not None:
        print_note(letter)


def _print_report(report: SubjectReport) -> None:
    print_facts({"case": report.code, "released_on": report.released_on, "released_by": report.released_by})
    for record in report.records:
        print_facts(
            {
                "agency": record.agency,
                "source": record.source,
                "local_id": record.local_id,
                "law": record.law,
                **record.values,
            }
        )
        for statement in record.statements:
            print_facts({"statement": statement})
        for item in record.items:
            print_facts({"item": item.kind, "as_of": item.as_of, **item.values})
    columns = ("day", "receiver", "purpose", "agreement", "in_list", "fields")
    print_table(columns, [[getattr(line, column) for column in columns] for line in report.disclosures])
    for notice in report.notices:
        print_note(notice)
