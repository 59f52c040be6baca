"""One-time passwords, unlocking, and removal of a lost second factor."""

from mpi.domain import clock
from mpi.domain.errors import ConflictError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.access import passwords
from mpi.service.access.account_rules import require_rights_of
from mpi.service.access.accounts.open_accounts import find_account_to_change, find_open_account
from mpi.service.access.administration_log import Subject, log_change
from mpi.service.access.own_account.new_password import remember_password, require_unbreached
from mpi.service.core.index import Index
from mpi.storage.repositories.access.accounts import Account
from mpi.storage.unit_of_work.units import WriteUnit


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
    one_time_password = choose_one_time_password(index, password, account.name, account.full_name)
    password_hash = passwords.hash_password(one_time_password)
    with index.database.write(viewer, "account-password") as unit:
        account = find_account_to_change(unit, viewer, name, version)
        require_rights_of(viewer, account)
        write_password(unit, account, password_hash)
        log_change(unit, Subject.ACCOUNT, name, "password")
    return one_time_password


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


def write_password(unit: WriteUnit, account: Account, password_hash: str) -> None:
    """Set an account's one-time password, and end its sessions and lock."""
    unit.ensure_commit()
    remember_password(unit, account)
    unit.accounts.set_password(
        account.id, password_hash, clock.format_timestamp(clock.now()), must_change=True
    )
    unit.sign_in_networks.unlock(account.id)
    unit.sign_ins.end_all_of_account(account.id)


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


def choose_one_time_password(index: Index, password: str | None, name: str, full_name: str) -> str:
    """Return a typed one-time password once checked, or a random one.

    Raises:
        InputError: the typed password is invalid.
    """
    if password is None:
        return passwords.generate_one_time_password()
    passwords.check_password(password, name, full_name)
    require_unbreached(index, password)
    return password
