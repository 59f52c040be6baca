"""Three ways to find the enrolled children in care, on the same records, against the truth."""

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

from mpi.cli.demo.world import SimulationTruth
from mpi.domain.features import Features
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import make_operator
from mpi.service.core.index import Index
from mpi.standardize.payload import features_from_bytes
from training.evaluate.baseline import cluster_exact_matches, cluster_with_splink

CCWIS = "ccwis"


@dataclass(frozen=True, slots=True)
class LabeledIndex:
    """Everything in the index, joined to the truth.

    Args:
        labels: by record.
        features: by record.
        persons: by record, the index's own answer.
        members: by person, its records.
        doubted: pairs of records that wait for a steward.
        person_of: by record, the truth.
        tags_of: by record, the truth's tags.
    """

    labels: dict[int, RecordRef]
    features: dict[int, Features]
    persons: dict[int, int]
    members: dict[int, list[int]]
    doubted: list[tuple[int, int]]
    person_of: dict[int, str]
    tags_of: dict[int, frozenset[str]]


@dataclass(frozen=True, slots=True)
class EnrolledChild:
    """An enrolled child in care: its current CCWIS records and its school records."""

    person: str
    care: tuple[int, ...]
    school: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MethodResult:
    """How one way of matching did.

    Args:
        name: of the way.
        found: children whose school record it found.
        wrong: children whose CCWIS record it joined to another child's school record.
        undecided: children not found, for whom a steward is asked the right question.
        tasks: everything that it leaves for stewards, children or not.
        seconds: from records to persons.
    """

    name: str
    found: int
    wrong: int
    undecided: int
    tasks: int
    seconds: float


def read_labeled_index(index: Index, truth: SimulationTruth) -> LabeledIndex:
    """Read the index and join it to the truth."""
    with index.database.read(make_operator()) as unit:
        labels = dict(unit.records.iterate_labels())
        features = {
            record: features_from_bytes(payload)
            for record, payload in unit.derived_data.iterate_features(index.config_id(unit))
        }
        persons = unit.persons.all_current_persons()
        doubted = [(task.lo, task.hi) for task in unit.tasks.all()]
    members: dict[int, list[int]] = {}
    for record, person in persons.items():
        members.setdefault(person, []).append(record)
    named = {record: (label.source, label.local_id) for record, label in labels.items()}
    return LabeledIndex(
        labels,
        features,
        persons,
        members,
        doubted,
        {record: truth.person[name] for record, name in named.items()},
        {record: truth.tags[name] for record, name in named.items()},
    )


def find_children_in_care(known: LabeledIndex) -> list[EnrolledChild]:
    """Children with a CCWIS record in care and a current enrolment, by simulated person."""
    care: dict[str, list[int]] = {}
    school: dict[str, list[int]] = {}
    for record, person in sorted(known.person_of.items()):
        if known.labels[record].source != CCWIS:
            school.setdefault(person, []).append(record)
        elif "in_care" in known.tags_of[record]:
            care.setdefault(person, []).append(record)
    return [
        EnrolledChild(person, tuple(records), tuple(school[person]))
        for person, records in sorted(care.items())
        if any("enrolled" in known.tags_of[record] for record in school.get(person, ()))
    ]


def compare_methods(known: LabeledIndex, index_seconds: float) -> list[MethodResult]:
    """Exact match, plain Splink and this index, side by side."""
    children = find_children_in_care(known)
    records = sorted(known.features.items())
    asked = [_evaluate_method("this index", known, children, known.persons, index_seconds)]
    return [
        _time_method("exact match", known, children, cluster_exact_matches, records),
        _time_method("plain Splink", known, children, cluster_with_splink, records),
        *asked,
    ]


def _time_method(
    name: str,
    known: LabeledIndex,
    children: list[EnrolledChild],
    run: Callable[[Sequence[tuple[int, Features]]], Mapping[int, Hashable]],
    records: Sequence[tuple[int, Features]],
) -> MethodResult:
    started = time.perf_counter()
    clusters = run(records)
    seconds = time.perf_counter() - started
    way = _evaluate_method(name, known, children, clusters, seconds)
    return MethodResult(name, way.found, way.wrong, 0, 0, seconds)


def _evaluate_method(
    name: str,
    known: LabeledIndex,
    children: list[EnrolledChild],
    clusters: Mapping[int, Hashable],
    seconds: float,
) -> MethodResult:
    schools: dict[Hashable, set[str]] = {}
    for record, cluster in clusters.items():
        if known.labels[record].source != CCWIS:
            schools.setdefault(cluster, set()).add(known.person_of[record])
    doubts: dict[int, set[int]] = {}
    for left, right in known.doubted:
        doubts.setdefault(left, set()).add(right)
        doubts.setdefault(right, set()).add(left)
    found = wrong = undecided = 0
    for child in children:
        met = {person for record in child.care for person in schools.get(clusters[record], ())}
        found += child.person in met
        wrong += bool(met - {child.person})
        asked = {other for record in child.care for other in doubts.get(record, ())}
        undecided += child.person not in met and bool(asked & set(child.school))
    return MethodResult(name, found, wrong, undecided, len(known.doubted), seconds)
