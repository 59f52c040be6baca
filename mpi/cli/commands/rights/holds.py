"""Commands ``mpi legal-hold …``: place, lift and list legal holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.client_key import AsClient, choose_viewer
from mpi.cli.command_session import CommandSession, open_session
from mpi.cli.output import JsonFlag, print_json, print_table, show_facts

if TYPE_CHECKING:
    from mpi.domain.viewer import Viewer

Reason = Annotated[str, typer.Option(help="Why, without a name of a child.")]
Name = Annotated[str, typer.Option("--by", help="Name of the person who answers for it.")]


def place(
    reference: Annotated[str, typer.Option(help="Number of the paper, with no name.")],
    reason: Reason,
    by: Name,
    source: Annotated[str | None, typer.Option(help="The source, or the record's source.")] = None,
    local_id: Annotated[str | None, typer.Option(help="A record of the child, of --source.")] = None,
    agreement: Annotated[str | None, typer.Option(help="The agreement, with nothing else.")] = None,
    as_client: AsClient = False,
    as_json: JsonFlag = False,
) -> None:
    """Place a legal hold: what it reaches is neither expunged nor destroyed.

    The operator's hold on a child reaches the child's records of every source.
    """
    from mpi.service.rights import holds

    order = holds.LegalHoldOrder(reference, reason, by, source, local_id, agreement)
    with open_session() as session:
        viewer = choose_viewer(session, as_client=as_client)
        code = holds.place_hold(session.index, viewer, order)
        _show_hold(session, viewer, code, as_json=as_json)


def lift(
    code: Annotated[str, typer.Argument(help="The hold.")],
    by: Name,
    reason: Reason,
    as_client: AsClient = False,
    as_json: JsonFlag = False,
) -> None:
    """Lift a legal hold, which another person has placed."""
    from mpi.service.rights import holds

    with open_session() as session:
        viewer = choose_viewer(session, as_client=as_client)
        holds.lift_hold(session.index, viewer, code, by, reason)
        _show_hold(session, viewer, code, as_json=as_json)


def show(as_client: AsClient = False, as_json: JsonFlag = False) -> None:
    """List the legal holds, oldest first."""
    from mpi.service.rights import holds

    with open_session(for_look_up=True) as session:
        viewer = choose_viewer(session, as_client=as_client)
        views = [holds.to_plain_values(view) for view in holds.list_holds(session.index, viewer)]
    if as_json:
        print_json(views)
        return
    columns = ("code", "target", "source", "agreement", "reference", "placed_by", "placed_on", "stands")
    print_table(columns, [[view[column] for column in columns] for view in views])


def _show_hold(session: CommandSession, viewer: Viewer, code: str, *, as_json: bool) -> None:
    """Print one hold."""
    from mpi.service.rights import holds

    views = {view.stored.code: view for view in holds.list_holds(session.index, viewer)}
    show_facts(holds.to_plain_values(views[code]), as_json=as_json)
