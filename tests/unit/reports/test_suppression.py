"""No hidden small count can be computed from what is published, today and the time before."""

import random
from itertools import product

import pytest

from mpi.reports.cell_bounds import CellRule, bound_cell
from mpi.reports.cells import FrequencyTable
from mpi.reports.suppression import publish_tables

CARE = ("not in care", "one placement", "more placements")
OUTCOMES = ("suspended", "expelled")
RULE = CellRule(movement=1)


def make_table(outcome="suspended", counts=((900, 40), (60, 12), (30, 3))):
    values = dict(zip(product(CARE, ("no", "yes")), (n for row in counts for n in row), strict=True))
    return FrequencyTable("students", (("care", CARE), (outcome, ("no", "yes"))), values)


def draw_tables(seed):
    """Return two tables over the same students, with small cells and zeros."""
    chance = random.Random(seed)
    groups = [chance.choice((4, 15, 60, 300)) for _ in CARE]
    tables = []
    for outcome in OUTCOMES:
        having = [chance.choice((0, 1, 3, size // 4, size)) for size in groups]
        tables.append(
            make_table(
                outcome, [(size - min(size, n), min(size, n)) for size, n in zip(groups, having, strict=True)]
            )
        )
    return tables


def move_one_child(tables, seed):
    """Return the tables of the next day, on which one child joined one group."""
    chance = random.Random(seed)
    group = chance.choice(CARE)
    moved = []
    for table in tables:
        key = (group, chance.choice(("no", "yes")))
        moved.append(
            FrequencyTable(table.population, table.dimensions, {**table.counts, key: table.counts[key] + 1})
        )
    return moved


def test_a_small_count_is_hidden_with_those_that_would_tell_it():
    published = publish_tables([make_table()])
    hidden = {cell.values for cell, count in published.counts.items() if count is None}
    assert (("care", "more placements"), ("suspended", "yes")) in hidden
    # Row and column totals stay, so the small cell needs a rectangle of hidden cells.
    assert len(hidden) == 4


def test_a_table_without_small_counts_is_shown_whole():
    table = make_table(counts=((900, 40), (60, 12), (30, 0)))
    assert dict(publish_tables([table]).counts) == table.count_cells()


def test_naive_suppression_would_be_undone_by_the_audit():
    table = make_table()
    published = publish_tables([table])
    naive = {cell: None if cell in published.small else count for cell, count in table.count_cells().items()}
    [small] = published.small
    tightened = type(published)(naive, published.small, published.sums)
    assert bound_cell(small, tightened) == (3, 3)


@pytest.mark.parametrize("seed", range(12))
def test_linear_programs_over_two_days_bound_no_small_cell(seed):
    today = draw_tables(seed)
    first = publish_tables(today, RULE)
    second = publish_tables(move_one_child(today, seed + 100), RULE, (first,))
    for mine, other in ((first, second), (second, first)):
        for cell in mine.small:
            least, greatest = bound_cell(cell, mine, RULE, other)
            assert least <= 1 + 1e-6, cell
            assert greatest >= RULE.smallest_shown - 1 - 1e-6, cell


def test_publication_that_would_tell_a_small_count_is_held():
    shown = make_table(counts=((900, 40), (60, 12), (30, 10)))
    first = publish_tables([shown], RULE)
    fewer = make_table(counts=((900, 40), (60, 12), (31, 9)))
    second = publish_tables([fewer], RULE, (first,))
    assert second.is_held
    assert second.counts == first.counts


def test_a_population_that_changes_much_does_not_loosen_the_bounds_of_another_one():
    def publish(learners, pupils, previous=()):
        tables = [
            FrequencyTable(population, (("learner", ("yes", "no")),), {("yes",): yes, ("no",): no})
            for population, (yes, no) in (("in care", learners), ("pupils", pupils))
        ]
        return publish_tables(tables, previous=previous)

    first = publish((10, 50), (100, 900))
    assert publish((9, 51), (200, 900), (first,)).is_held
    assert not publish((11, 49), (200, 900), (first,)).is_held


def test_difference_of_overlapping_groups_is_a_cell_like_others():
    counts = {("both", "yes"): 31, ("both", "no"): 600, ("wide alone", "yes"): 1, ("wide alone", "no"): 24}
    table = FrequencyTable(
        "children",
        (("care", ("both", "wide alone")), ("learner", ("yes", "no"))),
        counts,
        (("care", "wide", ("both", "wide alone")), ("care", "narrow", ("both",))),
    )
    published = publish_tables([table]).counts
    wide = published[table.find_cell(care="wide", learner="yes")]
    narrow = published[table.find_cell(care="narrow", learner="yes")]
    assert wide is None or narrow is None


def test_every_sum_of_a_table_holds():
    table = FrequencyTable(
        "children",
        (("care", ("a", "b", "c")), ("sex", ("f", "m"))),
        {(care, sex): number for number, (care, sex) in enumerate(product("abc", "fm"), 1)},
        (("care", "a or b", ("a", "b")),),
    )
    cells = table.count_cells()
    for total, parts in table.list_sums():
        assert cells[total] == sum(cells[part] for part in parts)
    assert cells[table.find_cell()] == 21
    assert cells[table.find_cell(care="a or b", sex="f")] == 4
