"""Signing in: who gets in, what is told of a refusal, lock-outs, and how long a sign-in lasts."""

import logging
import threading
from datetime import datetime

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.profiles import CHEAPEST

from mpi.domain.errors import InputError, NotAuthenticated
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.service.access import passwords
from mpi.service.access.accounts import NewAccount, add_account, end_account, unlock_account
from mpi.service.access.sign_in import (
    SIGN_IN_REFUSED,
    authenticate_session,
    change_password,
    sign_in,
    sign_out,
)
from mpi.service.maintenance.restore_notice import begin_generation_after_restore
from tests.index import OPERATOR, an_index
from tests.people import PASSWORD, Clock, a_person, quick_passwords

WRONG = "wrong wrong wrong"


@pytest.fixture(autouse=True)
def _quick():
    with quick_passwords():
        yield


@pytest.fixture
def index(tmp_path):
    with an_index(tmp_path / "home", "sis", "ccwis") as index:
        yield index


@pytest.fixture
def either(tmp_path, database_url):
    """The same on either store, where the store has a part in it."""
    with an_index(tmp_path / "home", "sis", "ccwis", database_url=database_url) as index:
        yield index


@pytest.fixture
def ana(index):
    return a_person(index, "ana")


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def refused(index, name, password=WRONG, times=1):
    for _ in range(times):
        with pytest.raises(NotAuthenticated) as told:
            sign_in(index, name, password)
        assert str(told.value) == SIGN_IN_REFUSED


def is_in(index, token) -> bool:
    try:
        authenticate_session(index, token)
    except NotAuthenticated:
        return False
    return True


def account(index, name="ana"):
    with index.database.read(OPERATOR) as unit:
        return unit.accounts.find_by_name(name)


def seen_at(index) -> list[str]:
    with index.database.read(OPERATOR) as unit:
        return list(unit.connection.exec_driver_sql("SELECT seen_at FROM sign_in").scalars())


def test_whoever_signs_in_is_the_viewer_that_the_role_says(index):
    a_person(index, "olu", Role.SOURCE_OWNER, ["sis"], "Olu Owner")
    signed = authenticate_session(index, sign_in(index, " Olu ", PASSWORD))
    viewer = signed.viewer
    assert (viewer.client, viewer.purpose, viewer.sources) == ("olu", "data_quality", frozenset({"sis"}))
    assert viewer.actions == ACTIONS_BY_ROLE[Role.SOURCE_OWNER]
    assert (signed.name, signed.full_name, signed.role) == ("olu", "Olu Owner", Role.SOURCE_OWNER)


def test_the_purpose_is_the_roles_first_or_the_one_that_was_chosen(index, ana):
    a_person(index, "ona", Role.OPERATOR)
    assert authenticate_session(index, sign_in(index, "ona", PASSWORD)).viewer.purpose == "system_admin"
    token = sign_in(index, "ana", PASSWORD, "school_stability")
    assert authenticate_session(index, token).viewer.purpose == "school_stability"
    assert authenticate_session(
        index, change_password(index, token, PASSWORD, "eighteen blue kettles")
    ).viewer.purpose == ("school_stability")


def test_a_purpose_that_is_not_the_roles_is_refused_and_counts_as_no_wrong_password(index, ana):
    refused(index, "ana", times=3)
    for purpose in ("emergency_breakglass", "curiosity", ""):
        with pytest.raises(InputError, match="data_quality"):
            sign_in(index, "ana", PASSWORD, purpose)
    assert account(index).failed == 0


def test_every_refusal_says_the_same(either):
    a_person(either, "ana")
    end_account(either, OPERATOR, a_person(either, "ended"))
    for name in ("ana", "nobody-of-that-name", "", "ana\x00", "a" * 100_000, "ended"):
        refused(either, name)
    refused(either, "ended", PASSWORD)
    refused(either, "ana", "")
    refused(either, "ana", PASSWORD * 100_000)
    refused(either, "ana", times=10)
    refused(either, "ana", PASSWORD)


def test_the_log_tells_whose_sign_ins_were_refused_and_nothing_that_was_typed(index, ana, caplog):
    with caplog.at_level(logging.INFO, "mpi.access"):
        refused(index, "my-secret-typed-as-a-name", "another-secret")
        refused(index, "ana", "another-secret", times=2)
        sign_in(index, "ana", PASSWORD)
    told = [record.getMessage() for record in caplog.records]
    assert told[1:] == [
        "sign-in refused: ana, 1 in a row",
        "sign-in refused: ana, 2 in a row",
        "signed in: ana",
    ]
    assert "secret" not in caplog.text
    assert PASSWORD not in caplog.text


def test_a_long_password_of_marks_typed_apart_opens_as_it_was_set(index, ana):
    long = "e\u0301" * 150 + "abcdefgh"
    token = sign_in(index, "ana", PASSWORD)
    change_password(index, token, PASSWORD, long)
    assert sign_in(index, "ana", long)
    assert sign_in(index, "ana", "\u00e9" * 150 + "abcdefgh")


def test_a_name_that_nobody_has_takes_the_same_work(index, ana, monkeypatch):
    work = []
    real = passwords.is_correct
    monkeypatch.setattr(
        passwords,
        "is_correct",
        lambda kept, typed: (
            work.append(extract_parameters(kept or passwords._dummy_hash())) or real(kept, typed)
        ),
    )
    with index.database.read(OPERATOR) as unit:
        counted = unit.connection.exec_driver_sql("SELECT next FROM counter WHERE name = 'sign_in'").scalar()
    refused(index, "ana")
    refused(index, "nobody-of-that-name")
    with index.database.read(OPERATOR) as unit:
        after = unit.connection.exec_driver_sql("SELECT next FROM counter WHERE name = 'sign_in'").scalar()
    assert (after - counted, len(work), work[0] == work[1]) == (2, 2, True)


def test_ten_wrong_in_a_row_lock_the_account_for_a_quarter_of_an_hour(index, ana, clock):
    refused(index, "ana", times=9)
    assert sign_in(index, "ana", PASSWORD)
    refused(index, "ana", times=10)
    refused(index, "ana", PASSWORD)
    clock.pass_by(minutes=14.9)
    refused(index, "ana", PASSWORD)
    clock.pass_by(minutes=0.2)
    assert sign_in(index, "ana", PASSWORD)
    assert account(index).failed == 0


def test_what_is_tried_while_it_is_locked_is_neither_tried_nor_counted(index, ana):
    refused(index, "ana", times=25)
    assert account(index).failed == 10


def test_locks_grow_to_a_day_and_after_a_hundred_somebody_has_to_unlock(either, clock):
    a_person(either, "ana")
    minutes = []
    for _ in range(9):
        refused(either, "ana", times=10)
        lasts = datetime.fromisoformat(account(either).locked_until) - clock.now
        minutes.append(lasts.total_seconds() / 60)
        clock.pass_by(seconds=lasts.total_seconds())
    assert minutes == [15, 30, 60, 120, 240, 480, 960, 1440, 1440]
    refused(either, "ana", times=10)
    clock.pass_by(days=1000)
    refused(either, "ana", PASSWORD)
    unlock_account(either, OPERATOR, "ana")
    assert sign_in(either, "ana", PASSWORD)


def test_locking_one_locks_no_other_and_ends_no_sign_in(index, ana):
    a_person(index, "ben")
    token = sign_in(index, "ana", PASSWORD)
    refused(index, "ana", times=12)
    for guess in range(30):
        refused(index, f"guess-{guess}")
    assert is_in(index, token)
    assert sign_in(index, "ben", PASSWORD)


def test_many_wrong_at_once_are_no_more_tries_than_one_after_another(either, monkeypatch):
    a_person(either, "ana")
    tried = []
    real = passwords.is_correct
    monkeypatch.setattr(
        passwords,
        "is_correct",
        lambda kept, typed: (kept is not None and bool(tried.append(1))) or real(kept, typed),
    )
    start = threading.Barrier(16)

    def guess():
        start.wait()
        for _ in range(3):
            with pytest.raises(NotAuthenticated):
                sign_in(either, "ana", WRONG)

    threads = [threading.Thread(target=guess) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tried) == 10
    assert account(either).failed == 10
    refused(either, "ana", PASSWORD)


def test_a_password_that_was_set_while_another_was_tried_lets_nobody_in(index, ana, monkeypatch):
    real = passwords.is_correct

    def meanwhile(kept, typed):
        right = real(kept, typed)
        with index.database.write(OPERATOR, "test") as unit:
            unit.accounts.set_password(account(index).id, passwords.hash_password("x"), "2026", must_change=True)
        return right

    monkeypatch.setattr(passwords, "is_correct", meanwhile)
    refused(index, "ana", PASSWORD)


def test_a_hash_of_other_parameters_is_made_anew_when_the_password_comes_by(index, ana, monkeypatch):
    before = account(index)
    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    assert sign_in(index, "ana", PASSWORD)
    after = account(index)
    assert extract_parameters(after.password_hash).time_cost == 2
    assert extract_parameters(before.password_hash).time_cost == CHEAPEST.time_cost
    assert after.password_set_at == before.password_set_at
    assert sign_in(index, "ana", PASSWORD)


def test_a_password_that_somebody_else_set_opens_nothing_after_a_week(index, clock):
    given = add_account(index, OPERATOR, NewAccount("ana", "Ana", Role.STEWARD, None))
    clock.pass_by(days=6.9)
    assert sign_in(index, "ana", given)
    clock.pass_by(days=0.2)
    refused(index, "ana", given)


def test_a_sign_in_ends_after_half_an_hour_without_a_page(index, ana, clock):
    token = sign_in(index, "ana", PASSWORD)
    for _ in range(5):
        clock.pass_by(minutes=29)
        assert is_in(index, token)
    clock.pass_by(minutes=30)
    assert not is_in(index, token)


def test_a_sign_in_ends_after_twelve_hours_whatever_is_done(index, ana, clock):
    token = sign_in(index, "ana", PASSWORD)
    for _ in range(12 * 3 - 1):
        clock.pass_by(minutes=20)
        assert is_in(index, token)
    clock.pass_by(minutes=20)
    assert not is_in(index, token)


def test_that_somebody_is_there_is_written_once_a_minute(either, clock):
    a_person(either, "ana")
    token = sign_in(either, "ana", PASSWORD)
    [begun] = seen_at(either)
    clock.pass_by(seconds=59)
    authenticate_session(either, token)
    assert seen_at(either) == [begun]
    clock.pass_by(seconds=1)
    authenticate_session(either, token)
    [seen] = seen_at(either)
    assert seen > begun
    clock.pass_by(seconds=30)
    authenticate_session(either, token)
    assert seen_at(either) == [seen]


def test_sign_ins_whose_time_is_over_are_dropped_at_the_next(either, clock):
    a_person(either, "ana")
    for _ in range(3):
        sign_in(either, "ana", PASSWORD)
    clock.pass_by(minutes=31)
    sign_in(either, "ana", PASSWORD)
    assert len(seen_at(either)) == 1


def test_signing_out_ends_one_sign_in_and_signing_in_anew_the_browsers_own(index, ana):
    first, second = sign_in(index, "ana", PASSWORD), sign_in(index, "ana", PASSWORD)
    sign_out(index, first)
    assert (is_in(index, first), is_in(index, second)) == (False, True)
    third = sign_in(index, "ana", PASSWORD, replaced_token=second)
    assert (is_in(index, second), is_in(index, third)) == (False, True)


def test_nobody_is_signed_in_by_a_backup(index, ana):
    token = sign_in(index, "ana", PASSWORD)
    begin_generation_after_restore(index.database, OPERATOR)
    assert not is_in(index, token)


def test_what_is_no_token_is_nobody(index, ana):
    sign_in(index, "ana", PASSWORD)
    for token in (None, "", "x", "x" * 43, "x" * 100_000, "\x00", "é"):
        assert not is_in(index, token)


def test_a_forms_token_is_the_sign_ins_own(index, ana):
    first, second = (authenticate_session(index, sign_in(index, "ana", PASSWORD)).csrf for _ in range(2))
    assert first != second
    assert len(first) == 32


def test_a_password_is_changed_by_whoever_knows_it_and_is_signed_in(index, ana):
    token = sign_in(index, "ana", PASSWORD)
    with pytest.raises(NotAuthenticated):
        change_password(index, token, WRONG, "eighteen blue kettles")
    assert account(index).failed == 1
    for new in (PASSWORD, "short", "ana ana ana ana ana"):
        with pytest.raises(InputError):
            change_password(index, token, PASSWORD, new)
    with pytest.raises(NotAuthenticated):
        change_password(index, "x", PASSWORD, "eighteen blue kettles")
    change_password(index, token, PASSWORD, "eighteen blue kettles")
    refused(index, "ana", PASSWORD)
    assert sign_in(index, "ana", "eighteen blue kettles")


def test_ten_wrong_present_passwords_lock_the_account_too(index, ana):
    token = sign_in(index, "ana", PASSWORD)
    for _ in range(10):
        with pytest.raises(NotAuthenticated):
            change_password(index, token, WRONG, "eighteen blue kettles")
    with pytest.raises(NotAuthenticated):
        change_password(index, token, PASSWORD, "eighteen blue kettles")
