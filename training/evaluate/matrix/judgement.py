"""Judgement of the matrix: each cell against the notebook, and the whole."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from training.evaluate.matrix.measurement import FIGURE_DIGITS, Measurement
from training.evaluate.matrix.notebook import OPERATIONAL_PRECISION

F1_TOLERANCE = 0.002
"""F1 that research may always lie behind the notebook's best."""
RATIO_CAP = 8.0
"""Bounds of a cell's ratio of errors: this number and its inverse."""
RATIO_BAR, RATIO_GOAL = 0.6, 0.5
MISSED_SHARE = 0.6
"""Links that enterprise IDs may miss, as a share of those that the notebook misses."""
REVIEW_SHARE = 0.03
"""Review tasks per record, not counting pairs that the fields cannot tell apart."""
BLOCKING_TOLERANCE = 0.03
"""Most by which the estimated share of matches that blocking compares may be wrong."""

AMBIGUOUS_SET = "iowa"
"""Set whose fields cannot tell people apart, with bars of its own."""
AMBIGUOUS_F1, AMBIGUOUS_PRECISION, AMBIGUOUS_RECALL_SHARE = 0.5, 0.95, 0.8

BARS = ("research", "precision", "missed", "review", "blocking")
"""Names of the bars of a cell."""


@dataclass(frozen=True, slots=True)
class CellVerdict:
    """Which bars one cell reaches.

    Args:
        cell: name of the cell.
        set_name: name of its development set.
        ratio: errors of research per error of the notebook at its best, each plus 1, capped.
        research: whether research F1 is not behind the notebook's.
        precision: whether enterprise IDs are precise enough.
        missed: whether enterprise IDs miss few enough of the notebook's missed links.
        review: whether review is small enough.
        blocking: whether the estimate of what blocking misses is right.
    """

    cell: str
    set_name: str
    ratio: float
    research: bool
    precision: bool
    missed: bool
    review: bool
    blocking: bool

    @property
    def failures(self) -> tuple[str, ...]:
        """Names of the bars that the cell does not reach."""
        return tuple(name for name in BARS if not getattr(self, name))


def judge_cell(cell: Measurement) -> CellVerdict:
    """Judge one measured cell."""
    ambiguous = cell["set"] == AMBIGUOUS_SET
    return CellVerdict(
        cell=cell["cell"],
        set_name=cell["set"],
        ratio=compute_ratio(cell["research"], cell["notebook"]["best"]),
        research=_keeps_research(cell) and (not ambiguous or cell["research"]["f1"] >= AMBIGUOUS_F1),
        precision=cell["operational"]["precision"]
        >= (AMBIGUOUS_PRECISION if ambiguous else OPERATIONAL_PRECISION),
        missed=_reaches_recall(cell) if ambiguous else _misses_few(cell),
        review=cell["review_tasks"] <= REVIEW_SHARE * cell["records"] + cell["indistinguishable_pairs"],
        blocking=_estimates_blocking(cell["blocking"]),
    )


def compute_ratio(point: Mapping[str, Any], baseline: Mapping[str, Any]) -> float:
    """Return the ratio of errors, each plus 1, within the caps."""
    errors, baseline_errors = (each["false_pairs"] + each["missed_pairs"] + 1 for each in (point, baseline))
    return float(min(max(errors / baseline_errors, 1 / RATIO_CAP), RATIO_CAP))


def compute_overall_ratio(verdicts: Iterable[CellVerdict]) -> float:
    """Return the geometric mean over sets of the mean ratio over subsets.

    The mean is 1 without cells.
    """
    ratios: dict[str, list[float]] = {}
    for verdict in verdicts:
        ratios.setdefault(verdict.set_name, []).append(verdict.ratio)
    logarithms = [math.log(math.fsum(values) / len(values)) for values in ratios.values()]
    return math.exp(math.fsum(logarithms) / max(len(logarithms), 1))


def select_strict_point(notebook: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the notebook's point at precision 0.998, or its most precise one."""
    point: Mapping[str, Any] = notebook["at_precision_998"] or notebook["highest_precision"]
    return point


def _keeps_research(cell: Measurement) -> bool:
    """Return whether research F1 is within tolerance or chance."""
    lag = round(cell["notebook"]["best"]["f1"] - cell["research"]["f1"], FIGURE_DIGITS)
    return bool(lag <= F1_TOLERANCE or cell["f1_difference"]["high"] >= 0)


def _misses_few(cell: Measurement) -> bool:
    """Return whether enterprise IDs miss at most the allowed share of links."""
    allowed = MISSED_SHARE * select_strict_point(cell["notebook"])["missed_pairs"]
    return bool(cell["operational"]["missed_pairs"] <= allowed)


def _estimates_blocking(blocking: Mapping[str, float] | None) -> bool:
    """Return whether blocking recall was estimated right without the truth."""
    if blocking is None:
        return True
    return abs(blocking["estimated_recall"] - blocking["recall"]) <= BLOCKING_TOLERANCE


def _reaches_recall(cell: Measurement) -> bool:
    """Return whether recall is near the notebook's at equal precision."""
    points = cell["notebook"]["points"]
    recalls = [point["recall"] for point in points if point["precision"] >= AMBIGUOUS_PRECISION]
    recall = cell["operational"]["recall"]
    return bool(recall > 0 and recall >= AMBIGUOUS_RECALL_SHARE * max(recalls, default=0.0))
