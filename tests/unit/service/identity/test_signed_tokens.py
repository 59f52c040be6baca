"""Tokens of a trusted issuer: the right ones are accepted, and each known attack is refused."""

import base64
import hashlib
import hmac
import json
import math
import warnings
from datetime import timedelta

import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey

from mpi.domain import clock
from mpi.domain.errors import InputError, NotAuthenticated, StoreError
from mpi.service.identity.issuer_settings import IssuerSettings, make_trusted_issuer
from mpi.service.identity.key_sets import MAX_KEY_AGE, MIN_REFRESH_INTERVAL, REFRESH_AFTER, open_key_set
from mpi.service.identity.provider_calls import check_provider_url
from mpi.service.identity.token_rules import verify_access_token
from tests.accounts import ManualClock
from tests.identity_provider import make_rsa_key, serving_provider


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
    return trust(provider.url, f"{provider.url}/keys")


@pytest.fixture
def moved_clock():
    moving = ManualClock()
    with clock.set_clock(lambda: moving.now):
        yield moving


def trust(url, keys, algorithms="RS256,PS256,ES256", claim="client_id"):
    return make_trusted_issuer(IssuerSettings(url, "mpi", str(keys), algorithms, claim))


def encode(value) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def now() -> int:
    return int(clock.now().timestamp())


def claims_of(provider, **changes):
    return {
        "iss": provider.url,
        "aud": "mpi",
        "exp": now() + 300,
        "iat": now(),
        "client_id": "sis",
        **changes,
    }


def test_a_token_of_the_issuer_names_its_client(provider, issuer):
    assert verify_access_token(issuer, provider.access_token("sis-42")) == "sis-42"


@pytest.mark.parametrize("algorithm", ["RS256", "PS256"])
def test_each_rsa_algorithm_is_accepted(provider, issuer, algorithm):
    token = provider.sign(claims_of(provider), alg=algorithm)
    assert verify_access_token(issuer, token) == "sis"


def test_a_token_signed_on_a_curve_is_accepted(provider, issuer):
    provider.keys = [ECKey.generate_key("P-256", {"kid": "curve"})]
    assert verify_access_token(issuer, provider.access_token("sis-42")) == "sis-42"


def test_keys_are_read_from_a_file(provider, tmp_path):
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(provider.key_set()))
    assert verify_access_token(trust(provider.url, file), provider.access_token()) == "sis-42"
    assert provider.asked == []


def test_one_of_several_audiences_is_enough(provider, issuer):
    assert verify_access_token(issuer, provider.access_token(aud=["other", "mpi"]))


def test_a_small_difference_of_clocks_is_tolerated(provider, issuer):
    assert verify_access_token(issuer, provider.access_token(exp=now() - 30))
    assert verify_access_token(issuer, provider.access_token(iat=now() + 30, nbf=now() + 30))


def unsigned(header):
    return lambda provider: f"{encode(header)}.{encode(claims_of(provider))}."


def signed_with_public_key(provider):
    """Return a token whose HMAC key is the issuer's public key, which everybody knows."""
    public = provider.keys[0].as_pem(private=False)
    start = f"{encode({'alg': 'HS256', 'kid': 'first'})}.{encode(claims_of(provider))}"
    return f"{start}.{encode(hmac.new(public, start.encode(), hashlib.sha256).digest())}"


def changed_claims(provider):
    header, _, signature = provider.access_token().split(".")
    return f"{header}.{encode(claims_of(provider, client_id='root'))}.{signature}"


def with_own_key(provider):
    """Return a token that brings the key to check it with."""
    key = make_rsa_key("first", "attack")
    return provider.sign(claims_of(provider), key, jwk=key.as_dict(private=False))


def with_own_key_url(provider):
    key = make_rsa_key("first", "attack")
    return provider.sign(claims_of(provider), key, jku="https://attacker.example/keys")


def of_published_secret(provider):
    secret = OctKey.generate_key(256, {"kid": "secret"})
    provider.published = [*provider.key_set()["keys"], secret.as_dict(private=True)]
    return provider.sign(claims_of(provider), secret, alg="HS256")


def of_short_key(provider):
    with warnings.catch_warnings(action="ignore"):
        short = RSAKey.generate_key(1024, {"kid": "short"})
        provider.published = [*provider.key_set()["keys"], short.as_dict(private=False)]
        return provider.sign(claims_of(provider), short)


def of_encryption_key(provider):
    usable = make_rsa_key("usable").as_dict(private=False)
    provider.published = [usable, {**provider.keys[0].as_dict(private=False), "use": "enc"}]
    return provider.access_token()


def of_key_for_another_algorithm(provider):
    provider.published = [{**provider.keys[0].as_dict(private=False), "alg": "PS256"}]
    return provider.access_token()


ATTACKS = {
    "alg none": unsigned({"alg": "none"}),
    "alg None in other letters": unsigned({"alg": "nOnE", "kid": "first"}),
    "no alg": unsigned({"kid": "first"}),
    "alg is a list": unsigned({"alg": ["RS256"], "kid": "first"}),
    "signature left out": lambda p: p.access_token().rsplit(".", 1)[0] + ".",
    "signature of another token": lambda p: p.access_token()[:-40] + p.access_token(jti="2")[-40:],
    "claims changed": changed_claims,
    "HS256 with the public key": signed_with_public_key,
    "HS256 with a published secret": of_published_secret,
    "key brought along": with_own_key,
    "key URL brought along": with_own_key_url,
    "key of somebody else": lambda p: p.sign(claims_of(p), make_rsa_key("first", "attack")),
    "unknown key": lambda p: p.sign(claims_of(p), make_rsa_key("other", "attack")),
    "key ID is a path": lambda p: p.sign(claims_of(p), kid="../../dev/null"),
    "short key": of_short_key,
    "key for encryption": of_encryption_key,
    "key for another algorithm": of_key_for_another_algorithm,
    "critical extension": lambda p: p.sign(claims_of(p), crit=["b64"], b64=True),
    "expired": lambda p: p.access_token(exp=now() - 61),
    "no expiry": lambda p: p.access_token(exp=None),
    "expiry is a text": lambda p: p.access_token(exp="9999999999"),
    "expiry is not a number": lambda p: p.access_token(exp=math.nan),
    "expiry is infinite": lambda p: p.access_token(exp=math.inf),
    "valid for years": lambda p: p.access_token(exp=now() + 10**9),
    "not valid yet": lambda p: p.access_token(nbf=now() + 120),
    "issued in the future": lambda p: p.access_token(iat=now() + 120),
    "wrong audience": lambda p: p.access_token(aud="another"),
    "no audience": lambda p: p.access_token(aud=None),
    "audience contains ours": lambda p: p.access_token(aud="mpi-other"),
    "wrong issuer": lambda p: p.access_token(iss="https://attacker.example"),
    "issuer with a slash": lambda p: p.access_token(iss=p.url + "/"),
    "no issuer": lambda p: p.access_token(iss=None),
    "logout token": lambda p: p.sign(claims_of(p), typ="logout+jwt"),
    "no client": lambda p: p.access_token(client_id=None),
    "client is a list": lambda p: p.access_token(client_id=["sis-42"]),
    "claims are a list": lambda _: f"{encode({'alg': 'RS256', 'kid': 'first'})}.{encode([1])}.{encode(b'x')}",
    "no JSON": lambda _: "a.b.c",
    "empty parts": lambda _: "..",
    "letters of another script": lambda p: p.access_token() + "é",
    "too long": lambda p: p.access_token(padding="x" * 9_000),
    "deeply nested": lambda _: f"{encode(b'[' * 5_000)}.{encode(b'{}')}.{encode(b'x')}",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_attack_is_refused(provider, issuer, attack):
    token = ATTACKS[attack](provider)
    with pytest.raises(NotAuthenticated) as refusal:
        verify_access_token(issuer, token)
    assert "sis" not in str(refusal.value)


def test_only_the_configured_algorithms_are_accepted(provider):
    issuer = trust(provider.url, f"{provider.url}/keys", "ES256")
    with pytest.raises(NotAuthenticated, match="algorithm"):
        verify_access_token(issuer, provider.access_token())


@pytest.mark.parametrize("algorithms", ["", "none", "HS256", "RS256,HS256", "rs256"])
def test_other_algorithms_cannot_be_configured(algorithms):
    with pytest.raises(InputError, match="MPI_TOKEN_ALGORITHMS"):
        trust("https://idp.example", "https://idp.example/keys", algorithms)


@pytest.mark.parametrize(
    "url",
    [
        "http://idp.example/keys",
        "ftp://idp.example/keys",
        "https://",
        # pragma: allowlist nextline secret - a made-up one
        "https://u:p@idp.example/keys",
    ],
)
def test_keys_are_read_over_tls_only(url):
    with pytest.raises(InputError, match="https"):
        check_provider_url(url, "MPI_TOKEN_KEYS")


def test_a_rotated_key_is_fetched_when_a_token_names_it(provider, issuer, moved_clock):
    old = provider.access_token()
    assert verify_access_token(issuer, old)
    provider.rotate("second")
    moved_clock.advance(seconds=MIN_REFRESH_INTERVAL.total_seconds())
    assert verify_access_token(issuer, provider.access_token())
    with pytest.raises(NotAuthenticated):
        verify_access_token(issuer, old)


def test_made_up_key_names_cause_one_fetch(provider, issuer, moved_clock):
    verify_access_token(issuer, provider.access_token())
    moved_clock.advance(seconds=MIN_REFRESH_INTERVAL.total_seconds())
    provider.asked.clear()
    for number in range(50):
        with pytest.raises(NotAuthenticated):
            verify_access_token(issuer, provider.sign(claims_of(provider), kid=f"made-up-{number}"))
    assert provider.asked == ["/keys"]


def test_a_withdrawn_key_ends_after_ten_minutes(provider, issuer, moved_clock):
    withdrawn = provider.keys[0]
    verify_access_token(issuer, provider.access_token())
    provider.rotate("second")
    moved_clock.advance(seconds=REFRESH_AFTER.total_seconds())
    with pytest.raises(NotAuthenticated):
        verify_access_token(issuer, provider.sign(claims_of(provider), withdrawn))


def test_the_last_keys_serve_while_the_issuer_is_down_for_a_day(provider, issuer, moved_clock):
    verify_access_token(issuer, provider.access_token())
    provider.is_down = True
    moved_clock.advance(hours=23)
    assert verify_access_token(issuer, provider.access_token()) == "sis-42"
    moved_clock.advance(seconds=MAX_KEY_AGE.total_seconds() - 23 * 3_600)
    with pytest.raises(StoreError, match="cannot be read"):
        verify_access_token(issuer, provider.access_token())


def test_an_empty_key_set_does_not_replace_the_keys(provider, issuer, moved_clock):
    verify_access_token(issuer, provider.access_token())
    provider.published = []
    moved_clock.advance(minutes=11)
    assert verify_access_token(issuer, provider.access_token())


@pytest.mark.parametrize("path", ["moved", "huge", "missing"])
def test_no_redirect_and_no_huge_answer_is_read(provider, path):
    source = open_key_set(f"{provider.url}/{path}")
    with pytest.raises(StoreError):
        source.find_key("first", "RSA")


def test_nothing_is_fetched_before_the_first_token(provider, issuer):
    assert issuer.audience == "mpi"
    assert provider.asked == []


def test_the_clock_of_an_issuer_may_differ_by_a_minute_at_most(provider, issuer):
    with clock.set_clock(lambda: moved_by(timedelta(seconds=90))), pytest.raises(NotAuthenticated):
        verify_access_token(issuer, token_at_system_time(provider))


def moved_by(difference):
    return clock._read_system_clock() - difference


def token_at_system_time(provider):
    at = int(clock._read_system_clock().timestamp())
    return provider.access_token(iat=at, nbf=at, exp=at + 60)
