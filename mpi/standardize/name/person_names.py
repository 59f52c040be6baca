"""Name features of a record, from all its names."""

from functools import lru_cache
from typing import NamedTuple

from mpi.domain.record import CanonicalRecord
from mpi.standardize.name.full_names import split_full_name
from mpi.standardize.name.names import (
    NO_SURNAME,
    GivenName,
    Surname,
    add_formal_names,
    parse_given_name,
    parse_middle_name,
    parse_suffix,
    parse_surname,
)
from mpi.standardize.name.placeholders import is_multiple_birth_name, is_test_record
from mpi.standardize.text_folding import CACHE_SIZE, squeeze


class PersonNames(NamedTuple):
    """Standardized names of a record, by which records are compared.

    The fields are the columns of these names in ``Features``.

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


def parse_person_names(record: CanonicalRecord) -> PersonNames:
    """Parse a record's current, preferred and other names."""
    given = parse_given_name(record.first_name)
    middle = parse_middle_name(record.middle_name)
    surname = choose_surname(record.first_name, record.last_name)
    other_names = _parse_other_names(record)
    given_forms = tuple(
        sorted({*given.forms, *(form for other_name, _ in other_names for form in other_name.forms)})
    )
    surname_forms = {surname.name, *(other_name.name for _, other_name in other_names)} - {None}
    return PersonNames(
        given=given.name,
        given_forms=given_forms,
        given_roots=add_formal_names(given_forms),
        middle=middle.name,
        surname=surname.name,
        surname_tokens=surname.tokens,
        surname_forms=tuple(sorted(name for name in surname_forms if name)),
        suffix=parse_suffix(record.suffix) or surname.suffix or given.suffix or middle.suffix,
        says_multiple_birth=_has_multiple_birth_name(record),
    )


@lru_cache(CACHE_SIZE)
def choose_surname(first: str | None, last: str | None) -> Surname:
    """Parse a last name that is neither test data nor first name.

    Some sources repeat a single name, or a placeholder, to fill the field.
    """
    if first and last and is_test_record(first, last):
        return NO_SURNAME
    surname = parse_surname(last)
    repeats_first_name = first is not None and (
        surname.name == parse_given_name(first).name or surname.name == _squeeze_cached(first)
    )
    return NO_SURNAME if repeats_first_name else surname


_squeeze_cached = lru_cache(CACHE_SIZE)(squeeze)


def _parse_other_names(record: CanonicalRecord) -> list[tuple[GivenName, Surname]]:
    """Parse a record's preferred and other names into given name and surname."""
    names = [
        (parse_given_name(other_name.first_name), choose_surname(other_name.first_name, other_name.last_name))
        for other_name in record.other_names
    ]
    if record.preferred_name:
        names.append(_parse_preferred_name(record.preferred_name, record.last_name))
    return names


def _parse_preferred_name(text: str, last_name: str | None) -> tuple[GivenName, Surname]:
    """Parse the preferred name, with or without a last name.

    The name may repeat the last name, or follow another one after a comma.
    """
    if "," in text:
        first, _, last = split_full_name(text)
        return parse_given_name(first), parse_surname(last)
    if last_name and text.lower().endswith(" " + last_name.lower()):
        text = text[: -len(last_name)]
    return parse_given_name(text), NO_SURNAME


def _has_multiple_birth_name(record: CanonicalRecord) -> bool:
    """Return whether any first name, like ``Baby Boy A``, marks multiple birth."""
    names = (record.first_name, *(other_name.first_name for other_name in record.other_names))
    return any(name is not None and is_multiple_birth_name(name) for name in names)
