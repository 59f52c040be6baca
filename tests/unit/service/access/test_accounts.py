"""Test who may create and change accounts, and what ends a session."""

import pytest

from mpi.domain.errors import AccessDenied, ConflictError, InputError, NotAuthenticated, NotFoundError
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.viewer import Action, Viewer
from mpi.service.access.account_rules import AccountState
from mpi.service.access.accounts.account_end import end_account
from mpi.service.access.accounts.account_list import list_accounts
from mpi.service.access.accounts.account_rights import change_account
from mpi.service.access.accounts.new_accounts import NewAccount, add_account
from mpi.service.access.accounts.sign_in_resets import set_password, unlock_account
from mpi.service.access.clients import add_client
from mpi.service.access.session_authentication import authenticate_session
from mpi.service.access.sign_in import change_password, sign_in
from tests.accounts import PASSWORD, add_person, cheap_password_hashing
from tests.index import OPERATOR, all_stored_bytes


@pytest.fixture(autouse=True)
def _quick_passwords():
    with cheap_password_hashing():
        yield


def create_account(index, name, role=Role.STEWARD, sources=None, viewer=OPERATOR, password=None):
    return add_account(index, viewer, NewAccount(name, "Ana Ruiz", role, sources), password)


def last_commit(index):
    with index.database.read(OPERATOR) as unit:
        number = unit.last_commit()
        return unit.commit_info({number})[number][1:]


def test_one_time_password_must_be_replaced_at_first_sign_in(index):
    one_time_password = create_account(index, "ana")
    assert last_commit(index) == ("operator", "account-add")
    token = sign_in(index, "ana", one_time_password)
    signed = authenticate_session(index, token)
    assert (signed.must_change, signed.viewer.actions) == (True, frozenset())
    new_token = change_password(index, token, one_time_password, PASSWORD)
    assert last_commit(index) == ("ana", "account-password")
    with pytest.raises(NotAuthenticated):
        authenticate_session(index, token)
    assert authenticate_session(index, new_token).viewer.actions == ACTIONS_BY_ROLE[Role.STEWARD]
    with pytest.raises(NotAuthenticated):
        sign_in(index, "ana", one_time_password)


def test_password_set_by_another_person_must_be_changed(sqlite_index):
    assert create_account(sqlite_index, "ana", password=PASSWORD) == PASSWORD
    assert authenticate_session(sqlite_index, sign_in(sqlite_index, "ana", PASSWORD)).must_change
    with pytest.raises(InputError, match="characters"):
        create_account(sqlite_index, "ben", password="short")


def test_passwords_and_session_tokens_are_not_stored(sqlite_index):
    one_time_password = create_account(sqlite_index, "ana")
    token = sign_in(sqlite_index, "ana", one_time_password)
    new_token = change_password(sqlite_index, token, one_time_password, PASSWORD)
    stored = all_stored_bytes(sqlite_index)
    for secret in (
        one_time_password,
        token,
        new_token,
        PASSWORD,
        authenticate_session(sqlite_index, new_token).csrf,
    ):
        assert secret.encode() not in stored


INVALID_NAMES = (
    "",
    "Ana",
    "a" * 65,
    "ana ruiz",
    "ana\x00",
    "ana/ruiz",
    "añá",
    "operator",
    "demo-steward",
    "../x",
)
INVALID_FULL_NAMES = ("", "   ", "a" * 201, "Ana\x00", "Ana\u202eRuiz", "Ana\nRuiz")


def test_invalid_names_are_refused(sqlite_index):
    for name in INVALID_NAMES:
        with pytest.raises(InputError):
            create_account(sqlite_index, name)
    for full_name in INVALID_FULL_NAMES:
        with pytest.raises(InputError):
            add_account(sqlite_index, OPERATOR, NewAccount("ana", full_name, Role.STEWARD, None))
    assert list_accounts(sqlite_index, OPERATOR) == []


def test_accounts_and_clients_never_share_a_name(sqlite_index):
    create_account(sqlite_index, "ana")
    add_client(sqlite_index, OPERATOR, "D01", ["report"], None)
    for name in ("ana", "Ana", "ANA"):
        with pytest.raises(ConflictError):
            add_client(sqlite_index, OPERATOR, name, ["report"], None)
    for name in ("ana", "d01", "init"):
        with pytest.raises(ConflictError):
            create_account(sqlite_index, name)
    with pytest.raises(InputError):
        add_client(sqlite_index, OPERATOR, "Operator", ["report"], None)
    end_account(sqlite_index, OPERATOR, "ana")
    with pytest.raises(ConflictError):
        create_account(sqlite_index, "ana")
    with pytest.raises(ConflictError):
        add_client(sqlite_index, OPERATOR, "ana", ["report"], None)


def test_nobody_grants_more_rights_than_their_own(sqlite_index):
    limited_operator = Viewer(
        "ona", "system_admin", ACTIONS_BY_ROLE[Role.OPERATOR], frozenset({"sis"}), agreement="house"
    )
    for role, sources in (
        (Role.STEWARD, ["sis"]),
        (Role.APPROVER, ["sis"]),
        (Role.SOURCE_OWNER, ["sis"]),
        (Role.OPERATOR, None),
        (Role.OPERATOR, ["sis", "ccwis"]),
    ):
        with pytest.raises(AccessDenied):
            create_account(sqlite_index, "ben", role, sources, limited_operator)
    create_account(sqlite_index, "ben", Role.OPERATOR, ["sis"], limited_operator)
    assert last_commit(sqlite_index) == ("ona", "account-add")


def test_nobody_takes_over_or_extends_an_account_with_more_rights(sqlite_index):
    add_person(sqlite_index, "ana")
    limited_operator = Viewer("ona", "system_admin", ACTIONS_BY_ROLE[Role.OPERATOR], None)
    with pytest.raises(AccessDenied):
        set_password(sqlite_index, limited_operator, "ana")
    with pytest.raises(AccessDenied):
        change_account(sqlite_index, limited_operator, "ana", Role.OPERATOR, None)
    with pytest.raises(AccessDenied):
        change_account(
            sqlite_index,
            Viewer("ona", None, frozenset(Action), frozenset({"sis"})),
            "ana",
            Role.STEWARD,
            ["sis"],
        )
    assert sign_in(sqlite_index, "ana", PASSWORD)
    # Ending or unlocking an account grants no rights.
    unlock_account(sqlite_index, limited_operator, "ana")
    end_account(sqlite_index, limited_operator, "ana")


def test_source_owner_needs_named_existing_sources(sqlite_index):
    for sources in (None, []):
        with pytest.raises(InputError, match="source owner"):
            create_account(sqlite_index, "olu", Role.SOURCE_OWNER, sources)
    with pytest.raises(NotFoundError):
        create_account(sqlite_index, "olu", Role.SOURCE_OWNER, ["nowhere"])
    create_account(sqlite_index, "olu", Role.SOURCE_OWNER, ["sis"])


def test_only_an_operator_manages_accounts(sqlite_index):
    for role in set(Role) - {Role.OPERATOR}:
        person = Viewer("ana", None, ACTIONS_BY_ROLE[role], None)
        for call in (
            lambda by: create_account(sqlite_index, "ben", viewer=by),
            lambda by: list_accounts(sqlite_index, by),
            lambda by: change_account(sqlite_index, by, "ana", Role.STEWARD, None),
            lambda by: set_password(sqlite_index, by, "ana"),
            lambda by: unlock_account(sqlite_index, by, "ana"),
            lambda by: end_account(sqlite_index, by, "ana"),
        ):
            with pytest.raises(AccessDenied):
                call(person)


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (lambda sqlite_index: set_password(sqlite_index, OPERATOR, "ana"), "account-password"),
        (
            lambda sqlite_index: change_account(sqlite_index, OPERATOR, "ana", Role.APPROVER, None),
            "account-change",
        ),
        (
            lambda sqlite_index: change_account(sqlite_index, OPERATOR, "ana", Role.STEWARD, ["sis"]),
            "account-change",
        ),
        (lambda sqlite_index: end_account(sqlite_index, OPERATOR, "ana"), "account-end"),
    ],
)
def test_changing_an_account_ends_its_sessions_and_no_others(sqlite_index, call, kind):
    add_person(sqlite_index, "ana")
    add_person(sqlite_index, "ben")
    tokens = [sign_in(sqlite_index, "ana", PASSWORD) for _ in range(2)]
    other_token = sign_in(sqlite_index, "ben", PASSWORD)
    call(sqlite_index)
    assert last_commit(sqlite_index) == ("operator", kind)
    for token in tokens:
        with pytest.raises(NotAuthenticated):
            authenticate_session(sqlite_index, token)
    assert authenticate_session(sqlite_index, other_token).name == "ben"


def test_ended_account_cannot_sign_in_and_is_listed_as_ended(sqlite_index):
    add_person(sqlite_index, "ana")
    end_account(sqlite_index, OPERATOR, "ana")
    with pytest.raises(NotAuthenticated):
        sign_in(sqlite_index, "ana", PASSWORD)
    for call in (set_password, unlock_account, end_account):
        with pytest.raises(NotFoundError):
            call(sqlite_index, OPERATOR, "ana")
    [account] = list_accounts(sqlite_index, OPERATOR)
    assert (account.state, account.ended is not None) == (AccountState.ENDED, True)


def test_accounts_are_listed_with_their_current_state(index, manual_clock):
    clock = manual_clock
    add_person(index, "ana", Role.APPROVER)
    add_person(index, "ben", Role.SOURCE_OWNER, ["sis"])
    create_account(index, "new", Role.OPERATOR)
    for _ in range(10):
        with pytest.raises(NotAuthenticated):
            sign_in(index, "ben", "wrong")
    listed = {
        account.name: (account.role, account.sources, account.state)
        for account in list_accounts(index, OPERATOR)
    }
    assert listed == {
        "ana": (Role.APPROVER, None, AccountState.ACTIVE),
        "ben": (Role.SOURCE_OWNER, ("sis",), AccountState.LOCKED),
        "new": (Role.OPERATOR, None, AccountState.NEW),
    }
    clock.advance(minutes=16)
    assert {account.name: account.state for account in list_accounts(index, OPERATOR)}[
        "ben"
    ] is AccountState.ACTIVE
