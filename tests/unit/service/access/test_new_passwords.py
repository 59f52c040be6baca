"""New passwords: earlier ones and known ones are refused."""

import hashlib
from dataclasses import replace

import pytest

from mpi.domain.errors import InputError, NotAuthenticated, StoreError
from mpi.domain.roles import Role
from mpi.service.access.accounts.account_end import end_account
from mpi.service.access.accounts.new_accounts import NewAccount, add_account
from mpi.service.access.accounts.sign_in_resets import set_password
from mpi.service.access.sign_in import change_password, sign_in
from mpi.service.identity.breached_passwords import BreachedPasswordFile
from tests.accounts import PASSWORD, add_person, cheap_password_hashing
from tests.index import OPERATOR

OTHERS = [f"{number} blue kettles on a hill" for number in ("six", "nine", "ten", "forty", "ninety", "two")]
BREACHED = "eleven leaking kettles"


@pytest.fixture(autouse=True)
def _quick_passwords():
    with cheap_password_hashing():
        yield


def list_past_hashes(index, name):
    with index.database.read(OPERATOR) as unit:
        return unit.past_passwords.find(unit.accounts.find_by_name(name).id)


def test_the_present_password_and_the_last_five_are_refused_and_an_older_one_is_not(index):
    token, present = sign_in(index, add_person(index, "repeats"), PASSWORD), PASSWORD
    for number, new in enumerate(OTHERS):
        for past in (PASSWORD, *OTHERS[:number]):
            with pytest.raises(InputError):
                change_password(index, token, present, past)
        token, present = change_password(index, token, present, new), new
    assert len(list_past_hashes(index, "repeats")) == 5
    change_password(index, token, present, PASSWORD)


def test_a_one_time_password_between_them_does_not_free_an_earlier_password(index):
    add_person(index, "reset")
    one_time_password = set_password(index, OPERATOR, "reset")
    token = sign_in(index, "reset", one_time_password)
    with pytest.raises(InputError, match="before"):
        change_password(index, token, one_time_password, PASSWORD)
    change_password(index, token, one_time_password, OTHERS[0])
    assert len(list_past_hashes(index, "reset")) == 1


def test_refused_earlier_passwords_are_not_counted_as_wrong_ones(index):
    token = sign_in(index, add_person(index, "tries"), PASSWORD)
    token = change_password(index, token, PASSWORD, OTHERS[0])
    for _ in range(11):
        with pytest.raises(InputError, match="before"):
            change_password(index, token, OTHERS[0], PASSWORD)
    assert sign_in(index, "tries", OTHERS[0])


def test_earlier_passwords_are_not_told_to_who_lacks_the_present_one(index):
    token = sign_in(index, add_person(index, "stolen"), PASSWORD)
    token = change_password(index, token, PASSWORD, OTHERS[0])
    for guess in (PASSWORD, OTHERS[1]):
        with pytest.raises(NotAuthenticated):
            change_password(index, token, "wrong wrong wrong", guess)


def test_past_passwords_of_an_ended_account_are_deleted(index):
    token = sign_in(index, add_person(index, "leaves-for-good"), PASSWORD)
    change_password(index, token, PASSWORD, OTHERS[0])
    assert list_past_hashes(index, "leaves-for-good")
    end_account(index, OPERATOR, "leaves-for-good")
    assert not list_past_hashes(index, "leaves-for-good")


def test_a_breached_password_is_refused_and_none_is_taken_without_the_file(sqlite_index, tmp_path):
    path = tmp_path / "hashes.txt"
    path.write_text(hashlib.sha1(BREACHED.encode(), usedforsecurity=False).hexdigest().upper() + ":3\n")
    index = replace(
        sqlite_index,
        settings=replace(sqlite_index.settings, breached_passwords=BreachedPasswordFile(path)),
    )
    token = sign_in(index, add_person(index, "leaks"), PASSWORD)
    with pytest.raises(InputError, match="breached"):
        change_password(index, token, PASSWORD, BREACHED)
    with pytest.raises(InputError, match="breached"):
        add_account(index, OPERATOR, NewAccount("new", "Ana Ruiz", Role.STEWARD, None), BREACHED)
    path.unlink()
    with pytest.raises(StoreError):
        change_password(index, token, PASSWORD, OTHERS[0])
    assert sign_in(index, "leaks", PASSWORD)
