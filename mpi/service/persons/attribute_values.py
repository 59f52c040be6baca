"""Attribute values that a record states, for the golden record.

Values that standardizing reads as missing are left out: placeholder names, sentinel or impossible dates,
filler e-mail addresses. Names and addresses are shown as the source wrote them, complete dates as
``YYYY-MM-DD``, sex as its code.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from mpi.domain.record import Address, CanonicalRecord, Identifier
from mpi.domain.survivorship.attributes import NAME_PARTS
from mpi.domain.survivorship.values import StatedValue
from mpi.standardize.address.addresses import parse_address, parse_city
from mpi.standardize.fields import codes
from mpi.standardize.fields.dates import is_future, parse_birth_date, to_birth_day, to_iso_day
from mpi.standardize.missing_values import is_missing_marker
from mpi.standardize.name.names import parse_given_name, parse_middle_name, parse_suffix, parse_surname
from mpi.standardize.phones import parse_email, parse_phones
from mpi.standardize.text_folding import squeeze

CONTACT_ATTRIBUTES = frozenset(("addresses", "phone", "email"))
"""Attributes withheld from everybody where whereabouts of the person are confidential."""
WHEREABOUTS_ATTRIBUTES = CONTACT_ATTRIBUTES | {"enrollments", "guardians", "household_ids", "placements"}
"""Attributes withheld then from viewers who do not own the source."""

_QUALITIES = {"VERIFIED": 4, "REPORTED": 2, "ESTIMATED": 1, "PLACEHOLDER": 0}
_REPORTED, _BY_DOCUMENT = 2, 3


@dataclass(frozen=True, slots=True)
class ValueOrigin:
    """The record that a golden-record value comes from.

    Args:
        record: record number.
        canonical_key: canonical key of the record.
        source: code of the source.
        source_kind: kind of the source.
    """

    record: int
    canonical_key: int
    source: str
    source_kind: str


def read_attribute_values(
    record: CanonicalRecord, origin: ValueOrigin, verifying: Collection[str]
) -> Iterator[tuple[str, StatedValue]]:
    """Yield every attribute of a record with its value, for golden records.

    The values of a list are yielded one by one.

    Args:
        record: the record.
        origin: number and source of the record.
        verifying: identifier systems that are issued on proof of identity.
    """
    state = _share(record, origin, verifying)
    yield from _read_single_values(record, state, _SINGLE_VALUE_READERS)
    yield from _read_birth_date(record, state)
    yield from _read_lists(record, state)


def read_name_and_birth_date(
    record: CanonicalRecord, origin: ValueOrigin, verifying: Collection[str]
) -> Iterator[tuple[str, StatedValue]]:
    """Yield the parts of a record's name and its birth date.

    Arguments as for ``read_attribute_values``.
    """
    state = _share(record, origin, verifying)
    yield from _read_single_values(record, state, NAME_PARTS)
    yield from _read_birth_date(record, state)


def _share(
    record: CanonicalRecord, origin: ValueOrigin, verifying: Collection[str]
) -> "partial[StatedValue]":
    """Return a maker of a record's stated values, with what they share."""
    return partial(
        StatedValue,
        record=origin.record,
        key=origin.canonical_key,
        source=origin.source,
        kind=origin.source_kind,
        as_of=record.as_of or "",
        verified=int(any(identifier.system in verifying for identifier in record.identifiers)),
    )


def _read_single_values(
    record: CanonicalRecord, state: partial[StatedValue], attributes: Iterable[str]
) -> Iterator[tuple[str, StatedValue]]:
    for attribute in attributes:
        value_read = _SINGLE_VALUE_READERS[attribute](record)
        if value_read is not None:
            value, comparable, completeness = value_read
            yield attribute, state(value=value, comparable=comparable, complete=completeness)


def _read_birth_date(
    record: CanonicalRecord, state: partial[StatedValue]
) -> Iterator[tuple[str, StatedValue]]:
    date_read = _read_date(record.birth_date, record.as_of)
    if date_read is not None:
        value, comparable, completeness = date_read
        verified = _birth_date_quality(record.birth_date_quality, bool(state.keywords["verified"]))
        yield (
            "birth_date",
            state(value=value, comparable=comparable, complete=completeness, verified=verified),
        )


_ReadValue = tuple[Any, str, int] | None
"""Value as shown, comparable form, and completeness; None where missing."""


def _read_name(text: str | None, comparable: str | None) -> _ReadValue:
    return None if text is None or comparable is None else (text, comparable, 1 + (len(comparable) > 1))


def _read_text(text: str | None) -> _ReadValue:
    comparable = _squeeze_value(text)
    return (text, comparable, 1) if comparable else None


def _squeeze_value(text: str | None) -> str:
    """Return letters and digits; none of a text for no value."""
    return squeeze(text) if text and not is_missing_marker(text) else ""


def _read_date(text: str | None, as_of: str | None) -> _ReadValue:
    """Read a birth or death date with its completeness as a rank."""
    if text is None:
        return None
    reading = parse_birth_date(text)
    if reading.year is None or (as_of and is_future(reading, as_of)):
        return None
    if reading.day is not None:
        return reading.day, reading.day, 3
    digits = squeeze(text.removesuffix(".0"))
    return text, digits, 2 if len(digits.removesuffix("00").removesuffix("00")) > len("2014") else 1


def _read_sex(record: CanonicalRecord) -> _ReadValue:
    code = codes.parse_sex(record.sex)
    return None if code is None else (code, code, 1)


def _read_birth_place(record: CanonicalRecord) -> _ReadValue:
    """Read a record's city, state and country of birth together.

    Parts of two records would be a place that nobody stated.
    """
    parts = (
        parse_city(record.birth_city),
        codes.parse_state(record.birth_state),
        codes.parse_country(record.birth_country),
    )
    stated_parts = {
        name: text
        for name in ("birth_city", "birth_state", "birth_country")
        if (text := getattr(record, name)) is not None
    }
    if not any(parts):
        return None
    return stated_parts, "|".join(part or "" for part in parts), sum(part is not None for part in parts)


def _read_multiple_birth(record: CanonicalRecord) -> _ReadValue:
    is_multiple = record.multiple_birth
    return None if is_multiple is None else (is_multiple, str(is_multiple), 1)


def _read_birth_order(record: CanonicalRecord) -> _ReadValue:
    place = codes.parse_birth_order(record.birth_order)
    return None if place is None else (str(place), str(place), 1)


def _read_phone(record: CanonicalRecord) -> _ReadValue:
    numbers = parse_phones(record.phone)
    return (record.phone, "|".join(numbers), len(numbers)) if numbers else None


def _read_email(record: CanonicalRecord) -> _ReadValue:
    address = parse_email(record.email)
    return None if address is None else (record.email, address, 1)


def _read_suffix(record: CanonicalRecord) -> _ReadValue:
    suffix = parse_suffix(record.suffix)
    return None if suffix is None else (record.suffix, suffix, 1)


_SINGLE_VALUE_READERS: Mapping[str, Callable[[CanonicalRecord], _ReadValue]] = {
    "first_name": lambda record: _read_name(record.first_name, parse_given_name(record.first_name).name),
    "middle_name": lambda record: _read_name(record.middle_name, parse_middle_name(record.middle_name).name),
    "last_name": lambda record: _read_name(record.last_name, parse_surname(record.last_name).name),
    "suffix": _read_suffix,
    "preferred_name": lambda record: _read_name(
        record.preferred_name, parse_given_name(record.preferred_name).name
    ),
    "sex": _read_sex,
    "birth_place": _read_birth_place,
    "multiple_birth": _read_multiple_birth,
    "birth_order": _read_birth_order,
    "phone": _read_phone,
    "email": _read_email,
    "ethnicity": lambda record: _read_text(record.ethnicity),
    "death_date": lambda record: _read_date(record.death_date, record.as_of),
}


def _birth_date_quality(quality: str | None, is_documented: bool) -> int:
    """Return how well a birth date is verified, from 0 to 4."""
    stated_quality = _QUALITIES.get(squeeze(quality) if quality else "", _REPORTED)
    return (
        max(stated_quality, _BY_DOCUMENT) if is_documented and stated_quality >= _REPORTED else stated_quality
    )


_DATE_FIELDS = {"enrollments": ("entry_date", "exit_date")}
_BEGIN_END = ("begin", "end")


def _read_lists(record: CanonicalRecord, state: partial[StatedValue]) -> Iterator[tuple[str, StatedValue]]:
    for attribute, key_of_item in _LIST_ITEM_KEYS.items():
        for position, item in enumerate(getattr(record, attribute)):
            comparable = key_of_item(item)
            if not comparable.strip("|"):
                continue
            shown_value = item if isinstance(item, str) else _present_fields(item)
            begin, end = (
                to_iso_day(getattr(item, name, None)) for name in _DATE_FIELDS.get(attribute, _BEGIN_END)
            )
            yield (
                attribute,
                state(
                    value=shown_value,
                    comparable=comparable,
                    position=position,
                    complete=len(shown_value),
                    begin=begin,
                    end=end,
                ),
            )


def _present_fields(item: Any) -> dict[str, Any]:  # noqa: ANN401 - one of seven named tuples
    return {name: value for name, value in item._asdict().items() if value is not None}


def _join_squeezed(*texts: str | None) -> str:
    return "|".join(map(_squeeze_value, texts))


def _identifier_key(identifier: Identifier) -> str:
    value = _squeeze_value(identifier.value)
    return f"{identifier.system}|{identifier.assigner}|{value}" if value else ""


def _home_key(address: Address) -> str:
    place = parse_address(address)
    if place.key:
        return f"{place.key}|{place.unit or ''}"
    return _join_squeezed(
        address.address_line1, address.address_line2, address.city, address.state, address.postal_code
    )


_LIST_ITEM_KEYS: Mapping[str, Callable[[Any], str]] = {
    "other_names": lambda name: _join_squeezed(name.first_name, name.middle_name, name.last_name),
    "previous_birth_dates": lambda text: to_birth_day(text) or squeeze(text),
    "identifiers": _identifier_key,
    "addresses": _home_key,
    "guardians": lambda one: _join_squeezed(one.guardian_first_name, one.guardian_last_name),
    "household_ids": lambda text: "" if is_missing_marker(text) else text,
    "enrollments": lambda one: _join_squeezed(one.school_id, one.district_id, one.grade, one.entry_date),
    "placements": lambda one: _join_squeezed(one.type, one.county, one.begin),
    "race": _squeeze_value,
    "flags": lambda flag: _join_squeezed(
        flag.population, flag.value, flag.definition, flag.detail, flag.begin
    ),
}
