"""Standardization of given names, middle names, surnames and suffixes.

Names are letters only, without spaces; surname tokens are without particles and suffixes.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from mpi.standardize.missing_values import is_missing_marker
from mpi.standardize.name.nicknames import list_formal_names
from mpi.standardize.name.particles import JOINED_PREFIXES, PARTICLES, SUFFIX_FIELD_VALUES, SUFFIXES
from mpi.standardize.name.placeholders import (
    is_placeholder_given,
    is_placeholder_middle,
    is_placeholder_surname,
)
from mpi.standardize.text_folding import CACHE_SIZE, MAX_FOLDED_CHARACTERS, split_words, squeeze

MAX_NAME_LETTERS = 75
"""Letters of a name that are compared.

CEDS elements 000115 and 000172 hold 75 characters.
"""
_MAX_NAME_PARTS = 8

_QUOTED_TEXT = re.compile(r"[(\[\"“”]([^()\[\]\"“”]*)[)\]\"“”]")
_DIGITS = str.maketrans("", "", "0123456789")


@dataclass(frozen=True, slots=True)
class GivenName:
    """Parts of a given name in standardized form.

    Args:
        name: letters only, without spaces; None for a placeholder.
        forms: the name, its parts, and a nickname in quotes or brackets.
        suffix: a generational suffix that stood behind it.
    """

    name: str | None = None
    forms: tuple[str, ...] = ()
    suffix: str | None = None


@dataclass(frozen=True, slots=True)
class Surname:
    """Parts of a last name in standardized form.

    Args:
        name: letters only, without spaces, with its particles; None for a placeholder.
        tokens: its parts without particles, sorted.
        suffix: a generational suffix that stood behind it.
    """

    name: str | None = None
    tokens: tuple[str, ...] = ()
    suffix: str | None = None


NO_GIVEN_NAME = GivenName()
NO_SURNAME = Surname()


@lru_cache(CACHE_SIZE)
def parse_given_name(text: str | None) -> GivenName:
    """Parse a first, preferred or other given name."""
    if not text or is_missing_marker(text):
        return NO_GIVEN_NAME
    unquoted_text, quoted_texts = _split_quoted_text(text)
    names, suffix = _split_names(unquoted_text, is_placeholder_given)
    name = _join_names(names)
    forms = {
        name,
        *_select_long_names(names),
        *(parse_given_name(quoted_text).name for quoted_text in quoted_texts),
    }
    return GivenName(name, tuple(sorted(filter(None, forms))), suffix)


@lru_cache(CACHE_SIZE)
def parse_middle_name(text: str | None) -> GivenName:
    """Parse a middle name or initial, which may be a suffix."""
    if not text or is_missing_marker(text):
        return NO_GIVEN_NAME
    names, suffix = _split_names(_split_quoted_text(text)[0], is_placeholder_middle)
    name = _join_names(names)
    if name in SUFFIXES:
        return GivenName(suffix=SUFFIXES[name])
    return GivenName(name, suffix=suffix)


@lru_cache(CACHE_SIZE)
def parse_surname(text: str | None) -> Surname:
    """Parse a last name: one surname, two, or one with particles."""
    if not text or is_missing_marker(text):
        return NO_SURNAME
    names, suffix = _split_names(_split_quoted_text(text)[0], is_placeholder_surname)
    return Surname(_join_names(names), _list_surname_tokens(names), suffix)


def parse_suffix(text: str | None) -> str | None:
    """Return the generational suffix of the suffix field, else None.

    A professional suffix, or any other text, is missing.
    """
    return SUFFIX_FIELD_VALUES.get(squeeze(text)) if text else None


@lru_cache(CACHE_SIZE)
def add_formal_names(forms: tuple[str, ...]) -> tuple[str, ...]:
    """Return given names with the formal names of each nickname, sorted."""
    return tuple(sorted({*forms, *chain.from_iterable(map(list_formal_names, forms))}))


def _split_quoted_text(text: str) -> tuple[str, tuple[str, ...]]:
    """Return a name without text in brackets or quotes, and that text."""
    text = text[:MAX_FOLDED_CHARACTERS]
    quoted_texts = tuple(_QUOTED_TEXT.findall(text))
    return (_QUOTED_TEXT.sub(" ", text), quoted_texts) if quoted_texts else (text, ())


def _split_names(text: str, is_placeholder: Callable[[str], bool]) -> tuple[tuple[str, ...], str | None]:
    """Return a text's names and their suffix; no names for a placeholder.

    The placeholder check runs again on what is left, as a suffix may have hidden a placeholder.
    """
    if is_placeholder(text):
        return (), None
    parts, suffix = _split_suffix(split_words(text))
    names = tuple(filter(None, (part.translate(_DIGITS) for part in parts)))
    return (() if is_placeholder("".join(names)) else names), suffix


def _split_suffix(parts: tuple[str, ...]) -> tuple[tuple[str, ...], str | None]:
    """Split a final suffix from a name's words, if others are left."""
    if len(parts) > 1 and parts[-1] in SUFFIXES:
        return parts[:-1], SUFFIXES[parts[-1]]
    return parts, None


def _join_names(names: tuple[str, ...]) -> str | None:
    """Join names without spaces, up to the letters that are compared."""
    return "".join(names)[:MAX_NAME_LETTERS] or None


def _select_long_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return a given name's words that are longer than an initial."""
    return tuple(name for name in names[:_MAX_NAME_PARTS] if len(name) > 1)


def _list_surname_tokens(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the parts of a last name without particles, sorted.

    A particle is left out only before another part, since Le, Do and Van are surnames by themselves; Mac
    and O are joined to what follows.
    """
    tokens = []
    prefix = ""
    for name in names[: _MAX_NAME_PARTS - 1]:
        is_last = name is names[-1]
        if name in JOINED_PREFIXES and not is_last:
            prefix += name
        elif prefix or is_last or name not in PARTICLES:
            tokens.append(prefix + name)
            prefix = ""
    if prefix:
        tokens.append(prefix)
    return tuple(sorted(set(tokens)))
