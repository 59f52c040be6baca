"""All names that a record bears, brought together."""

from functools import lru_cache
from typing import NamedTuple

from mpi.domain.record import CanonicalRecord
from mpi.standardize.name.full_names import split_full_name
from mpi.standardize.name.names import (
    NO_SURNAME,
    Given,
    Surname,
    read_given,
    read_middle,
    read_suffix,
    read_surname,
    roots,
)
from mpi.standardize.name.placeholders import says_multiple_birth
from mpi.standardize.text import CACHE_SIZE, squeezed


class PersonNames(NamedTuple):
    """See the columns of the same names in ``Features``.

    Args:
        says_multiple_birth: whether a placeholder name marks one child of several.
    """

    given: str | None
    given_forms: tuple[str, ...]
    given_roots: tuple[str, ...]
    middle: str | None
    surname: str | None
    surname_tokens: tuple[str, ...]
    surname_forms: tuple[str, ...]
    suffix: str | None
    says_multiple_birth: bool


def read_names(record: CanonicalRecord) -> PersonNames:
    """Read the record's current, preferred and other names."""
    given = read_given(record.first_name)
    middle = read_middle(record.middle_name)
    surname = surname_of(record.first_name, record.last_name)
    others = _other_names(record)
    given_forms = tuple(sorted({*given.forms, *(form for other, _ in others for form in other.forms)}))
    surname_forms = {surname.name, *(other.name for _, other in others)} - {None}
    return PersonNames(
        given=given.name,
        given_forms=given_forms,
        given_roots=roots(given_forms),
        middle=middle.name,
        surname=surname.name,
        surname_tokens=surname.tokens,
        surname_forms=tuple(sorted(name for name in surname_forms if name)),
        suffix=read_suffix(record.suffix) or surname.suffix or given.suffix or middle.suffix,
        says_multiple_birth=_any_says_multiple_birth(record),
    )


@lru_cache(CACHE_SIZE)
def surname_of(first: str | None, last: str | None) -> Surname:
    """The surname, unless it only repeats a single name, or a placeholder, to fill the field."""
    surname = read_surname(last)
    repeats = first is not None and (
        surname.name == read_given(first).name or surname.name == _squeezed(first)
    )
    return NO_SURNAME if repeats else surname


_squeezed = lru_cache(CACHE_SIZE)(squeezed)


def _other_names(record: CanonicalRecord) -> list[tuple[Given, Surname]]:
    """Given name and surname of the preferred and each other name."""
    found = [
        (read_given(other.first_name), surname_of(other.first_name, other.last_name))
        for other in record.other_names
    ]
    if record.preferred_name:
        found.append(_preferred(record.preferred_name, record.last_name))
    return found


def _preferred(text: str, last_name: str | None) -> tuple[Given, Surname]:
    """The preferred name, which may repeat the last name or, after a comma, follow another one."""
    if "," in text:
        first, _, last = split_full_name(text)
        return read_given(first), read_surname(last)
    if last_name and text.lower().endswith(" " + last_name.lower()):
        text = text[: -len(last_name)]
    return read_given(text), NO_SURNAME


def _any_says_multiple_birth(record: CanonicalRecord) -> bool:
    names = (record.first_name, *(other.first_name for other in record.other_names))
    return any(name is not None and says_multiple_birth(name) for name in names)
