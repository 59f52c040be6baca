"""``mpi account``: accounts are added, listed and ended, and a password is shown once."""

from datetime import timedelta

import pytest

from mpi.bootstrap import open_index
from mpi.config import Settings
from mpi.domain.errors import NotAuthenticated
from mpi.domain.roles import Role
from mpi.service.access.session_authentication import authenticate_session
from mpi.service.access.sign_in import sign_in
from mpi.service.core.index import SignInLimits
from tests.accounts import PASSWORD, cheap_password_hashing
from tests.unit.cli.conftest import is_one_line


@pytest.fixture(autouse=True)
def _cheap_hashing():
    with cheap_password_hashing():
        yield


def add_account(mpi, name, *options, role="steward") -> str:
    result = mpi("account", "add", name, "--role", role, "--full-name", "Ana Ruiz", *options, "--json")
    assert result.code == 0, result.err
    return result.json["password"]


def test_the_password_is_shown_once_and_opens_the_account(mpi, index, home):
    password = add_account(mpi, "ana", "--source", "sis", "--source", "ccwis")
    session = authenticate_session(index, sign_in(index, "ana", password))
    assert (session.role, session.viewer.sources) == (Role.STEWARD, frozenset({"sis", "ccwis"}))
    assert password not in mpi("account", "list").out
    assert password.encode() not in (home / "mpi.db").read_bytes()


def test_a_person_is_told_that_the_password_is_shown_once(mpi, home):
    result = mpi("account", "add", "ana", "--role", "operator", "--full-name", "Ana", "--all-sources")
    assert (result.code, "this once" in result.err) == (0, True)
    assert result.out.count("-") == 4


def test_a_password_from_standard_input_is_used_and_not_shown(mpi, index):
    options = ("--role", "steward", "--full-name", "Ana", "--all-sources", "--ask")
    result = mpi("account", "add", "ana", *options, send=f'"{PASSWORD}"')
    assert result.code == 0, result.err
    assert PASSWORD not in result.err + result.out
    # Everything typed is the password, quotes included.
    assert authenticate_session(index, sign_in(index, "ana", f'"{PASSWORD}"')).must_change
    assert mpi("account", "password", "ana", "--ask", send="too short").code == 5
    assert mpi("account", "password", "ana", "--ask", "--json", send=f"{PASSWORD}\r\n").json == {
        "account": "ana"
    }
    assert sign_in(index, "ana", PASSWORD)


def test_an_account_without_a_role_or_sources_is_refused(mpi, home):
    for options, code in (
        (("--full-name", "Ana", "--all-sources"), 2),
        (("--role", "steward", "--all-sources"), 2),
        (("--role", "admin", "--full-name", "Ana", "--all-sources"), 2),
        (("--role", "steward", "--full-name", "Ana"), 5),
        (("--role", "steward", "--full-name", "Ana", "--all-sources", "--source", "sis"), 5),
        (("--role", "source-owner", "--full-name", "Ana", "--all-sources"), 5),
        (("--role", "steward", "--full-name", "Ana", "--source", "nowhere"), 6),
    ):
        assert mpi("account", "add", "ana", *options).code == code, options
    assert mpi("account", "list", "--json").json == []


def test_an_account_is_linked_to_a_person_of_the_provider(mpi, index):
    token = sign_in(index, "ana", add_account(mpi, "ana", "--all-sources"))
    assert mpi("account", "link", "ana", "--subject", "u-1", "--json").json == {
        "account": "ana",
        "subject": "u-1",
    }
    with pytest.raises(NotAuthenticated):
        authenticate_session(index, token)
    add_account(mpi, "ben", "--all-sources")
    assert mpi("account", "link", "ben", "--subject", "u-1").code == 7
    assert mpi("account", "link", "ana").code == 5
    assert mpi("account", "link", "ana", "--none").code == 0
    assert mpi("account", "link", "ben", "--subject", "u-1").code == 0


def test_an_account_is_changed_given_a_password_unlocked_and_ended(mpi, index):
    first_password = add_account(mpi, "ana", "--all-sources")
    second_password = mpi("account", "password", "ana", "--json").json["password"]
    for _ in range(10):
        with pytest.raises(NotAuthenticated):
            sign_in(index, "ana", first_password)
    [listed] = mpi("account", "list", "--json").json
    assert (listed["state"], listed["locked_until"] is not None) == ("locked", True)
    assert mpi("account", "unlock", "ana", "--json").json == {"account": "ana", "unlocked": True}
    token = sign_in(index, "ana", second_password)
    assert mpi("account", "change", "ana", "--role", "source-owner", "--source", "sis").code == 0
    with pytest.raises(NotAuthenticated):
        authenticate_session(index, token)
    assert authenticate_session(index, sign_in(index, "ana", second_password)).role is Role.SOURCE_OWNER
    assert mpi("account", "end", "ana").code == 0
    with pytest.raises(NotAuthenticated):
        sign_in(index, "ana", second_password)
    second_end = mpi("account", "end", "ana")
    assert (second_end.code, is_one_line(second_end.err)) == (6, True)


def test_an_account_name_is_never_reused_nor_shared_with_a_client(mpi, home):
    add_account(mpi, "ana", "--all-sources")
    mpi("account", "end", "ana")
    second_add = mpi("account", "add", "ana", "--role", "steward", "--full-name", "Ana", "--all-sources")
    assert (second_add.code, is_one_line(second_add.err)) == (7, True)
    assert mpi("client", "add", "ana", "--scope", "report", "--all-sources").code == 7


def test_the_list_shows_each_accounts_role_sources_and_state(mpi, home):
    add_account(mpi, "ana", "--all-sources")
    add_account(mpi, "olu", "--source", "sis", role="source-owner")
    listed = mpi("account", "list").out
    for value in ("ana", "Ana Ruiz", "steward", "all", "olu", "source-owner", "sis", "new"):
        assert value in listed


def test_sign_in_durations_are_set_in_the_environment(mpi, home, monkeypatch):
    monkeypatch.setenv("MPI_SIGN_IN_IDLE_MINUTES", "5")
    monkeypatch.setenv("MPI_SIGN_IN_HOURS", "1")
    index = open_index(Settings())
    assert index.settings.sign_in_limits == SignInLimits(timedelta(minutes=5), timedelta(hours=1))
    index.database.dispose()
    for value in ("0", "-1", "soon", "100000"):
        monkeypatch.setenv("MPI_SIGN_IN_IDLE_MINUTES", value)
        result = mpi("account", "list")
        assert (result.code, "MPI_SIGN_IN_IDLE_MINUTES" in result.err) == (5, True)


def test_actions_are_granted_by_name_listed_and_taken_away(mpi, home):
    add_account(mpi, "ana", "--all-sources")
    scopes = ("--scope", "record.seal", "--scope", "break.glass")
    assert mpi("account", "grant", "ana", *scopes, "--json").json["granted"] == ["break.glass", "record.seal"]
    assert mpi("account", "list", "--json").json[0]["granted"] == ["break.glass", "record.seal"]
    assert "record.seal" in mpi("account", "list").out
    for options, code in (((), 5), (("--none", *scopes), 5), (("--scope", "load"), 5)):
        refusal = mpi("account", "grant", "ana", *options)
        assert (refusal.code, is_one_line(refusal.err)) == (code, True)
    assert mpi("account", "grant", "eve", "--none").code == 6
    assert mpi("account", "grant", "ana", "--none").code == 0
    assert mpi("account", "list", "--json").json[0]["granted"] == []


def test_an_account_is_bound_to_a_party_of_its_agreement(mpi, home):
    add_account(mpi, "ana", "--all-sources", "--party", "operator")
    assert mpi("account", "list", "--json").json[0]["party"] == "operator"
    refusal = mpi("account", "bind", "ana", "--agreement", "house", "--party", "court")
    assert (refusal.code, is_one_line(refusal.err)) == (6, True)
    assert mpi("account", "bind", "ana", "--agreement", "house", "--json").json["party"] is None
