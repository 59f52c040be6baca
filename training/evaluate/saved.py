"""A folder that ``training simulate`` wrote, as a set of records whose truth is known."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from training.evaluate.dataset import Dataset, Person, standardized
from training.evaluate.simulated import SEALING, care_among, care_of
from training.fit.errors import TrainingError
from training.records import Sent, read_rows
from training.simulate.feed_files import FEEDS
from training.simulate.records import TRUTH_FIELDS
from training.simulate.rosters import Source
from training.simulate.tables import Format, read_table

_TRUTH = "truth"
_HISPANIC = "HispanicOrLatino"
_RACES = {"White": "white", "BlackOrAfricanAmerican": "Black", "Asian": "Asian"}

Told = Mapping[str, str]
"""What the truth says of one record."""


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
    rows = list(_last_week(folder) if (folder / FEEDS).exists() else _whole(folder))
    truth = {(row["source"], row["local_id"]): row for row in _truth(folder)}
    try:
        told = [truth[row.source, str(row.fields["local_id"])] for row in rows]
    except KeyError:
        raise TrainingError(f"{folder}: its truth lacks a record; both must be of one simulation") from None
    tags = [frozenset(row["tags"].split("|")) for row in told]
    barred = frozenset(number for number, held in enumerate(tags) if held & SEALING)
    records = standardized(rows, inactive=barred)
    return Dataset(
        name=folder.name,
        records=records,
        truth={number: told[number]["person_id"] for number, _ in records},
        households={row["person_id"]: row["household_id"] for row in told},
        tags=dict(enumerate(tags)),
        groups=_groups(rows, told, tags),
        care=care_among((number for number, _ in records), [row["source"] for row in told], tags),
    )


def _whole(folder: Path) -> Iterator[Sent]:
    for source in Source:
        found = [path for form in Format if (path := folder / f"{source}.{form}").exists()]
        if not found:
            raise TrainingError(f"{folder} has a truth file but no {source}.csv or .parquet beside it")
        yield from read_rows(found[0])


def _last_week(folder: Path) -> Iterator[Sent]:
    """The records as an index holds them that has loaded all weeks in order."""
    held: dict[str, dict[str, Sent]] = {}
    for line in read_table(folder / FEEDS):
        rows = {str(row.fields["local_id"]): row for row in read_rows(folder / line["file"])}
        before = {} if line["snapshot"] == "full" else held.get(line["source"], {})
        held[line["source"]] = before | rows
    for records in held.values():
        yield from records.values()


def _truth(folder: Path) -> Iterator[Told]:
    path = next(path for form in Format if (path := folder / f"{_TRUTH}.{form}").exists())
    for row in read_table(path):
        if not row.keys() >= set(TRUTH_FIELDS):
            raise TrainingError(f"{path}: a truth file has the columns {', '.join(TRUTH_FIELDS)}")
        yield row


def _groups(rows: list[Sent], told: list[Told], tags: list[frozenset[str]]) -> dict[str, dict[Person, str]]:
    """Groups for the bias table, by what any of a person's records says."""
    said: dict[str, dict[str, object]] = {}
    marks: dict[str, set[str]] = {}
    for row, truth, held in zip(rows, told, tags, strict=True):
        person = truth["person_id"]
        said[person] = {**row.fields, **said.get(person, {})}
        if row.fields.get("ethnicity") == _HISPANIC:
            said[person]["ethnicity"] = _HISPANIC
        marks.setdefault(person, set()).update(held)
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
