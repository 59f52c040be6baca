"""Requests about accounts, keys of clients and the log of loads, alike on both stores."""

from datetime import timedelta

import pytest

from mpi.domain import clock
from mpi.domain.errors import (
    AccessDenied,
    ConflictError,
    InputError,
    NotAuthenticated,
    NotFoundError,
    StaleError,
)
from mpi.domain.roles import Role
from mpi.domain.viewer import Action, Viewer
from mpi.service.access.account_requests import (
    RequestKind,
    confirm_request,
    list_account_requests,
    refuse_request,
    request_account,
    request_change,
    request_password,
)
from mpi.service.access.accounts.account_list import find_account, list_accounts
from mpi.service.access.accounts.account_rights import change_account, grant_actions
from mpi.service.access.accounts.new_accounts import NewAccount
from mpi.service.access.client_authentication import authenticate
from mpi.service.access.clients import (
    add_client,
    find_client,
    list_clients,
    revoke_client,
    rotate_key,
    set_expiry,
)
from mpi.service.access.session_authentication import authenticate_session
from mpi.service.access.sign_in import sign_in
from mpi.service.loads.load_log import find_load, list_loads, read_rejects
from mpi.service.persons.fast_look_up import look_up_crosswalk_fast
from mpi.service.persons.look_up import LookUpQuery, look_up
from mpi.service.persons.persons import read_crosswalk
from tests.accounts import PASSWORD, add_person, cheap_password_hashing
from tests.index import OPERATOR, load_rows, make_child, open_test_index


@pytest.fixture
def index(tmp_path, database_url):
    with (
        open_test_index(tmp_path, "sis", "ccwis", database_url=database_url) as new_index,
        cheap_password_hashing(),
    ):
        yield new_index


def act_as(index, name, role, sources=None):
    """Return the viewer of a new person who signs in."""
    add_person(index, name, role, sources)
    return authenticate_session(index, sign_in(index, name, PASSWORD)).viewer


@pytest.fixture
def ona(index):
    return act_as(index, "ona", Role.OPERATOR)


@pytest.fixture
def ada(index):
    return act_as(index, "ada", Role.APPROVER)


def find_local_id(index, key):
    """Look up a record as the fast path of the API does, and return its local ID."""
    query = LookUpQuery(
        lambda unit, key_hash, viewer_for: look_up_crosswalk_fast(unit, key_hash, viewer_for, "sis", "1"),
        lambda unit: read_crosswalk(unit, "sis", "1"),
    )
    return look_up(index, key, "data_quality", query)[0].local_id


def ask_for_steward(index, viewer, name="sam", sources=None):
    request_account(index, viewer, NewAccount(name, "Sam Stone", Role.STEWARD, sources))
    return list_account_requests(index, viewer)[-1].number


def test_an_account_that_reads_records_needs_an_operator_and_an_approver(index, ona, ada):
    number = ask_for_steward(index, ona, sources=["sis"])
    assert "sam" not in {account.name for account in list_accounts(index, OPERATOR)}
    with pytest.raises(AccessDenied):
        confirm_request(index, ona, number)
    with pytest.raises(AccessDenied):
        request_account(index, ada, NewAccount("eve", "Eve", Role.STEWARD, None))
    confirmed = confirm_request(index, ada, number)
    assert authenticate_session(index, sign_in(index, "sam", confirmed.password)).must_change
    account = find_account(index, ona, "sam")
    assert (account.account.role, account.account.sources) == (Role.STEWARD, ("sis",))
    assert [(change.act, change.by) for change in account.changes] == [("add", "ada"), ("ask", "ona")]
    assert account.changes[0].facts["asked_by"] == "ona"
    with pytest.raises(ConflictError, match="approved already"):
        confirm_request(index, ada, number)


def test_roles_that_no_approver_has_cannot_be_asked_for(index, ona):
    for role, sources in (
        (Role.SOURCE_OWNER, ["sis"]),
        (Role.PRIVACY_OFFICER, None),
        (Role.OPERATOR, None),
    ):
        with pytest.raises(AccessDenied, match="command line"):
            request_account(index, ona, NewAccount("sam", "Sam", role, sources))
    assert list_account_requests(index, ona) == []


def test_a_second_request_about_one_account_is_refused(index, ona):
    number = ask_for_steward(index, ona)
    with pytest.raises(ConflictError, match="waits already"):
        ask_for_steward(index, ona)
    refuse_request(index, ona, number)
    assert list_account_requests(index, ona) == []
    with pytest.raises(ConflictError, match="withdrawn"):
        refuse_request(index, ona, number)
    ask_for_steward(index, ona)


def test_a_refused_request_adds_nobody(index, ona, ada):
    number = ask_for_steward(index, ona)
    refuse_request(index, ada, number)
    with pytest.raises(ConflictError, match="refused already"):
        confirm_request(index, ada, number)
    assert "sam" not in {account.name for account in list_accounts(index, OPERATOR)}


def test_an_approver_of_some_sources_confirms_and_sees_only_these(index, ona):
    ari = act_as(index, "ari", Role.APPROVER, ["sis"])
    number = ask_for_steward(index, ona)
    assert list_account_requests(index, ari) == []
    with pytest.raises(NotFoundError):
        confirm_request(index, ari, number)
    with pytest.raises(NotFoundError):
        refuse_request(index, ari, number)


def test_a_password_and_a_role_are_confirmed_for_the_account_as_it_was(index, ona, ada):
    add_person(index, "sam", Role.STEWARD)
    request_password(index, ona, "sam", find_account(index, ona, "sam").version)
    [request] = list_account_requests(index, ada)
    assert (request.kind, request.may_answer) == (RequestKind.PASSWORD, True)
    change_account(index, OPERATOR, "sam", Role.STEWARD, ["sis"])
    with pytest.raises(StaleError):
        confirm_request(index, ada, request.number)
    refuse_request(index, ada, request.number)
    request_change(index, ona, "sam", Role.APPROVER, None, None)
    confirmed = confirm_request(index, ada, list_account_requests(index, ada)[0].number)
    assert confirmed.password is None
    assert find_account(index, ona, "sam").account.role is Role.APPROVER


def test_nobody_confirms_what_is_about_themselves(index, ona, ada):
    request_password(index, ona, "ada", None)
    [request] = list_account_requests(index, ada)
    assert not request.may_answer
    with pytest.raises(ConflictError, match="your own"):
        confirm_request(index, ada, request.number)


def test_nobody_confirms_their_own_request_or_more_than_they_have(index, ona):
    own = ask_for_steward(index, OPERATOR)
    with pytest.raises(ConflictError, match="your own"):
        confirm_request(index, OPERATOR, own)
    less = Viewer("bob", None, frozenset({Action.APPROVE}), None)
    with pytest.raises(AccessDenied, match="may do all that it may"):
        confirm_request(index, less, own)
    assert "sam" not in {account.name for account in list_accounts(index, ona)}


def test_an_account_with_rights_by_name_is_not_asked_for(index, ona):
    add_person(index, "cal", Role.CASEWORKER, ["ccwis"])
    grant_actions(index, OPERATOR, "cal", ["break.glass"])
    with pytest.raises(AccessDenied):
        request_password(index, ona, "cal", None)


def test_a_rotated_key_keeps_name_and_rights_and_the_old_one_stops(index):
    old = add_client(index, OPERATOR, "lookup", ["report"], ["sis"])
    new = rotate_key(index, OPERATOR, "lookup")
    viewer = authenticate(index, new, "system_admin")
    assert (viewer.client, viewer.sources) == ("lookup", frozenset({"sis"}))
    with pytest.raises(NotAuthenticated):
        authenticate(index, old, "system_admin")
    assert [change.act for change in find_client(index, OPERATOR, "lookup").changes] == ["rotate", "add"]


def test_an_old_key_works_for_the_days_asked_for_on_every_path(index):
    load_rows(index, "sis", make_child("1"))
    old = add_client(index, OPERATOR, "lookup", ["crosswalk.read"], ["sis"])
    new = rotate_key(index, OPERATOR, "lookup", overlap_days=7)
    for key in (old, new):
        assert authenticate(index, key, "data_quality").client == "lookup"
        assert find_local_id(index, key) == "1"
    assert list_clients(index, OPERATOR)[-1].former_key_until is not None
    with clock.fixed_clock(clock.now() + timedelta(days=8)):
        assert authenticate(index, new, "data_quality").client == "lookup"
        with pytest.raises(NotAuthenticated):
            authenticate(index, old, "data_quality")
        assert list_clients(index, OPERATOR)[-1].former_key_until is None
    revoke_client(index, OPERATOR, "lookup")
    for key in (old, new):
        with pytest.raises(NotAuthenticated):
            authenticate(index, key, "data_quality")


def test_a_key_is_refused_from_the_day_of_its_expiry_on_every_path(index):
    load_rows(index, "sis", make_child("1"))
    key = add_client(index, OPERATOR, "lookup", ["crosswalk.read"], ["sis"])
    tomorrow = clock.now() + timedelta(days=1)
    set_expiry(index, OPERATOR, "lookup", tomorrow.date().isoformat())
    client = list_clients(index, OPERATOR)[-1]
    assert (client.days_left, client.is_expiring) == (1, True)
    assert find_local_id(index, key) == "1"
    with clock.fixed_clock(tomorrow):
        with pytest.raises(NotAuthenticated, match="expired"):
            authenticate(index, key, "data_quality")
        with pytest.raises(NotAuthenticated, match="expired"):
            find_local_id(index, key)
        set_expiry(index, OPERATOR, "lookup", None)
        assert authenticate(index, key, "data_quality").client == "lookup"


def test_keys_are_rotated_within_rights_and_days_are_checked(index, ona):
    add_client(index, OPERATOR, "lookup", ["crosswalk.read"], ["sis"])
    with pytest.raises(AccessDenied):
        rotate_key(index, ona, "lookup")
    version = find_client(index, ona, "lookup").version
    set_expiry(index, ona, "lookup", _in_days(40), version)
    with pytest.raises(StaleError):
        set_expiry(index, ona, "lookup", None, version)
    for day in (_in_days(0), _in_days(-3), _in_days(4_000), "soon"):
        with pytest.raises(InputError):
            set_expiry(index, ona, "lookup", day)
    for days in (-1, 31):
        with pytest.raises(InputError):
            rotate_key(index, OPERATOR, "lookup", days)
    with pytest.raises(NotFoundError):
        rotate_key(index, OPERATOR, "nobody")


def _in_days(days):
    return (clock.now() + timedelta(days=days)).date().isoformat()


def test_the_log_of_loads_has_counts_issues_and_rejects(index, ona):
    load_rows(index, "sis", make_child("1"), make_child("2", birth_date="nope"), make_child("x" * 400))
    load_rows(index, "ccwis", make_child("3"))
    assert [(load.number, load.source) for load in list_loads(index, ona)] == [(2, "ccwis"), (1, "sis")]
    assert [load.number for load in list_loads(index, ona, before=2)] == [1]
    assert [load.number for load in list_loads(index, ona, source="ccwis")] == [2]
    receipt = find_load(index, ona, 1)
    assert (receipt.entry.counts["created"], receipt.reject_count) == (2, 1)
    assert receipt.issues == {"birth_date: unreadable-date": 1}
    [reject] = receipt.rejects
    assert (reject.line, reject.field, reject.reason) == (4, "local_id", "too-long")
    assert read_rejects(index, ona, 1) == [reject]


def test_loads_of_other_sources_are_unknown(index):
    load_rows(index, "ccwis", make_child("3"))
    limited = act_as(index, "limited", Role.OPERATOR, ["sis"])
    assert list_loads(index, limited) == []
    for read in (find_load, read_rejects):
        with pytest.raises(NotFoundError):
            read(index, limited, 1)
