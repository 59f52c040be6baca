"""Files of canonical records to the features that an index with fresh lists would compare."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from mpi.domain.features import FEATURE_COLUMNS
from mpi.matching.scoring.batch import feature_table
from training.column_standardizer import features_by_column
from training.file_layouts import Layout, rows_by_layout
from training.raw_table import read_sent
from training.records import SOURCE_COLUMN, Sent, features_of, read_rows
from training.shared_value_removal import without_shared_homes

_LOCAL_ID = "local_id"
_CANONICAL: Mapping[str, Layout] = {}


@dataclass(frozen=True, slots=True)
class Standing:
    """Records as an index would hold them.

    Args:
        features: ``unique_id``, the row's place over all files, and all feature columns, shared values taken
            out; a row that the door refuses is left out.
        names: ``unique_id``, ``source``, ``local_id`` of the same rows.
    """

    features: pa.Table
    names: pa.Table


def read_standing(paths: Sequence[Path], layouts: Mapping[str, Layout] = _CANONICAL) -> Standing:
    """Read and standardize files.

    Args:
        paths: CSV or Parquet with canonical columns, or of a layout that is stated.
        layouts: by source, the name of a file without its suffix.

    Raises:
        FileError: a file cannot be read, or has a column that is not canonical.
        MappingError: a mapping and its file's columns do not account for each other.
    """
    sent = None if layouts else read_sent(paths)
    if sent is None:
        return _row_by_row(paths, layouts)
    local_ids = sent[_LOCAL_ID] if _LOCAL_ID in sent.column_names else pa.nulls(len(sent), pa.string())
    return _standing(features_by_column(sent), sent[SOURCE_COLUMN], local_ids)


def _row_by_row(paths: Sequence[Path], layouts: Mapping[str, Layout]) -> Standing:
    sources: list[str] = []
    local_ids: list[str | None] = []

    def noted() -> Iterator[Sent]:
        for path in paths:
            for row in rows_by_layout(path, layouts) or read_rows(path):
                sources.append(row.source)
                local_ids.append(str(row.fields[_LOCAL_ID]) if _LOCAL_ID in row.fields else None)
                yield row

    made = features_of(noted())
    standing = ((number, each) for number, each in enumerate(made) if each is not None)
    features = feature_table(standing, FEATURE_COLUMNS)
    return _standing(features, pa.array(sources, pa.string()), pa.array(local_ids, pa.string()))


def _standing(features: pa.Table, sources: pa.Array, local_ids: pa.Array) -> Standing:
    ids = features["unique_id"].sort()
    names = {"unique_id": ids, SOURCE_COLUMN: sources.take(ids), _LOCAL_ID: local_ids.take(ids)}
    return Standing(without_shared_homes(features), pa.table(names))
