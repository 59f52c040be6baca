"""Commands ``mpi expunge …``: answers to requests to expunge records, and certificates."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.client_key import AsClient, choose_viewer
from mpi.cli.command_session import open_session
from mpi.cli.exit_codes import ExitCode
from mpi.cli.output import JsonFlag, print_facts, print_json, print_table
from mpi.domain.errors import InputError
from mpi.domain.viewer import Viewer

if TYPE_CHECKING:
    from mpi.service.core.index import Index
    from mpi.service.stewardship.expunge_certificates import Certificate
    from mpi.service.stewardship.expunge_requests import ExpungeAnswer

    Answer = Callable[[Index, Viewer, str, Collection[str]], ExpungeAnswer]

LocalIds = Annotated[list[str], typer.Argument(metavar="LOCAL_ID...", help="The records, 20 at most.")]
Source = Annotated[str, typer.Option("--source", help="Their source.")]


def show(as_client: AsClient = False, as_json: JsonFlag = False) -> None:
    """List the records that wait to be expunged.

    The oldest request comes first. Each record is sealed meanwhile.
    """
    from mpi.service.stewardship import expunge_requests

    with open_session(for_look_up=True) as session:
        viewer = choose_viewer(session, as_client=as_client)
        requests = expunge_requests.list_expunge_requests(session.index, viewer)
    if as_json:
        print_json([asdict(request) for request in requests])
        return
    columns = ("source", "local_id", "requested_by", "requested_at")
    print_table(columns, [[getattr(request, column) for column in columns] for request in requests])


def approve(
    local_ids: LocalIds, source: Source, as_client: AsClient = False, as_json: JsonFlag = False
) -> None:
    """Destroy records that another client asked to expunge.

    It cannot be undone.
    """
    from mpi.service.stewardship import expunge_requests

    _answer(expunge_requests.approve_expunges, source, local_ids, as_client=as_client, as_json=as_json)


def refuse(
    local_ids: LocalIds, source: Source, as_client: AsClient = False, as_json: JsonFlag = False
) -> None:
    """Refuse to expunge records, and show them again.

    A record that was sealed before the request stays sealed.
    """
    from mpi.service.stewardship import expunge_requests

    _answer(expunge_requests.refuse_expunges, source, local_ids, as_client=as_client, as_json=as_json)


def _answer(answer: Answer, source: str, local_ids: list[str], *, as_client: bool, as_json: bool) -> None:
    """Answer the requests about some records, and print the result."""
    with open_session() as session:
        result = answer(session.index, choose_viewer(session, as_client=as_client), source, local_ids)
    if as_json:
        print_json(asdict(result))
        return
    print_facts(asdict(result))


def certificate(
    number: Annotated[int | None, typer.Argument(help="Number of the certificate; all by default.")] = None,
    check: Annotated[
        Path | None, typer.Option(help="Check the signature of a certificate in a JSON file instead.")
    ] = None,
    as_client: AsClient = False,
    as_json: JsonFlag = False,
) -> None:
    """List the certificates of destruction, or print or check one.

    Exits 1 if the certificate was altered.
    """
    from mpi.service.stewardship import expunge_certificates

    with open_session(for_look_up=True) as session:
        viewer = choose_viewer(session, as_client=as_client)
        if number is None and check is None:
            _list_certificates(expunge_certificates.list_certificates(session.index, viewer), as_json=as_json)
            return
        found = (
            expunge_certificates.get_certificate(session.index, viewer, number or 0)
            if check is None
            else expunge_certificates.check_certificate(session.index, viewer, _read(check))
        )
    if as_json:
        print_json(found.as_dict())
    elif check is not None:
        print_facts({"signature": "valid" if found.is_valid else "not valid"})
    else:
        typer.echo(expunge_certificates.format_certificate(found), nl=False)
    if not found.is_valid:
        raise typer.Exit(ExitCode.UNSOUND)


def _list_certificates(certificates: list[Certificate], *, as_json: bool) -> None:
    if as_json:
        print_json([one.as_dict() for one in certificates])
        return
    columns = ("certificate", "source", "reference", "requested_by", "approved_by", "destroyed_at")
    print_table(columns, [[one.content[column] or "" for column in columns] for one in certificates])


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
