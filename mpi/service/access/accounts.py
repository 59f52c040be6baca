"""Administration of user accounts.

An account never gets a password for lasting use from somebody else: the first password is random and shown
once, or typed by the administrator, and serves only to set another. Every change is a commit under the name
of its maker.
"""

import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from mpi.domain import clock
from mpi.domain.errors import ConflictError, InputError, NotFoundError, StaleError
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.viewer import (
    ACTIONS_GRANTED_TO_PEOPLE,
    RESERVED_NAMES,
    Action,
    Viewer,
    require_permission,
)
from mpi.service.access import passwords
from mpi.service.access.account_rules import (
    MAX_NAME_LENGTH,
    AccountState,
    covers,
    find_account_state,
    find_unfit_grants,
    has_rights,
    is_locked,
    is_valid_name,
    make_version,
    require_other_operator,
    require_rights_of,
    require_rights_within,
)
from mpi.service.access.administration_log import Change, Subject, list_changes, log_change
from mpi.service.access.own_account.new_password import remember_password, require_unbreached
from mpi.service.agreements.register import choose_agreement, choose_party
from mpi.service.core.index import Index
from mpi.service.holdings.settings import require_whole_view
from mpi.storage.repositories.access.accounts import Account
from mpi.storage.repositories.sources.splits import ACCOUNT
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

MAX_FULL_NAME_LENGTH = 200


@dataclass(frozen=True, slots=True)
class NewAccount:
    """A user account to add.

    Args:
        name: 1 to 64 lower-case letters, digits, ``_``, ``-`` or ``.``; never given again.
        full_name: full name of the person.
        role: role of the account.
        sources: codes of the sources that the person may see; None for all, including later ones.
        agreement: code of the agreement that the person acts under; None for the operator's own rule.
        party: code of the party for which the person acts; None where the sources name one party alone.
    """

    name: str
    full_name: str
    role: Role
    sources: Collection[str] | None
    agreement: str | None = None
    party: str | None = None


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


def add_account(index: Index, viewer: Viewer, new_account: NewAccount, password: str | None = None) -> str:
    """Add a user account and return its one-time password.

    Args:
        index: the open index.
        viewer: who adds the account; grants no more than the viewer has.
        new_account: the account.
        password: the one-time password; None for a random one.

    Returns:
        The password, which serves only to set another.

    Raises:
        InputError: the name, full name or password is invalid, a source owner is given all sources, or the
            shared index of several scopes needs an agreement.
        NotFoundError: a source, the agreement or the party does not exist.
        ConflictError: an account or a client has, or had, that name; the agreement has ended; or the party
            does not fit role and sources.
        AccessDenied: the viewer may not administer accounts, or would grant more than the viewer has.
    """
    require_permission(viewer, Action.ACCOUNT_ADMIN)
    check_names(new_account)
    sources = None if new_account.sources is None else frozenset(new_account.sources)
    require_rights_within(viewer, new_account.role, sources)
    one_time_password = _choose_password(index, password, new_account.name, new_account.full_name)
    password_hash = passwords.hash_password(one_time_password)
    with index.database.write(viewer, "account-add") as unit:
        insert_account(unit, viewer, new_account, password_hash)
        log_rights(unit, new_account.name, "add", new_account.role, sources)
    return one_time_password


def insert_account(
    unit: WriteUnit, viewer: Viewer, new_account: NewAccount, password_hash: str, *, must_change: bool = True
) -> None:
    """Add a user account in a transaction, after its rights were checked.

    Args:
        unit: the transaction.
        viewer: who adds it.
        new_account: the account.
        password_hash: hash of its password.
        must_change: whether the password serves only to set another.

    Raises:
        InputError: the shared index of several scopes needs an agreement.
        NotFoundError: a source, the agreement or the party does not exist.
        ConflictError: an account or a client has, or had, that name; the agreement has ended; or the party
            does not fit role and sources.
    """
    sources = None if new_account.sources is None else frozenset(new_account.sources)
    require_sources(unit, sources)
    require_free_name(unit, new_account.name)
    agreement = choose_agreement(unit, viewer, new_account.agreement)
    unit.accounts.add(
        Account(
            id=unit.counters.take("account"),
            name=new_account.name,
            full_name=new_account.full_name.strip(),
            role=new_account.role,
            sources=sources,
            password_hash=password_hash,
            password_set_at=clock.format_timestamp(clock.now()),
            must_change=must_change,
            failed=0,
            locked_until=None,
            created_commit=unit.commit_no,
            ended_commit=None,
            agreement=agreement,
            party=choose_party(unit, viewer, agreement, new_account.party, new_account.role, sources),
        )
    )


def require_free_name(unit: ReadUnit, name: str) -> None:
    """Refuse a name that an account or a client has, or had.

    Raises:
        ConflictError: one does.
    """
    client_names = {client.name.casefold() for client, _, _ in unit.clients.all_with_commits()}
    if unit.accounts.find_by_name(name) is not None or name in client_names:
        raise ConflictError(f"there is or was an account or a client {name!r}: take another name")


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


def list_grantable_roles(viewer: Viewer) -> tuple[Role, ...]:
    """Return the roles whose actions the viewer has, and so may grant."""
    return tuple(role for role in Role if ACTIONS_BY_ROLE[role] <= viewer.actions)


def change_account(
    index: Index,
    viewer: Viewer,
    name: str,
    role: Role,
    sources: Collection[str] | None,
    version: str | None = None,
) -> None:
    """Change the role and sources of a user account; end its sessions.

    It loses what it was granted by name and could not be granted with the new role and sources, and the
    questions that it may not answer any more.

    Args:
        index: the open index.
        viewer: who changes it.
        name: name of the account.
        role: the new role.
        sources: codes of the sources that the person may see; None for all.
        version: state of the account that the viewer read; None for any.

    Raises:
        InputError: a source owner is given all sources.
        NotFoundError: the account or a source does not exist, or the account has ended.
        ConflictError: the account is the viewer's own, or the last operator's.
        StaleError: the account has changed since the viewer read it.
        AccessDenied: the viewer may not administer accounts, or has less than the account has or would have.
    """
    require_permission(viewer, Action.ACCOUNT_ADMIN)
    granted_codes = None if sources is None else frozenset(sources)
    require_rights_within(viewer, role, granted_codes)
    with index.database.write(viewer, "account-change") as unit:
        account = find_account_to_change(unit, viewer, name, version)
        require_rights_of(viewer, account)
        require_sources(unit, granted_codes)
        keeps_rights = role is Role.OPERATOR and covers(granted_codes, account.sources)
        if not keeps_rights:
            require_other_operator(unit, viewer, account)
        write_rights(index, unit, account, role, granted_codes)
        log_rights(unit, name, "change", role, granted_codes)


def grant_actions(index: Index, viewer: Viewer, name: str, actions: Collection[str]) -> None:
    """Set which actions an account is granted by name; end its sessions.

    Args:
        index: the open index.
        viewer: who grants them.
        name: name of the account.
        actions: all of them, beyond those of the role; what is not named is taken away.

    Raises:
        InputError: an action cannot be granted by name, or the role has no use for it.
        NotFoundError: the account does not exist, or has ended.
        AccessDenied: the viewer may not administer accounts, or has less than the account has or would have.
    """
    require_permission(viewer, Action.ACCOUNT_ADMIN)
    granted = _parse_granted(actions)
    with index.database.write(viewer, "account-grant") as unit:
        account = find_open_account(unit, name)
        require_rights_of(viewer, account)
        require_rights_within(viewer, Role(account.role), account.sources, granted)
        for action, reason in find_unfit_grants(Role(account.role), account.sources, granted).items():
            raise InputError(f"{action}: {reason}")
        unit.ensure_commit()
        _write_granted(unit, account, granted)
        unit.sign_ins.end_all_of_account(account.id)


def bind_account(index: Index, viewer: Viewer, name: str, agreement: str, party: str | None = None) -> None:
    """Bind a user account to another agreement; end its sessions.

    Args:
        index: the open index.
        viewer: who binds it.
        name: name of the account.
        agreement: code of the agreement.
        party: code of the party for which the person acts; None where the sources name one party alone.

    Raises:
        NotFoundError: the account, the agreement or the party does not exist, or the account has ended.
        ConflictError: the agreement has ended, or the party does not fit the account's role and sources.
        AccessDenied: the viewer may not administer accounts or agreements.
    """
    require_permission(viewer, Action.ACCOUNT_ADMIN)
    require_permission(viewer, Action.AGREEMENT_ADMIN)
    with index.database.write(viewer, "account-bind") as unit:
        account = find_open_account(unit, name)
        code = choose_agreement(unit, viewer, agreement)
        unit.ensure_commit()
        role = Role(account.role)
        unit.accounts.set_agreement(
            account.id, code, choose_party(unit, viewer, code, party, role, account.sources)
        )
        unit.sign_ins.end_all_of_account(account.id)
        log_change(unit, Subject.ACCOUNT, name, "bind", agreement=code)


def set_password(
    index: Index, viewer: Viewer, name: str, password: str | None = None, version: str | None = None
) -> str:
    """Give a user account a one-time password; end its sessions and lock.

    Args:
        index: the open index.
        viewer: who gives it.
        name: name of the account.
        password: the one-time password; None for a random one.
        version: state of the account that the viewer read; None for any.

    Returns:
        The password, which the account's person has to change.

    Raises:
        InputError: the password is invalid.
        NotFoundError: the account does not exist or has ended.
        ConflictError: the account is the viewer's own.
        StaleError: the account has changed since the viewer read it.
        AccessDenied: the viewer may not administer accounts, or has less than the account has: the password
            would give the viewer those rights.
    """
    require_permission(viewer, Action.ACCOUNT_ADMIN)
    with index.database.read(viewer) as unit:
        account = find_open_account(unit, name)
    require_rights_of(viewer, account)
    one_time_password = _choose_password(index, password, account.name, account.full_name)
    password_hash = passwords.hash_password(one_time_password)
    with index.database.write(viewer, "account-password") as unit:
        account = find_account_to_change(unit, viewer, name, version)
        require_rights_of(viewer, account)
        write_password(unit, account, password_hash)
        log_change(unit, Subject.ACCOUNT, name, "password")
    return one_time_password


def write_rights(
    index: Index, unit: WriteUnit, account: Account, role: Role, sources: frozenset[str] | None
) -> None:
    """Set an account's role and sources, and end its sessions.

    An action that the account was granted by name, and could not be granted now, is taken away. So are the
    questions that it may not answer any more: they go back to the queue.
    """
    unit.ensure_commit()
    unit.accounts.set_rights(account.id, role, sources)
    if unfit := find_unfit_grants(role, sources, account.granted):
        _write_granted(unit, account, account.granted - unfit.keys())
    unit.sign_ins.end_all_of_account(account.id)
    # It imports the engines, which a list of accounts does without.
    from mpi.service.access.assigned_questions import release_questions  # noqa: PLC0415

    release_questions(index, unit, account.name)


def _write_granted(unit: WriteUnit, account: Account, granted: frozenset[Action]) -> None:
    """Set and log the actions that an account is granted by name."""
    unit.accounts.set_granted(account.id, granted)
    log_change(unit, Subject.ACCOUNT, account.name, "grant", granted=sorted(granted))


def write_password(unit: WriteUnit, account: Account, password_hash: str) -> None:
    """Set an account's one-time password, and end its sessions and lock."""
    unit.ensure_commit()
    remember_password(unit, account)
    unit.accounts.set_password(
        account.id, password_hash, clock.format_timestamp(clock.now()), must_change=True
    )
    unit.sign_in_networks.unlock(account.id)
    unit.sign_ins.end_all_of_account(account.id)


def unlock_account(index: Index, viewer: Viewer, name: str) -> None:
    """Unlock a user account and forget its count of wrong passwords.

    Raises:
        NotFoundError: the account does not exist or has ended.
        AccessDenied: the viewer may not administer accounts.
    """
    require_permission(viewer, Action.ACCOUNT_ADMIN)
    with index.database.write(viewer, "account-unlock") as unit:
        account = find_open_account(unit, name)
        unit.ensure_commit()
        unit.accounts.unlock(account.id)
        unit.sign_in_networks.unlock(account.id)
        log_change(unit, Subject.ACCOUNT, name, "unlock")


def reset_second_factor(index: Index, viewer: Viewer, name: str, version: str | None = None) -> None:
    """Remove the one-time codes of somebody who lost them; end their sessions.

    Args:
        index: the open index.
        viewer: who removes them.
        name: name of the account.
        version: state of the account that the viewer read; None for any.

    Raises:
        NotFoundError: the account does not exist or has ended.
        ConflictError: it is the viewer's own account, or has no one-time codes.
        StaleError: the account has changed since the viewer read it.
        AccessDenied: the viewer may not administer accounts, or has less than the account has.
    """
    require_permission(viewer, Action.ACCOUNT_ADMIN)
    with index.database.write(viewer, "second-factor") as unit:
        account = find_account_to_change(unit, viewer, name, version)
        require_rights_of(viewer, account)
        write_factor_reset(unit, account)
        log_change(unit, Subject.ACCOUNT, name, "factor-removed")


def write_factor_reset(unit: WriteUnit, account: Account) -> None:
    """Remove an account's second factor, and end its sessions.

    Raises:
        ConflictError: it has none.
    """
    if not unit.second_factors.exists(account.id):
        raise ConflictError(f"the account {account.name!r} has no one-time codes")
    unit.ensure_commit()
    unit.second_factors.delete(account.id)
    unit.sign_ins.end_all_of_account(account.id)


def end_account(index: Index, viewer: Viewer, name: str, version: str | None = None) -> None:
    """Close a user account for good and end its sessions at once.

    The questions that it claimed or was assigned go back to the queue.

    Args:
        index: the open index.
        viewer: who ends it.
        name: name of the account.
        version: state of the account that the viewer read; None for any.

    Raises:
        NotFoundError: the account does not exist or has ended.
        ConflictError: it is in the index of a scope, the viewer's own, or the last operator's.
        StaleError: the account has changed since the viewer read it.
        AccessDenied: the viewer may not administer accounts.
    """
    require_permission(viewer, Action.ACCOUNT_ADMIN)
    with index.database.write(viewer, "account-end") as unit:
        unit.splits.release_login(ACCOUNT, name)
        account = find_account_to_change(unit, viewer, name, version)
        require_other_operator(unit, viewer, account)
        unit.accounts.close(account.id, unit.commit_no)
        unit.past_passwords.delete(account.id)
        unit.second_factors.delete(account.id)
        unit.sign_in_networks.delete(account.id)
        unit.sign_ins.end_all_of_account(account.id)
        unit.task_work.release_all_of(name)
        log_change(unit, Subject.ACCOUNT, name, "end")


def check_names(new_account: NewAccount) -> None:
    """Refuse an invalid name or full name of a new account.

    Raises:
        InputError: one is invalid.
    """
    if not is_valid_name(new_account.name):
        raise InputError(
            f"an account's name has 1 to {MAX_NAME_LENGTH} lower-case letters, digits, '_', '-' or '.'"
        )
    if new_account.name in RESERVED_NAMES:
        raise InputError(f"{new_account.name!r} stands for something else on commits: take another name")
    full_name = new_account.full_name.strip()
    has_invisible = any(unicodedata.category(letter) in ("Cc", "Cs", "Cf") for letter in full_name)
    if not full_name or len(full_name) > MAX_FULL_NAME_LENGTH or has_invisible:
        raise InputError(f"a full name has 1 to {MAX_FULL_NAME_LENGTH} characters that can be seen")


def _parse_granted(actions: Collection[str]) -> frozenset[Action]:
    """Return actions that can be granted by name.

    Raises:
        InputError: one of them is not among these.
    """
    if not set(actions) <= ACTIONS_GRANTED_TO_PEOPLE:
        raise InputError(f"an account is granted by name only {', '.join(sorted(ACTIONS_GRANTED_TO_PEOPLE))}")
    return frozenset(Action(action) for action in actions)


def find_account_to_change(unit: WriteUnit, viewer: Viewer, name: str, version: str | None) -> Account:
    """Return the account that the viewer read, of somebody else.

    Raises:
        NotFoundError: there is none, or it has ended.
        ConflictError: it is the viewer's own, or a split has moved it into a scope.
        StaleError: it has changed since.
    """
    if viewer.client == name:
        raise ConflictError("this is your own account: another operator has to change it")
    account = find_open_account(unit, name)
    if version is not None and version != make_version(account):
        raise StaleError("somebody has changed this account since you opened the page: nothing was done")
    return account


def log_rights(unit: WriteUnit, name: str, act: str, role: Role, sources: frozenset[str] | None) -> None:
    """Record the role and sources that an account got."""
    codes = None if sources is None else sorted(sources)
    log_change(unit, Subject.ACCOUNT, name, act, role=role, sources=codes)


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


def require_sources(unit: ReadUnit, sources: frozenset[str] | None) -> None:
    """Refuse sources that do not exist, or that nobody may see alone.

    Raises:
        NotFoundError: one does not exist.
        ConflictError: of one only records of children in care are held.
    """
    for code in sorted(sources or ()):
        unit.sources.get_by_code(code)
    require_whole_view(unit, sources)


def _choose_password(index: Index, password: str | None, name: str, full_name: str) -> str:
    if password is None:
        return passwords.generate_one_time_password()
    passwords.check_password(password, name, full_name)
    require_unbreached(index, password)
    return password


def find_open_account(unit: ReadUnit | WriteUnit, name: str) -> Account:
    """Return the account of a name, to change it.

    Raises:
        NotFoundError: there is none, or it has ended.
        ConflictError: a split has moved it into a scope.
    """
    account = unit.accounts.find_by_name(name)
    if account is None or account.ended_commit is not None:
        raise NotFoundError(f"there is no account {name!r}, or it has ended")
    scope = unit.splits.scope_of_account(name)
    if scope is not None:
        raise ConflictError(f"account {name!r} is in the index of the scope {scope}: change it there")
    return account
