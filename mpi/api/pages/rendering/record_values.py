"""A record's values in the rows that pages show, in one order for every record."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from mpi.api.pages.rendering.words import Words, words
from mpi.standardize.address.addresses import is_confidential_as_sent

Record = Mapping[str, Any]

ROWS = (
    "name", "preferred_name", "other_names", "birth_date", "birth_date_quality", "previous_birth_dates",
    "sex", "multiple_birth", "identifiers", "guardians", "addresses", "phone", "email", "enrollments",
    "placements", "birth_place", "household_ids", "death_date",
)  # fmt: skip
"""Field codes in the order in which records are compared: what tells children apart comes first."""
_CODES = frozenset({"race", "ethnicity"})
_WORD_ENDS = re.compile(r"(?<=[a-z])(?=[A-Z])")
_LONG_ID = 14
_BIRTH_PLACE = ("birth_city", "birth_state", "birth_country")


def rows_of(record: Record, *, confidential: bool, withheld: Collection[str] = ()) -> dict[str, str]:
    """What a record says, by field code (``field`` of the words); only fields that it has a value for.

    Args:
        record: in canonical field names.
        confidential: whether some record of the child keeps its address confidential: what one agency must
            keep so, another agency's record of the child would tell.
        withheld: fields that it has and that were not told.
    """
    rows = _rows(record, confidential=confidential, withheld=withheld)
    return {name: value for name, value in rows if value}


def value_text(attribute: str, value: object) -> str:
    """One value of a golden record in words: a text, yes or no, or an object of canonical fields."""
    if isinstance(value, bool):
        w = words().value
        return str(w.yes if value else w.no)
    if not isinstance(value, Mapping):
        return _spaced(value) if attribute in _CODES else str(value)
    w = words().value
    kinds: dict[str, Callable[[Record], str]] = {
        "addresses": _address,
        "guardians": _guardian,
        "identifiers": _identifier,
        "enrollments": partial(_enrollment, w),
        "placements": partial(_placement, w),
        "other_names": lambda one: _joined(one, "first_name", "middle_name", "last_name"),
        "birth_place": lambda one: ", ".join(str(one[n]) for n in _BIRTH_PLACE if one.get(n)),
        "flags": _flag,
    }
    shown = kinds.get(attribute)
    return shown(value) if shown else ", ".join(str(each) for each in value.values())


def is_confidential(records: Sequence[Record]) -> bool:
    """Whether any of the records keeps where the child lives confidential."""
    return any(is_confidential_as_sent(record) for record in records)


def day(moment: str) -> str:
    """The day of a moment, as the pages write it."""
    return moment[:10]


def minute(moment: str) -> str:
    """A moment to the minute, as the pages write it."""
    return moment[:16].replace("T", " ")


def short(text: str) -> str:
    """A long local ID cut in its middle, for a drawing; the table beside it has the whole."""
    return text if len(text) <= _LONG_ID else f"{text[:7]}…{text[-6:]}"


def _rows(record: Record, *, confidential: bool, withheld: Collection[str]) -> Iterator[tuple[str, str]]:
    w = words()
    yield "name", _joined(record, "first_name", "middle_name", "last_name", "suffix")
    yield "preferred_name", _joined(record, "preferred_name")
    yield (
        "other_names",
        "; ".join(
            _joined(name, "first_name", "middle_name", "last_name") for name in _list(record, "other_names")
        ),
    )
    yield "birth_date", _joined(record, "birth_date")
    yield "birth_date_quality", _joined(record, "birth_date_quality")
    yield "previous_birth_dates", ", ".join(str(each) for each in _list(record, "previous_birth_dates"))
    yield "sex", _joined(record, "sex")
    yield "multiple_birth", w.value.yes if record.get("multiple_birth") in (True, "Y") else ""
    yield from _where(record, confidential=confidential, withheld=withheld)
    yield "guardians", "; ".join(_guardian(guardian) for guardian in _listed(record, "guardians"))
    yield "enrollments", "; ".join(_enrollment(w.value, one) for one in _listed(record, "enrollments"))
    yield "placements", "; ".join(_placement(w.value, one) for one in _listed(record, "placements"))
    yield (
        "identifiers",
        "; ".join(_identifier(each) for each in _list(record, "identifiers")),
    )
    yield (
        "birth_place",
        ", ".join(str(record[n]) for n in ("birth_city", "birth_state", "birth_country") if record.get(n)),
    )
    yield "household_ids", ", ".join(str(each) for each in _list(record, "household_ids"))
    yield "death_date", _joined(record, "death_date")


def _where(record: Record, *, confidential: bool, withheld: Collection[str]) -> Iterator[tuple[str, str]]:
    """Where the person lives and is called, or that it is withheld."""
    instead = words().value.withheld
    values = {
        "addresses": "; ".join(_address(address) for address in _listed(record, "addresses")),
        "phone": _joined(record, "phone"),
        "email": _joined(record, "email"),
    }
    for name, value in values.items():
        yield name, instead if (confidential and value) or name in withheld else value


def _list(record: Record, name: str) -> list[Any]:
    found = record.get(name)
    return list(found) if isinstance(found, list | tuple) else []


def _listed(record: Record, name: str) -> list[Record]:
    """A dated list; where a record has its flat columns only, those as its one entry."""
    return [each for each in _list(record, name) if isinstance(each, Mapping)] or (
        [record] if any(record.get(field) for field in _FLAT[name]) else []
    )


_FLAT = {
    "addresses": ("address_line1", "address_line2", "city", "postal_code"),
    "guardians": ("guardian_first_name", "guardian_last_name"),
    "enrollments": ("school_id", "district_id", "grade"),
    "placements": (),
}


def _spaced(code: object) -> str:
    """A code of several words in one, such as FosterParent, as words."""
    return _WORD_ENDS.sub(" ", str(code))


def _joined(values: Record, *names: str) -> str:
    return " ".join(str(values[name]) for name in names if values.get(name))


def _address(address: Record) -> str:
    street = _joined(address, "address_line1", "address_line2")
    return ", ".join(line for line in (street, _joined(address, "city", "state", "postal_code")) if line)


def _guardian(guardian: Record) -> str:
    relationship = guardian.get("guardian_relationship")
    name = _joined(guardian, "guardian_first_name", "guardian_last_name")
    return f"{name} ({_spaced(relationship)})" if relationship else name


def _identifier(identifier: Record) -> str:
    return f"{str(identifier['system']).replace('_', ' ')} {identifier['value']}"


def _flag(flag: Record) -> str:
    w = words()
    said = f"{str(flag['population']).replace('_', ' ')}: {w.person.flag_value.of(flag['value'])}"
    dates = _told(flag, begin=w.value["from"], end=w.value.until)
    return f"{said}, {dates}" if dates else said


def _enrollment(w: Words, enrollment: Record) -> str:
    return _told(
        enrollment,
        school_id=w.school,
        district_id=w.district,
        grade=w.grade,
        entry_date=w["from"],
        exit_date=w.until,
    )


def _placement(w: Words, placement: Record) -> str:
    return _told(placement, type="{}", county=w.county, begin=w["from"], end=w.until)


def _told(values: Record, **forms: str) -> str:
    """Those values that there are, each in its words."""
    return ", ".join(
        form.format(str(values[name]).replace("_", " ") if name == "type" else values[name])
        for name, form in forms.items()
        if values.get(name)
    )
