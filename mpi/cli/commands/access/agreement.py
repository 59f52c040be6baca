"""Commands ``mpi agreement …``: the register of data-sharing agreements."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.client_key import AsClient, choose_viewer
from mpi.cli.command_session import open_session
from mpi.cli.output import JsonFlag, print_facts, print_json, print_note, print_table, show_facts
from mpi.domain.errors import FileError, InputError
from mpi.domain.viewer import Viewer

if TYPE_CHECKING:
    from mpi.policy.agreement import Agreement
    from mpi.service.agreements.views import AgreementView
    from mpi.service.core.index import Index

    TakeStep = Callable[[Index, Viewer, str, str], None]

Code = Annotated[str, typer.Argument(help="The agreement.")]
Reason = Annotated[str, typer.Option(help="Why, in a few words.")]


def add(
    file: Annotated[Path, typer.Argument(help="A TOML file (docs/reference/agreements.md).")],
    as_json: JsonFlag = False,
) -> None:
    """Add an agreement, or a version of one, from a TOML file.

    It waits for a second person's approval. The version in force stays in force until then.
    """
    from mpi.service.agreements import documents, register

    agreement = documents.parse_agreement_file(_read(file, documents.MAX_FILE_BYTES), file.name)
    with open_session() as session:
        version = register.propose_version(session.index, session.viewer, agreement)
    show_facts({"agreement": agreement.code, "version": version, "state": "draft"}, as_json=as_json)


def list_all(as_json: JsonFlag = False) -> None:
    """List the agreements, their state and the days that are left."""
    from mpi.service.agreements import notices, reach, views

    with open_session(for_look_up=True) as session:
        agreements = views.list_agreements(session.index, session.viewer)
        house = reach.measure_house_reach(session.index, session.viewer)
    if as_json:
        print_json([views.to_plain_values(view) for view in agreements])
        return
    print_table(
        ("agreement", "title", "state", "version", "parties", "last day", "days left"),
        [
            (
                view.code,
                view.terms.title,
                str(view.state),
                view.terms.version,
                [party.code for party in view.terms.parties],
                None if view.end is None else view.end.last_day.isoformat(),
                None if view.end is None else str(view.end.days_left),
            )
            for view in agreements
        ],
    )
    for view in agreements:
        if view.end is not None and view.end.notice is not None:
            print_note(notices.describe_notice(view))
        if view.fault is not None:
            print_note(f"agreement {view.code} could not be approved today: {view.fault}")
    if house.clients or house.accounts:
        print_note(
            "house, the operator's own rule, serves over the sources of several agencies "
            f"(clients: {house.clients}, accounts: {house.accounts}): bind them to their agreements"
        )


def show(code: Code, as_json: JsonFlag = False) -> None:
    """Show the terms of an agreement."""
    from mpi.service.agreements import views

    with open_session(for_look_up=True) as session:
        view = views.show_agreement(session.index, session.viewer, code)
    if as_json:
        print_json(views.to_plain_values(view))
        return
    _print_terms(view, view.terms)
    if view.draft is not None:
        print_note(f"version {view.draft.version} waits for approval; it was proposed by {view.proposed_by}")
        _print_terms(view, view.draft)


def history(code: Code, as_json: JsonFlag = False) -> None:
    """List what was done with an agreement, and by whom."""
    from mpi.service.agreements import views

    with open_session(for_look_up=True) as session:
        events = views.list_history(session.index, session.viewer, code)
    if as_json:
        print_json([asdict(event) for event in events])
        return
    print_table(
        ("at", "by", "event", "version", "reason"),
        [(event.at[:19], event.by, event.event, event.version, event.reason) for event in events],
    )


def approve(
    code: Code,
    version: Annotated[
        int | None, typer.Option(help="The version that you have read; the latest by default.")
    ] = None,
    as_client: AsClient = False,
    alone: Annotated[
        bool, typer.Option("--alone", help="Approve what you proposed. The history shows it.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Approve the latest version of an agreement, as a second person.

    Who proposed it cannot approve it. At this command line everybody is the operator.
    """
    from mpi.service.agreements import register

    if as_client and alone:
        raise InputError("--alone is for the operator: leave out --client")
    with open_session() as session:
        viewer = choose_viewer(session, as_client=as_client, who="may approve agreements")
        approved = register.approve_version(session.index, viewer, code, version, alone=alone)
    show_facts({"agreement": code, "version": approved, "approved": True}, as_json=as_json)


def suspend(code: Code, reason: Reason, as_json: JsonFlag = False) -> None:
    """Suspend an agreement at once."""
    from mpi.service.agreements import register

    _take_step(register.suspend_agreement, code, reason, "suspended", as_json=as_json)


def resume(code: Code, reason: Reason, as_json: JsonFlag = False) -> None:
    """Resume a suspended agreement."""
    from mpi.service.agreements import register

    _take_step(register.resume_agreement, code, reason, "resumed", as_json=as_json)


def end(code: Code, reason: Reason, as_json: JsonFlag = False) -> None:
    """End an agreement for good."""
    from mpi.service.agreements import register

    _take_step(register.end_agreement, code, reason, "ended", as_json=as_json)


def refusals(
    days: Annotated[int, typer.Option(min=1, max=3_650, help="Days to look back.")] = 7,
    as_json: JsonFlag = False,
) -> None:
    """List the requests that were refused, counted by minute."""
    from mpi.service.agreements import refusals as refusals_service

    with open_session(for_look_up=True) as session:
        rows = [
            asdict(row) for row in refusals_service.list_refusals(session.index, session.viewer, days=days)
        ]
    if as_json:
        print_json(rows)
        return
    columns = ("minute", "client", "action", "purpose", "agreement", "reason", "count")
    print_table(columns, [[row[column] for column in columns] for row in rows])


def _take_step(take_step: TakeStep, code: str, reason: str, done: str, *, as_json: bool) -> None:
    """Suspend, resume or end an agreement, and print that it was done."""
    with open_session() as session:
        take_step(session.index, session.viewer, code, reason)
    show_facts({"agreement": code, done: True}, as_json=as_json)


def _read(file: Path, max_bytes: int) -> str:
    """Read a text file of bounded size.

    Raises:
        FileError: it cannot be read, is too large, or is not UTF-8.
    """
    try:
        with file.open("rb") as opened:
            content = opened.read(max_bytes + 1)
    except OSError as error:
        raise FileError(f"{file}: cannot be read: {error.strerror}") from error
    if len(content) > max_bytes:
        raise FileError(f"{file}: more than {max_bytes:,} bytes, which no agreement needs")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise FileError(f"{file}: not UTF-8") from None


def _print_terms(view: AgreementView, terms: Agreement) -> None:
    """Print one version of an agreement."""
    print_facts({
        "agreement": terms.code,
        "title": terms.title,
        "version": terms.version,
        "state": str(view.state) if terms is view.terms else "draft",
        "begins": terms.begins.isoformat(),
        "ends": None if terms.ends is None else terms.ends.isoformat(),
        "days left": None if view.end is None or terms is not view.terms else str(view.end.days_left),
        "retention days": terms.retention_days,
        "redisclosure": terms.redisclosure,
        "smallest count": terms.small_cell,
        "clocks": [f"{clock.name} {clock.days} days" for clock in terms.clocks],
        "owners": [f"{owner.party} {owner.duty}: {owner.office}" for owner in terms.owners],
        "codes": [f"{each.name}: {', '.join(sorted(each.codes))}" for each in terms.codes],
        "research partitions": sorted(terms.partitions),
        "clients": view.clients,
        "accounts": view.accounts,
    })  # fmt: skip
    print_table(
        ("party", "name", "kind", "sources"),
        [(party.code, party.name, str(party.kind), sorted(party.sources)) for party in terms.parties],
    )
    print_table(
        ("from", "to", "population", "legal basis", "purposes", "output fields", "matching fields"),
        [
            (
                grant.discloser,
                grant.recipient,
                grant.population,
                grant.legal_basis,
                sorted(grant.purposes),
                sorted(grant.output_fields),
                sorted(grant.matching_fields),
            )
            for grant in terms.grants
        ],
    )
