"""Printing of how records differ from those of a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mpi.cli.output import print_note, print_table
from mpi.domain.training_tools import find_training_tools

if TYPE_CHECKING:
    from mpi.matching.model.data_profile import ProfileDifference
    from mpi.matching.model.match_model import MatchModel
    from mpi.service.maintenance.model_capacity import CapacityExcess
    from mpi.service.quality.model_fit import ModelFit

_SHARES = {
    "filled": "records with a value",
    "listed": "names that the model lists",
    "matches": "linked pairs at this level",
    "strangers": "pairs of two people at this level",
}
_SMALL_SHARE = 0.01


def show_differences(differences: Sequence[ProfileDifference], model: str, records: str) -> None:
    """Print how records differ from those of a model.

    Args:
        differences: the differences; nothing is printed without any.
        model: name and version of the model.
        records: what the records are: ``this index`` or ``this file``.
    """
    if not differences:
        return
    print_table(
        ("column", "share", "model's data", records),
        [
            (
                difference.column,
                _SHARES[difference.what],
                _format_share(difference.fitted),
                _format_share(difference.observed),
            )
            for difference in differences
        ],
    )
    print_note(_advise(model))


def show_budget(model: MatchModel) -> None:
    """Print the link threshold, and the budgeted and expected false links.

    Args:
        model: the model of the index.
    """
    print_note(describe_budget(model))


def describe_budget(model: MatchModel) -> str:
    """Describe the budget of a model's enterprise IDs in one sentence."""
    threshold = f"enterprise IDs link from {model.thresholds.link:g} bits up"
    budget = model.link_budget
    if budget is None:
        return f"{threshold}: {model.ref} states no budget of false links"
    low, high = budget.interval
    return (
        f"{threshold}: the budget is {budget.allowed:g} false links in 10,000, and {model.ref} expects "
        f"{budget.expected:.1f} (95 %: {low:.1f} to {high:.1f}) in the data that it was fitted on"
    )


def _advise(model: str) -> str:
    """Return the advice for records that are unlike those of a model."""
    return (
        f"the records are unlike those that {model} was fitted on, so its weights may be wrong: fit a model "
        f"to them with python -m {find_training_tools()} fit --data FILE --out FOLDER"
    )


def show_verdict(model_fit: ModelFit | None) -> None:
    """Print the daily verdict on the model, if it is a warning.

    Args:
        model_fit: how well the model fits the records; None if it was not read.
    """
    if model_fit is None:
        return
    if model_fit.verdict == "unlike":
        show_differences(model_fit.differences, model_fit.model, "this index")
        if not model_fit.differences:
            print_note(_advise(model_fit.model))
    if model_fit.outgrown:
        print_note(
            f"the index holds at least twice the records that {model_fit.model} was fitted for: mpi verify"
        )


def warn_of_capacity(excess: CapacityExcess | None, model: MatchModel) -> None:
    """Warn that an index has outgrown its model, and propose thresholds.

    Args:
        excess: how far it has outgrown it; None if it has not, and then nothing is printed.
        model: the model in force.
    """
    if excess is None:
        return
    link, review = (bits + excess.bits for bits in (model.thresholds.link, model.thresholds.review))
    print_note(
        f"the model in force was fitted for {excess.fitted_for:,} records, and there are "
        f"{excess.records:,}: every match weight is {excess.bits:.1f} bits too high. Nothing changes by "
        "itself. Fit a model to your records (docs/how-to/fit-a-model.md) and read its plan: mpi proposal "
        f"make --model FOLDER. Until then, links from {link:.1f} bits and review from {review:.1f} mean what "
        f"the model's thresholds meant: mpi simulate --link {link:.1f} --review {review:.1f}"
    )


def _format_share(share: float) -> str:
    """Format a share in percents, a small one with two digits."""
    return f"{share:.0%}" if share >= _SMALL_SHARE or not share else f"{100 * share:.2g}%"
