"""Access tokens of clients and signed tokens of a trusted issuer, over HTTP on both stores."""

import base64
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import quote

import pytest

from mpi.api.app import create_app
from mpi.bootstrap import open_index
from mpi.config import Settings
from mpi.domain import clock
from mpi.domain.errors import ConflictError
from mpi.service.access.access_tokens import MAX_TOKENS, issue_access_token
from mpi.service.access.clients import (
    add_client,
    find_client,
    revoke_client,
    rotate_key,
    set_expiry,
    set_token_subject,
)
from mpi.service.identity.issuer_settings import IssuerSettings, make_trusted_issuer
from tests.accounts import ManualClock
from tests.identity_provider import serving_provider
from tests.index import OPERATOR, load_rows, make_child, open_test_index, with_settings
from tests.unit.api.live import calling, problem

GRANT = {"grant_type": "client_credentials"}
RIGHTS = ("record.read", "record.write", "crosswalk.read", "person.read")


@pytest.fixture
def provider():
    with serving_provider() as provider:
        yield provider


@pytest.fixture
def index(tmp_path, database_url, provider):
    with open_test_index(tmp_path, "sis", database_url=database_url) as new_index:
        load_rows(new_index, "sis", make_child("1"))
        trusted = make_trusted_issuer(
            IssuerSettings(provider.url, "mpi", f"{provider.url}/keys", "RS256", "client_id")
        )
        yield with_settings(new_index, token_issuer=trusted)


@pytest.fixture
def key(index):
    return add_client(index, OPERATOR, "school", RIGHTS, ["sis"])


@pytest.fixture
def call(index):
    with calling(create_app(index), None) as client:
        yield client


@contextmanager
def clock_moved(**time):
    moving = ManualClock()
    moving.advance(**time)
    with clock.set_clock(lambda: moving.now):
        yield


def ask(call, name="school", key="", **form):
    """Ask for a token with HTTP Basic."""
    basic = base64.b64encode(f"{quote(name)}:{quote(key)}".encode()).decode()
    return call.post("/oauth/token", data={**GRANT, **form}, headers={"Authorization": f"Basic {basic}"})


def read(call, token, header="Authorization"):
    """Read the record, on the path of FastAPI."""
    sent = f"Bearer {token}" if header == "Authorization" else token
    return call.get("/v1/sources/sis/records/1", headers={header: sent, "Purpose-Of-Use": "data_quality"})


def look_up(call, token):
    """Look the record up, on the fast path."""
    headers = {"Authorization": f"Bearer {token}", "Purpose-Of-Use": "data_quality"}
    return call.get("/v1/crosswalk", params={"source": "sis", "local_id": "1"}, headers=headers)


def send(call, token):
    headers = {"Authorization": f"Bearer {token}", "Purpose-Of-Use": "data_quality"}
    return call.put("/v1/sources/sis/records/2", json=make_child("2"), headers=headers)


def test_a_client_gets_a_token_and_calls_with_it(call, key):
    answer = ask(call, key=key)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 900)
    assert set(body["scope"].split()) == set(RIGHTS)
    token = body["access_token"]
    for _ in range(2):
        assert read(call, token).status_code == 200
        assert look_up(call, token).status_code == 200
    assert send(call, token).status_code == 200


def test_the_key_may_stand_in_the_form(call, key):
    answer = call.post("/oauth/token", data={**GRANT, "client_id": "school", "client_secret": key})
    assert answer.status_code == 200


def test_a_token_is_narrowed_to_the_scopes_asked_for(call, key):
    answer = ask(call, key=key, scope="record.read").json()
    assert answer["scope"] == "record.read"
    assert read(call, answer["access_token"]).status_code == 200
    problem(send(call, answer["access_token"]), 403, "access-denied")
    problem(look_up(call, answer["access_token"]), 403, "access-denied")


def test_a_token_never_permits_more_than_the_client(call, key):
    answer = ask(call, key=key, scope="record.read ledger.read")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")


@pytest.mark.parametrize(
    ("name", "sent"),
    [("school", "mpi_wrong"), ("school", ""), ("init", None), ("nobody", None), ("SCHOOL", None), ("", None)],
)
def test_a_wrong_client_or_key_is_refused_alike(call, key, name, sent):
    answer = ask(call, name, key if sent is None else sent)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic")
    assert answer.json() == {
        "error": "invalid_client",
        "error_description": "the client or its key is wrong, or the key was revoked or has expired",
    }


def test_malformed_requests_are_refused_as_the_standard_says(call, key):
    form = {"client_id": "school", "client_secret": key}
    basic = {"Authorization": "Basic " + base64.b64encode(f"school:{key}".encode()).decode()}

    def error_of(**request):
        answer = call.post("/oauth/token", **request)
        assert answer.headers["content-type"] == "application/json"
        return answer.status_code, answer.json()["error"]

    assert error_of(data=form) == (400, "invalid_request")
    assert error_of(data={**form, "grant_type": "password"}) == (400, "unsupported_grant_type")
    assert error_of(data={**form, **GRANT}, headers=basic) == (400, "invalid_request")
    assert error_of(data=GRANT) == (401, "invalid_client")
    assert error_of(data={**form, **GRANT}, params={"client_secret": key}) == (400, "invalid_request")
    assert error_of(data={**form, "grant_type": ["client_credentials"] * 2}) == (400, "invalid_request")
    assert error_of(json={**form, **GRANT}) == (400, "invalid_request")
    assert error_of(data=GRANT, headers={"Authorization": "Basic é".encode()}) == (401, "invalid_client")
    assert error_of(data=GRANT, headers={"Authorization": f"Bearer {key}"}) == (401, "invalid_client")
    assert error_of(content=b"x" * 200_000) == (400, "invalid_request")
    assert call.get("/oauth/token").status_code == 405


def test_a_token_ends_by_itself(index, call, key):
    token = ask(call, key=key).json()["access_token"]
    with clock_moved(minutes=15):
        problem(read(call, token), 401, "not-authenticated")
        problem(look_up(call, token), 401, "not-authenticated")


def test_a_token_ends_with_its_key(index, call, key):
    token = ask(call, key=key).json()["access_token"]
    new_key = rotate_key(index, OPERATOR, "school", overlap_days=1)
    assert read(call, token).status_code == 200
    rotate_key(index, OPERATOR, "school")
    problem(read(call, token), 401, "not-authenticated")
    assert ask(call, key=new_key).status_code == 401


def test_a_token_ends_when_the_client_is_revoked_or_expires(index, call, key):
    token = ask(call, key=key).json()["access_token"]
    set_expiry(index, OPERATOR, "school", (clock.now().date() + timedelta(days=1)).isoformat())
    with clock_moved(days=1):
        assert ask(call, key=key).status_code == 401
    revoke_client(index, OPERATOR, "school")
    problem(read(call, token), 401, "not-authenticated")
    assert ask(call, key=key).status_code == 401


def test_a_token_gets_no_other_token_and_is_no_key_of_another_client(call, key):
    token = ask(call, key=key).json()["access_token"]
    assert ask(call, key=token).status_code == 401
    problem(read(call, token[:-1] + ("a" if token[-1] != "a" else "b")), 401, "not-authenticated")


def test_only_so_many_tokens_of_a_client_are_valid(index, call, key):
    first = issue_access_token(index, "school", key, ()).token
    with clock_moved(seconds=1):
        for _ in range(MAX_TOKENS):
            last = issue_access_token(index, "school", key, ()).token
        problem(read(call, first), 401, "not-authenticated")
        assert read(call, last).status_code == 200


def test_a_restored_index_accepts_no_earlier_token(index, call, key):
    from mpi.service.maintenance.feed_generation import begin_generation_after_restore

    token = ask(call, key=key).json()["access_token"]
    begin_generation_after_restore(index.database, OPERATOR)
    problem(read(call, token), 401, "not-authenticated")


def test_a_signed_token_stands_for_the_client_bound_to_its_name(index, call, key, provider):
    problem(read(call, provider.access_token("sis-42")), 401, "not-authenticated")
    set_token_subject(index, OPERATOR, "school", "sis-42")
    for _ in range(2):
        assert read(call, provider.access_token("sis-42")).status_code == 200
        assert read(call, provider.access_token("sis-42"), "X-API-Key").status_code == 200
        assert look_up(call, provider.access_token("sis-42")).status_code == 200
    assert send(call, provider.access_token("sis-42")).status_code == 200
    assert provider.asked == ["/keys"]


def test_a_signed_token_has_the_rights_of_the_index_whatever_it_claims(index, call, key, provider):
    add_client(index, OPERATOR, "reader", ["record.read"], ["sis"])
    set_token_subject(index, OPERATOR, "reader", "sis-42")
    token = provider.access_token("sis-42", scope="record.write person.read", roles=["admin"])
    assert read(call, token).status_code == 200
    problem(send(call, token), 403, "access-denied")


def test_no_client_is_reached_by_its_name_alone(call, key, provider):
    for name in ("school", "init", "SIS-42", ""):
        problem(read(call, provider.access_token(name)), 401, "not-authenticated")


def test_a_signed_token_ends_with_its_client_and_its_binding(index, call, key, provider):
    set_token_subject(index, OPERATOR, "school", "sis-42")
    set_token_subject(index, OPERATOR, "school", None)
    problem(read(call, provider.access_token("sis-42")), 401, "not-authenticated")
    set_token_subject(index, OPERATOR, "school", "sis-42")
    revoke_client(index, OPERATOR, "school")
    problem(read(call, provider.access_token("sis-42")), 401, "not-authenticated")
    assert [each.act for each in find_client(index, OPERATOR, "school").changes][:2] == ["end", "subject"]


def test_two_clients_never_share_a_name_at_the_issuer(index, key):
    add_client(index, OPERATOR, "reader", ["record.read"], ["sis"])
    set_token_subject(index, OPERATOR, "school", "sis-42")
    with pytest.raises(ConflictError, match="school"):
        set_token_subject(index, OPERATOR, "reader", "sis-42")


def test_forged_tokens_are_refused_over_http(index, call, key, provider):
    set_token_subject(index, OPERATOR, "school", "sis-42")
    good = provider.access_token("sis-42")
    header, claims, _ = good.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    forged = (f"{none}.{claims}.", f"{header}.{claims}.", good[:-8] + "AAAAAAAA", "a.b.c", "..")
    for token in forged:
        problem(read(call, token), 401, "not-authenticated")
        problem(look_up(call, token), 401, "not-authenticated")
        problem(send(call, token), 401, "not-authenticated")


def test_calls_with_keys_go_on_while_the_issuer_is_down(index, call, key, provider):
    set_token_subject(index, OPERATOR, "school", "sis-42")
    provider.is_down = True
    answer = read(call, provider.access_token("sis-42"))
    assert answer.status_code == 503
    assert "retry-after" in answer.headers
    assert read(call, key).status_code == 200
    assert look_up(call, key).status_code == 200


def test_an_index_that_trusts_no_issuer_accepts_no_signed_token(index, key, provider):
    set_token_subject(index, OPERATOR, "school", "sis-42")
    with calling(create_app(with_settings(index, token_issuer=None)), None) as call:
        problem(read(call, provider.access_token("sis-42")), 401, "not-authenticated")
    assert provider.asked == []


def test_the_index_opens_with_an_issuer_without_asking_it(index, provider):
    home = index.home
    settings = Settings(
        home=home, database_url=None, token_issuer=provider.url, token_audience="mpi",
        token_keys=f"{provider.url}/keys",
    )  # fmt: skip
    if index.database.is_postgresql:
        pytest.skip("settings are read alike on both stores")
    opened = open_index(settings, for_look_up=True)
    assert opened.settings.token_issuer.issuer == provider.url
    opened.database.dispose()
    assert provider.asked == []


def test_a_token_request_over_the_bounds_of_a_form_is_refused(call):
    answer = call.post(
        "/oauth/token",
        content=b"a=b&" * 2_000,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
