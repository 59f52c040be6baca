"""What guards the sign-in of accounts that go along into a scope."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from mpi.storage.repositories.sign_in.second_factors import SecondFactor
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit


@dataclass(frozen=True, slots=True)
class Safeguards:
    """What guards the sign-in of one account, beside its password.

    Args:
        name: name of the account.
        second_factor: its second factor, if any.
        past_passwords: hashes of passwords that it had before.
    """

    name: str
    second_factor: SecondFactor | None
    past_passwords: tuple[str, ...]


def read_safeguards(unit: ReadUnit, names: Iterable[str]) -> list[Safeguards]:
    """Return what guards accounts of the shared index.

    Raises:
        StoreError: the secret of a second factor was altered, or its key is missing.
    """
    accounts = [unit.accounts.find_by_name(name) for name in names]
    return [
        Safeguards(account.name, unit.second_factors.find(account.id), unit.past_passwords.find(account.id))
        for account in accounts
        if account is not None
    ]


def add_safeguards(unit: WriteUnit, safeguards: Iterable[Safeguards]) -> None:
    """Guard the same accounts of a scope, which have no safeguards yet."""
    for each in safeguards:
        account = unit.accounts.find_by_name(each.name)
        if account is None:
            continue
        if each.second_factor is not None:
            unit.second_factors.add(replace(each.second_factor, account_id=account.id))
        if each.past_passwords:
            unit.past_passwords.replace(account.id, each.past_passwords)
