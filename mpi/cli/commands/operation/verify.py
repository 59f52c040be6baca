"""Command ``mpi verify``: check the index against its laws."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from mpi.cli.command_session import CommandSession, open_session
from mpi.cli.engine_options import EngineOption, MasterOption, MemoryOption, select_engine
from mpi.cli.exit_codes import ExitCode
from mpi.cli.output import JsonFlag, print_json, print_note, print_table
from mpi.cli.progress import show_progress
from mpi.domain.errors import MpiError

if TYPE_CHECKING:
    from mpi.service.maintenance.verify import Finding


def run(
    engine: EngineOption = None,
    master: MasterOption = None,
    memory: MemoryOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Check the index against its laws, without changing it.

    In the shared index it also compares the records of each scope with their copies. Exits 1 if a law is
    broken.
    """
    from mpi.service.maintenance import verify

    chosen = select_engine(engine, master, memory)
    with open_session() as session, show_progress() as report:
        findings = verify.verify(session.index, session.viewer, report, chosen)
        findings += _verify_scopes(session)
        with session.index.database.read(session.viewer) as unit:
            pending = unit.large_blocks.count_pending()
    if as_json:
        print_json(
            {"sound": not findings, "findings": [asdict(finding) for finding in findings], "pending": pending}
        )
    elif findings:
        print_table(("law", "breach"), [(finding.law, finding.detail) for finding in findings])
    else:
        print_table(("laws", "breaches"), [("1, 2, 3, 5, 6, 7", 0)])
    if pending:
        print_note(f"{pending:,} requests wait to be finished, so law 1 is not judged: mpi blocks --finish")
    if findings:
        print_note(f"{len(findings):,} breaches: restore a backup, or run mpi rebuild and verify again")
        raise typer.Exit(ExitCode.UNSOUND)


def _verify_scopes(session: CommandSession) -> list[Finding]:
    """Compare the records of each scope with their copies in this index."""
    from mpi import bootstrap
    from mpi.service.scopes import copy_verification, registry

    findings: list[Finding] = []
    for code in registry.list_followed(session.index, session.viewer):
        try:
            scope_index = bootstrap.open_scope(session.settings, code, for_look_up=True)
        except MpiError as error:
            print_note(f"scope {code} is not compared: {error}")
            continue
        try:
            findings += copy_verification.verify_copies(scope_index, session.index, session.viewer, code)
        finally:
            scope_index.database.dispose()
    return findings
