"""Test what no operator can do to accounts: end themselves, or leave nobody."""

import pytest

from mpi.domain.errors import ConflictError, InputError, StaleError
from mpi.domain.roles import Role
from mpi.domain.viewer import Action
from mpi.service.access.accounts.account_end import end_account
from mpi.service.access.accounts.account_list import find_account, list_accounts
from mpi.service.access.accounts.account_rights import change_account, grant_actions
from mpi.service.access.accounts.sign_in_resets import set_password, unlock_account
from mpi.service.access.session_authentication import authenticate_session
from mpi.service.access.sign_in import sign_in
from tests.accounts import PASSWORD, add_person, cheap_password_hashing
from tests.index import OPERATOR


@pytest.fixture(autouse=True)
def _quick_passwords():
    with cheap_password_hashing():
        yield


def act_as(index, name):
    """Return the viewer of a person who signs in."""
    return authenticate_session(index, sign_in(index, name, PASSWORD)).viewer


def add_operator(index, name, sources=None):
    return act_as(index, add_person(index, name, Role.OPERATOR, sources))


def open_operators(index):
    return [account.name for account in list_accounts(index, OPERATOR) if account.ended is None]


def test_nobody_changes_or_ends_their_own_account(sqlite_index):
    ona = add_operator(sqlite_index, "ona")
    add_operator(sqlite_index, "oto")
    for change in (
        lambda: end_account(sqlite_index, ona, "ona"),
        lambda: change_account(sqlite_index, ona, "ona", Role.ANALYST, None),
        lambda: set_password(sqlite_index, ona, "ona"),
    ):
        with pytest.raises(ConflictError, match="your own account"):
            change()
    assert open_operators(sqlite_index) == ["ona", "oto"]


def test_of_two_operators_who_end_each_other_one_stays(sqlite_index):
    ona, oto = add_operator(sqlite_index, "ona"), add_operator(sqlite_index, "oto")
    end_account(sqlite_index, ona, "oto")
    with pytest.raises(ConflictError, match="last operator"):
        end_account(sqlite_index, oto, "ona")
    with pytest.raises(ConflictError, match="last operator"):
        change_account(sqlite_index, oto, "ona", Role.ANALYST, None)
    assert open_operators(sqlite_index) == ["ona"]


def test_an_operator_who_cannot_sign_in_or_sees_less_is_no_substitute(sqlite_index):
    ona, oto = add_operator(sqlite_index, "ona"), add_operator(sqlite_index, "oto")
    add_operator(sqlite_index, "limited", ["sis"])
    set_password(sqlite_index, oto, "limited")
    set_password(sqlite_index, ona, "oto")
    with pytest.raises(ConflictError, match="last operator"):
        end_account(sqlite_index, oto, "ona")


def test_the_command_line_may_end_the_last_operator(sqlite_index):
    add_operator(sqlite_index, "ona")
    end_account(sqlite_index, OPERATOR, "ona")
    assert open_operators(sqlite_index) == []


def test_an_operator_may_be_given_more_sources_though_alone(sqlite_index):
    add_operator(sqlite_index, "ona", ["sis"])
    oto = add_operator(sqlite_index, "oto")
    end_account(sqlite_index, OPERATOR, "oto")
    change_account(sqlite_index, oto, "ona", Role.OPERATOR, None)
    assert find_account(sqlite_index, OPERATOR, "ona").account.sources is None


def test_a_change_of_what_somebody_else_changed_is_refused(sqlite_index):
    ona = add_operator(sqlite_index, "ona")
    add_operator(sqlite_index, "oto")
    version = find_account(sqlite_index, ona, "oto").version
    set_password(sqlite_index, ona, "oto", version=version)
    for change in (
        lambda: set_password(sqlite_index, ona, "oto", version=version),
        lambda: end_account(sqlite_index, ona, "oto", version),
        lambda: change_account(sqlite_index, ona, "oto", Role.ANALYST, None, version),
    ):
        with pytest.raises(StaleError):
            change()
    assert open_operators(sqlite_index) == ["ona", "oto"]


def test_each_change_is_logged_with_its_maker_and_without_a_password(sqlite_index):
    ona = add_operator(sqlite_index, "ona")
    add_operator(sqlite_index, "oto")
    password = set_password(sqlite_index, ona, "oto")
    unlock_account(sqlite_index, ona, "oto")
    change_account(sqlite_index, ona, "oto", Role.ANALYST, ["sis"])
    end_account(sqlite_index, ona, "oto")
    changes = find_account(sqlite_index, ona, "oto").changes
    assert [(change.act, change.by) for change in changes] == [
        ("end", "ona"), ("change", "ona"), ("unlock", "ona"), ("password", "ona"), ("add", "operator"),
    ]  # fmt: skip
    assert changes[1].facts == {"role": "analyst", "sources": ["sis"]}
    assert password not in repr(changes)


EMERGENCY, ENTRY, CONSENT = Action.BREAK_GLASS, Action.RECORD_WRITE, Action.CONSENT_RECORD
ALL_THREE = frozenset({EMERGENCY, ENTRY, CONSENT})


@pytest.mark.parametrize(
    ("role", "sources", "kept"),
    [
        (Role.APPROVER, ["sis", "ccwis"], ALL_THREE),
        (Role.STEWARD, None, {EMERGENCY, CONSENT}),
        (Role.OPERATOR, ["sis"], {CONSENT}),
        (Role.SOURCE_OWNER, ["sis"], {CONSENT}),
    ],
)
def test_a_change_of_role_or_sources_takes_away_what_could_not_be_granted_now(index, role, sources, kept):
    add_person(index, "ana", Role.STEWARD, frozenset({"sis"}))
    grant_actions(index, OPERATOR, "ana", ALL_THREE)
    change_account(index, OPERATOR, "ana", role, sources)
    detail = find_account(index, OPERATOR, "ana")
    assert set(detail.account.granted) == kept
    assert act_as(index, "ana").actions & ALL_THREE == kept
    assert [change.act for change in detail.changes].count("grant") == (1 if kept == ALL_THREE else 2)
    for action in ALL_THREE - kept:
        with pytest.raises(InputError, match=action):
            grant_actions(index, OPERATOR, "ana", [*kept, action])
    change_account(index, OPERATOR, "ana", Role.STEWARD, ["sis"])
    assert set(find_account(index, OPERATOR, "ana").account.granted) == kept
