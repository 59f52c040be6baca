"""Truth of an evaluation in its own file: each record's person."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from mpi.domain.errors import FileError
from training.evaluate.datasets.dataset import Dataset, standardize_records
from training.file_layouts import FileLayout, read_rows_by_layout
from training.fit.errors import TrainingError
from training.records import RecordRow, read_rows

TRUTH_FILE_COLUMNS = ("source", "local_id", "person_id")
"""Columns that a file of the truth must have."""


def load_truth_dataset(paths: Sequence[Path], layouts: Mapping[str, FileLayout], truth: Path) -> Dataset:
    """Read record files of any columns, and their truth from another file.

    Args:
        paths: the record files; the source of a record is its file's name without suffix, or its ``source``.
        layouts: mapping and format of files whose columns are not canonical.
        truth: CSV file with the columns ``source``, ``local_id`` and ``person_id``.

    Raises:
        FileError: a file cannot be read.
        MappingError: a mapping and the columns of a file do not agree.
        TrainingError: the truth does not name the person of each record.
    """
    persons = _read_truth(truth)
    rows: list[RecordRow] = []
    for path in paths:
        mapped = read_rows_by_layout(path, layouts)
        rows += read_rows(path) if mapped is None else mapped
    labels = [(row.source, str(row.fields.get("local_id", "")).strip()) for row in rows]
    missing = sum(label not in persons for label in labels)
    if missing:
        raise TrainingError(
            f"{truth.name}: it does not name the person of {missing:,} of {len(labels):,} records; a "
            "source is the name of its file without the ending"
        )
    return Dataset(
        "records",
        standardize_records(rows),
        {number: persons[label] for number, label in enumerate(labels)},
        sources=dict(enumerate(row.source for row in rows)),
    )


def _read_truth(path: Path) -> dict[tuple[str, str], str]:
    """Return the person of each record."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            lacking = [name for name in TRUTH_FILE_COLUMNS if name not in (reader.fieldnames or ())]
            if lacking:
                raise FileError(f"{path.name}: it has no column {', '.join(lacking)}")
            return {
                (row["source"].strip(), row["local_id"].strip()): row["person_id"].strip() for row in reader
            }
    except OSError as error:
        raise FileError(f"{path.name}: cannot be opened: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error, AttributeError):
        raise FileError(f"{path.name}: it is no CSV file in UTF-8, or a row is cut short") from None
