"""Strangers who share name and birth date, at realistic rates.

Names drawn from tables of given names and of surnames, each by group, coincide less often than
whole names do in life: the tables do not tell which given names go with which surnames, and today's
children have more different given names than the tables, which are of all ages. The missing pairs
are added here, openly, at the rates of ``[strangers]`` in ``rates.toml``: children of different
homes, of one sex and group and born within days of each other, get one name and birth date before
any system records them. A name is taken in proportion to the square of how common it is, as by
chance.
"""

from collections import Counter

import numpy as np

from training.simulate.columns import Bools, Ints, Rng
from training.simulate.people.blocks import Block
from training.simulate.people.care import Care
from training.simulate.people.child_identities import ChildIdentities
from training.simulate.people.families import Births, Homes
from training.simulate.people.names import HISPANIC
from training.simulate.rates import Rates

_STAGE = 8
_A_MILLION = 1e6
_NEAR_DAYS = np.timedelta64(10, "D")


def make_strangers_alike(
    block: Block, births: Births, homes: Homes, care: Care, people: ChildIdentities, rates: Rates
) -> None:
    """Give some children an unrelated child's name and birth date, marking both.

    The number of such pairs grows with the square of the children of the state, as pairs do.
    """
    rng = block.stage_generator(_STAGE)
    hispanic = homes.group[births.home] == HISPANIC
    millions = len(births) * block.block_count / _A_MILLION
    for rate, is_in_group in (
        (rates.strangers.hispanic_pairs, hispanic),
        (rates.strangers.other_pairs, ~hispanic),
    ):
        pairs = _find_neighbors(births, homes, care, people, is_in_group)
        count = min(int(rng.poisson(rate * millions**2 / block.block_count)), len(pairs))
        for first, second in _draw_by_commonness(rng, people, pairs, count).tolist():
            _make_alike(births, homes, people, first, second)


def _find_neighbors(
    births: Births, homes: Homes, care: Care, people: ChildIdentities, is_in_group: Bools
) -> Ints:
    """Find disjoint pairs of children of one sex, group and similar age.

    The second child has no brother or sister. It is the younger, so that becoming older contradicts
    nothing that has happened to it.
    """
    is_eligible = is_in_group & ~people.changed & ~people.namesake & (people.suffix == "") & ~care.adopted
    rows = np.flatnonzero(is_eligible)
    group = homes.group[births.home]
    rows = rows[np.lexsort((births.day[rows], births.male[rows], group[rows]))]
    first, second = rows[:-1], rows[1:]
    is_only_child = np.bincount(births.home, minlength=len(homes))[births.home[second]] == 1
    is_pair = is_only_child & (care.kin_home[second] < 0) & (births.home[first] != births.home[second])
    is_pair &= (births.male[first] == births.male[second]) & (group[first] == group[second])
    is_pair &= births.day[second] - births.day[first] <= _NEAR_DAYS
    positions = np.flatnonzero(is_pair)
    # Of two pairs that share a child, keep the first.
    disjoint = [
        position for n, position in enumerate(positions.tolist()) if not n or position - positions[n - 1] > 1
    ]
    return np.asarray(np.stack([first[disjoint], second[disjoint]], axis=1))


def _draw_by_commonness(rng: Rng, people: ChildIdentities, pairs: Ints, count: int) -> Ints:
    """Draw pairs of children by how common the first child's name is."""
    if not count:
        return pairs[:0]
    commonness = np.ones(len(pairs))
    for column in (people.first, people.last):
        name_counts = Counter(column.tolist())
        commonness *= [name_counts[name] for name in column[pairs[:, 0]]]
    positions = rng.choice(len(pairs), size=count, replace=False, p=commonness / commonness.sum())
    return np.asarray(pairs[np.sort(positions)])


def _make_alike(births: Births, homes: Homes, people: ChildIdentities, first: int, second: int) -> None:
    """Copy a child's name and birth date to another; rename its home."""
    home, surname = births.home[second], people.last[second]
    for column in (homes.child_surname, homes.guardian1_last, homes.guardian2_last):
        if column[home] == surname:
            column[home] = people.last[first]
    homes.two_surnames[home] = homes.two_surnames[births.home[first]]
    people.first[second], people.last[second] = people.first[first], people.last[first]
    people.first_before[second], people.last_before[second] = people.first[first], people.last[first]
    births.day[second] = people.birth_before[second] = births.day[first]
    people.stranger[[first, second]] = True
