"""Identifiers that name one person, as keyed tokens."""

import re
from collections.abc import Iterable

from mpi.domain.keyed_hash import KeyedHash
from mpi.domain.record import Identifier
from mpi.standardize.text import spaced, squeezed

_GROUPS = ("CASE", "FAMILY", "HOUSEHOLD")
"""Words in the name of a system that numbers families, not persons (docs: ccwis_case_id, court cases)."""

_NINES = re.compile(r"9{4,}\Z")
_FILLERS = frozenset(("NA", "NONE", "NULL", "UNKNOWN", "UNK", "TEST", "TBD", "PENDING"))


def identifier_tokens(identifiers: Iterable[Identifier], seal: KeyedHash) -> tuple[str, ...]:
    """One token for each (system, assigner, value) that names a person, sorted.

    Case and punctuation do not matter. A filler, and the number of a case or a family, is left out.
    """
    tokens = {
        seal.token("identifier", f"{system}|{squeezed(identifier.assigner)}|{value}")
        for identifier in identifiers
        if _names_a_person(system := squeezed(identifier.system))
        and _is_real(value := squeezed(identifier.value))
    }
    return tuple(sorted(tokens))


def household_ids(texts: Iterable[str], source: str) -> tuple[str, ...]:
    """The source's household identifiers, namespaced by the source, sorted."""
    folded = {text for text in map(spaced, texts) if text and _is_real(text.replace(" ", ""))}
    return tuple(sorted(f"{source}|{text}" for text in folded))


def _names_a_person(system: str) -> bool:
    return not any(group in system for group in _GROUPS)


def _is_real(value: str) -> bool:
    """Whether a value is none of the fillers: zeros, four nines or more, a word for nothing."""
    return bool(value.strip("0")) and value not in _FILLERS and not _NINES.match(value)
