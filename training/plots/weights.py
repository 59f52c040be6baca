"""Figures of match weights, and of m and u, by comparison level."""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from mpi.matching.compiler.online_scorer import compute_level_bits
from mpi.matching.model.scoring_parameters import ComparisonLevel, ScoringParameters
from training.plots.canvas import AGAINST_COLOR, FIXED_COLOR, FOR_COLOR, TEXT_COLOR, label_rows, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH, _ROW, _HEAD = 7.0, 0.155, 1.0

FixedLevels = Collection[tuple[str, str]]
"""Comparison and label of the levels whose weight was not learned."""


def draw_match_weights(levels: ScoringParameters, fixed: FixedLevels) -> "Figure":
    """Draw the weight in bits of every level, comparison by comparison."""
    lines = list(_list_lines(levels))
    canvas_figure = new_figure(_WIDTH, _HEAD + _ROW * len(lines))
    axes = canvas_figure.subplots()
    for row, (comparison, level) in enumerate(lines):
        if level is None:
            continue
        bits = compute_level_bits(level)
        learned = (comparison, level.label) not in fixed
        color = (FOR_COLOR if bits > 0 else AGAINST_COLOR) if learned else FIXED_COLOR
        axes.barh(row, bits, height=0.7, color=color)
        mark = "*" if level.adjustment else ""
        side = 3 if bits >= 0 else -3
        axes.annotate(
            f"{_format_bits(bits)}{mark}", (bits, row), (side, 0), textcoords="offset points", fontsize=6.5,
            ha="left" if bits >= 0 else "right", va="center",
        )  # fmt: skip
    _format_axes(axes, lines)
    axes.axvline(0, color=TEXT_COLOR, linewidth=0.8)
    axes.margins(x=0.12)
    axes.set_xlabel("match weight in bits (log2 of m / u); each bit doubles the odds")
    canvas_figure.suptitle(
        "What agreement and disagreement weigh", x=0.01, ha="left", fontsize=10, fontweight="bold"
    )
    _add_legend(
        axes,
        [(FOR_COLOR, "for one person"), (AGAINST_COLOR, "against"), (FIXED_COLOR, "stated, not learned")],
    )
    canvas_figure.supxlabel(
        "* on average: the frequency of the value moves it", fontsize=7, x=0.99, ha="right"
    )
    return canvas_figure


def draw_m_and_u(levels: ScoringParameters, fixed: FixedLevels) -> "Figure":
    """Draw the m and u probabilities of each learned comparison level.

    They are the shares of pairs of one person, and of two persons, at the level.
    """
    lines = [
        (comparison, level)
        for comparison, level in _list_lines(levels)
        if level is None or (comparison, level.label) not in fixed
    ]
    lines = [
        line for row, line in enumerate(lines) if line[1] is not None or _has_levels(lines, row)
    ]  # a comparison without lines has no heading
    canvas_figure = new_figure(_WIDTH, _HEAD + _ROW * len(lines))
    axes = canvas_figure.subplots()
    for row, (_, level) in enumerate(lines):
        if level is not None and level.m is not None and level.u is not None:
            axes.plot([level.u, level.m], [row, row], color=FIXED_COLOR, linewidth=1, zorder=1)
            axes.scatter([level.m], [row], color=FOR_COLOR, s=16, zorder=2)
            axes.scatter([level.u], [row], color=AGAINST_COLOR, s=16, marker="s", zorder=2)
    axes.set_xscale("log")
    _format_axes(axes, lines)
    axes.set_xlabel("share of pairs at the level")
    canvas_figure.suptitle(
        "m and u: pairs of one person, pairs of two", x=0.01, ha="left", fontsize=10, fontweight="bold"
    )
    _add_legend(axes, [(FOR_COLOR, "m: of one person"), (AGAINST_COLOR, "u: of two")])
    return canvas_figure


def _format_bits(bits: float) -> str:
    """Format a weight in bits with its sign and one decimal."""
    text = f"{bits:+.1f}"
    return "0" if float(text) == 0 else text


def _list_lines(levels: ScoringParameters) -> Iterator[tuple[str, ComparisonLevel | None]]:
    """Yield the plot's heading for each comparison and line for each level.

    Levels of missing values have no line.
    """
    for comparison in levels.comparisons:
        yield comparison.name, None
        for level in comparison.levels:
            if level.m is not None:
                yield comparison.name, level


def _has_levels(lines: list[tuple[str, ComparisonLevel | None]], head: int) -> bool:
    """Return whether a comparison's heading in the plot has level lines."""
    following = lines[head + 1 : head + 2]
    return bool(following) and following[0][1] is not None


def _format_axes(axes: "Axes", lines: list[tuple[str, ComparisonLevel | None]]) -> None:
    """Label the rows of a weight plot; make the headings bold."""
    label_rows(axes, [level.label if level else comparison for comparison, level in lines])
    for tick, (_, level) in zip(axes.get_yticklabels(), lines, strict=True):
        tick.set_fontsize(6.5 if level else 8)
        tick.set_fontweight("normal" if level else "bold")


def _add_legend(axes: "Axes", entries: list[tuple[str, str]]) -> None:
    """Add a legend of colors to a plot."""
    for color, label in entries:
        axes.bar([0], [0], color=color, label=label)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, frameon=False, fontsize=7, borderaxespad=0)
