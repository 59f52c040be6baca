"""A folder that ``training simulate`` wrote, as a set of records whose truth is known."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from training.column_standardizer import standardize_table
from training.evaluate.datasets.dataset import Dataset, Person, standardize_records
from training.evaluate.datasets.simulated_state import NEVER_COMPARED_TAGS, find_care_records, classify_foster_status
from training.fit.errors import TrainingError
from training.raw_table import read_raw_table
from training.record_table import ArrowRecords, Records, features_by_id
from training.records import SOURCE_COLUMN, RawRow, read_rows
from training.shared_value_removal import remove_shared_values_from_table
from training.simulate.files.feed_files import FEEDS
from training.simulate.files.tables import FileFormat, read_table
from training.simulate.sources.records import TRUTH_FIELDS
from training.simulate.sources.rosters import Source

_TRUTH_FILE = "truth"
_HISPANIC = "HispanicOrLatino"
_RACES = {"White": "white", "BlackOrAfricanAmerican": "Black", "Asian": "Asian"}

_GROUP_FIELDS = ("local_id", "race", "ethnicity", "sex", "ssn", "ssn_last4")
"""Fields that a group is told by, and the local ID."""


def is_saved_state(path: Path) -> bool:
    """Whether it is a folder with a truth file in it."""
    return path.is_dir() and any((path / f"{_TRUTH_FILE}.{form}").exists() for form in FileFormat)


def load_saved_state(folder: Path) -> Dataset:
    """The records of a simulated state on disk, standardized, and its truth apart.

    Of weekly feeds it takes each record as it stands after the last week; one that was withdrawn is left out.

    Raises:
        TrainingError: the folder lacks a source's file, or its truth does not tell of a record.
        FileError: a file cannot be read.
    """
    read = _read_feeds(folder) if (folder / FEEDS).exists() else _read_snapshot(folder)
    told = _read_truth(folder, read.rows)
    barred = frozenset(number for number, each in enumerate(told) if each.tags & NEVER_COMPARED_TAGS)
    records = read.standardize(barred)
    return Dataset(
        name=folder.name,
        records=records,
        truth={number: told[number].person for number in features_by_id(records)},
        sources=dict(enumerate(row.source for row in read.rows)),
        households={each.person: each.household for each in told},
        tags=dict(enumerate(each.tags for each in told)),
        groups=_build_groups(read.rows, told),
        care=find_care_records(features_by_id(records), [row.source for row in read.rows], [each.tags for each in told]),
    )


@dataclass(frozen=True, slots=True)
class _RecordTruth:
    """What the truth says of one record."""

    person: str
    household: str
    tags: frozenset[str]


@dataclass(frozen=True, slots=True)
class _SavedRows:
    """Records of a state as read.

    Args:
        rows: of each, at least its local ID and what groups are told by.
        standardize: the records without those of the given places, standardized.
    """

    rows: list[RawRow]
    standardize: Callable[[Collection[int]], Records]


def _read_snapshot(folder: Path) -> _SavedRows:
    paths = []
    for source in Source:
        found = [path for form in FileFormat if (path := folder / f"{source}.{form}").exists()]
        if not found:
            raise TrainingError(f"{folder} has a truth file but no {source}.csv or .parquet beside it")
        paths.append(found[0])
    sent = read_raw_table(paths)
    if sent is None:
        return _keep_rows([row for path in paths for row in read_rows(path)])
    return _SavedRows(list(_select_group_fields(sent)), lambda barred: _standardize_table(sent, barred))


def _read_feeds(folder: Path) -> _SavedRows:
    return _keep_rows(list(_replay_feeds(folder)))


def _keep_rows(rows: list[RawRow]) -> _SavedRows:
    return _SavedRows(rows, lambda barred: standardize_records(rows, inactive=barred))


def _select_group_fields(sent: pa.Table) -> Iterator[RawRow]:
    """Of each row what tells who it is and which groups it is of."""
    names = [name for name in _GROUP_FIELDS if name in sent.column_names]
    for source, *values in zip(*(sent[name].to_pylist() for name in (SOURCE_COLUMN, *names)), strict=True):
        said = {name: value for name, value in zip(names, values, strict=True) if value is not None}
        yield RawRow(source, said, {})


def _standardize_table(sent: pa.Table, barred: Collection[int]) -> ArrowRecords:
    made = standardize_table(sent)
    kept = pc.invert(pc.is_in(made["unique_id"], pa.array(sorted(barred), pa.int64())))
    return ArrowRecords(remove_shared_values_from_table(made.filter(kept)))


def _replay_feeds(folder: Path) -> Iterator[RawRow]:
    """The records as an index holds them that has loaded all weeks in order."""
    held: dict[str, dict[str, RawRow]] = {}
    for line in read_table(folder / FEEDS):
        rows = {str(row.fields["local_id"]): row for row in read_rows(folder / line["file"])}
        before = {} if line["snapshot"] == "full" else held.get(line["source"], {})
        held[line["source"]] = before | rows
    for records in held.values():
        yield from records.values()


def _read_truth(folder: Path, said: Sequence[RawRow]) -> list[_RecordTruth]:
    """What the truth says of each record."""
    wanted = {(row.source, str(row.fields["local_id"])): number for number, row in enumerate(said)}
    found: list[_RecordTruth | None] = [None] * len(said)
    path = next(path for form in FileFormat if (path := folder / f"{_TRUTH_FILE}.{form}").exists())
    tags: dict[str, frozenset[str]] = {}  # few kinds, each kept once
    for row in read_table(path):
        if not row.keys() >= set(TRUTH_FIELDS):
            raise TrainingError(f"{path}: a truth file has the columns {', '.join(TRUTH_FIELDS)}")
        number = wanted.get((row["source"], row["local_id"]))
        if number is not None:
            held = tags.setdefault(row["tags"], frozenset(row["tags"].split("|")))
            found[number] = _RecordTruth(row["person_id"], row["household_id"], held)
    told = [each for each in found if each is not None]
    if len(told) < len(found):
        raise TrainingError(f"{folder}: its truth lacks a record; both must be of one simulation")
    return told


def _build_groups(rows: Sequence[RawRow], told: Sequence[_RecordTruth]) -> dict[str, dict[Person, str]]:
    """Groups for the bias table, by what any of a person's records says."""
    said: dict[str, dict[str, object]] = {}
    marks: dict[str, set[str]] = {}
    for row, truth in zip(rows, told, strict=True):
        person = truth.person
        said[person] = {**row.fields, **said.get(person, {})}
        if row.fields.get("ethnicity") == _HISPANIC:
            said[person]["ethnicity"] = _HISPANIC
        marks.setdefault(person, set()).update(truth.tags)
    return {
        "race or ethnicity": {person: _race_group(fields) for person, fields in said.items()},
        "sex": {person: str(fields.get("sex", "unknown")) for person, fields in said.items()},
        "surnames": {p: "two" if "two_surnames" in held else "one" for p, held in marks.items()},
        "SSN": {
            person: "known" if fields.keys() & {"ssn", "ssn_last4"} else "missing"
            for person, fields in said.items()
        },
        "foster care": {person: classify_foster_status(held) for person, held in marks.items()},
    }


def _race_group(fields: Mapping[str, object]) -> str:
    if fields.get("ethnicity") == _HISPANIC:
        return "Hispanic"
    return _RACES.get(str(fields.get("race", "")), "other")
