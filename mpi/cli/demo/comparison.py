"""Comparison of three matching methods against the simulated truth.

Each method looks for the school records of the enrolled children in foster care, among the same records.
"""

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

from mpi.cli.demo.demo_index import SimulationTruth
from mpi.domain.features import Features
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import make_operator
from mpi.service.core.index import Index
from mpi.standardize.serialization import features_from_bytes
from training.evaluate.baseline import cluster_exact_matches, cluster_with_splink

CCWIS = "ccwis"


@dataclass(frozen=True, slots=True)
class LabeledIndex:
    """Records and persons of the demo's index, joined to the simulated truth.

    Args:
        labels: source and local ID by record number.
        features: features by record number.
        persons: the index's person by record number.
        members: record numbers by person.
        review_pairs: pairs of record numbers that wait for a steward.
        person_of: true person by record number.
        tags_of: simulation tags by record number.
    """

    labels: dict[int, RecordRef]
    features: dict[int, Features]
    persons: dict[int, int]
    members: dict[int, list[int]]
    review_pairs: list[tuple[int, int]]
    person_of: dict[int, str]
    tags_of: dict[int, frozenset[str]]


@dataclass(frozen=True, slots=True)
class EnrolledChild:
    """Child in foster care and enrolled at school, with both agencies' records."""

    person: str
    care: tuple[int, ...]
    school: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MethodResult:
    """Result of one matching method on the demo's simulated records.

    Args:
        name: the method.
        found: children whose school record the method found.
        wrong: children whose CCWIS record was linked to another child's school record.
        undecided: children not found, about whom a steward is asked the question that would find them.
        tasks: all review tasks, about children in care or not.
        seconds: time from records to persons.
    """

    name: str
    found: int
    wrong: int
    undecided: int
    tasks: int
    seconds: float


def read_labeled_index(index: Index, truth: SimulationTruth) -> LabeledIndex:
    """Read the demo's index and join it to the simulated truth."""
    with index.database.read(make_operator()) as unit:
        labels = dict(unit.records.iterate_labels())
        features = {
            record: features_from_bytes(payload)
            for record, payload in unit.derived_data.iterate_features(index.config_id(unit))
        }
        persons = unit.persons.all_current_persons()
        review_pairs = [(task.lo, task.hi) for task in unit.tasks.all()]
    members: dict[int, list[int]] = {}
    for record, person in persons.items():
        members.setdefault(person, []).append(record)
    keys = {record: (label.source, label.local_id) for record, label in labels.items()}
    return LabeledIndex(
        labels=labels,
        features=features,
        persons=persons,
        members=members,
        review_pairs=review_pairs,
        person_of={record: truth.person[name] for record, name in keys.items()},
        tags_of={record: truth.tags[name] for record, name in keys.items()},
    )


def find_children_in_care(data: LabeledIndex) -> list[EnrolledChild]:
    """List the children with a CCWIS record in care and an enrollment."""
    care: dict[str, list[int]] = {}
    school: dict[str, list[int]] = {}
    for record, person in sorted(data.person_of.items()):
        if data.labels[record].source != CCWIS:
            school.setdefault(person, []).append(record)
        elif "in_care" in data.tags_of[record]:
            care.setdefault(person, []).append(record)
    return [
        EnrolledChild(person, tuple(records), tuple(school[person]))
        for person, records in sorted(care.items())
        if any("enrolled" in data.tags_of[record] for record in school.get(person, ()))
    ]


def compare_methods(data: LabeledIndex, index_seconds: float) -> list[MethodResult]:
    """Evaluate exact match, plain Splink and the index on the demo's records."""
    children = find_children_in_care(data)
    records = sorted(data.features.items())
    index_results = [_evaluate_method("this index", data, children, data.persons, index_seconds)]
    return [
        _time_method("exact match", data, children, cluster_exact_matches, records),
        _time_method("plain Splink", data, children, cluster_with_splink, records),
        *index_results,
    ]


def _time_method(
    name: str,
    data: LabeledIndex,
    children: list[EnrolledChild],
    run: Callable[[Sequence[tuple[int, Features]]], Mapping[int, Hashable]],
    records: Sequence[tuple[int, Features]],
) -> MethodResult:
    """Run a matching method, measure its time and evaluate it."""
    started = time.perf_counter()
    clusters = run(records)
    seconds = time.perf_counter() - started
    result = _evaluate_method(name, data, children, clusters, seconds)
    return MethodResult(
        name=name, found=result.found, wrong=result.wrong, undecided=0, tasks=0, seconds=seconds
    )


def _evaluate_method(
    name: str,
    data: LabeledIndex,
    children: list[EnrolledChild],
    clusters: Mapping[int, Hashable],
    seconds: float,
) -> MethodResult:
    """Count the children whom a matching method found, confused or left undecided."""
    schools: dict[Hashable, set[str]] = {}
    for record, cluster in clusters.items():
        if data.labels[record].source != CCWIS:
            schools.setdefault(cluster, set()).add(data.person_of[record])
    partners: dict[int, set[int]] = {}
    for left, right in data.review_pairs:
        partners.setdefault(left, set()).add(right)
        partners.setdefault(right, set()).add(left)
    found_count = wrong_count = undecided_count = 0
    for child in children:
        linked_children = {person for record in child.care for person in schools.get(clusters[record], ())}
        found_count += child.person in linked_children
        wrong_count += bool(linked_children - {child.person})
        review_partners = {partner for record in child.care for partner in partners.get(record, ())}
        undecided_count += child.person not in linked_children and bool(review_partners & set(child.school))
    return MethodResult(
        name=name,
        found=found_count,
        wrong=wrong_count,
        undecided=undecided_count,
        tasks=len(data.review_pairs),
        seconds=seconds,
    )
