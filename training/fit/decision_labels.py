"""Reader of steward decisions that ``mpi export labels`` writes.

``training fit --decisions`` uses them as labels of pairs.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import networkx as nx
import pyarrow as pa

from mpi.domain.errors import FileError
from training.fit.errors import TrainingError
from training.fit.labels import LABEL_SCHEMA

COLUMNS = ("left_source", "left_local_id", "right_source", "right_local_id", "label")
"""Columns that are read; others, such as day and reason, are ignored."""
SAME, DIFFERENT = "SAME", "DIFFERENT"

RecordKey = tuple[str, str]
"""Source and local ID."""


@dataclass(frozen=True, slots=True)
class DecisionLabels:
    """Labelled pairs of records from a decision file.

    Args:
        pairs: ``lo``, ``hi``, ``same``, each pair once.
        unknown_count: labels left out because the data does not hold both records, each once.
        contradicted_count: labels left out because they contradict each other: records labelled
            different within one chain of records labelled the same.
    """

    pairs: pa.Table
    unknown_count: int
    contradicted_count: int


def read_decisions(path: Path, record_labels: pa.Table) -> DecisionLabels:
    """Read a file of decisions about records of the data.

    Args:
        path: CSV file with the columns in COLUMNS.
        record_labels: ``unique_id``, ``source`` and ``local_id`` of every record.

    Raises:
        FileError: the file cannot be read as CSV, or lacks a column.
        TrainingError: a label is neither SAME nor DIFFERENT, or names one record twice.
    """
    labels = list(_read_labels(path))
    record_ids = _find_record_ids(
        record_labels, {name for left, right, _ in labels for name in (left, right)}
    )
    id_pairs = [(record_ids.get(left), record_ids.get(right), same) for left, right, same in labels]
    pairs = {
        (min(lo, hi), max(lo, hi), same)
        for lo, hi, same in id_pairs
        if lo is not None and hi is not None and lo != hi
    }
    consistent = _drop_contradictions(pairs)
    lo, hi, same = zip(*sorted(consistent), strict=True) if consistent else ((), (), ())
    return DecisionLabels(
        pairs=pa.table({"lo": lo, "hi": hi, "same": same}, schema=LABEL_SCHEMA),
        unknown_count=sum(None in (lo, hi) or lo == hi for lo, hi, _ in id_pairs),
        contradicted_count=len(pairs) - len(consistent),
    )


def _read_labels(path: Path) -> Iterator[tuple[RecordKey, RecordKey, bool]]:
    """Yield the labelled pairs of a decision file."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise FileError(f"{path}: there is no column {missing[0]!r}; it needs {', '.join(COLUMNS)}")
            for row in reader:
                yield _parse_label(path, reader.line_num, row)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FileError(f"{path}: cannot be read as CSV in UTF-8: {error}") from None


def _parse_label(path: Path, line: int, row: Mapping[str, str | None]) -> tuple[RecordKey, RecordKey, bool]:
    """Parse one row of a decision file into a labelled pair."""
    *names, label = ((row[column] or "").strip() for column in COLUMNS)
    if label not in {SAME, DIFFERENT}:
        raise TrainingError(f"{path}, line {line}: the label must be {SAME} or {DIFFERENT}")
    left, right = (names[0], names[1]), (names[2], names[3])
    if left == right:
        raise TrainingError(f"{path}, line {line}: both records are the same; a label needs two")
    return left, right, label == SAME


def _find_record_ids(record_labels: pa.Table, wanted_keys: set[RecordKey]) -> dict[RecordKey, int | None]:
    """Return each source and local ID's record number; None if ambiguous."""
    record_ids: dict[RecordKey, int | None] = {}
    columns = (record_labels[column].to_pylist() for column in ("unique_id", "source", "local_id"))
    for record_id, source, local_id in zip(*columns, strict=True):
        key = (source, (local_id or "").strip())
        if key in wanted_keys:
            record_ids[key] = None if key in record_ids else record_id
    return record_ids


def _drop_contradictions(pairs: Iterable[tuple[int, int, bool]]) -> list[tuple[int, int, bool]]:
    """Drop labels of record chains that contradict themselves; return the others."""
    labels = list(pairs)
    chains = nx.Graph()
    chains.add_nodes_from(number for lo, hi, _ in labels for number in (lo, hi))
    chains.add_edges_from((lo, hi) for lo, hi, same in labels if same)
    chain_of_record = {
        number: index for index, members in enumerate(nx.connected_components(chains)) for number in members
    }
    broken = {
        chain_of_record[lo]
        for lo, hi, same in labels
        if not same and chain_of_record[lo] == chain_of_record[hi]
    }
    return [
        (lo, hi, same)
        for lo, hi, same in labels
        if chain_of_record[lo] != chain_of_record[hi] or chain_of_record[lo] not in broken
    ]
