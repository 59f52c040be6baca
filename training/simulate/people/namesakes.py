"""Strangers of one name and birth date, as many as life has.

Names drawn from tables of given names and of surnames, each by group, meet by chance less often than whole
names do in life: the tables do not tell which given names go with which surnames, and today's children bear
more different given names than the tables, which are of all ages. What chance leaves out is made up here,
openly, at the rates of ``[strangers]`` in ``rates.toml``: children of different homes, of one sex and group
and born within days of each other, are given one name and birth date before any system writes them down.
A name is taken in proportion to the square of how common it is, as chance would.
"""

from collections import Counter

import numpy as np

from training.simulate.columns import Bools, Ints, Rng
from training.simulate.people.blocks import Block
from training.simulate.people.care import Care
from training.simulate.people.children import ChildIdentities
from training.simulate.people.families import Births, Homes
from training.simulate.people.names import HISPANIC
from training.simulate.rates import Rates

_STAGE = 8
_A_MILLION = 1e6
_NEAR_DAYS = np.timedelta64(10, "D")


def make_strangers_alike(
    block: Block, births: Births, homes: Homes, care: Care, people: ChildIdentities, rates: Rates
) -> None:
    """Give some children of the block the name and birth date of a stranger in it, and mark both.

    The number of such pairs grows with the square of the children of the state, as pairs do.
    """
    rng = block.stage_generator(_STAGE)
    hispanic = homes.group[births.home] == HISPANIC
    millions = len(births) * block.block_count / _A_MILLION
    for rate, of_group in (
        (rates.strangers.hispanic_pairs, hispanic),
        (rates.strangers.other_pairs, ~hispanic),
    ):
        pairs = _find_neighbors(births, homes, care, people, of_group)
        wanted = min(int(rng.poisson(rate * millions**2 / block.block_count)), len(pairs))
        for one, other in _draw_by_commonness(rng, people, pairs, wanted).tolist():
            _make_alike(births, homes, people, one, other)


def _find_neighbors(births: Births, homes: Homes, care: Care, people: ChildIdentities, allowed: Bools) -> Ints:
    """Disjoint pairs of one sex and group, next to each other in age; the second has no brother or sister.

    The second is the younger, so that becoming older contradicts nothing that has happened to it.
    """
    usual = allowed & ~people.changed & ~people.namesake & (people.suffix == "") & ~care.adopted
    rows = np.flatnonzero(usual)
    group = homes.group[births.home]
    rows = rows[np.lexsort((births.day[rows], births.male[rows], group[rows]))]
    one, other = rows[:-1], rows[1:]
    alone = np.bincount(births.home, minlength=len(homes))[births.home[other]] == 1
    fits = alone & (care.kin_home[other] < 0) & (births.home[one] != births.home[other])
    fits &= (births.male[one] == births.male[other]) & (group[one] == group[other])
    fits &= births.day[other] - births.day[one] <= _NEAR_DAYS
    places = np.flatnonzero(fits)
    # Of two pairs that share a child the first stays.
    kept = [place for n, place in enumerate(places.tolist()) if not n or place - places[n - 1] > 1]
    return np.asarray(np.stack([one[kept], other[kept]], axis=1))


def _draw_by_commonness(rng: Rng, people: ChildIdentities, pairs: Ints, wanted: int) -> Ints:
    """That many of the pairs, by how common the name of the first child is in the block."""
    if not wanted:
        return pairs[:0]
    common = np.ones(len(pairs))
    for column in (people.first, people.last):
        borne = Counter(column.tolist())
        common *= [borne[name] for name in column[pairs[:, 0]]]
    chosen = rng.choice(len(pairs), size=wanted, replace=False, p=common / common.sum())
    return np.asarray(pairs[np.sort(chosen)])


def _make_alike(births: Births, homes: Homes, people: ChildIdentities, one: int, other: int) -> None:
    """Give the other child the one's name and birth date, and the other's home the surname."""
    home, surname = births.home[other], people.last[other]
    for column in (homes.child_surname, homes.guardian1_last, homes.guardian2_last):
        if column[home] == surname:
            column[home] = people.last[one]
    homes.two_surnames[home] = homes.two_surnames[births.home[one]]
    people.first[other], people.last[other] = people.first[one], people.last[one]
    people.first_before[other], people.last_before[other] = people.first[one], people.last[one]
    births.day[other] = people.birth_before[other] = births.day[one]
    people.stranger[[one, other]] = True
