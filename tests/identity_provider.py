"""Small identity provider on loopback: metadata, keys, authorization and tokens (OpenID Connect).

It signs with real keys, asks nobody for a password, and counts what it is asked. ``claims`` and ``header``
of the next ID token can be set, to make a forged, expired or foreign one.
"""

import base64
import hashlib
import json
import secrets
import threading
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from mpi.domain import clock

CLIENT_ID, CLIENT_SECRET = "mpi-pages", "a secret of the provider"


@cache
def make_rsa_key(name: str, use: str = "provider") -> RSAKey:
    """Return an RSA key of a name, made once; another use has another key."""
    assert use
    return RSAKey.generate_key(2048, {"kid": name, "use": "sig"})


class IdentityProvider:
    """Keys and codes of a provider, and what it was asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.keys: list[RSAKey | ECKey] = [make_rsa_key("first")]
        self.published: list[dict[str, object]] | None = None
        self.person = {
            "sub": "u-1",
            "preferred_username": "ana.ruiz",
            "name": "Ana Ruiz",
            "groups": ["stewards"],
        }
        self.changed_claims: dict[str, object] = {}
        self.id_token: str | None = None
        self.is_down = False
        self.asked: list[str] = []
        self.codes: dict[str, dict[str, str]] = {}

    def key_set(self) -> dict[str, object]:
        """Return the published keys (JWKS)."""
        keys = self.published
        return {"keys": [key.as_dict(private=False) for key in self.keys] if keys is None else keys}

    def rotate(self, name: str) -> RSAKey:
        """Replace the keys by a new one."""
        self.keys = [make_rsa_key(name)]
        return self.keys[0]

    def sign(self, claims: dict[str, object], key=None, **header: object) -> str:
        """Return a token with the claims, signed by the provider's key or another."""
        signer = key or self.keys[0]
        kind = "ES256" if isinstance(signer, ECKey) else "RS256"
        full_header = {"alg": kind, "kid": signer.kid, **header}
        full_header = {name: value for name, value in full_header.items() if value is not None}
        algorithm = str(full_header["alg"])
        return jwt.encode(full_header, claims, signer, algorithms=[algorithm])

    def access_token(self, client: str = "sis-42", **changes: object) -> str:
        """Return an access token for the index, as issued to a client."""
        now = int(clock.now().timestamp())
        claims = {"iss": self.url, "aud": "mpi", "exp": now + 300, "iat": now, "client_id": client, **changes}
        return self.sign({name: value for name, value in claims.items() if value is not None})

    def authorize(self, url: str) -> str:
        """Return where a browser is sent after the person has signed in at an authorization URL."""
        query = dict(parse_qsl(urlsplit(url).query))
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        return (
            f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state'], 'iss': self.url})}"
        )

    def exchange(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, object]]:
        """Return status and answer for a code, which serves once."""
        basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".replace(" ", "+").encode()).decode()
        sent = self.codes.pop(form.get("code", ""), None)
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).decode().rstrip("=")
        if authorization != f"Basic {basic}":
            return 401, {"error": "invalid_client"}
        if (
            sent is None
            or sent["code_challenge"] != challenge
            or sent["redirect_uri"] != form["redirect_uri"]
        ):
            return 400, {"error": "invalid_grant"}
        now = int(clock.now().timestamp())
        claims = {"iss": self.url, "aud": CLIENT_ID, "exp": now + 300, "iat": now, "nonce": sent["nonce"]}
        claims |= self.person | self.changed_claims
        claims = {name: value for name, value in claims.items() if value is not None}
        token = self.sign(claims) if self.id_token is None else self.id_token
        return 200, {"access_token": "unused", "token_type": "Bearer", "id_token": token}

    def metadata(self) -> dict[str, object]:
        """Return the provider's metadata (OpenID Connect Discovery)."""
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "id_token_signing_alg_values_supported": ["RS256"],
        }


@contextmanager
def serving_provider():
    """Serve a provider on loopback and yield it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.provider = provider = IdentityProvider(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        provider = self.server.provider
        path = urlsplit(self.path).path
        provider.asked.append(path)
        if provider.is_down:
            self._answer(503, {})
        elif path == "/keys":
            self._answer(200, provider.key_set())
        elif path == "/.well-known/openid-configuration":
            self._answer(200, provider.metadata())
        elif path == "/authorize":
            self.send_response(302)
            self.send_header("Location", provider.authorize(self.path))
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif path == "/moved":
            self.send_response(302)
            self.send_header("Location", f"{provider.url}/keys")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif path == "/huge":
            self._answer(200, {"keys": ["x" * 1_000_000]})
        else:
            self._answer(404, {})

    def do_POST(self) -> None:
        provider = self.server.provider
        provider.asked.append(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[-1] for name, values in parse_qs(body).items()}
        self._answer(*provider.exchange(form, self.headers.get("Authorization", "")))

    def _answer(self, status: int, content: dict[str, object]) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_arguments: object) -> None:
        """Print nothing."""
