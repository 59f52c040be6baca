import os
from pathlib import Path

import numpy as np
import pytest

from training.simulate.census import census_names
from training.simulate.names import GROUPS, HISPANIC, NameBook, Pool, faker_names
from training.simulate.rates import load

PROJECT = Path(__file__).parents[3]
PAIRS_PER_MILLION = 1e12 / 2
CHILDREN = 1e6


def shares(pool: Pool) -> dict[str, float]:
    return dict(zip(pool.names.tolist(), np.diff(pool.edges, prepend=0.0).tolist(), strict=True))


def meeting(one: dict[str, float], other: dict[str, float]) -> float:
    return sum(share * other.get(name, 0.0) for name, share in one.items())


def strangers(book: NameBook) -> np.ndarray:
    """The chance that a child of each group has the name and birth date of another child of the state."""
    rates = load()
    surnames = [shares(pool) for pool in book.surnames]
    given = [[shares(pool) for pool in pair] for pair in book.given]
    days = (rates.state.oldest_years + 1) * 365.25
    chance = np.array([
        [
            meeting(surnames[g], surnames[h]) * sum(meeting(given[g][s], given[h][s]) / 4 for s in (0, 1))
            for h in range(GROUPS)
        ]
        for g in range(GROUPS)
    ])  # fmt: skip
    return chance @ np.array(rates.families.group_shares) / days


@pytest.mark.data
def test_strangers_of_one_name_and_birthday_meet_at_the_order_of_life() -> None:
    folder = Path(os.environ.get("MPI_EVAL_DATA", PROJECT.parent / "shared" / "data")) / "names"
    if not folder.is_dir():
        pytest.skip("no census tables: set MPI_EVAL_DATA to the folder of the evaluation sets")
    rates = load()
    book = census_names(folder, faker_names(rates.names.tail_share, rates.names.surname_tail_share))
    chance = strangers(book)
    of_all = np.array(rates.families.group_shares) * chance
    assert 50 < of_all.sum() * PAIRS_PER_MILLION < 600
    others = np.delete(of_all, HISPANIC).sum() / (1 - rates.families.group_shares[HISPANIC])
    assert chance[HISPANIC] > 2 * others
