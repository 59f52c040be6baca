"""Figures of an evaluation: calibration and blocking recall."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mpi.domain.weight import compute_probability
from training.blocking import RuleContribution
from training.plots.canvas import AGAINST_COLOR, FIXED_COLOR, FOR_COLOR, TEXT_COLOR, label_rows, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Json = Mapping[str, Any]

_LOWEST, _HIGHEST, _STEP = -5.0, 20.0, 0.25
_PANEL, _ROW, _HEAD = 3.1, 0.16, 1.0


def draw_calibration(evaluation: Json) -> "Figure":
    """Draw the observed match share by weight, one panel per evaluated set.

    The curve shows the share of matches that the weights predict.

    Args:
        evaluation: content that ``training evaluate --json`` printed.
    """
    sets = evaluation["sets"]
    canvas_figure = new_figure(_PANEL * len(sets), 3.2)
    panels = canvas_figure.subplots(1, len(sets), sharey=True, squeeze=False)[0]
    grid = [_LOWEST + _STEP * step for step in range(int((_HIGHEST + 2.5 - _LOWEST) / _STEP) + 1)]
    for axes, (name, result) in zip(panels, sets.items(), strict=True):
        axes.plot(
            grid,
            [compute_probability(bits) for bits in grid],
            color=FIXED_COLOR,
            linewidth=1.2,
            label="claimed",
        )
        buckets = result["buckets"]
        bucket_centers = [bucket["low"] + 1.25 for bucket in buckets]
        value, low, high = (
            [bucket["observed"][key] for bucket in buckets] for key in ("value", "low", "high")
        )
        spread = [
            [max(v - x, 0.0) for v, x in zip(value, low, strict=True)],
            [max(x - v, 0.0) for v, x in zip(value, high, strict=True)],
        ]
        axes.errorbar(
            bucket_centers,
            value,
            yerr=spread,
            fmt="o",
            color=FOR_COLOR,
            markersize=3.5,
            linewidth=1,
            label="observed, 95 %",
        )
        expected = [bucket["expected"] for bucket in buckets]
        axes.scatter(
            bucket_centers, expected, marker="_", s=60, color=AGAINST_COLOR, linewidth=1.5,
            label="expected of these pairs",
        )  # fmt: skip
        axes.set_title(
            f"{name}\n{sum(bucket['pairs'] for bucket in buckets):,} pairs", loc="left", fontsize=8
        )
        axes.set_xlabel("match weight in bits")
        axes.grid()
    panels[0].set_ylabel("share that are one person")
    panels[0].set_ylim(-0.03, 1.03)
    panels[-1].legend(loc="lower right", frameon=False, fontsize=7)
    return canvas_figure


def list_active_rules(result: Json) -> list[Json]:
    """Return the blocking rules of an evaluated set that yield any pair.

    The list is empty if the evaluation has none.
    """
    return [rule for rule in result.get("blocking", {}).get("rules", ()) if rule["pairs"]]


def draw_blocking_recall(evaluation: Json) -> "Figure":
    """Draw the true recall and pairs that each blocking rule adds."""
    sets = {name: list_active_rules(result) for name, result in evaluation["sets"].items()}
    rules_by_set = {name: rules for name, rules in sets.items() if rules}
    heights = [len(rules) for rules in rules_by_set.values()]
    canvas_figure = new_figure(7.0, _HEAD * len(rules_by_set) + _ROW * sum(heights))
    grid = canvas_figure.subplots(len(rules_by_set), 2, squeeze=False, height_ratios=heights)
    for (recall_axes, pair_axes), (name, rules) in zip(grid, rules_by_set.items(), strict=True):
        recalls = [rule["recall_so_far"] for rule in rules]
        recall_values = [recall["value"] for recall in recalls]
        _draw_recall(recall_axes, [rule["name"] for rule in rules], recall_values, f"{name}: recall so far")
        recall_axes.hlines(
            range(len(rules)),
            [estimate["low"] for estimate in recalls],
            [estimate["high"] for estimate in recalls],
            color=FOR_COLOR,
        )
        _draw_pairs(pair_axes, [rule["pairs"] for rule in rules], [rule["pairs_so_far"] for rule in rules])
    return canvas_figure


def draw_expected_blocking(rules: Sequence[RuleContribution]) -> "Figure":
    """Draw the matches and pairs that each blocking rule adds, without truth.

    The matches are those that the model expects among the candidates.
    """
    active = [rule for rule in rules if rule.pairs]
    canvas_figure = new_figure(7.0, _HEAD + _ROW * len(active))
    recall_axes, pair_axes = canvas_figure.subplots(1, 2)
    total_matches = max((rule.matches_so_far for rule in active), default=0.0) or 1.0
    recall_values = [rule.matches_so_far / total_matches for rule in active]
    _draw_recall(
        recall_axes,
        [rule.name for rule in active],
        recall_values,
        "expected matches found so far, of all found",
    )
    _draw_pairs(pair_axes, [rule.pairs for rule in active], [rule.pairs_so_far for rule in active])
    return canvas_figure


def _draw_recall(axes: "Axes", names: list[str], recall_values: list[float], title: str) -> None:
    """Draw accumulated blocking recall by rule."""
    axes.plot(recall_values, range(len(recall_values)), "o-", color=FOR_COLOR, markersize=3.5, linewidth=1)
    row_transform = axes.get_yaxis_transform()  # x in shares of the width, y in rows
    for row, share in enumerate(recall_values):
        axes.text(0.02, row, f"{share:.4f}", transform=row_transform, fontsize=6.5, va="center")
    label_rows(axes, names)
    lowest = min(recall_values, default=0.0)
    axes.set_xlim(lowest - 0.35 * (1.0 - lowest) - 0.005, 1.002)
    axes.set_title(title, loc="left", fontsize=8)


def _draw_pairs(axes: "Axes", pairs: list[int], so_far: list[int]) -> None:
    """Draw the candidate pairs of each blocking rule and their running total."""
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 - Matplotlib is an optional extra

    axes.barh(range(len(pairs)), pairs, height=0.65, color=FIXED_COLOR, label="brought by the rule")
    axes.plot(
        so_far, range(len(so_far)), "o-", color=TEXT_COLOR, markersize=2.5, linewidth=0.8, label="so far"
    )
    label_rows(axes, [""] * len(pairs))
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(lambda count, _: f"{count:,.0f}")
    axes.set_title("pairs compared", loc="left", fontsize=8)
    axes.legend(
        loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, fontsize=6.5, borderaxespad=0
    )
