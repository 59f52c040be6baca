"""``mpi blocks``."""

from typing import Annotated

import typer

from mpi.cli.output import JsonFlag, note, print_json, print_table
from mpi.cli.session import opened
from mpi.domain.viewer import Action, permit
from mpi.service.pending import finish_pending


def run(
    finish: Annotated[bool, typer.Option("--finish", help="Finish the requests that wait.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Blocking keys that many records share, and requests that wait because of one.

    A key is a hash: it tells nobody what the records have in common.
    """
    with opened() as session:
        finished = finish_pending(session.index, session.viewer) if finish else 0
        permit(session.viewer, Action.RECLUSTER)
        with session.index.database.read(session.viewer) as unit:
            blocks = unit.blocks.queued(session.index.config_id(unit))
            pending = unit.blocks.count_waiting()
    if as_json:
        found = [{"key": f"{one.key & (1 << 64) - 1:016x}", "records": one.records} for one in blocks]
        print_json({"blocks": found, "pending": pending, "finished": finished})
        return
    print_table(("key", "records"), [(f"{one.key & (1 << 64) - 1:016x}", one.records) for one in blocks])
    if finish:
        note(f"{finished:,} finished")
    if pending:
        note(f"{pending:,} requests wait: mpi serve finishes them, or mpi blocks --finish")
