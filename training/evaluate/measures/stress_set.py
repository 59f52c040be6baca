"""Stress set: many strangers who share name and birth date.

In life there are some 280 such pairs in a million children, too few to measure by. Here pairs of
children of different households, of one sex and group and born within days of each other, get one
name and birth date *before* the four systems record them, so that every source errs on them at its
usual rate. A pair gets a name in proportion to the square of how common it is, as by chance.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mpi.clustering.component import Pair
from training.evaluate.datasets.dataset import Dataset, Person
from training.evaluate.datasets.simulated_state import SEED, to_dataset
from training.evaluate.measures.intervals import IntervalEstimate, estimate_share
from training.evaluate.measures.relatives import find_merged_people
from training.evaluate.model_clusters import ModelPartition
from training.simulate.people.names import HISPANIC, NameBook
from training.simulate.people.population import SimulatedState, draw_state, stage_generator
from training.simulate.rates import load_rates
from training.simulate.simulation import Population
from training.simulate.sources.identity import StateIds
from training.simulate.sources.records import write_source
from training.simulate.sources.rosters import Roster, SourceSystem, draw_rosters

_ROSTER_STAGE, _CHOICE_STAGE, _FIRST_SOURCE_STAGE = 7, 90, 10
HISPANIC_SHARE = 0.75
"""Share of Hispanic pairs, where there are enough such children.

A Hispanic child has such a stranger 8 to 18 times as often as another (design section 6), and some
two in ten children are Hispanic.
"""


@dataclass(frozen=True, slots=True)
class StressResult:
    """How many pairs of look-alike strangers were linked or reviewed.

    Strangers are different children made to share name and birth date.

    Args:
        pairs: pairs of strangers who both have records.
        hispanic: number of Hispanic pairs.
        linked: pairs any of whose records share a person; ``high`` is the upper 95 % bound.
        reviewed: pairs not linked that a review task names.
    """

    pairs: int
    hispanic: int
    linked: IntervalEstimate
    reviewed: int


@dataclass(frozen=True, slots=True)
class StressSet:
    """Dataset with many pairs of strangers of one name and birth date."""

    dataset: Dataset
    pairs: tuple[tuple[Person, Person], ...]
    hispanic: int


def build_stress_set(children: int, pairs: int, book: NameBook) -> StressSet:
    """Simulate a state in which strangers share name and birth date.

    Args:
        children: number of children in the state.
        pairs: number of pairs to make alike.
        book: names to draw from.
    """
    rates = load_rates()
    state = draw_state(SEED + 1, children, rates, book)
    rosters = draw_rosters(stage_generator(SEED + 1, _ROSTER_STAGE), state.schooling, state.care, rates)
    chosen_pairs = _make_alike(state, rosters, pairs)
    ids = StateIds.from_roster(rosters[SourceSystem.STATE], len(state.births))
    files = {
        source: write_source(
            stage_generator(SEED + 1, _FIRST_SOURCE_STAGE + position), state, rosters[source], ids
        )
        for position, source in enumerate(SourceSystem)
    }
    dataset = to_dataset("strangers", Population(SEED + 1, state, files))
    groups = state.homes.group[state.births.home]
    return StressSet(
        dataset,
        tuple((f"P{left + 1}", f"P{right + 1}") for left, right in chosen_pairs),
        sum(bool(groups[left] == HISPANIC) for left, _ in chosen_pairs),
    )


def judge_stress_set(partition: ModelPartition, stress: StressSet) -> StressResult:
    """Count linked and reviewed pairs among strangers made to look alike."""
    truth = stress.dataset.truth
    kin = {person: number for number, pair in enumerate(stress.pairs) for person in pair}
    linked = {kin[left] for left, _ in find_merged_people(partition.clusters, truth, kin)}
    reviewed = {
        kin[truth[left]] for left, right in partition.tasks if _is_chosen_pair((left, right), truth, kin)
    }
    return StressResult(
        pairs=len(stress.pairs),
        hispanic=stress.hispanic,
        linked=estimate_share(len(linked), len(stress.pairs)),
        reviewed=len(reviewed - linked),
    )


def _is_chosen_pair(pair: Pair, truth: Mapping[int, Person], kin: Mapping[Person, int]) -> bool:
    """Return whether two records are of one pair of look-alike strangers."""
    left, right = (truth[number] for number in pair)
    return left != right and kin.get(left, -1) == kin.get(right, -2)


def _make_alike(state: SimulatedState, rosters: dict[SourceSystem, Roster], pair_count: int) -> list[Pair]:
    """Copy name and birth date within chosen pairs; rename the second home."""
    births, people, homes = state.births, state.people, state.homes
    neighbors = _find_neighbors(state, rosters)
    commonness = _measure_commonness(state, neighbors[:, 0])
    rng = stage_generator(SEED + 1, _CHOICE_STAGE)
    hispanic = homes.group[births.home[neighbors[:, 0]]] == HISPANIC
    first = _draw_places(rng, commonness * hispanic, round(pair_count * HISPANIC_SHARE))
    order = np.concatenate([first, _draw_places(rng, commonness * ~hispanic, pair_count - len(first))])
    chosen_pairs = [(int(left), int(right)) for left, right in neighbors[np.sort(order)]]
    for left, right in chosen_pairs:
        home, surname = births.home[right], people.last[right]
        for column in (homes.child_surname, homes.guardian1_last, homes.guardian2_last):
            if column[home] == surname:
                column[home] = people.last[left]
        people.first[right], people.last[right] = people.first[left], people.last[left]
        people.first_before[right], people.last_before[right] = people.first[left], people.last[left]
        births.day[right] = people.birth_before[right] = births.day[left]
        people.suffix[left] = people.suffix[right] = ""
    return chosen_pairs


def _draw_places(
    rng: np.random.Generator, shares: np.ndarray[tuple[int, ...], np.dtype[np.float64]], count: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Draw distinct list positions in proportion to their shares."""
    size = min(count, int(np.count_nonzero(shares)))
    return np.asarray(rng.choice(len(shares), size, replace=False, p=shares / max(shares.sum(), 1)))


def _find_neighbors(
    state: SimulatedState, rosters: dict[SourceSystem, Roster]
) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Find disjoint pairs of recorded only children of similar age.

    Both children of a pair have one sex and group.
    """
    births, people = state.births, state.people
    recorded = np.unique(np.concatenate([roster.child for roster in rosters.values()]))
    is_only_child = np.bincount(births.home, minlength=len(state.homes))[births.home[recorded]] == 1
    eligible = recorded[is_only_child & ~people.changed[recorded] & ~people.namesake[recorded]]
    group = state.homes.group[births.home[eligible]]
    eligible = eligible[np.lexsort((births.day[eligible], births.male[eligible], group))]
    pairs = eligible[: len(eligible) // 2 * 2].reshape(-1, 2)
    is_alike = (births.male[pairs[:, 0]] == births.male[pairs[:, 1]]) & (
        state.homes.group[births.home[pairs[:, 0]]] == state.homes.group[births.home[pairs[:, 1]]]
    )
    return np.asarray(pairs[is_alike])


def _measure_commonness(
    state: SimulatedState, children: np.ndarray[tuple[int, ...], np.dtype[np.int64]]
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return first-name count times surname count of each simulated child."""
    total = np.ones(len(children))
    for column in (state.people.first, state.people.last):
        _, code, counts = np.unique(column.astype(str), return_inverse=True, return_counts=True)
        total *= counts[code][children]
    return total
