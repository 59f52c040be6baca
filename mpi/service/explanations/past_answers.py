"""What has changed about a pair since somebody answered "cannot tell".

Such a pair is asked about again on a day, or as soon as its evidence changes. The answer keeps the comparison
levels of its time, and no values. They are compared with the levels of today.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mpi.domain.decision import DecisionKind
from mpi.service.core.index import Index
from mpi.service.decisions.decision_log import find_visible_groups
from mpi.service.explanations import wording
from mpi.service.explanations.pair_evidence import ComparisonEvidence
from mpi.service.explanations.pair_weights import Pair
from mpi.storage.repositories.steps.decisions import DecisionStatus, StoredDecision
from mpi.storage.unit_of_work.units import ReadUnit


@dataclass(frozen=True, slots=True)
class LevelChange:
    """Change of one comparison.

    Args:
        comparison: the model's name of the comparison.
        before: the level of the time of the answer, in words.
        after: the level of today, in words.
    """

    comparison: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class PastAnswer:
    """The latest answer "cannot tell" about a pair.

    Args:
        at: when it was given (ISO, UTC).
        by: account or client that gave it.
        changes: what has changed since, in the order of the model.
        is_new_model: whether another model compares the records now, so that levels are not comparable.
    """

    at: str
    by: str
    changes: tuple[LevelChange, ...]
    is_new_model: bool


def find_past_answers(
    unit: ReadUnit, index: Index, evidence: Mapping[Pair, Sequence[ComparisonEvidence]]
) -> dict[Pair, PastAnswer]:
    """Find the latest answer "cannot tell" about each pair.

    Each answer says what has changed since it was given.

    Args:
        unit: the transaction of the viewer.
        index: the open index.
        evidence: evidence of today, by pair of records that the viewer may see and compare whole.

    Returns:
        Answers by pair; a pair without a visible answer has no entry.
    """
    decisions = unit.decisions.of_records({end for pair in evidence for end in pair})
    unsure = [
        decision
        for decision in decisions.values()
        if decision.kind is DecisionKind.UNSURE and decision.status is DecisionStatus.IN_FORCE
    ]
    groups = find_visible_groups(unit, unsure) if unsure else {}
    visible = sorted((each for each in unsure if groups[each.id] is not None), key=lambda each: each.id)
    commits = unit.commit_info({decision.commit_no for decision in visible}) if visible else {}
    answers: dict[Pair, PastAnswer] = {}
    for decision in visible:
        at, by, _ = commits[decision.commit_no]
        for pair, today in evidence.items():
            levels = _find_levels(decision, pair)
            if levels is not None:
                is_new_model = decision.evidence.get("model") != index.matcher.model.ref
                changes = () if is_new_model else _list_changes(levels, today)
                answers[pair] = PastAnswer(at, by, changes, is_new_model)
    return answers


def _find_levels(decision: StoredDecision, pair: Pair) -> Mapping[str, str] | None:
    """Return the levels that a decision keeps of a pair, or None."""
    stored: Sequence[Mapping[str, Any]] = decision.evidence.get("pairs", ())
    return next((each["levels"] for each in stored if set(each["records"]) == set(pair)), None)


def _list_changes(
    levels: Mapping[str, str], evidence: Sequence[ComparisonEvidence]
) -> tuple[LevelChange, ...]:
    """List the comparisons whose level is another one today."""
    return tuple(
        LevelChange(item.comparison, _describe(item.comparison, levels[item.comparison]), item.phrase)
        for item in evidence
        if item.comparison in levels and levels[item.comparison] != item.level
    )


def _describe(comparison: str, level: str) -> str:
    """Return a stored level in words."""
    is_caution = comparison == wording.CAUTION
    return wording.describe_caution(level) if is_caution else wording.describe_level(comparison, level)
