"""Derive review tasks from partitions, decisions, overlays and missing approvals.

No clock is read. A pair that a decision answered gets no task. An UNSURE decision keeps a pair quiet while
its match weight equals, to the millionth of a bit, the weight that the steward saw. A task that waits for a
day carries that day in ``quiet_until``; the reader of tasks compares it with today.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from mpi.clustering.component import Pair, find_spanning_edges, order_pair
from mpi.clustering.partition import Partition, ReviewReason
from mpi.clustering.question_groups import MAX_GRID_RECORDS, format_question_key
from mpi.domain.decision import Authority, Decision, DecisionKind
from mpi.domain.viewer import Viewer
from mpi.domain.weight import Thresholds
from mpi.matching.diagnostics.patterns import find_error_pattern
from mpi.service.core.name_and_birth_key import identity_key
from mpi.service.decisions.contradictions import find_contradiction
from mpi.service.resolution.closure import Closure
from mpi.service.resolution.duplicate_local_ids import derive_duplicate_id_tasks, join_same_decisions
from mpi.service.resolution.expected_harm import estimate_error_chance, estimate_harm
from mpi.service.resolution.known_twins import find_known_twins
from mpi.service.resolution.task_facts import PairScoring, TaskFacts
from mpi.service.statements.overlay_detection import find_pending_overlays
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.repositories.derived.features_and_edges import MICROBITS
from mpi.storage.repositories.review.tasks import NEVER, Task
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.repositories.steps.decisions import DecisionStatus
from mpi.storage.repositories.steps.decisions_in_force import NamedDecision
from mpi.storage.unit_of_work.units import ReadUnit

PAIR = "pair"
"""Task kind: are these two records one person?"""
CONFLICT = "conflict"
"""Task kind: which of several contradicting decisions holds?"""
OVERLAY_TASK = "overlay"
"""Task kind: did this local ID become another child's?"""
RECHECK = "recheck"
"""Task kind: does this decision still hold?"""
CLAIM = "claim"
"""Task kind: is this unconfirmed claim true?"""
APPROVAL = "approval"
"""Task kind: does a second person approve this step?"""


def derive_tasks(
    unit: ReadUnit, closure: Closure, partitions: Sequence[Partition], scoring: PairScoring
) -> list[Task]:
    """Derive the review tasks of partitioned components, with their expected harm.

    Tasks about pairs are not yet grouped into questions.

    Args:
        unit: the transaction to read versions in.
        closure: the records that were partitioned.
        partitions: the partitions of the closure.
        scoring: features, scorer and thresholds of the pairs.
    """
    suspended = {decision.id for partition in partitions for decision in partition.suspended}
    separated_pairs = _SeparatedPairs(
        [decision for decision in closure.decisions if decision.id not in suspended]
    )
    answered_weights = _collect_answered_weights(closure.named_decisions)
    keys = closure.outside_keys | closure.keys
    numbers_by_key = _map_keys_to_numbers(closure)
    asked_partitions = [
        _select_spanning_pairs(partition, separated_pairs, answered_weights, numbers_by_key)
        for partition in partitions
    ]
    pair_tasks = [
        _set_quiet_until(task, answered_weights)
        for task in _derive_pair_tasks(closure, asked_partitions, scoring.thresholds)
        if not separated_pairs.are_separated(keys[task.lo], keys[task.hi])
    ]
    other_tasks = [
        *(
            _set_quiet_until(task, answered_weights)
            for task in derive_duplicate_id_tasks(unit, closure, partitions, scoring)
        ),
        *_derive_overlay_tasks(unit, closure),
        *_derive_conflict_tasks(closure, suspended),
        *_derive_recheck_tasks(unit, closure),
        *_derive_claim_and_approval_tasks(unit, closure),
    ]
    if not pair_tasks and not other_tasks:
        return []
    facts = TaskFacts(
        unit, closure, partitions, {end for task in (*pair_tasks, *other_tasks) for end in task.ends}
    )
    twin_keys = find_known_twins(pair_tasks, facts, scoring.load_features)
    open_pair_tasks = [task for task in pair_tasks if task.key not in twin_keys]
    return [
        _add_harm(task, facts) for task in (*_add_patterns(open_pair_tasks, facts, scoring), *other_tasks)
    ]


def _derive_overlay_tasks(unit: ReadUnit, closure: Closure) -> Iterator[Task]:
    """Yield a review task for each record with a suspected overlay.

    An overlay is a newer version that seems to describe another child.
    """
    overlaid_records = find_pending_overlays(
        unit, None if closure.is_whole_index else closure.referenced_records
    )
    if not overlaid_records:
        return
    for number, record in sorted(unit.records.get(overlaid_records).items()):
        if record.state != RecordState.SEALED:
            question_key = format_question_key("o", record.canonical_key)
            yield Task(
                key=f"{OVERLAY_TASK}:{record.canonical_key}",
                kind=OVERLAY_TASK,
                lo=number,
                hi=number,
                bits=0.0,
                reason="another-child",
                question=question_key,
                subject=number,
            )


def _derive_claim_and_approval_tasks(unit: ReadUnit, closure: Closure) -> Iterator[Task]:
    """Yield a review task for each claim and each decision awaiting approval."""
    for decision in unit.decisions_in_force.waiting_about(
        None if closure.is_whole_index else closure.referenced_records
    ):
        match decision.status:
            case DecisionStatus.REVIEW:
                task_key, kind, reason = f"{CLAIM}:{decision.id}", CLAIM, "unconfirmed"
            case DecisionStatus.AWAITING:
                task_key, kind, reason = f"{APPROVAL}:{decision.id}", APPROVAL, "second"
            case _:
                task_key, kind, reason = (
                    f"{APPROVAL}:{decision.id}:{decision.step_id}",
                    APPROVAL,
                    "second-undo",
                )
        yield Task(
            key=task_key,
            kind=kind,
            lo=decision.members[0],
            hi=decision.members[-1],
            bits=0.0,
            reason=reason,
            quiet_until=None,
            decision_id=decision.id,
        )


def _add_patterns(tasks: Sequence[Task], facts: TaskFacts, scoring: PairScoring) -> Iterator[Task]:
    """Yield pair review tasks with their error pattern and latest load."""
    features = scoring.load_features({end for task in tasks for end in task.ends}) if tasks else {}
    for task in tasks:
        error_pattern = find_error_pattern(scoring.scorer, features[task.lo], features[task.hi])
        yield replace(task, pattern=error_pattern, batch_id=facts.find_latest_load(task.ends))


def _add_harm(task: Task, facts: TaskFacts) -> Task:
    """Return a review task with the expected harm of leaving it unanswered."""
    expected_harm = estimate_harm(
        estimate_error_chance(task.kind, task.bits),
        facts.combine_stakes(task.ends),
        len(facts.find_sources(task.ends)),
    )
    return replace(task, harm=expected_harm.total, harm_unflagged=expected_harm.without_flags)


class _SeparatedPairs:
    """Pairs of records that DIFFERENT decisions in force keep apart."""

    def __init__(self, decisions: Sequence[Decision]) -> None:
        different_decisions = [decision for decision in decisions if decision.kind is DecisionKind.DIFFERENT]
        self._find = join_same_decisions(decisions if different_decisions else ()).find
        self._separated = {
            frozenset((self._find(left), self._find(right)))
            for decision in different_decisions
            for position, group in enumerate(decision.groups)
            for later_group in decision.groups[position + 1 :]
            for left in group
            for right in later_group
        }

    def are_separated(self, left: int, right: int) -> bool:
        """Return whether a decision says that two records are different persons."""
        return bool(self._separated) and frozenset((self._find(left), self._find(right))) in self._separated


def _collect_answered_weights(
    named_decisions: Sequence[NamedDecision],
) -> dict[tuple[int, int], list[tuple[int, str]]]:
    """Collect the match weights that UNSURE decisions answered, by record pair.

    Each comes with the day until which the pair stays quiet. Weights are in millionths of a bit; keys are
    pairs of record numbers.
    """
    answered_weights: dict[tuple[int, int], list[tuple[int, str]]] = {}
    for decision in named_decisions:
        for records, bits in decision.evidence:
            answer = (round(bits * MICROBITS), decision.recheck_on or NEVER)
            answered_weights.setdefault(records, []).append(answer)
    return answered_weights


def _select_spanning_pairs(
    partition: Partition,
    separated_pairs: _SeparatedPairs,
    answered_weights: Mapping[tuple[int, int], Collection[tuple[int, str]]],
    numbers_by_key: Mapping[int, int],
) -> Partition:
    """Return a partition with the fewest review pairs that join its clusters.

    Fifty records that might all be one child would make 1,225 questions. Where more records are in doubt than
    one page shows, only the strongest pairs are asked that join the clusters. An answer brings up the next
    ones, since pairs that were answered join nothing.
    """
    doubts = {doubt.pair: doubt for doubt in partition.review_pairs}
    if len({end for pair in doubts for end in pair}) <= MAX_GRID_RECORDS:
        return partition
    answered = {
        pair for pair in doubts if tuple(sorted(numbers_by_key[end] for end in pair)) in answered_weights
    }
    open_bits = {
        pair: doubt.bits
        for pair, doubt in doubts.items()
        if pair not in answered and not separated_pairs.are_separated(*pair)
    }
    piece_of = {key: piece for piece, cluster in enumerate(partition.clusters) for key in cluster}
    asked = answered.union(find_spanning_edges(open_bits, piece_of))
    return replace(
        partition, review_pairs=tuple(doubt for doubt in partition.review_pairs if doubt.pair in asked)
    )


def _set_quiet_until(task: Task, answered_weights: Mapping[tuple[int, int], list[tuple[int, str]]]) -> Task:
    """Return a review task with the day until which it stays quiet.

    An UNSURE answer to the same pair, stored earlier, sets that day.
    """
    answers = answered_weights.get((task.lo, task.hi), ())
    if not answers:
        return task
    quiet_until = max((day for bits, day in answers if bits == round(task.bits * MICROBITS)), default=None)
    return replace(task, quiet_until=quiet_until)


def _derive_pair_tasks(
    closure: Closure, partitions: Sequence[Partition], thresholds: Thresholds
) -> Iterator[Task]:
    """Yield a review task for each doubtful pair of records."""
    numbers_by_key = _map_keys_to_numbers(closure)
    cluster_group = {
        key: position
        for position, partition in enumerate(partitions)
        for cluster in partition.clusters
        for key in cluster
    }
    for partition in partitions:
        for doubt in partition.review_pairs:
            lo, hi = sorted(numbers_by_key[key] for key in doubt.pair)
            yield Task(
                key=format_pair_key(doubt.pair), kind=PAIR, lo=lo, hi=hi, bits=doubt.bits, reason=doubt.reason
            )
    # Pairs below the influence floor connect no component, so no partition contains them.
    keys_by_number = closure.outside_keys | closure.keys
    cut_pairs: dict[Pair, tuple[int, int, float]] = {}
    for (lo, hi), bits in closure.edges.items():
        if bits < thresholds.review or lo not in keys_by_number or hi not in keys_by_number:
            continue
        left, right = keys_by_number[lo], keys_by_number[hi]
        if cluster_group.get(left) == cluster_group.get(right):
            continue
        if bits < thresholds.influence_floor:
            yield Task(
                key=format_pair_key(order_pair(left, right)),
                kind=PAIR,
                lo=lo,
                hi=hi,
                bits=bits,
                reason=ReviewReason.BAND,
            )
        else:
            cut_pairs[order_pair(left, right)] = (lo, hi, bits)
    for edge in find_spanning_edges({edge: bits for edge, (_, _, bits) in cut_pairs.items()}, cluster_group):
        lo, hi, bits = cut_pairs[edge]
        yield Task(
            key=format_pair_key(edge), kind=PAIR, lo=lo, hi=hi, bits=bits, reason=ReviewReason.OVERSIZED
        )


def may_be_asked(viewer: Viewer, kind: str, reason: str) -> bool:
    """Return whether a viewer may be asked a task.

    The viewer sees the records of the task. A pair that weighs enough to link may be held by a record that a
    viewer of some sources does not see. So such a viewer is asked only about pairs whose weight alone leaves
    them in doubt. The queue's queries have the same rule.
    """
    return viewer.sources is None or kind != PAIR or reason in {ReviewReason.BAND.value, ""}


def format_pair_key(canonical_pair: Pair) -> str:
    """Return the review-task key of a pair of canonical record keys."""
    return f"{PAIR}:{canonical_pair[0]}:{canonical_pair[1]}"


def parse_pair_key(task_key: str) -> Pair:
    """Return the pair of canonical record keys in a review-task key."""
    _, low, high = task_key.split(":")
    return int(low), int(high)


def _derive_conflict_tasks(closure: Closure, suspended: set[int]) -> Iterator[Task]:
    """Yield a review task for each decision that a conflict suspends.

    Only decisions that still name two active records count.
    """
    if not suspended:
        return
    by_id = {decision.id: decision for decision in closure.decisions}
    numbers_by_key = _map_keys_to_numbers(closure)
    holding = [decision for decision in closure.decisions if decision.id not in suspended]
    for decision_id in sorted(suspended):
        if by_id[decision_id].authority is Authority.HOLD:
            continue
        chain = (*(find_contradiction(by_id[decision_id], holding) or ()), decision_id)
        two_records = _pick_two_active_records(numbers_by_key, [by_id[chain_id] for chain_id in chain])
        if two_records is not None:
            yield _build_decision_task(CONFLICT, decision_id, two_records, "suspended")


def _derive_recheck_tasks(unit: ReadUnit, closure: Closure) -> Iterator[Task]:
    """Yield a review task for each decision that must be rechecked."""
    binding_decisions = {
        named_decision.decision.id: named_decision
        for named_decision in closure.named_decisions
        if named_decision.decision.kind is not DecisionKind.UNSURE
        and named_decision.decision.authority is not Authority.HOLD
    }
    if not binding_decisions:
        return
    outdated = _find_outdated_decisions(unit, binding_decisions)
    numbers_by_key = _map_keys_to_numbers(closure)
    for decision_id, named_decision in binding_decisions.items():
        two_records = _pick_two_active_records(numbers_by_key, [named_decision.decision])
        if two_records is None:
            continue
        if decision_id in outdated:
            yield _build_decision_task(RECHECK, decision_id, two_records, "changed")
        elif named_decision.recheck_on is not None:
            due_task = _build_decision_task(RECHECK, decision_id, two_records, "due")
            yield replace(due_task, quiet_until=named_decision.recheck_on)


def _build_decision_task(kind: str, decision_id: int, records: tuple[int, int], reason: str) -> Task:
    """Build the review task about a decision, with two of its records."""
    lo, hi = records
    return Task(
        key=f"{kind}:{decision_id}", kind=kind, lo=lo, hi=hi, bits=0.0, reason=reason, decision_id=decision_id
    )


def _find_outdated_decisions(unit: ReadUnit, decision_ids: Mapping[int, NamedDecision]) -> set[int]:
    """Return decisions with a record whose name or birth date has changed."""
    restated = unit.decisions.restated_versions(decision_ids)
    payloads = unit.record_versions.payloads_of_versions(
        {version for _, *versions in restated for version in versions}
    )
    return {
        decision_id
        for decision_id, seen_version, active_version in restated
        if identity_key(record_from_bytes(payloads[seen_version]))
        != identity_key(record_from_bytes(payloads[active_version]))
    }


def _map_keys_to_numbers(closure: Closure) -> dict[int, int]:
    """Return the record number of each active record, by canonical key."""
    return {key: number for number, key in closure.keys.items()}


def _pick_two_active_records(
    numbers_by_key: Mapping[int, int], decisions: Sequence[Decision]
) -> tuple[int, int] | None:
    """Return two active records that decisions name; None where there are fewer."""
    groups = [group for decision in decisions for group in decision.groups]
    active_keys = sorted({key for group in groups for key in group if key in numbers_by_key})
    if len(active_keys) <= 1:
        return None
    lo, hi = sorted(numbers_by_key[key] for key in active_keys[:2])
    return lo, hi
