"""Accounts with cheap password hashing, and a clock that a test moves."""

from contextlib import contextmanager
from datetime import timedelta

from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST

from mpi.domain import clock
from mpi.domain.roles import Role
from mpi.service.access import passwords
from mpi.service.access.accounts.new_accounts import NewAccount, add_account
from mpi.service.access.sign_in import change_password, sign_in, sign_out
from tests.index import OPERATOR

PASSWORD = "seventeen green kettles"
REAL_HASHER = passwords.HASHER
"""How passwords are hashed outside of tests."""


def cheap_password_hashing():
    """Hash passwords at argon2's least cost; the default takes a tenth of a second each."""
    return _password_hasher(PasswordHasher.from_parameters(CHEAPEST))


def real_password_hashing():
    """Hash passwords as outside of tests."""
    return _password_hasher(REAL_HASHER)


@contextmanager
def _password_hasher(hasher: PasswordHasher):
    before = passwords.HASHER
    passwords.HASHER = hasher
    passwords._dummy_hash.cache_clear()
    try:
        yield
    finally:
        passwords.HASHER = before
        passwords._dummy_hash.cache_clear()


def add_person(index, name: str, role: Role = Role.STEWARD, sources=None, full_name: str = "Ana Ruiz") -> str:
    """Add an account with ``PASSWORD`` as its password; return the account's name."""
    initial_password = add_account(index, OPERATOR, NewAccount(name, full_name, role, sources))
    token = sign_in(index, name, initial_password)
    sign_out(index, change_password(index, token, initial_password, PASSWORD))
    return name


class ManualClock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = clock.now()

    def advance(self, **time: float) -> None:
        """Move the clock forward, by the arguments of ``timedelta``."""
        self.now += timedelta(**time)
