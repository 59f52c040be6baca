"""Waterfall chart of a match weight: bars, running sum and thresholds."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from mpi.domain.weight import Thresholds

WIDTH = 400.0
"""Width of the drawing in its own units."""
_MARGIN = 12.0
_MIN_BAR = 1.5
_LABEL_SPACE = 80.0
"""Space of a threshold's label beside its line."""


@dataclass(frozen=True, slots=True)
class Bar:
    """Bar of a waterfall: one comparison's contribution to the match weight.

    Args:
        name: the comparison.
        level: what was found, in words.
        bits: weight of the level.
        running_sum: sum of the bits up to and with this bar.
        x: left edge.
        width: width, at least a hairline.
        end: position of the running sum, where the next bar begins.
        sense: whether the bits are ``for`` a link, ``against`` one, or ``nothing``.
    """

    name: str
    level: str
    bits: float
    running_sum: float
    x: float
    width: float
    end: float
    sense: str


@dataclass(frozen=True, slots=True)
class ThresholdLine:
    """Vertical line of a threshold.

    Args:
        name: ``link`` or ``review``.
        bits: match weight from which pairs are linked, or reviewed.
        x: position.
        anchor: which end of its label is at the line: ``start``, right of it, or ``end``, left of it.
        row: line of text that the label stands in, 0 or 1, so that no label hides another.
    """

    name: str
    bits: float
    x: float
    anchor: str
    row: int


@dataclass(frozen=True, slots=True)
class Waterfall:
    """Waterfall of the comparisons that make up a match weight.

    ``zero`` is the position of 0 bits, ``total_x`` and ``total_width`` are those of the bar of the sum.
    """

    bars: tuple[Bar, ...]
    thresholds: tuple[ThresholdLine, ...]
    zero: float
    total: float
    total_x: float
    total_width: float


def draw_waterfall(parts: Sequence[tuple[str, str, float]], thresholds: Thresholds) -> Waterfall:
    """Compute the waterfall of the comparisons that make a match weight.

    Each bar begins where the one before ended.

    Args:
        parts: comparison, level and bits, in order.
        thresholds: thresholds of the model, drawn as lines.
    """
    sums = [round(total, 6) for total in accumulate((bits for _, _, bits in parts), initial=0.0)]
    low = min(*sums, thresholds.review, 0.0)
    scale = (WIDTH - 2 * _MARGIN) / ((max(*sums, thresholds.link, 0.0) - low) or 1.0)

    def place(bits: float) -> float:
        return round(_MARGIN + (bits - low) * scale, 1)

    bars = []
    for (name, level, bits), before, after in zip(parts, sums, sums[1:], strict=False):
        x, width = _span(place(before), place(after))
        bars.append(Bar(name, level, bits, after, x, width, place(after), _classify_bits(bits)))
    total_x, total_width = _span(place(0.0), place(sums[-1]))
    return Waterfall(
        bars=tuple(bars),
        thresholds=_place_thresholds(thresholds, place(thresholds.review), place(thresholds.link)),
        zero=place(0.0),
        total=sums[-1],
        total_x=total_x,
        total_width=total_width,
    )


def _span(start: float, end: float) -> tuple[float, float]:
    """Return left edge and width of a bar between two positions."""
    return min(start, end), round(max(abs(end - start), _MIN_BAR), 1)


def _place_thresholds(thresholds: Thresholds, review: float, link: float) -> tuple[ThresholdLine, ...]:
    """Return the lines of both thresholds, one where they are equal.

    The label of review stands left of its line and that of link right, unless one is at an edge.
    """
    link_anchor = "end" if link > WIDTH - _LABEL_SPACE else "start"
    lines = (ThresholdLine("link", thresholds.link, link, link_anchor, 0),)
    if thresholds.review == thresholds.link:
        return lines
    review_anchor = "start" if review < _LABEL_SPACE else "end"
    row = int(review_anchor == link_anchor)
    return (ThresholdLine("review", thresholds.review, review, review_anchor, row), *lines)


def _classify_bits(bits: float) -> str:
    """Return whether match-weight bits are for a link, against or neither."""
    if round(bits, 1) == 0:
        return "nothing"
    return "for" if bits > 0 else "against"
