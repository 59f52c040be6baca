"""Heading of a child's page, and schools and placements by date.

Both come from the child's golden record, which holds only what the viewer may see.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mpi.api.pages.rendering.dates import format_age
from mpi.api.pages.rendering.page_texts import load_words
from mpi.api.pages.rendering.record_values import format_day, name_grade
from mpi.domain.record_ref import RecordRef
from mpi.domain.survivorship.attributes import NAME_PARTS
from mpi.service.persons.golden_record import GoldenValue
from mpi.service.rosters.school_directory import NO_SCHOOLS, SchoolDirectory
from mpi.standardize.fields.dates import is_within_period, to_iso_day
from mpi.standardize.name.title_case import format_name

SCHOOL, PLACEMENT = "school", "placement"
_KINDS = {"enrollments": SCHOOL, "placements": PLACEMENT}
_BEGINS = {SCHOOL: ("entry_date", "exit_date"), PLACEMENT: ("begin", "end")}
_WORD_STARTS = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Stay:
    """A child's time at one school, or in one placement.

    Args:
        kind: ``school`` or ``placement``.
        place: where, in words.
        begin: first day, formatted; empty where it is not known.
        end: first day after it, formatted; empty where there is none.
        is_open: whether its dates include today.
        is_current: whether it is the latest of its kind that is open.
        record: the record that states it.
    """

    kind: str
    place: str
    begin: str
    end: str
    is_open: bool
    is_current: bool
    record: RecordRef


@dataclass(frozen=True, slots=True)
class ChildHeading:
    """Heading of a child's page; texts are empty where nothing is known.

    Args:
        name: in title case.
        born: the birth date.
        age: the age today.
        school: current school and grade.
        placement: current placement.
    """

    name: str = ""
    born: str = ""
    age: str = ""
    school: str = ""
    placement: str = ""


def build_heading(values: Sequence[GoldenValue], stays: Iterable[Stay], today: str) -> ChildHeading:
    """Build the heading of a child's page.

    Args:
        values: the golden record.
        stays: the child's schools and placements, latest first.
        today: ``YYYY-MM-DD``.
    """
    stated = {value.attribute: value.value for value in values}
    current: dict[str, str] = {}
    for stay in stays:
        if stay.is_current:
            current.setdefault(stay.kind, stay.place)
    return ChildHeading(
        name=format_name(*(stated.get(part) for part in NAME_PARTS)),
        born=format_day(stated.get("birth_date") or ""),
        age=format_age(stated.get("birth_date"), today),
        school=current.get(SCHOOL, ""),
        placement=current.get(PLACEMENT, ""),
    )


def list_stays(
    values: Iterable[GoldenValue], today: str, schools: SchoolDirectory = NO_SCHOOLS
) -> tuple[Stay, ...]:
    """Return a child's schools and placements, latest first.

    A school may never tell the end of an enrollment. So of several that are open, only the latest is current.

    Args:
        values: the golden record.
        today: ``YYYY-MM-DD``.
        schools: names of schools and districts.
    """
    dated = sorted(
        (_read_stay(value, today, schools) for value in values if value.attribute in _KINDS),
        key=lambda entry: entry[0],
        reverse=True,
    )
    latest: dict[str, str] = {}
    for begin, stay in dated:
        if stay.is_open:
            latest.setdefault(stay.kind, begin)
    return tuple(
        replace(stay, is_current=stay.is_open and latest[stay.kind] == begin) for begin, stay in dated
    )


def _read_stay(value: GoldenValue, today: str, schools: SchoolDirectory) -> tuple[str, Stay]:
    """Return the first day of an enrollment or placement, and its row."""
    kind = _KINDS[value.attribute]
    begin_sent, end_sent = (value.value.get(name) for name in _BEGINS[kind])
    begin, end = to_iso_day(begin_sent), to_iso_day(end_sent)
    stay = Stay(
        kind=kind,
        place=_describe_school(schools.add_names(value.value))
        if kind == SCHOOL
        else _describe_placement(value.value),
        begin=format_day(begin or ""),
        end=format_day(end or ""),
        is_open=is_within_period(begin_sent, end_sent, today),
        is_current=False,
        record=value.record,
    )
    return begin or "", stay


def _describe_school(enrollment: Mapping[str, Any]) -> str:
    place = _join_parts(load_words().value, enrollment, school_id="school", district_id="district")
    grade = name_grade(str(enrollment["grade"])) if enrollment.get("grade") else ""
    return ", ".join(part for part in (place, grade) if part)


def _describe_placement(placement: Mapping[str, Any]) -> str:
    texts = load_words().value
    kind = str(placement.get("type") or "").replace("_", " ")
    parts = [_WORD_STARTS.sub(" ", kind), _join_parts(texts, placement, county="county")]
    return ", ".join(part for part in parts if part)


def _join_parts(texts: Any, values: Mapping[str, Any], **names: str) -> str:  # noqa: ANN401 - a table of texts
    return ", ".join(
        texts[text].format(values[name]) for name, text in names.items() if values.get(name) is not None
    )
