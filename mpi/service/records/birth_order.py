"""Twins that a record may describe, told apart by birth order.

Twins share last name and birth date, and often more. The model weighs these; birth order is no evidence in
it. It is compared where the caller would otherwise have to guess: between a sent record and a person who
might be the same child or its twin.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from mpi.standardize.fields.codes import parse_birth_order
from mpi.standardize.fields.dates import parse_birth_date
from mpi.standardize.name.names import add_formal_names, parse_given_name, parse_surname

Values = Mapping[str, object]
"""Canonical fields of a record or person."""


class TwinRelation(StrEnum):
    """What name, birth date and order tell of record and person."""

    NONE = "none"
    """Nothing speaks of twins: another birth, or one first name and no contradiction."""
    TWIN = "twin"
    """The same birth, and another place in its order: another child."""
    UNCERTAIN = "uncertain"
    """The same birth and another first name, and birth order is missing."""


def relate(sent: Values, person: Values) -> TwinRelation:
    """Return whether a person may be the twin of a sent record."""
    if not _share_birth(sent, person):
        return TwinRelation.NONE
    sent_order, known_order = _read_order(sent), _read_order(person)
    if sent_order is not None and known_order is not None:
        return TwinRelation.NONE if sent_order == known_order else TwinRelation.TWIN
    if _may_share_first_name(sent, person) or sent_order is not None:
        return TwinRelation.NONE
    return TwinRelation.UNCERTAIN


def needs_birth_order(sent: Values, persons: Iterable[Values]) -> bool:
    """Return whether a birth order would tell a record from a twin.

    Args:
        sent: the record.
        persons: the persons that it may describe.
    """
    if _read_order(sent) is not None:
        return False
    mates = [person for person in persons if _share_birth(sent, person)]
    return len(mates) > 1 or any(relate(sent, person) is TwinRelation.UNCERTAIN for person in mates)


def _share_birth(left: Values, right: Values) -> bool:
    """Return whether last name and whole birth date are the same."""
    births = [
        (
            parse_surname(_read_text(values, "last_name")).name,
            parse_birth_date(_read_text(values, "birth_date") or "").day,
        )
        for values in (left, right)
    ]
    return None not in births[0] and births[0] == births[1]


def _may_share_first_name(left: Values, right: Values) -> bool:
    forms, other_forms = (
        set(add_formal_names(parse_given_name(_read_text(values, "first_name")).forms))
        for values in (left, right)
    )
    return bool(forms & other_forms)


def _read_order(values: Values) -> int | None:
    return parse_birth_order(_read_text(values, "birth_order"))


def _read_text(values: Values, name: str) -> str | None:
    value = values.get(name)
    return value if isinstance(value, str) else None
