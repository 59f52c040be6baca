"""Formatting of record values for pages."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from markupsafe import Markup, escape

from mpi.api.pages.rendering.page_texts import Words, load_words
from mpi.domain import clock
from mpi.standardize.restrictions import are_whereabouts_withheld_as_sent

Record = Mapping[str, Any]

ROWS = (
    "name", "first_name", "middle_name", "last_name", "suffix", "preferred_name", "other_names", "birth_date",
    "birth_date_quality", "previous_birth_dates", "sex", "ssn", "multiple_birth", "birth_order",
    "identifiers", "guardians", "addresses", "phone", "email", "enrollments", "placements", "birth_place",
    "household_ids", "death_date",
)  # fmt: skip
"""Field codes in display order; the fields that tell children apart come first."""
_CODE_FIELDS = frozenset({"race", "ethnicity"})
_WORD_ENDS = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SMALL_WORDS = re.compile(r"(?<= )(?:Or|And|Of)(?= )")
_US_PHONE = re.compile(r"(?:\+?1)?(\d{3})(\d{3})(\d{4})")
_MAX_ID_LENGTH = 14
_MONTHS = {
    1: "Jan", 2: "Feb", 3: "Mar", 4: "Apr", 5: "May", 6: "Jun",
    7: "Jul", 8: "Aug", 9: "Sep", 10: "Oct", 11: "Nov", 12: "Dec",
}  # fmt: skip
_DATE_FIELDS = frozenset({"birth_date", "previous_birth_dates", "death_date"})
_BIRTH_PLACE = ("birth_city", "birth_state", "birth_country")


def format_record(record: Record, *, confidential: bool, withheld: Collection[str] = ()) -> dict[str, str]:
    """Format a record's nonempty fields for a page, by field code.

    Args:
        record: values by canonical field name.
        confidential: whether a record of the child keeps its whereabouts confidential. Another agency's
            record would reveal the address, so no address is shown.
        withheld: names of fields that the viewer may not see, whether or not they have a value.
    """
    withheld_text = load_words().value.withheld
    rows = _format_rows(record, confidential=confidential)
    texts = ((name, withheld_text if name in withheld else value) for name, value in rows)
    return {name: text for name, text in texts if text}


def format_value(attribute: str, value: object) -> str:
    """Format one value of a golden record.

    A value is a text, yes or no, or an object of canonical fields.
    """
    if isinstance(value, bool):
        texts = load_words().value
        return str(texts.yes if value else texts.no)
    if not isinstance(value, Mapping):
        if attribute in _DATE_FIELDS:
            return format_day(str(value))
        return _format_scalar(attribute, str(value))
    texts = load_words().value
    kinds: dict[str, Callable[[Record], str]] = {
        "addresses": _format_address,
        "guardians": _format_guardian,
        "identifiers": _format_identifier,
        "enrollments": partial(_format_enrollment, texts),
        "placements": partial(_format_placement, texts),
        "other_names": lambda item: _join_values(item, "first_name", "middle_name", "last_name"),
        "birth_place": lambda item: ", ".join(str(item[n]) for n in _BIRTH_PLACE if item.get(n)),
        "flags": _format_flag,
    }
    formatter = kinds.get(attribute)
    return formatter(value) if formatter else ", ".join(str(part) for part in value.values())


def _format_scalar(attribute: str, value: str) -> str:
    """Format a text, code or phone number."""
    if attribute in _CODE_FIELDS:
        return _split_words(value)
    return _format_phone(value) if attribute == "phone" else value


def is_confidential(records: Sequence[Record]) -> bool:
    """Check whether any record keeps the child's whereabouts confidential."""
    today = clock.today()
    return any(are_whereabouts_withheld_as_sent(record, today) for record in records)


def format_day(moment: str) -> str:
    """Format an ISO date or time as ``Sep 11, 2013``.

    A date without a day or month keeps what it has; a text that is no date stays as it is.
    """
    year, *rest = moment[:10].split("-")
    try:
        month, *days = [int(part) for part in rest]
        name = _MONTHS[month]
    except (ValueError, KeyError):
        return moment[:10]
    return f"{name} {days[0]}, {year}" if days else f"{name} {year}"


def format_minute(moment: str) -> Markup:
    """Format an ISO time as ``Sep 11, 2013, 2:05 PM UTC``.

    The script of the pages turns it into the time of the reader's own clock.
    """
    try:
        time = datetime.fromisoformat(moment)
    except ValueError:
        return escape(moment)
    time = time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    clock_time = f"{time.hour % 12 or 12}:{time.minute:02} {'AM' if time.hour < 12 else 'PM'}"  # noqa: PLR2004
    return Markup('<time datetime="{}" data-local>{}, {} UTC</time>').format(
        time.strftime("%Y-%m-%dT%H:%M:%SZ"), format_day(time.date().isoformat()), clock_time
    )


def shorten_id(text: str) -> str:
    """Shorten a long local ID in its middle, for a chart."""
    return text if len(text) <= _MAX_ID_LENGTH else f"{text[:7]}…{text[-6:]}"


def _format_rows(record: Record, *, confidential: bool) -> Iterator[tuple[str, str]]:
    """Yield the field codes and formatted values of a record."""
    texts = load_words()
    yield "name", _join_values(record, "first_name", "middle_name", "last_name", "suffix")
    yield "preferred_name", _join_values(record, "preferred_name")
    yield (
        "other_names",
        "; ".join(
            _join_values(name, "first_name", "middle_name", "last_name")
            for name in _read_list(record, "other_names")
        ),
    )
    yield "birth_date", format_day(_join_values(record, "birth_date"))
    yield "birth_date_quality", _join_values(record, "birth_date_quality")
    previous = (format_day(str(item)) for item in _read_list(record, "previous_birth_dates"))
    yield "previous_birth_dates", "; ".join(previous)
    yield "sex", _join_values(record, "sex")
    yield "multiple_birth", texts.value.yes if record.get("multiple_birth") in (True, "Y") else ""
    yield "birth_order", _join_values(record, "birth_order")
    yield from _format_contacts(record, confidential=confidential)
    yield (
        "guardians",
        "; ".join(_format_guardian(guardian) for guardian in _read_dated_list(record, "guardians")),
    )
    yield (
        "enrollments",
        "; ".join(
            _format_enrollment(texts.value, entry) for entry in _read_dated_list(record, "enrollments")
        ),
    )
    yield (
        "placements",
        "; ".join(_format_placement(texts.value, entry) for entry in _read_dated_list(record, "placements")),
    )
    yield (
        "identifiers",
        "; ".join(_format_identifier(item) for item in _read_list(record, "identifiers")),
    )
    yield (
        "birth_place",
        ", ".join(str(record[n]) for n in ("birth_city", "birth_state", "birth_country") if record.get(n)),
    )
    yield "household_ids", ", ".join(str(item) for item in _read_list(record, "household_ids"))
    yield "death_date", format_day(_join_values(record, "death_date"))


def _format_contacts(record: Record, *, confidential: bool) -> Iterator[tuple[str, str]]:
    """Yield address, phone and email, or that they are withheld."""
    withheld_text = load_words().value.withheld
    values = {
        "addresses": "; ".join(_format_address(address) for address in _read_dated_list(record, "addresses")),
        "phone": _format_phone(_join_values(record, "phone")),
        "email": _join_values(record, "email"),
    }
    for name, value in values.items():
        yield name, withheld_text if confidential else value


def _read_list(record: Record, name: str) -> list[Any]:
    """Return a list value of a record, empty if missing."""
    values = record.get(name)
    return list(values) if isinstance(values, list | tuple) else []


def _read_dated_list(record: Record, name: str) -> list[Record]:
    """Return a record's list of dated entries, such as addresses.

    A record that has flat columns instead counts as the only entry.
    """
    return [entry for entry in _read_list(record, name) if isinstance(entry, Mapping)] or (
        [record] if any(record.get(field) for field in _FLAT_FIELDS[name]) else []
    )


_FLAT_FIELDS = {
    "addresses": ("address_line1", "address_line2", "city", "postal_code"),
    "guardians": ("guardian_first_name", "guardian_last_name"),
    "enrollments": ("school_id", "district_id", "grade"),
    "placements": (),
}


def _split_words(code: object) -> str:
    """Split a code such as BlackOrAfricanAmerican into words."""
    spaced = _WORD_ENDS.sub(" ", str(code))
    return _SMALL_WORDS.sub(lambda word: word[0].lower(), spaced)


def _format_phone(number: str) -> str:
    """Format a US phone number of ten digits; keep any other."""
    parts = _US_PHONE.fullmatch(number)
    return "({}) {}-{}".format(*parts.groups()) if parts else number


def name_grade(code: str) -> str:
    """Return the name of a grade, such as grade 3 for 03."""
    texts = load_words().value
    number = code.lstrip("0") if code.isdecimal() else ""
    return str(texts.grades.maybe(code) or texts.grade.format(number or code))


def _join_values(values: Record, *names: str) -> str:
    """Join the nonempty values of named fields with spaces."""
    return " ".join(str(values[name]) for name in names if values.get(name))


def _format_address(address: Record) -> str:
    """Format an address in one line."""
    street = _join_values(address, "address_line1", "address_line2")
    return ", ".join(line for line in (street, _join_values(address, "city", "state", "postal_code")) if line)


def _format_guardian(guardian: Record) -> str:
    """Format a caregiver's name and relationship."""
    relationship = guardian.get("guardian_relationship")
    name = _join_values(guardian, "guardian_first_name", "guardian_last_name")
    return f"{name} ({_split_words(relationship)})" if relationship else name


def _format_identifier(identifier: Record) -> str:
    """Format an identifying number with the system that issued it."""
    return f"{load_words().value.systems.of(identifier['system'])} {identifier['value']}"


def _format_flag(flag: Record) -> str:
    """Format a special-population flag with its dates."""
    texts = load_words()
    population = f"{str(flag['population']).replace('_', ' ')}: {texts.person.flag_value.of(flag['value'])}"
    dates = _format_labeled(flag, begin=texts.value["from"], end=texts.value.until)
    return f"{population}, {dates}" if dates else population


def _format_enrollment(texts: Words, enrollment: Record) -> str:
    """Format an enrollment with school, grade and dates."""
    return _format_labeled(
        enrollment,
        school_id=texts.school,
        district_id=texts.district,
        grade="{}",
        entry_date=texts["from"],
        exit_date=texts.until,
    )


def _format_placement(texts: Words, placement: Record) -> str:
    """Format a foster-care placement with county and dates."""
    return _format_labeled(placement, type="{}", county=texts.county, begin=texts["from"], end=texts.until)


def _format_labeled(values: Record, **forms: str) -> str:
    """Join a record's nonempty values, each inserted in its text pattern."""
    return ", ".join(
        form.format(_format_labeled_value(name, str(values[name])))
        for name, form in forms.items()
        if values.get(name)
    )


def _format_labeled_value(name: str, value: str) -> str:
    """Format one value of an enrollment, placement or flag."""
    if name == "type":
        return value.replace("_", " ")
    if name == "grade":
        return name_grade(value)
    return format_day(value) if name in _DAYS_OF_ENTRIES else value


_DAYS_OF_ENTRIES = frozenset({"entry_date", "exit_date", "begin", "end"})
"""Names of the dates of enrollments, placements and flags."""
