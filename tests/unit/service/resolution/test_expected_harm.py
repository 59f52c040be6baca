"""Test expected harm: it orders the queue, and flags change only the order (law 8)."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi.domain.weight import compute_probability
from mpi.service.records.upsert import upsert
from mpi.service.resolution.expected_harm import Stake, estimate_error_chance, estimate_harm
from tests.index import OPERATOR, crosswalk, make_child, open_test_index

CARE = {"population": "foster_care", "value": "Y", "definition": "ESSA"}
HOMELESS = {"population": "homeless", "value": "Y", "definition": "McKinney-Vento"}
IN_DOUBT = {"last_name": "Cruz", "postal_code": None, "sex": None, "birth_date": "2016-01-20",
            "as_of": "2026-03-01"}  # fmt: skip


@pytest.fixture
def three_source_index(tmp_path):
    """An empty index with three sources."""
    with open_test_index(tmp_path / "home", "sis", "ccwis", "ssid") as index:
        yield index


def upsert_child(index, source, local_id="1", **changes):
    return upsert(index, OPERATOR, source, make_child(local_id, **{**IN_DOUBT, **changes}))


def upsert_doubtful_pair(index, sis_changes=None, ccwis_changes=None):
    upsert_child(index, "sis", first_name="Jayden", **(sis_changes or {}))
    upsert_child(index, "ccwis", first_name="Jaydon", **(ccwis_changes or {}))
    [task] = list_tasks(index)
    return task


def list_tasks(index):
    with index.database.read(OPERATOR) as unit:
        return unit.tasks.all()


def test_harm_of_a_pair_is_its_probability_times_the_stake(three_source_index):
    task = upsert_doubtful_pair(three_source_index)
    # The base stake, a child of ten, and a second source.
    assert task.harm == round(compute_probability(task.bits) * 2.5 * 1e6)
    assert task.harm_unflagged == round(compute_probability(task.bits) * 2 * 1e6)


@pytest.mark.parametrize(
    ("changes", "added_stake"),
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
def test_child_in_care_or_homeless_comes_first_where_flags_may_be_used(
    three_source_index, changes, added_stake
):
    task = upsert_doubtful_pair(three_source_index, ccwis_changes=changes)
    assert task.harm == round(compute_probability(task.bits) * (2.5 + added_stake) * 1e6)
    assert task.harm_unflagged == round(compute_probability(task.bits) * 2 * 1e6)


def test_every_further_source_adds_harm_up_to_a_limit(three_source_index):
    before = upsert_doubtful_pair(three_source_index)
    upsert_child(three_source_index, "ssid", first_name="Jaydon")
    after = next(task for task in list_tasks(three_source_index) if task.key == before.key)
    assert after.harm - before.harm == round(compute_probability(after.bits) * 0.5 * 1e6)
    assert after.harm_unflagged == before.harm_unflagged
    assert estimate_harm(1, Stake(), 5) == estimate_harm(1, Stake(), 50)


@pytest.mark.parametrize(("age", "stake"), [(4, 0.5), (5, 1), (18, 1), (19, 0), (None, 0.5)])
def test_school_age_comes_before_younger_children_and_adults(age, stake):
    assert estimate_harm(1, Stake(age=age), 1).total == round((1 + stake) * 1e6)


stakes = st.builds(Stake, st.booleans(), st.booleans(), st.none() | st.integers(0, 90))


@given(stakes, stakes)
def test_combined_stake_is_the_higher_one_in_any_order(first, second):
    combined = estimate_harm(1, first.combine(second), 1)
    assert combined == estimate_harm(1, second.combine(first), 1)
    assert combined.total >= max(estimate_harm(1, stake, 1).total for stake in (first, second))


def test_error_chance_is_ordered_by_task_kind():
    assert (
        estimate_error_chance("overlay", 0.0)
        > estimate_error_chance("conflict", 0.0)
        > estimate_error_chance("recheck", 0.0)
        > estimate_error_chance("multiple", 9.0)
    )


def test_permuting_every_flag_changes_nothing_but_harm(three_source_index):
    record_ids = [("sis", str(local_id)) for local_id in range(6)] + [
        ("ccwis", str(local_id)) for local_id in range(6)
    ]
    flags = [[CARE], [HOMELESS], [], [{**CARE, "value": "N"}], [], [CARE, HOMELESS]] * 2

    def load_and_read(shuffled):
        for (source, local_id), record_flags in zip(record_ids, shuffled, strict=True):
            name = f"{'Jaydon' if source == 'ccwis' else 'Jayden'}"
            upsert_child(
                three_source_index,
                source,
                local_id,
                first_name=name,
                birth_date=f"20{10 + int(local_id)}-01-20",
                flags=record_flags,
            )
        tasks = list_tasks(three_source_index)
        return (
            crosswalk(three_source_index),
            [replace(task, harm=0) for task in tasks],
            [task.harm for task in tasks],
        )

    links, unordered, ordered = load_and_read(flags)
    assert len(unordered) == 6
    orders = {tuple(ordered)}
    for seed in range(3):
        permuted = load_and_read(random.Random(seed).sample(flags, len(flags)))
        assert permuted[:2] == (links, unordered)
        orders.add(tuple(permuted[2]))
    assert len(orders) > 1
