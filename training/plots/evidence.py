"""What an evaluation found of a model: whether its weights mean what they say, and what blocking misses."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mpi.domain.weight import compute_probability
from training.blocking import RuleContribution
from training.plots.canvas import AGAINST_COLOR, FOR_COLOR, TEXT_COLOR, FIXED_COLOR, new_figure, label_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Json = Mapping[str, Any]

_LOWEST, _HIGHEST, _STEP = -5.0, 20.0, 0.25
_PANEL, _ROW, _HEAD = 3.1, 0.16, 1.0


def draw_calibration(evaluation: Json) -> "Figure":
    """Share of candidate pairs that match, by weight, beside what the weights say; one panel a set.

    Args:
        evaluation: what ``training evaluate --json`` printed.
    """
    sets = evaluation["sets"]
    made = new_figure(_PANEL * len(sets), 3.2)
    panels = made.subplots(1, len(sets), sharey=True, squeeze=False)[0]
    grid = [_LOWEST + _STEP * at for at in range(int((_HIGHEST + 2.5 - _LOWEST) / _STEP) + 1)]
    for axes, (name, found) in zip(panels, sets.items(), strict=True):
        axes.plot(grid, [compute_probability(bits) for bits in grid], color=FIXED_COLOR, linewidth=1.2, label="claimed")
        buckets = found["buckets"]
        middle = [bucket["low"] + 1.25 for bucket in buckets]
        value, low, high = (
            [bucket["observed"][key] for bucket in buckets] for key in ("value", "low", "high")
        )
        spread = [
            [max(v - x, 0.0) for v, x in zip(value, low, strict=True)],
            [max(x - v, 0.0) for v, x in zip(value, high, strict=True)],
        ]
        axes.errorbar(
            middle,
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
            middle, expected, marker="_", s=60, color=AGAINST_COLOR, linewidth=1.5,
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
    return made


def list_active_rules(found: Json) -> list[Json]:
    """The blocking rules of an evaluated set that bring any pair; none if the evaluation did not ask."""
    return [rule for rule in found.get("blocking", {}).get("rules", ()) if rule["pairs"]]


def draw_blocking_recall(evaluation: Json) -> "Figure":
    """What each blocking rule adds to the matches that are compared, and the pairs that it costs."""
    sets = {name: list_active_rules(found) for name, found in evaluation["sets"].items()}
    kept = {name: rules for name, rules in sets.items() if rules}
    heights = [len(rules) for rules in kept.values()]
    made = new_figure(7.0, _HEAD * len(kept) + _ROW * sum(heights))
    grid = made.subplots(len(kept), 2, squeeze=False, height_ratios=heights)
    for (left, right), (name, rules) in zip(grid, kept.items(), strict=True):
        reached = [rule["recall_so_far"] for rule in rules]
        value = [figure_["value"] for figure_ in reached]
        _draw_recall(left, [rule["name"] for rule in rules], value, f"{name}: recall so far")
        left.hlines(
            range(len(rules)),
            [each["low"] for each in reached],
            [each["high"] for each in reached],
            color=FOR_COLOR,
        )
        _draw_pairs(right, [rule["pairs"] for rule in rules], [rule["pairs_so_far"] for rule in rules])
    return made


def draw_expected_blocking(rules: Sequence[RuleContribution]) -> "Figure":
    """The same without the truth: of the matches that the model expects among the candidates."""
    kept = [rule for rule in rules if rule.pairs]
    made = new_figure(7.0, _HEAD + _ROW * len(kept))
    left, right = made.subplots(1, 2)
    found = max((rule.matches_so_far for rule in kept), default=0.0) or 1.0
    value = [rule.matches_so_far / found for rule in kept]
    _draw_recall(left, [rule.name for rule in kept], value, "expected matches found so far, of all found")
    _draw_pairs(right, [rule.pairs for rule in kept], [rule.pairs_so_far for rule in kept])
    return made


def _draw_recall(axes: "Axes", names: list[str], value: list[float], title: str) -> None:
    axes.plot(value, range(len(value)), "o-", color=FOR_COLOR, markersize=3.5, linewidth=1)
    beside = axes.get_yaxis_transform()  # the row of the rule, at a share of the width
    for at, share in enumerate(value):
        axes.text(0.02, at, f"{share:.4f}", transform=beside, fontsize=6.5, va="center")
    label_rows(axes, names)
    lowest = min(value, default=0.0)
    axes.set_xlim(lowest - 0.35 * (1.0 - lowest) - 0.005, 1.002)
    axes.set_title(title, loc="left", fontsize=8)


def _draw_pairs(axes: "Axes", pairs: list[int], so_far: list[int]) -> None:
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 - an extra

    axes.barh(range(len(pairs)), pairs, height=0.65, color=FIXED_COLOR, label="brought by the rule")
    axes.plot(so_far, range(len(so_far)), "o-", color=TEXT_COLOR, markersize=2.5, linewidth=0.8, label="so far")
    label_rows(axes, [""] * len(pairs))
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(lambda count, _: f"{count:,.0f}")
    axes.set_title("pairs compared", loc="left", fontsize=8)
    axes.legend(
        loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, fontsize=6.5, borderaxespad=0
    )
