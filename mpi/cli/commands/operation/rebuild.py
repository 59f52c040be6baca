"""Command ``mpi rebuild``: rebuild all derived data."""

from mpi.cli.command_session import open_session
from mpi.cli.engine_options import EngineOption, MasterOption, MemoryOption, select_engine
from mpi.cli.output import JsonFlag
from mpi.cli.plan_view import show_plan
from mpi.cli.progress import show_progress


def run(
    engine: EngineOption = None,
    master: MasterOption = None,
    memory: MemoryOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Rebuild all derived data, keeping every enterprise ID."""
    from mpi.service.maintenance import rebuild

    chosen = select_engine(engine, master, memory)
    with open_session() as session, show_progress() as report:
        plan = rebuild.rebuild(session.index, session.viewer, report, chosen)
    show_plan(plan, as_json=as_json)
