"""Two local IDs of one source for one child, where the source means to give each child one."""

from collections.abc import Iterable, Iterator, Sequence

from mpi.clustering.component import order_pair
from mpi.clustering.partition import Partition
from mpi.clustering.question_groups import format_question_key
from mpi.domain.decision import Authority, Decision, DecisionKind
from mpi.domain.weight import round_weight
from mpi.service.resolution.closure import Closure
from mpi.service.resolution.task_facts import PairScoring
from mpi.storage.repositories.review.tasks import Task
from mpi.storage.unit_of_work.unit import ReadUnit

MULTIPLE = "multiple"
"""Are these two local IDs of one source one child?"""


class SameSets:
    """Which records decisions hold together, by canonical key."""

    def __init__(self, decisions: Iterable[Decision]) -> None:
        self._root: dict[int, int] = {}
        for decision in decisions:
            if decision.kind is DecisionKind.SAME:
                first, *rest = decision.groups[0]
                for other in rest:
                    self._root[self.find(other)] = self.find(first)

    def find(self, record: int) -> int:
        """One record that stands for all that are held together with this one."""
        while (above := self._root.get(record, record)) != record:
            self._root[record] = self._root.get(above, above)
            record = above
        return record


def derive_duplicate_id_tasks(
    unit: ReadUnit, scope: Closure, settled: Sequence[Partition], weighing: PairScoring
) -> Iterator[Task]:
    """A task for each further local ID that such a source has for one person, beside the first.

    Local IDs of which somebody, or the source itself, has said that they are one child are one here.
    """
    single = {source.id for source in unit.sources.all() if not source.duplicates_expected}
    if not single:
        return
    number_of = {key: number for number, key in scope.keys.items()}
    persons = [cluster for found in settled for cluster in found.clusters if len(cluster) > 1]
    source_of = unit.records.source_ids_of({number_of[key] for person in persons for key in person})
    said = SameSets(decision for decision in scope.decisions if decision.authority > Authority.HOLD)
    for person in persons:
        sources = [source_of[number_of[key]] for key in person]
        if len(set(sources)) == len(sources):
            continue
        firsts: dict[tuple[int, int], int] = {}
        for key, source in zip(person, sources, strict=True):
            if source in single:
                firsts.setdefault((source, said.find(key)), key)
        for source in sorted(single):
            keys = [key for (of, _), key in firsts.items() if of == source]
            yield from (_build_task(scope, weighing, number_of, keys[0], key) for key in keys[1:])


def _build_task(scope: Closure, weighing: PairScoring, number_of: dict[int, int], first: int, other: int) -> Task:
    lo, hi = sorted((number_of[first], number_of[other]))
    bits = scope.edges.get((lo, hi))
    if bits is None:
        said = weighing.load_features((lo, hi))
        bits = round_weight(weighing.scorer.weight(said[lo], said[hi]))
    one, two = order_pair(first, other)
    return Task(
        f"{MULTIPLE}:{one}:{two}",
        MULTIPLE,
        lo,
        hi,
        bits,
        "one-id-a-child",
        question=format_question_key("m", first),
        subject=number_of[first],
    )
