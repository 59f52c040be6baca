"""A person's own sessions: which are listed, which end, and what is stored of an address."""

import pytest

from mpi.domain.errors import NotAuthenticated, NotFoundError
from mpi.service.access.own_account.sessions import end_other_sessions, list_sessions, shorten_address
from mpi.service.access.session_authentication import authenticate_session
from mpi.service.access.sign_in import change_password, sign_in
from tests.accounts import PASSWORD, add_person, cheap_password_hashing


@pytest.fixture(autouse=True)
def _quick_passwords():
    with cheap_password_hashing():
        yield


@pytest.fixture
def sessions(index, manual_clock):
    """Tokens of three sessions of one person, begun a minute apart."""
    add_person(index, "many")
    tokens = []
    for host in ("203.0.113.77", "2001:db8:aa:bb::/64", None):
        tokens.append(sign_in(index, "many", PASSWORD, address=host))
        manual_clock.advance(minutes=1)
    return tokens


def find_viewer(index, token):
    return authenticate_session(index, token).viewer


def has_session(index, token) -> bool:
    try:
        authenticate_session(index, token)
    except NotAuthenticated:
        return False
    return True


def test_a_password_change_ends_all_other_sessions_and_the_old_token(index, sessions):
    kept = change_password(index, sessions[1], PASSWORD, "eighteen blue kettles")
    assert not any(has_session(index, token) for token in sessions)
    own = list_sessions(index, find_viewer(index, kept), kept)
    assert [(each.is_this, each.address) for each in own] == [(True, "2001:db8:aa::/48")]


def test_a_person_sees_their_open_sessions_alone_newest_first(index, sessions, manual_clock):
    add_person(index, "else")
    sign_in(index, "else", PASSWORD)
    own = list_sessions(index, find_viewer(index, sessions[0]), sessions[0])
    assert [each.address for each in own] == [None, "2001:db8:aa::/48", "203.0.113.0/24"]
    assert [each.is_this for each in own] == [False, False, True]
    assert [each.begun_at for each in own] == sorted((each.begun_at for each in own), reverse=True)
    manual_clock.advance(minutes=29)
    # The first session was used just before; the others have been idle for too long.
    own = list_sessions(index, find_viewer(index, sessions[0]), sessions[0])
    assert [each.is_this for each in own] == [True]


def test_one_other_session_ends_and_the_rest_go_on(index, sessions):
    viewer = find_viewer(index, sessions[0])
    middle = list_sessions(index, viewer, sessions[0])[1]
    assert end_other_sessions(index, viewer, sessions[0], middle.begun_at) == 1
    assert [has_session(index, token) for token in sessions] == [True, False, True]
    for moment in (middle.begun_at, "", "yesterday"):
        with pytest.raises(NotFoundError):
            end_other_sessions(index, viewer, sessions[0], moment)


def test_neither_ones_own_session_nor_somebody_elses_ends(index, sessions):
    viewer = find_viewer(index, sessions[0])
    own = next(each for each in list_sessions(index, viewer, sessions[0]) if each.is_this)
    add_person(index, "else")
    other = sign_in(index, "else", PASSWORD)
    (foreign,) = list_sessions(index, find_viewer(index, other), other)
    for moment in (own.begun_at, foreign.begun_at):
        with pytest.raises(NotFoundError):
            end_other_sessions(index, viewer, sessions[0], moment)
    assert end_other_sessions(index, viewer, sessions[0]) == 2
    assert has_session(index, sessions[0])
    assert has_session(index, other)


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:aa:bb::/64", "2001:db8:aa::/48"),
        ("", None),
        ("testclient", None),
        ("1.2.3.4.5", None),
    ],
)
def test_only_the_network_of_an_address_is_kept(host, network):
    assert shorten_address(host) == network
