"""Grouping tasks: which of them a steward is shown at once, also where that reaches beyond what was settled.

A pair below the influence floor is in no component, so pairs in doubt may hang together over several. What a
settlement changes at one end renames questions near by.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from mpi.clustering.component import Pair
from mpi.clustering.partition import Partition
from mpi.clustering.question_groups import (
    CandidateReader,
    PairQuestion,
    QuestionShape,
    ReviewPairGraph,
    group_candidates,
    regroup_questions,
)
from mpi.service.resolution.closure import Closure
from mpi.service.resolution.review_tasks import PAIR, format_pair_key, parse_pair_key
from mpi.service.resolution.task_facts import TaskFacts
from mpi.storage.repositories.review.tasks import Task
from mpi.storage.unit_of_work.unit import ReadUnit


@dataclass(frozen=True, slots=True)
class TaskReplacement:
    """Tasks that take the place of others.

    Args:
        before: as they are stored.
        after: as they are to be.
    """

    before: tuple[Task, ...]
    after: tuple[Task, ...]


def group_tasks(
    unit: ReadUnit, scope: Closure, settled: Sequence[Partition], tasks: Collection[Task]
) -> TaskReplacement:
    """Name the question of every pair task, of those just derived and of those that it changes beyond.

    Args:
        unit: the transaction.
        scope: what was settled.
        settled: its partitions.
        tasks: the tasks of the settled components.
    """
    before = unit.tasks.all() if scope.is_whole_index else _load_stored_tasks(unit, scope, tasks)
    if not tasks and not before:
        return TaskReplacement((), ())
    others = [task for task in tasks if task.kind != PAIR]
    stored, derived = _index_by_pair(before), _index_by_pair(tasks)
    naming = _QuestionNamer(unit, scope, settled, stored)
    if scope.is_whole_index:
        named = ReviewPairGraph.of(derived).questions(derived)
        return TaskReplacement(tuple(before), (*others, *naming.name_questions(derived, named)))
    was = ReviewPairGraph(naming.load_candidates)
    now = ReviewPairGraph(_adjust_candidates(was, gone=stored.keys() - derived.keys(), come=derived.keys() - stored.keys()))
    changed = {end for each in stored.keys() ^ derived.keys() for end in each}
    named = now.questions(derived) | regroup_questions(was, now, changed)
    beyond = unit.tasks.by_keys([format_pair_key(each) for each in named.keys() - derived.keys()])
    after = naming.name_questions(derived | _index_by_pair(beyond), named)
    return TaskReplacement((*before, *beyond), (*others, *after))


def _load_stored_tasks(unit: ReadUnit, scope: Closure, tasks: Collection[Task]) -> list[Task]:
    """The stored tasks about settled records, or of the same keys as the derived ones.

    A decision that waits may name records that nothing else joins: its task bears the first and the last.
    """
    found = unit.tasks.about_records(scope.referenced_records)
    elsewhere = {task.key: task.ends for task in tasks if task.kind != PAIR and not task.ends & scope.record_ids}
    if elsewhere:
        ends = frozenset().union(*elsewhere.values())
        found += [task for task in unit.tasks.about_records(ends) if task.key in elsewhere]
    return found


def _index_by_pair(tasks: Collection[Task]) -> dict[Pair, Task]:
    """The pair tasks among some, by the canonical keys of their records."""
    return {parse_pair_key(task.key): task for task in tasks if task.kind == PAIR}


def _adjust_candidates(was: ReviewPairGraph, gone: Collection[Pair], come: Collection[Pair]) -> CandidateReader:
    """The candidates of records when some pairs are gone and others have come."""
    less, more = group_candidates(gone), group_candidates(come)

    def read(records: Collection[int]) -> Mapping[int, Collection[int]]:
        was.know(records)
        return {
            record: ({*was.candidates(record)} - less.get(record, set())) | more.get(record, set())
            for record in records
        }

    return read


class _QuestionNamer:
    """Record numbers and canonical keys of the pairs that a settlement bears on.

    Args:
        unit: the transaction.
        scope: what was settled.
        settled: its partitions.
        stored: the stored pair tasks about settled records.
    """

    def __init__(
        self, unit: ReadUnit, scope: Closure, settled: Sequence[Partition], stored: Mapping[Pair, Task]
    ) -> None:
        self._unit = unit
        self._scope = scope
        self._settled = settled
        self._stored = group_candidates(stored)
        self._keys = scope.outside_keys | scope.keys
        self._numbers = {key: number for number, key in self._keys.items()}
        # Some may take no part any more.
        ends = {end for task in stored.values() for end in task.ends}
        for number, record in unit.records.get(ends - self._keys.keys()).items():
            self._add_record(number, record.canonical_key)

    def load_candidates(self, records: Collection[int]) -> Mapping[int, Collection[int]]:
        """The candidates of records as they are stored, by canonical keys."""
        numbers = {record: self._numbers.get(record) for record in records}
        beyond = {number for number in numbers.values() if number is not None} - self._scope.record_ids
        found = set()
        for lo, hi, key in self._unit.tasks.ends_about_records(beyond, PAIR):
            each = one, other = parse_pair_key(key)
            found.add(each)
            # A task tells its records by number and by key, each in their own order: of who was asked for
            # both are known. Of what was settled the key may be another by now than its tasks say.
            known, unknown = (lo, hi) if lo in beyond else (hi, lo)
            if unknown not in self._keys:
                self._add_record(unknown, one if self._keys[known] == other else other)
        read = group_candidates(found)
        # Of what was settled, and of what is gone, there is nothing but what was read before.
        return {
            record: (read if number in beyond else self._stored).get(record, ())
            for record, number in numbers.items()
        }

    def _add_record(self, number: int, key: int) -> None:
        self._keys[number] = key
        self._numbers[key] = number

    def name_questions(self, tasks: Mapping[Pair, Task], questions: Mapping[Pair, PairQuestion]) -> list[Task]:
        """Tasks with the question that each is part of, and the record that it is about."""
        couples = [each for each in tasks if questions[each].shape is QuestionShape.COUPLE]
        known = TaskFacts(
            self._unit, self._scope, self._settled, {self._numbers[end] for each in couples for end in each}
        )
        return [
            replace(task, question=questions[each].key, subject=self._subject(each, questions[each], known))
            for each, task in tasks.items()
        ]

    def _subject(self, each: Pair, question: PairQuestion, known: TaskFacts) -> int:
        """The record that a question is about; of two alone the newest, 0 where several are alike."""
        match question.shape:
            case QuestionShape.COUPLE:
                return known.find_newest_record([self._numbers[end] for end in each], self._keys)
            case QuestionShape.STAR:
                return self._numbers[question.named_by]
            case QuestionShape.GRID:
                return 0
