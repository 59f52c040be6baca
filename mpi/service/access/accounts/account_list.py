"""User accounts as administrators see them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from mpi.domain import clock
from mpi.domain.errors import NotFoundError
from mpi.domain.roles import Role
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.access.account_rules import (
    AccountState,
    find_account_state,
    has_rights,
    is_locked,
    is_valid_name,
    make_version,
)
from mpi.service.access.administration_log import Change, Subject, list_changes
from mpi.service.core.index import Index
from mpi.storage.repositories.access.accounts import Account


@dataclass(frozen=True, slots=True)
class AccountView:
    """A user account as administrators see it.

    Args:
        name: the name for signing in.
        full_name: full name of the person.
        role: role of the account.
        sources: codes of the sources that the person may see; None for all.
        state: whether the account can sign in.
        since: when the account was added.
        locked_until: until when a network is locked out of the account; None where none is.
        ended: when the account was ended.
        agreement: code of the agreement that the person acts under; None for none.
        party: code of the agreement's party for which the person acts; None where the sources name it.
        granted: names of the actions granted by name, beyond those of the role.
        has_second_factor: whether the person has set up one-time codes.
    """

    name: str
    full_name: str
    role: Role
    sources: tuple[str, ...] | None
    state: AccountState
    since: str
    locked_until: str | None
    ended: str | None
    agreement: str | None
    party: str | None
    granted: tuple[str, ...]
    has_second_factor: bool


@dataclass(frozen=True, slots=True)
class AccountDetail:
    """A user account with its history, for the page that changes it.

    Args:
        account: the account.
        version: names the account's present state; a change that names another one is refused.
        is_own: whether it is the viewer's own account, which somebody else has to change.
        is_within_rights: whether the viewer has every right of the account, and so may change it.
        changes: its latest changes, newest first.
    """

    account: AccountView
    version: str
    is_own: bool
    is_within_rights: bool
    changes: tuple[Change, ...]


def list_accounts(index: Index, viewer: Viewer) -> list[AccountView]:
    """Return every user account, ended ones included, ordered by name.

    Raises:
        AccessDenied: the viewer may not administer accounts.
    """
    require_permission(viewer, Action.ACCOUNT_ADMIN)
    with index.database.read(viewer) as unit:
        accounts = unit.accounts.all()
        commits = {
            commit
            for account in accounts
            for commit in (account.created_commit, account.ended_commit)
            if commit
        }
        times = unit.commit_info(commits)
        with_factor = unit.second_factors.account_ids()
    now = clock.format_timestamp(clock.now())
    return [_build_view(account, times, now, with_factor) for account in accounts]


def find_account(index: Index, viewer: Viewer, name: str) -> AccountDetail:
    """Return one user account, ended or not, with its history.

    Raises:
        NotFoundError: the account does not exist.
        AccessDenied: the viewer may not administer accounts.
    """
    require_permission(viewer, Action.ACCOUNT_ADMIN)
    now = clock.format_timestamp(clock.now())
    with index.database.read(viewer) as unit:
        account = unit.accounts.find_by_name(name) if is_valid_name(name) else None
        if account is None:
            raise NotFoundError("there is no account of this name")
        commits = {commit for commit in (account.created_commit, account.ended_commit) if commit}
        return AccountDetail(
            account=_build_view(account, unit.commit_info(commits), now, unit.second_factors.account_ids()),
            version=make_version(account),
            is_own=viewer.client == account.name,
            is_within_rights=has_rights(viewer, Role(account.role), account.sources, account.granted),
            changes=list_changes(unit, Subject.ACCOUNT, account.name),
        )


def _build_view(
    account: Account, times: Mapping[int, tuple[str, str, str]], now: str, with_factor: Collection[int]
) -> AccountView:
    """Build the view of an account from the times of its commits."""
    return AccountView(
        name=account.name,
        full_name=account.full_name,
        role=Role(account.role),
        sources=None if account.sources is None else tuple(sorted(account.sources)),
        state=find_account_state(account, now),
        since=times[account.created_commit][0],
        locked_until=account.locked_until if is_locked(account, now) else None,
        ended=None if account.ended_commit is None else times[account.ended_commit][0],
        agreement=account.agreement,
        party=account.party,
        granted=tuple(sorted(account.granted)),
        has_second_factor=account.id in with_factor,
    )
