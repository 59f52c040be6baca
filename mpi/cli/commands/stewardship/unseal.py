"""Commands ``mpi unseal …``: requests to lift a seal, and their answers."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.client_key import AsClient, choose_viewer
from mpi.cli.command_session import open_session
from mpi.cli.commands.stewardship.expunge import LocalIds, Source
from mpi.cli.output import JsonFlag, print_facts, print_json, print_table
from mpi.domain.viewer import Viewer

if TYPE_CHECKING:
    from mpi.service.core.index import Index
    from mpi.service.stewardship.unseal_requests import UnsealAnswer

    Answer = Callable[[Index, Viewer, str, Collection[str]], UnsealAnswer]

Reference = Annotated[
    str, typer.Option(help="The court order's own number, with no name and no other personal data.")
]


def ask(
    local_ids: LocalIds,
    source: Source,
    reference: Reference,
    as_client: AsClient = False,
    as_json: JsonFlag = False,
) -> None:
    """Ask to lift the seal of records by a court order.

    Nothing is unsealed until another person approves.
    """
    from mpi.service.stewardship import unseal_requests

    with open_session() as session:
        viewer = choose_viewer(session, as_client=as_client)
        result = unseal_requests.request_unseals(session.index, viewer, source, local_ids, reference)
    _show(result, as_json=as_json)


def show(as_client: AsClient = False, as_json: JsonFlag = False) -> None:
    """List the records whose seal waits to be lifted.

    The oldest request comes first.
    """
    from mpi.service.stewardship import unseal_requests

    with open_session(for_look_up=True) as session:
        viewer = choose_viewer(session, as_client=as_client)
        requests = unseal_requests.list_unseal_requests(session.index, viewer)
    if as_json:
        print_json([asdict(request) for request in requests])
        return
    columns = ("source", "local_id", "reference", "requested_by", "requested_at")
    print_table(columns, [[getattr(request, column) for column in columns] for request in requests])


def approve(
    local_ids: LocalIds, source: Source, as_client: AsClient = False, as_json: JsonFlag = False
) -> None:
    """Lift the seal of records, for which another person has asked."""
    from mpi.service.stewardship import unseal_requests

    _answer(unseal_requests.approve_unseals, source, local_ids, as_client=as_client, as_json=as_json)


def refuse(
    local_ids: LocalIds, source: Source, as_client: AsClient = False, as_json: JsonFlag = False
) -> None:
    """Refuse to lift the seal of records, which stay sealed."""
    from mpi.service.stewardship import unseal_requests

    _answer(unseal_requests.refuse_unseals, source, local_ids, as_client=as_client, as_json=as_json)


def _answer(answer: Answer, source: str, local_ids: list[str], *, as_client: bool, as_json: bool) -> None:
    """Answer the requests about some records, and print the result."""
    with open_session() as session:
        result = answer(session.index, choose_viewer(session, as_client=as_client), source, local_ids)
    _show(result, as_json=as_json)


def _show(result: UnsealAnswer, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(result))
    else:
        print_facts(asdict(result))
