"""``mpi rebuild``."""

from mpi.cli.command_session import opened
from mpi.cli.engine_options import EngineOption, MasterOption, MemoryOption, chosen_engine
from mpi.cli.output import JsonFlag
from mpi.cli.plan_view import show_plan
from mpi.cli.progress import shown_progress


def run(
    engine: EngineOption = None,
    master: MasterOption = None,
    memory: MemoryOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Make everything derived again, with the same IDs."""
    from mpi.service.maintenance import rebuild

    chosen = chosen_engine(engine, master, memory)
    with opened() as session, shown_progress() as report:
        plan = rebuild.rebuild(session.index, session.viewer, report, chosen)
    show_plan(plan, as_json=as_json)
