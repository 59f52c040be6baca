"""Caseload of the simulated child-welfare agency: which caseworker has which child."""

import numpy as np

from training.simulate.columns import Texts
from training.simulate.sources.records import SourceFile

CASELOAD_FIELDS = ("local_id", "caseworker", "name")
HOUSEHOLDS_OF_CASEWORKER = 600
"""Households of one caseworker; a few dozen of their children are in care."""


def write_caseload(file: SourceFile) -> dict[str, Texts]:
    """Return the CASELOAD_FIELDS columns for the children in care of a file.

    Children of one household have one caseworker. Nothing is drawn at random: no record changes by it.

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
