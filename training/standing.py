"""Files of canonical records to the features that an index with fresh lists would compare."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from mpi.domain.features import FEATURE_COLUMNS
from mpi.matching.batch import feature_table
from training.by_column import features_by_column
from training.records import features_of, read_rows
from training.sent_table import read_sent
from training.shared_homes import without_shared_homes


def standing_features(paths: Sequence[Path]) -> pa.Table:
    """Read and standardize files; shared values are taken out.

    Args:
        paths: CSV or Parquet with canonical columns.

    Returns:
        ``unique_id``, the row's place over all files, and all feature columns; a row that the door refuses
        is left out.

    Raises:
        FileError: a file cannot be read, or has a column that is not canonical.
    """
    sent = read_sent(paths)
    return without_shared_homes(_row_by_row(paths) if sent is None else features_by_column(sent))


def _row_by_row(paths: Sequence[Path]) -> pa.Table:
    made = features_of(row for path in paths for row in read_rows(path))
    standing = ((number, each) for number, each in enumerate(made) if each is not None)
    return feature_table(standing, FEATURE_COLUMNS)
