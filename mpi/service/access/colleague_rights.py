"""Rights of another person to a question, by the policy."""

from collections.abc import Mapping
from typing import Any

from mpi.domain.roles import PURPOSES_BY_ROLE, Role
from mpi.domain.viewer import Action, Viewer, is_allowed
from mpi.service.access.session_authentication import viewer_from_account
from mpi.service.core.index import Index
from mpi.service.resolution.work_log_visibility import sees_question
from mpi.storage.repositories.access.accounts import Account
from mpi.storage.unit_of_work.units import ReadUnit


def view_as(index: Index, unit: ReadUnit, account: Account) -> Viewer:
    """Return a person's rights for the first purpose of the role."""
    return viewer_from_account(index, unit, account, PURPOSES_BY_ROLE[Role(account.role)][0])


def may_see(index: Index, unit: ReadUnit, account: Account, action: Action, about: Mapping[str, Any]) -> bool:
    """Return whether a person may act on a question and see it.

    Args:
        index: the open index.
        unit: the transaction.
        account: the person's account.
        action: what the person must be permitted.
        about: notes of the question: its records and decisions.
    """
    person = view_as(index, unit, account)
    return is_allowed(person, action) and sees_question(unit, person, about)


def may_take_back(index: Index, unit: ReadUnit, name: str, about: Mapping[str, Any]) -> bool:
    """Return whether a question can return to a person.

    A name without an account is a client's or a demonstration's, whose calls the policy judges.

    Args:
        index: the open index.
        unit: the transaction.
        name: the person, who worked on the question.
        about: notes of the question as that person saw it.
    """
    account = unit.accounts.find_by_name(name)
    if account is None:
        return True
    return account.ended_commit is None and may_see(index, unit, account, Action.TASK_WORK, about)
