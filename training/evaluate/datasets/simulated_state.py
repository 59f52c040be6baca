"""Simulated states as datasets with known truth."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from training.evaluate.datasets.dataset import CareRecords, Dataset, Person, standardize_records
from training.records import RecordRow
from training.simulate.people.census_names import read_census_names
from training.simulate.people.names import NameBook, build_faker_names
from training.simulate.rates import load_rates
from training.simulate.simulation import Population, simulate
from training.simulate.sources.rosters import SourceSystem

SEED = 20_263
"""Seed of the evaluation's own states; no model is fitted on them."""

NEVER_COMPARED_TAGS = frozenset({"sealed", "expunged"})
"""Tags of records that an index holds and never compares."""

_GROUP_NAMES = ("white", "Black", "Hispanic", "Asian", "African-born", "other")


def simulate_dataset(records: int, names: Path | None) -> Dataset:
    """Simulate an evaluation dataset of about so many records.

    Args:
        records: source records to aim at.
        names: folder of census name tables; None, or no folder, for Faker's names.
    """
    return to_dataset("simulated_state", simulate(records=records, seed=SEED, book=load_name_book(names)))


def load_name_book(names: Path | None) -> NameBook:
    """Load the names for the simulated states of an evaluation.

    Args:
        names: folder of census name tables; None, or no folder, for Faker's names.
    """
    rates = load_rates().names
    book = build_faker_names(rates.tail_share, rates.surname_tail_share)
    return read_census_names(names, book) if names is not None and names.is_dir() else book


def to_dataset(name: str, population: Population) -> Dataset:
    """Convert a simulated state to a standardized dataset with its truth."""
    rows: list[RecordRow] = []
    for source, file in population.files.items():
        columns = [(field, values) for field, values in file.columns.items() if any(values)]
        rows.extend(
            RecordRow(str(source), {field: values[row] for field, values in columns if values[row]}, {})
            for row in range(len(file))
        )
    people = population.truth_column("person_id").tolist()
    tags = [frozenset(record_tags.split("|")) for record_tags in population.truth_column("tags").tolist()]
    sources = population.truth_column("source").tolist()
    never_compared = frozenset(n for n, record_tags in enumerate(tags) if record_tags & NEVER_COMPARED_TAGS)
    records = standardize_records(rows, inactive=never_compared)
    return Dataset(
        name=name,
        records=records,
        truth={n: people[n] for n, _ in records},
        sources=dict(enumerate(sources)),
        households=dict(zip(people, population.truth_column("household_id").tolist(), strict=True)),
        tags=dict(enumerate(tags)),
        groups=_build_groups(population, rows, people, tags),
        care=find_care_records((n for n, _ in records), sources, tags),
    )


def find_care_records(
    records: Iterable[int], sources: Sequence[str], tags: Sequence[frozenset[str]]
) -> CareRecords:
    """Find records of children in care and records of schools.

    Args:
        records: record IDs to sort.
        sources: source of every record ID.
        tags: tags of every record ID.
    """
    in_care, at_school = set(), set()
    for number in records:
        if sources[number] != SourceSystem.CCWIS:
            at_school.add(number)
        elif "in_care" in tags[number]:
            in_care.add(number)
    return CareRecords(frozenset(in_care), frozenset(at_school))


def child_row_from_id(person: Person) -> int:
    """Return the row of a person among the simulated children."""
    return int(str(person)[1:]) - 1


def _build_groups(
    population: Population, rows: list[RecordRow], people: list[str], tags: list[frozenset[str]]
) -> dict[str, dict[Person, str]]:
    """Group simulated persons by attributes such as race, for the bias table."""
    births, homes = population.state.births, population.state.homes
    tags_by_person: dict[str, set[str]] = {}
    with_ssn: set[str] = set()
    for person, row, marks in zip(people, rows, tags, strict=True):
        tags_by_person.setdefault(person, set()).update(marks)
        if row.fields.keys() & {"ssn", "ssn_last4"}:
            with_ssn.add(person)
    group = homes.group[births.home]
    return {
        "race or ethnicity": {
            person: _GROUP_NAMES[group[child_row_from_id(person)]] for person in tags_by_person
        },
        "sex": {
            person: ("female", "male")[births.male[child_row_from_id(person)]] for person in tags_by_person
        },
        "surnames": {p: "two" if "two_surnames" in marks else "one" for p, marks in tags_by_person.items()},
        "SSN": {person: "known" if person in with_ssn else "missing" for person in tags_by_person},
        "foster care": {person: classify_foster_status(marks) for person, marks in tags_by_person.items()},
    }


def classify_foster_status(marks: set[str]) -> str:
    """Return a child's foster status for the bias table.

    Args:
        marks: tags of the child's records.
    """
    if "adopted" in marks:
        return "adopted"
    if "in_care" in marks:
        return "in care"
    return "left care" if "left_care" in marks else "never"


def find_recorded_children(population: Population) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Return the rows of children with a record in any source."""
    return np.unique([child_row_from_id(person) for person in population.truth_column("person_id")])
