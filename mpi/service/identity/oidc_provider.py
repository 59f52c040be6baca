"""OpenID Connect provider that people sign in with.

Authorization code flow with PKCE (RFC 7636), state and nonce. The provider's metadata is read at the first
sign-in, so that a start needs no network.
"""

import base64
import hashlib
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote_plus, urlencode

from mpi.domain import clock
from mpi.domain.errors import InputError, NotAuthenticated
from mpi.service.identity.key_sets import open_key_set
from mpi.service.identity.provider_calls import (
    ProviderRefusal,
    ProviderUnreachable,
    check_provider_url,
    get_json,
    post_form,
)
from mpi.service.identity.token_rules import TrustedIssuer, verify_token

METADATA_AGE = timedelta(hours=1)
"""Age of the metadata after which they are read again."""
_METADATA_PATH = "/.well-known/openid-configuration"
_ID_TOKEN_TYPES = frozenset({"jwt"})
_REFUSED = "the identity provider did not confirm who you are: sign in again"


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """How people sign in with a provider.

    Args:
        issuer: URL of the provider, letter by letter as its tokens carry it.
        client_id: the index at the provider.
        client_secret: its secret there; None where PKCE alone protects the code.
        redirect_url: where the provider sends the browser back to.
        scopes: scopes to ask for, separated by spaces.
        algorithms: permitted signature algorithms of ID tokens.
    """

    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False)
    redirect_url: str
    scopes: str
    algorithms: frozenset[str]


@dataclass(frozen=True, slots=True)
class FlowSecrets:
    """Secrets of one sign-in, which only its browser and the index know.

    Args:
        state: ties the answer to the browser.
        nonce: ties the ID token to the sign-in.
        verifier: proves to the provider that the code comes back to who asked for it.
    """

    state: str
    nonce: str
    verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Metadata:
    authorization_url: str
    token_url: str
    keys_url: str
    issuer: TrustedIssuer


class OidcProvider:
    """An OpenID Connect provider, for all threads.

    Args:
        settings: how people sign in with it.
    """

    def __init__(self, settings: OidcSettings) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._metadata: _Metadata | None = None
        self._read_at: datetime | None = None

    def build_authorization_url(self, flow: FlowSecrets) -> str:
        """Return the provider's page to which the browser is sent.

        Raises:
            ProviderUnreachable: the provider's metadata cannot be read.
        """
        challenge = base64.urlsafe_b64encode(hashlib.sha256(flow.verifier.encode()).digest())
        parameters = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": self.settings.redirect_url,
            "scope": self.settings.scopes,
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": challenge.decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        address = self._read_metadata().authorization_url
        return f"{address}{'&' if '?' in address else '?'}{urlencode(parameters)}"

    def fetch_claims(self, code: str, flow: FlowSecrets) -> dict[str, Any]:
        """Exchange a code for an ID token and return its checked claims.

        Raises:
            NotAuthenticated: the code or the ID token is not accepted.
            ProviderUnreachable: the provider does not answer.
        """
        metadata = self._read_metadata()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.settings.redirect_url,
            "client_id": self.settings.client_id,
            "code_verifier": flow.verifier,
        }
        try:
            answer = post_form(metadata.token_url, form, self._authorization())
        except ProviderRefusal:
            raise NotAuthenticated(_REFUSED) from None
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise NotAuthenticated(_REFUSED)
        claims = verify_token(metadata.issuer, token, _ID_TOKEN_TYPES)
        self._check_id_claims(claims, flow)
        return claims

    def _check_id_claims(self, claims: Mapping[str, Any], flow: FlowSecrets) -> None:
        """Check nonce, party and subject (OpenID Connect Core, section 3.1.3.7)."""
        nonce, party, subject = claims.get("nonce"), claims.get("azp"), claims.get("sub")
        if not isinstance(nonce, str) or not secrets.compare_digest(nonce.encode(), flow.nonce.encode()):
            raise NotAuthenticated(_REFUSED)
        has_other_audiences = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if (party is not None or has_other_audiences) and party != self.settings.client_id:
            raise NotAuthenticated(_REFUSED)
        if not isinstance(subject, str) or not subject or "iat" not in claims:
            raise NotAuthenticated(_REFUSED)

    def _authorization(self) -> dict[str, str]:
        if self.settings.client_secret is None:
            return {}
        text = f"{quote_plus(self.settings.client_id)}:{quote_plus(self.settings.client_secret)}"
        return {"Authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}

    def _read_metadata(self) -> _Metadata:
        """Return the provider's metadata, read at most once an hour."""
        now = clock.now()
        with self._lock:
            if self._metadata is None or self._read_at is None or now - self._read_at >= METADATA_AGE:
                try:
                    self._metadata = self._fetch_metadata(self._metadata)
                except ProviderUnreachable:
                    if self._metadata is None:
                        raise
                self._read_at = now
            return self._metadata

    def _fetch_metadata(self, former: _Metadata | None) -> _Metadata:
        """Read the metadata, and keep the keys of an unchanged URL."""
        content = get_json(self.settings.issuer.rstrip("/") + _METADATA_PATH)
        names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        try:
            urls = [check_provider_url(str(content.get(name)), name) for name in names]
        except InputError as error:
            raise ProviderUnreachable(f"the metadata of the identity provider are wrong: {error}") from None
        if content.get("issuer") != self.settings.issuer:
            raise ProviderUnreachable("the metadata of the identity provider name another issuer")
        is_known = former is not None and former.keys_url == urls[2]
        keys = former.issuer.keys if former is not None and is_known else open_key_set(urls[2])
        issuer = TrustedIssuer(
            self.settings.issuer, self.settings.client_id, keys, self.settings.algorithms, "sub"
        )
        return _Metadata(urls[0], urls[1], urls[2], issuer)
