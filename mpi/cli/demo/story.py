"""One child's story, chosen by rule from the run itself."""

import time
from dataclasses import dataclass
from statistics import median
from typing import Any

from mpi.cli.demo.comparison import CCWIS, EnrolledChild, LabeledIndex, find_children_in_care
from mpi.domain.features import Features
from mpi.domain.viewer import make_operator
from mpi.matching.compiler.online_scorer import Contribution
from mpi.service.core.index import Index
from mpi.service.persons.search import search
from mpi.service.records.upsert import read

_TIMED_RUNS = 9


@dataclass(frozen=True, slots=True)
class AgencyRecord:
    """What one agency holds."""

    source: str
    local_id: str
    record: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ChildStory:
    """One child in care, found.

    Args:
        enterprise_id: hers.
        held: what each agency holds of her.
        milliseconds: median of a search by the agency's record, in process.
        weight: bits between the agency's record and the school's.
        why: the comparisons that carried it, heaviest first.
        exact_missed: whether exact name and birth date finds none of her school records.
        differences: what differs between the two records, by field name.
        twin: the enterprise ID, given name and weight of the twin kept apart, where she has one.
    """

    enterprise_id: str
    held: tuple[AgencyRecord, ...]
    milliseconds: float
    weight: float
    why: tuple[Contribution, ...]
    exact_missed: bool
    differences: tuple[str, ...]
    twin: tuple[str, str, float] | None


def choose_story(index: Index, known: LabeledIndex) -> ChildStory | None:
    """The story of the first child, by rank and then by number; None where nobody was found."""
    found = [child for child in find_children_in_care(known) if _find_linked_pair(known, child)]
    if not found:
        return None
    child = max(found, key=lambda child: _rank_child(index, known, child))
    return _build_story(index, known, child)


def _find_linked_pair(known: LabeledIndex, child: EnrolledChild) -> tuple[int, int] | None:
    """A CCWIS record and a school record of the child that the index joined, and nobody else's."""
    for care in child.care:
        if any(known.person_of[record] != child.person for record in known.members[known.persons[care]]):
            return None
        for school in child.school:
            if known.persons[school] == known.persons[care]:
                return care, school
    return None


def _rank_child(index: Index, known: LabeledIndex, child: EnrolledChild) -> tuple[bool, bool, int, float]:
    """A twin whose names or birth dates differ tells most, above all one whose twin is much alike."""
    agencies = {known.labels[record].source for record in (*child.care, *child.school)}
    twin = _find_twin(known, child)
    alike = 0.0
    if twin is not None:
        alike = index.matcher.scorer.weight(known.features[child.care[0]], known.features[twin])
    return twin is not None, _is_missed_by_exact_match(known, child), len(agencies), alike


def _is_missed_by_exact_match(known: LabeledIndex, child: EnrolledChild) -> bool:
    def exact(record: int) -> tuple[str | None, ...]:
        one = known.features[record]
        return one.given, one.surname, one.birth_date

    return not {exact(record) for record in child.care} & {exact(record) for record in child.school}


def _find_twin(known: LabeledIndex, child: EnrolledChild) -> int | None:
    """A record of the child's twin: born the same day to the same family, and another person."""
    if "twin" not in known.tags_of[child.care[0]]:
        return None
    mine = known.features[child.care[0]]
    for record, features in sorted(known.features.items()):
        same_family = bool(set(features.surname_forms) & set(mine.surname_forms))
        born_together = features.birth_date is not None and features.birth_date in mine.birth_dates
        if (
            known.person_of[record] != child.person
            and "twin" in known.tags_of[record]
            and same_family
            and born_together
            and bool(set(features.addresses + features.guardians) & set(mine.addresses + mine.guardians))
        ):
            return record
    return None


def _build_story(index: Index, known: LabeledIndex, child: EnrolledChild) -> ChildStory:
    met = _find_linked_pair(known, child)
    assert met is not None  # noqa: S101 - the child was chosen for it
    care, school = met
    held = tuple(
        AgencyRecord(
            label.source, label.local_id, read(index, make_operator(), label.source, label.local_id)["record"]
        )
        for record in (*child.care, *child.school)
        if known.persons[record] == known.persons[care]
        for label in (known.labels[record],)
    )
    left, right = known.features[care], known.features[school]
    parts = index.matcher.scorer.explain(left, right)
    with index.database.read(make_operator()) as unit:
        eid = unit.persons.by_ids([known.persons[care]])[known.persons[care]].eid
    return ChildStory(
        eid,
        held,
        _time_search(index, next(one for one in held if one.source == CCWIS)),
        sum(part.bits for part in parts),
        tuple(sorted(parts[1:], key=lambda part: -part.bits)),
        _is_missed_by_exact_match(known, child),
        _list_differences(left, right),
        _describe_twin(index, known, child, left),
    )


def _list_differences(left: Features, right: Features) -> tuple[str, ...]:
    named = {
        "given": "first name",
        "middle": "middle name",
        "surname": "last name",
        "birth_date": "birth date",
    }
    return tuple(
        words
        for column, words in named.items()
        if getattr(left, column) != getattr(right, column)
        and getattr(left, column)
        and getattr(right, column)
    )


def _time_search(index: Index, held: AgencyRecord) -> float:
    sent = {name: value for name, value in held.record.items() if name not in {"local_id", "as_of"}}
    taken = []
    for _ in range(_TIMED_RUNS):
        started = time.perf_counter()
        search(index, make_operator(), sent)
        taken.append((time.perf_counter() - started) * 1000)
    return median(taken)


def _describe_twin(
    index: Index, known: LabeledIndex, child: EnrolledChild, mine: Features
) -> tuple[str, str, float] | None:
    twin = _find_twin(known, child)
    if twin is None:
        return None
    with index.database.read(make_operator()) as unit:
        eid = unit.persons.by_ids([known.persons[twin]])[known.persons[twin]].eid
    label = known.labels[twin]
    record = read(index, make_operator(), label.source, label.local_id)["record"]
    weight = index.matcher.scorer.weight(mine, known.features[twin])
    return eid, str(record.get("first_name", "")), weight
