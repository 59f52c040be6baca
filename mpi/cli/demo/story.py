"""Choice and contents of the demo's story about one child."""

import time
from dataclasses import dataclass
from statistics import median
from typing import Any

from mpi.cli.demo.comparison import CCWIS, EnrolledChild, LabeledIndex, find_children_in_care
from mpi.domain.features import Features
from mpi.domain.viewer import make_operator
from mpi.matching.compiler.online_scorer import WeightContribution
from mpi.service.core.index import Index
from mpi.service.persons.search import search_persons
from mpi.service.records.record_reader import read

_TIMED_RUNS = 9


@dataclass(frozen=True, slots=True)
class AgencyRecord:
    """Record that one agency holds about the demo's example child."""

    source: str
    local_id: str
    record: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ChildStory:
    """Demo's example: a child in care whose school record was found.

    Args:
        enterprise_id: the child's enterprise ID.
        held: the agencies' records about the child.
        milliseconds: median time of a search by the agency's record, in process.
        weight: match weight of the agency's and the school's record, in bits.
        why: comparisons behind the weight, strongest first.
        exact_missed: whether exact name and birth date finds no school record of the child.
        differences: names of the fields that differ between the two records.
        twin: enterprise ID, first name and match weight of the child's twin, if there is one.
    """

    enterprise_id: str
    held: tuple[AgencyRecord, ...]
    milliseconds: float
    weight: float
    why: tuple[WeightContribution, ...]
    exact_missed: bool
    differences: tuple[str, ...]
    twin: tuple[str, str, float] | None


def choose_story(index: Index, data: LabeledIndex) -> ChildStory | None:
    """Choose the example child among the linked; None if there is none."""
    linked_children = {
        child: pair
        for child in find_children_in_care(data)
        if (pair := _find_linked_pair(data, child)) is not None
    }
    if not linked_children:
        return None
    child = max(linked_children, key=lambda child: _rank_child(index, data, child))
    return _build_story(index, data, child, linked_children[child])


def _find_linked_pair(data: LabeledIndex, child: EnrolledChild) -> tuple[int, int] | None:
    """Return a linked child-welfare (CCWIS) and school record of the child.

    None if the index linked none, or linked a record of somebody else too.
    """
    for care in child.care:
        if any(data.person_of[record] != child.person for record in data.members[data.persons[care]]):
            return None
        for school in child.school:
            if data.persons[school] == data.persons[care]:
                return care, school
    return None


def _rank_child(index: Index, data: LabeledIndex, child: EnrolledChild) -> tuple[bool, bool, int, float]:
    """Return the sort key by which the demo's example child is chosen.

    A twin whose names or birth dates differ tells most, above all one whose twin has similar records.
    """
    agencies = {data.labels[record].source for record in (*child.care, *child.school)}
    twin = _find_twin(data, child)
    twin_weight = 0.0
    if twin is not None:
        twin_weight = index.matcher.scorer.weigh(data.features[child.care[0]], data.features[twin])
    return twin is not None, _is_missed_by_exact_match(data, child), len(agencies), twin_weight


def _is_missed_by_exact_match(data: LabeledIndex, child: EnrolledChild) -> bool:
    """Return whether exact match links none of the child's school records."""

    def exact_key(record: int) -> tuple[str | None, ...]:
        features = data.features[record]
        return features.given, features.surname, features.birth_date

    return not {exact_key(record) for record in child.care} & {exact_key(record) for record in child.school}


def _find_twin(data: LabeledIndex, child: EnrolledChild) -> int | None:
    """Return a record of the child's simulated twin; None without one.

    A twin is another person, born the same day to the same family.
    """
    if "twin" not in data.tags_of[child.care[0]]:
        return None
    own_features = data.features[child.care[0]]
    for record, features in sorted(data.features.items()):
        same_family = bool(set(features.surname_forms) & set(own_features.surname_forms))
        born_together = features.birth_date is not None and features.birth_date in own_features.birth_dates
        if (
            data.person_of[record] != child.person
            and "twin" in data.tags_of[record]
            and same_family
            and born_together
            and bool(
                set(features.addresses + features.guardians)
                & set(own_features.addresses + own_features.guardians)
            )
        ):
            return record
    return None


def _build_story(
    index: Index, data: LabeledIndex, child: EnrolledChild, linked_pair: tuple[int, int]
) -> ChildStory:
    """Collect the records, links and exact-match result of the example child."""
    care, school = linked_pair
    agency_records = tuple(
        AgencyRecord(
            label.source, label.local_id, read(index, make_operator(), label.source, label.local_id)["record"]
        )
        for record in (*child.care, *child.school)
        if data.persons[record] == data.persons[care]
        for label in (data.labels[record],)
    )
    left, right = data.features[care], data.features[school]
    parts = index.matcher.scorer.explain(left, right)
    with index.database.read(make_operator()) as unit:
        eid = unit.persons.by_ids([data.persons[care]])[data.persons[care]].eid
    return ChildStory(
        enterprise_id=eid,
        held=agency_records,
        milliseconds=_time_search(
            index, next(agency_record for agency_record in agency_records if agency_record.source == CCWIS)
        ),
        weight=sum(part.bits for part in parts),
        why=tuple(sorted(parts[1:], key=lambda part: -part.bits)),
        exact_missed=_is_missed_by_exact_match(data, child),
        differences=_list_differences(left, right),
        twin=_describe_twin(index, data, child, left),
    )


def _list_differences(left: Features, right: Features) -> tuple[str, ...]:
    """Name the identifying fields that differ between two records."""
    names = {
        "given": "first name",
        "middle": "middle name",
        "surname": "last name",
        "birth_date": "birth date",
    }
    return tuple(
        words
        for column, words in names.items()
        if getattr(left, column) != getattr(right, column)
        and getattr(left, column)
        and getattr(right, column)
    )


def _time_search(index: Index, agency_record: AgencyRecord) -> float:
    """Return the median time of searching by an agency's record, in milliseconds."""
    search_values = {
        name: value for name, value in agency_record.record.items() if name not in {"local_id", "as_of"}
    }
    milliseconds = []
    for _ in range(_TIMED_RUNS):
        started = time.perf_counter()
        search_persons(index, make_operator(), search_values)
        milliseconds.append((time.perf_counter() - started) * 1000)
    return median(milliseconds)


def _describe_twin(
    index: Index, data: LabeledIndex, child: EnrolledChild, own_features: Features
) -> tuple[str, str, float] | None:
    """Return enterprise ID, first name and match weight of the child's twin."""
    twin = _find_twin(data, child)
    if twin is None:
        return None
    with index.database.read(make_operator()) as unit:
        eid = unit.persons.by_ids([data.persons[twin]])[data.persons[twin]].eid
    label = data.labels[twin]
    record = read(index, make_operator(), label.source, label.local_id)["record"]
    weight = index.matcher.scorer.weigh(own_features, data.features[twin])
    return eid, str(record.get("first_name", "")), weight
