"""Comparison of two groups of records that a steward may link.

The strongest pair between the groups stands for both: its evidence is what the model says about them, as far
as the viewer may compare the records.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.domain.weight import round_weight
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.visibility import find_record_numbers
from mpi.service.core.visible_features import VisibleFeatures, load_visible_features
from mpi.service.explanations.pair_evidence import FieldVerdict, collect_evidence, collect_field_verdicts
from mpi.service.explanations.pair_explanation import FIELDS, Explanation, explain_compared_pair
from mpi.service.persons.child_conditions import require_child_conditions
from mpi.storage.unit_of_work.units import ReadUnit

MAX_COMPARED = 40
"""Most records of a group that are compared, the first as given."""
MAX_SHOWN = 3
"""Most records of a group that a comparison shows, the strongest first."""


@dataclass(frozen=True, slots=True)
class GroupEvidence:
    """Evidence that two groups of records are one child, or are not.

    Args:
        left: shown records of the first group, the one of the strongest pair first.
        right: shown records of the second group, likewise.
        explanation: why the model links the strongest pair or not; None where nothing can be compared.
        verdicts: verdict on the fields of every shown record but the first, beside the first.
    """

    left: tuple[RecordRef, ...]
    right: tuple[RecordRef, ...]
    explanation: Explanation | None
    verdicts: Mapping[RecordRef, Mapping[str, FieldVerdict]]


def compare_groups(
    index: Index, viewer: Viewer, left: Sequence[RecordRef], right: Sequence[RecordRef]
) -> GroupEvidence:
    """Compare two groups of records, such as those of two children.

    Args:
        index: the open index.
        viewer: who asks.
        left: records that the viewer may see.
        right: other such records.

    Raises:
        NotFoundError: the viewer can see no such record.
        UnmetConditionError: a condition of the viewer's policy does not hold for one of them.
        AccessDenied: the viewer may not read records.
    """
    require_permission(viewer, Action.RECORD_READ)
    left, right = left[:MAX_COMPARED], right[:MAX_COMPARED]
    with index.database.read(viewer) as unit:
        left_numbers, right_numbers = find_record_numbers(unit, [left, right])
        for number in (*left_numbers, *right_numbers):
            require_child_conditions(unit, [number])
        labels = dict(zip((*left_numbers, *right_numbers), (*left, *right), strict=True))
        evidence = _compare(unit, index, left_numbers, right_numbers, labels)
    shown = {*evidence.left, *evidence.right}
    disclose(
        index,
        viewer,
        Action.RECORD_READ,
        [number for number, label in labels.items() if label in shown],
        FIELDS,
    )
    return evidence


def _compare(
    unit: ReadUnit, index: Index, left: Sequence[int], right: Sequence[int], labels: Mapping[int, RecordRef]
) -> GroupEvidence:
    """Return the evidence of the strongest pair between two groups."""
    visible = load_visible_features(unit, index, list(labels))
    pair = _find_strongest(index, visible, left, right)
    if pair is None:
        return GroupEvidence(_label(left, labels), _label(right, labels), None, {})
    # The other records follow as they are, so that the page is the same each time.
    ordered_left = sorted(left, key=lambda number: number != pair[0])
    ordered_right = sorted(right, key=lambda number: number != pair[1])
    features = visible.by_record
    shown = (*ordered_left[:MAX_SHOWN], *ordered_right[:MAX_SHOWN])
    verdicts = {
        labels[number]: collect_field_verdicts(
            collect_evidence(index.matcher.scorer, features[pair[0]], features[number])
        )
        for number in shown
        if number != pair[0] and number in features
    }
    explanation = explain_compared_pair(unit, index, visible, pair)
    return GroupEvidence(_label(ordered_left, labels), _label(ordered_right, labels), explanation, verdicts)


def _find_strongest(
    index: Index, visible: VisibleFeatures, left: Sequence[int], right: Sequence[int]
) -> tuple[int, int] | None:
    """Return the pair with the highest match weight.

    The result is None if no pair is compared.
    """
    features = visible.by_record
    weigh = index.matcher.scorer.weigh
    weights = {
        (one, other): round_weight(weigh(features[one], features[other]))
        for one in left
        for other in right
        if one in features and other in features
    }
    # Of equal weights the first pair as given.
    return max(weights, key=lambda pair: weights[pair], default=None)


def _label(numbers: Sequence[int], labels: Mapping[int, RecordRef]) -> tuple[RecordRef, ...]:
    return tuple(labels[number] for number in numbers[:MAX_SHOWN])
