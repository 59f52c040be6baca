"""Acceptance criteria of the project with their measured values, one row each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from training.evaluate.evaluation import Evaluation, MethodEvaluation
from training.evaluate.golden_pairs import GoldenResult
from training.evaluate.measures.intervals import IntervalEstimate
from training.evaluate.measures.stress_set import StressResult

CHILDREN_SET, CENSUS_SET, STATE_SET, SIMULATED_SET = (
    "pp_children_multi", "pp_link_census_2020_2030", "sim_state_100k", "simulated_state",
)  # fmt: skip
FITTED_SUFFIX = ", fitted on it"
"""Name suffix of a set evaluated with a model fitted on it.

Such a set is shown with the shipped model, too.
"""

FEWEST_SAME, MOST_SAME = 0.25, 0.75
"""Bounds for the share of review tasks about one child."""


@dataclass(frozen=True, slots=True)
class AcceptanceRow:
    """One acceptance criterion with its measured value.

    Args:
        what: measure and set.
        splink: value of the best plain Splink on the same records; None if it does not apply.
        measured: value of the model.
        reach: the bar in words.
        kept: whether the model reaches the bar.
    """

    what: str
    splink: float | None
    measured: float
    reach: str
    kept: bool


def build_acceptance_rows(
    results: Mapping[str, Evaluation],
    stress: StressResult | None = None,
    golden: GoldenResult | None = None,
    weekly_review: IntervalEstimate | None = None,
) -> list[AcceptanceRow]:
    """Build the acceptance rows of the evaluated sets.

    Args:
        results: evaluation by name of the set.
        stress: result of the stress set; None if it was not run.
        golden: result of the golden pairs; None if they were not decided.
        weekly_review: review tasks per record of a weekly feed; None if it was not run.
    """
    rows: list[AcceptanceRow] = []
    if STATE_SET in results:
        rows += _sim_state_rows(results[STATE_SET])
    for name, bar in (
        (CHILDREN_SET, 0.945),
        (CENSUS_SET, 0.988),
        (CENSUS_SET + FITTED_SUFFIX, 0.988),
        ("febrl3", 0.999),
        ("febrl4", 0.9995),
    ):
        if name in results:
            line, best = (
                _find_method(results[name], "statistical"),
                _best_splink(results[name], lambda x: x.scores.f1),
            )
            rows.append(_at_least_row(f"s {name} F1", best, line.scores.f1, bar))
    if SIMULATED_SET in results:
        rows += _simulated_rows(results[SIMULATED_SET])
    if stress is not None:
        high = stress.linked.high
        rows.append(
            _at_most_row("o strangers of one name and birth date linked, upper bound", None, high, 0.02)
        )
    if golden is not None:
        rows.append(_at_least_row("golden pairs decided as expected", None, golden.kept, golden.pairs))
    if weekly_review is not None:
        rows.append(
            _at_most_row("review tasks a record that a feed's week writes", None, weekly_review.value, 0.005)
        )
    return rows


def _sim_state_rows(result: Evaluation) -> list[AcceptanceRow]:
    """Build the acceptance rows of the public set ``sim_state_100k``."""
    line = _find_method(result, "operational")
    rows = [
        _at_least_row(
            f"o {STATE_SET} F1", _best_splink(result, lambda x: x.scores.f1), line.scores.f1, 0.988
        ),
        _at_least_row(
            f"o {STATE_SET} precision",
            _best_splink(result, lambda x: x.scores.precision),
            line.scores.precision,
            0.998,
        ),
    ]
    if line.relatives is not None:
        fewest_wrong = min(
            method.relatives.wrong for method in result.lines if method.relatives and "Splink" in method.way
        )
        rows.append(
            _at_most_row(f"o {STATE_SET} twins and siblings linked", fewest_wrong, line.relatives.wrong, 5)
        )
    return [*rows, *_review_rows(result)]


def _simulated_rows(result: Evaluation) -> list[AcceptanceRow]:
    """Build the acceptance rows of the evaluation's own simulated state."""
    line, exact = _find_method(result, "operational"), result.lines[0]
    if line.schools is None or exact.schools is None:
        return _review_rows(result)
    return [
        _at_least_row(
            "o simulated state, care to school: precision", None, line.schools.precision.value, 0.999
        ),
        _at_least_row("o simulated state, care to school: found", None, line.schools.found.value, 0.96),
        *_review_rows(result),
    ]


def _review_rows(result: Evaluation) -> list[AcceptanceRow]:
    """Build an evaluated set's acceptance rows about clerical review."""
    name, tasks = result.name, result.tasks
    same = tasks.same.value
    return [
        _at_most_row(f"{name}: review tasks a record, first load", None, tasks.of_records.value, 0.02),
        AcceptanceRow(
            what=f"{name}: tasks that are the same child",
            splink=None,
            measured=same,
            reach=f"{FEWEST_SAME} to {MOST_SAME}",
            kept=FEWEST_SAME <= same <= MOST_SAME,
        ),
        _at_least_row(f"{name}: missed links held in review", None, tasks.held.value, 0.6),
    ]


def _find_method(result: Evaluation, way: str) -> MethodEvaluation:
    """Return a linkage method's result within an evaluation."""
    return next(line for line in result.lines if line.way == way)


def _best_splink(result: Evaluation, measure: Callable[[MethodEvaluation], float]) -> float:
    """Return a measure of plain Splink at its best threshold and columns."""
    best = max((line for line in result.lines if "best" in line.way), key=lambda line: line.scores.f1)
    return measure(best)


def _at_least_row(criterion: str, splink: float | None, measured: float, bar: float) -> AcceptanceRow:
    """Build an acceptance row whose measured value must reach a minimum."""
    return AcceptanceRow(
        what=criterion, splink=splink, measured=measured, reach=f"at least {bar}", kept=measured >= bar
    )


def _at_most_row(criterion: str, splink: float | None, measured: float, bar: float) -> AcceptanceRow:
    """Build an acceptance row whose measured value must not exceed a maximum."""
    return AcceptanceRow(
        what=criterion, splink=splink, measured=measured, reach=f"at most {bar}", kept=measured <= bar
    )
