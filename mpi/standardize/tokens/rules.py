"""Rules T1 to T5 of Open Link Token.

A token is ``base64(HMAC-SHA256(secret, hex(SHA-256(signature))))``, the default suite ``suite-sha256-v1``; a
signature is the normal forms of a rule's values, joined by ``|``. Source:
https://github.com/TruvetaPublic/OpenLinkToken, ``pages/concepts/token-rules.md`` and
``pages/concepts/token-hashing-and-encryption.md``, as released in 2.2.1. The package is not used here, for
the reasons of ADR 0135; its published values are test vectors.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

TOKEN_BYTES = 32
"""Length of a token before it is written in base64."""
TOKEN_CHARACTERS = 44
"""Length of a token in base64."""
BLANK_TOKEN = "0" * 64
"""What the scheme writes where a rule lacks a value."""
_ENCRYPTED_PREFIX = re.compile(r"ol?t\.V\d{1,3}\.")
"""How a token begins that is encrypted for transport, before a JWE (RFC 7516)."""
_ENCRYPTED_CHARACTERS = (12 + TOKEN_CHARACTERS + 16) // 3 * 4
"""Length of a token as early releases encrypted it: nonce, token and tag of AES-GCM, in base64."""


class TokenRule(StrEnum):
    """A rule by which a linkage token is made."""

    T1 = "T1"
    """Last name, first letter of the first name, sex, birth date."""
    T2 = "T2"
    """Last name, first name, birth date, first three digits of the ZIP code."""
    T3 = "T3"
    """Last name, first name, sex, birth date."""
    T4 = "T4"
    """SSN, sex, birth date."""
    T5 = "T5"
    """Last name, first three letters of the first name, sex."""


class TokenValues(NamedTuple):
    """Normal forms of the values that tokens are made of.

    Args:
        first_name: upper-case letters.
        last_name: upper-case letters.
        birth_date: ``YYYY-MM-DD``.
        sex: ``MALE`` or ``FEMALE``.
        postal_area: first three characters of the postal code.
        ssn: nine digits.
    """

    first_name: str | None = None
    last_name: str | None = None
    birth_date: str | None = None
    sex: str | None = None
    postal_area: str | None = None
    ssn: str | None = None


def write_signatures(values: TokenValues) -> dict[TokenRule, str]:
    """Write the signature of each rule whose values are all there."""
    first, last = values.first_name or "", values.last_name
    parts = {
        TokenRule.T1: (last, first[:1], values.sex, values.birth_date),
        TokenRule.T2: (last, first, values.birth_date, values.postal_area),
        TokenRule.T3: (last, first, values.sex, values.birth_date),
        TokenRule.T4: (values.ssn, values.sex, values.birth_date),
        TokenRule.T5: (last, first[:3], values.sex),
    }
    return {
        rule: "|".join([part for part in rule_parts if part])
        for rule, rule_parts in parts.items()
        if all(rule_parts)
    }


def make_token(signature: str, secret: bytes) -> str:
    """Make the token of a signature under the secret of an exchange."""
    digest = hashlib.sha256(signature.encode()).hexdigest()
    return base64.b64encode(hmac.digest(secret, digest.encode(), "sha256")).decode()


def make_tokens(values: TokenValues, secret: bytes) -> Mapping[TokenRule, str]:
    """Make the tokens of a person under the secret of an exchange."""
    return {rule: make_token(text, secret) for rule, text in write_signatures(values).items()}


def is_encrypted(token: str) -> bool:
    """Return whether a token is encrypted for transport.

    Its text is a prefix and a JWE or, from early releases, base64 of the right length.
    """
    if _ENCRYPTED_PREFIX.match(token):
        return True
    if len(token) != _ENCRYPTED_CHARACTERS:
        return False
    try:
        base64.b64decode(token, validate=True)
    except ValueError:  # binascii.Error too; letters that are not ASCII
        return False
    return True
