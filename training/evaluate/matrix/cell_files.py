"""Writer of a cell as one CSV per source, and its truth."""

from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv

from training.evaluate.datasets.canonical_set import CanonicalSet
from training.evaluate.matrix.cells import Cell
from training.records import SOURCE_COLUMN

_LOCAL_ID, _SSN, _TRUE_ID = "local_id", "ssn", "true_id"


def write_cell(folder: Path, cell: Cell, data: CanonicalSet) -> Path:
    """Write a cell as files that the fit and a notebook read.

    Args:
        folder: folder in which the cell gets a folder of its own.
        cell: the cell.
        data: its records and their truth.

    Returns:
        The cell's folder: ``SOURCE.csv`` for each source, and ``truth.csv`` with ``source``, ``local_id``
        and ``true_id``.
    """
    target = folder / f"{cell.set_name}-{cell.subset}"
    target.mkdir(parents=True, exist_ok=True)
    local_ids = pa.array([str(number) for number in range(len(data.table))], pa.string())
    notebook = data.build_notebook_table()
    table = data.table.append_column(_LOCAL_ID, local_ids)
    if _SSN in notebook.column_names and _SSN not in table.column_names:
        table = table.append_column(_SSN, notebook[_SSN])
    truth = pa.table(
        {
            SOURCE_COLUMN: table[SOURCE_COLUMN],
            _LOCAL_ID: local_ids,
            _TRUE_ID: pa.array(data.truth.astype(str), pa.string()),
        }
    )
    arrow_csv.write_csv(truth, target / "truth.csv")
    sources = np.array(table[SOURCE_COLUMN].to_pylist())
    for source in np.unique(sources).tolist():
        rows = table.filter(pa.array(sources == source)).drop_columns([SOURCE_COLUMN])
        arrow_csv.write_csv(rows, target / f"{source}.csv")
    return target
