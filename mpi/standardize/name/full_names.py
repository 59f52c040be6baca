"""Splitting of full names into first, middle and last name.

Examples: "Ana Lucia de la Cruz", "Cruz, Ana Lucia".
"""

from mpi.standardize.name.particles import PARTICLES, SUFFIXES
from mpi.standardize.text_folding import squeeze


def split_full_name(text: str) -> tuple[str | None, str | None, str | None]:
    """Split a full name into first, middle and last name.

    A comma puts the last name first. Otherwise the last word is the last name, together with the
    particles before it and a suffix after it. A single word is a first name.
    """
    last, comma, rest = text.partition(",")
    if comma and squeeze(rest) not in SUFFIXES:
        given_words = rest.split()
        return _take_first(given_words), _join_rest(given_words), " ".join(last.split()) or None
    parts = text.replace(",", " ").split()
    if len(parts) <= 1:
        return _take_first(parts), None, None
    start = _find_surname_start(parts)
    return parts[0], _join_rest(parts[:start]), " ".join(parts[start:])


def _find_surname_start(parts: list[str]) -> int:
    """Return the index of the last name's first word, at least 1."""
    start = len(parts) - 1
    if start > 1 and squeeze(parts[start]) in SUFFIXES:
        start -= 1
    while start > 1 and squeeze(parts[start - 1]) in PARTICLES:
        start -= 1
    return start


def _take_first(parts: list[str]) -> str | None:
    """Return the first word of a name, if any."""
    return parts[0] if parts else None


def _join_rest(parts: list[str]) -> str | None:
    """Join the words of a name after the first."""
    return " ".join(parts[1:]) or None
