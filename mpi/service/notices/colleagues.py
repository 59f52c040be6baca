"""Colleagues who can be assigned a question or mentioned in a note.

Whether a person may see a question is asked of the policy, with the person's own rights.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mpi.domain.roles import Role
from mpi.domain.viewer import RESERVED_NAMES, Action, Viewer, is_allowed, require_permission
from mpi.service.access.colleague_rights import may_see, view_as
from mpi.service.core.index import Index
from mpi.service.review.work_state import load_target
from mpi.storage.repositories.access.accounts import Account
from mpi.storage.unit_of_work.units import ReadUnit

DEMO_PREFIX = "demo-"
"""Beginning of the names of a demonstration's users, who have no accounts."""


@dataclass(frozen=True, slots=True)
class Colleague:
    """Person who can be assigned a question.

    Args:
        name: name of the account.
        full_name: full name of the person.
        role: role of the account.
    """

    name: str
    full_name: str
    role: Role


def list_workers(index: Index, viewer: Viewer) -> tuple[Colleague, ...]:
    """Return the people who answer questions about sources that the viewer sees.

    Raises:
        AccessDenied: the viewer may not read tasks.
    """
    require_permission(viewer, Action.TASK_READ)
    with index.database.read(viewer) as unit:
        accounts = [account for account in _list_active(unit) if _shares_sources(viewer, account)]
        return _sort_colleagues(
            account for account in accounts if is_allowed(view_as(index, unit, account), Action.TASK_WORK)
        )


def list_assignees(index: Index, viewer: Viewer, key: str) -> tuple[Colleague, ...]:
    """Return the people who may answer an open question, by full name.

    Args:
        index: the open index.
        viewer: who would assign the question.
        key: key of the question or burst.

    Raises:
        NotFoundError: there is no such open question for this viewer.
        AccessDenied: the viewer may not work on tasks.
    """
    require_permission(viewer, Action.TASK_WORK)
    with index.database.read(viewer) as unit:
        return find_colleagues(unit, index, Action.TASK_WORK, load_target(unit, key).snapshot)


def find_colleagues(
    unit: ReadUnit, index: Index, action: Action, about: Mapping[str, Any]
) -> tuple[Colleague, ...]:
    """Return the people who may perform an action on a question.

    Each of them may see all of the question.

    Args:
        unit: the transaction of the viewer.
        index: the open index.
        action: what they must be permitted.
        about: notes of the question as the viewer sees it: its records and decisions.
    """
    sight: dict[tuple[object, ...], bool] = {}
    seeing = []
    for account in _list_active(unit):
        # People of the same rights see the same.
        rights = (account.role, account.sources, account.agreement, account.party, account.granted)
        if rights not in sight:
            sight[rights] = may_see(index, unit, account, action, about)
        if sight[rights]:
            seeing.append(account)
    return _sort_colleagues(seeing)


def find_team(unit: ReadUnit) -> tuple[str, ...]:
    """Return the names of the viewer's team, the viewer included.

    A team are the people of one agency: they act under one agreement for the same sources.
    """
    viewer = unit.viewer
    if viewer.client in RESERVED_NAMES:
        return tuple(
            sorted({viewer.client, *(name for name in RESERVED_NAMES if name.startswith(DEMO_PREFIX))})
        )
    own = unit.accounts.find_by_name(viewer.client)
    if own is None:
        return (viewer.client,)
    place = (own.sources, own.agreement, own.party)
    return tuple(
        account.name
        for account in unit.accounts.all()
        if (account.sources, account.agreement, account.party) == place
    )


def look_up_full_names(index: Index, viewer: Viewer, names: Iterable[str | None]) -> dict[str, str]:
    """Return the full names of persons whom a page names.

    Names without an account, such as those of clients, are left out.
    """
    wanted = {name for name in names if name}
    if not wanted:
        return {}
    with index.database.read(viewer) as unit:
        return load_full_names(unit, wanted)


def load_full_names(unit: ReadUnit, names: Iterable[str]) -> dict[str, str]:
    """Return the full names of account holders, by account name.

    Names without an account are left out.
    """
    wanted = set(names)
    return {account.name: account.full_name for account in unit.accounts.all() if account.name in wanted}


def _list_active(unit: ReadUnit) -> list[Account]:
    return [account for account in unit.accounts.all() if account.ended_commit is None]


def _shares_sources(viewer: Viewer, account: Account) -> bool:
    """Return whether an account sees a source that the viewer sees."""
    return viewer.sources is None or account.sources is None or bool(viewer.sources & account.sources)


def _sort_colleagues(accounts: Iterable[Account]) -> tuple[Colleague, ...]:
    """Return the people of some accounts, by full name."""
    people = [Colleague(account.name, account.full_name, Role(account.role)) for account in accounts]
    return tuple(sorted(people, key=lambda person: (person.full_name.casefold(), person.name)))
