"""Assignment: which enterprise ID each cluster bears. Pure; the plan is frozen when it is made.

Persons propose to clusters in the order of how many of their last records each holds; a cluster takes the
best proposer by the survivor rule (open enrolment, then most holders, then oldest ID). A person that loses
proposes to its next cluster. This is deferred acceptance (Gale and Shapley, 1962): with strict preferences
its result does not depend on the order of proposing. Where something is taken back, who held none of its
records before that comes last. So on a split the ID stays with the part that holds
most of its last records, on a merge the survivor rule decides, and no ID is retired while a part of it
is left without one. A cluster that is exactly what a retired ID last held is a person's last wish: it takes
another part where it has one, so that parting a merge gives both IDs back.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

Cluster = tuple[int, ...]
"""Canonical keys of active records, ascending."""


class HolderStatus(StrEnum):
    """Where a person stands before the plan."""

    ACTIVE = "active"
    EMPTY = "empty"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Holder:
    """A person that may bear a cluster.

    Args:
        person: its number, which is its mint order.
        status: active, empty (all its records withdrawn) or retired.
        records: canonical keys it holds; for one that is empty or retired, those it last held.
    """

    person: int
    status: HolderStatus
    records: frozenset[int]


@dataclass(frozen=True, slots=True)
class SurvivorKey:
    """What the survivor rule ranks a person by, frozen into the plan when it is made.

    Args:
        open_enrollment: whether a record of it has an enrolment open on the plan's date.
        holders: how many of its records are active.
        is_newer: whether it held none of its records before that which is taken back: it yields to who did.
    """

    open_enrollment: bool = False
    holders: int = 0
    is_newer: bool = False


@dataclass(frozen=True, slots=True)
class Assignment:
    """One cluster and the person that bears it: ``person`` is None where an ID is to be minted."""

    cluster: Cluster
    person: int | None
    is_revived: bool = False


@dataclass(frozen=True, slots=True)
class AssignmentPlan:
    """Who bears what after the plan.

    Args:
        assignments: one for each cluster, by cluster.
        retired: persons that bear nothing any more though their records live on, ascending.
    """

    assignments: tuple[Assignment, ...]
    retired: tuple[int, ...]


_Rank = tuple[bool, bool, int, int]


@dataclass(slots=True)
class _Proposer:
    holder: Holder
    wishes: list[Cluster] = field(default_factory=list)


def assign_persons(
    clusters: Iterable[Cluster],
    history: Sequence[Holder],
    survivor_keys: Mapping[int, SurvivorKey],
) -> AssignmentPlan:
    """Give each cluster the person that bears it.

    Args:
        clusters: the partition; disjoint.
        history: every person that holds, or when retired or emptied last held, one of its records.
        survivor_keys: the survivor keys of those persons; one left out ranks as if it had nothing.
    """
    ordered = sorted(clusters)
    of_record = {record: cluster for cluster in ordered for record in cluster}
    rank = _make_rank(survivor_keys)
    borne: dict[Cluster, Holder] = {}
    awaited = _find_reserved_clusters(history, of_record)
    for standing in (HolderStatus.ACTIVE, HolderStatus.EMPTY):
        free = [h for h in history if h.status is standing]
        waiting = [_Proposer(h, _list_wishes(h, of_record, awaited)) for h in sorted(free, key=rank)]
        _run_proposals(waiting, borne, rank, contest=standing)
    _revive_retired([h for h in history if h.status is HolderStatus.RETIRED], of_record, borne, rank)
    kept = {holder.person for holder in borne.values()}
    return AssignmentPlan(
        tuple(
            Assignment(
                cluster,
                borne[cluster].person if cluster in borne else None,
                cluster in borne and borne[cluster].status is HolderStatus.RETIRED,
            )
            for cluster in ordered
        ),
        tuple(
            sorted(
                holder.person
                for holder in history
                if holder.status is not HolderStatus.RETIRED
                and holder.person not in kept
                and any(record in of_record for record in holder.records)
            )
        ),
    )


def _make_rank(survivor: Mapping[int, SurvivorKey]) -> Callable[[Holder], _Rank]:
    def rank(holder: Holder) -> _Rank:
        key = survivor.get(holder.person, SurvivorKey())
        return (key.is_newer, not key.open_enrollment, -key.holders, holder.person)

    return rank


def _run_proposals(
    waiting: list[_Proposer],
    borne: dict[Cluster, Holder],
    rank: Callable[[Holder], _Rank],
    contest: HolderStatus,
) -> None:
    wishes = {proposer.holder.person: proposer for proposer in waiting}
    while waiting:
        proposer = waiting.pop()
        while proposer.wishes:
            cluster = proposer.wishes.pop(0)
            bearer = borne.get(cluster)
            if bearer is None:
                borne[cluster] = proposer.holder
                break
            # An empty person finds its records again, but takes no active person's place.
            if bearer.status is contest and rank(proposer.holder) < rank(bearer):
                borne[cluster] = proposer.holder
                waiting.append(wishes[bearer.person])
                break


def _list_wishes(
    holder: Holder, of_record: Mapping[int, Cluster], awaited: frozenset[Cluster] = frozenset()
) -> list[Cluster]:
    held: dict[Cluster, int] = {}
    for record in sorted(holder.records):
        if record in of_record:
            held[of_record[record]] = held.get(of_record[record], 0) + 1
    return sorted(held, key=lambda cluster: (cluster in awaited, -held[cluster], cluster))


def _find_reserved_clusters(history: Iterable[Holder], of_record: Mapping[int, Cluster]) -> frozenset[Cluster]:
    """Clusters that are exactly what a retired ID last held, of the records that are active."""
    retired = (holder for holder in history if holder.status is HolderStatus.RETIRED)
    last = (tuple(sorted(r for r in holder.records if r in of_record)) for holder in retired)
    return frozenset(records for records in last if records and of_record[records[0]] == records)


def _revive_retired(
    holders: Iterable[Holder],
    of_record: Mapping[int, Cluster],
    borne: dict[Cluster, Holder],
    rank: Callable[[Holder], _Rank],
) -> None:
    """A retired ID lives again where all its last records that are active are one cluster nobody bears."""
    for holder in sorted(holders, key=rank):
        wishes = _list_wishes(holder, of_record)
        if len(wishes) == 1 and wishes[0] not in borne:
            borne[wishes[0]] = holder
