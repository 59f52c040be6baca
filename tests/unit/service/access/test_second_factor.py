"""One-time codes: set up, asked for at sign-in, used once, removed."""

from dataclasses import replace

import pyotp
import pytest

from mpi.domain.errors import AccessDenied, ConflictError, InputError, NotAuthenticated
from mpi.domain.roles import Role
from mpi.service.access.account_requests import (
    confirm_request,
    list_account_requests,
    request_factor_reset,
)
from mpi.service.access.accounts.account_end import end_account
from mpi.service.access.accounts.account_list import find_account
from mpi.service.access.accounts.sign_in_resets import reset_second_factor, set_password
from mpi.service.access.own_account.second_factor import find_own_factor, propose_enrollment
from mpi.service.access.session_authentication import authenticate_session
from mpi.service.access.sign_in import add_second_factor, change_password, remove_second_factor, sign_in
from tests.accounts import PASSWORD, add_person, cheap_password_hashing
from tests.index import OPERATOR


@pytest.fixture(autouse=True)
def _quick_passwords():
    with cheap_password_hashing():
        yield


@pytest.fixture
def clock(manual_clock):
    """The index's clock, moved by the test."""
    return manual_clock


class Phone:
    """An authenticator app, and the recovery codes of its person."""

    def __init__(self, index, name, clock, role=Role.STEWARD):
        self.clock, self.name = clock, add_person(index, name, role)
        self.token = sign_in(index, name, PASSWORD)
        self.app = pyotp.parse_uri(propose_enrollment(index, self.token, name).uri)
        self.recovery_codes = add_second_factor(index, self.token, PASSWORD, self.code())
        clock.advance(seconds=60)

    def code(self, ago_s: int = 0) -> str:
        """Return the code that the app showed some seconds ago."""
        return self.app.at(int(self.clock.now.timestamp()) - ago_s)


def assert_refused(index, name, code, times=1):
    for _ in range(times):
        with pytest.raises(NotAuthenticated):
            sign_in(index, name, PASSWORD, code=code)


def test_sign_in_needs_a_right_code_and_each_counts_once(index, clock):
    phone = Phone(index, "ana", clock)
    assert_refused(index, "ana", "")
    assert_refused(index, "ana", "abcdef")
    with pytest.raises(NotAuthenticated):
        sign_in(index, "ana", "wrong wrong wrong", code=phone.code())
    assert authenticate_session(index, sign_in(index, "ana", PASSWORD, code=f" {phone.code()} "))
    assert_refused(index, "ana", phone.code())
    clock.advance(seconds=30)
    assert_refused(index, "ana", phone.code(ago_s=30))
    assert sign_in(index, "ana", PASSWORD, code=phone.code())


def test_codes_of_half_a_minute_before_and_after_count_and_no_others(sqlite_index, clock):
    phone = Phone(sqlite_index, "ana", clock)
    for ago_s in (-90, -60, 60, 90, 3600):
        assert_refused(sqlite_index, "ana", phone.code(ago_s))
    assert sign_in(sqlite_index, "ana", PASSWORD, code=phone.code(30))
    assert sign_in(sqlite_index, "ana", PASSWORD, code=phone.code(-30))
    assert_refused(sqlite_index, "ana", phone.code())


def test_the_code_that_set_it_up_does_not_count_again(sqlite_index, clock):
    phone = Phone(sqlite_index, "ana", clock)
    clock.advance(seconds=-60)
    assert_refused(sqlite_index, "ana", phone.code())


def test_each_of_ten_recovery_codes_counts_once(index, clock):
    phone = Phone(index, "ana", clock)
    assert len(set(phone.recovery_codes)) == 10
    viewer = authenticate_session(index, phone.token).viewer
    for number, code in enumerate(phone.recovery_codes, 1):
        assert sign_in(index, "ana", PASSWORD, code=code.upper().replace("-", " "))
        assert_refused(index, "ana", code)
        assert find_own_factor(index, viewer).recovery_codes == 10 - number


def test_wrong_codes_lock_like_wrong_passwords(sqlite_index, clock):
    phone = Phone(sqlite_index, "ana", clock)
    assert_refused(sqlite_index, "ana", "000000", times=10)
    assert_refused(sqlite_index, "ana", phone.code())
    clock.advance(minutes=16)
    assert sign_in(sqlite_index, "ana", PASSWORD, code=phone.code())


def test_guessing_codes_is_stopped_after_a_hundred(sqlite_index, clock):
    phone = Phone(sqlite_index, "ana", clock)
    hits = 0
    for number in range(300):
        clock.advance(days=2)
        try:
            sign_in(sqlite_index, "ana", PASSWORD, code=f"{number:06}")
            hits += 1
        except NotAuthenticated:
            continue
    assert hits == 0
    assert_refused(sqlite_index, "ana", phone.code())


def test_one_time_password_does_not_get_past_the_second_factor(sqlite_index, clock):
    phone = Phone(sqlite_index, "ana", clock)
    one_time_password = set_password(sqlite_index, OPERATOR, "ana")
    with pytest.raises(NotAuthenticated):
        sign_in(sqlite_index, "ana", one_time_password)
    assert authenticate_session(
        sqlite_index, sign_in(sqlite_index, "ana", one_time_password, code=phone.code())
    ).must_change


def test_a_known_password_does_not_reset_the_count_of_wrong_codes(sqlite_index, clock):
    phone = Phone(sqlite_index, "ana", clock)
    other = "eighteen blue kettles"
    token = change_password(sqlite_index, phone.token, PASSWORD, other)
    for _ in range(6):
        with pytest.raises(NotAuthenticated):
            remove_second_factor(sqlite_index, token, other, "000000")
        with pytest.raises((InputError, NotAuthenticated)):
            change_password(sqlite_index, token, other, PASSWORD)
    with pytest.raises(NotAuthenticated, match="locked"):
        remove_second_factor(sqlite_index, token, other, phone.code())


def test_setting_up_needs_the_password_and_a_code_of_this_session(sqlite_index, clock):
    add_person(sqlite_index, "ana")
    token, other = sign_in(sqlite_index, "ana", PASSWORD), sign_in(sqlite_index, "ana", PASSWORD)
    enrollments = [propose_enrollment(sqlite_index, each, "ana") for each in (token, other)]
    code, foreign = [pyotp.TOTP(each.secret).at(int(clock.now.timestamp())) for each in enrollments]
    with pytest.raises(NotAuthenticated):
        add_second_factor(sqlite_index, token, "wrong wrong wrong", code)
    with pytest.raises(InputError):
        add_second_factor(sqlite_index, token, PASSWORD, foreign)
    add_second_factor(sqlite_index, token, PASSWORD, code)
    with pytest.raises(NotAuthenticated):
        authenticate_session(sqlite_index, other)
    clock.advance(seconds=60)
    with pytest.raises(ConflictError):
        add_second_factor(
            sqlite_index, token, PASSWORD, pyotp.TOTP(enrollments[0].secret).at(int(clock.now.timestamp()))
        )


def test_stopping_needs_password_and_code(sqlite_index, clock):
    phone = Phone(sqlite_index, "ana", clock)
    for password, code in (("wrong wrong wrong", phone.code()), (PASSWORD, "000000"), (PASSWORD, "")):
        with pytest.raises(NotAuthenticated):
            remove_second_factor(sqlite_index, phone.token, password, code)
    remove_second_factor(sqlite_index, phone.token, PASSWORD, phone.code())
    assert sign_in(sqlite_index, "ana", PASSWORD)


def test_codes_that_are_set_up_again_are_those_of_another_secret(sqlite_index, clock):
    phone = Phone(sqlite_index, "ana", clock)
    token = remove_second_factor(sqlite_index, phone.token, PASSWORD, phone.recovery_codes[0])
    with pytest.raises(NotAuthenticated):
        authenticate_session(sqlite_index, phone.token)
    assert authenticate_session(sqlite_index, token)
    assert propose_enrollment(sqlite_index, token, "ana").secret != phone.app.secret
    with pytest.raises(InputError):
        add_second_factor(sqlite_index, token, PASSWORD, phone.code())


def test_a_role_that_needs_codes_does_nothing_before(sqlite_index, clock):
    settings = replace(sqlite_index.settings, second_factor_roles=frozenset({Role.STEWARD}))
    index = replace(sqlite_index, settings=settings)
    token = sign_in(index, add_person(index, "ana"), PASSWORD)
    signed_in = authenticate_session(index, token)
    assert (signed_in.must_enroll, signed_in.viewer.actions) == (True, frozenset())
    secret = propose_enrollment(index, token, "ana").secret
    add_second_factor(index, token, PASSWORD, pyotp.TOTP(secret).at(int(clock.now.timestamp())))
    signed_in = authenticate_session(index, token)
    assert not signed_in.must_enroll
    assert signed_in.viewer.actions
    ona = authenticate_session(index, sign_in(index, add_person(index, "ona", Role.ANALYST), PASSWORD))
    assert not ona.must_enroll


def test_an_operator_removes_codes_alone_or_with_an_approver(index, clock):
    phone = Phone(index, "steward-1", clock)
    analyst = Phone(index, "analyst-1", clock, Role.ANALYST)
    ona = authenticate_session(
        index, sign_in(index, add_person(index, "ona", Role.OPERATOR), PASSWORD)
    ).viewer
    apo = authenticate_session(
        index, sign_in(index, add_person(index, "apo", Role.APPROVER), PASSWORD)
    ).viewer
    reset_second_factor(index, ona, "analyst-1")
    assert sign_in(index, "analyst-1", PASSWORD)
    with pytest.raises(ConflictError, match="no one-time codes"):
        reset_second_factor(index, ona, "analyst-1")
    with pytest.raises(AccessDenied):
        reset_second_factor(index, ona, "steward-1")
    request_factor_reset(index, ona, "steward-1", None)
    assert_refused(index, "steward-1", "")
    (request,) = list_account_requests(index, apo)
    with pytest.raises(AccessDenied):
        confirm_request(index, ona, request.number)
    assert confirm_request(index, apo, request.number).password is None
    with pytest.raises(NotAuthenticated):
        authenticate_session(index, phone.token)
    assert sign_in(index, "steward-1", PASSWORD)
    assert analyst.recovery_codes
    detail = find_account(index, OPERATOR, "steward-1")
    assert [change.act for change in detail.changes] == ["factor-removed", "ask", "factor", "add"]
    assert not detail.account.has_second_factor


def test_an_ended_account_keeps_no_secret(sqlite_index, clock):
    Phone(sqlite_index, "ana", clock)
    end_account(sqlite_index, OPERATOR, "ana")
    with sqlite_index.database.read(OPERATOR) as unit:
        assert not unit.second_factors.account_ids()
