"""Labels: what stewards decided, as pairs that a model can be fitted and judged by (``training fit``).

Only what a person said counts, and only while it is in force: what a model or a source said would teach the
model itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product

from mpi.domain.decision import Authority, DecisionKind
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.visibility import visible_labels
from mpi.service.sampling.blind_review import DIFFERENT, SAME
from mpi.storage.repositories.steps.decisions import DecisionStatus, StoredDecision
from mpi.storage.unit_of_work.unit import ReadUnit

HEADER = (
    "left_source", "left_local_id", "right_source", "right_local_id", "label", "decided_on", "reason",
)  # fmt: skip
BLIND_REASON = "blind-review"
"""Reason of a label that is a blind answer."""
_PAGE = 1_000
_LABELS = {SAME: DecisionKind.SAME, DIFFERENT: DecisionKind.DIFFERENT}

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class LabelRow:
    """Two records, and whether a person said that they are of one child.

    Args:
        left_source: source of the one record.
        left_local_id: its local ID.
        right_source: source of the other.
        right_local_id: its local ID.
        label: ``SAME`` or ``DIFFERENT``.
        decided_on: the day, ``YYYY-MM-DD``.
        reason: the decision's code; ``blind-review`` of a blind answer.
    """

    left_source: str
    left_local_id: str
    right_source: str
    right_local_id: str
    label: str
    decided_on: str
    reason: str


@dataclass(frozen=True, slots=True)
class _PairLabel:
    label: DecisionKind
    day: str
    reason: str


def export_labels(index: Index, viewer: Viewer, *, with_blind: bool = False) -> tuple[LabelRow, ...]:
    """Pairs that stewards decided, by record; a pair once, with what was said of it last.

    A pair of which the viewer may not see both records is left out, and so is one that blind answers
    contradict each other, or a decision, about: a decision then stands by itself.

    Args:
        index: the open index.
        viewer: who receives it, and for what purpose.
        with_blind: whether blind answers count too.

    Raises:
        AccessDenied: the viewer may not export.
    """
    require_permission(viewer, Action.CROSSWALK_EXPORT)
    with index.database.read(viewer) as unit:
        said: dict[Pair, _PairLabel] = {}
        for one, day in _iterate_steward_decisions(unit):
            said.update({pair: _PairLabel(one.kind, day, one.reason) for pair in _list_pairs(one)})
        if with_blind:
            said = _load_blind_labels(unit) | said
        labels = visible_labels(unit, {end for pair in said for end in pair})
    shown = {pair: one for pair, one in said.items() if pair[0] in labels and pair[1] in labels}
    disclose(index, viewer, Action.CROSSWALK_EXPORT, {end for pair in shown for end in pair}, HEADER)
    rows = (
        LabelRow(
            labels[left].source,
            labels[left].local_id,
            labels[right].source,
            labels[right].local_id,
            one.label.value,
            one.day,
            one.reason,
        )
        for (left, right), one in sorted(shown.items())
    )
    return tuple(rows)


def _iterate_steward_decisions(unit: ReadUnit) -> Iterator[tuple[StoredDecision, str]]:
    """Decisions of stewards in force that say SAME or DIFFERENT, oldest first, each with its day."""
    numbers = sorted(named.decision.id for named in unit.decisions.all_in_force())
    for start in range(0, len(numbers), _PAGE):
        found = unit.decisions.by_ids(numbers[start : start + _PAGE])
        times = unit.commit_info({one.commit_no for one in found.values()})
        for number in sorted(found):
            one = found[number]
            is_stewards = one.authority is Authority.STEWARD and one.status is DecisionStatus.IN_FORCE
            if is_stewards and one.kind in (DecisionKind.SAME, DecisionKind.DIFFERENT):
                yield one, times[one.commit_no][0][: len("2026-01-01")]


def _list_pairs(one: StoredDecision) -> Iterator[Pair]:
    if one.kind is DecisionKind.SAME:
        found = (pair for group in one.groups for pair in combinations(group, 2))
    else:
        found = (pair for a, b in combinations(one.groups, 2) for pair in product(a, b))
    return ((min(pair), max(pair)) for pair in found)


def _load_blind_labels(unit: ReadUnit) -> dict[Pair, _PairLabel]:
    """What blind answers say of pairs, but for those on which two people disagree."""
    said: dict[Pair, _PairLabel] = {}
    disputed: set[Pair] = set()
    for pair, answer in unit.blind_pairs.all_with_answers():
        label = _LABELS.get(answer.verdict)
        ends = (pair.lo, pair.hi)
        before = said.get(ends)
        first = _LABELS.get(pair.first_verdict or "")
        if label is None or (before and before.label is not label) or (first and first is not label):
            disputed.add(ends)
            continue
        said[ends] = _PairLabel(label, answer.at[: len("2026-01-01")], BLIND_REASON)
    return {pair: one for pair, one in said.items() if pair not in disputed}
