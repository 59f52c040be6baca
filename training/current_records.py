"""Reader of record files into the features that an index would compare."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from mpi.domain.features import FEATURE_COLUMNS
from mpi.intake.column_use import ColumnUse
from mpi.matching.scoring.splink_engine import make_feature_table
from training.column_report import NOTHING_UNREAD, REPORTED_FIELDS, collect_fields, report_columns
from training.column_standardizer import standardize_table
from training.file_layouts import FileLayout, read_rows_by_layout
from training.raw_table import read_raw_table
from training.records import SOURCE_COLUMN, RecordRow, read_rows, standardize_in_parallel
from training.shared_value_removal import remove_shared_values_from_table

_LOCAL_ID = "local_id"
_NO_LAYOUTS: Mapping[str, FileLayout] = {}


@dataclass(frozen=True, slots=True)
class CurrentRecords:
    """Standardized records of the data, as an index would compare them.

    Args:
        features: ``unique_id`` (the position of the row over all files) and all feature columns, shared
            values removed. Rows that record validation refuses are left out.
        record_labels: ``unique_id``, ``source`` and ``local_id`` of the same rows.
        columns: how many values of each column are read, used and set aside.
        refused: rows that record validation refuses.
    """

    features: pa.Table
    record_labels: pa.Table
    columns: tuple[ColumnUse, ...] = ()
    refused: int = 0


def read_current_records(
    paths: Sequence[Path], layouts: Mapping[str, FileLayout] = _NO_LAYOUTS
) -> CurrentRecords:
    """Read and standardize record files for training.

    Args:
        paths: CSV or Parquet files with canonical columns, or files that have a layout.
        layouts: layout by source, which is the file name without its suffix.

    Raises:
        FileError: a file cannot be read, or has a column that is not canonical.
        MappingError: a mapping and the columns of its file do not agree.
    """
    raw = None if layouts else read_raw_table(paths)
    if raw is None:
        return _read_one_by_one(paths, layouts)
    local_ids = raw[_LOCAL_ID] if _LOCAL_ID in raw.column_names else pa.nulls(len(raw), pa.string())
    fields = {name: raw[name].combine_chunks() for name in REPORTED_FIELDS if name in raw.column_names}
    return _build_current_records(standardize_table(raw), raw[SOURCE_COLUMN], local_ids, fields)


def _read_one_by_one(paths: Sequence[Path], layouts: Mapping[str, FileLayout]) -> CurrentRecords:
    """Read files row by row, where Arrow cannot read them."""
    sources: list[str] = []
    local_ids: list[str | None] = []
    field_rows: list[Mapping[str, object]] = []
    unread: Counter[tuple[str, str]] = Counter()

    def collect_rows() -> Iterator[RecordRow]:
        """Yield all rows, and collect their sources and local IDs."""
        for path in paths:
            for row in read_rows_by_layout(path, layouts) or read_rows(path):
                sources.append(row.source)
                local_ids.append(str(row.fields[_LOCAL_ID]) if _LOCAL_ID in row.fields else None)
                unread.update((issue.field, issue.code) for issue in row.issues)
                field_rows.append({name: row.fields[name] for name in REPORTED_FIELDS if name in row.fields})
                yield row

    standardized = standardize_in_parallel(collect_rows())
    accepted = (
        (number, row_features) for number, row_features in enumerate(standardized) if row_features is not None
    )
    features = make_feature_table(accepted, FEATURE_COLUMNS)
    return _build_current_records(
        features,
        pa.array(sources, pa.string()),
        pa.array(local_ids, pa.string()),
        collect_fields(field_rows),
        unread,
    )


def _build_current_records(
    features: pa.Table,
    sources: pa.Array,
    local_ids: pa.Array,
    fields: Mapping[str, pa.Array],
    unread: Mapping[tuple[str, str], int] = NOTHING_UNREAD,
) -> CurrentRecords:
    """Build the standardized records from features and the texts of all rows."""
    ids = features["unique_id"].sort()
    names = {"unique_id": ids, SOURCE_COLUMN: sources.take(ids), _LOCAL_ID: local_ids.take(ids)}
    remaining = remove_shared_values_from_table(features)
    return CurrentRecords(
        features=remaining,
        record_labels=pa.table(names),
        columns=report_columns(features, remaining, fields, unread),
        refused=len(sources) - len(features),
    )
