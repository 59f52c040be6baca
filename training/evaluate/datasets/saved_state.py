"""Reader of a simulated state on disk as a dataset."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from training.column_standardizer import standardize_table
from training.evaluate.datasets.dataset import Dataset, Person, standardize_records
from training.evaluate.datasets.simulated_state import (
    NEVER_COMPARED_TAGS,
    classify_foster_status,
    find_care_records,
)
from training.fit.errors import TrainingError
from training.raw_table import read_raw_table
from training.record_table import ArrowRecords, Records, features_by_id
from training.records import SOURCE_COLUMN, RecordRow, read_rows
from training.shared_value_removal import remove_shared_values_from_table
from training.simulate.files.feed_files import FEEDS
from training.simulate.files.tables import FileFormat, read_table
from training.simulate.sources.records import TRUTH_FIELDS
from training.simulate.sources.rosters import SourceSystem

_TRUTH_FILE = "truth"
_HISPANIC = "HispanicOrLatino"
_RACES = {"White": "white", "BlackOrAfricanAmerican": "Black", "Asian": "Asian"}

_GROUP_FIELDS = ("local_id", "race", "ethnicity", "sex", "ssn", "ssn_last4")
"""Fields that determine bias groups, and the local ID."""


def is_saved_state(path: Path) -> bool:
    """Return whether a path is a folder of a saved simulated state."""
    return path.is_dir() and any((path / f"{_TRUTH_FILE}.{form}").exists() for form in FileFormat)


def load_saved_state(folder: Path) -> Dataset:
    """Load a simulated state on disk as a standardized dataset.

    Weekly feeds give each record as of the last week; a withdrawn record is left out.

    Raises:
        TrainingError: the folder lacks a source's file, or its truth lacks a record.
        FileError: a file cannot be read.
    """
    saved = _read_feeds(folder) if (folder / FEEDS).exists() else _read_snapshot(folder)
    truth = _read_truth(folder, saved.rows)
    never_compared = frozenset(
        number for number, record_truth in enumerate(truth) if record_truth.tags & NEVER_COMPARED_TAGS
    )
    records = saved.standardize(never_compared)
    return Dataset(
        name=folder.name,
        records=records,
        truth={number: truth[number].person for number in features_by_id(records)},
        sources=dict(enumerate(row.source for row in saved.rows)),
        households={record_truth.person: record_truth.household for record_truth in truth},
        tags=dict(enumerate(record_truth.tags for record_truth in truth)),
        groups=_build_groups(saved.rows, truth),
        care=find_care_records(
            features_by_id(records),
            [row.source for row in saved.rows],
            [record_truth.tags for record_truth in truth],
        ),
    )


@dataclass(frozen=True, slots=True)
class _RecordTruth:
    """True person, household and tags of one record of a simulated state."""

    person: str
    household: str
    tags: frozenset[str]


@dataclass(frozen=True, slots=True)
class _SavedRows:
    """Rows of a simulated state that was saved to disk.

    Args:
        rows: each record with at least its local ID and the fields that determine bias groups.
        standardize: function that standardizes the records without those at the given positions.
    """

    rows: list[RecordRow]
    standardize: Callable[[Collection[int]], Records]


def _read_snapshot(folder: Path) -> _SavedRows:
    """Read a saved simulated state with one file per source."""
    paths = []
    for source in SourceSystem:
        existing = [path for form in FileFormat if (path := folder / f"{source}.{form}").exists()]
        if not existing:
            raise TrainingError(f"{folder} has a truth file but no {source}.csv or .parquet beside it")
        paths.append(existing[0])
    raw = read_raw_table(paths)
    if raw is None:
        return _keep_rows([row for path in paths for row in read_rows(path)])
    return _SavedRows(
        list(_select_group_fields(raw)), lambda never_compared: _standardize_table(raw, never_compared)
    )


def _read_feeds(folder: Path) -> _SavedRows:
    """Read a saved simulated state of weekly feeds."""
    return _keep_rows(list(_replay_feeds(folder)))


def _keep_rows(rows: list[RecordRow]) -> _SavedRows:
    """Return a saved state's rows, to be standardized one by one."""
    return _SavedRows(rows, lambda never_compared: standardize_records(rows, inactive=never_compared))


def _select_group_fields(raw: pa.Table) -> Iterator[RecordRow]:
    """Yield each saved row with only its local ID and bias-group fields."""
    names = [name for name in _GROUP_FIELDS if name in raw.column_names]
    for source, *values in zip(*(raw[name].to_pylist() for name in (SOURCE_COLUMN, *names)), strict=True):
        fields = {name: value for name, value in zip(names, values, strict=True) if value is not None}
        yield RecordRow(source, fields, {})


def _standardize_table(raw: pa.Table, never_compared: Collection[int]) -> ArrowRecords:
    """Standardize a raw table, except records that an index never compares."""
    features = standardize_table(raw)
    compared = pc.invert(pc.is_in(features["unique_id"], pa.array(sorted(never_compared), pa.int64())))
    return ArrowRecords(remove_shared_values_from_table(features.filter(compared)))


def _replay_feeds(folder: Path) -> Iterator[RecordRow]:
    """Yield the records that an index holds after loading all weekly feeds."""
    rows_by_source: dict[str, dict[str, RecordRow]] = {}
    for line in read_table(folder / FEEDS):
        rows = {str(row.fields["local_id"]): row for row in read_rows(folder / line["file"])}
        earlier_rows = {} if line["snapshot"] == "full" else rows_by_source.get(line["source"], {})
        rows_by_source[line["source"]] = earlier_rows | rows
    for records in rows_by_source.values():
        yield from records.values()


def _read_truth(folder: Path, rows: Sequence[RecordRow]) -> list[_RecordTruth]:
    """Read the truth about each record of a saved simulated state."""
    row_of_key = {(row.source, str(row.fields["local_id"])): number for number, row in enumerate(rows)}
    truth_by_row: list[_RecordTruth | None] = [None] * len(rows)
    path = next(path for form in FileFormat if (path := folder / f"{_TRUTH_FILE}.{form}").exists())
    tags: dict[str, frozenset[str]] = {}  # shared between records, as few kinds occur
    for row in read_table(path):
        if not row.keys() >= set(TRUTH_FIELDS):
            raise TrainingError(f"{path}: a truth file has the columns {', '.join(TRUTH_FIELDS)}")
        number = row_of_key.get((row["source"], row["local_id"]))
        if number is not None:
            row_tags = tags.setdefault(row["tags"], frozenset(row["tags"].split("|")))
            truth_by_row[number] = _RecordTruth(row["person_id"], row["household_id"], row_tags)
    truth = [record_truth for record_truth in truth_by_row if record_truth is not None]
    if len(truth) < len(truth_by_row):
        raise TrainingError(f"{folder}: its truth lacks a record; both must be of one simulation")
    return truth


def _build_groups(rows: Sequence[RecordRow], truths: Sequence[_RecordTruth]) -> dict[str, dict[Person, str]]:
    """Group persons for the bias table by values of their records."""
    fields_by_person: dict[str, dict[str, object]] = {}
    tags_by_person: dict[str, set[str]] = {}
    for row, record_truth in zip(rows, truths, strict=True):
        person = record_truth.person
        fields_by_person[person] = {**row.fields, **fields_by_person.get(person, {})}
        if row.fields.get("ethnicity") == _HISPANIC:
            fields_by_person[person]["ethnicity"] = _HISPANIC
        tags_by_person.setdefault(person, set()).update(record_truth.tags)
    return {
        "race or ethnicity": {person: _race_group(fields) for person, fields in fields_by_person.items()},
        "sex": {person: str(fields.get("sex", "unknown")) for person, fields in fields_by_person.items()},
        "surnames": {
            p: "two" if "two_surnames" in person_tags else "one" for p, person_tags in tags_by_person.items()
        },
        "SSN": {
            person: "known" if fields.keys() & {"ssn", "ssn_last4"} else "missing"
            for person, fields in fields_by_person.items()
        },
        "foster care": {
            person: classify_foster_status(person_tags) for person, person_tags in tags_by_person.items()
        },
    }


def _race_group(fields: Mapping[str, object]) -> str:
    """Return the race or ethnicity group of a person."""
    if fields.get("ethnicity") == _HISPANIC:
        return "Hispanic"
    return _RACES.get(str(fields.get("race", "")), "other")
