"""Due: put in force the decisions whose day has come; somebody has to ask for it, the clock never does."""

from mpi.domain import clock
from mpi.domain.viewer import Action, Viewer, permit
from mpi.service.context import Index
from mpi.service.deciding import touched_by
from mpi.service.resolve import resettle
from mpi.storage.repositories.decisions import DecisionStatus


def put_due_in_force(index: Index, viewer: Viewer) -> int:
    """Put in force every pending decision whose ``effective_from`` has come; returns how many.

    Raises:
        AccessDenied: the viewer may not decide.
    """
    permit(viewer, Action.DECIDE)
    with index.database.write(viewer, "decision") as unit:
        due = unit.decisions.due(clock.today())
        if not due:
            return 0
        numbers = [one.id for one in due]
        unit.decisions.set_status(numbers, DecisionStatus.IN_FORCE, None)
        replaced = {
            old.id
            for old in unit.decisions.get({number for one in due for number in one.supersedes}).values()
            if old.status is DecisionStatus.IN_FORCE
        }
        unit.decisions.set_status(replaced, DecisionStatus.SUPERSEDED, unit.commit_no)
        resettle(unit, index, touched_by(unit, numbers), "decision")
        return len(numbers)
