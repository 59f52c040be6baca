"""Attempts to sign in, counted per account and network before their check.

An attacker locks the account for the attacker's own network. The person signs in from theirs. After too many
failures from anywhere, only networks count from which the person has signed in before (NIST SP 800-63B-4,
section 3.2.2).
"""

from datetime import datetime, timedelta

from mpi.domain import clock
from mpi.domain.viewer import Viewer
from mpi.service.access.account_rules import is_valid_name
from mpi.service.core.index import Index
from mpi.storage.repositories.access.accounts import Account
from mpi.storage.unit_of_work.database import Lock
from mpi.storage.unit_of_work.units import WriteUnit

FAILURES_PER_LOCK = 10
"""Wrong passwords in a row from one network after which it is locked out of the account, each time."""
FIRST_LOCK = timedelta(minutes=15)
MAX_LOCK = timedelta(hours=24)
"""Longest lock; each lock lasts twice as long as the one before."""
MAX_FAILURES = 100
"""Wrong passwords in a row, from one network or all, that lock until an administrator unlocks."""
MAX_KNOWN_NETWORKS = 10
"""Networks of an account that are remembered as the person's."""
KNOWN_FOR = timedelta(days=90)
"""Time after its last sign-in for which a network is remembered as the person's."""
UNKNOWN_FOR = timedelta(days=2)
"""Time for which failures from another network are remembered."""
_ANONYMOUS = Viewer("nobody")
_END_OF_TIME = "9999-12-31T00:00:00.000000Z"
_NO_ACCOUNT = 0
"""A number that no account has: its statements take the same time and change nothing."""


def count_attempt(index: Index, name: str, address: str) -> Account | None:
    """Count a password attempt and return the account attempted.

    The attempt is counted before the password is compared. So concurrent attempts cannot exceed the limit.
    None stands for an unknown or locked account. The statements are the same in either case, so that the time
    taken is equal.

    Args:
        index: the open index.
        name: name of the account.
        address: network address of the person; empty if unknown.
    """
    now = clock.now()
    moment, network = clock.format_timestamp(now), _name_network(index, address)
    with index.database.write(_ANONYMOUS, "sign-in", Lock.NONE) as unit:
        unit.counters.take("sign_in")
        # The store may refuse an invalid name, such as one with a NUL.
        account = unit.accounts.hold_open(name if is_valid_name(name) else "")
        number = _NO_ACCOUNT if account is None else account.id
        state = unit.sign_in_networks.find(number, network)
        is_locked = state.locked_until is not None and state.locked_until > moment
        is_known = (state.succeeded_at or "") >= clock.format_timestamp(now - KNOWN_FOR)
        if account is None or is_locked or (account.failed >= MAX_FAILURES and not is_known):
            account, number = None, _NO_ACCOUNT
        failed = unit.sign_in_networks.count_attempt(number, network, moment)
        counted = unit.accounts.count_attempt(number)
        if counted is not None:
            _lock_if_due(unit, counted, network, failed, now)
    return counted


def record_success(index: Index, unit: WriteUnit, account: Account, address: str, password_hash: str) -> bool:
    """Reset failed attempts after a right password, and remember its network.

    Args:
        index: the open index.
        unit: the transaction.
        account: the account, as it was counted.
        address: network address of the person; empty if unknown.
        password_hash: the newest hash of its password.

    Returns:
        False if the account was ended, or its password changed, since it was read.
    """
    if not unit.accounts.record_sign_in(account, password_hash):
        return False
    now = clock.now()
    networks, moment = unit.sign_in_networks, clock.format_timestamp(now)
    networks.record_sign_in(account.id, _name_network(index, address), moment)
    networks.forget(
        account.id,
        MAX_KNOWN_NETWORKS,
        clock.format_timestamp(now - UNKNOWN_FOR),
        clock.format_timestamp(now - KNOWN_FOR),
        moment,
    )
    return True


def record_password(index: Index, unit: WriteUnit, account: Account, address: str) -> bool:
    """Record a right password that came without a code.

    If the account has a second factor, its failed attempts stay. So a thief of session and password cannot
    reset the count of wrong codes.

    Returns:
        False as for ``record_success``.
    """
    if unit.second_factors.exists(account.id):
        return unit.accounts.hold_unchanged(account)
    return record_success(index, unit, account, address, account.password_hash)


def _lock_if_due(unit: WriteUnit, account: Account, network: str, failed: int, now: datetime) -> None:
    """Lock a network out of an account after each tenth failure."""
    if failed % FAILURES_PER_LOCK == 0:
        until = (
            _END_OF_TIME if failed >= MAX_FAILURES else clock.format_timestamp(now + _lock_duration(failed))
        )
        unit.sign_in_networks.lock(account.id, network, until)
        unit.accounts.lock(account.id, until)
    if account.failed >= MAX_FAILURES:
        unit.accounts.lock(account.id, _END_OF_TIME)


def _lock_duration(failed: int) -> timedelta:
    multiple: int = 2 ** (failed // FAILURES_PER_LOCK - 1)
    return min(MAX_LOCK, FIRST_LOCK * multiple)


def _name_network(index: Index, address: str) -> str:
    """Return the keyed hash under which a network is stored."""
    return index.keyed_hash.to_token("sign-in-network", address)
