"""Reads what stewards decided, as ``mpi export labels`` writes it, for ``training fit --decisions``."""

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
"""Columns that are read; others, such as the day and the reason, are not looked at."""
SAME, DIFFERENT = "SAME", "DIFFERENT"

RecordKey = tuple[str, str]
"""Source and local ID."""


@dataclass(frozen=True, slots=True)
class DecisionLabels:
    """Labels of pairs of records.

    Args:
        pairs: ``lo``, ``hi``, ``same``, each pair once.
        unknown_count: labels left out because the data does not hold both records, each once.
        contradicted_count: labels left out because they cannot all be right: records said to be different in one
            chain of records said to be the same.
    """

    pairs: pa.Table
    unknown_count: int
    contradicted_count: int


def read_decisions(path: Path, names: pa.Table) -> DecisionLabels:
    """Read a file of decisions about records of the data.

    Args:
        path: CSV with the columns above.
        names: ``unique_id``, ``source``, ``local_id`` of every record.

    Raises:
        FileError: it cannot be read as CSV, or lacks a column.
        TrainingError: a label is neither SAME nor DIFFERENT, or is about one record only.
    """
    said = list(_read_labels(path))
    known = _find_record_ids(names, {name for left, right, _ in said for name in (left, right)})
    found = [(known.get(left), known.get(right), same) for left, right, same in said]
    pairs = {
        (min(lo, hi), max(lo, hi), same)
        for lo, hi, same in found
        if lo is not None and hi is not None and lo != hi
    }
    sound = _drop_contradictions(pairs)
    lo, hi, same = zip(*sorted(sound), strict=True) if sound else ((), (), ())
    return DecisionLabels(
        pairs=pa.table({"lo": lo, "hi": hi, "same": same}, schema=LABEL_SCHEMA),
        unknown_count=sum(None in (lo, hi) or lo == hi for lo, hi, _ in found),
        contradicted_count=len(pairs) - len(sound),
    )


def _read_labels(path: Path) -> Iterator[tuple[RecordKey, RecordKey, bool]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise FileError(f"{path}: there is no column {missing[0]!r}; it needs {', '.join(COLUMNS)}")
            for row in reader:
                yield _parse_label(path, reader.line_num, row)
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        raise FileError(f"{path}: cannot be read as CSV in UTF-8: {fault}") from None


def _parse_label(path: Path, line: int, row: Mapping[str, str | None]) -> tuple[RecordKey, RecordKey, bool]:
    *names, label = ((row[column] or "").strip() for column in COLUMNS)
    if label not in {SAME, DIFFERENT}:
        raise TrainingError(f"{path}, line {line}: the label must be {SAME} or {DIFFERENT}")
    left, right = (names[0], names[1]), (names[2], names[3])
    if left == right:
        raise TrainingError(f"{path}, line {line}: both records are the same one; a label is about two")
    return left, right, label == SAME


def _find_record_ids(names: pa.Table, wanted: set[RecordKey]) -> dict[RecordKey, int | None]:
    """The record of each name; None where the data holds several, of which the label may mean any."""
    found: dict[RecordKey, int | None] = {}
    columns = (names[column].to_pylist() for column in ("unique_id", "source", "local_id"))
    for number, source, local_id in zip(*columns, strict=True):
        name = (source, (local_id or "").strip())
        if name in wanted:
            found[name] = None if name in found else number
    return found


def _drop_contradictions(pairs: Iterable[tuple[int, int, bool]]) -> list[tuple[int, int, bool]]:
    """The labels of chains that hold no two records said to be different."""
    stated = list(pairs)
    chains = nx.Graph()
    chains.add_nodes_from(number for lo, hi, _ in stated for number in (lo, hi))
    chains.add_edges_from((lo, hi) for lo, hi, same in stated if same)
    chain = {number: at for at, held in enumerate(nx.connected_components(chains)) for number in held}
    broken = {chain[lo] for lo, hi, same in stated if not same and chain[lo] == chain[hi]}
    return [(lo, hi, same) for lo, hi, same in stated if chain[lo] != chain[hi] or chain[lo] not in broken]
