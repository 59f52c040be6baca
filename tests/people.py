"""People who sign in, with passwords that are quick to try, and a clock that a test sets."""

from contextlib import contextmanager
from datetime import timedelta

from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST

from mpi.domain import clock
from mpi.domain.roles import Role
from mpi.service.access import passwords
from mpi.service.access.accounts import NewAccount, add_account
from mpi.service.access.sign_in import change_password, sign_in, sign_out
from tests.index import OPERATOR

PASSWORD = "seventeen green kettles"


@contextmanager
def quick_passwords():
    """Hash with the least that argon2 takes: those in force cost a tenth of a second each."""
    in_force = passwords.HASHER
    passwords.HASHER = PasswordHasher.from_parameters(CHEAPEST)
    passwords._dummy_hash.cache_clear()
    try:
        yield
    finally:
        passwords.HASHER = in_force
        passwords._dummy_hash.cache_clear()


def a_person(index, name: str, role: Role = Role.STEWARD, sources=None, full_name: str = "Ana Ruiz") -> str:
    """Add an account whose person has set ``PASSWORD``; returns the account's name."""
    given = add_account(index, OPERATOR, NewAccount(name, full_name, role, sources))
    token = sign_in(index, name, given)
    sign_out(index, change_password(index, token, given, PASSWORD))
    return name


class ManualClock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = clock.now()

    def pass_by(self, **time: float) -> None:
        """Let time pass, as ``timedelta`` takes it."""
        self.now += timedelta(**time)
