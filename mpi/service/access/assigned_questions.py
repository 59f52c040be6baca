"""Return of questions that a person may not answer any more."""

from mpi.domain.viewer import Action, is_allowed
from mpi.service.access.colleague_rights import view_as
from mpi.service.core.index import Index
from mpi.service.resolution.work_log_visibility import sees_question
from mpi.storage.unit_of_work.units import WriteUnit


def release_questions(index: Index, unit: WriteUnit, name: str) -> None:
    """Return to the queue what a person may no longer answer.

    Args:
        index: the open index.
        unit: the transaction that has changed the person's rights.
        name: name of the account.
    """
    account = unit.accounts.find_by_name(name)
    if account is None:
        return
    person = view_as(index, unit, account)
    may_work = is_allowed(person, Action.TASK_WORK)
    held = unit.task_work.get(unit.task_work.questions_held_by([name]))
    unit.task_work.release(
        name,
        [key for key, work in held.items() if not (may_work and sees_question(unit, person, work.about))],
    )
