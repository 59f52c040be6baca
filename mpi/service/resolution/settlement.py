"""Settle components: partition them, assign enterprise IDs, and say what that would change.

``settle`` only reads; ``publish`` writes what it found, in the same transaction. One record online and a
whole re-cluster go through the same two functions.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
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
from mpi.standardize.payload import record_from_bytes
from mpi.storage.repositories.persons.persons import Person, PersonStatus
from mpi.storage.repositories.review.tasks import Task
from mpi.storage.unit_of_work.unit import ReadUnit, WriteUnit

MembershipChange = tuple[int, int | None, int | None]
"""A record, the person it leaves, and the person it joins."""


@dataclass(frozen=True, slots=True)
class ClusterAssignment:
    """One cluster of the plan and who bears it.

    Args:
        records: record numbers, by canonical key.
        person: the person's number; None where an ID is to be minted.
        revived: whether a retired ID lives again.
    """

    records: tuple[int, ...]
    person: int | None
    revived: bool


@dataclass(frozen=True, slots=True)
class IdChoice:
    """What is chosen about enterprise IDs, where the rules leave a choice.

    Args:
        survivors: persons that keep their ID wherever others contest it.
        kept_records: the records that a person's ID is to stay with, by person.
        as_of: the last commit before what is taken back; None where nothing is. Each person's ID stays with
            those of its records that it held then, and who held none of them yields to who did.
        yielding_persons: persons that yield so.
    """

    survivors: frozenset[int] = frozenset()
    kept_records: Mapping[int, frozenset[int]] = field(default_factory=dict)
    as_of: int | None = None
    yielding_persons: frozenset[int] = frozenset()

    def rank_survivors(self, keys: Mapping[int, SurvivorKey]) -> dict[int, SurvivorKey]:
        """The survivor keys with what is chosen: none surpasses that of a survivor."""
        newer = {person: replace(keys.get(person, SurvivorKey()), newer=True) for person in self.yielding_persons}
        chosen = {person: SurvivorKey(open_enrollment=True, holders=_MAX_HOLDERS) for person in self.survivors}
        return {**keys, **newer, **chosen}

    def restrict_holder(self, holder: Holder, keys: Mapping[int, int]) -> Holder:
        """The holder, claiming only the records that its ID is to stay with; all, where those are gone."""
        kept = self.kept_records.get(holder.person, frozenset())
        claimed = holder.records & {keys[record] for record in kept if record in keys}
        return replace(holder, records=claimed) if claimed else holder


_MAX_HOLDERS = 10**9
NO_ID_CHOICE = IdChoice()


@dataclass(frozen=True, slots=True)
class Settlement:
    """What settling would change: the assignment plan against what is published.

    Args:
        assignments: every cluster settled.
        persons_before: the person of each record before, where it had one.
        retired: persons that would bear nothing though their records live on.
        emptied: persons whose every record is withdrawn.
        reactivated: empty or retired persons that would bear a cluster again.
        tasks: the review tasks of the settled records, and those whose question hangs together with theirs.
        records: every record that was settled.
        tasks_before: the stored tasks whose place they take.
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
        """Every record that was settled, or that a task before or after is about."""
        return {end for task in (*self.tasks, *self.tasks_before) for end in task.ends} | self.records


EMPTY_SETTLEMENT = Settlement((), {}, (), (), (), (), frozenset())


def settle(
    unit: ReadUnit,
    closure: Closure,
    features: FeatureLoader,
    scorer: OnlineScorer,
    thresholds: Thresholds,
    today: str,
    id_choice: IdChoice = NO_ID_CHOICE,
) -> Settlement:
    """Partition and assign everything in scope.

    Args:
        unit: the transaction to read persons in.
        closure: whole components.
        features: where features of their records come from.
        scorer: scores the pairs that blocking did not bring together.
        thresholds: the bands.
        today: the plan's date, ``YYYY-MM-DD``, on which the survivor rule asks for open enrolments.
        id_choice: what is chosen about the IDs.
    """
    number_of = {key: number for number, key in closure.keys.items()}
    found = partition_closure(closure, features, scorer, thresholds)
    current = closure.current_persons if closure.is_whole_index else unit.persons.current_persons(closure.record_ids)
    clusters = [cluster for one in found for cluster in one.clusters]
    staying = _find_unchanged_clusters(clusters, number_of, current) if closure.is_whole_index else {}
    changing = [cluster for cluster in clusters if cluster not in staying]
    kept = {number_of[key] for cluster in staying for key in cluster}
    persons = unit.persons.by_ids(unit.persons.persons_ever_holding(closure.record_ids - kept))
    standing = [
        holder
        for holder in _load_holders(unit, closure, persons)
        # Of a retired ID whose last records are partly of somebody who stays nothing can live again.
        if not (holder.standing is HolderStatus.RETIRED and _holds_any(holder, kept, number_of))
    ]
    id_choice = _prefer_earlier_ids(unit, id_choice, standing, number_of)
    holders = [id_choice.restrict_holder(holder, closure.keys) for holder in standing]
    survivors = id_choice.rank_survivors(_load_survivor_keys(unit, changing, holders, number_of, today))
    plan = assign_persons(changing, holders, survivors)
    asked = group_tasks(
        unit, closure, found, derive_tasks(unit, closure, found, PairScoring(features, scorer, thresholds))
    )
    borne = {a.cluster: (a.person, a.revived) for a in plan.assignments}
    borne.update({cluster: (person, False) for cluster, person in staying.items()})
    bearers = tuple(
        ClusterAssignment(tuple(number_of[key] for key in cluster), *borne[cluster]) for cluster in sorted(borne)
    )
    return Settlement(
        bearers,
        current,
        plan.retired,
        _find_emptied_persons(unit, closure, current),
        _find_reactivated_persons(plan, persons),
        asked.after,
        closure.record_ids,
        asked.before,
    )


def _find_unchanged_clusters(
    clusters: Collection[tuple[int, ...]], number_of: Mapping[int, int], current: Mapping[int, int]
) -> dict[tuple[int, ...], int]:
    """Clusters that are all that one person holds, with that person, who bears them whatever else is so.

    It has no other wish, and nobody else who is active holds any of it.
    """
    sizes = Counter(current.values())
    found = {}
    for cluster in clusters:
        person = current.get(number_of[cluster[0]])
        if (
            person is not None
            and sizes[person] == len(cluster)
            and all(current.get(number_of[key]) == person for key in cluster)
        ):
            found[cluster] = person
    return found


def _prefer_earlier_ids(
    unit: ReadUnit, choice: IdChoice, holders: Collection[Holder], number_of: Mapping[int, int]
) -> IdChoice:
    """The choice with what follows from who held what before that which is taken back."""
    if choice.as_of is None:
        return choice
    then = unit.persons.members_by_person_at([holder.person for holder in holders], choice.as_of)
    both = {
        holder.person: frozenset(number_of[key] for key in holder.records) & then.get(holder.person, set())
        for holder in holders
    }
    active = {holder.person for holder in holders if holder.standing is HolderStatus.ACTIVE}
    keeps = {person: records for person, records in both.items() if records and person in active}
    newer = frozenset(person for person, records in both.items() if not records)
    return replace(choice, kept_records={**choice.kept_records, **keeps}, yielding_persons=newer)


def _holds_any(holder: Holder, records: Collection[int], number_of: Mapping[int, int]) -> bool:
    return any(number_of.get(key) in records for key in holder.records)


def partition_closure(
    closure: Closure,
    features: FeatureLoader,
    scorer: OnlineScorer,
    thresholds: Thresholds,
    priors: SourcePairPriors = MODEL_PRIORS,
) -> list[Partition]:
    """Partition everything in scope, over canonical keys; nobody's ID is looked at.

    Args:
        closure: whole components.
        features: where features of their records come from.
        scorer: scores the pairs that blocking did not bring together.
        thresholds: the bands.
        priors: what takes the place of the model's prior, by canonical keys; never for enterprise IDs.
    """
    number_of = {key: number for number, key in closure.keys.items()}
    edges = priors.weights(map_edges_to_keys(closure))
    return [
        partition(component, thresholds)
        for component in _build_components(closure, edges, number_of, features, scorer, thresholds, priors)
    ]


def map_edges_to_keys(closure: Closure) -> dict[Pair, float]:
    """The edges between active records, by canonical keys."""
    return {
        order_pair(closure.keys[lo], closure.keys[hi]): bits
        for (lo, hi), bits in closure.edges.items()
        if lo in closure.keys and hi in closure.keys
    }


def _build_components(
    scope: Closure,
    edges: Mapping[Pair, float],
    number_of: Mapping[int, int],
    features: FeatureLoader,
    scorer: OnlineScorer,
    thresholds: Thresholds,
    priors: SourcePairPriors,
) -> Iterator[Component]:
    found = find_components(number_of, edges, scope.decisions, thresholds)
    cap = round_weight(scorer.cautions.bits)
    plain = [_build_simple_component(piece, edges, thresholds, cap) for piece in found]
    needed = {number_of[k] for piece, p in zip(found, plain, strict=True) if p is None for k in piece.records}
    known = features(needed)
    by_key = {scope.keys[number]: value for number, value in known.items()}
    for piece, ready in zip(found, plain, strict=True):
        if ready is not None:
            yield ready
            continue
        weights = _complete_weights(piece, edges, by_key, scorer, priors)
        marks = scorer.marks(weights, by_key)
        yield Component(
            piece.records, weights, piece.decisions, piece.raised, marks.uncorroborated, marks.opposed
        )


def _build_simple_component(piece: UnscoredComponent, edges: Mapping[Pair, float], thresholds: Thresholds, cap: float) -> Component | None:
    """A component that needs no features: every pair is weighed, nobody decided, and no mark bears on it.

    That is a record alone, a pair, or records that all link by more than a cautioned pair weighs.
    """
    if piece.decisions:
        return None
    weights = {}
    for each in combinations(piece.records, 2):
        bits = edges.get(each)
        if bits is None:
            return None
        weights[each] = bits
    made = Component(piece.records, weights, raised=piece.raised)
    if len(weights) <= 1 or (min(weights.values()) > cap and is_fully_linked(made, thresholds)):
        return made
    return None


def _complete_weights(
    piece: UnscoredComponent,
    edges: Mapping[Pair, float],
    features: Mapping[int, Features],
    scorer: OnlineScorer,
    priors: SourcePairPriors,
) -> dict[Pair, float]:
    weights: dict[Pair, float] = {}
    for position, left in enumerate(piece.records):
        for right in piece.records[position + 1 :]:
            bits = edges.get((left, right))
            weights[left, right] = (
                priors.weight(left, right, scorer.weight(features[left], features[right]))
                if bits is None
                else bits
            )
    return weights


def _load_holders(unit: ReadUnit, scope: Closure, persons: Mapping[int, Person]) -> list[Holder]:
    standings = {
        PersonStatus.ACTIVE: HolderStatus.ACTIVE,
        PersonStatus.EMPTY: HolderStatus.EMPTY,
        PersonStatus.RETIRED: HolderStatus.RETIRED,
    }
    held = unit.persons.last_held_records(persons.values())
    outside = {record for records in held.values() for record in records} - scope.record_ids
    live_outside = set(unit.records.canonical_keys(outside))
    return [
        Holder(number, standings[PersonStatus(person.status)], frozenset(_list_active_keys(held[number], scope)))
        for number, person in sorted(persons.items())
        if person.status in standings
        # A retired ID lives again only with all its records: some of this one's live elsewhere.
        and not (person.status == PersonStatus.RETIRED and held[number] & live_outside)
    ]


def _list_active_keys(records: Collection[int], scope: Closure) -> Iterator[int]:
    return (scope.keys[record] for record in records if record in scope.keys)


def _load_survivor_keys(
    unit: ReadUnit,
    clusters: list[tuple[int, ...]],
    holders: list[Holder],
    number_of: Mapping[int, int],
    today: str,
) -> dict[int, SurvivorKey]:
    """Survivor keys of the persons that meet in a cluster; the others need none."""
    claims: dict[int, list[Holder]] = {}
    place = {key: n for n, cluster in enumerate(clusters) for key in cluster}
    for holder in holders:
        if holder.standing is not HolderStatus.RETIRED:
            for cluster in sorted({place[key] for key in holder.records if key in place}):
                claims.setdefault(cluster, []).append(holder)
    rivals = {holder for meeting in claims.values() if len(meeting) > 1 for holder in meeting}
    records = {number_of[key] for holder in rivals for key in holder.records if key in number_of}
    payloads = unit.records.payloads(records)
    enrolled = {
        record for record, (_, body) in payloads.items() if has_open_enrollment(record_from_bytes(body), today)
    }
    return {
        holder.person: SurvivorKey(
            any(number_of.get(key) in enrolled for key in holder.records),
            sum(key in number_of for key in holder.records),
        )
        for holder in rivals
    }


def _find_emptied_persons(unit: ReadUnit, scope: Closure, current: Mapping[int, int]) -> tuple[int, ...]:
    leaving = {current[record] for record in scope.record_ids - set(scope.keys) if record in current}
    left = unit.persons.members(leaving)
    return tuple(sorted(p for p, members in left.items() if not any(m in scope.keys for m in members)))


def _find_reactivated_persons(plan: AssignmentPlan, persons: Mapping[int, Person]) -> tuple[int, ...]:
    bearing = {a.person for a in plan.assignments if a.person is not None}
    return tuple(sorted(p for p in bearing if persons[p].status != PersonStatus.ACTIVE))


def publish(unit: WriteUnit, settlement: Settlement, cause: str, *, test: bool, is_run: bool = False) -> int:
    """Write a settlement; returns how many records changed person.

    A settlement that changes nothing writes no membership, person or event.

    Args:
        unit: the transaction.
        settlement: what to write.
        cause: goes on memberships and events.
        test: whether IDs to be minted are test IDs.
        is_run: whether it is the run that publishes; it is told of what anybody else does.
    """
    active = unit.configs.active_config()
    if not is_run and active is not None and active.releasing is not None:
        unit.runs.add_changed_records(active.releasing, settlement.affected_records)
    minting = [bearer for bearer in settlement.assignments if bearer.person is None]
    minted: dict[tuple[int, ...], int] = {}
    if minting:
        first = unit.counters.take("person", len(minting))
        minted = {bearer.records: first + n for n, bearer in enumerate(minting)}
        unit.persons.mint(
            [
                {"id": number, "eid": eid.mint_eid(test=test), "minted_commit": unit.commit_no}
                for number in minted.values()
            ]
        )
    changes = _list_membership_changes(settlement, minted)
    if changes:
        unit.persons.move_records(unit.commit_no, changes, cause)
    for people, status, ended in (
        (settlement.reactivated, PersonStatus.ACTIVE, False),
        (settlement.retired, PersonStatus.RETIRED, True),
        (settlement.emptied, PersonStatus.EMPTY, True),
    ):
        if people:
            unit.persons.set_status(people, status, unit.commit_no if ended else None)
    replace_tasks(unit, settlement.tasks_before, settlement.tasks)
    return len(changes)


def _list_membership_changes(settlement: Settlement, minted: Mapping[tuple[int, ...], int]) -> list[MembershipChange]:
    after = {
        record: minted[bearer.records] if bearer.person is None else bearer.person
        for bearer in settlement.assignments
        for record in bearer.records
    }
    moved: list[MembershipChange] = [
        (record, settlement.persons_before.get(record), person)
        for record, person in after.items()
        if settlement.persons_before.get(record) != person
    ]
    left: list[MembershipChange] = [
        (record, person, None)
        for record, person in sorted(settlement.persons_before.items())
        if record not in after and record in settlement.records
    ]
    return moved + left
