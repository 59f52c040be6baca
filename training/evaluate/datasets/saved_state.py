"""A folder that ``training simulate`` wrote, as a set of records whose truth is known."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from training.column_standardizer import features_by_column
from training.evaluate.datasets.dataset import Dataset, Person, standardized
from training.evaluate.datasets.simulated_state import SEALING, care_among, care_of
from training.fit.errors import TrainingError
from training.raw_table import read_sent
from training.record_table import KeptRecords, Records, by_number
from training.records import SOURCE_COLUMN, Sent, read_rows
from training.shared_value_removal import without_shared_homes
from training.simulate.files.feed_files import FEEDS
from training.simulate.files.tables import Format, read_table
from training.simulate.sources.records import TRUTH_FIELDS
from training.simulate.sources.rosters import Source

_TRUTH = "truth"
_HISPANIC = "HispanicOrLatino"
_RACES = {"White": "white", "BlackOrAfricanAmerican": "Black", "Asian": "Asian"}

_ASKED = ("local_id", "race", "ethnicity", "sex", "ssn", "ssn_last4")
"""Fields that a group is told by, and the local ID."""


def is_saved_state(path: Path) -> bool:
    """Whether it is a folder with a truth file in it."""
    return path.is_dir() and any((path / f"{_TRUTH}.{form}").exists() for form in Format)


def saved_state(folder: Path) -> Dataset:
    """The records of a simulated state on disk, standardized, and its truth apart.

    Of weekly feeds it takes each record as it stands after the last week; one that was withdrawn is left out.

    Raises:
        TrainingError: the folder lacks a source's file, or its truth does not tell of a record.
        FileError: a file cannot be read.
    """
    read = _feeds(folder) if (folder / FEEDS).exists() else _whole(folder)
    told = _told(folder, read.said)
    barred = frozenset(number for number, each in enumerate(told) if each.tags & SEALING)
    records = read.standing(barred)
    return Dataset(
        name=folder.name,
        records=records,
        truth={number: told[number].person for number in by_number(records)},
        sources=dict(enumerate(row.source for row in read.said)),
        households={each.person: each.household for each in told},
        tags=dict(enumerate(each.tags for each in told)),
        groups=_groups(read.said, told),
        care=care_among(by_number(records), [row.source for row in read.said], [each.tags for each in told]),
    )


@dataclass(frozen=True, slots=True)
class _Told:
    """What the truth says of one record."""

    person: str
    household: str
    tags: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Read:
    """Records of a state as read.

    Args:
        said: of each, at least its local ID and what groups are told by.
        standing: the records without those of the given places, standardized.
    """

    said: list[Sent]
    standing: Callable[[Collection[int]], Records]


def _whole(folder: Path) -> _Read:
    paths = []
    for source in Source:
        found = [path for form in Format if (path := folder / f"{source}.{form}").exists()]
        if not found:
            raise TrainingError(f"{folder} has a truth file but no {source}.csv or .parquet beside it")
        paths.append(found[0])
    sent = read_sent(paths)
    if sent is None:
        return _by_row([row for path in paths for row in read_rows(path)])
    return _Read(list(_said(sent)), lambda barred: _standing(sent, barred))


def _feeds(folder: Path) -> _Read:
    return _by_row(list(_last_week(folder)))


def _by_row(rows: list[Sent]) -> _Read:
    return _Read(rows, lambda barred: standardized(rows, inactive=barred))


def _said(sent: pa.Table) -> Iterator[Sent]:
    """Of each row what tells who it is and which groups it is of."""
    names = [name for name in _ASKED if name in sent.column_names]
    for source, *values in zip(*(sent[name].to_pylist() for name in (SOURCE_COLUMN, *names)), strict=True):
        said = {name: value for name, value in zip(names, values, strict=True) if value is not None}
        yield Sent(source, said, {})


def _standing(sent: pa.Table, barred: Collection[int]) -> KeptRecords:
    made = features_by_column(sent)
    kept = pc.invert(pc.is_in(made["unique_id"], pa.array(sorted(barred), pa.int64())))
    return KeptRecords(without_shared_homes(made.filter(kept)))


def _last_week(folder: Path) -> Iterator[Sent]:
    """The records as an index holds them that has loaded all weeks in order."""
    held: dict[str, dict[str, Sent]] = {}
    for line in read_table(folder / FEEDS):
        rows = {str(row.fields["local_id"]): row for row in read_rows(folder / line["file"])}
        before = {} if line["snapshot"] == "full" else held.get(line["source"], {})
        held[line["source"]] = before | rows
    for records in held.values():
        yield from records.values()


def _told(folder: Path, said: Sequence[Sent]) -> list[_Told]:
    """What the truth says of each record."""
    wanted = {(row.source, str(row.fields["local_id"])): number for number, row in enumerate(said)}
    found: list[_Told | None] = [None] * len(said)
    path = next(path for form in Format if (path := folder / f"{_TRUTH}.{form}").exists())
    tags: dict[str, frozenset[str]] = {}  # few kinds, each kept once
    for row in read_table(path):
        if not row.keys() >= set(TRUTH_FIELDS):
            raise TrainingError(f"{path}: a truth file has the columns {', '.join(TRUTH_FIELDS)}")
        number = wanted.get((row["source"], row["local_id"]))
        if number is not None:
            held = tags.setdefault(row["tags"], frozenset(row["tags"].split("|")))
            found[number] = _Told(row["person_id"], row["household_id"], held)
    told = [each for each in found if each is not None]
    if len(told) < len(found):
        raise TrainingError(f"{folder}: its truth lacks a record; both must be of one simulation")
    return told


def _groups(rows: Sequence[Sent], told: Sequence[_Told]) -> dict[str, dict[Person, str]]:
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
        "race or ethnicity": {person: _race(fields) for person, fields in said.items()},
        "sex": {person: str(fields.get("sex", "unknown")) for person, fields in said.items()},
        "surnames": {p: "two" if "two_surnames" in held else "one" for p, held in marks.items()},
        "SSN": {
            person: "known" if fields.keys() & {"ssn", "ssn_last4"} else "missing"
            for person, fields in said.items()
        },
        "foster care": {person: care_of(held) for person, held in marks.items()},
    }


def _race(fields: Mapping[str, object]) -> str:
    if fields.get("ethnicity") == _HISPANIC:
        return "Hispanic"
    return _RACES.get(str(fields.get("race", "")), "other")
