"""A lock of an attacker's network, which the person does not notice."""

import pytest

from mpi.domain.errors import NotAuthenticated
from mpi.service.access.accounts.sign_in_resets import unlock_account
from mpi.service.access.own_account.attempts import MAX_KNOWN_NETWORKS
from mpi.service.access.sign_in import change_password, sign_in
from tests.accounts import PASSWORD, add_person, cheap_password_hashing
from tests.index import OPERATOR

HOME, OFFICE, ATTACKER = "192.0.2.7", "192.0.2.99", "203.0.113.5"


@pytest.fixture(autouse=True)
def _quick_passwords():
    with cheap_password_hashing():
        yield


@pytest.fixture
def clock(manual_clock):
    """The index's clock, moved by the test."""
    return manual_clock


def is_let_in(index, address, password=PASSWORD):
    try:
        return bool(sign_in(index, "ana", password, address=address))
    except NotAuthenticated:
        return False


def guess(index, *addresses, times=1):
    """Try wrong passwords from each address."""
    for _ in range(times):
        for address in addresses:
            assert not is_let_in(index, address, "wrong wrong wrong")


def test_an_attacker_locks_only_the_attackers_own_network(index, clock):
    add_person(index, "ana")
    guess(index, ATTACKER, times=12)
    assert not is_let_in(index, ATTACKER)
    assert is_let_in(index, HOME)
    clock.advance(minutes=15.1)
    assert is_let_in(index, ATTACKER)


def test_a_flood_from_many_networks_is_stopped_and_the_person_signs_in_from_a_known_one(index, clock):
    add_person(index, "ana")
    assert is_let_in(index, HOME)
    flood = [f"203.0.113.{number}" for number in range(120)]
    guess(index, *flood)
    with index.database.read(OPERATOR) as unit:
        assert unit.accounts.find_by_name("ana").failed == 100
    clock.advance(days=30)
    assert not is_let_in(index, OFFICE)
    assert is_let_in(index, HOME)
    assert is_let_in(index, OFFICE)


def test_an_administrator_unlocks_a_person_at_a_new_network(sqlite_index, clock):
    add_person(sqlite_index, "ana")
    guess(sqlite_index, *(f"203.0.113.{number}" for number in range(100)))
    assert not is_let_in(sqlite_index, OFFICE)
    unlock_account(sqlite_index, OPERATOR, "ana")
    assert is_let_in(sqlite_index, OFFICE)


def test_guesses_from_a_known_network_are_bounded_too(sqlite_index, clock):
    add_person(sqlite_index, "ana")
    assert is_let_in(sqlite_index, HOME)
    for _ in range(10):
        guess(sqlite_index, HOME, times=10)
        clock.advance(days=1)
    clock.advance(days=1000)
    assert not is_let_in(sqlite_index, HOME)


def test_a_network_is_forgotten_after_ninety_days_and_only_ten_are_remembered(sqlite_index, clock):
    add_person(sqlite_index, "ana")
    assert is_let_in(sqlite_index, HOME)
    clock.advance(days=1)
    for number in range(MAX_KNOWN_NETWORKS):
        clock.advance(seconds=1)
        assert is_let_in(sqlite_index, f"198.51.100.{number}")
    clock.advance(days=89)
    guess(sqlite_index, *(f"203.0.113.{number}" for number in range(100)))
    assert not is_let_in(sqlite_index, HOME)
    assert is_let_in(sqlite_index, "198.51.100.0")
    clock.advance(days=91)
    assert is_let_in(sqlite_index, OFFICE)
    guess(sqlite_index, *(f"203.0.113.{number}" for number in range(100)))
    assert not is_let_in(sqlite_index, "198.51.100.1")


def test_the_present_password_is_guessed_from_one_network_as_at_sign_in(sqlite_index, clock):
    add_person(sqlite_index, "ana")
    token = sign_in(sqlite_index, "ana", PASSWORD, address=HOME)
    for _ in range(10):
        with pytest.raises(NotAuthenticated):
            change_password(sqlite_index, token, "wrong wrong wrong", "eighteen blue kettles", ATTACKER)
    with pytest.raises(NotAuthenticated):
        change_password(sqlite_index, token, PASSWORD, "eighteen blue kettles", ATTACKER)
    assert change_password(sqlite_index, token, PASSWORD, "eighteen blue kettles", HOME)


def test_no_address_is_stored(sqlite_index):
    add_person(sqlite_index, "ana")
    guess(sqlite_index, ATTACKER)
    with sqlite_index.database.read(OPERATOR) as unit:
        rows = unit.connection.exec_driver_sql("SELECT network FROM sign_in_network").scalars().all()
    assert rows
    assert not any("203.0" in row for row in rows)
