"""Identifiers that name one person, as keyed tokens.

A token shows whether two values are equal and nothing else, so a slip of the pen in one of them would make
them strangers. *Near* tokens bring that back: one for each character left out. Two values share one where
a character was mistyped, dropped, doubled or exchanged with its neighbour (the deletion neighbourhood of
Garbe's SymSpell), and the digits are still nowhere.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from mpi.domain.keyed_hash import KeyedHash
from mpi.domain.record import Identifier
from mpi.standardize.text import CACHE_SIZE, join_words, squeeze

_FAMILY_SYSTEM_WORDS = ("CASE", "FAMILY", "HOUSEHOLD")
"""Words in the name of a system that numbers families, not persons (docs: ccwis_case_id, court cases)."""

_NINES = re.compile(r"9{4,}\Z")
_MIN_NEAR_CHARACTERS, _MAX_NEAR_CHARACTERS = 6, 16
"""Shorter numbers are near each other by chance; longer ones would cost a token a character."""
_SHORT_TOKEN_DIGITS = 12
"""Hexadecimal digits of a near token: 48 bits, so that a chance collision is as rare as an equal number."""
_FILLERS = frozenset(("NA", "NONE", "NULL", "UNKNOWN", "UNK", "TEST", "TBD", "PENDING"))


class IdentifierTokens(NamedTuple):
    """See the columns ``identifiers``, ``identifiers_near`` and ``identifier_systems`` of ``Features``."""

    tokens: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()


NO_IDENTIFIERS = IdentifierTokens()


def tokenize_identifiers(identifiers: Iterable[Identifier], seal: KeyedHash) -> IdentifierTokens:
    """Tokens of every (system, assigner, value) that names a person.

    Case and punctuation do not matter. A filler, and the number of a case or a family, is left out.
    """
    found = {
        (system, value)
        for identifier in identifiers
        if (system := _fold_person_system(identifier.system, identifier.assigner))
        and _is_real(value := squeeze(identifier.value))
    }
    if not found:
        return NO_IDENTIFIERS
    shorter = [
        f"{system}|{short}"
        for system, value in found
        if _MIN_NEAR_CHARACTERS <= len(value) <= _MAX_NEAR_CHARACTERS
        for short in _list_deletions(value)
    ]
    near = {token[:_SHORT_TOKEN_DIGITS] for token in seal.to_tokens("near", shorter)}
    return IdentifierTokens(
        tokens=tuple(sorted(seal.to_token("identifier", f"{system}|{value}") for system, value in found)),
        near=tuple(sorted(near)),
        systems=tuple(sorted({seal.to_token("system", system)[:_SHORT_TOKEN_DIGITS] for system, _ in found})),
    )


def _list_deletions(value: str) -> set[str]:
    """The value, and the value with each one of its characters left out."""
    return {value, *(value[:at] + value[at + 1 :] for at in range(len(value)))}


def normalize_household_ids(texts: Iterable[str], source: str) -> tuple[str, ...]:
    """The source's household identifiers, namespaced by the source, sorted."""
    folded = {text for text in map(join_words, texts) if text and _is_real(text.replace(" ", ""))}
    return tuple(sorted(f"{source}|{text}" for text in folded))


@lru_cache(CACHE_SIZE)
def _fold_person_system(system: str, assigner: str) -> str | None:
    """System and assigner, folded; None where the system numbers families."""
    folded = squeeze(system)
    return None if any(group in folded for group in _FAMILY_SYSTEM_WORDS) else f"{folded}|{squeeze(assigner)}"


def _is_real(value: str) -> bool:
    """Whether a value is none of the fillers: zeros, four nines or more, a word for nothing."""
    return bool(value.strip("0")) and value not in _FILLERS and not _NINES.match(value)
