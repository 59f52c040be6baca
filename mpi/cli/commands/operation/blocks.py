"""Command ``mpi blocks``: blocking keys that many records share."""

from typing import Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.output import JsonFlag, print_json, print_note, print_table


def run(
    finish: Annotated[bool, typer.Option("--finish", help="Finish the pending requests.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """List the largest blocks and the records with a pending search.

    A key is a hash: it does not tell what the records have in common.
    """
    from mpi.service.maintenance import large_blocks
    from mpi.service.records import deferred_search

    with open_session(for_look_up=not finish) as session:
        finished = deferred_search.finish_deferred_searches(session.index, session.viewer) if finish else 0
        block_report = large_blocks.list_large_blocks(session.index, session.viewer)
    rows = [(block.key, block.records) for block in block_report.blocks]
    if as_json:
        blocks = [{"key": key, "records": records} for key, records in rows]
        print_json({"blocks": blocks, "pending": block_report.pending, "finished": finished})
        return
    print_table(("key", "records"), rows)
    if finish:
        print_note(f"{finished:,} finished")
    if block_report.pending:
        print_note(f"{block_report.pending:,} searches or checks wait for mpi serve, or mpi blocks --finish")
