"""Commands ``mpi holdings …``: drop what may not be held."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.client_key import AsClient, choose_viewer
from mpi.cli.command_session import open_session
from mpi.cli.output import JsonFlag, print_facts, print_json, print_note, print_table
from mpi.cli.progress import show_progress

if TYPE_CHECKING:
    from mpi.service.holdings.runs import Certificate

Code = Annotated[str, typer.Argument(help="The source.")]
_COLUMNS = (
    "number",
    "source",
    "status",
    "load",
    "rows",
    "records",
    "requested_by",
    "approved_by",
    "ended_at",
)


def apply(
    code: Code,
    trial: Annotated[bool, typer.Option("--dry-run", help="Count only; change nothing.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Drop stored records that may not be held.

    Many records are dropped only when a second person approves.
    """
    from mpi.service.holdings import runs

    with open_session() as session, show_progress() as report:
        if trial:
            facts = asdict(runs.preview_run(session.index, session.viewer, code))
            print_json(facts) if as_json else print_facts(facts)
            return
        certificate = runs.apply_run(session.index, session.viewer, code, report)
    _show(certificate, as_json=as_json)


def approve(code: Code, as_client: AsClient = False, as_json: JsonFlag = False) -> None:
    """Approve that stored records are dropped.

    It cannot be undone. Whoever asked for it cannot approve.
    """
    from mpi.service.holdings import runs

    with open_session() as session, show_progress() as report:
        viewer = choose_viewer(session, as_client=as_client)
        certificate = runs.approve_run(session.index, viewer, code, report)
    _show(certificate, as_json=as_json)


def ask(as_json: JsonFlag = False) -> None:
    """Count dropped rows to ask their source for again.

    Ask their sources to send a file again, or wait for the next one.
    """
    from mpi.service.holdings import tokens

    with open_session(for_look_up=True) as session:
        counts = [asdict(row) for row in tokens.count_rows_to_ask(session.index, session.viewer)]
    if as_json:
        print_json(counts)
    else:
        print_table(("source", "tokens", "rows"), [list(row.values()) for row in counts])


def show(
    source: Annotated[str | None, typer.Option("--source", help="The source; all by default.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """List what was dropped, with certificates.

    A certificate counts what was destroyed and names no child.
    """
    from mpi.service.holdings import runs

    with open_session(for_look_up=True) as session:
        certificates = runs.list_certificates(session.index, session.viewer, source)
    if as_json:
        print_json([asdict(certificate) for certificate in certificates])
        return
    print_table(_COLUMNS, [[getattr(certificate, name) for name in _COLUMNS] for certificate in certificates])
    changed = [str(certificate.number) for certificate in certificates if not certificate.is_intact]
    if changed:
        print_note(f"certificates that were changed after they were made: {', '.join(changed)}")


def _show(certificate: Certificate, *, as_json: bool) -> None:
    """Print the certificate of a run, and whether it waits."""
    if as_json:
        print_json(asdict(certificate))
    else:
        print_facts(asdict(certificate))
    if certificate.status == "waiting":
        print_note(
            f"nothing was dropped yet: {certificate.surplus:,} records wait for a second person "
            f"(mpi holdings approve {certificate.source} --client)"
        )
