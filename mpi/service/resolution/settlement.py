"""Settlement of connected records: their clusters, each with its enterprise ID.

``settle`` only reads, and ``publication.publish`` writes the result in the same transaction. One record
online and a whole re-cluster use the same two functions.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from mpi.clustering.assignment import AssignmentPlan, Holder, HolderStatus, SurvivorKey, assign_persons
from mpi.domain.weight import Thresholds
from mpi.matching.compiler.online_scorer import OnlineScorer
from mpi.service.resolution.closure import Closure
from mpi.service.resolution.closure_partition import partition_closure
from mpi.service.resolution.enrollment import has_open_enrollment
from mpi.service.resolution.id_choice import NO_ID_CHOICE, IdChoice, prefer_earlier_ids
from mpi.service.resolution.review_tasks import derive_tasks
from mpi.service.resolution.task_facts import FeatureLoader, PairScoring
from mpi.service.resolution.task_groups import group_tasks
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.repositories.persons.persons import Person, PersonStatus
from mpi.storage.repositories.review.tasks import Task
from mpi.storage.unit_of_work.units import ReadUnit


@dataclass(frozen=True, slots=True)
class ClusterAssignment:
    """One cluster of records and the person that gets them.

    Args:
        records: record numbers, by canonical key.
        person: number of the person; None where an enterprise ID is to be minted.
        revived: whether a retired ID lives again.
    """

    records: tuple[int, ...]
    person: int | None
    revived: bool


@dataclass(frozen=True, slots=True)
class Settlement:
    """Plan of which person gets which records, compared with published persons.

    Args:
        assignments: every settled cluster with its person.
        persons_before: person by record number before the settlement, for records that had one.
        retired: persons left without records although their records are still active.
        emptied: persons whose every record is withdrawn.
        reactivated: empty or retired persons that would hold records again.
        tasks: review tasks of the settled records and of the questions connected with them.
        records: every settled record.
        tasks_before: the stored tasks that ``tasks`` replaces.
    """

    assignments: tuple[ClusterAssignment, ...]
    persons_before: Mapping[int, int]
    retired: tuple[int, ...]
    emptied: tuple[int, ...]
    reactivated: tuple[int, ...]
    tasks: tuple[Task, ...]
    records: frozenset[int]
    tasks_before: tuple[Task, ...] = ()

    @property
    def affected_records(self) -> set[int]:
        """Records of the plan and every record of its review tasks.

        Tasks before and after the plan both count.
        """
        return {end for task in (*self.tasks, *self.tasks_before) for end in task.ends} | self.records


EMPTY_SETTLEMENT = Settlement(
    assignments=(), persons_before={}, retired=(), emptied=(), reactivated=(), tasks=(), records=frozenset()
)


def settle(
    unit: ReadUnit,
    closure: Closure,
    load_features: FeatureLoader,
    scorer: OnlineScorer,
    thresholds: Thresholds,
    today: str,
    id_choice: IdChoice = NO_ID_CHOICE,
) -> Settlement:
    """Partition connected records and assign an enterprise ID to each cluster.

    Args:
        unit: the transaction to read persons in.
        closure: complete components.
        load_features: loads the features of active records by number.
        scorer: scores pairs that blocking did not bring together.
        thresholds: link and review thresholds.
        today: the plan's date, ``YYYY-MM-DD``, on which the survivor rule looks for open enrollments.
        id_choice: preferences about enterprise IDs.
    """
    numbers_by_key = {key: number for number, key in closure.keys.items()}
    partitions = partition_closure(closure, load_features, scorer, thresholds)
    current_persons = (
        closure.current_persons
        if closure.is_whole_index
        else unit.persons.current_persons(closure.record_ids)
    )
    clusters = [cluster for partition in partitions for cluster in partition.clusters]
    unchanged_clusters = (
        _find_unchanged_clusters(clusters, numbers_by_key, current_persons) if closure.is_whole_index else {}
    )
    changed_clusters = [cluster for cluster in clusters if cluster not in unchanged_clusters]
    unchanged_records = {numbers_by_key[key] for cluster in unchanged_clusters for key in cluster}
    persons = unit.persons.by_ids(unit.persons.persons_ever_holding(closure.record_ids - unchanged_records))
    all_holders = _drop_unrevivable_holders(
        _load_holders(unit, closure, persons), unchanged_records, numbers_by_key
    )
    id_choice = prefer_earlier_ids(unit, id_choice, all_holders, numbers_by_key)
    holders = [id_choice.restrict_holder(holder, closure.keys) for holder in all_holders]
    survivor_keys = id_choice.rank_survivors(
        _load_survivor_keys(unit, changed_clusters, holders, numbers_by_key, today)
    )
    plan = assign_persons(changed_clusters, holders, survivor_keys)
    task_replacement = group_tasks(
        unit,
        closure,
        partitions,
        derive_tasks(unit, closure, partitions, PairScoring(load_features, scorer, thresholds)),
    )
    return Settlement(
        assignments=_list_cluster_assignments(plan, unchanged_clusters, numbers_by_key),
        persons_before=current_persons,
        retired=plan.retired,
        emptied=_find_emptied_persons(unit, closure, current_persons),
        reactivated=_find_reactivated_persons(plan, persons),
        tasks=task_replacement.after,
        records=closure.record_ids,
        tasks_before=task_replacement.before,
    )


def _drop_unrevivable_holders(
    holders: Iterable[Holder], unchanged_records: Collection[int], numbers_by_key: Mapping[int, int]
) -> list[Holder]:
    """Return the holders of IDs without those that cannot be revived.

    A retired ID cannot be revived while an unchanged person holds some of its last records.
    """
    return [
        holder
        for holder in holders
        if not (
            holder.status is HolderStatus.RETIRED and _holds_any(holder, unchanged_records, numbers_by_key)
        )
    ]


def _list_cluster_assignments(
    plan: AssignmentPlan, unchanged_clusters: Mapping[tuple[int, ...], int], numbers_by_key: Mapping[int, int]
) -> tuple[ClusterAssignment, ...]:
    """Return each cluster's records and person, sorted by cluster."""
    person_by_cluster = {
        assignment.cluster: (assignment.person, assignment.is_revived) for assignment in plan.assignments
    }
    person_by_cluster.update({cluster: (person, False) for cluster, person in unchanged_clusters.items()})
    return tuple(
        ClusterAssignment(tuple(numbers_by_key[key] for key in cluster), *person_by_cluster[cluster])
        for cluster in sorted(person_by_cluster)
    )


def _find_unchanged_clusters(
    clusters: Collection[tuple[int, ...]],
    numbers_by_key: Mapping[int, int],
    current_persons: Mapping[int, int],
) -> dict[tuple[int, ...], int]:
    """Return clusters that equal a person's current records, with that person.

    Such a person keeps its ID under every rule: it claims no other cluster, and no other active person holds
    any of the records.
    """
    sizes = Counter(current_persons.values())
    unchanged_clusters = {}
    for cluster in clusters:
        person = current_persons.get(numbers_by_key[cluster[0]])
        if (
            person is not None
            and sizes[person] == len(cluster)
            and all(current_persons.get(numbers_by_key[key]) == person for key in cluster)
        ):
            unchanged_clusters[cluster] = person
    return unchanged_clusters


def _holds_any(holder: Holder, records: Collection[int], numbers_by_key: Mapping[int, int]) -> bool:
    """Return whether a person holds any of the given records."""
    return any(numbers_by_key.get(key) in records for key in holder.records)


def _load_holders(unit: ReadUnit, closure: Closure, persons: Mapping[int, Person]) -> list[Holder]:
    """Load persons, with records, that may keep or regain their enterprise ID."""
    standings = {
        PersonStatus.ACTIVE: HolderStatus.ACTIVE,
        PersonStatus.EMPTY: HolderStatus.EMPTY,
        PersonStatus.RETIRED: HolderStatus.RETIRED,
    }
    records_by_person = unit.persons.last_held_records(persons.values())
    outside_ids = {
        record for records in records_by_person.values() for record in records
    } - closure.record_ids
    active_outside = set(unit.records.canonical_keys(outside_ids))
    return [
        Holder(
            number,
            standings[PersonStatus(person.status)],
            frozenset(_list_active_keys(records_by_person[number], closure)),
        )
        for number, person in sorted(persons.items())
        if person.status in standings
        # A retired ID is revived only with all its records; some of these are active elsewhere.
        and not (person.status == PersonStatus.RETIRED and records_by_person[number] & active_outside)
    ]


def _list_active_keys(records: Collection[int], closure: Closure) -> Iterator[int]:
    """Yield the canonical keys of those records that are active."""
    return (closure.keys[record] for record in records if record in closure.keys)


def _load_survivor_keys(
    unit: ReadUnit,
    clusters: list[tuple[int, ...]],
    holders: list[Holder],
    numbers_by_key: Mapping[int, int],
    today: str,
) -> dict[int, SurvivorKey]:
    """Load rank keys of persons that contest the same cluster of records."""
    claims: dict[int, list[Holder]] = {}
    cluster_by_key = {key: position for position, cluster in enumerate(clusters) for key in cluster}
    for holder in holders:
        if holder.status is not HolderStatus.RETIRED:
            for cluster in sorted({cluster_by_key[key] for key in holder.records if key in cluster_by_key}):
                claims.setdefault(cluster, []).append(holder)
    rivals = {holder for claimants in claims.values() if len(claimants) > 1 for holder in claimants}
    records = {numbers_by_key[key] for holder in rivals for key in holder.records if key in numbers_by_key}
    payloads = unit.record_versions.payloads(records)
    enrolled = {
        record
        for record, (_, payload) in payloads.items()
        if has_open_enrollment(record_from_bytes(payload), today)
    }
    return {
        holder.person: SurvivorKey(
            any(numbers_by_key.get(key) in enrolled for key in holder.records),
            sum(key in numbers_by_key for key in holder.records),
        )
        for holder in rivals
    }


def _find_emptied_persons(
    unit: ReadUnit, closure: Closure, current_persons: Mapping[int, int]
) -> tuple[int, ...]:
    """Return persons whose records are all withdrawn."""
    affected_persons = {
        current_persons[record]
        for record in closure.record_ids - set(closure.keys)
        if record in current_persons
    }
    members_by_person = unit.persons.members(affected_persons)
    return tuple(
        sorted(
            person
            for person, members in members_by_person.items()
            if not any(member in closure.keys for member in members)
        )
    )


def _find_reactivated_persons(plan: AssignmentPlan, persons: Mapping[int, Person]) -> tuple[int, ...]:
    """Return empty or retired persons that a plan gives records again."""
    holding_persons = {assignment.person for assignment in plan.assignments if assignment.person is not None}
    return tuple(
        sorted(person for person in holding_persons if persons[person].status != PersonStatus.ACTIVE)
    )
