"""Printing of how records differ from those of a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mpi.cli.output import print_note, print_table

if TYPE_CHECKING:
    from mpi.matching.model.data_profile import ProfileDifference

_SHARES = {"filled": "records with a value", "listed": "names that the model lists"}


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
                f"{difference.fitted:.0%}",
                f"{difference.observed:.0%}",
            )
            for difference in differences
        ],
    )
    print_note(
        f"the records are unlike those that {model} was fitted on, so its weights may be wrong: fit a model "
        "to them with python -m training fit --data FILE --out FOLDER"
    )
