"""Commands ``mpi client …``: clients of the API."""

from dataclasses import asdict
from typing import Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.output import JsonFlag, print_facts, print_json, print_note, print_table
from mpi.domain.errors import InputError

PartyOption = Annotated[
    str | None,
    typer.Option(metavar="CODE", help="The party to act for, where the sources are of several parties."),
]
_NAME = "1 to 64 letters, digits, '_', '-' or '.'."


def add(
    name: Annotated[str, typer.Argument(help=_NAME)],
    scope: Annotated[list[str], typer.Option(metavar="SCOPE", help="A permission; may be repeated.")],
    source: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE", help="A source that the client may read and write; may be repeated."),
    ] = None,
    all_sources: Annotated[
        bool, typer.Option("--all-sources", help="All sources, also those added later.")
    ] = False,
    agreement: Annotated[
        str | None, typer.Option(metavar="CODE", help="The agreement to act under; house by default.")
    ] = None,
    party: PartyOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Add an API client and show its key once.

    In the shared index of several scopes you must name the agreement.
    """
    from mpi.service.access import clients
    from mpi.service.agreements import reach

    if bool(source) == all_sources:
        raise InputError("name the client's sources with --source, or give --all-sources")
    with open_session() as session:
        key = clients.add_client(
            session.index, session.viewer, name, scope, None if all_sources else source, agreement, party
        )
        lacks_agreement = reach.lacks_agreement(session.index, session.viewer, name)
    if lacks_agreement:
        print_note(
            f"{name} acts under house, the operator's own rule, over the sources of several agencies or of "
            f"all: bind it to their agreement (mpi client bind {name} --agreement CODE)"
        )
    facts = {"client": name, "api_key": key}
    if as_json:
        print_json(facts)
        return
    print_facts({label.replace("_", " "): value for label, value in facts.items()})
    print_note("the API key is shown this once: keep it where keys are kept")


def list_all(as_json: JsonFlag = False) -> None:
    """List the API clients and their permissions."""
    from mpi.service.access import clients as clients_service

    with open_session(for_look_up=True) as session:
        clients = [asdict(client) for client in clients_service.list_clients(session.index, session.viewer)]
    if as_json:
        print_json(clients)
        return
    print_table(
        ("client", "scopes", "sources", "agreement", "party", "since", "expires", "token name", "revoked"),
        [
            (
                row["name"],
                row["scopes"],
                row["sources"] or "all",
                row["agreement"],
                row["party"] or "",
                row["since"][:19],
                row["expires_on"] or "never",
                row["token_subject"] or "",
                (row["revoked"] or "")[:19],
            )
            for row in clients
        ],
    )


def bind(
    name: Annotated[str, typer.Argument(help="The client.")],
    agreement: Annotated[str, typer.Option(metavar="CODE", help="The agreement to act under.")],
    party: PartyOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Bind a client to another agreement."""
    from mpi.service.access import clients

    with open_session() as session:
        clients.bind_client(session.index, session.viewer, name, agreement, party)
    facts = {"client": name, "agreement": agreement, "party": party}
    if as_json:
        print_json(facts)
    else:
        print_facts(facts)


def rotate(
    name: Annotated[str, typer.Argument(help="The client.")],
    overlap_days: Annotated[
        int, typer.Option("--overlap-days", metavar="DAYS", help="Days for which the old key still works.")
    ] = 0,
    as_json: JsonFlag = False,
) -> None:
    """Give a client another key and show it once.

    The client keeps its name and permissions.
    """
    from mpi.service.access import clients

    with open_session() as session:
        key = clients.rotate_key(session.index, session.viewer, name, overlap_days)
    if as_json:
        print_json({"client": name, "api_key": key})
        return
    print_facts({"client": name, "api key": key})
    print_note("the API key is shown this once: keep it where keys are kept")


def expire(
    name: Annotated[str, typer.Argument(help="The client.")],
    day: Annotated[
        str | None, typer.Option("--on", metavar="DATE", help="First day on which the key is refused.")
    ] = None,
    never: Annotated[bool, typer.Option("--never", help="The key does not expire.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Set when a client's key expires."""
    from mpi.service.access import clients

    if (day is None) != never:
        raise InputError("give the day with --on, or --never")
    with open_session() as session:
        clients.set_expiry(session.index, session.viewer, name, day)
    facts = {"client": name, "expires_on": day}
    if as_json:
        print_json(facts)
    else:
        print_facts({label.replace("_", " "): value or "never" for label, value in facts.items()})


def set_subject(
    name: Annotated[str, typer.Argument(help="The client.")],
    subject: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="The client's name at the token issuer.")
    ] = None,
    none: Annotated[bool, typer.Option("--none", help="Accept no signed token for the client.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Set whose signed tokens stand for a client."""
    from mpi.service.access import clients

    if (subject is None) != none:
        raise InputError("give the client's name at the issuer with --name, or --none")
    with open_session() as session:
        clients.set_token_subject(session.index, session.viewer, name, subject)
    facts = {"client": name, "token_subject": subject}
    if as_json:
        print_json(facts)
    else:
        print_facts({label.replace("_", " "): value or "none" for label, value in facts.items()})


def revoke(name: Annotated[str, typer.Argument(help="The client.")], as_json: JsonFlag = False) -> None:
    """Revoke a client's API key."""
    from mpi.service.access import clients

    with open_session() as session:
        clients.revoke_client(session.index, session.viewer, name)
    if as_json:
        print_json({"client": name, "revoked": True})
    else:
        print_facts({"client": name, "revoked": True})
