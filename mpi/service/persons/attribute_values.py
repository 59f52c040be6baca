"""What a record states of each attribute of the golden record, in comparable form.

What standardizing reads as missing is not stated: a placeholder name, a sentinel or impossible date, a filler
in place of an e-mail address. Names and addresses are shown as their source wrote them, whole dates as
``YYYY-MM-DD`` and sex as its code.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mpi.domain.record import CanonicalRecord
from mpi.domain.survivorship import StatedValue
from mpi.standardize.address.addresses import read_city, read_place
from mpi.standardize.fields import codes
from mpi.standardize.fields.dates import is_future, iso_day, read_date
from mpi.standardize.name.names import read_given, read_middle, read_suffix, read_surname
from mpi.standardize.phones import read_email, read_phones
from mpi.standardize.text import squeezed

WITHHELD_WHERE_CONFIDENTIAL = frozenset(("addresses", "phone"))
"""Attributes of which nothing is said, and not that there is any, where an address is confidential."""

_UNSTATED = ("", 0)
_QUALITIES = {"VERIFIED": 4, "REPORTED": 2, "ESTIMATED": 1, "PLACEHOLDER": 0}
_REPORTED, _BY_DOCUMENT = 2, 3


@dataclass(frozen=True, slots=True)
class Origin:
    """The record that a value is of.

    Args:
        record: its number.
        key: its canonical key.
        source: code of its source.
        kind: kind of its source.
    """

    record: int
    key: int
    source: str
    kind: str


def stated(record: CanonicalRecord, origin: Origin, verifying: Collection[str]) -> Iterator[tuple[str, StatedValue]]:
    """Every attribute that the record states, with its value; a list's values one by one.

    Args:
        record: what its source says.
        origin: whose record it is.
        verifying: systems of identifiers that are issued on proof of who a child is.
    """
    documented = any(one.system in verifying for one in record.identifiers)
    base = StatedValue(
        None, "", origin.record, origin.key, origin.source, origin.kind, record.as_of or "",
        verified=int(documented),
    )  # fmt: skip
    for attribute, read in _ONE.items():
        found = read(record)
        if found is not None:
            value, same, complete = found
            yield attribute, replace(base, value=value, same=same, complete=complete)
    if (birth := _date(record.birth_date, record.as_of)) is not None:
        value, same, complete = birth
        verified = _birth_verified(record.birth_date_quality, documented)
        yield "birth_date", replace(base, value=value, same=same, complete=complete, verified=verified)
    yield from _lists(record, base)


_Read = tuple[Any, str, int] | None
"""A value as shown, its comparable form, and how complete it is."""


def _name(text: str | None, comparable: str | None) -> _Read:
    return None if text is None or comparable is None else (text, comparable, 1 + (len(comparable) > 1))


def _plain(text: str | None) -> _Read:
    same = squeezed(text) if text else ""
    return (text, same, 1) if same else None


def _date(text: str | None, as_of: str | None) -> _Read:
    """A date of birth or death; a whole one says more than a month, and that more than a year."""
    if text is None:
        return None
    reading = read_date(text)
    if reading.year is None or (as_of and is_future(reading, as_of)):
        return None
    if reading.day is not None:
        return reading.day, reading.day, 3
    digits = squeezed(text)
    return text, digits, 2 if len(digits.removesuffix("00").removesuffix("00")) > len("2014") else 1


def _sex(record: CanonicalRecord) -> _Read:
    code = codes.sex(record.sex)
    return None if code is None else (code, code, 1)


def _birth_place(record: CanonicalRecord) -> _Read:
    """City, state and country together: parts of two records would be a place that nobody stated."""
    parts = (
        read_city(record.birth_city),
        codes.state(record.birth_state),
        codes.country(record.birth_country),
    )
    stated_parts = {
        name: text
        for name in ("birth_city", "birth_state", "birth_country")
        if (text := getattr(record, name)) is not None
    }
    if not any(parts):
        return None
    return stated_parts, "|".join(part or "" for part in parts), sum(part is not None for part in parts)


def _multiple_birth(record: CanonicalRecord) -> _Read:
    said = record.multiple_birth
    return None if said is None else (said, str(said), 1)


def _phone(record: CanonicalRecord) -> _Read:
    numbers = read_phones(record.phone)
    return (record.phone, "|".join(numbers), len(numbers)) if numbers else None


def _email(record: CanonicalRecord) -> _Read:
    address = read_email(record.email)
    return None if address is None else (record.email, address, 1)


def _suffix(record: CanonicalRecord) -> _Read:
    suffix = read_suffix(record.suffix)
    return None if suffix is None else (record.suffix, suffix, 1)


_ONE: Mapping[str, Callable[[CanonicalRecord], _Read]] = {
    "first_name": lambda record: _name(record.first_name, read_given(record.first_name).name),
    "middle_name": lambda record: _name(record.middle_name, read_middle(record.middle_name).name),
    "last_name": lambda record: _name(record.last_name, read_surname(record.last_name).name),
    "suffix": _suffix,
    "preferred_name": lambda record: _name(record.preferred_name, read_given(record.preferred_name).name),
    "sex": _sex,
    "birth_place": _birth_place,
    "multiple_birth": _multiple_birth,
    "phone": _phone,
    "email": _email,
    "ethnicity": lambda record: _plain(record.ethnicity),
    "death_date": lambda record: _date(record.death_date, record.as_of),
}


def _birth_verified(quality: str | None, documented: bool) -> int:
    """How far a birth date was checked: what its source says of it, and a document that proves it."""
    said = _QUALITIES.get(squeezed(quality) if quality else "", _REPORTED)
    return max(said, _BY_DOCUMENT) if documented and said >= _REPORTED else said


_DATES = {"enrollments": ("entry_date", "exit_date")}
_BEGIN_END = ("begin", "end")


def _lists(record: CanonicalRecord, base: StatedValue) -> Iterator[tuple[str, StatedValue]]:
    for attribute, same_of in _EVERY.items():
        for place, item in enumerate(getattr(record, attribute)):
            same = same_of(item)
            if not same.strip("|"):
                continue
            shown = item if isinstance(item, str) else _stated_parts(item)
            begin, end = (iso_day(getattr(item, name, None)) for name in _DATES.get(attribute, _BEGIN_END))
            yield (
                attribute,
                replace(base, value=shown, same=same, place=place, complete=len(shown), begin=begin, end=end),
            )


def _stated_parts(item: Any) -> dict[str, Any]:  # noqa: ANN401 - one of seven named tuples
    return {name: value for name, value in item._asdict().items() if value is not None}


def _joined(*texts: str | None) -> str:
    return "|".join(squeezed(text) if text else "" for text in texts)


def _same_home(address: Any) -> str:  # noqa: ANN401 - an Address
    place = read_place(address)
    if place.key:
        return f"{place.key}|{place.unit or ''}"
    return _joined(
        address.address_line1, address.address_line2, address.city, address.state, address.postal_code
    )


_EVERY: Mapping[str, Callable[[Any], str]] = {
    "other_names": lambda name: _joined(name.first_name, name.middle_name, name.last_name),
    "previous_birth_dates": lambda text: iso_day(text) or squeezed(text),
    "identifiers": lambda one: f"{one.system}|{one.assigner}|{squeezed(one.value)}",
    "addresses": _same_home,
    "guardians": lambda one: _joined(one.guardian_first_name, one.guardian_last_name),
    "household_ids": lambda text: text,
    "enrollments": lambda one: _joined(one.school_id, one.district_id, one.grade, one.entry_date),
    "placements": lambda one: _joined(one.type, one.county, one.begin),
    "race": squeezed,
    "flags": lambda flag: _joined(flag.population, flag.value, flag.definition, flag.detail, flag.begin),
}
