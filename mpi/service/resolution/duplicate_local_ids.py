"""Review tasks for children with two local IDs in one source.

Only sources that give each child a single local ID are checked.
"""

from collections.abc import Iterable, Iterator, Sequence

from mpi.clustering.component import order_pair
from mpi.clustering.partition import Partition
from mpi.clustering.question_groups import format_question_key
from mpi.clustering.union_find import UnionFind
from mpi.domain.decision import Authority, Decision, DecisionKind
from mpi.domain.weight import round_weight
from mpi.service.resolution.closure import Closure
from mpi.service.resolution.task_facts import PairScoring
from mpi.storage.repositories.review.tasks import Task
from mpi.storage.unit_of_work.units import ReadUnit

MULTIPLE = "multiple"
"""Task kind: do two local IDs of one source describe one child?"""


def join_same_decisions(decisions: Iterable[Decision]) -> UnionFind:
    """Return sets of record keys that SAME decisions join into one person."""
    sets = UnionFind()
    for decision in decisions:
        if decision.kind is DecisionKind.SAME:
            sets.join_all(decision.groups[0])
    return sets


def derive_duplicate_id_tasks(
    unit: ReadUnit, closure: Closure, partitions: Sequence[Partition], scoring: PairScoring
) -> Iterator[Task]:
    """Yield a review task for each further local ID of one child.

    Local IDs that a steward or the source has declared the same child count as one local ID.
    """
    single_id_sources = {source.id for source in unit.sources.all() if not source.duplicates_expected}
    if not single_id_sources:
        return
    numbers_by_key = {key: number for number, key in closure.keys.items()}
    clusters = [cluster for partition in partitions for cluster in partition.clusters if len(cluster) > 1]
    source_by_record = unit.records.source_ids_of(
        {numbers_by_key[key] for members in clusters for key in members}
    )
    same_sets = join_same_decisions(
        decision for decision in closure.decisions if decision.authority > Authority.HOLD
    )
    for members in clusters:
        sources = [source_by_record[numbers_by_key[key]] for key in members]
        if len(set(sources)) == len(sources):
            continue
        first_keys: dict[tuple[int, int], int] = {}
        for key, source in zip(members, sources, strict=True):
            if source in single_id_sources:
                first_keys.setdefault((source, same_sets.find(key)), key)
        for source in sorted(single_id_sources):
            keys = [key for (key_source, _), key in first_keys.items() if key_source == source]
            yield from (_build_task(closure, scoring, numbers_by_key, keys[0], key) for key in keys[1:])


def _build_task(
    closure: Closure, scoring: PairScoring, numbers_by_key: dict[int, int], first_key: int, further_key: int
) -> Task:
    """Build the review task about a child's two IDs in one source."""
    lo, hi = sorted((numbers_by_key[first_key], numbers_by_key[further_key]))
    bits = closure.edges.get((lo, hi))
    if bits is None:
        features = scoring.load_features((lo, hi))
        bits = round_weight(scoring.scorer.weigh(features[lo], features[hi]))
    low_key, high_key = order_pair(first_key, further_key)
    return Task(
        key=f"{MULTIPLE}:{low_key}:{high_key}",
        kind=MULTIPLE,
        lo=lo,
        hi=hi,
        bits=bits,
        reason="one-id-a-child",
        question=format_question_key("m", first_key),
        subject=numbers_by_key[first_key],
    )
