"""Printer of evaluation results as tables."""

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from training.evaluate.acceptance import AcceptanceRow
from training.evaluate.evaluation import Evaluation, MethodEvaluation
from training.evaluate.measures.ablation import AblationRow
from training.evaluate.measures.bias import BiasRow
from training.evaluate.measures.intervals import IntervalEstimate
from training.evaluate.measures.scores import PrecisionRecall
from training.evaluate.measures.stress_set import StressResult


def print_evaluation(console: Console, result: Evaluation) -> None:
    """Print all tables of one evaluated set."""
    console.rule(f"{result.name}: {result.records:,} records, model {result.model}")
    for name in ("pairwise", "b_cubed", "persons"):
        table = Table("way", "precision", "recall", "F1", title=f"{result.name}: {name}")
        for line in result.lines:
            measure: PrecisionRecall = getattr(line.quality, name)
            table.add_row(line.way, *map(_format_estimate, (measure.precision, measure.recall, measure.f1)))
        console.print(table)
    _print_children(console, result.lines)
    _print_review(console, result)
    _print_errors(console, result)
    if len(result.groups) > 1:
        _print_bias(console, result.groups)
    _print_calibration(console, result)


def print_stress_result(console: Console, stress: StressResult) -> None:
    """Print in one line how look-alike strangers were linked and reviewed."""
    console.print(
        f"strangers of one name and birth date: {stress.pairs:,} pairs ({stress.hispanic:,} Hispanic), "
        f"linked {_format_estimate(stress.linked)}, {stress.reviewed:,} for review, the rest apart"
    )


def print_ablation(console: Console, rows: Iterable[AblationRow]) -> None:
    """Print how accuracy changes without each part of the model."""
    table = Table("without", "precision", "recall", "F1", "relatives", "tasks", title="ablation, operational")
    for row in rows:
        scores = (f"{value:.4f}" for value in (row.scores.precision, row.scores.recall, row.scores.f1))
        table.add_row(row.without, *scores, f"{row.relatives:,}", f"{row.tasks:,}")
    console.print(table)


def print_acceptance(console: Console, rows: list[AcceptanceRow]) -> None:
    """Print the acceptance criteria and whether each is reached."""
    table = Table("", "plain Splink", "measured", "bar", "", title="must show")
    for row in rows:
        splink = "" if row.splink is None else f"{row.splink:.4f}"
        table.add_row(row.what, splink, f"{row.measured:.4f}", row.reach, "yes" if row.kept else "NO")
    console.print(table)


def _print_children(console: Console, lines: tuple[MethodEvaluation, ...]) -> None:
    """Print how relatives and the schools of children in care were linked."""
    table = Table("way", "relatives linked", "of", "schools found", "precision", "false", title="children")
    for line in lines:
        relatives, schools = line.relatives, line.schools
        table.add_row(
            line.way,
            f"{relatives.wrong:,} ({relatives.twins:,} twins)" if relatives else "",
            f"{relatives.pairs:,}" if relatives else "",
            _format_estimate(schools.found) if schools else "",
            _format_estimate(schools.precision) if schools else "",
            f"{schools.false:,} of {schools.links:,}" if schools else "",
        )
    if any(line.relatives or line.schools for line in lines):
        console.print(table)


def _print_review(console: Console, result: Evaluation) -> None:
    """Print an evaluated set's clerical-review and blocking results."""
    tasks, blocking = result.tasks, result.blocking
    first_load, new_records = _format_estimate(tasks.of_records), _format_estimate(result.arriving)
    same, held_share = _format_estimate(tasks.same), _format_estimate(tasks.held)
    console.print(
        f"review: {tasks.tasks:,} tasks, {tasks.hours:.1f} hours, {first_load} a record, "
        f"{new_records} a record of a night of new ones; {same} turn out same, "
        f"holding {held_share} of {tasks.missed:,} missed links"
    )
    console.print(
        f"blocking: {blocking.candidates:,} pairs hold {_format_estimate(blocking.recall)} of the matches "
        f"(estimated without truth: {blocking.estimated_recall:.4f})"
    )
    table = Table("rule", "pairs", "found by it alone", "pairs so far", "recall so far", title="blocking")
    for rule in blocking.rules:
        counts = (f"{count:,}" for count in (rule.pairs, rule.alone, rule.pairs_so_far))
        table.add_row(rule.name, *counts, _format_estimate(rule.recall_so_far))
    console.print(table)


def _print_errors(console: Console, result: Evaluation) -> None:
    """Print an evaluated set's false and missed pairs by kind."""
    table = Table("error", "kind", "pairs", title=f"{result.name}: errors by kind")
    for error, kinds in result.errors.items():
        for kind, count in kinds.items():
            table.add_row(error, kind, f"{count:,}")
    console.print(table)


def _print_bias(console: Console, rows: list[BiasRow]) -> None:
    """Print error and review rates by group of children."""
    table = Table(
        "", "group", "children", "missed links", "records falsely linked", "in review", title="bias"
    )
    for row in rows:
        rates = map(_format_estimate, (row.missed, row.false, row.reviewed))
        table.add_row(row.dimension, row.group, f"{row.children:,}", *rates)
    console.print(table)


def _print_calibration(console: Console, result: Evaluation) -> None:
    """Print expected and observed match shares by weight."""
    table = Table("bits from", "pairs", "expected", "observed", title=f"{result.name}: calibration")
    for row in result.buckets:
        table.add_row(f"{row.low:+}", f"{row.pairs:,}", f"{row.expected:.4f}", _format_estimate(row.observed))
    console.print(table)
    observed = result.false_links.observed
    console.print(
        f"false links in 10,000: expected {result.false_links.expected:.1f}, "
        f"observed {observed.value:.1f} ({observed.low:.1f} to {observed.high:.1f})"
    )


def _format_estimate(estimate: IntervalEstimate) -> str:
    """Format an estimated value with its 95 % interval."""
    return f"{estimate.value:.4f} ({estimate.low:.4f}-{estimate.high:.4f})"
