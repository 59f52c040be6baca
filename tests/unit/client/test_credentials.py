"""Access tokens by client credentials."""

from base64 import b64decode

import pytest

from mpi.client import ClientCredentials, InvalidAnswerError, InvalidRequestError, NotAuthenticatedError
from tests.clients import Reaction, busy
from tests.index import make_child
from tests.unit.api.live import add_key

ENTRY = Reaction(body={"enterprise_id": None})
REFUSED = Reaction(
    401, {"type": "urn:mpi:problem:not-authenticated", "title": "Nobody", "detail": "send a key"}
)


def token(number, lifetime_s=900):
    return Reaction(
        body={"access_token": f"mpiat_{number}", "token_type": "Bearer", "expires_in": lifetime_s}
    )


@pytest.fixture
def oauth(open_one, faults):
    return open_one(faults.url, ClientCredentials("district", "secret key", ("record.read", "record.write")))


def paths(faults):
    return [path.partition("?")[0] for _, path, _, _ in faults.requests]


def test_a_token_is_got_at_the_first_call_and_used_for_the_next(oauth, faults):
    faults.react(token(1), ENTRY)
    for _ in range(2):
        oauth.find_enterprise_id("D01", "1")
    assert paths(faults) == ["/oauth/token", "/v1/crosswalk", "/v1/crosswalk"]
    _, _, headers, body = faults.requests[0]
    assert body == b"grant_type=client_credentials&scope=record.read+record.write"
    assert b64decode(headers["Authorization"].removeprefix("Basic ")) == b"district:secret+key"
    assert faults.requests[2][2]["Authorization"] == "Bearer mpiat_1"


def test_a_token_is_replaced_before_it_ends(oauth, faults):
    faults.react(token(1, lifetime_s=0), ENTRY, token(2), ENTRY)
    for _ in range(2):
        oauth.find_enterprise_id("D01", "1")
    assert faults.requests[3][2]["Authorization"] == "Bearer mpiat_2"


def test_a_token_that_ended_early_is_replaced_once(oauth, faults):
    faults.react(token(1), REFUSED, token(2), ENTRY)
    oauth.find_enterprise_id("D01", "1")
    assert len(faults.requests) == 4
    faults.react(REFUSED, token(3), REFUSED)
    with pytest.raises(NotAuthenticatedError, match="send a key"):
        oauth.find_enterprise_id("D01", "1")
    assert len(faults.requests) == 3


def test_an_api_key_that_is_refused_is_not_tried_again(faulty, faults):
    faults.react(REFUSED)
    with pytest.raises(NotAuthenticatedError):
        faulty.find_enterprise_id("D01", "1")
    assert len(faults.requests) == 1


def test_a_busy_token_endpoint_is_asked_again(oauth, faults):
    faults.react(busy(429), token(1), ENTRY)
    oauth.find_enterprise_id("D01", "1")
    assert paths(faults) == ["/oauth/token", "/oauth/token", "/v1/crosswalk"]


@pytest.mark.parametrize("body", [b"<html>", [], {"access_token": 7, "expires_in": 900}])
def test_an_answer_without_a_token_is_an_error(oauth, faults, body):
    faults.react(Reaction(body=body))
    with pytest.raises(InvalidAnswerError):
        oauth.find_enterprise_id("D01", "1")


def test_client_credentials_open_the_index(open_one, client_url, client_index, kind):
    name = f"oauth-{kind}"
    client = open_one(client_url, ClientCredentials(name, add_key(client_index, name)))
    sent = client.upsert("D01", make_child(name, first_name="Oauthia", last_name=f"Token{kind}"))
    assert client.find_enterprise_id("D01", name) == sent.enterprise_id


def test_refusals_of_the_token_endpoint_say_why(open_one, client_url, client_index, kind):
    wrong = open_one(client_url, ClientCredentials("nobody", "mpi_test_wrong"))
    with pytest.raises(NotAuthenticatedError, match="invalid_client"):
        wrong.find_enterprise_id("D01", "1")
    key = add_key(client_index, f"scopes-{kind}")
    unknown_scope = open_one(client_url, ClientCredentials(f"scopes-{kind}", key, ("record.invent",)))
    with pytest.raises(InvalidRequestError, match="invalid_scope"):
        unknown_scope.find_enterprise_id("D01", "1")


def test_no_secret_is_shown(faults, open_one):
    credentials = ClientCredentials("district", "hush")
    assert "hush" not in repr(credentials)
    client = open_one(faults.url, "hush\r\nX: 1")
    with pytest.raises(ValueError, match="Authorization") as caught:
        client.find_enterprise_id("D01", "1")
    assert "hush" not in str(caught.value)
