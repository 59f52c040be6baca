"""Test sign-in: refusals, lockouts and the lifetime of a session."""

import logging
import threading
from datetime import datetime

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.profiles import CHEAPEST

from mpi.domain.errors import InputError, NotAuthenticated
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.service.access import passwords
from mpi.service.access.accounts.account_end import end_account
from mpi.service.access.accounts.new_accounts import NewAccount, add_account
from mpi.service.access.accounts.sign_in_resets import unlock_account
from mpi.service.access.session_authentication import authenticate_session
from mpi.service.access.sign_in import SIGN_IN_REFUSED, change_password, sign_in, sign_out
from mpi.service.maintenance.feed_generation import begin_generation_after_restore
from tests.accounts import PASSWORD, add_person, cheap_password_hashing
from tests.index import OPERATOR

WRONG = "wrong wrong wrong"


@pytest.fixture(autouse=True)
def _quick_passwords():
    with cheap_password_hashing():
        yield


@pytest.fixture
def ana(sqlite_index):
    """The name of an account whose password is PASSWORD."""
    return add_person(sqlite_index, "ana")


@pytest.fixture
def clock(manual_clock):
    """The index's clock, moved by the test."""
    return manual_clock


def assert_refused(index, name, password=WRONG, times=1):
    for _ in range(times):
        with pytest.raises(NotAuthenticated) as error:
            sign_in(index, name, password)
        assert str(error.value) == SIGN_IN_REFUSED


def has_session(index, token) -> bool:
    try:
        authenticate_session(index, token)
    except NotAuthenticated:
        return False
    return True


def find_account(index, name="ana"):
    with index.database.read(OPERATOR) as unit:
        return unit.accounts.find_by_name(name)


def list_last_seen(index) -> list[str]:
    with index.database.read(OPERATOR) as unit:
        return list(unit.connection.exec_driver_sql("SELECT seen_at FROM sign_in").scalars())


def test_session_has_the_viewer_rights_of_its_role(sqlite_index):
    add_person(sqlite_index, "olu", Role.SOURCE_OWNER, ["sis"], "Olu Owner")
    signed = authenticate_session(sqlite_index, sign_in(sqlite_index, " Olu ", PASSWORD))
    viewer = signed.viewer
    assert (viewer.client, viewer.purpose, viewer.sources) == ("olu", "data_quality", frozenset({"sis"}))
    assert viewer.actions == ACTIONS_BY_ROLE[Role.SOURCE_OWNER]
    assert (signed.name, signed.full_name, signed.role) == ("olu", "Olu Owner", Role.SOURCE_OWNER)


def test_purpose_is_the_first_of_the_role_or_the_chosen_one(sqlite_index, ana):
    add_person(sqlite_index, "ona", Role.OPERATOR)
    assert (
        authenticate_session(sqlite_index, sign_in(sqlite_index, "ona", PASSWORD)).viewer.purpose
        == "system_admin"
    )
    token = sign_in(sqlite_index, "ana", PASSWORD, "school_stability")
    assert authenticate_session(sqlite_index, token).viewer.purpose == "school_stability"
    assert authenticate_session(
        sqlite_index, change_password(sqlite_index, token, PASSWORD, "eighteen blue kettles")
    ).viewer.purpose == ("school_stability")


def test_purpose_outside_the_role_is_refused_without_counting_a_failed_password(sqlite_index, ana):
    assert_refused(sqlite_index, "ana", times=3)
    for purpose in ("emergency_breakglass", "curiosity", ""):
        with pytest.raises(InputError, match="data_quality"):
            sign_in(sqlite_index, "ana", PASSWORD, purpose)
    assert find_account(sqlite_index).failed == 0


def test_every_refusal_has_the_same_message(index):
    add_person(index, "ana")
    end_account(index, OPERATOR, add_person(index, "ended"))
    for name in ("ana", "nobody-of-that-name", "", "ana\x00", "a" * 100_000, "ended"):
        assert_refused(index, name)
    assert_refused(index, "ended", PASSWORD)
    assert_refused(index, "ana", "")
    assert_refused(index, "ana", PASSWORD * 100_000)
    assert_refused(index, "ana", times=10)
    assert_refused(index, "ana", PASSWORD)


def test_log_names_refused_accounts_and_nothing_that_was_typed(sqlite_index, ana, caplog):
    with caplog.at_level(logging.INFO, "mpi.access"):
        assert_refused(sqlite_index, "my-secret-typed-as-a-name", "another-secret")
        assert_refused(sqlite_index, "ana", "another-secret", times=2)
        sign_in(sqlite_index, "ana", PASSWORD)
    messages = [record.getMessage() for record in caplog.records]
    assert messages[1:] == [
        "sign-in refused: ana, 1 in a row",
        "sign-in refused: ana, 2 in a row",
        "signed in: ana",
    ]
    assert "secret" not in caplog.text
    assert PASSWORD not in caplog.text


def test_long_password_in_decomposed_unicode_is_accepted(sqlite_index, ana):
    long_password = "nineteen gree\u0301n kettles on a shelf in the old barn " + "e\u0301" * 140
    token = sign_in(sqlite_index, "ana", PASSWORD)
    change_password(sqlite_index, token, PASSWORD, long_password)
    assert sign_in(sqlite_index, "ana", long_password)
    assert sign_in(sqlite_index, "ana", long_password.replace("e\u0301", "\u00e9"))


def test_unknown_name_takes_the_same_work_as_a_known_one(sqlite_index, ana, monkeypatch):
    work = []
    is_correct = passwords.is_correct
    monkeypatch.setattr(
        passwords,
        "is_correct",
        lambda password_hash, typed: (
            work.append(extract_parameters(password_hash or passwords._dummy_hash()))
            or is_correct(password_hash, typed)
        ),
    )
    with sqlite_index.database.read(OPERATOR) as unit:
        count_before = unit.connection.exec_driver_sql(
            "SELECT next FROM counter WHERE name = 'sign_in'"
        ).scalar()
    assert_refused(sqlite_index, "ana")
    assert_refused(sqlite_index, "nobody-of-that-name")
    with sqlite_index.database.read(OPERATOR) as unit:
        count_after = unit.connection.exec_driver_sql(
            "SELECT next FROM counter WHERE name = 'sign_in'"
        ).scalar()
    assert (count_after - count_before, len(work), work[0] == work[1]) == (2, 2, True)


def test_ten_wrong_passwords_in_a_row_lock_the_account_for_fifteen_minutes(sqlite_index, ana, clock):
    assert_refused(sqlite_index, "ana", times=9)
    assert sign_in(sqlite_index, "ana", PASSWORD)
    assert_refused(sqlite_index, "ana", times=10)
    assert_refused(sqlite_index, "ana", PASSWORD)
    clock.advance(minutes=14.9)
    assert_refused(sqlite_index, "ana", PASSWORD)
    clock.advance(minutes=0.2)
    assert sign_in(sqlite_index, "ana", PASSWORD)
    assert find_account(sqlite_index).failed == 0


def test_attempts_on_a_locked_account_are_neither_checked_nor_counted(sqlite_index, ana):
    assert_refused(sqlite_index, "ana", times=25)
    assert find_account(sqlite_index).failed == 10


def test_lockouts_grow_to_a_day_and_after_a_hundred_failures_need_an_unlock(index, clock):
    add_person(index, "ana")
    minutes = []
    for _ in range(9):
        assert_refused(index, "ana", times=10)
        duration = datetime.fromisoformat(find_account(index).locked_until) - clock.now
        minutes.append(duration.total_seconds() / 60)
        clock.advance(seconds=duration.total_seconds())
    assert minutes == [15, 30, 60, 120, 240, 480, 960, 1440, 1440]
    assert_refused(index, "ana", times=10)
    clock.advance(days=1000)
    assert_refused(index, "ana", PASSWORD)
    unlock_account(index, OPERATOR, "ana")
    assert sign_in(index, "ana", PASSWORD)


def test_lockout_of_one_account_affects_no_other_and_ends_no_session(sqlite_index, ana):
    add_person(sqlite_index, "ben")
    token = sign_in(sqlite_index, "ana", PASSWORD)
    assert_refused(sqlite_index, "ana", times=12)
    for guess in range(30):
        assert_refused(sqlite_index, f"guess-{guess}")
    assert has_session(sqlite_index, token)
    assert sign_in(sqlite_index, "ben", PASSWORD)


def test_concurrent_wrong_passwords_count_like_sequential_ones(index, monkeypatch):
    add_person(index, "ana")
    attempts = []
    is_correct = passwords.is_correct
    monkeypatch.setattr(
        passwords,
        "is_correct",
        lambda password_hash, typed: (
            (password_hash is not None and bool(attempts.append(1))) or is_correct(password_hash, typed)
        ),
    )
    start = threading.Barrier(16)

    def guess():
        start.wait()
        for _ in range(3):
            with pytest.raises(NotAuthenticated):
                sign_in(index, "ana", WRONG)

    threads = [threading.Thread(target=guess) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(attempts) == 10
    assert find_account(index).failed == 10
    assert_refused(index, "ana", PASSWORD)


def test_password_changed_during_a_sign_in_refuses_the_old_one(sqlite_index, ana, monkeypatch):
    is_correct = passwords.is_correct

    def change_during_check(password_hash, typed):
        result = is_correct(password_hash, typed)
        with sqlite_index.database.write(OPERATOR, "test") as unit:
            unit.accounts.set_password(
                find_account(sqlite_index).id, passwords.hash_password("x"), "2026", must_change=True
            )
        return result

    monkeypatch.setattr(passwords, "is_correct", change_during_check)
    assert_refused(sqlite_index, "ana", PASSWORD)


def test_outdated_hash_is_replaced_at_the_next_sign_in(sqlite_index, ana, monkeypatch):
    before = find_account(sqlite_index)
    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    assert sign_in(sqlite_index, "ana", PASSWORD)
    after = find_account(sqlite_index)
    assert extract_parameters(after.password_hash).time_cost == 2
    assert extract_parameters(before.password_hash).time_cost == CHEAPEST.time_cost
    assert after.password_set_at == before.password_set_at
    assert sign_in(sqlite_index, "ana", PASSWORD)


def test_one_time_password_expires_after_a_week(sqlite_index, clock):
    one_time_password = add_account(sqlite_index, OPERATOR, NewAccount("ana", "Ana", Role.STEWARD, None))
    clock.advance(days=6.9)
    assert sign_in(sqlite_index, "ana", one_time_password)
    clock.advance(days=0.2)
    assert_refused(sqlite_index, "ana", one_time_password)


def test_session_ends_after_thirty_minutes_without_a_request(sqlite_index, ana, clock):
    token = sign_in(sqlite_index, "ana", PASSWORD)
    for _ in range(5):
        clock.advance(minutes=29)
        assert has_session(sqlite_index, token)
    clock.advance(minutes=30)
    assert not has_session(sqlite_index, token)


def test_session_ends_after_twelve_hours_of_activity(sqlite_index, ana, clock):
    token = sign_in(sqlite_index, "ana", PASSWORD)
    for _ in range(12 * 3 - 1):
        clock.advance(minutes=20)
        assert has_session(sqlite_index, token)
    clock.advance(minutes=20)
    assert not has_session(sqlite_index, token)


def test_last_seen_time_is_written_once_a_minute(index, clock):
    add_person(index, "ana")
    token = sign_in(index, "ana", PASSWORD)
    [first_seen] = list_last_seen(index)
    clock.advance(seconds=59)
    authenticate_session(index, token)
    assert list_last_seen(index) == [first_seen]
    clock.advance(seconds=1)
    authenticate_session(index, token)
    [last_seen] = list_last_seen(index)
    assert last_seen > first_seen
    clock.advance(seconds=30)
    authenticate_session(index, token)
    assert list_last_seen(index) == [last_seen]


def test_expired_sessions_are_deleted_at_the_next_sign_in(index, clock):
    add_person(index, "ana")
    for _ in range(3):
        sign_in(index, "ana", PASSWORD)
    clock.advance(minutes=31)
    sign_in(index, "ana", PASSWORD)
    assert len(list_last_seen(index)) == 1


def test_sign_out_ends_one_session_and_a_new_sign_in_replaces_the_browsers_own(sqlite_index, ana):
    first, second = sign_in(sqlite_index, "ana", PASSWORD), sign_in(sqlite_index, "ana", PASSWORD)
    sign_out(sqlite_index, first)
    assert (has_session(sqlite_index, first), has_session(sqlite_index, second)) == (False, True)
    third = sign_in(sqlite_index, "ana", PASSWORD, replaced_token=second)
    assert (has_session(sqlite_index, second), has_session(sqlite_index, third)) == (False, True)


def test_restore_from_backup_ends_every_session(sqlite_index, ana):
    token = sign_in(sqlite_index, "ana", PASSWORD)
    begin_generation_after_restore(sqlite_index.database, OPERATOR)
    assert not has_session(sqlite_index, token)


def test_invalid_token_is_not_authenticated(sqlite_index, ana):
    sign_in(sqlite_index, "ana", PASSWORD)
    for token in (None, "", "x", "x" * 43, "x" * 100_000, "\x00", "é"):
        assert not has_session(sqlite_index, token)


def test_csrf_token_belongs_to_its_session(sqlite_index, ana):
    first, second = (
        authenticate_session(sqlite_index, sign_in(sqlite_index, "ana", PASSWORD)).csrf for _ in range(2)
    )
    assert first != second
    assert len(first) == 32


def test_password_change_needs_a_session_and_the_current_password(sqlite_index, ana):
    token = sign_in(sqlite_index, "ana", PASSWORD)
    with pytest.raises(NotAuthenticated):
        change_password(sqlite_index, token, WRONG, "eighteen blue kettles")
    assert find_account(sqlite_index).failed == 1
    for new in (PASSWORD, "short", "ana ana ana ana ana"):
        with pytest.raises(InputError):
            change_password(sqlite_index, token, PASSWORD, new)
    with pytest.raises(NotAuthenticated):
        change_password(sqlite_index, "x", PASSWORD, "eighteen blue kettles")
    change_password(sqlite_index, token, PASSWORD, "eighteen blue kettles")
    assert_refused(sqlite_index, "ana", PASSWORD)
    assert sign_in(sqlite_index, "ana", "eighteen blue kettles")


def test_ten_wrong_current_passwords_lock_the_account(sqlite_index, ana):
    token = sign_in(sqlite_index, "ana", PASSWORD)
    for _ in range(10):
        with pytest.raises(NotAuthenticated):
            change_password(sqlite_index, token, WRONG, "eighteen blue kettles")
    with pytest.raises(NotAuthenticated):
        change_password(sqlite_index, token, PASSWORD, "eighteen blue kettles")
