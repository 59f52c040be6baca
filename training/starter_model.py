"""Starter for few records: rates of the shipped model.

A hundred records show neither how often matches agree nor how common names are. The fit of so few begins
with what the shipped model learned from many, as if it had been seen in a few more records, and the data
moves it as far as the data says something. From ``STARTER_RECORDS`` on, the data stands alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from mpi.matching.model.frequencies import Frequencies
from mpi.matching.model.match_model import find_model_folder, load_model
from mpi.matching.model.scoring_parameters import read_parameters

STARTER_RECORDS = 500
"""Records from which a fit needs no starter; as many count as read before the data's own."""
STARTER_MATCHES = 100.0
"""Matches that the starter's m counts as."""
STARTER_PAIRS = 20_000.0
"""Pairs of different people that the starter's u counts as."""


@dataclass(frozen=True, slots=True)
class StarterModel:
    """Rates and frequencies that a fit of few records begins with.

    Args:
        rates: comparison name and level label to (m, u).
        frequencies: term frequencies.
    """

    rates: Mapping[tuple[str, str], tuple[float, float]]
    frequencies: Frequencies

    def blend_frequencies(self, counted: Frequencies, records: int) -> Frequencies:
        """Return the data's term frequencies, drawn to the starter's.

        A value that the data does not list keeps the starter's share, so that no rare one shows.

        Args:
            counted: term frequencies of the data; they list no rare value.
            records: number of records in the data.
        """
        own_weight = records / (records + STARTER_RECORDS)
        tables, tails = {}, {}
        for column, table in counted.tables.items():
            known = self.frequencies.tables.get(column, {})
            known_tail = self.frequencies.tails.get(column, counted.tails[column])
            blended = {
                value: own_weight * share + (1 - own_weight) * known.get(value, known_tail)
                for value, share in table.items()
            }
            tables[column] = {**known, **blended}
            tails[column] = known_tail
        return Frequencies(tables, tails)


def load_starter() -> StarterModel:
    """Load the shipped model as a starter."""
    model = load_model(find_model_folder(), of_any_standardizer=True)
    return StarterModel(
        {
            (comparison.name, level.label): (level.m, level.u)
            for comparison in read_parameters(model.settings).comparisons
            for level in comparison.levels
            if level.m is not None and level.u is not None
        },
        model.frequencies,
    )
