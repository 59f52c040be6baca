"""Tests of strangers who share name and birth date."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from training.simulate.people.blocks import Block
from training.simulate.people.census_names import read_census_names
from training.simulate.people.names import GROUPS, HISPANIC, NameBook, NamePool, build_faker_names
from training.simulate.people.population import SimulatedState, draw_state
from training.simulate.rates import Rates, load_rates

PROJECT = Path(__file__).parents[5]
CHILD_PAIRS_PER_MILLION = 1e12 / 2
CHILDREN, BLOCKS = 10_000, 100
REAL_PAIRS_PER_MILLION = 280
"""Least stranger pairs in a million real children (design, section 6)."""


def load_default_names() -> NameBook:
    names = load_rates().names
    return build_faker_names(names.tail_share, names.surname_tail_share)


def shares(pool: NamePool) -> dict[str, float]:
    return dict(zip(pool.names.tolist(), np.diff(pool.edges, prepend=0.0).tolist(), strict=True))


def sum_shared_mass(left: dict[str, float], right: dict[str, float]) -> float:
    return sum(share * right.get(name, 0.0) for name, share in left.items())


def single_surname_share(group: int) -> float:
    """Return the share of a group's children with one surname."""
    families = load_rates().families
    return 1 - (families.two_surnames if group == HISPANIC else families.hyphenated)


def expect_strangers_by_chance(book: NameBook) -> np.ndarray:
    """Return the expected stranger pairs in a million children, by groups.

    The pairs share name, sex and birth date.
    """
    rates = load_rates()
    surnames = [shares(pool) for pool in book.surnames]
    first_names = [[shares(pool) for pool in pair] for pair in book.given]
    days = (rates.state.oldest_years + 1) * 365.25
    chance = np.array([
        [
            sum_shared_mass(surnames[g], surnames[h])
            * sum(sum_shared_mass(first_names[g][s], first_names[h][s]) / 4 for s in (0, 1))
            * single_surname_share(g) * single_surname_share(h)
            for h in range(GROUPS)
        ]
        for g in range(GROUPS)
    ])  # fmt: skip
    group = np.array(rates.families.group_shares)
    return chance * np.outer(group, group) / days * CHILD_PAIRS_PER_MILLION


def assert_rates_are_realistic(book: NameBook) -> None:
    rates, by_chance = load_rates().strangers, expect_strangers_by_chance(book)
    hispanic = rates.hispanic_pairs + by_chance[HISPANIC, HISPANIC]
    across = by_chance[HISPANIC].sum() - by_chance[HISPANIC, HISPANIC]
    others = rates.other_pairs + by_chance.sum() - by_chance[HISPANIC, HISPANIC] - 2 * across
    assert REAL_PAIRS_PER_MILLION <= hispanic + others + 2 * across < 1.3 * REAL_PAIRS_PER_MILLION
    share = load_rates().families.group_shares[HISPANIC]
    assert 8 < ((2 * hispanic + 2 * across) / share) / ((2 * others + 2 * across) / (1 - share)) < 18


def test_stranger_pairs_are_as_frequent_as_in_life() -> None:
    assert_rates_are_realistic(load_default_names())


@pytest.mark.data
def test_stranger_pairs_are_as_frequent_as_in_life_with_census_names() -> None:
    folder = Path(os.environ.get("MPI_EVAL_DATA", PROJECT.parent / "shared" / "data")) / "names"
    if not folder.is_dir():
        pytest.skip("no census tables: set MPI_EVAL_DATA to the folder of the evaluation sets")
    assert_rates_are_realistic(read_census_names(folder, load_default_names()))


def load_crowded_rates() -> Rates:
    """Return rates at which a small block holds some fifty stranger pairs.

    The block has a hundredth of a million children.
    """
    rates = load_rates()
    return replace(rates, strangers=replace(rates.strangers, hispanic_pairs=4_000.0, other_pairs=1_000.0))


@pytest.fixture(scope="module")
def block() -> SimulatedState:
    return draw_state(3, CHILDREN, load_crowded_rates(), load_default_names(), Block(3, 0, BLOCKS))


def group_strangers(state: SimulatedState) -> list[list[int]]:
    people, births = state.people, state.births
    marked = np.flatnonzero(people.stranger)
    rows_by_identity: dict[tuple[object, ...], list[int]] = {}
    for row in marked.tolist():
        rows_by_identity.setdefault(
            (people.first[row], people.last[row], births.day[row], births.male[row]), []
        ).append(row)
    return list(rows_by_identity.values())


def test_strangers_share_name_and_birth_date_but_no_home(block: SimulatedState) -> None:
    pairs = group_strangers(block)
    assert all(len(pair) > 1 for pair in pairs)
    home, group = block.births.home, block.homes.group[block.births.home]
    for pair in pairs:
        assert len(set(home[pair].tolist())) == len(pair)
        assert len(set(group[pair].tolist())) == 1


def test_stranger_pairs_follow_the_rates_of_their_group(block: SimulatedState) -> None:
    group = block.homes.group[block.births.home][block.people.stranger]
    expected = 4_000 * (len(block.births) * BLOCKS / 1e6) ** 2 / BLOCKS
    assert (group == HISPANIC).sum() / 2 == pytest.approx(expected, rel=0.4)
    assert (group != HISPANIC).sum() / 2 == pytest.approx(expected / 4, rel=0.8)


def test_stranger_pairs_grow_with_the_square_of_the_state() -> None:
    alone = draw_state(3, CHILDREN, load_crowded_rates(), load_default_names(), Block(3))
    of_many = draw_state(3, CHILDREN, load_crowded_rates(), load_default_names(), Block(3, 0, BLOCKS))
    assert alone.people.stranger.sum() <= 6
    assert of_many.people.stranger.sum() > 10 * alone.people.stranger.sum()


def test_strangers_have_common_names(block: SimulatedState) -> None:
    """Chance favors names that many children have."""
    last, marked = block.people.last, block.people.stranger
    names, counts = np.unique(last.astype(str), return_counts=True)
    borne = dict(zip(names.tolist(), counts.tolist(), strict=True))
    hispanic = block.homes.group[block.births.home] == HISPANIC
    mean_of = [np.mean([borne[name] for name in last[rows]]) for rows in (hispanic & marked, hispanic)]
    assert mean_of[0] > 1.3 * mean_of[1]


def test_stranger_has_no_event_before_the_new_birth_date(
    block: SimulatedState,
) -> None:
    births, care = block.births, block.care
    for pair in group_strangers(block):
        for row in pair:
            assert np.isnat(care.removed_on[row]) or care.removed_on[row] >= births.day[row]
            assert block.people.birth_before[row] == births.day[row]
            assert block.people.last_before[row] == block.people.last[row]
