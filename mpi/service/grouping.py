"""Grouping tasks: which of them a steward is shown at once, also where that reaches beyond what was settled.

A pair below the influence floor is in no component, so pairs in doubt may hang together over several. What a
settlement changes at one end renames the question at the other.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from mpi.clustering.component import pair
from mpi.clustering.grouping import Question, grouped
from mpi.clustering.partition import Partition
from mpi.service.closure import Closure
from mpi.service.known import Known
from mpi.service.questions import PAIR
from mpi.storage.repositories.tasks import Task
from mpi.storage.unit import ReadUnit


@dataclass(frozen=True, slots=True)
class Asked:
    """Tasks that take the place of others.

    Args:
        before: as they are stored.
        after: as they are to be.
    """

    before: tuple[Task, ...]
    after: tuple[Task, ...]


def put_together(
    unit: ReadUnit, scope: Closure, settled: Sequence[Partition], tasks: Collection[Task]
) -> Asked:
    """Name the question of every pair task, of those just derived and of those that hang together with them.

    Args:
        unit: the transaction.
        scope: what was settled.
        settled: its partitions.
        tasks: the tasks of the settled components.
    """
    before = unit.tasks.all() if scope.whole else _stored(unit, scope, tasks)
    if not tasks and not before:
        return Asked((), ())
    beyond = [] if scope.whole else _beyond(unit, scope, [*before, *tasks])
    pairs = [task for task in tasks if task.kind == PAIR] + beyond
    others = [task for task in tasks if task.kind != PAIR]
    return Asked((*before, *beyond), (*others, *_named(unit, scope, settled, pairs)))


def _stored(unit: ReadUnit, scope: Closure, tasks: Collection[Task]) -> list[Task]:
    """The stored tasks about settled records, or of the same keys as the derived ones.

    A decision that waits may name records that nothing else joins: its task bears the first and the last.
    """
    found = unit.tasks.touching(scope.named_at_all)
    elsewhere = {task.key: task.ends for task in tasks if task.kind != PAIR and not task.ends & scope.seen}
    if elsewhere:
        ends = frozenset().union(*elsewhere.values())
        found += [task for task in unit.tasks.touching(ends) if task.key in elsewhere]
    return found


def _beyond(unit: ReadUnit, scope: Closure, tasks: Collection[Task]) -> list[Task]:
    """Stored pair tasks that hang together with the tasks, and are about no settled record."""
    found: dict[str, Task] = {}
    reached: set[int] = set()
    frontier = {end for task in tasks if task.kind == PAIR for end in task.ends} - scope.seen
    while frontier:
        reached |= frontier
        near = [task for task in unit.tasks.touching(frontier) if task.kind == PAIR]
        further = [task for task in near if not task.ends & scope.seen]
        found.update({task.key: task for task in further})
        frontier = {end for task in further for end in task.ends} - reached
    return list(found.values())


def _named(
    unit: ReadUnit, scope: Closure, settled: Sequence[Partition], tasks: Collection[Task]
) -> list[Task]:
    known_keys = scope.outside | scope.keys
    ends = {end for task in tasks for end in task.ends}
    keys = {end: known_keys[end] for end in ends if end in known_keys}
    keys |= unit.records.keys(ends - keys.keys())
    # A record that takes no part is asked about no more.
    by_pair = {pair(keys[t.lo], keys[t.hi]): t for t in tasks if t.lo in keys and t.hi in keys}
    number_of = {key: number for number, key in keys.items()}
    questions = grouped(by_pair)
    couples = {end for one in questions if len(one.pairs) == 1 for end in _ends(one, number_of)}
    known = Known(unit, scope, settled, couples)
    return [
        replace(by_pair[each], question=one.key, subject=_subject(one, number_of, keys, known))
        for one in questions
        for each in one.pairs
    ]


def _subject(one: Question, number_of: Mapping[int, int], keys: Mapping[int, int], known: Known) -> int:
    """The record that a question is about; of two the newest, 0 where several are alike."""
    if len(one.pairs) == 1:
        return known.newest(_ends(one, number_of), keys)
    return number_of[one.named_by] if one.is_star else 0


def _ends(one: Question, number_of: Mapping[int, int]) -> frozenset[int]:
    return frozenset(number_of[key] for each in one.pairs for key in each)
