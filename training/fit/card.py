"""Writes a model's card: what it is, what it was fitted on, what each level weighs."""

from mpi.domain.weight import Thresholds
from mpi.matching.levels import Level, read_levels
from mpi.matching.scorer import level_bits, prior_bits
from training.fit.comparisons import COMPARISONS
from training.fit.fitting import Fitted
from training.fit.thresholds import FALSE_LINK_COST

_EVIDENCE = (
    "Race, ethnicity and special-population flags are not evidence. Fixed weights are not learned: they "
    "guard against siblings and twins, or stand for coincidences that no sample shows. They were set by "
    "hand, with calibration against the truth of development sets in view (the simulator's state, "
    "`sim_state_100k`, `pp_children_multi`), so accuracy on those sets is a development figure. The link "
    f"threshold follows from holding a false link to cost {FALSE_LINK_COST:.0f} missed links: a choice, to "
    "be made anew by each state."
)


def write_card(name: str, version: str, fitted: Fitted, thresholds: Thresholds) -> str:
    """The card in Markdown."""
    levels = read_levels(fitted.settings)
    fixed = {
        (comparison.name, level.label)
        for comparison in COMPARISONS
        for level in comparison.levels
        if level.fixed is not None
    }
    lines = [
        f"# Model {name}/{version}",
        "",
        _fitted_on(fitted, prior_bits(levels)),
        "",
        f"Links from {thresholds.link} bits, review from {thresholds.review}, margin {thresholds.margin}.",
        "",
        *([f"Left out, no data: {', '.join(fitted.dropped)}.", ""] if fitted.dropped else []),
        _EVIDENCE,
        "",
        "| comparison | level | bits | m | u | |",
        "|---|---|---:|---:|---:|---|",
    ]
    for comparison in levels.comparisons:
        for level in comparison.levels:
            if level.m is not None:
                note = "fixed" if (comparison.name, level.label) in fixed else _note(level)
                lines.append(
                    f"| {comparison.name} | {level.label} | {level_bits(level):+.2f} | "
                    f"{level.m:.3g} | {level.u:.3g} | {note} |"
                )
    return "\n".join(lines) + "\n"


def _fitted_on(fitted: Fitted, prior: float) -> str:
    return (
        f"Fitted without labels on {fitted.records:,} records: {fitted.candidates:,} candidate pairs, of "
        f"which {fitted.matches:,.0f} are expected to match. The prior, inside every weight, is "
        f"{prior:.2f} bits and holds for an index of that size."
    )


def _note(level: Level) -> str:
    return f"by frequency of {level.adjustment.column}" if level.adjustment else ""
