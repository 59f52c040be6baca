"""Assignment of enterprise IDs to clusters of records.

The functions are pure; a plan is frozen when it is made.

Persons propose to clusters, first to the cluster that holds most of their last records. A cluster accepts the
best proposer by the survivor rule (open enrollment, then most records, then oldest ID). A person that loses
proposes to its next cluster. This is deferred acceptance (Gale and Shapley, 1962): with strict preferences
its result does not depend on the order of proposing. Where a step is undone, a person that held none of the
records before that step comes last. So on a split the ID stays with the part that holds
most of its last records, on a merge the survivor rule decides, and no ID is retired while a part of it
is left without one. A cluster that is exactly what a retired ID last held is a person's last choice: it takes
another part where it has one, so that undoing a merge gives both IDs back.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

Cluster = tuple[int, ...]
"""Canonical keys of active records, ascending."""


class HolderStatus(StrEnum):
    """Status of a person before clusters are assigned to persons."""

    ACTIVE = "active"
    EMPTY = "empty"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Holder:
    """Person, with an enterprise ID, that may get a cluster.

    Args:
        person: number of the person; a lower number is an older ID.
        status: active, empty (all its records withdrawn) or retired.
        records: canonical keys that the person holds; last held, if it is empty or retired.
    """

    person: int
    status: HolderStatus
    records: frozenset[int]


@dataclass(frozen=True, slots=True)
class SurvivorKey:
    """Properties that rank persons when several could keep their ID.

    They are frozen into the plan when it is made.

    Args:
        open_enrollment: whether a record of the person has an enrollment open on the plan's date.
        holders: number of the person's active records.
        is_newer: whether the person held none of its records before the step being undone; it yields to those
            that did.
    """

    open_enrollment: bool = False
    holders: int = 0
    is_newer: bool = False


@dataclass(frozen=True, slots=True)
class Assignment:
    """One cluster of records and its person; None for a new ID."""

    cluster: Cluster
    person: int | None
    is_revived: bool = False


@dataclass(frozen=True, slots=True)
class AssignmentPlan:
    """Persons to be given to all clusters, and persons to retire.

    Args:
        assignments: one for each cluster, by cluster.
        retired: persons without a cluster though their records are active, ascending.
    """

    assignments: tuple[Assignment, ...]
    retired: tuple[int, ...]


_Rank = tuple[bool, bool, int, int]


@dataclass(slots=True)
class _Proposer:
    """Person with the clusters that it may still ask for, best first."""

    holder: Holder
    wishes: list[Cluster] = field(default_factory=list)


def assign_persons(
    clusters: Iterable[Cluster],
    history: Sequence[Holder],
    survivor_keys: Mapping[int, SurvivorKey],
) -> AssignmentPlan:
    """Assign a person, or a new enterprise ID, to each cluster.

    Args:
        clusters: the partition; disjoint.
        history: every person that holds one of the records, or last held one before it was retired or
            emptied.
        survivor_keys: by person; a person left out ranks as if all its properties were zero.
    """
    ordered = sorted(clusters)
    cluster_of = {record: cluster for cluster in ordered for record in cluster}
    rank = _make_rank(survivor_keys)
    bearers: dict[Cluster, Holder] = {}
    reserved_clusters = _find_reserved_clusters(history, cluster_of)
    for standing in (HolderStatus.ACTIVE, HolderStatus.EMPTY):
        candidates = [holder for holder in history if holder.status is standing]
        proposers = [
            _Proposer(holder, _list_wishes(holder, cluster_of, reserved_clusters))
            for holder in sorted(candidates, key=rank)
        ]
        _run_proposals(proposers, bearers, rank, contested_status=standing)
    _revive_retired(
        [holder for holder in history if holder.status is HolderStatus.RETIRED], cluster_of, bearers, rank
    )
    assigned_persons = {holder.person for holder in bearers.values()}
    return AssignmentPlan(
        tuple(
            Assignment(
                cluster,
                bearers[cluster].person if cluster in bearers else None,
                cluster in bearers and bearers[cluster].status is HolderStatus.RETIRED,
            )
            for cluster in ordered
        ),
        tuple(
            sorted(
                holder.person
                for holder in history
                if holder.status is not HolderStatus.RETIRED
                and holder.person not in assigned_persons
                and any(record in cluster_of for record in holder.records)
            )
        ),
    )


def _make_rank(survivor_keys: Mapping[int, SurvivorKey]) -> Callable[[Holder], _Rank]:
    """Return the sort key by which persons keep their ID; lower prevails."""

    def rank(holder: Holder) -> _Rank:
        key = survivor_keys.get(holder.person, SurvivorKey())
        return (key.is_newer, not key.open_enrollment, -key.holders, holder.person)

    return rank


def _run_proposals(
    proposers: list[_Proposer],
    bearers: dict[Cluster, Holder],
    rank: Callable[[Holder], _Rank],
    contested_status: HolderStatus,
) -> None:
    """Let persons ask for clusters until each has one or none."""
    proposer_of = {proposer.holder.person: proposer for proposer in proposers}
    while proposers:
        proposer = proposers.pop()
        while proposer.wishes:
            cluster = proposer.wishes.pop(0)
            bearer = bearers.get(cluster)
            if bearer is None:
                bearers[cluster] = proposer.holder
                break
            # An empty person finds its records again, but takes no active person's place.
            if bearer.status is contested_status and rank(proposer.holder) < rank(bearer):
                bearers[cluster] = proposer.holder
                proposers.append(proposer_of[bearer.person])
                break


def _list_wishes(
    holder: Holder, cluster_of: Mapping[int, Cluster], reserved_clusters: frozenset[Cluster] = frozenset()
) -> list[Cluster]:
    """List the clusters that hold a person's records, most records first."""
    record_counts: dict[Cluster, int] = {}
    for record in sorted(holder.records):
        if record in cluster_of:
            record_counts[cluster_of[record]] = record_counts.get(cluster_of[record], 0) + 1
    return sorted(
        record_counts, key=lambda cluster: (cluster in reserved_clusters, -record_counts[cluster], cluster)
    )


def _find_reserved_clusters(
    history: Iterable[Holder], cluster_of: Mapping[int, Cluster]
) -> frozenset[Cluster]:
    """Return the clusters equal to a retired person's last active records."""
    retired_holders = (holder for holder in history if holder.status is HolderStatus.RETIRED)
    last_records = (tuple(sorted(r for r in holder.records if r in cluster_of)) for holder in retired_holders)
    return frozenset(records for records in last_records if records and cluster_of[records[0]] == records)


def _revive_retired(
    holders: Iterable[Holder],
    cluster_of: Mapping[int, Cluster],
    bearers: dict[Cluster, Holder],
    rank: Callable[[Holder], _Rank],
) -> None:
    """Revive retired persons whose active records are one unassigned cluster."""
    for holder in sorted(holders, key=rank):
        wishes = _list_wishes(holder, cluster_of)
        if len(wishes) == 1 and wishes[0] not in bearers:
            bearers[wishes[0]] = holder
