"""Set of records in canonical columns, as sent, with their truth."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from training.evaluate.baseline import NOTEBOOK_COLUMNS
from training.records import SOURCE_COLUMN

_SSN, _IDENTIFIERS = "ssn", "identifiers"


@dataclass(frozen=True, slots=True)
class CanonicalSet:
    """Records in canonical columns with the code of each one's person.

    Args:
        name: name of the set.
        table: canonical columns as texts, missing values null; with ``source``.
        truth: code of the true person of each row.
    """

    name: str
    table: pa.Table = field(repr=False)
    truth: npt.NDArray[np.int64] = field(repr=False)

    @property
    def columns(self) -> tuple[str, ...]:
        """Canonical columns of the set, without the source."""
        return tuple(name for name in self.table.column_names if name != SOURCE_COLUMN)

    def select_columns(self, columns: Sequence[str]) -> "CanonicalSet":
        """Return the set with only the given columns and the source."""
        return CanonicalSet(self.name, self.table.select([SOURCE_COLUMN, *columns]), self.truth)

    def build_notebook_table(self) -> pa.Table:
        """Build the columns that the notebook compares.

        A notebook knows no list of identifiers: a set without SSN gives it the first one in that column.
        """
        columns = {name: self.table[name] for name in NOTEBOOK_COLUMNS if name in self.columns}
        if _SSN not in columns and _IDENTIFIERS in self.columns:
            texts = self.table[_IDENTIFIERS].to_pylist()
            columns[_SSN] = pa.array([text and json.loads(text)[0]["value"] for text in texts], pa.string())
        return pa.table({"unique_id": pa.array(range(len(self.table)), pa.int64()), **columns})
