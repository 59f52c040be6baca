"""Harm orders the queue and nothing else: what is at stake, and that flags change only the order (law 8)."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi.domain.weight import compute_probability
from mpi.service.records.upsert import upsert
from mpi.service.resolution.expected_harm import Stake, estimate_error_chance, estimate_harm
from tests.index import OPERATOR, a_child, an_index, crosswalk

CARE = {"population": "foster_care", "value": "Y", "definition": "ESSA"}
HOMELESS = {"population": "homeless", "value": "Y", "definition": "McKinney-Vento"}
IN_DOUBT = {"last_name": "Cruz", "postal_code": None, "sex": None, "birth_date": "2016-01-20",
            "as_of": "2026-03-01"}  # fmt: skip


@pytest.fixture
def index(tmp_path):
    with an_index(tmp_path / "home", "sis", "ccwis", "ssid") as index:
        yield index


def put(index, source, local_id="1", **changes):
    return upsert(index, OPERATOR, source, a_child(local_id, **{**IN_DOUBT, **changes}))


def a_pair_in_doubt(index, one=None, other=None):
    put(index, "sis", first_name="Jayden", **(one or {}))
    put(index, "ccwis", first_name="Jaydon", **(other or {}))
    [task] = tasks(index)
    return task


def tasks(index):
    with index.database.read(OPERATOR) as unit:
        return unit.tasks.all()


def test_the_harm_of_a_pair_is_its_probability_times_what_is_at_stake(index):
    task = a_pair_in_doubt(index)
    # 1, a child of ten, and a second source.
    assert task.harm == round(compute_probability(task.bits) * 2.5 * 1e6)
    assert task.harm_unflagged == round(compute_probability(task.bits) * 2 * 1e6)


@pytest.mark.parametrize(
    ("said", "more"),
    [
        ({"flags": [CARE]}, 4),
        ({"flags": [HOMELESS]}, 2),
        ({"flags": [CARE, HOMELESS]}, 6),
        ({"placements": [{"type": "foster", "begin": "2026-01-01"}]}, 4),
        ({"placements": [{"type": "foster", "begin": "2026-01-01"}], "flags": [CARE]}, 4),
        ({"placements": [{"type": "foster", "begin": "2025-01-01", "end": "2026-02-01"}]}, 0),
        ({"flags": [{**CARE, "value": "N"}]}, 0),
        ({"flags": [{**CARE, "begin": "2026-04-01"}]}, 0),
        ({"flags": [{**CARE, "end": "2026-03-01"}]}, 0),
        ({"flags": [{**CARE, "population": "migrant"}]}, 0),
    ],
)
def test_a_child_in_care_or_without_a_home_comes_first_and_only_where_a_flag_may_tell(index, said, more):
    task = a_pair_in_doubt(index, other=said)
    assert task.harm == round(compute_probability(task.bits) * (2.5 + more) * 1e6)
    assert task.harm_unflagged == round(compute_probability(task.bits) * 2 * 1e6)


def test_each_further_source_that_holds_the_persons_adds_up_to_a_bound(index):
    before = a_pair_in_doubt(index)
    put(index, "ssid", first_name="Jaydon")
    after = next(task for task in tasks(index) if task.key == before.key)
    assert after.harm - before.harm == round(compute_probability(after.bits) * 0.5 * 1e6)
    assert after.harm_unflagged == before.harm_unflagged
    assert estimate_harm(1, Stake(), 5) == estimate_harm(1, Stake(), 50)


@pytest.mark.parametrize(("age", "stake"), [(4, 0.5), (5, 1), (18, 1), (19, 0), (None, 0.5)])
def test_a_child_of_an_age_to_go_to_school_comes_before_a_younger_one_and_an_adult_last(age, stake):
    assert estimate_harm(1, Stake(age=age), 1).total == round((1 + stake) * 1e6)


stakes = st.builds(Stake, st.booleans(), st.booleans(), st.none() | st.integers(0, 90))


@given(stakes, stakes)
def test_what_is_at_stake_for_two_is_the_more_of_it_whichever_is_first(one, other):
    both = estimate_harm(1, one.combine(other), 1)
    assert both == estimate_harm(1, other.combine(one), 1)
    assert both.total >= max(estimate_harm(1, each, 1).total for each in (one, other))


def test_what_a_source_says_of_two_charts_it_wrote_over_comes_before_a_day_to_look_again():
    assert (
        estimate_error_chance("overlay", 0.0)
        > estimate_error_chance("conflict", 0.0)
        > estimate_error_chance("recheck", 0.0)
        > estimate_error_chance("multiple", 9.0)
    )


def test_permuting_every_flag_changes_nothing_but_harm(index):
    said = [("sis", str(n)) for n in range(6)] + [("ccwis", str(n)) for n in range(6)]
    flags = [[CARE], [HOMELESS], [], [{**CARE, "value": "N"}], [], [CARE, HOMELESS]] * 2

    def state(shuffled):
        for (source, n), mine in zip(said, shuffled, strict=True):
            name = f"{'Jaydon' if source == 'ccwis' else 'Jayden'}"
            put(index, source, n, first_name=name, birth_date=f"20{10 + int(n)}-01-20", flags=mine)
        found = tasks(index)
        return crosswalk(index), [replace(task, harm=0) for task in found], [task.harm for task in found]

    links, plain, ordered = state(flags)
    assert len(plain) == 6
    orders = {tuple(ordered)}
    for seed in range(3):
        again = state(random.Random(seed).sample(flags, len(flags)))
        assert again[:2] == (links, plain)
        orders.add(tuple(again[2]))
    assert len(orders) > 1
