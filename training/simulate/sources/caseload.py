"""Caseload of the simulated child-welfare agency: which caseworker has which child."""

import numpy as np

from training.simulate.columns import Texts
from training.simulate.sources.records import SourceFile

CASELOAD_FIELDS = ("local_id", "caseworker", "name")
HOUSEHOLDS_OF_CASEWORKER = 600
"""Households of the state for which one caseworker is responsible; a few dozen of their children are in care."""


def write_caseload(file: SourceFile) -> dict[str, Texts]:
    """Return the CASELOAD_FIELDS columns for the children in care of a file.

    Children of one household have one caseworker. Nothing is drawn at random, so the records stay as they are.

    Args:
        file: records of child welfare, with their truth.
    """
    in_care = [row for row, tags in enumerate(file.truth["tags"]) if "in_care" in tags.split("|")]
    numbers = [int(file.truth["household_id"][row][1:]) // HOUSEHOLDS_OF_CASEWORKER for row in in_care]
    return {
        "local_id": file.columns["local_id"][in_care],
        "caseworker": np.array([f"worker-{number}" for number in numbers], dtype=object),
        "name": np.array([f"Caseworker {number}" for number in numbers], dtype=object),
    }
