"""The project's own bar, as measured: one row a promise."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from training.evaluate.evaluation import Evaluation, Line
from training.evaluate.golden_pairs import Golden
from training.evaluate.measures.intervals import Figure
from training.evaluate.measures.stress_set import Strangers

CHILDREN, CENSUS, STATE, SIMULATED = (
    "pp_children_multi", "pp_link_census_2020_2030", "sim_state_100k", "simulated_state",
)  # fmt: skip
OWN = ", fitted on it"
"""After the name of a set that is shown with the shipped model, too."""


@dataclass(frozen=True, slots=True)
class Promise:
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


def promises(
    results: Mapping[str, Evaluation],
    strangers: Strangers | None = None,
    golden: Golden | None = None,
    night: Figure | None = None,
) -> list[Promise]:
    """The rows whose sets were evaluated."""
    rows: list[Promise] = []
    if STATE in results:
        rows += _state(results[STATE])
    for name, bar in (
        (CHILDREN, 0.945),
        (CENSUS, 0.988),
        (CENSUS + OWN, 0.988),
        ("febrl3", 0.999),
        ("febrl4", 0.9995),
    ):
        if name in results:
            line, best = _line(results[name], "statistical"), _splink(results[name], lambda x: x.scores.f1)
            rows.append(_at_least(f"s {name} F1", best, line.scores.f1, bar))
    if SIMULATED in results:
        rows += _simulated(results[SIMULATED])
    if strangers is not None:
        high = strangers.linked.high
        rows.append(_at_most("o strangers of one name and birth date linked, upper bound", None, high, 0.02))
    if golden is not None:
        rows.append(_at_least("golden pairs decided as expected", None, golden.kept, golden.pairs))
    if night is not None:
        rows.append(_at_most("review tasks a record that a feed's week writes", None, night.value, 0.005))
    return rows


def _state(result: Evaluation) -> list[Promise]:
    line = _line(result, "operational")
    rows = [
        _at_least(f"o {STATE} F1", _splink(result, lambda x: x.scores.f1), line.scores.f1, 0.988),
        _at_least(
            f"o {STATE} precision",
            _splink(result, lambda x: x.scores.precision),
            line.scores.precision,
            0.998,
        ),
    ]
    if line.relatives is not None:
        fewest = min(each.relatives.wrong for each in result.lines if each.relatives and "Splink" in each.way)
        rows.append(_at_most(f"o {STATE} twins and siblings linked", fewest, line.relatives.wrong, 5))
    return [*rows, *_review(result)]


def _simulated(result: Evaluation) -> list[Promise]:
    line, exact = _line(result, "operational"), result.lines[0]
    if line.schools is None or exact.schools is None:
        return _review(result)
    return [
        _at_least("o simulated state, care to school: precision", None, line.schools.precision.value, 0.999),
        _at_least("o simulated state, care to school: found", None, line.schools.found.value, 0.96),
        *_review(result),
    ]


def _review(result: Evaluation) -> list[Promise]:
    name, tasks = result.name, result.tasks
    same = tasks.same.value
    return [
        _at_most(f"{name}: review tasks a record, first load", None, tasks.of_records.value, 0.02),
        Promise(f"{name}: tasks that are the same child", None, same, "0.25 to 0.75", 0.25 <= same <= 0.75),  # noqa: PLR2004
        _at_least(f"{name}: missed links held in review", None, tasks.held.value, 0.6),
    ]


def _line(result: Evaluation, way: str) -> Line:
    return next(line for line in result.lines if line.way == way)


def _splink(result: Evaluation, of: Callable[[Line], float]) -> float:
    """Of plain Splink at the threshold that is best for it, on whichever columns are better."""
    best = max((line for line in result.lines if "best" in line.way), key=lambda line: line.scores.f1)
    return of(best)


def _at_least(what: str, splink: float | None, measured: float, bar: float) -> Promise:
    return Promise(what, splink, measured, f"at least {bar}", measured >= bar)


def _at_most(what: str, splink: float | None, measured: float, bar: float) -> Promise:
    return Promise(what, splink, measured, f"at most {bar}", measured <= bar)
