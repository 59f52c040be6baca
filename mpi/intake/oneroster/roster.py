"""What a OneRoster system says about its students besides the users themselves.

Demographics, enrollments, orgs and guardians are read first and held in memory, about 0.7 KB a student. Then
each student gives one canonical row.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from sys import intern
from typing import NamedTuple

from mpi.intake.oneroster.items import (
    Item,
    is_deleted,
    is_yes,
    list_items,
    list_references,
    list_roles,
    read_date,
    read_reference,
    read_text,
)
from mpi.intake.oneroster.student import (
    STATE_ID_SYSTEM,
    Fields,
    StudentRules,
    drop_empty,
    read_grade,
    read_identifiers,
    read_names,
)

GUARDIAN_ROLES = frozenset({"guardian", "parent", "relative"})
"""Roles of users who are named as a student's guardians."""
STUDENT_ROLE = "student"
_MAX_LEVELS = 10
_RACES = {
    "americanIndianOrAlaskaNative": "AmericanIndianOrAlaskaNative",
    "asian": "Asian",
    "blackOrAfricanAmerican": "BlackOrAfricanAmerican",
    "nativeHawaiianOrOtherPacificIslander": "NativeHawaiianOrOtherPacificIslander",
    "white": "White",
}
_SCHOOL, _DISTRICT = "school", "district"


NAME_ALONE = "name-alone"
"""Reason why a student is rejected of whom only the name is known."""
NAME_ALONE_DETAIL = "the student has neither a birth date nor an ID of the state: add demographics"


class _Org(NamedTuple):
    """School, district or other organization."""

    identifier: str
    kind: str
    parent: str | None


class _Demographics(NamedTuple):
    """Demographics of a user, as canonical fields; equal texts are stored once."""

    birth_date: str | None
    sex: str | None
    race: tuple[str, ...]
    ethnicity: str | None
    birth_city: str | None
    birth_state: str | None
    birth_country: str | None


class _Span(NamedTuple):
    """First and last day in a school, where known."""

    begin: str | None
    end: str | None


@dataclass(slots=True)
class Roster:
    """Details of students, and the rows made of both.

    Args:
        rules: which numbers are read.
    """

    rules: StudentRules
    _orgs: dict[str, _Org] = field(default_factory=dict)
    _demographics: dict[str, _Demographics] = field(default_factory=dict)
    _spans: dict[str, dict[str, _Span]] = field(default_factory=dict)
    _guardians: dict[str, Fields] = field(default_factory=dict)

    def add_org(self, item: Item) -> None:
        """Add a school, district or other organization."""
        key = read_text(item, "sourcedId")
        if key and not is_deleted(item):
            self._orgs[key] = _Org(
                read_text(item, "identifier") or key,
                (read_text(item, "type") or "").casefold(),
                read_reference(item, "parent"),
            )

    def add_demographics(self, item: Item) -> None:
        """Add the demographics of a user, whose ``sourcedId`` they have."""
        key = read_text(item, "sourcedId")
        if key is None or is_deleted(item):
            return
        is_hispanic = item.get("hispanicOrLatinoEthnicity")
        self._demographics[key] = _Demographics(
            birth_date=read_date(item, "birthDate"),
            sex=_intern(read_text(item, "sex")),
            race=tuple(race for name, race in _RACES.items() if is_yes(item, name)),
            ethnicity="HispanicOrLatino"
            if is_yes(item, "hispanicOrLatinoEthnicity")
            else (None if is_hispanic in (None, "") else "NotHispanicOrLatino"),
            birth_city=_intern(read_text(item, "cityOfBirth")),
            birth_state=_intern(read_text(item, "stateOfBirthAbbreviation")),
            birth_country=_intern(read_text(item, "countryOfBirthCode")),
        )

    def add_enrollment(self, item: Item) -> None:
        """Add an enrollment in a class of a school.

        It says when the student was in that school.
        """
        user, school = read_reference(item, "user"), read_reference(item, "school")
        if not user or not school or is_deleted(item):
            return
        if (read_text(item, "role") or STUDENT_ROLE).casefold() != STUDENT_ROLE:
            return
        span = _Span(_intern(read_date(item, "beginDate")), _intern(read_date(item, "endDate")))
        spans = self._spans.setdefault(user, {})
        spans[intern(school)] = _join_spans(spans[school], span) if school in spans else span

    def add_guardian(self, user: Item) -> None:
        """Add a user whom students may name as their guardian."""
        key, roles = read_text(user, "sourcedId"), list_roles(user) & GUARDIAN_ROLES
        if key and roles and not is_deleted(user):
            self._guardians[key] = drop_empty({
                "guardian_first_name": read_text(user, "givenName"),
                "guardian_last_name": read_text(user, "familyName"),
                "guardian_relationship": min(roles),
            })  # fmt: skip

    def is_name_alone(self, user: Item) -> bool:
        """Return whether only a student's name could link."""
        identifiers = read_identifiers(user, self.rules)
        has_state_id = any(identifier["system"] == STATE_ID_SYSTEM for identifier in identifiers)
        return not has_state_id and not self.has_birth_date(user)

    def has_birth_date(self, user: Item) -> bool:
        """Return whether the birth date of a user is known."""
        known = self._demographics.get(read_text(user, "sourcedId") or "")
        return known is not None and known.birth_date is not None

    def make_fields(self, user: Item) -> Fields:
        """Return the canonical fields of a student."""
        fields = read_names(user)
        known = self._demographics.get(str(fields.get("local_id")))
        if known is not None:
            fields |= drop_empty(known._asdict() | {"race": list(known.race)})
        guardians = [
            self._guardians[key] for key in list_references(user, "agents") if key in self._guardians
        ]
        return fields | drop_empty({
            "identifiers": read_identifiers(user, self.rules),
            "enrollments": self._list_enrollments(user),
            "guardians": guardians,
        })  # fmt: skip

    def _list_enrollments(self, user: Item) -> list[Fields]:
        """Return the enrollments of a student, the primary school first."""
        spans = self._spans.get(read_text(user, "sourcedId") or "", {})
        schools: dict[str, _Span] = {}
        for key, role_span in (
            *_list_school_roles(user),
            *((key, _Span(None, None)) for key in sorted(spans)),
        ):
            org = self._orgs.get(key)
            if key not in schools and (org is None or org.kind in {"", _SCHOOL}):
                class_span = spans.get(key, _Span(None, None))
                schools[key] = _Span(role_span.begin or class_span.begin, role_span.end or class_span.end)
        grade = read_grade(user)
        return [
            drop_empty({
                "school_id": self._get_identifier(key),
                "district_id": self._find_district(key),
                "grade": grade,
                "entry_date": span.begin,
                "exit_date": span.end,
            })
            for key, span in schools.items()
        ]  # fmt: skip

    def _get_identifier(self, key: str) -> str:
        org = self._orgs.get(key)
        return key if org is None else org.identifier

    def _find_district(self, key: str) -> str | None:
        """Return the identifier of the district that an organization is part of."""
        org = self._orgs.get(key)
        for _ in range(_MAX_LEVELS):
            if org is None or org.parent is None:
                return None
            org = self._orgs.get(org.parent)
            if org is not None and org.kind == _DISTRICT:
                return org.identifier
        return None


def _list_school_roles(user: Item) -> Iterator[tuple[str, _Span]]:
    """Yield where a user is a student, the primary organization first."""
    roles = [
        entry
        for entry in list_items(user, "roles")
        if (read_text(entry, "role") or "").casefold() == STUDENT_ROLE
    ]
    for entry in sorted(roles, key=lambda entry: read_text(entry, "roleType") != "primary"):
        if key := read_reference(entry, "org"):
            yield key, _Span(read_date(entry, "beginDate"), read_date(entry, "endDate"))
    for key in (*list_references(user, "primaryOrg"), *list_references(user, "orgs")):
        yield key, _Span(None, None)


def _join_spans(one: _Span, other: _Span) -> _Span:
    """Return the span that covers both; open if one is."""
    begins = [span.begin for span in (one, other) if span.begin]
    is_over = one.end is not None and other.end is not None
    return _Span(min(begins, default=None), max(one.end or "", other.end or "") if is_over else None)


def _intern(text: str | None) -> str | None:
    return None if text is None else intern(text)
