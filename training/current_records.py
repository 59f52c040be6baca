"""Reader of record files into the features that an index would compare."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mpi.domain.features import FEATURE_COLUMNS
from mpi.intake.column_use import ColumnUse
from mpi.matching.scoring.splink_engine import make_feature_table
from training.column_report import NOTHING_UNREAD, REPORTED_FIELDS, collect_fields, report_columns
from training.column_standardizer import standardize_table
from training.file_layouts import FileLayout, read_rows_by_layout
from training.raw_table import has_rows, read_raw_table
from training.records import SOURCE_COLUMN, RecordRow, read_rows, standardize_in_parallel
from training.shared_value_removal import remove_shared_values_from_table

_LOCAL_ID, _AS_OF = "local_id", "as_of"
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
        superseded: rows left out since a later one has their source and local ID: they are versions of one
            record.
        empty_files: names of the files without a row.
    """

    features: pa.Table
    record_labels: pa.Table
    columns: tuple[ColumnUse, ...] = ()
    refused: int = 0
    superseded: int = 0
    empty_files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _RawRows:
    """Texts of all rows, in order.

    Args:
        sources: source of each row.
        local_ids: local ID of each row; null without one.
        as_of: time at which each row was true, in ISO form; null without one.
        fields: texts of the reported fields.
    """

    sources: pa.Array
    local_ids: pa.Array
    as_of: pa.Array
    fields: Mapping[str, pa.Array]


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
    texts = {
        name: raw[name].combine_chunks() if name in raw.column_names else pa.nulls(len(raw), pa.string())
        for name in (SOURCE_COLUMN, _LOCAL_ID, _AS_OF)
    }
    fields = {name: raw[name].combine_chunks() for name in REPORTED_FIELDS if name in raw.column_names}
    rows = _RawRows(texts[SOURCE_COLUMN], texts[_LOCAL_ID], texts[_AS_OF], fields)
    empty_files = tuple(path.name for path in paths if not has_rows(path))
    return _build_current_records(standardize_table(raw), rows, empty_files)


def _read_one_by_one(paths: Sequence[Path], layouts: Mapping[str, FileLayout]) -> CurrentRecords:
    """Read files row by row, where Arrow cannot read them."""
    sources: list[str] = []
    local_ids: list[str | None] = []
    as_of: list[str | None] = []
    filled_files: set[str] = set()
    field_rows: list[Mapping[str, object]] = []
    unread: Counter[tuple[str, str]] = Counter()

    def collect_rows() -> Iterator[RecordRow]:
        """Yield all rows, and collect their sources and local IDs."""
        for path in paths:
            for row in read_rows_by_layout(path, layouts) or read_rows(path):
                filled_files.add(path.name)
                sources.append(row.source)
                local_ids.append(_format_field(row, _LOCAL_ID))
                as_of.append(_format_field(row, _AS_OF))
                unread.update((issue.field, issue.code) for issue in row.issues)
                field_rows.append({name: row.fields[name] for name in REPORTED_FIELDS if name in row.fields})
                yield row

    standardized = standardize_in_parallel(collect_rows())
    accepted = (
        (number, row_features) for number, row_features in enumerate(standardized) if row_features is not None
    )
    features = make_feature_table(accepted, FEATURE_COLUMNS)
    rows = _RawRows(
        pa.array(sources, pa.string()),
        pa.array(local_ids, pa.string()),
        pa.array(as_of, pa.string()),
        collect_fields(field_rows),
    )
    empty_files = tuple(path.name for path in paths if path.name not in filled_files)
    return _build_current_records(features, rows, empty_files, unread)


def _format_field(row: RecordRow, name: str) -> str | None:
    """Return a field of a row as text; None without a value."""
    value = row.fields.get(name)
    return None if value is None else str(value)


def _build_current_records(
    features: pa.Table,
    rows: _RawRows,
    empty_files: tuple[str, ...],
    unread: Mapping[tuple[str, str], int] = NOTHING_UNREAD,
) -> CurrentRecords:
    """Build the standardized records from features and the texts of all rows."""
    latest = features.filter(_find_latest_versions(features["unique_id"].to_numpy(), rows))
    ids = latest["unique_id"].sort()
    names = {"unique_id": ids, SOURCE_COLUMN: rows.sources.take(ids), _LOCAL_ID: rows.local_ids.take(ids)}
    remaining = remove_shared_values_from_table(latest)
    return CurrentRecords(
        features=remaining,
        record_labels=pa.table(names),
        columns=report_columns(latest, remaining, rows.fields, unread),
        refused=len(rows.sources) - len(features),
        superseded=len(features) - len(latest),
        empty_files=empty_files,
    )


def _find_latest_versions(ids: npt.NDArray[np.int64], rows: _RawRows) -> pa.Array:
    """Return which rows are the latest of their source and local ID.

    Of two versions the one with the later as-of counts, and then the later row. A row without a local ID is a
    record of its own.

    Args:
        ids: positions of the rows that were accepted.
        rows: texts of all rows.
    """
    positions = pa.array(ids)
    local_ids = pc.utf8_trim_whitespace(rows.local_ids.take(positions))
    keys = np.column_stack([_encode(rows.sources.take(positions)), _encode(local_ids)])
    order = np.lexsort((ids, _encode(rows.as_of.take(positions)), keys[:, 1], keys[:, 0]))
    is_last = np.append(np.any(keys[order][1:] != keys[order][:-1], axis=1), True)
    is_latest = np.empty(len(ids), dtype=np.bool_)
    is_latest[order] = is_last[: len(ids)]
    return pa.array(is_latest | local_ids.is_null().to_numpy(zero_copy_only=False))


def _encode(texts: pa.Array) -> npt.NDArray[np.int64]:
    """Return the ranks of texts; a missing one comes last."""
    ranks = pc.rank(texts, tiebreaker="dense")
    return np.asarray(ranks.to_numpy(zero_copy_only=False), dtype=np.int64)
