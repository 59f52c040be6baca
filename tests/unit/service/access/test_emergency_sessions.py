"""Emergency access of people: granted by name, within one sign-in, and over by itself."""

import logging

import pytest

from mpi.domain.errors import AccessDenied, ConflictError, InputError, NotAuthenticated
from mpi.domain.roles import Role
from mpi.domain.viewer import Action, make_operator
from mpi.service.access.accounts.account_list import list_accounts
from mpi.service.access.accounts.account_rights import grant_actions
from mpi.service.access.accounts.new_accounts import NewAccount, add_account
from mpi.service.access.accounts.sign_in_resets import set_password
from mpi.service.access.break_glass import list_uses, review_use
from mpi.service.access.emergency_sessions import begin_emergency, end_emergency, find_own_use
from mpi.service.access.session_authentication import authenticate_session
from mpi.service.access.sign_in import change_password, sign_in
from mpi.service.core.disclosure import disclose
from tests.accounts import PASSWORD, add_person, cheap_password_hashing
from tests.agreements import permit_emergencies
from tests.index import OPERATOR, with_settings

PURPOSE = "emergency_breakglass"


@pytest.fixture(autouse=True, scope="module")
def _cheap_hashing():
    with cheap_password_hashing():
        yield


@pytest.fixture
def token(sqlite_index):
    permit_emergencies(sqlite_index)
    return sign_in_granted(sqlite_index, "cal")


def sign_in_granted(index, name, role=Role.STEWARD, *actions):
    add_person(index, name, role)
    grant_actions(index, OPERATOR, name, actions or ["break.glass"])
    return sign_in(index, name, PASSWORD)


def test_a_use_begins_with_a_reason_and_is_announced(sqlite_index, token, caplog):
    caplog.set_level(logging.WARNING, "mpi.policy")
    begin_emergency(sqlite_index, token, " child missing ")
    signed_in = authenticate_session(sqlite_index, token)
    assert signed_in.viewer.purpose == PURPOSE
    assert signed_in.viewer.actions == {
        Action.RECORD_READ,
        Action.PERSON_READ,
        Action.PERSON_SEARCH,
        Action.CROSSWALK_READ,
        Action.BREAK_GLASS,
    }
    assert signed_in.emergency.children_left == 20
    assert "emergency access by cal has begun" in caplog.text
    [use] = list_uses(sqlite_index, OPERATOR)
    assert (use.client, use.reason) == ("cal", "child missing")


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501, "two\nlines"])
def test_a_use_needs_a_reason(sqlite_index, token, reason):
    with pytest.raises(InputError):
        begin_emergency(sqlite_index, token, reason)
    assert list_uses(sqlite_index, OPERATOR) == []
    assert authenticate_session(sqlite_index, token).viewer.purpose == "data_quality"


def test_an_account_without_the_grant_begins_none(sqlite_index):
    permit_emergencies(sqlite_index)
    token = sign_in(sqlite_index, add_person(sqlite_index, "sue"), PASSWORD)
    with pytest.raises(AccessDenied):
        begin_emergency(sqlite_index, token, "child missing")
    assert list_uses(sqlite_index, OPERATOR) == []


def test_an_agreement_that_does_not_name_emergencies_permits_none(sqlite_index):
    token = sign_in_granted(sqlite_index, "cal")
    with pytest.raises(AccessDenied) as refused:
        begin_emergency(sqlite_index, token, "child missing")
    assert refused.value.reason == "purpose-outside-agreement"
    assert refused.value.call.purpose == PURPOSE
    assert list_uses(sqlite_index, OPERATOR) == []


def test_the_session_has_its_own_purpose_again_once_the_time_is_over(sqlite_index, manual_clock, token):
    begin_emergency(sqlite_index, token, "child missing")
    manual_clock.advance(minutes=29)
    assert authenticate_session(sqlite_index, token).viewer.purpose == PURPOSE
    manual_clock.advance(minutes=29)
    assert authenticate_session(sqlite_index, token).viewer.purpose == PURPOSE
    manual_clock.advance(minutes=2)
    signed_in = authenticate_session(sqlite_index, token)
    assert (signed_in.viewer.purpose, signed_in.emergency.is_over) == ("data_quality", True)
    with pytest.raises(ConflictError):
        begin_emergency(sqlite_index, token, "still missing")
    review_use(sqlite_index, make_operator("pria"), "cal", "justified")
    manual_clock.advance(minutes=1)
    begin_emergency(sqlite_index, token, "another child")
    assert authenticate_session(sqlite_index, token).viewer.purpose == PURPOSE


def test_the_use_is_over_once_its_answers_were_about_many_children(sqlite_index, token):
    limited = with_settings(sqlite_index, break_glass_children=2)
    begin_emergency(limited, token, "child missing")
    for number, left in ((1, 1), (1, 1), (2, 0)):
        viewer = authenticate_session(limited, token).viewer
        disclose(limited, viewer, Action.PERSON_READ, [number], ["first_name"])
        assert authenticate_session(limited, token).emergency.children_left == left
    signed_in = authenticate_session(limited, token)
    assert (signed_in.emergency.is_over, signed_in.viewer.purpose) == (True, "data_quality")


def test_a_person_ends_the_own_use_and_gets_no_other_before_a_review(sqlite_index, token, manual_clock):
    begin_emergency(sqlite_index, token, "child missing")
    manual_clock.advance(minutes=1)
    end_emergency(sqlite_index, token)
    signed_in = authenticate_session(sqlite_index, token)
    assert (signed_in.viewer.purpose, signed_in.emergency) == ("data_quality", None)
    assert find_own_use(sqlite_index, signed_in.viewer).is_over
    with pytest.raises(ConflictError):
        begin_emergency(sqlite_index, token, "still missing")
    [use] = list_uses(sqlite_index, OPERATOR)
    assert use.ended_at > use.begun_at
    end_emergency(sqlite_index, token)
    assert list_uses(sqlite_index, OPERATOR) == [use]


def test_another_sign_in_of_the_person_is_no_emergency_until_it_joins(sqlite_index, token):
    other = sign_in(sqlite_index, "cal", PASSWORD)
    begin_emergency(sqlite_index, token, "child missing")
    assert authenticate_session(sqlite_index, other).viewer.purpose == "data_quality"
    begin_emergency(sqlite_index, other, "child missing")
    assert authenticate_session(sqlite_index, other).viewer.purpose == PURPOSE
    assert len(list_uses(sqlite_index, OPERATOR)) == 1


def test_a_review_closes_a_use_that_goes_on(sqlite_index, token, manual_clock):
    begin_emergency(sqlite_index, token, "child missing")
    manual_clock.advance(minutes=1)
    review_use(sqlite_index, make_operator("pria"), "cal", "not justified")
    assert authenticate_session(sqlite_index, token).viewer.purpose == "data_quality"


def test_a_review_is_of_the_use_that_its_reviewer_has_read(sqlite_index, token, manual_clock):
    begin_emergency(sqlite_index, token, "child missing")
    first = list_uses(sqlite_index, OPERATOR)[0].begun_at
    manual_clock.advance(minutes=1)
    review_use(sqlite_index, make_operator("pria"), "cal", "justified", first)
    manual_clock.advance(minutes=1)
    begin_emergency(sqlite_index, token, "another child")
    with pytest.raises(ConflictError):
        review_use(sqlite_index, make_operator("pria"), "cal", "justified", first)
    assert list_uses(sqlite_index, OPERATOR, counted=True)[1].children == 0


def test_a_new_password_begins_no_session_for_an_emergency(sqlite_index, token):
    begin_emergency(sqlite_index, token, "child missing")
    new_token = change_password(sqlite_index, token, PASSWORD, "forty lanterns on a hill")
    assert authenticate_session(sqlite_index, new_token).viewer.purpose == "data_quality"


def test_a_grant_by_name_is_listed_and_signs_the_person_out(sqlite_index, token):
    grant_actions(sqlite_index, OPERATOR, "cal", ["record.seal", "break.glass"])
    with pytest.raises(NotAuthenticated):
        authenticate_session(sqlite_index, token)
    [account] = list_accounts(sqlite_index, OPERATOR)
    assert account.granted == ("break.glass", "record.seal")
    grant_actions(sqlite_index, OPERATOR, "cal", [])
    assert list_accounts(sqlite_index, OPERATOR)[0].granted == ()


@pytest.mark.parametrize(
    ("role", "actions"), [(Role.STEWARD, ["load"]), (Role.STEWARD, ["fly"]), (Role.AUDITOR, ["break.glass"])]
)
def test_only_some_actions_are_granted_by_name(sqlite_index, role, actions):
    add_account(sqlite_index, OPERATOR, NewAccount("eve", "Eve", role, None))
    with pytest.raises(InputError):
        grant_actions(sqlite_index, OPERATOR, "eve", actions)


def test_nobody_grants_what_they_lack_or_takes_over_who_has_more(sqlite_index):
    admin = authenticate_session(
        sqlite_index, sign_in(sqlite_index, add_person(sqlite_index, "ona", Role.OPERATOR), PASSWORD)
    ).viewer
    add_account(sqlite_index, OPERATOR, NewAccount("olu", "Olu", Role.OPERATOR, None))
    with pytest.raises(AccessDenied):
        grant_actions(sqlite_index, admin, "olu", ["record.seal"])
    set_password(sqlite_index, admin, "olu")
    grant_actions(sqlite_index, OPERATOR, "olu", ["record.seal"])
    for act in (
        lambda: set_password(sqlite_index, admin, "olu"),
        lambda: grant_actions(sqlite_index, admin, "olu", []),
    ):
        with pytest.raises(AccessDenied):
            act()
