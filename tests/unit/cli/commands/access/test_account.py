"""``mpi account``: accounts are made, listed and ended, and each password is shown once."""

from datetime import timedelta

import pytest

from mpi.bootstrap import open_index
from mpi.config import Settings
from mpi.domain.errors import NotAuthenticated
from mpi.domain.roles import Role
from mpi.service.access.sign_in import authenticate_session, sign_in
from mpi.service.core.index import SignInLimits
from tests.people import PASSWORD, quick_passwords
from tests.unit.cli.conftest import is_one_line


@pytest.fixture(autouse=True)
def _quick():
    with quick_passwords():
        yield


@pytest.fixture
def opened(home):
    index = open_index(Settings())
    yield index
    index.database.dispose()


def added(mpi, name, *options, role="steward") -> str:
    made = mpi("account", "add", name, "--role", role, "--full-name", "Ana Ruiz", *options, "--json")
    assert made.code == 0, made.err
    return made.json["password"]


def test_the_password_is_shown_once_and_opens_the_account(mpi, opened, home):
    given = added(mpi, "ana", "--source", "sis", "--source", "ccwis")
    signed = authenticate_session(opened, sign_in(opened, "ana", given))
    assert (signed.role, signed.viewer.sources) == (Role.STEWARD, frozenset({"sis", "ccwis"}))
    assert given not in mpi("account", "list").out
    assert given.encode() not in (home / "mpi.db").read_bytes()


def test_people_are_told_that_it_is_shown_once(mpi, home):
    made = mpi("account", "add", "ana", "--role", "operator", "--full-name", "Ana", "--all-sources")
    assert (made.code, "this once" in made.err) == (0, True)
    assert made.out.count("-") == 4


def test_a_password_from_standard_input_is_taken_and_not_shown(mpi, opened):
    options = ("--role", "steward", "--full-name", "Ana", "--all-sources", "--ask")
    made = mpi("account", "add", "ana", *options, send=f'"{PASSWORD}"')
    assert made.code == 0, made.err
    assert PASSWORD not in made.err + made.out
    # Whatever is typed is the password, quotes too.
    assert authenticate_session(opened, sign_in(opened, "ana", f'"{PASSWORD}"')).must_change
    assert mpi("account", "password", "ana", "--ask", send="too short").code == 5
    assert mpi("account", "password", "ana", "--ask", "--json", send=f"{PASSWORD}\r\n").json == {
        "account": "ana"
    }
    assert sign_in(opened, "ana", PASSWORD)


def test_no_account_is_made_without_a_role_or_sources(mpi, home):
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


def test_an_account_is_changed_given_a_password_unlocked_and_ended(mpi, opened):
    first = added(mpi, "ana", "--all-sources")
    second = mpi("account", "password", "ana", "--json").json["password"]
    for _ in range(10):
        with pytest.raises(NotAuthenticated):
            sign_in(opened, "ana", first)
    [listed] = mpi("account", "list", "--json").json
    assert (listed["state"], listed["locked_until"] is not None) == ("locked", True)
    assert mpi("account", "unlock", "ana", "--json").json == {"account": "ana", "unlocked": True}
    token = sign_in(opened, "ana", second)
    assert mpi("account", "change", "ana", "--role", "source-owner", "--source", "sis").code == 0
    with pytest.raises(NotAuthenticated):
        authenticate_session(opened, token)
    assert authenticate_session(opened, sign_in(opened, "ana", second)).role is Role.SOURCE_OWNER
    assert mpi("account", "end", "ana").code == 0
    with pytest.raises(NotAuthenticated):
        sign_in(opened, "ana", second)
    again = mpi("account", "end", "ana")
    assert (again.code, is_one_line(again.err)) == (6, True)


def test_a_name_is_never_given_again_nor_shared_with_a_client(mpi, home):
    added(mpi, "ana", "--all-sources")
    mpi("account", "end", "ana")
    again = mpi("account", "add", "ana", "--role", "steward", "--full-name", "Ana", "--all-sources")
    assert (again.code, is_one_line(again.err)) == (7, True)
    assert mpi("client", "add", "ana", "--scope", "report", "--all-sources").code == 7


def test_the_list_says_how_each_stands(mpi, home):
    added(mpi, "ana", "--all-sources")
    added(mpi, "olu", "--source", "sis", role="source-owner")
    listed = mpi("account", "list").out
    for shown in ("ana", "Ana Ruiz", "steward", "all", "olu", "source-owner", "sis", "new"):
        assert shown in listed


def test_how_long_a_person_stays_signed_in_is_set_in_the_environment(mpi, home, monkeypatch):
    monkeypatch.setenv("MPI_SIGN_IN_IDLE_MINUTES", "5")
    monkeypatch.setenv("MPI_SIGN_IN_HOURS", "1")
    index = open_index(Settings())
    assert index.settings.sign_in_limits == SignInLimits(timedelta(minutes=5), timedelta(hours=1))
    index.database.dispose()
    for value in ("0", "-1", "soon", "100000"):
        monkeypatch.setenv("MPI_SIGN_IN_IDLE_MINUTES", value)
        wrong = mpi("account", "list")
        assert (wrong.code, "MPI_SIGN_IN_IDLE_MINUTES" in wrong.err) == (5, True)
