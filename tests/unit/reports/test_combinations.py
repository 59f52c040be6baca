"""Combinations of special populations among children in care, exact and published."""

import random

import pytest

from mpi.reports.child_tables import ChildTables
from mpi.reports.combinations import COMBINATIONS, LEAST_SHOWN, count_combinations, make_combinations
from mpi.reports.definitions import read_definitions
from mpi.reports.populations import POPULATIONS, count_populations
from mpi.reports.suppression import publish_tables
from tests.cell_programs import bound

DAY = "2026-09-01"
DEFINITIONS = read_definitions()
RATES = {
    "disability": 0.3,
    "english_learner": 0.15,
    "homeless": 0.1,
    "migrant": 0.02,
    "economic_disadvantage": 0.7,
}


def make_child(number, chance):
    """Return a child's placement and populations."""
    stay = chance.choices(("foster_family_home", "trial_home_visit", ""), (12, 2, 1))[0]
    return stay, {name for name, rate in RATES.items() if chance.random() < rate}


def fill(children):
    tables = ChildTables(DAY)
    tables.add("record", [(number, number, "cw", "ccwis", f"C{number}") for number in range(len(children))])
    stays = [(number, stay, "2026-01-10", None) for number, (stay, _) in enumerate(children) if stay]
    tables.add("placement", stays)
    flags = [
        (number, name, "any", None, None) for number, (_, names) in enumerate(children) for name in names
    ]
    tables.add("flag", flags)
    return tables


@pytest.fixture(scope="module")
def children():
    chance = random.Random(7)
    return [make_child(number, chance) for number in range(700)]


@pytest.fixture(scope="module")
def published(children):
    return publish(children)


def publish(children, previous=(), care="essa"):
    tables = fill(children)
    populations = count_populations(tables, DEFINITIONS.values(), DAY)
    combinations = count_combinations(tables, DEFINITIONS.values(), DAY, [care])
    publication = publish_tables([*populations.values(), combinations], previous=previous)
    return publication, make_combinations(combinations, publication.counts, tables, DEFINITIONS, DAY)


def test_children_are_counted_by_all_their_populations_and_each_definition(children):
    tables = fill(children)
    table = count_combinations(tables, DEFINITIONS.values(), DAY, list(DEFINITIONS))
    cells = table.count_cells() | {
        cell: count
        for each in count_populations(tables, DEFINITIONS.values(), DAY).values()
        for cell, count in each.count_cells().items()
    }
    for total, parts in table.list_sums():
        assert cells[total] == sum(cells[part] for part in parts)
    report = make_combinations(table, cells, tables, DEFINITIONS, DAY)
    figures = {row[:2]: row[2] for row in report.rows}
    for care, stays in (
        ("afcars", {"foster_family_home", "trial_home_visit"}),
        ("essa", {"foster_family_home"}),
    ):
        for names, title in (
            ({"homeless"}, "Homeless, no other"),
            ({"disability", "english_learner", "economic_disadvantage"},
             "Disability, English learner and economic disadvantage, no other"),
            (set(), "None of these populations"),
        ):  # fmt: skip
            true = sum(stay in stays and own == names for stay, own in children)
            assert figures[title, DEFINITIONS[care].title] == true
    assert len(COMBINATIONS) == 2 ** len(POPULATIONS)


def test_low_counts_and_none_look_alike_in_a_published_report(published):
    publication, report = published
    assert report.rows
    assert all(row[2] >= LEAST_SHOWN for row in report.rows)
    combined = {cell for cell in publication.counts if "combination" in dict(cell.values)}
    assert not any(0 <= (publication.counts[cell] or LEAST_SHOWN) < LEAST_SHOWN for cell in combined)


def test_linear_programs_over_two_days_bound_no_small_cell(children, published):
    first, _ = published
    chance = random.Random(8)
    moved = [
        make_child(number, chance) if number % 90 == 0 else child for number, child in enumerate(children)
    ]
    second, _ = publish(moved, (first,))
    assert not second.is_held
    small = [cell for cell in first.small if "combination" in dict(cell.values)]
    assert len(small) > 10
    for mine, other in ((first, second), (second, first)):
        for cell in sorted(mine.small)[::6]:
            least, greatest = bound(cell, mine, other)
            assert least <= 1 + 1e-4, cell
            assert greatest >= 9 - 1e-4, cell
