"""Writer of the model card: data, thresholds, reliability and weights."""

import math
from itertools import pairwise

import numpy as np

from mpi.matching.compiler.online_scorer import compute_level_bits, compute_prior_bits
from mpi.matching.diagnostics.error_rates import format_rate
from mpi.matching.model.link_budget import LINKS, LinkBudget
from mpi.matching.model.scoring_parameters import ComparisonLevel, read_parameters
from training.fit.birth_date_precision import are_complete_dates_usual
from training.fit.blocking import LOOSER_RULES, TIGHTER_RULES
from training.fit.comparisons import list_fixed_levels
from training.fit.fit import FittedModel
from training.fit.limits.caution_odds import CautionOdds
from training.fit.limits.single_lists import MOST_DUPLICATES
from training.fit.limits.thresholds import FALSE_LINK_COST, PurposeThresholds
from training.fit.relatives import RelativeCounts
from training.fit_calibration import FitCalibration
from training.plots.figures import FITTED_LINKS

CALIBRATION_COLUMNS = ("evidence", "group", "linked pairs", "false links", "missed links")
"""Columns of the table of expected errors."""
CALIBRATION_TITLE = (
    "False links in 10,000 links, and missed links in 10,000 matches among the compared pairs, with 95 % "
    "intervals. The model believes its own weights. Numbers are evidence of the model too, so their rates "
    "are too good. Labels are about pairs in doubt, so theirs are too bad."
)
"""What the table of expected errors shows."""
_BIT_EDGES = (-20, -10, -5, -2, 0, 2, 5, 10, 20)
_Z95 = 1.96
_EVIDENCE = (
    "Race, ethnicity and special-population flags are not evidence. Fixed weights are not learned: they "
    "guard against siblings and twins, or stand for coincidences that no sample shows. They were set by "
    "hand, with calibration against the truth of development sets in view (the simulator's state, "
    "`sim_state_100k`, `pp_children_multi`, `pp_link_census_2020_2030`), so accuracy on those sets is a "
    "development figure. The link threshold for enterprise IDs follows from holding a false link to cost "
    f"{FALSE_LINK_COST:.0f} missed links: a choice, to be made anew by each state."
)


def write_card(name: str, version: str, fitted: FittedModel, thresholds: PurposeThresholds) -> str:
    """Return the model card as Markdown text."""
    levels = read_parameters(fitted.settings)
    fixed = list_fixed_levels()
    lines = [
        f"# Model {name}/{version}",
        "",
        _describe_fit(fitted, compute_prior_bits(levels)),
        "",
        _describe_blocking(fitted),
        "",
        _describe_relatives(fitted.relatives),
        "",
        *(
            []
            if are_complete_dates_usual(fitted.complete_date_share)
            else [_describe_dates(fitted.complete_date_share), ""]
        ),
        _describe_odds(fitted.caution_odds, thresholds),
        "",
        _describe_thresholds(thresholds),
        "",
        "## Expected false links",
        "",
        _describe_false_links(fitted, thresholds),
        "",
        describe_budget(fitted.link_budget),
        "",
        *_calibration_table(fitted.calibration),
        "",
        *_reliability_table(fitted),
        "",
        FITTED_LINKS,
        "",
        "## Evidence",
        "",
        *([f"Left out, no data: {', '.join(fitted.dropped)}.", ""] if fitted.dropped else []),
        *(line for note in fitted.comparison_notes for line in (f"{note[:1].upper()}{note[1:]}.", "")),
        _EVIDENCE,
        "",
        "| comparison | level | bits | m | u | |",
        "|---|---|---:|---:|---:|---|",
    ]
    for comparison in levels.comparisons:
        for level in comparison.levels:
            if level.m is not None:
                note = "fixed" if (comparison.name, level.label) in fixed else _frequency_note(level)
                lines.append(
                    f"| {comparison.name} | {level.label} | {compute_level_bits(level):+.2f} | "
                    f"{level.m:.3g} | {level.u:.3g} | {note} |"
                )
    return "\n".join(lines) + "\n"


def _describe_fit(fitted: FittedModel, prior: float) -> str:
    """Describe, for the model card, the data, labels and prior."""
    same, different = fitted.label_counts
    labels_text = (
        f"with {same + different:,} labels of stewards ({same:,} of one person, {different:,} of two)"
        if same + different
        else "without labels"
    )
    return (
        f"Fitted {labels_text} on {fitted.records:,} records: {fitted.candidates:,} candidate pairs, of "
        f"which {fitted.matches:,.0f} are expected to match. The prior, inside every weight, is "
        f"{prior:.2f} bits and holds for an index of {_describe_size(fitted)}."
    )


def _describe_size(fitted: FittedModel) -> str:
    """Describe, for the model card, the index size that the prior assumes."""
    return "that size" if fitted.index_size == fitted.records else f"{fitted.index_size:,} records"


def _describe_blocking(fitted: FittedModel) -> str:
    """Describe, for the model card, candidate pairs, rules and estimated recall."""
    blocking = fitted.blocking
    looser = ", ".join(name for name in blocking.rules if name in LOOSER_RULES)
    tighter = ", ".join(
        f"{name} for {TIGHTER_RULES[name].replaces}" for name in blocking.rules if name in TIGHTER_RULES
    )
    changes = f", of which looser ones for data of this size: {looser}" if looser else ""
    changes += f", of which tighter ones for an index of this size: {tighter}" if tighter else ""
    return (
        f"Compared: {fitted.candidates / fitted.records:.1f} pairs a record, by {len(blocking.rules)} rules"
        f"{changes}. They are estimated to find {fitted.blocking_recall:.1%} of the matches, "
        "as far as the fields of a match are right or wrong independently."
    )


def _describe_relatives(relatives: RelativeCounts) -> str:
    """Describe, for the model card, how common relatives are in the data."""
    one_differs = relatives.given_differs + relatives.birth_differs
    counts_text = (
        f"of {relatives.pairs:,} pairs of one home and surname {relatives.both_differ:,} differ in given "
        f"name and birth date, {one_differs:,} in one of them"
    )
    if not relatives.relief_bits:
        return f"Relatives are not shown to be rare ({counts_text}): the guards weigh what they state."
    return (
        f"Relatives are rare here ({counts_text}), at most {relatives.upper_bound:.1g} pairs for each pair "
        f"of one person (95 %), so that the guards against them weigh {relatives.relief_bits:.1f} bits less. "
        "Fit anew before records of whole families are loaded."
    )


def _describe_dates(complete_share: float) -> str:
    """Describe, for the model card, how many birth dates are complete."""
    return (
        f"Of the birth dates {complete_share:.0%} are whole: one that is not is the rule here, and no guard "
        "holds against it. Fit anew before records with whole dates are loaded."
    )


def _describe_odds(odds: CautionOdds, purposes: PurposeThresholds) -> str:
    """Describe, for the model card, which cautions give way, and why."""
    share_text = f"more than names and dates confirms {odds.corroborated_share:.0%} of the expected matches"
    if not odds.decide:
        return f"Every caution holds at any weight: {share_text}, so a person can ask about the others."
    limits = "; ".join(
        f"{label}: from {max(bits, purposes.operational.link):g} bits"
        for label, bits in sorted(odds.until.items())
    )
    return (
        f"Odds decide about cautions: {share_text}, or relatives are rare. At most one pair in "
        f"{1 + FALSE_LINK_COST:.0f} that a caution lets go is expected to be two people. In an index of that "
        f"size {odds.strangers:.2g} pairs of records of strangers with one name and birth date are expected. "
        f"Cautions that give way: {limits or 'none'}. {_describe_single_lists(odds)}Fit anew when the index "
        "has doubled."
    )


def _describe_single_lists(odds: CautionOdds) -> str:
    """Describe, for the model card, the sources that list hardly anyone twice."""
    if not odds.single_lists:
        return ""
    return (
        f"At most {MOST_DUPLICATES * 100:g} links per hundred records would be within each of the sources "
        f"{', '.join(odds.single_lists)}: two records of one of them with nothing but names and dates in "
        "common are for a person. "
    )


def _describe_thresholds(purposes: PurposeThresholds) -> str:
    """Describe, for the model card, the thresholds of both purposes."""
    operational, statistical = purposes.operational, purposes.statistical
    return (
        f"For enterprise IDs: links from {operational.link} bits, review from {operational.review}, margin "
        f"{operational.margin}. For research: links from {statistical.link} bits, no margin."
    )


def _describe_false_links(fitted: FittedModel, purposes: PurposeThresholds) -> str:
    """Describe, for the model card, expected false links per 10,000.

    The model's own probabilities give them; what the partition prevents is not counted.
    """
    parts = []
    for name, link in (
        ("enterprise IDs", purposes.operational.link),
        ("research", purposes.statistical.link),
    ):
        linked_weights = fitted.learned.weights[fitted.learned.weights >= link]
        false_links = float((1.0 / (1.0 + np.exp2(linked_weights))).sum()) if len(linked_weights) else 0.0
        spread = _Z95 * math.sqrt(false_links)
        share = LINKS / max(len(linked_weights), 1)
        parts.append(
            f"{name} {false_links * share:.1f} (95 %: {max(false_links - spread, 0.0) * share:.1f} to "
            f"{(false_links + spread) * share:.1f})"
        )
    return f"Expected false links per 10,000 linked pairs: {'; '.join(parts)}."


def describe_budget(budget: LinkBudget) -> str:
    """Describe the budget of enterprise IDs, the threshold and what is expected."""
    low, high = budget.interval
    text = (
        f"Budget of false links for enterprise IDs: {budget.allowed:.0f} in {LINKS:,.0f}. From "
        f"{budget.link_bits:g} bits up, {budget.links:,} pairs of records would be linked, of which "
        f"{budget.expected:.1f} in {LINKS:,.0f} (95 %: {low:.1f} to {high:.1f}) are expected to be of two "
        "people."
    )
    if not budget.is_kept:
        proposal = (
            "No weight is enough."
            if budget.sufficient_bits is None
            else f"Links from {math.ceil(budget.sufficient_bits * 10) / 10:.1f} bits up would keep it."
        )
        is_certain = low > budget.allowed
        text += f" The budget {'is' if is_certain else 'may be'} exceeded. {proposal}"
    if budget.within_source:
        share = budget.within_source / budget.links
        text += (
            f" {budget.within_source:,} of these links ({share:.1%}) join two records of one source: if each "
            "source lists a person once, all of them are false, whatever they weigh."
        )
    return text


def describe_recall(calibration: FitCalibration) -> str:
    """Describe the expected recall, and the labels that would bound it."""
    if calibration.recall is None:
        return "No match is expected, so recall is unknown."
    return (
        f"Expected to be linked: {calibration.recall:.1%} of all matches, including those that blocking "
        f"misses. {calibration.labels:,} labels of randomly drawn matches would bound this share within one "
        "point."
    )


def format_rates(calibration: FitCalibration) -> list[tuple[str, ...]]:
    """Format a calibration's error rates as the rows of a table."""
    return [
        (
            each.evidence.value,
            each.group,
            f"{each.pairs:,}",
            format_rate(each.false_links),
            format_rate(each.missed_links),
        )
        for each in calibration.rates
    ]


def _calibration_table(calibration: FitCalibration) -> list[str]:
    """Build the model card's table of errors by evidence and group."""
    head = [f"| {' | '.join(CALIBRATION_COLUMNS)} |", "|---|---|---:|---:|---:|"]
    rows = [f"| {' | '.join(row)} |" for row in format_rates(calibration)]
    return [CALIBRATION_TITLE, "", *head, *rows, "", describe_recall(calibration)]


def _reliability_table(fitted: FittedModel) -> list[str]:
    """Build the model card's table of pairs and expected matches by weight."""
    lines = ["| bits | candidate pairs | expected to match |", "|---|---:|---:|"]
    for low, high in pairwise(_BIT_EDGES):
        weights = fitted.learned.weights[(fitted.learned.weights >= low) & (fitted.learned.weights < high)]
        if len(weights):
            share = float((1.0 / (1.0 + np.exp2(-weights))).mean())
            lines.append(f"| {low} to {high} | {len(weights):,} | {share:.4f} |")
    return lines


def _frequency_note(level: ComparisonLevel) -> str:
    """Return the model card's note of a level adjusted by term frequency."""
    return f"by frequency of {level.adjustment.column}" if level.adjustment else ""
