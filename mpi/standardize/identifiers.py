"""Keyed tokens of identifiers that name one person.

A token shows whether two values are equal and nothing else, so one typing error would make two values
unrelated. *Near* tokens restore that: one for each character left out. Two values share one where
a character was mistyped, dropped, doubled or exchanged with its neighbor (the deletion neighborhood of
Garbe's SymSpell), and the digits are still nowhere.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from mpi.domain.keyed_hash import KeyedHash
from mpi.domain.record import Identifier
from mpi.standardize.missing_values import PLACEHOLDER_VALUE, has_lost_digits, is_missing_marker
from mpi.standardize.text_folding import CACHE_SIZE, join_words, squeeze

_FAMILY_SYSTEM_WORDS = ("CASE", "FAMILY", "HOUSEHOLD")
"""Words in the names of systems that number families, not persons.

Such as ccwis_case_id, and court cases.
"""

_NINES = re.compile(r"9{4,}\Z")
_MIN_NEAR_CHARACTERS, _MAX_NEAR_CHARACTERS = 6, 16
"""Shorter numbers are near each other by chance; longer ones would cost a token a character."""
_SHORT_TOKEN_DIGITS = 12
"""Hexadecimal digits of a near or system token.

48 bits make a chance collision as rare as an equal number.
"""
_FILLERS = frozenset(("NA", "NAN", "NONE", "NULL", "UNKNOWN", "UNK", "TEST", "TBD", "PENDING", "BLANK"))


class IdentifierTokens(NamedTuple):
    """Keyed tokens of a record's identifiers, by which records are compared.

    The fields are the columns ``identifiers``, ``identifiers_near`` and ``identifier_systems`` of
    ``Features``.
    """

    tokens: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()


NO_IDENTIFIERS = IdentifierTokens()


def tokenize_identifiers(identifiers: Iterable[Identifier], keyed_hash: KeyedHash) -> IdentifierTokens:
    """Make the keyed tokens of identifiers that name a person.

    Case and punctuation do not matter. A filler, a number that lost digits, and the number of a case or a
    family is left out.
    """
    numbers = {
        (system, value)
        for identifier in identifiers
        if (system := _fold_person_system(identifier.system, identifier.assigner))
        and find_number_fault(identifier.value) is None
        and (value := squeeze(identifier.value))
    }
    if not numbers:
        return NO_IDENTIFIERS
    variants = [
        f"{system}|{variant}"
        for system, value in numbers
        if _MIN_NEAR_CHARACTERS <= len(value) <= _MAX_NEAR_CHARACTERS
        for variant in _list_deletions(value)
    ]
    near_tokens = {token[:_SHORT_TOKEN_DIGITS] for token in keyed_hash.to_tokens("near", variants)}
    return IdentifierTokens(
        tokens=tuple(
            sorted(keyed_hash.to_token("identifier", f"{system}|{value}") for system, value in numbers)
        ),
        near=tuple(sorted(near_tokens)),
        systems=tuple(
            sorted({keyed_hash.to_token("system", system)[:_SHORT_TOKEN_DIGITS] for system, _ in numbers})
        ),
    )


def _list_deletions(value: str) -> set[str]:
    """Return a value, and the value without each one of its characters."""
    return {value, *(value[:position] + value[position + 1 :] for position in range(len(value)))}


def normalize_household_ids(texts: Iterable[str], source: str) -> tuple[str, ...]:
    """Fold household identifiers and prefix each by the source, sorted."""
    folded_texts = {join_words(text) for text in texts if find_number_fault(text) is None}
    return tuple(sorted(f"{source}|{text}" for text in folded_texts))


@lru_cache(CACHE_SIZE)
def find_number_fault(text: str) -> str | None:
    """Return why an identifier is no evidence, as a quality code.

    Returns:
        ``inexact-number`` for a number in scientific notation, ``placeholder-value`` for a filler (zeros,
        four nines or more, words for nothing), None for an identifier that may be real.
    """
    if has_lost_digits(text):
        return "inexact-number"
    return PLACEHOLDER_VALUE if is_missing_marker(text) or not _is_real(squeeze(text)) else None


@lru_cache(CACHE_SIZE)
def _fold_person_system(system: str, assigner: str) -> str | None:
    """Fold system and assigner; None where the system numbers families."""
    folded_system = squeeze(system)
    return (
        None
        if any(word in folded_system for word in _FAMILY_SYSTEM_WORDS)
        else f"{folded_system}|{squeeze(assigner)}"
    )


def _is_real(value: str) -> bool:
    """Return whether an identifier's value is no filler.

    Fillers are zeros, four nines or more, and words for nothing.
    """
    return bool(value.strip("0")) and value not in _FILLERS and not _NINES.match(value)
