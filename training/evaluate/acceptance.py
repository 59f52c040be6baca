"""The project's own bar, as measured: one row a promise."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from training.evaluate.evaluation import Evaluation, MethodResult
from training.evaluate.golden_pairs import GoldenResult
from training.evaluate.measures.intervals import Estimate
from training.evaluate.measures.stress_set import StressResult

CHILDREN_SET, CENSUS_SET, STATE_SET, SIMULATED_SET = (
    "pp_children_multi", "pp_link_census_2020_2030", "sim_state_100k", "simulated_state",
)  # fmt: skip
FITTED_SUFFIX = ", fitted on it"
"""After the name of a set that is shown with the shipped model, too."""


@dataclass(frozen=True, slots=True)
class AcceptanceRow:
    """One row.

    Args:
        what: on which set.
        splink: the best of plain Splink on the same records; None where it does not apply.
        measured: by the model.
        reach: the bar.
        kept: whether the bar is reached.
    """

    what: str
    splink: float | None
    measured: float
    reach: str
    kept: bool


def build_acceptance_rows(
    results: Mapping[str, Evaluation],
    strangers: StressResult | None = None,
    golden: GoldenResult | None = None,
    night: Estimate | None = None,
) -> list[AcceptanceRow]:
    """The rows whose sets were evaluated."""
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
            line, best = _find_method(results[name], "statistical"), _best_splink(results[name], lambda x: x.scores.f1)
            rows.append(_at_least_row(f"s {name} F1", best, line.scores.f1, bar))
    if SIMULATED_SET in results:
        rows += _simulated_rows(results[SIMULATED_SET])
    if strangers is not None:
        high = strangers.linked.high
        rows.append(_at_most_row("o strangers of one name and birth date linked, upper bound", None, high, 0.02))
    if golden is not None:
        rows.append(_at_least_row("golden pairs decided as expected", None, golden.kept, golden.pairs))
    if night is not None:
        rows.append(_at_most_row("review tasks a record that a feed's week writes", None, night.value, 0.005))
    return rows


def _sim_state_rows(result: Evaluation) -> list[AcceptanceRow]:
    line = _find_method(result, "operational")
    rows = [
        _at_least_row(f"o {STATE_SET} F1", _best_splink(result, lambda x: x.scores.f1), line.scores.f1, 0.988),
        _at_least_row(
            f"o {STATE_SET} precision",
            _best_splink(result, lambda x: x.scores.precision),
            line.scores.precision,
            0.998,
        ),
    ]
    if line.relatives is not None:
        fewest = min(each.relatives.wrong for each in result.lines if each.relatives and "Splink" in each.way)
        rows.append(_at_most_row(f"o {STATE_SET} twins and siblings linked", fewest, line.relatives.wrong, 5))
    return [*rows, *_review_rows(result)]


def _simulated_rows(result: Evaluation) -> list[AcceptanceRow]:
    line, exact = _find_method(result, "operational"), result.lines[0]
    if line.schools is None or exact.schools is None:
        return _review_rows(result)
    return [
        _at_least_row("o simulated state, care to school: precision", None, line.schools.precision.value, 0.999),
        _at_least_row("o simulated state, care to school: found", None, line.schools.found.value, 0.96),
        *_review_rows(result),
    ]


def _review_rows(result: Evaluation) -> list[AcceptanceRow]:
    name, tasks = result.name, result.tasks
    same = tasks.same.value
    return [
        _at_most_row(f"{name}: review tasks a record, first load", None, tasks.of_records.value, 0.02),
        AcceptanceRow(f"{name}: tasks that are the same child", None, same, "0.25 to 0.75", 0.25 <= same <= 0.75),  # noqa: PLR2004
        _at_least_row(f"{name}: missed links held in review", None, tasks.held.value, 0.6),
    ]


def _find_method(result: Evaluation, way: str) -> MethodResult:
    return next(line for line in result.lines if line.way == way)


def _best_splink(result: Evaluation, of: Callable[[MethodResult], float]) -> float:
    """Of plain Splink at the threshold that is best for it, on whichever columns are better."""
    best = max((line for line in result.lines if "best" in line.way), key=lambda line: line.scores.f1)
    return of(best)


def _at_least_row(what: str, splink: float | None, measured: float, bar: float) -> AcceptanceRow:
    return AcceptanceRow(what, splink, measured, f"at least {bar}", measured >= bar)


def _at_most_row(what: str, splink: float | None, measured: float, bar: float) -> AcceptanceRow:
    return AcceptanceRow(what, splink, measured, f"at most {bar}", measured <= bar)
