"""Questions: the review tasks that follow from partitions and decisions; nobody's clock is read.

A pair that a decision answered is asked about no more. UNSURE keeps a pair quiet while its weight is what
its maker saw, to the millionth of a bit. A task that waits for a day says which (``quiet_until``); who reads
tasks knows what day it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from mpi.clustering.component import Pair, find_spanning_edges, order_pair
from mpi.clustering.partition import Partition, ReviewReason
from mpi.clustering.question_groups import format_question_key
from mpi.domain.decision import Authority, Decision, DecisionKind
from mpi.domain.weight import Thresholds
from mpi.matching.diagnostics.patterns import find_error_pattern
from mpi.service.core.identity_key import identity_key
from mpi.service.decisions.contradictions import find_contradiction
from mpi.service.resolution.closure import Closure
from mpi.service.resolution.duplicate_local_ids import SameSets, derive_duplicate_id_tasks
from mpi.service.resolution.expected_harm import estimate_error_chance, estimate_harm
from mpi.service.resolution.task_facts import PairScoring, TaskFacts
from mpi.service.resolution.twins import find_known_twins
from mpi.service.statements.overlay_detection import find_pending_overlays
from mpi.standardize.payload import record_from_bytes
from mpi.storage.repositories.derived.derived import MICROBITS
from mpi.storage.repositories.review.tasks import NEVER, Task
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.repositories.steps.decisions import DecisionStatus, NamedDecision
from mpi.storage.unit_of_work.unit import ReadUnit

PAIR = "pair"
"""Are these two records one person?"""
CONFLICT = "conflict"
"""Decisions meet and one of them gave way: which holds?"""
OVERLAY_TASK = "overlay"
"""A source says under a record's local ID that it is another child: did the record become that child's?"""
RECHECK = "recheck"
"""Does this decision still hold?"""
CLAIM = "claim"
"""Somebody says something that cannot be believed unseen: what is true?"""
APPROVAL = "approval"
"""Somebody decided, and somebody else has to say so too."""


def derive_tasks(unit: ReadUnit, scope: Closure, settled: Sequence[Partition], weighing: PairScoring) -> list[Task]:
    """The tasks of settled components, each with what is at stake; pairs as if each were a question alone.

    Args:
        unit: the transaction to read versions in.
        scope: what was settled.
        settled: its partitions.
        weighing: how its pairs were weighed.
    """
    suspended = {decision.id for found in settled for decision in found.suspended}
    parted = _SeparatedPairs([decision for decision in scope.decisions if decision.id not in suspended])
    quiet = _collect_answered_weights(scope.named_decisions)
    keys = scope.outside_keys | scope.keys
    pairs = [
        _set_quiet_until(task, quiet)
        for task in _derive_pair_tasks(scope, settled, weighing.thresholds)
        if not parted.are_separated(keys[task.lo], keys[task.hi])
    ]
    others = [
        *(_set_quiet_until(task, quiet) for task in derive_duplicate_id_tasks(unit, scope, settled, weighing)),
        *_derive_overlay_tasks(unit, scope),
        *_derive_conflict_tasks(scope, suspended),
        *_derive_recheck_tasks(unit, scope),
        *_derive_claim_and_approval_tasks(unit, scope),
    ]
    if not pairs and not others:
        return []
    known = TaskFacts(unit, scope, settled, {end for task in (*pairs, *others) for end in task.ends})
    apart = find_known_twins(pairs, known, weighing.load_features)
    asked = [task for task in pairs if task.key not in apart]
    return [_add_harm(task, known) for task in (*_add_patterns(asked, known, weighing), *others)]


def _derive_overlay_tasks(unit: ReadUnit, scope: Closure) -> Iterator[Task]:
    """A task for each record of which a version waits that says that it is another child."""
    waiting = find_pending_overlays(unit, None if scope.is_whole_index else scope.referenced_records)
    if not waiting:
        return
    for number, record in sorted(unit.records.get(waiting).items()):
        if record.state != RecordState.SEALED:
            key = format_question_key("o", record.canonical_key)
            yield Task(
                f"{OVERLAY_TASK}:{record.canonical_key}", OVERLAY_TASK, number, number, 0.0, "another-child",
                question=key, subject=number,
            )  # fmt: skip


def _derive_claim_and_approval_tasks(unit: ReadUnit, scope: Closure) -> Iterator[Task]:
    """A task for each claim, and for each decision that a second word is to make, or to take back."""
    for one in unit.decisions.waiting_about(None if scope.is_whole_index else scope.referenced_records):
        match one.status:
            case DecisionStatus.REVIEW:
                key, kind, reason = f"{CLAIM}:{one.id}", CLAIM, "unconfirmed"
            case DecisionStatus.AWAITING:
                key, kind, reason = f"{APPROVAL}:{one.id}", APPROVAL, "second"
            case _:
                key, kind, reason = f"{APPROVAL}:{one.id}:{one.step_id}", APPROVAL, "second-undo"
        yield Task(key, kind, one.members[0], one.members[-1], 0.0, reason, None, one.id)


def _add_patterns(tasks: Sequence[Task], known: TaskFacts, weighing: PairScoring) -> Iterator[Task]:
    said = weighing.load_features({end for task in tasks for end in task.ends}) if tasks else {}
    for task in tasks:
        slip = find_error_pattern(weighing.scorer, said[task.lo], said[task.hi])
        yield replace(task, pattern=slip, batch_id=known.find_latest_load(task.ends))


def _add_harm(task: Task, known: TaskFacts) -> Task:
    expected = estimate_harm(estimate_error_chance(task.kind, task.bits), known.combine_stakes(task.ends), len(known.find_sources(task.ends)))
    return replace(task, harm=expected.total, harm_unflagged=expected.without_flags)


class _SeparatedPairs:
    """Which records decisions hold apart, those that gave way left out."""

    def __init__(self, decisions: Sequence[Decision]) -> None:
        different = [decision for decision in decisions if decision.kind is DecisionKind.DIFFERENT]
        self._find = SameSets(decisions if different else ()).find
        self._apart = {
            frozenset((self._find(left), self._find(right)))
            for decision in different
            for place, group in enumerate(decision.groups)
            for later in decision.groups[place + 1 :]
            for left in group
            for right in later
        }

    def are_separated(self, left: int, right: int) -> bool:
        """Whether a decision says that the two are different persons."""
        return bool(self._apart) and frozenset((self._find(left), self._find(right))) in self._apart


def _collect_answered_weights(named: Sequence[NamedDecision]) -> dict[tuple[int, int], list[tuple[int, str]]]:
    """By pair of record numbers: the weight in millionths of a bit that is known, and quiet until when."""
    found: dict[tuple[int, int], list[tuple[int, str]]] = {}
    for one in named:
        for records, bits in one.evidence:
            known = (round(bits * MICROBITS), one.recheck_on or NEVER)
            found.setdefault(records, []).append(known)
    return found


def _set_quiet_until(task: Task, quiet: Mapping[tuple[int, int], list[tuple[int, str]]]) -> Task:
    known = quiet.get((task.lo, task.hi), ())
    until = max((day for bits, day in known if bits == round(task.bits * MICROBITS)), default=None)
    return replace(task, quiet_until=until)


def _derive_pair_tasks(scope: Closure, settled: Sequence[Partition], thresholds: Thresholds) -> Iterator[Task]:
    number_of = _map_keys_to_numbers(scope)
    place = {key: n for n, found in enumerate(settled) for c in found.clusters for key in c}
    for found in settled:
        for doubt in found.doubts:
            lo, hi = sorted(number_of[key] for key in doubt.pair)
            yield Task(format_pair_key(doubt.pair), PAIR, lo, hi, doubt.bits, doubt.reason)
    # Pairs below the influence floor lie across components, so no partition has seen them.
    known = scope.outside_keys | scope.keys
    parted: dict[Pair, tuple[int, int, float]] = {}
    for (lo, hi), bits in scope.edges.items():
        if bits < thresholds.review or lo not in known or hi not in known:
            continue
        left, right = known[lo], known[hi]
        if place.get(left) == place.get(right):
            continue
        if bits < thresholds.influence_floor:
            yield Task(format_pair_key(order_pair(left, right)), PAIR, lo, hi, bits, ReviewReason.BAND)
        else:
            parted[order_pair(left, right)] = (lo, hi, bits)
    for edge in find_spanning_edges({edge: bits for edge, (_, _, bits) in parted.items()}, place):
        yield Task(format_pair_key(edge), PAIR, *parted[edge], ReviewReason.OVERSIZED)


def format_pair_key(keys: Pair) -> str:
    """The key of the task about a pair, by canonical keys; see ``parse_pair_key``."""
    return f"{PAIR}:{keys[0]}:{keys[1]}"


def parse_pair_key(key: str) -> Pair:
    """The pair that a task of this key is about, by canonical keys."""
    _, low, high = key.split(":")
    return int(low), int(high)


def _derive_conflict_tasks(scope: Closure, suspended: set[int]) -> Iterator[Task]:
    """A task for each decision that gave way, about two active records of the chain."""
    if not suspended:
        return
    by_id = {decision.id: decision for decision in scope.decisions}
    number_of = _map_keys_to_numbers(scope)
    holding = [decision for decision in scope.decisions if decision.id not in suspended]
    for number in sorted(suspended):
        if by_id[number].authority is Authority.HOLD:
            continue
        chain = (*(find_contradiction(by_id[number], holding) or ()), number)
        ends = _pick_two_active_records(number_of, [by_id[each] for each in chain])
        if ends is not None:
            yield Task(f"{CONFLICT}:{number}", CONFLICT, *ends, 0.0, "suspended", None, number)


def _derive_recheck_tasks(unit: ReadUnit, scope: Closure) -> Iterator[Task]:
    """A task for each decision whose record is no longer whom its maker saw, or whose day will come."""
    asked = {
        one.decision.id: one
        for one in scope.named_decisions
        if one.decision.kind is not DecisionKind.UNSURE and one.decision.authority is not Authority.HOLD
    }
    if not asked:
        return
    changed = _find_outdated_decisions(unit, asked)
    number_of = _map_keys_to_numbers(scope)
    for number, one in asked.items():
        ends = _pick_two_active_records(number_of, [one.decision])
        if ends is None:
            continue
        if number in changed:
            yield Task(f"{RECHECK}:{number}", RECHECK, *ends, 0.0, "changed", None, number)
        elif one.recheck_on is not None:
            yield Task(f"{RECHECK}:{number}", RECHECK, *ends, 0.0, "due", one.recheck_on, number)


def _find_outdated_decisions(unit: ReadUnit, decision_ids: Mapping[int, NamedDecision]) -> set[int]:
    """Decisions that name a record whose name or birth date is another than its maker saw."""
    moved = unit.decisions.restated_versions(decision_ids)
    payloads = unit.records.payloads_of_versions({version for _, *versions in moved for version in versions})
    return {
        number
        for number, seen, now in moved
        if identity_key(record_from_bytes(payloads[seen])) != identity_key(record_from_bytes(payloads[now]))
    }


def _map_keys_to_numbers(scope: Closure) -> dict[int, int]:
    """The number of each active record, by canonical key."""
    return {key: number for number, key in scope.keys.items()}


def _pick_two_active_records(number_of: Mapping[int, int], decisions: Sequence[Decision]) -> tuple[int, int] | None:
    groups = [group for decision in decisions for group in decision.groups]
    first = sorted({key for group in groups for key in group if key in number_of})
    if len(first) < len(("one", "other")):
        return None
    lo, hi = sorted(number_of[key] for key in first[:2])
    return lo, hi
