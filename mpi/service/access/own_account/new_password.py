"""Rules for a new password: not breached, and not used before."""

from collections.abc import Collection

from mpi.domain.errors import InputError
from mpi.service.access import passwords
from mpi.service.core.index import Index
from mpi.storage.repositories.access.accounts import Account
from mpi.storage.unit_of_work.units import WriteUnit

PASSWORDS_REMEMBERED = 5
"""How many past passwords of an account are refused, beyond the present one."""


def require_unbreached(index: Index, password: str) -> None:
    """Refuse a password that the operator's file of breached ones holds.

    Raises:
        InputError: it is in the file.
        StoreError: the file cannot be read.
    """
    breached = index.settings.breached_passwords
    if breached is not None and breached.contains(password):
        raise InputError("this password is on a list of breached passwords: take another")


def require_not_repeated(past_hashes: Collection[str], password: str) -> None:
    """Refuse a password that an account had before.

    Args:
        past_hashes: hashes of the account's present and past passwords.
        password: the new password.

    Raises:
        InputError: it is one of them.
    """
    if any(passwords.is_correct(past_hash, password) for past_hash in past_hashes):
        raise InputError(f"you had this password before: take none of your last {PASSWORDS_REMEMBERED}")


def remember_password(unit: WriteUnit, account: Account) -> None:
    """Store the hash of an account's password before another replaces it.

    A one-time password is not stored: nobody could have chosen it.
    """
    if account.must_change or account.password_hash == passwords.NO_PASSWORD:
        return
    hashes = (account.password_hash, *unit.past_passwords.find(account.id))
    unit.past_passwords.replace(account.id, hashes[:PASSWORDS_REMEMBERED])
