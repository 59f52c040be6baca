"""A simulated state as a set of records whose truth is known."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from training.evaluate.datasets.dataset import Care, Dataset, Person, standardized
from training.records import Sent
from training.simulate.people.census_names import census_names
from training.simulate.people.names import NameBook, faker_names
from training.simulate.rates import load
from training.simulate.simulation import Population, simulate
from training.simulate.sources.rosters import Source

SEED = 20_263
"""Of the evaluation's own states: no model is fitted on them."""

SEALING = frozenset({"sealed", "expunged"})
"""Tags of records that an index holds and never compares."""

_GROUPS = ("white", "Black", "Hispanic", "Asian", "African-born", "other")


def simulated_state(records: int, names: Path | None) -> Dataset:
    """A state of about so many records, named from census tables where there are any."""
    return as_dataset("simulated_state", simulate(records=records, seed=SEED, book=name_book(names)))


def name_book(names: Path | None) -> NameBook:
    """Names for the evaluation's states."""
    rates = load().names
    book = faker_names(rates.tail_share, rates.surname_tail_share)
    return census_names(names, book) if names is not None and names.is_dir() else book


def as_dataset(name: str, population: Population) -> Dataset:
    """The records of a simulated state, standardized, and its truth apart."""
    rows: list[Sent] = []
    for source, file in population.files.items():
        columns = [(field, values) for field, values in file.columns.items() if any(values)]
        rows.extend(
            Sent(str(source), {field: values[row] for field, values in columns if values[row]}, {})
            for row in range(len(file))
        )
    people = population.truth("person_id").tolist()
    tags = [frozenset(held.split("|")) for held in population.truth("tags").tolist()]
    sources = population.truth("source").tolist()
    barred = frozenset(n for n, held in enumerate(tags) if held & SEALING)
    records = standardized(rows, inactive=barred)
    return Dataset(
        name=name,
        records=records,
        truth={n: people[n] for n, _ in records},
        sources=dict(enumerate(sources)),
        households=dict(zip(people, population.truth("household_id").tolist(), strict=True)),
        tags=dict(enumerate(tags)),
        groups=_groups(population, rows, people, tags),
        care=care_among((n for n, _ in records), sources, tags),
    )


def care_among(records: Iterable[int], sources: Sequence[str], tags: Sequence[frozenset[str]]) -> Care:
    """Which of the records are of child welfare about children in care, and which are of schools."""
    client, school = set(), set()
    for number in records:
        if sources[number] != Source.CCWIS:
            school.add(number)
        elif "in_care" in tags[number]:
            client.add(number)
    return Care(frozenset(client), frozenset(school))


def child_of(person: Person) -> int:
    """The row of a person among the simulated children."""
    return int(str(person)[1:]) - 1


def _groups(
    population: Population, rows: list[Sent], people: list[str], tags: list[frozenset[str]]
) -> dict[str, dict[Person, str]]:
    births, homes = population.state.births, population.state.homes
    held: dict[str, set[str]] = {}
    numbered: set[str] = set()
    for person, row, marks in zip(people, rows, tags, strict=True):
        held.setdefault(person, set()).update(marks)
        if row.fields.keys() & {"ssn", "ssn_last4"}:
            numbered.add(person)
    group = homes.group[births.home]
    return {
        "race or ethnicity": {person: _GROUPS[group[child_of(person)]] for person in held},
        "sex": {person: ("female", "male")[births.male[child_of(person)]] for person in held},
        "surnames": {p: "two" if "two_surnames" in marks else "one" for p, marks in held.items()},
        "SSN": {person: "known" if person in numbered else "missing" for person in held},
        "foster care": {person: care_of(marks) for person, marks in held.items()},
    }


def care_of(marks: set[str]) -> str:
    """A child's foster status for the bias table, from the tags of its records."""
    if "adopted" in marks:
        return "adopted"
    if "in_care" in marks:
        return "in care"
    return "left care" if "left_care" in marks else "never"


def recorded_children(population: Population) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Rows of the children of whom any source has a record."""
    return np.unique([child_of(person) for person in population.truth("person_id")])
