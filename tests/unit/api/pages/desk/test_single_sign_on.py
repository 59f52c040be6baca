"""Sign-in of people with an identity provider, and attacks on it."""

from dataclasses import replace
from itertools import count
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest

from mpi.domain import clock
from mpi.domain.errors import InputError, NotAuthenticated
from mpi.domain.roles import Role
from mpi.service.access.accounts.account_list import find_account
from mpi.service.access.session_authentication import csrf_token
from mpi.service.access.sign_in import sign_in
from mpi.service.access.single_sign_on import link_account
from tests.accounts import PASSWORD, ManualClock, add_person, cheap_password_hashing
from tests.identity_provider import CLIENT_ID, make_rsa_key, serving_provider
from tests.index import OPERATOR, open_test_index, with_settings
from tests.single_sign_on import (
    ROLES,
    answer_of,
    browsing,
    changed_query,
    encode,
    go_through,
    is_signed_in,
    names_of,
    roles_of,
    start,
    trust,
)
from tests.unit.api.live import PLAIN

_NUMBERS = count(1)


@pytest.fixture(autouse=True, scope="module")
def _cheap_hashing():
    with cheap_password_hashing():
        yield


@pytest.fixture(scope="module")
def server():
    with serving_provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def index(tmp_path_factory, server):
    folder = tmp_path_factory.mktemp("sign-on")
    with open_test_index(folder / "index", "sis") as new_index:
        yield trust(new_index, server, folder)


@pytest.fixture(scope="module")
def url(index):
    with browsing(index) as browser:
        yield browser.base_url


@pytest.fixture
def provider(server):
    """The provider as it was, with a person whom nobody knows yet."""
    server.__init__(server.url)
    server.person |= {"sub": f"u-{(number := next(_NUMBERS))}", "preferred_username": f"ana-{number}"}
    return server


@pytest.fixture
def browser(url, provider):
    with httpx.Client(base_url=url, timeout=30, verify=PLAIN) as browser:
        yield browser


@pytest.fixture
def name(provider):
    return provider.person["preferred_username"]


def test_the_sign_in_page_offers_the_provider(browser):
    page = browser.get("/sign-in").text
    assert "/sign-in/provider" in page
    assert 'type="password"' in page


def test_the_authorization_asks_for_code_pkce_state_and_nonce(browser):
    query = dict(parse_qsl(urlsplit(start(browser)).query))
    assert query["response_type"] == "code"
    assert query["code_challenge_method"] == "S256"
    assert len(query["code_challenge"]) == 43
    assert len(query["state"]) >= 32
    assert len(query["nonce"]) >= 32
    again = dict(parse_qsl(urlsplit(start(browser)).query))
    assert all(query[name] != again[name] for name in ("state", "nonce", "code_challenge"))


def test_no_account_is_made_unless_configured(index, provider, tmp_path, name):
    quiet = with_settings(index, group_roles=roles_of(tmp_path, ROLES.replace("true", "false")))
    with browsing(quiet) as browser:
        assert go_through(browser, provider).status_code == 403
    assert name not in names_of(index)


def test_an_account_is_never_taken_over_by_its_name(index, browser, provider, name):
    add_person(index, name, Role.OPERATOR)
    assert go_through(browser, provider).status_code == 409
    assert not is_signed_in(browser)
    assert find_account(index, OPERATOR, name).account.role is Role.OPERATOR


def test_a_linked_account_keeps_its_role_where_no_groups_are_configured(index, provider):
    add_person(index, "ben", Role.ANALYST)
    link_account(index, OPERATOR, "ben", provider.person["sub"])
    with browsing(with_settings(index, group_roles=None)) as browser:
        assert go_through(browser, provider).status_code == 200
        assert is_signed_in(browser)
        link_account(index, OPERATOR, "ben", None)
        assert not is_signed_in(browser)
        assert go_through(browser, provider).status_code == 403


def test_an_account_of_the_provider_has_no_password(index, browser, provider, name):
    go_through(browser, provider)
    for password in ("!", "", PASSWORD):
        with pytest.raises(NotAuthenticated):
            sign_in(index, name, password)


def test_passwords_can_be_switched_off(index, provider):
    add_person(index, "cai", Role.ANALYST)
    with browsing(with_settings(index, has_local_sign_in=False)) as browser:
        page = browser.get("/sign-in").text
        assert 'type="password"' not in page
        form = {"name": "cai", "password": PASSWORD, "csrf": csrf_token(index, browser.cookies["mpi-visit"])}
        answer = browser.post("/sign-in", data=form, headers={"Sec-Fetch-Site": "same-origin"})
        assert answer.status_code == 403
        assert "with their organization" in answer.text
        assert not is_signed_in(browser)
        assert go_through(browser, provider).status_code == 200


def test_an_answer_counts_in_the_browser_that_asked_only(browser, provider):
    path = answer_of(provider, start(browser))
    with httpx.Client(base_url=browser.base_url, timeout=30, verify=PLAIN) as victim:
        assert victim.get(path).status_code == 403
        start(victim)
        assert victim.get(path).status_code == 403
        assert not is_signed_in(victim)


def test_an_answer_with_another_state_or_issuer_is_refused(browser, provider):
    for changes in ({"state": "x"}, {"state": None}, {"state": ""}, {"iss": "https://attacker.example"}):
        path = answer_of(provider, start(browser))
        assert browser.get(changed_query(path, **changes)).status_code == 403, changes
    path = answer_of(provider, start(browser))
    assert browser.get(changed_query(path, code="made-up")).status_code == 403
    assert browser.get(changed_query(path, code=None, error="access_denied")).status_code == 403
    assert browser.get("/sign-in/answer").status_code == 403
    assert not is_signed_in(browser)


def test_a_code_of_another_flow_is_refused_by_pkce(browser, provider):
    stolen = parse_qs(urlsplit(answer_of(provider, start(browser))).query)["code"][0]
    path = answer_of(provider, start(browser))
    assert browser.get(changed_query(path, code=stolen)).status_code == 403


def test_an_answer_that_comes_late_is_refused(browser, provider):
    path = answer_of(provider, start(browser))
    moving = ManualClock()
    moving.advance(minutes=11)
    with clock.set_clock(lambda: moving.now):
        assert browser.get(path).status_code == 403
        assert not is_signed_in(browser)


CHANGED_CLAIMS = {
    "wrong nonce": {"nonce": "replayed"},
    "no nonce": {"nonce": None},
    "wrong audience": {"aud": "another"},
    "audience of programs": {"aud": "mpi"},
    "several audiences, no party": {"aud": [CLIENT_ID, "other"]},
    "another party": {"azp": "other"},
    "wrong issuer": {"iss": "https://attacker.example"},
    "expired": {"exp": 1_000_000_000},
    "no expiry": {"exp": None},
    "not valid yet": {"nbf": 9_999_999_999},
    "no subject": {"sub": None},
    "empty subject": {"sub": ""},
    "subject is a number": {"sub": 1},
    "subject too long": {"sub": "x" * 300},
}


@pytest.mark.parametrize("attack", CHANGED_CLAIMS)
def test_an_id_token_with_wrong_claims_is_refused(index, browser, provider, attack, name):
    provider.changed_claims = CHANGED_CLAIMS[attack]
    assert go_through(browser, provider).status_code == 403
    assert not is_signed_in(browser)
    assert name not in names_of(index)


@pytest.mark.parametrize("attack", ["none", "other key", "HS256", "replayed", "none at all"])
def test_a_forged_id_token_is_refused(index, browser, provider, attack, name):
    url = start(browser)
    now = int(clock.now().timestamp())
    claims = {
        "iss": provider.url, "aud": CLIENT_ID, "exp": now + 300, "iat": now, "sub": provider.person["sub"],
        "preferred_username": name, "groups": ["approvers"],
        "nonce": dict(parse_qsl(urlsplit(url).query))["nonce"],
    }  # fmt: skip
    forged = {
        "none": f"{encode({'alg': 'none'})}.{encode(claims)}.",
        "other key": provider.sign(claims, make_rsa_key("first", "attack")),
        "HS256": f"{encode({'alg': 'HS256', 'kid': 'first'})}.{encode(claims)}.c2lnbmF0dXJl",
        "replayed": provider.sign({**claims, "nonce": "of an earlier sign-in"}),
        "none at all": "",
    }
    provider.id_token = forged[attack]
    assert browser.get(answer_of(provider, url)).status_code == 403
    assert not is_signed_in(browser)
    assert name not in names_of(index)


def test_another_index_does_not_accept_the_flow_of_this_one(index, browser, provider):
    path = answer_of(provider, start(browser))
    cookie = browser.cookies.get("mpi-sign-in-flow")
    other = replace(index, keyed_hash=replace(index.keyed_hash, secret=b"x" * 32))
    with browsing(other) as foreign:
        foreign.cookies.set("mpi-sign-in-flow", cookie)
        assert foreign.get(path).status_code == 403


def test_the_page_to_open_is_one_of_this_site(browser, provider):
    answer = go_through(browser, provider, "https://attacker.example/x")
    assert 'content="0; url=/"' in answer.text


def test_the_flow_cookie_is_closed_to_scripts(browser):
    cookie = browser.get("/sign-in/provider").headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


def test_a_provider_that_is_down_is_named_and_sign_in_by_password_goes_on(index, provider, tmp_path):
    provider.is_down = True
    with browsing(trust(index, provider, tmp_path)) as browser:
        assert browser.get("/sign-in/provider").status_code == 503
        provider.is_down = False
        assert browser.get("/sign-in/provider").status_code == 303
    add_person(index, "dee", Role.ANALYST)
    assert sign_in(index, "dee", PASSWORD)


def test_without_a_provider_there_is_no_such_sign_in(index):
    with browsing(with_settings(index, oidc_provider=None)) as browser:
        assert browser.get("/sign-in/provider").status_code == 404
        assert browser.get("/sign-in/answer").status_code == 404
        assert "/sign-in/provider" not in browser.get("/sign-in").text


@pytest.mark.parametrize(
    "text",
    [
        "", "claim = 1", "[[role]]\ngroup = 'a'", "[[role]]\ngroup = 'a'\nrole = 'king'\nsources = 'all'",
        "[[role]]\ngroup = 'a'\nrole = 'source-owner'\nsources = 'all'", "other = 1", "[[role",
        "[[role]]\ngroup = 'a'\nrole = 'steward'\nsources = []",
    ],
)  # fmt: skip
def test_a_wrong_file_of_roles_is_refused(tmp_path, text):
    with pytest.raises(InputError, match="MPI_OIDC_ROLES"):
        roles_of(tmp_path, text)
