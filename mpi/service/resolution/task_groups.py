"""Group review tasks about pairs into the questions that a steward sees.

A pair below the influence floor belongs to no component, so connected doubtful pairs may span several
components. A settlement at one end can therefore regroup questions nearby.
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
from mpi.storage.unit_of_work.units import ReadUnit


@dataclass(frozen=True, slots=True)
class TaskReplacement:
    """Stored review tasks and the tasks that replace them.

    Args:
        before: the tasks as they are stored.
        after: the tasks that take their place.
    """

    before: tuple[Task, ...]
    after: tuple[Task, ...]


def group_tasks(
    unit: ReadUnit, closure: Closure, partitions: Sequence[Partition], tasks: Collection[Task]
) -> TaskReplacement:
    """Assign each pair review task to a steward's question.

    Stored tasks whose question thereby changes are included.

    Args:
        unit: the transaction.
        closure: the records that were partitioned.
        partitions: the partitions of the closure.
        tasks: the tasks of the closure.
    """
    stored_tasks = unit.tasks.all() if closure.is_whole_index else _load_stored_tasks(unit, closure, tasks)
    if not tasks and not stored_tasks:
        return TaskReplacement((), ())
    other_tasks = [task for task in tasks if task.kind != PAIR]
    stored_pairs, derived_pairs = _index_by_pair(stored_tasks), _index_by_pair(tasks)
    namer = _QuestionNamer(unit, closure, partitions, stored_pairs)
    if closure.is_whole_index:
        questions = ReviewPairGraph.from_pairs(derived_pairs).group_into_questions(derived_pairs)
        return TaskReplacement(
            tuple(stored_tasks), (*other_tasks, *namer.name_questions(derived_pairs, questions))
        )
    graph_before = ReviewPairGraph(namer.load_candidates)
    graph_after = ReviewPairGraph(
        _adjust_candidates(
            graph_before,
            removed_pairs=stored_pairs.keys() - derived_pairs.keys(),
            added_pairs=derived_pairs.keys() - stored_pairs.keys(),
        )
    )
    changed_ends = {end for key_pair in stored_pairs.keys() ^ derived_pairs.keys() for end in key_pair}
    questions = graph_after.group_into_questions(derived_pairs) | regroup_questions(
        graph_before, graph_after, changed_ends
    )
    regrouped_tasks = unit.tasks.by_keys(
        [format_pair_key(key_pair) for key_pair in questions.keys() - derived_pairs.keys()]
    )
    pair_tasks = namer.name_questions(derived_pairs | _index_by_pair(regrouped_tasks), questions)
    return TaskReplacement((*stored_tasks, *regrouped_tasks), (*other_tasks, *pair_tasks))


def _load_stored_tasks(unit: ReadUnit, closure: Closure, tasks: Collection[Task]) -> list[Task]:
    """Load stored review tasks about partitioned records or with newly derived keys.

    A waiting decision may name records that nothing else connects. Its task carries the first and the last.
    """
    stored_tasks = unit.tasks.about_records(closure.referenced_records)
    ends_by_key = {
        task.key: task.ends for task in tasks if task.kind != PAIR and not task.ends & closure.record_ids
    }
    if ends_by_key:
        ends = frozenset().union(*ends_by_key.values())
        stored_tasks += [task for task in unit.tasks.about_records(ends) if task.key in ends_by_key]
    return stored_tasks


def _index_by_pair(tasks: Collection[Task]) -> dict[Pair, Task]:
    """Return the review tasks about record pairs, by pair of canonical keys."""
    return {parse_pair_key(task.key): task for task in tasks if task.kind == PAIR}


def _adjust_candidates(
    graph: ReviewPairGraph, removed_pairs: Collection[Pair], added_pairs: Collection[Pair]
) -> CandidateReader:
    """Return a reader of doubtful pairs with some removed or added."""
    removed, added = group_candidates(removed_pairs), group_candidates(added_pairs)

    def read_candidates(records: Collection[int]) -> Mapping[int, Collection[int]]:
        graph.load(records)
        return {
            record: ({*graph.get_candidates(record)} - removed.get(record, set())) | added.get(record, set())
            for record in records
        }

    return read_candidates


class _QuestionNamer:
    """Assigns each pair review task its steward's question and subject record.

    Args:
        unit: the transaction.
        closure: the records that were partitioned.
        partitions: the partitions of the closure.
        stored: the stored pair tasks about settled records.
    """

    def __init__(
        self, unit: ReadUnit, closure: Closure, partitions: Sequence[Partition], stored: Mapping[Pair, Task]
    ) -> None:
        self._unit = unit
        self._scope = closure
        self._settled = partitions
        self._stored = group_candidates(stored)
        self._keys = closure.outside_keys | closure.keys
        self._numbers = {key: number for number, key in self._keys.items()}
        # Some records may be inactive by now.
        ends = {end for task in stored.values() for end in task.ends}
        for number, record in unit.records.get(ends - self._keys.keys()).items():
            self._add_record(number, record.canonical_key)

    def load_candidates(self, records: Collection[int]) -> Mapping[int, Collection[int]]:
        """Load the stored doubtful neighbors of records, by canonical keys."""
        numbers = {record: self._numbers.get(record) for record in records}
        outside_numbers = {
            number for number in numbers.values() if number is not None
        } - self._scope.record_ids
        stored_pairs = set()
        for lo, hi, key in self._unit.tasks.ends_about_records(outside_numbers, PAIR):
            key_pair = first_key, second_key = parse_pair_key(key)
            stored_pairs.add(key_pair)
            # A task names its records by number and by key, each ascending. Number and key of the asked
            # record are known, which identifies the other. A settled record may have a new key by now.
            asked_number, counterpart = (lo, hi) if lo in outside_numbers else (hi, lo)
            if counterpart not in self._keys:
                self._add_record(
                    counterpart, first_key if self._keys[asked_number] == second_key else second_key
                )
        loaded = group_candidates(stored_pairs)
        # Settled and inactive records have only the pairs that were read before.
        return {
            record: (loaded if number in outside_numbers else self._stored).get(record, ())
            for record, number in numbers.items()
        }

    def _add_record(self, number: int, key: int) -> None:
        """Remember which canonical key a record number has."""
        self._keys[number] = key
        self._numbers[key] = number

    def name_questions(
        self, tasks: Mapping[Pair, Task], questions: Mapping[Pair, PairQuestion]
    ) -> list[Task]:
        """Return the pair tasks with question key and subject record filled in."""
        couple_pairs = [key_pair for key_pair in tasks if questions[key_pair].shape is QuestionShape.COUPLE]
        facts = TaskFacts(
            self._unit,
            self._scope,
            self._settled,
            {self._numbers[end] for key_pair in couple_pairs for end in key_pair},
        )
        return [
            replace(
                task,
                question=questions[key_pair].key,
                subject=self._choose_subject(key_pair, questions[key_pair], facts),
            )
            for key_pair, task in tasks.items()
        ]

    def _choose_subject(self, key_pair: Pair, question: PairQuestion, facts: TaskFacts) -> int:
        """Return the record that a steward's question is mainly about.

        Of two records it is the newer one; 0 where every record is compared with every other.
        """
        match question.shape:
            case QuestionShape.COUPLE:
                return facts.find_newest_record([self._numbers[end] for end in key_pair], self._keys)
            case QuestionShape.STAR:
                return self._numbers[question.named_by]
            case QuestionShape.GRID:
                return 0
