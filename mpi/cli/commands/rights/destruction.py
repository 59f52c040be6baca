"""Commands ``mpi destruction …``: count, plan, approve, run, certify."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.client_key import AsClient, choose_viewer
from mpi.cli.command_session import open_session
from mpi.cli.output import JsonFlag, print_json, print_table, show_facts
from mpi.cli.progress import show_progress

if TYPE_CHECKING:
    from mpi.service.rights.destruction import DestructionRunView

SourceCode = Annotated[str, typer.Argument(metavar="SOURCE", help="The source.")]
Number = Annotated[int, typer.Argument(min=1, help="The run.")]


def due(
    source: Annotated[str | None, typer.Option(help="Name up to 100 due records of one source.")] = None,
    as_client: AsClient = False,
    as_json: JsonFlag = False,
) -> None:
    """Count what is due to be destroyed, by source."""
    from mpi.service.rights import due_records

    with open_session(for_look_up=True) as session:
        viewer = choose_viewer(session, as_client=as_client)
        views = (
            due_records.list_retention(session.index, viewer)
            if source is None
            else [due_records.show_due(session.index, viewer, source)]
        )
    if as_json:
        print_json([asdict(view) for view in views])
        return
    columns = ("source", "rule", "due", "held", "local_ids")
    print_table(columns, [[getattr(view, column) for column in columns] for view in views])


def plan(
    source: SourceCode,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count alone, and plan nothing.")] = False,
    as_client: AsClient = False,
    as_json: JsonFlag = False,
) -> None:
    """Plan to destroy the records of a source that are due.

    Nothing is destroyed before another person approves.
    """
    from mpi.service.rights import destruction

    with open_session() as session:
        viewer = choose_viewer(session, as_client=as_client)
        if dry_run:
            free, kept = destruction.count_due(session.index, viewer, source)
            show_facts({"source": source, "records": free, "held": kept}, as_json=as_json)
            return
        number = destruction.plan_run(session.index, viewer, source)
        _show_run(destruction.show_run(session.index, viewer, number), as_json=as_json)


def approve(
    number: Number,
    by: Annotated[str, typer.Option("--by", help="Name of the person who approves.")],
    records: Annotated[int, typer.Option(help="Number of records of the run, to be sure.")],
    as_client: AsClient = False,
    as_json: JsonFlag = False,
) -> None:
    """Approve a run, which another person has planned."""
    from mpi.service.rights import destruction

    with open_session() as session:
        viewer = choose_viewer(session, as_client=as_client)
        destruction.approve_run(session.index, viewer, number, by, records)
        _show_run(destruction.show_run(session.index, viewer, number), as_json=as_json)


def run(number: Number, as_client: AsClient = False, as_json: JsonFlag = False) -> None:
    """Destroy the records of an approved run.

    If it is interrupted, run it again: it goes on where it stopped.
    """
    from mpi.service.rights import destruction

    with open_session() as session, show_progress() as report:
        viewer = choose_viewer(session, as_client=as_client)
        view = destruction.execute_run(
            session.index, viewer, number, progress=lambda done, total: report("destroying", done, total)
        )
    _show_run(view, as_json=as_json)


def show(as_client: AsClient = False, as_json: JsonFlag = False) -> None:
    """List the destruction runs, newest first."""
    from mpi.service.rights import destruction

    with open_session(for_look_up=True) as session:
        viewer = choose_viewer(session, as_client=as_client)
        views = [destruction.to_plain_values(view) for view in destruction.list_runs(session.index, viewer)]
    if as_json:
        print_json(views)
        return
    columns = ("number", "source", "state", "rule", "records", "destroyed", "spared", "approved_by")
    print_table(columns, [[view[column] for column in columns] for view in views])


def certificate(number: Number, as_client: AsClient = False, as_json: JsonFlag = False) -> None:
    """Print the certificate of a run that is done."""
    from mpi.service.rights import destruction

    with open_session(for_look_up=True) as session:
        viewer = choose_viewer(session, as_client=as_client)
        found = destruction.get_certificate(session.index, viewer, number)
    show_facts({**found.as_dict(), "is_valid": found.is_valid}, as_json=as_json)


def _show_run(view: DestructionRunView, *, as_json: bool) -> None:
    """Print one run."""
    from mpi.service.rights import destruction

    show_facts(destruction.to_plain_values(view), as_json=as_json)
