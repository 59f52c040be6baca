"""Match report: which records of a source are linked, and why not.

Only links to other agencies' records count. The rate is of *linkable* records. A record that is not expected
to have a counterpart, such as that of a child below school age, is counted apart with the reason. The figures
are exact and follow from links, so the report is for who holds the database: two of them tell what changed in
between.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date

from mpi.domain import clock
from mpi.domain.decision import Authority, DecisionKind
from mpi.domain.errors import AccessDenied, InputError
from mpi.domain.record import CanonicalRecord
from mpi.domain.source import CARE_KINDS, EDUCATION_KINDS, SourceKind
from mpi.domain.statistics.sampling import Estimate, estimate_share
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.standardize.fields.dates import to_birth_day
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import ReadUnit

_CHUNK = 1000
SCHOOL_AGES = range(5, 19)
"""Ages at which a child is expected in a school."""
_COUNTERPARTS: Mapping[str, frozenset[str]] = {
    SourceKind.CCWIS.value: frozenset({SourceKind.SIS.value, SourceKind.STATE_ID.value}),
    SourceKind.SIS.value: frozenset({SourceKind.STATE_ID.value}),
    SourceKind.STATE_ID.value: frozenset({SourceKind.SIS.value}),
}
"""Kinds of sources in which the records of a kind of source are expected."""
AUTOMATIC, REVIEWED, OPEN, UNLINKED, EXPECTED = "automatic", "reviewed", "open", "unlinked", "expected"
OUTCOMES = (AUTOMATIC, REVIEWED, OPEN, UNLINKED, EXPECTED)
SUGGESTIONS: Mapping[str, str] = {
    "waits for review": "A steward will answer the question.",
    "no birth date": "Send the birth date.",
    "no name": "Send first and last name.",
    "nobody like it": "Check name and birth date; the child may go to school elsewhere.",
}
"""What helps, by the reason for which a linkable record is not linked."""
UNMATCHED_HEADER = ("local_id", "reason", "suggestion")
FIELDS = ("local_id", "matches")


@dataclass(frozen=True, slots=True)
class MatchGroup:
    """Outcomes of one group of records.

    Args:
        kind: ``all``, ``age``, ``county``, ``district``, ``placement`` or ``population``.
        group: the group; empty for records that name none.
        counts: records by outcome.
        linkable: records that are expected to be linked: the denominator of the rate.
        rate: share of linkable records that are linked; None of none.
    """

    kind: str
    group: str
    counts: Mapping[str, int]
    linkable: int
    rate: Estimate | None


@dataclass(frozen=True, slots=True)
class UnmatchedRecord:
    """A linkable record without a link."""

    local_id: str
    reason: str
    suggestion: str


@dataclass(frozen=True, slots=True)
class MatchReport:
    """Match report of one source.

    Args:
        source: code of the source.
        counterparts: codes of the sources in which its records are expected.
        groups: all records first, then each kind of group, largest first.
        reasons: linkable records without a link, by reason.
        expected: records that are not expected to be linked, by reason.
        repeated: records of the source that share a person with an earlier one of the source.
        duplicates: persons with several records of the source, by number of their records.
        joined: of these, persons with a record that a steward joined.
        unmatched: the linkable records without a link.
    """

    source: str
    counterparts: tuple[str, ...]
    groups: tuple[MatchGroup, ...]
    reasons: Mapping[str, int]
    expected: Mapping[str, int]
    repeated: int
    duplicates: Mapping[int, int]
    joined: int
    unmatched: tuple[UnmatchedRecord, ...]


@dataclass(slots=True)
class _Tally:
    """Counts of a match report while records are read."""

    today: date
    expects_school: bool
    outcomes: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    expected: Counter[str] = field(default_factory=Counter)
    unmatched: list[tuple[int, str]] = field(default_factory=list)

    def add(self, record_id: int, record: CanonicalRecord, outcome: str) -> None:
        """Add a record with its outcome: linked, open or unlinked."""
        if outcome in (OPEN, UNLINKED):
            reason = _find_expectation(record, self.today, expects_school=self.expects_school)
            if reason is not None:
                outcome = EXPECTED
                self.expected[reason] += 1
            else:
                reason = "waits for review" if outcome == OPEN else _find_reason(record)
                self.reasons[reason] += 1
                self.unmatched.append((record_id, reason))
        for kind, groups in _list_groups(record, self.today):
            for group in groups:
                self.outcomes[kind, group, outcome] += 1


def report_matches(
    index: Index, viewer: Viewer, source_code: str, counterpart_codes: Collection[str] | None = None
) -> MatchReport:
    """Return exactly which records of a source are linked now.

    Args:
        index: the open index.
        viewer: who holds the database.
        source_code: the source.
        counterpart_codes: sources in which its records are expected; None for those of the kinds that usually
            hold them.

    Raises:
        NotFoundError: there is no such source, or counterpart.
        InputError: no source of the index holds counterparts of its records.
        AccessDenied: the viewer does not hold the database.
    """
    require_permission(viewer, Action.REPORT, source_code)
    if viewer.rights is not None or viewer.sources is not None:
        raise AccessDenied("exact figures about links are for who holds the database")
    with index.database.read(viewer) as unit:
        source = unit.sources.get_by_code(source_code)
        counterparts = (
            _find_counterparts(unit, source)
            if counterpart_codes is None
            else [unit.sources.get_by_code(code) for code in sorted(counterpart_codes)]
        )
        own_ids = unit.records.ids_of_source(source.id, [RecordState.ACTIVE])
        find_outcome = _make_outcome_finder(unit, counterparts, own_ids)
        expects_school = source.kind in CARE_KINDS and any(
            each.kind in EDUCATION_KINDS for each in counterparts
        )
        tally = _Tally(date.fromisoformat(clock.today()), expects_school or counterpart_codes is None)
        for start in range(0, len(own_ids), _CHUNK):
            versions = unit.record_versions.active_versions(own_ids[start : start + _CHUNK])
            for record_id, version in versions.items():
                tally.add(record_id, record_from_bytes(version.payload), find_outcome(record_id))
        labels = unit.records.labels([record_id for record_id, _ in tally.unmatched])
        persons = unit.persons.current_persons(own_ids)
        joined = _list_joined(unit)
    sizes = Counter(persons.values())
    disclose(index, viewer, Action.REPORT, [record_id for record_id, _ in tally.unmatched], FIELDS)
    return MatchReport(
        source=source_code,
        counterparts=tuple(each.code for each in counterparts),
        groups=tuple(_build_groups(tally.outcomes)),
        reasons=dict(tally.reasons.most_common()),
        expected=dict(tally.expected.most_common()),
        repeated=len(persons) - len(sizes),
        duplicates=dict(sorted(Counter(size for size in sizes.values() if size > 1).items())),
        joined=len({person for record, person in persons.items() if sizes[person] > 1 and record in joined}),
        unmatched=tuple(
            UnmatchedRecord(labels[record_id].local_id, reason, SUGGESTIONS[reason])
            for record_id, reason in tally.unmatched
        ),
    )


def _find_counterparts(unit: ReadUnit, source: Source) -> list[Source]:
    """Return the sources in which the records of a source are expected."""
    kinds = _COUNTERPARTS.get(source.kind, frozenset())
    counterparts = [each for each in unit.sources.all() if each.kind in kinds and each.id != source.id]
    if not counterparts:
        raise InputError(f"no source holds counterparts of {source.code!r}, which is of kind {source.kind}")
    return counterparts


def _make_outcome_finder(
    unit: ReadUnit, counterparts: Collection[Source], own_ids: Collection[int]
) -> Callable[[int], str]:
    """Return a function that tells whether and by whom records are linked."""
    persons = unit.persons.all_current_persons()
    linked_persons = {
        persons[record_id]
        for source in counterparts
        for record_id in unit.records.ids_of_source(source.id, [RecordState.ACTIVE])
        if record_id in persons
    }
    own = set(own_ids)
    asked = {
        record_id
        for _, low, high in unit.figures.list_open_tasks(clock.today())
        for record_id in (low, high)
        if record_id in own
    }
    joined = _list_joined(unit)

    def find_outcome(record_id: int) -> str:
        if persons.get(record_id) in linked_persons:
            return REVIEWED if record_id in joined else AUTOMATIC
        return OPEN if record_id in asked else UNLINKED

    return find_outcome


def _list_joined(unit: ReadUnit) -> set[int]:
    """Return the records that decisions of stewards in force join."""
    return {
        record_id
        for named in unit.decisions_in_force.all_in_force()
        if named.decision.kind is DecisionKind.SAME and named.decision.authority is Authority.STEWARD
        for record_id in named.record_ids
    }


def _find_age(record: CanonicalRecord, today: date) -> int | None:
    """Return a child's age in whole years; None without a birth date."""
    day = to_birth_day(record.birth_date)
    if day is None:
        return None
    born = date.fromisoformat(day)
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def _find_expectation(record: CanonicalRecord, today: date, *, expects_school: bool) -> str | None:
    """Return why a record is not expected to be linked, or None."""
    if record.death_date:
        return "died"
    if not expects_school:
        return None
    age = _find_age(record, today)
    if age is None or age in SCHOOL_AGES:
        return None
    return "below school age" if age < SCHOOL_AGES.start else "above school age"


def _find_reason(record: CanonicalRecord) -> str:
    """Return why a linkable record is not linked."""
    if to_birth_day(record.birth_date) is None:
        return "no birth date"
    return "nobody like it" if record.first_name and record.last_name else "no name"


def _list_groups(record: CanonicalRecord, today: date) -> list[tuple[str, set[str]]]:
    """Return the groups of a record by kind.

    A record is in one group of each kind, but may be in several populations.
    """
    age = _find_age(record, today)
    counties = [*(each.county for each in record.addresses), *(each.county for each in record.placements)]
    county = next(filter(None, counties), "")
    district = next((each.district_id for each in record.enrollments if each.district_id), "")
    placement = next((each.type for each in reversed(record.placements) if each.type), "")
    return [
        ("all", {""}),
        ("age", {"" if age is None else f"{age}"}),
        ("county", {county}),
        ("district", {district}),
        ("placement", {placement}),
        ("population", {flag.population for flag in record.flags}),
    ]


def _build_groups(outcomes: Mapping[tuple[str, str, str], int]) -> list[MatchGroup]:
    """Return the groups that have records, each kind by size.

    Kinds that name no group are left out.
    """
    counts: dict[tuple[str, str], dict[str, int]] = {}
    for (kind, group, outcome), count in outcomes.items():
        counts.setdefault((kind, group), dict.fromkeys(OUTCOMES, 0))[outcome] += count
    named = {kind for kind, group in counts if group} | {"all"}
    ordered = sorted(
        counts.items(),
        key=lambda item: (item[0][0] != "all", item[0][0], -sum(item[1].values()), item[0]),
    )
    return [_build_group(kind, group, each) for (kind, group), each in ordered if kind in named]


def _build_group(kind: str, group: str, counts: Mapping[str, int]) -> MatchGroup:
    linkable = sum(counts.values()) - counts[EXPECTED]
    linked = counts[AUTOMATIC] + counts[REVIEWED]
    return MatchGroup(kind, group, counts, linkable, estimate_share(linked, linkable) if linkable else None)
