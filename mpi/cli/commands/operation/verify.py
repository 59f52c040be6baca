"""Command ``mpi verify``: check the index against its laws."""

from dataclasses import asdict

import typer

from mpi.cli.command_session import open_session
from mpi.cli.engine_options import EngineOption, MasterOption, MemoryOption, select_engine
from mpi.cli.exit_codes import ExitCode
from mpi.cli.output import JsonFlag, print_json, print_note, print_table
from mpi.cli.progress import show_progress


def run(
    engine: EngineOption = None,
    master: MasterOption = None,
    memory: MemoryOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Check the index against its laws, without changing it.

    Exits 1 if a law is broken.
    """
    from mpi.service.maintenance import verify

    chosen = select_engine(engine, master, memory)
    with open_session() as session, show_progress() as report:
        findings = verify.verify(session.index, session.viewer, report, chosen)
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
