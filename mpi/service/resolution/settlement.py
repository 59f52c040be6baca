"""Partition components, assign enterprise IDs and publish the difference.

``settle`` only reads. ``publish`` writes the result in the same transaction. One record online and a whole
re-cluster use the same two functions.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations

from mpi.clustering.assignment import AssignmentPlan, Holder, HolderStatus, SurvivorKey, assign_persons
from mpi.clustering.component import Component, Pair, UnscoredComponent, find_components, order_pair
from mpi.clustering.partition import Partition, is_fully_linked, partition
from mpi.clustering.source_pair_priors import MODEL_PRIORS, SourcePairPriors
from mpi.domain import eid
from mpi.domain.features import Features
from mpi.domain.weight import Thresholds, round_weight
from mpi.matching.compiler.online_scorer import OnlineScorer
from mpi.service.resolution.closure import Closure
from mpi.service.resolution.enrollment import has_open_enrollment
from mpi.service.resolution.review_tasks import derive_tasks
from mpi.service.resolution.task_facts import FeatureLoader, PairScoring
from mpi.service.resolution.task_groups import group_tasks
from mpi.service.resolution.task_replacement import replace_tasks
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.repositories.persons.persons import Person, PersonStatus
from mpi.storage.repositories.review.tasks import Task
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

MembershipChange = tuple[int, int | None, int | None]
"""Record number, the person it leaves, and the person it joins."""


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
class IdChoice:
    """Preferences about which person keeps its enterprise ID where rules allow several.

    Args:
        survivors: persons that keep their ID wherever others contest it.
        kept_records: records that a person's ID must stay with, by person.
        as_of: the commit before the step being undone; None where nothing is undone. Each person's ID stays
            with those of its records that it held then. Persons that held none of them yield.
        yielding_persons: persons whose ID yields to every other.
    """

    survivors: frozenset[int] = frozenset()
    kept_records: Mapping[int, frozenset[int]] = field(default_factory=dict)
    as_of: int | None = None
    yielding_persons: frozenset[int] = frozenset()

    def rank_survivors(self, survivor_keys: Mapping[int, SurvivorKey]) -> dict[int, SurvivorKey]:
        """Return persons' rank keys with the chosen survivors ranked highest."""
        yielding = {
            person: replace(survivor_keys.get(person, SurvivorKey()), is_newer=True)
            for person in self.yielding_persons
        }
        chosen = {
            person: SurvivorKey(open_enrollment=True, holders=_MAX_HOLDERS) for person in self.survivors
        }
        return {**survivor_keys, **yielding, **chosen}

    def restrict_holder(self, holder: Holder, keys: Mapping[int, int]) -> Holder:
        """Return a person reduced to the records its enterprise ID must keep.

        All its records stay where none of those is active.
        """
        kept_numbers = self.kept_records.get(holder.person, frozenset())
        claimed = holder.records & {keys[record] for record in kept_numbers if record in keys}
        return replace(holder, records=claimed) if claimed else holder


_MAX_HOLDERS = 10**9
NO_ID_CHOICE = IdChoice()


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
    id_choice = _prefer_earlier_ids(unit, id_choice, all_holders, numbers_by_key)
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


def _prefer_earlier_ids(
    unit: ReadUnit, id_choice: IdChoice, holders: Collection[Holder], numbers_by_key: Mapping[int, int]
) -> IdChoice:
    """Prefer the enterprise IDs that were in force before the undone step."""
    if id_choice.as_of is None:
        return id_choice
    earlier_records = unit.persons.members_by_person_at(
        [holder.person for holder in holders], id_choice.as_of
    )
    retained = {
        holder.person: frozenset(numbers_by_key[key] for key in holder.records)
        & earlier_records.get(holder.person, set())
        for holder in holders
    }
    active_persons = {holder.person for holder in holders if holder.status is HolderStatus.ACTIVE}
    kept_records = {
        person: records for person, records in retained.items() if records and person in active_persons
    }
    yielding_persons = frozenset(person for person, records in retained.items() if not records)
    return replace(
        id_choice, kept_records={**id_choice.kept_records, **kept_records}, yielding_persons=yielding_persons
    )


def _holds_any(holder: Holder, records: Collection[int], numbers_by_key: Mapping[int, int]) -> bool:
    """Return whether a person holds any of the given records."""
    return any(numbers_by_key.get(key) in records for key in holder.records)


def partition_closure(
    closure: Closure,
    load_features: FeatureLoader,
    scorer: OnlineScorer,
    thresholds: Thresholds,
    priors: SourcePairPriors = MODEL_PRIORS,
) -> list[Partition]:
    """Partition connected records into clusters of canonical record keys.

    Enterprise IDs play no part.

    Args:
        closure: complete components.
        load_features: loads the features of active records by number.
        scorer: scores pairs that blocking did not bring together.
        thresholds: link and review thresholds.
        priors: priors that replace the model's prior, by pair of canonical keys. Never used for enterprise
            IDs.
    """
    numbers_by_key = {key: number for number, key in closure.keys.items()}
    edges = priors.shift_weights(map_edges_to_keys(closure))
    return [
        partition(component, thresholds)
        for component in _build_components(
            closure, edges, numbers_by_key, load_features, scorer, thresholds, priors
        )
    ]


def map_edges_to_keys(closure: Closure) -> dict[Pair, float]:
    """Return the match weights of active record pairs, by canonical keys."""
    return {
        order_pair(closure.keys[lo], closure.keys[hi]): bits
        for (lo, hi), bits in closure.edges.items()
        if lo in closure.keys and hi in closure.keys
    }


def _build_components(
    closure: Closure,
    edges: Mapping[Pair, float],
    numbers_by_key: Mapping[int, int],
    load_features: FeatureLoader,
    scorer: OnlineScorer,
    thresholds: Thresholds,
    priors: SourcePairPriors,
) -> Iterator[Component]:
    """Yield connected components of records with the weight of every pair."""
    unscored_components = find_components(numbers_by_key, edges, closure.decisions, thresholds)
    caution_cap = round_weight(scorer.cautions.bits)
    simple_components = [
        _build_simple_component(unscored, edges, thresholds, caution_cap) for unscored in unscored_components
    ]
    needed_ids = {
        numbers_by_key[key]
        for unscored, simple in zip(unscored_components, simple_components, strict=True)
        if simple is None
        for key in unscored.records
    }
    features_by_number = load_features(needed_ids)
    features_by_key = {closure.keys[number]: value for number, value in features_by_number.items()}
    for unscored, simple_component in zip(unscored_components, simple_components, strict=True):
        if simple_component is not None:
            yield simple_component
            continue
        weights = _complete_weights(unscored, edges, features_by_key, scorer, priors)
        marks = scorer.mark_pairs(weights, features_by_key)
        yield Component(
            records=unscored.records,
            weights=weights,
            decisions=unscored.decisions,
            raised_bits=unscored.raised_bits,
            uncorroborated=marks.uncorroborated,
            opposed=marks.opposed,
        )


def _build_simple_component(
    unscored: UnscoredComponent, edges: Mapping[Pair, float], thresholds: Thresholds, caution_cap: float
) -> Component | None:
    """Build a component whose partition needs no comparison features.

    These are a single record, a single pair, or records that all link by more than a pair can weigh whose
    weight a caution caps. Every pair is weighed and no decision names any of the records. None where features
    matter.
    """
    if unscored.decisions:
        return None
    weights = {}
    for key_pair in combinations(unscored.records, 2):
        bits = edges.get(key_pair)
        if bits is None:
            return None
        weights[key_pair] = bits
    component = Component(unscored.records, weights, raised_bits=unscored.raised_bits)
    if len(weights) <= 1 or (min(weights.values()) > caution_cap and is_fully_linked(component, thresholds)):
        return component
    return None


def _complete_weights(
    unscored: UnscoredComponent,
    edges: Mapping[Pair, float],
    features: Mapping[int, Features],
    scorer: OnlineScorer,
    priors: SourcePairPriors,
) -> dict[Pair, float]:
    """Return every record pair's weight within a component, scoring missing pairs."""
    weights: dict[Pair, float] = {}
    for position, left in enumerate(unscored.records):
        for right in unscored.records[position + 1 :]:
            bits = edges.get((left, right))
            weights[left, right] = (
                priors.shift_weight(left, right, scorer.weigh(features[left], features[right]))
                if bits is None
                else bits
            )
    return weights


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


def publish(unit: WriteUnit, settlement: Settlement, cause: str, *, test: bool, is_run: bool = False) -> int:
    """Write a plan of persons; return how many records changed person.

    A plan that changes nothing writes no membership, person or event.

    Args:
        unit: the transaction.
        settlement: the plan to write.
        cause: stored with memberships and events.
        test: whether minted enterprise IDs are test IDs.
        is_run: whether a re-cluster run publishes. An active run is notified of other writers' changes.
    """
    configuration = unit.configs.active_config()
    if not is_run and configuration is not None and configuration.releasing is not None:
        unit.runs.add_changed_records(configuration.releasing, settlement.affected_records)
    to_mint = [assignment for assignment in settlement.assignments if assignment.person is None]
    minted_persons: dict[tuple[int, ...], int] = {}
    if to_mint:
        first_number = unit.counters.take("person", len(to_mint))
        minted_persons = {
            assignment.records: first_number + offset for offset, assignment in enumerate(to_mint)
        }
        unit.persons.mint(
            [
                {"id": number, "eid": eid.mint_eid(test=test), "minted_commit": unit.commit_no}
                for number in minted_persons.values()
            ]
        )
    changes = _list_membership_changes(settlement, minted_persons)
    if changes:
        unit.persons.move_records(unit.commit_no, changes, cause)
    for person_ids, status, is_end in (
        (settlement.reactivated, PersonStatus.ACTIVE, False),
        (settlement.retired, PersonStatus.RETIRED, True),
        (settlement.emptied, PersonStatus.EMPTY, True),
    ):
        if person_ids:
            unit.persons.set_status(person_ids, status, unit.commit_no if is_end else None)
    replace_tasks(unit, settlement.tasks_before, settlement.tasks)
    return len(changes)


def _list_membership_changes(
    settlement: Settlement, minted_persons: Mapping[tuple[int, ...], int]
) -> list[MembershipChange]:
    """List the records that change person, and the records that leave one."""
    persons_after = {
        record: minted_persons[assignment.records] if assignment.person is None else assignment.person
        for assignment in settlement.assignments
        for record in assignment.records
    }
    moves: list[MembershipChange] = [
        (record, settlement.persons_before.get(record), person)
        for record, person in persons_after.items()
        if settlement.persons_before.get(record) != person
    ]
    departures: list[MembershipChange] = [
        (record, person, None)
        for record, person in sorted(settlement.persons_before.items())
        if record not in persons_after and record in settlement.records
    ]
    return moves + departures
