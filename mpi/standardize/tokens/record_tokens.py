"""Linkage tokens of one record, sent with it or made from it.

A record that was sent with tokens in place of names is a *token record*. It meets another record by the
tokens: what a token stands for is evidence once, so the values that it is made of are not compared again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from mpi.domain.features import Features
from mpi.domain.keyed_hash import KeyedHash
from mpi.domain.record import CanonicalRecord
from mpi.standardize.tokens import attributes
from mpi.standardize.tokens.rules import TokenRule, TokenValues, make_tokens

TOKEN_DOMAIN = "linkage token"  # noqa: S105 - the domain of a hash
_TOKEN_DIGITS = 16
"""Hexadecimal digits of a token among the features; 64 bits make a chance collision negligible."""
_NAME_RULES = (TokenRule.T1, TokenRule.T3, TokenRule.T5)


class TokenFeatures(NamedTuple):
    """Keyed hashes of a record's linkage tokens, by rule; columns of ``Features``."""

    initial: tuple[str, ...] = ()
    place: tuple[str, ...] = ()
    name: tuple[str, ...] = ()
    number: tuple[str, ...] = ()
    short: tuple[str, ...] = ()
    exchanges: tuple[str, ...] = ()


NO_TOKENS = TokenFeatures()


def read_token_values(
    record: CanonicalRecord, *, birth_date: str | None, sex: str | None, ssn: str | None = None
) -> TokenValues:
    """Return the normalized values of a record that make tokens.

    Args:
        record: a validated record.
        birth_date: its standardized birth date, ``YYYY-MM-DD``.
        sex: its standardized sex.
        ssn: its SSN of nine digits, where the caller has it: an index never keeps one.
    """
    postal_code = next((home.postal_code for home in record.addresses if home.postal_code), None)
    return TokenValues(
        first_name=attributes.normalize_first_name(record.first_name) if record.first_name else None,
        last_name=attributes.normalize_last_name(record.last_name) if record.last_name else None,
        birth_date=birth_date if birth_date and birth_date >= attributes.EARLIEST_BIRTH_DATE else None,
        sex=attributes.name_sex(sex),
        postal_area=attributes.find_postal_area(postal_code) if postal_code else None,
        ssn=ssn,
    )


def compare_by_tokens(features: Features, record: CanonicalRecord, keyed_hash: KeyedHash) -> Features:
    """Return a record's features with those of its linkage tokens.

    Tokens are made of a record whose first and last name are known. Tokens of an exchange that the index has
    left are no evidence. Without an exchange, the features are unchanged. A token record keeps its year of
    birth, its sex and its postal code, and loses what else its tokens stand for.
    """
    if not keyed_hash.exchanges:
        return features
    has_name = features.given is not None and features.surname is not None
    made = _make_own_tokens(features, record, keyed_hash) if has_name else {}
    codes = {exchange.code for exchange in keyed_hash.exchanges}
    sent = {
        (token.exchange, token.rule, token.token)
        for token in record.linkage_tokens
        if token.exchange in codes
    }
    all_tokens = sent | {
        (code, rule, token) for code, tokens in made.items() for rule, token in tokens.items()
    }
    if not all_tokens:
        return features
    if not has_name and sent:
        features = _drop_token_values(features)
    columns = _hash_tokens(all_tokens, keyed_hash)
    return replace(
        features,
        tokens_initial=columns.initial,
        tokens_place=columns.place,
        tokens_name=columns.name,
        tokens_number=columns.number,
        tokens_short=columns.short,
        token_exchanges=columns.exchanges,
    )


def carry_tokens(kept: Features, whole: Features) -> Features:
    """Return features of some fields, with the record's tokens.

    A viewer who may compare tokens, and not the names that they are made of, compares so.

    Args:
        kept: features of the fields that the viewer may compare.
        whole: features of the whole record.
    """
    features = kept if kept.given is not None and kept.surname is not None else _drop_token_values(kept)
    return replace(
        features,
        tokens_initial=whole.tokens_initial,
        tokens_place=whole.tokens_place,
        tokens_name=whole.tokens_name,
        tokens_number=whole.tokens_number,
        tokens_short=whole.tokens_short,
        token_exchanges=whole.token_exchanges,
    )


def _make_own_tokens(
    features: Features, record: CanonicalRecord, keyed_hash: KeyedHash
) -> dict[str, Mapping[TokenRule, str]]:
    """Make the tokens of a record in clear text, by exchange."""
    values = read_token_values(record, birth_date=features.birth_date, sex=features.sex)
    return {exchange.code: make_tokens(values, exchange.secret) for exchange in keyed_hash.exchanges}


def _drop_token_values(features: Features) -> Features:
    """Return a token record's features without values that its tokens stand for."""
    return replace(
        features,
        given=None, given_forms=(), given_roots=(),
        surname=None, surname_tokens=(), surname_forms=(),
        birth_date=None, birth_date_swapped=None, birth_dates=(),
    )  # fmt: skip


def _hash_tokens(tokens: Iterable[tuple[str, str, str]], keyed_hash: KeyedHash) -> TokenFeatures:
    """Return the columns of tokens: exchange, rule and token."""
    hashed: dict[str, list[str]] = {rule.value: [] for rule in TokenRule}
    exchanges = set()
    for exchange, rule, token in tokens:
        text = f"{exchange}|{rule}|{token}"
        hashed[str(rule)].append(keyed_hash.to_token(TOKEN_DOMAIN, text)[:_TOKEN_DIGITS])
        if rule in _NAME_RULES:
            exchanges.add(keyed_hash.to_token(TOKEN_DOMAIN, exchange)[:_TOKEN_DIGITS])
    columns = {rule: tuple(sorted(column)) for rule, column in hashed.items()}
    return TokenFeatures(
        initial=columns[TokenRule.T1.value],
        place=columns[TokenRule.T2.value],
        name=columns[TokenRule.T3.value],
        number=columns[TokenRule.T4.value],
        short=columns[TokenRule.T5.value],
        exchanges=tuple(sorted(exchanges)),
    )
