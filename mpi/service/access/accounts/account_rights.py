"""Role, sources, granted actions and agreement of a user account."""

from collections.abc import Collection

from mpi.domain.errors import InputError
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.viewer import ACTIONS_GRANTED_TO_PEOPLE, Action, Viewer, require_permission
from mpi.service.access.account_rules import (
    covers,
    find_givable,
    find_unfit_grants,
    require_other_operator,
    require_rights_of,
    require_rights_within,
)
from mpi.service.access.accounts.open_accounts import find_account_to_change, find_open_account
from mpi.service.access.administration_log import Subject, log_change
from mpi.service.agreements.register import choose_agreement, choose_party
from mpi.service.core.index import Index
from mpi.service.holdings.settings import require_whole_view
from mpi.storage.repositories.access.accounts import Account
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit


def list_grantable_roles(viewer: Viewer) -> tuple[Role, ...]:
    """Return the roles whose actions the viewer may give."""
    return tuple(role for role in Role if ACTIONS_BY_ROLE[role] <= find_givable(viewer.actions))


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


def _parse_granted(actions: Collection[str]) -> frozenset[Action]:
    """Return actions that can be granted by name.

    Raises:
        InputError: one of them is not among these.
    """
    if not set(actions) <= ACTIONS_GRANTED_TO_PEOPLE:
        raise InputError(f"an account is granted by name only {', '.join(sorted(ACTIONS_GRANTED_TO_PEOPLE))}")
    return frozenset(Action(action) for action in actions)


def log_rights(unit: WriteUnit, name: str, act: str, role: Role, sources: frozenset[str] | None) -> None:
    """Record the role and sources that an account got."""
    codes = None if sources is None else sorted(sources)
    log_change(unit, Subject.ACCOUNT, name, act, role=role, sources=codes)


def require_sources(unit: ReadUnit, sources: frozenset[str] | None) -> None:
    """Refuse sources that do not exist, or that nobody may see alone.

    Raises:
        NotFoundError: one does not exist.
        ConflictError: of one only records of children in care are held.
    """
    for code in sorted(sources or ()):
        unit.sources.get_by_code(code)
    require_whole_view(unit, sources)
