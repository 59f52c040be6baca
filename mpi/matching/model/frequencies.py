"""Frozen term frequencies of the population that a model was fitted on."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Self

from mpi.domain.errors import ModelError
from mpi.domain.features import TEXT_COLUMNS

HEADER = ("column", "value", "frequency")
"""Columns of ``frequencies.csv``."""


@dataclass(frozen=True, slots=True)
class Frequencies:
    """Term frequencies of a model: shares of records with a value.

    Args:
        tables: column to value to share of its records, only values that enough records have.
        tails: column to the share that every other value gets: values too rare to publish, and
            values never seen.
    """

    tables: Mapping[str, Mapping[str, float]] = field(repr=False)
    tails: Mapping[str, float]

    @classmethod
    def parse(cls, text: str, tails: Mapping[str, float]) -> Self:
        """Parse a model's term frequencies from ``frequencies.csv``.

        Raises:
            ModelError: wrong header, a column that is no text column, a share outside (0, 1], or no tail
                for a column.
        """
        rows = csv.reader(io.StringIO(text, newline=""))
        if tuple(next(rows, ())) != HEADER:
            raise ModelError(f"frequencies.csv: the header must be {','.join(HEADER)}")
        tables: dict[str, dict[str, float]] = {column: {} for column in tails}
        for row in rows:
            column, value, share = _parse_row(row, rows.line_num)
            if column not in tables:
                raise ModelError(f"frequencies.csv: column {column!r} has no tail in model.toml")
            tables[column][value] = share
        for column, tail in tails.items():
            # A file holds texts: to each engine another number or truth value is the same as one of them.
            if column not in TEXT_COLUMNS or not 0 < tail <= 1:
                raise ModelError(f"model.toml: bad tail frequency for column {column!r}")
        frozen = {column: MappingProxyType(table) for column, table in tables.items()}
        return cls(MappingProxyType(frozen), MappingProxyType(dict(tails)))

    def get_share(self, column: str, value: str) -> float:
        """Return the share of records with a value, or the column's tail."""
        return self.tables[column].get(value, self.tails[column])


def _parse_row(row: list[str], line: int) -> tuple[str, str, float]:
    """Parse a row of term frequencies into column, value and share."""
    try:
        column, value, text = row
        share = float(text)
    except ValueError:
        raise ModelError(f"frequencies.csv, line {line}: not column,value,frequency") from None
    if not 0 < share <= 1:
        raise ModelError(f"frequencies.csv, line {line}: a frequency is above 0 and at most 1")
    return column, value, share
