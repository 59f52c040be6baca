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
from mpi.standardize.text import CACHE_SIZE, spaced, squeezed

_GROUPS = ("CASE", "FAMILY", "HOUSEHOLD")
"""Words in the name of a system that numbers families, not persons (docs: ccwis_case_id, court cases)."""

_NINES = re.compile(r"9{4,}\Z")
_LEAST_NEAR, _MOST_NEAR = 6, 16
"""Shorter numbers are near each other by chance; longer ones would cost a token a character."""
_NEAR_LENGTH = 12
"""Hexadecimal digits of a near token: 48 bits, so that a chance collision is as rare as an equal number."""
_FILLERS = frozenset(("NA", "NONE", "NULL", "UNKNOWN", "UNK", "TEST", "TBD", "PENDING"))


class Numbers(NamedTuple):
    """See the columns ``identifiers``, ``identifiers_near`` and ``identifier_systems`` of ``Features``."""

    tokens: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()


NO_NUMBERS = Numbers()


def read_identifiers(identifiers: Iterable[Identifier], seal: KeyedHash) -> Numbers:
    """Tokens of every (system, assigner, value) that names a person.

    Case and punctuation do not matter. A filler, and the number of a case or a family, is left out.
    """
    found = {
        (system, value)
        for identifier in identifiers
        if (system := _system_of_persons(identifier.system, identifier.assigner))
        and _is_real(value := squeezed(identifier.value))
    }
    if not found:
        return NO_NUMBERS
    shorter = [
        f"{system}|{short}"
        for system, value in found
        if _LEAST_NEAR <= len(value) <= _MOST_NEAR
        for short in _shorter(value)
    ]
    near = {token[:_NEAR_LENGTH] for token in seal.tokens("near", shorter)}
    return Numbers(
        tokens=tuple(sorted(seal.token("identifier", f"{system}|{value}") for system, value in found)),
        near=tuple(sorted(near)),
        systems=tuple(sorted({seal.token("system", system)[:_NEAR_LENGTH] for system, _ in found})),
    )


def _shorter(value: str) -> set[str]:
    """The value, and the value with each one of its characters left out."""
    return {value, *(value[:at] + value[at + 1 :] for at in range(len(value)))}


def household_ids(texts: Iterable[str], source: str) -> tuple[str, ...]:
    """The source's household identifiers, namespaced by the source, sorted."""
    folded = {text for text in map(spaced, texts) if text and _is_real(text.replace(" ", ""))}
    return tuple(sorted(f"{source}|{text}" for text in folded))


@lru_cache(CACHE_SIZE)
def _system_of_persons(system: str, assigner: str) -> str | None:
    """System and assigner, folded; None where the system numbers families."""
    folded = squeezed(system)
    return None if any(group in folded for group in _GROUPS) else f"{folded}|{squeezed(assigner)}"


def _is_real(value: str) -> bool:
    """Whether a value is none of the fillers: zeros, four nines or more, a word for nothing."""
    return bool(value.strip("0")) and value not in _FILLERS and not _NINES.match(value)
