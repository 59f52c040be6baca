"""Accounts: who may make which, what ends a sign-in, and that each change is a commit in its maker's name."""

import pytest

from mpi.domain.errors import AccessDenied, ConflictError, InputError, NotAuthenticated, NotFoundError
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.viewer import Action, Viewer
from mpi.service.access.accounts import (
    AccountState,
    NewAccount,
    add_account,
    change_account,
    end_account,
    list_accounts,
    set_password,
    unlock_account,
)
from mpi.service.access.clients import add_client
from mpi.service.access.sign_in import authenticate_session, change_password, sign_in
from tests.index import OPERATOR, all_that_is_stored, an_index
from tests.people import PASSWORD, Clock, a_person, quick_passwords


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


def added(index, name, role=Role.STEWARD, sources=None, viewer=OPERATOR, password=None):
    return add_account(index, viewer, NewAccount(name, "Ana Ruiz", role, sources), password)


def last_commit(index):
    with index.database.read(OPERATOR) as unit:
        number = unit.last_commit()
        return unit.commit_info({number})[number][1:]


def test_a_new_account_opens_once_to_set_a_password_of_its_own(either):
    given = added(either, "ana")
    assert last_commit(either) == ("operator", "account-add")
    token = sign_in(either, "ana", given)
    signed = authenticate_session(either, token)
    assert (signed.must_change, signed.viewer.actions) == (True, frozenset())
    fresh = change_password(either, token, given, PASSWORD)
    assert last_commit(either) == ("ana", "account-password")
    with pytest.raises(NotAuthenticated):
        authenticate_session(either, token)
    assert authenticate_session(either, fresh).viewer.actions == ACTIONS_BY_ROLE[Role.STEWARD]
    with pytest.raises(NotAuthenticated):
        sign_in(either, "ana", given)


def test_a_password_that_somebody_typed_for_another_has_to_be_changed_too(index):
    assert added(index, "ana", password=PASSWORD) == PASSWORD
    assert authenticate_session(index, sign_in(index, "ana", PASSWORD)).must_change
    with pytest.raises(InputError, match="characters"):
        added(index, "ben", password="short")


def test_no_password_and_no_token_is_stored(index):
    given = added(index, "ana")
    token = sign_in(index, "ana", given)
    fresh = change_password(index, token, given, PASSWORD)
    stored = all_that_is_stored(index)
    for secret in (given, token, fresh, PASSWORD, authenticate_session(index, fresh).csrf):
        assert secret.encode() not in stored


NO_NAMES = ("", "Ana", "a" * 65, "ana ruiz", "ana\x00", "ana/ruiz", "añá", "operator", "demo-steward", "../x")
NO_FULL_NAMES = ("", "   ", "a" * 201, "Ana\x00", "Ana\u202eRuiz", "Ana\nRuiz")


def test_names_that_cannot_be_one_are_refused(index):
    for name in NO_NAMES:
        with pytest.raises(InputError):
            added(index, name)
    for full_name in NO_FULL_NAMES:
        with pytest.raises(InputError):
            add_account(index, OPERATOR, NewAccount("ana", full_name, Role.STEWARD, None))
    assert list_accounts(index, OPERATOR) == []


def test_no_account_and_no_client_ever_share_a_name(index):
    added(index, "ana")
    add_client(index, OPERATOR, "D01", ["report"], None)
    for name in ("ana", "Ana", "ANA"):
        with pytest.raises(ConflictError):
            add_client(index, OPERATOR, name, ["report"], None)
    for name in ("ana", "d01", "init"):
        with pytest.raises(ConflictError):
            added(index, name)
    with pytest.raises(InputError):
        add_client(index, OPERATOR, "Operator", ["report"], None)
    end_account(index, OPERATOR, "ana")
    with pytest.raises(ConflictError):
        added(index, "ana")
    with pytest.raises(ConflictError):
        add_client(index, OPERATOR, "ana", ["report"], None)


def test_nobody_gives_more_than_they_have(index):
    keeper = Viewer("ona", "system_admin", ACTIONS_BY_ROLE[Role.OPERATOR], frozenset({"sis"}))
    for role, sources in (
        (Role.STEWARD, ["sis"]),
        (Role.APPROVER, ["sis"]),
        (Role.SOURCE_OWNER, ["sis"]),
        (Role.OPERATOR, None),
        (Role.OPERATOR, ["sis", "ccwis"]),
    ):
        with pytest.raises(AccessDenied):
            added(index, "ben", role, sources, keeper)
    added(index, "ben", Role.OPERATOR, ["sis"], keeper)
    assert last_commit(index) == ("ona", "account-add")


def test_nobody_takes_over_or_widens_an_account_that_may_do_more(index):
    a_person(index, "ana")
    keeper = Viewer("ona", "system_admin", ACTIONS_BY_ROLE[Role.OPERATOR], None)
    with pytest.raises(AccessDenied):
        set_password(index, keeper, "ana")
    with pytest.raises(AccessDenied):
        change_account(index, keeper, "ana", Role.OPERATOR, None)
    with pytest.raises(AccessDenied):
        change_account(
            index, Viewer("ona", None, frozenset(Action), frozenset({"sis"})), "ana", Role.STEWARD, ["sis"]
        )
    assert sign_in(index, "ana", PASSWORD)
    # To end or unlock one gives nobody any right.
    unlock_account(index, keeper, "ana")
    end_account(index, keeper, "ana")


def test_a_source_owner_owns_sources_that_are_named_and_there(index):
    for sources in (None, []):
        with pytest.raises(InputError, match="source owner"):
            added(index, "olu", Role.SOURCE_OWNER, sources)
    with pytest.raises(NotFoundError):
        added(index, "olu", Role.SOURCE_OWNER, ["nowhere"])
    added(index, "olu", Role.SOURCE_OWNER, ["sis"])


def test_only_an_operator_keeps_accounts(index):
    for role in set(Role) - {Role.OPERATOR}:
        person = Viewer("ana", None, ACTIONS_BY_ROLE[role], None)
        for doing in (
            lambda by: added(index, "ben", viewer=by),
            lambda by: list_accounts(index, by),
            lambda by: change_account(index, by, "ana", Role.STEWARD, None),
            lambda by: set_password(index, by, "ana"),
            lambda by: unlock_account(index, by, "ana"),
            lambda by: end_account(index, by, "ana"),
        ):
            with pytest.raises(AccessDenied):
                doing(person)


@pytest.mark.parametrize(
    ("doing", "kind"),
    [
        (lambda index: set_password(index, OPERATOR, "ana"), "account-password"),
        (lambda index: change_account(index, OPERATOR, "ana", Role.APPROVER, None), "account-change"),
        (lambda index: change_account(index, OPERATOR, "ana", Role.STEWARD, ["sis"]), "account-change"),
        (lambda index: end_account(index, OPERATOR, "ana"), "account-end"),
    ],
)
def test_what_changes_an_account_ends_its_sign_ins_and_nobody_elses(index, doing, kind):
    a_person(index, "ana")
    a_person(index, "ben")
    tokens = [sign_in(index, "ana", PASSWORD) for _ in range(2)]
    other = sign_in(index, "ben", PASSWORD)
    doing(index)
    assert last_commit(index) == ("operator", kind)
    for token in tokens:
        with pytest.raises(NotAuthenticated):
            authenticate_session(index, token)
    assert authenticate_session(index, other).name == "ben"


def test_an_ended_account_opens_nothing_and_is_listed_as_such(index):
    a_person(index, "ana")
    end_account(index, OPERATOR, "ana")
    with pytest.raises(NotAuthenticated):
        sign_in(index, "ana", PASSWORD)
    for doing in (set_password, unlock_account, end_account):
        with pytest.raises(NotFoundError):
            doing(index, OPERATOR, "ana")
    [account] = list_accounts(index, OPERATOR)
    assert (account.state, account.ended is not None) == (AccountState.ENDED, True)


def test_accounts_are_listed_as_they_stand(either, monkeypatch):
    clock = Clock(monkeypatch)
    a_person(either, "ana", Role.APPROVER)
    a_person(either, "ben", Role.SOURCE_OWNER, ["sis"])
    added(either, "new", Role.OPERATOR)
    for _ in range(10):
        with pytest.raises(NotAuthenticated):
            sign_in(either, "ben", "wrong")
    listed = {one.name: (one.role, one.sources, one.state) for one in list_accounts(either, OPERATOR)}
    assert listed == {
        "ana": (Role.APPROVER, None, AccountState.ACTIVE),
        "ben": (Role.SOURCE_OWNER, ("sis",), AccountState.LOCKED),
        "new": (Role.OPERATOR, None, AccountState.NEW),
    }
    clock.pass_by(minutes=16)
    assert {one.name: one.state for one in list_accounts(either, OPERATOR)}["ben"] is AccountState.ACTIVE
