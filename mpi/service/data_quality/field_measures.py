"""Measures of the fields of a source's records: completeness, validity, spikes.

Pure functions over canonical records. A value that stands for no value counts as missing.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from mpi.domain.record import CanonicalRecord

MISSING_KINDS = frozenset({"placeholder-name", "placeholder-value", "sentinel-date"})
"""Issues of values that stand for no value."""
SMALLEST_SPIKE = 20
"""Fewest records with one value that make a spike."""
_SPIKE_SHARE = 0.01
"""Share of the values of a field above which one value is a spike."""
_MAX_SPIKES = 5
NO_GROUP = ""
"""Group of records that name no county or district."""

ValueReader = Callable[[CanonicalRecord], str | None]


def _first(record: CanonicalRecord, list_name: str, column: str) -> str | None:
    """Return a column's first value among the entries of a list."""
    return next((value for item in getattr(record, list_name) if (value := getattr(item, column))), None)


def _read_field(name: str) -> ValueReader:
    return lambda record: getattr(record, name)


def _read_column(list_name: str, column: str) -> ValueReader:
    return lambda record: _first(record, list_name, column)


FIELDS: Mapping[str, ValueReader] = MappingProxyType({
    **{
        name: _read_field(name)
        for name in (
            "first_name", "middle_name", "last_name", "birth_date", "sex", "phone", "email", "ethnicity",
        )
    },
    "ssn": lambda record: record.ssn_token or record.ssn_last4_token,
    "identifiers": _read_column("identifiers", "value"),
    "addresses": _read_column("addresses", "address_line1"),
    "postal_code": _read_column("addresses", "postal_code"),
    "guardians": _read_column("guardians", "guardian_last_name"),
    "race": lambda record: record.race[0] if record.race else None,
    "enrollments": _read_column("enrollments", "school_id"),
    "grade": _read_column("enrollments", "grade"),
    "placements": _read_column("placements", "type"),
})  # fmt: skip
"""Fields that are measured, each with the function that reads its first value."""
_SPIKE_FIELDS = ("birth_date", "phone", "email", "ssn", "identifiers", "addresses", "first_name", "last_name")
"""Fields in which few children share a value."""
_KEY_FIELDS = ("first_name", "last_name", "birth_date", "sex", "addresses")
"""Fields by which a record is matched; a record that has them all is complete."""
_ISSUE_FIELDS = MappingProxyType({"ssn_last4": "ssn", "postal_code": "postal_code"})


@dataclass(slots=True)
class FieldCount:
    """Counts of one field.

    Args:
        present: records with a value that is meant as one.
        invalid: of these, records whose value has an issue.
        missing_kinds: records whose value stands for no value.
    """

    present: int = 0
    invalid: int = 0
    missing_kinds: int = 0


@dataclass(frozen=True, slots=True)
class Spike:
    """A value that many records share, such as a system's default.

    Args:
        field: the field.
        value: the value as sent; None where it must not be shown.
        records: records that have it.
        of: records with a value of the field.
    """

    field: str
    value: str | None
    records: int
    of: int


@dataclass(slots=True)
class GroupCount:
    """Counts of the records of one county or district.

    Args:
        records: records of the group.
        complete: records with every field by which records are matched.
        with_issue: records with an issue.
    """

    records: int = 0
    complete: int = 0
    with_issue: int = 0


@dataclass(slots=True)
class FieldMeasures:
    """Counts over records of one source, added one record at a time.

    Args:
        records: records that were added.
        fields: counts by field.
        with_issue: records with an issue.
        complete: records with every field by which records are matched.
        groups: counts by kind of group (``county``, ``district``) and group.
    """

    records: int = 0
    with_issue: int = 0
    complete: int = 0
    fields: dict[str, FieldCount] = field(default_factory=lambda: {name: FieldCount() for name in FIELDS})
    groups: dict[str, dict[str, GroupCount]] = field(default_factory=lambda: {"county": {}, "district": {}})
    _values: dict[str, Counter[str]] = field(
        default_factory=lambda: {name: Counter() for name in _SPIKE_FIELDS}
    )
    _identities: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def add(self, record: CanonicalRecord, issues: Collection[tuple[str, str]]) -> None:
        """Add one record with the fields and kinds of its issues."""
        self.records += 1
        self.with_issue += bool(issues)
        kinds: dict[str, set[str]] = {}
        for name, kind in issues:
            kinds.setdefault(_ISSUE_FIELDS.get(name, name), set()).add(kind)
        present = {name for name, reader in FIELDS.items() if self._add_field(name, reader(record), kinds)}
        is_complete = present.issuperset(_KEY_FIELDS)
        self.complete += is_complete
        for kind, name in (("county", _find_county(record)), ("district", _find_district(record))):
            group = self.groups[kind].setdefault(name, GroupCount())
            group.records += 1
            group.complete += is_complete
            group.with_issue += bool(issues)
        if record.first_name and record.last_name and record.birth_date:
            identity = (record.first_name.casefold(), record.last_name.casefold(), record.birth_date)
            self._identities[identity] += 1

    def _add_field(self, name: str, value: str | None, kinds: Mapping[str, set[str]]) -> bool:
        """Add a field of a record; return whether it has a value."""
        count, own_kinds = self.fields[name], kinds.get(name, set())
        if own_kinds & MISSING_KINDS:
            count.missing_kinds += 1
            return False
        if value is None and not own_kinds:
            return False
        count.present += 1
        count.invalid += bool(own_kinds)
        if value is not None and name in self._values:
            self._values[name][value.strip().casefold()] += 1
        return True

    def count_repeated(self) -> int:
        """Count records whose name and birth date an earlier record has too."""
        return sum(count - 1 for count in self._identities.values())

    def find_spikes(self, *, shows_values: bool) -> list[Spike]:
        """Return values that far too many records share, largest share first."""
        spikes = [
            Spike(name, value if shows_values and name != "ssn" else None, count, values.total())
            for name, values in self._values.items()
            for value, count in values.most_common(_MAX_SPIKES)
            if count >= SMALLEST_SPIKE and count >= _find_spike_share(name) * values.total()
        ]
        return sorted(spikes, key=lambda spike: (-spike.records / spike.of, spike.field))


def _find_spike_share(name: str) -> float:
    """Return the share above which one value is a spike.

    It is larger for names, since many people share one.
    """
    return 5 * _SPIKE_SHARE if name in ("first_name", "last_name") else _SPIKE_SHARE


def _find_county(record: CanonicalRecord) -> str:
    """Return the first county of a record's addresses, or else its placements."""
    return _first(record, "addresses", "county") or _first(record, "placements", "county") or NO_GROUP


def _find_district(record: CanonicalRecord) -> str:
    """Return the district of a record's first enrollment that has one."""
    return _first(record, "enrollments", "district_id") or NO_GROUP


def iterate_event_dates(record: CanonicalRecord) -> Iterator[tuple[str, str]]:
    """Yield the kind of each dated event, and its date as sent."""
    for enrollment in record.enrollments:
        for kind, date in (("school entry", enrollment.entry_date), ("school exit", enrollment.exit_date)):
            if date:
                yield kind, date
    for placement in record.placements:
        for kind, date in (("placement begin", placement.begin), ("placement end", placement.end)):
            if date:
                yield kind, date
