"""Limits count the client that an issuer names, whichever of its tokens it sends."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.datastructures import Headers

from mpi.api.app import create_app
from mpi.api.request import token_clients
from mpi.api.request.call_limiter import CallLimiter
from mpi.api.request.token_clients import TokenClients
from mpi.domain.viewer import Action
from mpi.service.access.clients import set_token_subject
from mpi.service.core.index import GuessLimits
from mpi.service.identity.issuer_settings import IssuerSettings, make_trusted_issuer
from mpi.service.persons import lineage
from tests.identity_provider import make_rsa_key, serving_provider
from tests.index import OPERATOR, with_settings
from tests.unit.api.live import add_key, calling, problem

LIMITS = GuessLimits(of_program=5, of_person=3, of_address=4)
UNKNOWN = "/v1/crosswalk?source=D01&local_id=no-such"


@pytest.fixture(scope="module")
def server():
    with serving_provider() as provider:
        yield provider


@pytest.fixture
def provider(server):
    server.__init__(server.url)
    return server


@pytest.fixture
def issuer(provider):
    return make_trusted_issuer(
        IssuerSettings(provider.url, "mpi", f"{provider.url}/keys", "RS256", "client_id")
    )


@pytest.fixture
def index(fresh_index, issuer):
    """An index with two clients of the issuer, ``sis-42`` and ``other-7``."""
    for name, subject in (("school", "sis-42"), ("other", "other-7")):
        add_key(fresh_index, name, frozenset(Action))
        set_token_subject(fresh_index, OPERATOR, name, subject)
    return with_settings(fresh_index, guess_limits=LIMITS, token_issuer=issuer)


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def forge(provider, number=0):
    """Return a token in the name of ``sis-42`` that somebody else signed."""
    claims = {"iss": provider.url, "aud": "mpi", "exp": 2**31, "client_id": "sis-42", "jti": str(number)}
    return provider.sign(claims, make_rsa_key("first", "attack"))


def find(clients, token):
    """Return the client of a token that is sent for the first time."""
    headers = Headers(bearer(token))
    if clients.is_unchecked(headers):
        asyncio.run(clients.check(headers))
    return clients.find(headers)


def test_misses_of_all_tokens_of_a_client_are_counted_together(index, provider):
    with calling(create_app(index), None) as call:
        for number in range(5):
            sent = bearer(provider.access_token(jti=str(number)))
            if number % 2:
                sent = {"X-API-Key": sent["Authorization"].removeprefix("Bearer ")}
            assert call.get(UNKNOWN, headers=sent).status_code == 404
        fresh = bearer(provider.access_token(jti="fresh"))
        problem(call.get(UNKNOWN, headers=fresh), 429, "too-many-guesses")
        assert call.get(UNKNOWN, headers=bearer(provider.access_token("other-7"))).status_code == 404


def test_forged_tokens_use_up_no_guess_of_the_client_that_they_name(index, provider):
    with calling(create_app(index), None) as call:
        assert call.get(UNKNOWN, headers=bearer(provider.access_token())).status_code == 404
        # A path that does not exist is answered without authentication.
        assert {call.get("/v1/none", headers=bearer(forge(provider))).status_code for _ in range(5)} == {404}
        codes = [call.get(UNKNOWN, headers=bearer(forge(provider, n))).status_code for n in range(1, 7)]
        assert codes == [401] * 4 + [429] * 2
        # Who forges tokens holds back no client of the issuer at the same address.
        assert call.get(UNKNOWN, headers=bearer(provider.access_token(jti="2"))).status_code == 404
        assert call.get(UNKNOWN, headers=bearer(provider.access_token("other-7"))).status_code == 404


def test_a_token_that_has_expired_uses_up_no_further_guess_of_its_client(index, provider, manual_clock):
    with calling(create_app(index), None) as call:
        old = bearer(provider.access_token())
        assert call.get(UNKNOWN, headers=old).status_code == 404
        manual_clock.advance(minutes=30)
        # Its first refusal counts for the client; then it is a text that anybody may have found.
        assert [call.get(UNKNOWN, headers=old).status_code for _ in range(7)] == [401] * 5 + [429] * 2
        fresh = bearer(provider.access_token(jti="2"))
        assert [call.get(UNKNOWN, headers=fresh).status_code for _ in range(4)] == [404] * 4


def test_a_client_of_the_issuer_that_is_not_bound_here_is_limited_by_itself(index, provider):
    with calling(create_app(index), None) as call:

        def ask(client, number):
            return call.get(
                UNKNOWN, headers=bearer(provider.access_token(client, jti=str(number)))
            ).status_code

        assert [ask("stranger", number) for number in range(7)] == [401] * 5 + [429] * 2
        assert ask("sis-42", 1) == 404
        assert call.get(UNKNOWN, headers=bearer("mpi_guess")).status_code == 401


def test_calls_of_all_tokens_of_a_client_share_its_places(index, provider, monkeypatch):
    limiter, has_entered, may_finish = CallLimiter(1, 0), threading.Event(), threading.Event()
    monkeypatch.setattr("mpi.api.middleware.request_middleware.CallLimiter", lambda: limiter)
    look_up = lineage.look_up_lineage

    def look_up_slowly(index, viewer, *arguments):
        if viewer.client == "school":
            has_entered.set()
            may_finish.wait(60)
        return look_up(index, viewer, *arguments)

    monkeypatch.setattr(lineage, "look_up_lineage", look_up_slowly)
    with calling(create_app(index), None) as call, ThreadPoolExecutor(1) as pool:

        def ask(client, token_id):
            headers = bearer(provider.access_token(client, jti=token_id))
            return call.get("/v1/persons/T7K3-M92Q-X0HN/lineage", headers=headers)

        busy = pool.submit(ask, "sis-42", "1")
        assert has_entered.wait(60)
        try:
            problem(ask("sis-42", "2"), 429, "too-many-calls")
            assert ask("other-7", "1").status_code == 404
        finally:
            may_finish.set()
        assert busy.result().status_code == 404


def test_a_token_is_checked_once_and_only_an_accepted_one_names_a_client(provider, issuer, monkeypatch):
    clients, token = TokenClients(issuer), provider.access_token()
    assert find(clients, token) == f"{provider.url}\nsis-42"
    assert find(clients, provider.access_token(jti="2")) == find(clients, token)
    for refused in (forge(provider), provider.access_token(exp=1), "a.b.c", "..", "é.é.é"):
        assert find(clients, refused) is None
    assert not clients.is_unchecked(Headers(bearer(token)))
    assert not clients.is_unchecked(Headers(bearer("mpi_a_key")))
    assert not clients.is_unchecked(Headers({"cookie": "mpi-sign-in=a.b.c"}))
    assert not TokenClients(None).is_unchecked(Headers(bearer(token)))


def test_a_token_that_cannot_be_checked_now_is_checked_again(provider, issuer):
    provider.is_down = True
    clients, token = TokenClients(issuer), provider.access_token()
    assert find(clients, token) is None
    assert clients.is_unchecked(Headers(bearer(token)))


def test_the_tokens_in_memory_are_bounded(provider, issuer, monkeypatch):
    monkeypatch.setattr(token_clients, "MAX_TOKENS", 3)
    clients = TokenClients(issuer)
    tokens = [provider.access_token(jti=str(number)) for number in range(5)]
    assert all(find(clients, token) for token in tokens)
    assert [clients.is_unchecked(Headers(bearer(token))) for token in tokens] == [
        True,
        True,
        False,
        False,
        False,
    ]
