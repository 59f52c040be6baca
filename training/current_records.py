"""Files of canonical records to the features that an index with fresh lists would compare."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from mpi.domain.features import FEATURE_COLUMNS
from mpi.matching.scoring.batch import make_feature_table
from training.column_standardizer import standardize_table
from training.file_layouts import FileLayout, read_rows_by_layout
from training.raw_table import read_raw_table
from training.records import SOURCE_COLUMN, RawRow, standardize_in_parallel, read_rows
from training.shared_value_removal import remove_shared_values_from_table

_LOCAL_ID = "local_id"
_NO_LAYOUTS: Mapping[str, FileLayout] = {}


@dataclass(frozen=True, slots=True)
class CurrentRecords:
    """Records as an index would hold them.

    Args:
        features: ``unique_id``, the row's place over all files, and all feature columns, shared values taken
            out; a row that the door refuses is left out.
        record_labels: ``unique_id``, ``source``, ``local_id`` of the same rows.
    """

    features: pa.Table
    record_labels: pa.Table


def read_current_records(paths: Sequence[Path], layouts: Mapping[str, FileLayout] = _NO_LAYOUTS) -> CurrentRecords:
    """Read and standardize files.

    Args:
        paths: CSV or Parquet with canonical columns, or of a layout that is stated.
        layouts: by source, the name of a file without its suffix.

    Raises:
        FileError: a file cannot be read, or has a column that is not canonical.
        MappingError: a mapping and its file's columns do not account for each other.
    """
    sent = None if layouts else read_raw_table(paths)
    if sent is None:
        return _read_one_by_one(paths, layouts)
    local_ids = sent[_LOCAL_ID] if _LOCAL_ID in sent.column_names else pa.nulls(len(sent), pa.string())
    return _build_current_records(standardize_table(sent), sent[SOURCE_COLUMN], local_ids)


def _read_one_by_one(paths: Sequence[Path], layouts: Mapping[str, FileLayout]) -> CurrentRecords:
    sources: list[str] = []
    local_ids: list[str | None] = []

    def noted() -> Iterator[RawRow]:
        for path in paths:
            for row in read_rows_by_layout(path, layouts) or read_rows(path):
                sources.append(row.source)
                local_ids.append(str(row.fields[_LOCAL_ID]) if _LOCAL_ID in row.fields else None)
                yield row

    made = standardize_in_parallel(noted())
    standing = ((number, each) for number, each in enumerate(made) if each is not None)
    features = make_feature_table(standing, FEATURE_COLUMNS)
    return _build_current_records(features, pa.array(sources, pa.string()), pa.array(local_ids, pa.string()))


def _build_current_records(features: pa.Table, sources: pa.Array, local_ids: pa.Array) -> CurrentRecords:
    ids = features["unique_id"].sort()
    names = {"unique_id": ids, SOURCE_COLUMN: sources.take(ids), _LOCAL_ID: local_ids.take(ids)}
    return CurrentRecords(remove_shared_values_from_table(features), pa.table(names))
