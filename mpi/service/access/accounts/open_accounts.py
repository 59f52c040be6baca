"""Accounts that an administrator may change."""

from mpi.domain.errors import ConflictError, NotFoundError, StaleError
from mpi.domain.viewer import Viewer
from mpi.service.access.account_rules import make_version
from mpi.storage.repositories.access.accounts import Account
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit


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
