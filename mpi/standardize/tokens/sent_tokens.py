"""Reading of the linkage tokens that a record is sent with."""

import base64
import binascii
from collections.abc import Collection, Mapping

from mpi.domain.errors import RecordError
from mpi.domain.keyed_hash import TokenExchange
from mpi.domain.record import LinkageToken, QualityIssue
from mpi.standardize.fields.lists import parse_entries, parse_entry_columns
from mpi.standardize.tokens.rules import BLANK_TOKEN, TOKEN_BYTES, TokenRule, is_encrypted

FIELD = "linkage_tokens"
_RULES = frozenset(rule.value for rule in TokenRule)


def build_linkage_tokens(
    value: object, exchanges: Collection[TokenExchange]
) -> tuple[tuple[LinkageToken, ...], tuple[QualityIssue, ...]]:
    """Build a record's linkage tokens, without the blank ones.

    An entry may leave out its exchange where the index takes part in one alone.

    Returns:
        The tokens, sorted, and a quality issue where a rule is none that the index compares.

    Raises:
        RecordError: the list is malformed, an exchange is unknown, or a token is none.
    """
    tokens, issues = set(), []
    for entry in parse_entries(FIELD, value, bars=False):
        row = parse_entry_columns(FIELD, entry)
        if row.get("token", BLANK_TOKEN) == BLANK_TOKEN:
            continue
        code = _find_exchange(row, exchanges)
        if row.get("rule") not in _RULES:
            issues.append(QualityIssue(FIELD, "unknown-code"))
            continue
        tokens.add(LinkageToken(code, row["rule"], _check_token(row["token"])))
    return tuple(sorted(tokens)), tuple(issues)


def _find_exchange(row: Mapping[str, str], exchanges: Collection[TokenExchange]) -> str:
    """Return the code of an entry's exchange that the index shares."""
    codes = [exchange.code for exchange in exchanges]
    code = row.get("exchange") or (codes[0] if len(codes) == 1 else None)
    if code is None:
        raise RecordError(FIELD, "missing", "an entry has no 'exchange', and the index knows several or none")
    if code not in codes:
        raise RecordError(FIELD, "unknown-exchange", "names an exchange in which this index takes no part")
    return code


def _check_token(text: str) -> str:
    """Return the one base64 text of a token of 32 bytes."""
    if is_encrypted(text):
        raise RecordError(
            FIELD,
            "encrypted-token",
            "is encrypted for transport by Open Link Token; decrypt the file with olt decrypt first",
        )
    try:
        token = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        token = b""
    if len(token) != TOKEN_BYTES:
        raise RecordError(
            FIELD,
            "malformed-token",
            f"is not {TOKEN_BYTES} bytes in base64; a hash without a secret is refused",
        )
    return base64.b64encode(token).decode()
