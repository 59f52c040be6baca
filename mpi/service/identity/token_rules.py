"""Check of signed tokens (JWT, RFC 7519) of one trusted issuer.

The rules follow RFC 8725. The algorithm is one of an allow-list of public-key signatures, so ``none`` and a
signature by a shared secret are never accepted. Only the issuer's own keys count, never one that the token
names. Issuer, audience and expiry are required.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import ExpiredTokenError, JoseError

from mpi.domain import clock
from mpi.domain.errors import NotAuthenticated
from mpi.service.identity.key_sets import IssuerKeys

ALGORITHMS: Mapping[str, str] = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC"}
"""Permitted signature algorithms, and the type of their keys."""
LEEWAY = timedelta(seconds=60)
"""Difference between the issuer's clock and this one that is tolerated."""
MAX_LIFETIME = timedelta(hours=24)
"""Longest time to its expiry that a token may have."""
MAX_TOKEN_LENGTH = 8_192
_ACCESS_TOKEN_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
_REFUSED = "this token is not accepted"


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """An issuer whose signed tokens are accepted.

    Args:
        issuer: the ``iss`` that its tokens carry.
        audience: the ``aud`` that they carry for this index.
        keys: its public keys.
        algorithms: permitted signature algorithms, a part of ``ALGORITHMS``.
        client_claim: claim that names the client in an access token.
    """

    issuer: str
    audience: str
    keys: IssuerKeys = field(compare=False)
    algorithms: frozenset[str] = frozenset(ALGORITHMS)
    client_claim: str = "client_id"


def verify_access_token(issuer: TrustedIssuer, token: str) -> str:
    """Return the client that an access token names, at the issuer.

    Raises:
        NotAuthenticated: the token is forged, expired, not valid yet or for another audience, or it names no
            client.
        StoreError: the issuer's keys cannot be read.
    """
    claims = verify_token(issuer, token)
    subject = claims.get(issuer.client_claim)
    if not isinstance(subject, str) or not subject:
        raise NotAuthenticated(f"{_REFUSED}: it lacks the claim {issuer.client_claim}")
    return subject


def verify_token(
    issuer: TrustedIssuer, token: str, types: frozenset[str] = _ACCESS_TOKEN_TYPES
) -> dict[str, Any]:
    """Return the claims of a token after every check.

    Args:
        issuer: the issuer that must have signed it.
        token: the token in compact form.
        types: permitted values of the header ``typ``, in lower case; a token may lack the header.

    Raises:
        NotAuthenticated: the token is forged, expired, not valid yet or for another audience.
        StoreError: the issuer's keys cannot be read.
    """
    if len(token) > MAX_TOKEN_LENGTH or not token.isascii():
        raise NotAuthenticated(f"{_REFUSED}: it is too long or no token")
    registry = jws.JWSRegistry(algorithms=issuer.algorithms, strict_check_header=False)
    try:
        header = jws.extract_compact(token.encode(), registry=registry).headers()
        algorithm = _check_header(issuer, header, types)
        key = issuer.keys.find_key(header.get("kid"), ALGORITHMS[algorithm])
        if key is None:
            raise NotAuthenticated(f"{_REFUSED}: its issuer has no such key")
        key.check_alg(algorithm)
        claims = jwt.decode(token, key, algorithms=[algorithm], registry=registry).claims
        _check_claims(issuer, claims)
    except ExpiredTokenError:
        raise NotAuthenticated(f"{_REFUSED}: it has expired; ask its issuer for another") from None
    except (JoseError, ValueError, RecursionError, TypeError):
        raise NotAuthenticated(f"{_REFUSED}: its signature, issuer, audience or time is wrong") from None
    return claims


def _check_header(issuer: TrustedIssuer, header: Mapping[str, Any], types: frozenset[str]) -> str:
    """Return the algorithm of a token whose header is permitted."""
    algorithm, key_id, token_type = header.get("alg"), header.get("kid"), header.get("typ", "jwt")
    if "crit" in header or "b64" in header:
        raise NotAuthenticated(f"{_REFUSED}: its header asks for an extension")
    if not isinstance(algorithm, str) or algorithm not in issuer.algorithms:
        raise NotAuthenticated(f"{_REFUSED}: its algorithm is not permitted")
    if not isinstance(token_type, str) or token_type.lower() not in types:
        raise NotAuthenticated(f"{_REFUSED}: it is of another type")
    if key_id is not None and not isinstance(key_id, str):
        raise NotAuthenticated(f"{_REFUSED}: its key ID is no text")
    return algorithm


def _check_claims(issuer: TrustedIssuer, claims: dict[str, Any]) -> None:
    now = int(clock.now().timestamp())
    jwt.JWTClaimsRegistry(
        now=now,
        leeway=int(LEEWAY.total_seconds()),
        iss={"essential": True, "value": issuer.issuer},
        aud={"essential": True, "value": issuer.audience},
        exp={"essential": True},
    ).validate(claims)
    if claims["exp"] > now + (MAX_LIFETIME + LEEWAY).total_seconds():
        raise NotAuthenticated(f"{_REFUSED}: it is valid for longer than {MAX_LIFETIME}")
