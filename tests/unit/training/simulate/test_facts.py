"""Tests of restrictions, deaths, errors and identity changes in the simulation."""

import json
from dataclasses import replace

import numpy as np
import pytest

from training.simulate import typing_errors
from training.simulate.columns import DRAW_LIMIT, Texts
from training.simulate.people.names import HISPANIC, WHITE
from training.simulate.rates import load_rates
from training.simulate.simulation import Population, simulate
from training.simulate.sources.records import SourceFile
from training.simulate.sources.rosters import SourceSystem


@pytest.fixture(scope="module")
def population() -> Population:
    return simulate(records=30_000, seed=11)


@pytest.fixture(scope="module")
def ccwis(population: Population) -> SourceFile:
    return population.files[SourceSystem.CCWIS]


def has_tag(file: SourceFile, tag: str) -> np.ndarray:
    return np.array([tag in tags.split("|") for tags in file.truth["tags"]])


def kinds(column: Texts) -> list[str]:
    return [json.loads(cell)[0]["kind"] if cell else "" for cell in column]


def test_seal_is_on_the_old_client_only(ccwis: SourceFile) -> None:
    sealed = np.flatnonzero([kind == "sealed" for kind in kinds(ccwis.columns["restrictions"])])
    assert len(sealed) > 30
    assert has_tag(ccwis, "adopted")[sealed].mean() > 0.99
    children = ccwis.truth["person_id"]
    others = [set(np.flatnonzero(children == children[row])) - {row} for row in sealed]
    assert sum(map(bool, others)) > 0.9 * len(others)
    for row in sealed:
        assert json.loads(ccwis.columns["restrictions"][row])[0]["begin"] <= ccwis.columns["as_of"][row][:10]


def test_some_adoptions_are_open(ccwis: SourceFile) -> None:
    former = has_tag(ccwis, "adopted") & has_tag(ccwis, "former_identity")
    assert 0.5 < has_tag(ccwis, "sealed")[former].mean() < 0.95


def test_sealed_adoption_hides_the_former_name(population: Population) -> None:
    sealed = population.state.care.sealed
    for file in population.files.values():
        child = np.array([int(person[1:]) - 1 for person in file.truth["person_id"]])
        assert not any(file.columns["other_names"][sealed[child]])


def test_expunged_clients_were_never_in_care(ccwis: SourceFile) -> None:
    expunged = np.array([kind == "expunged" for kind in kinds(ccwis.columns["restrictions"])])
    assert expunged.any()
    assert (expunged == has_tag(ccwis, "expunged")).all()
    assert not any(ccwis.columns["placements"][expunged])


def test_merged_client_names_another_client_of_the_child(ccwis: SourceFile) -> None:
    person = dict(zip(ccwis.columns["local_id"], ccwis.truth["person_id"], strict=True))
    merged = [(here, to) for here, to in zip(person, ccwis.columns["merged_into"], strict=True) if to]
    assert len(merged) > 20
    assert all(here != to and person[here] == person[to] for here, to in merged)


def test_deceased_children_are_on_no_roll(population: Population) -> None:
    dead = ~np.isnat(population.state.people.died)
    assert dead.any()
    assert not population.state.schooling.enrolled[dead].any()
    for file in population.files.values():
        for died, as_of in zip(file.columns["death_date"], file.columns["as_of"], strict=True):
            assert died <= as_of


def test_sex_x_occurs_at_its_rate(population: Population) -> None:
    sex = population.files[SourceSystem.STATE].columns["sex"]
    assert 0 < (sex == "X").mean() < 0.005


def test_minority_names_are_misrecorded_more_often() -> None:
    rates = load_rates()
    noise = {
        kind: replace(state_population, given_typo=0.1) for kind, state_population in rates.noise.items()
    }
    population = simulate(records=20_000, seed=2, rates=replace(rates, noise=noise))
    no_typos = replace(noise["state"], given_typo=0.0)
    clean = simulate(records=20_000, seed=2, rates=replace(rates, noise=noise | {"state": no_typos}))
    noisy_file, clean_file = (
        state_population.files[SourceSystem.STATE] for state_population in (population, clean)
    )
    child = np.array([int(person[1:]) - 1 for person in noisy_file.truth["person_id"]])
    group = population.state.homes.group[population.state.births.home[child]]
    is_wrong = noisy_file.columns["first_name"] != clean_file.columns["first_name"]
    assert is_wrong[group == HISPANIC].mean() > 1.2 * is_wrong[group == WHITE].mean()


def test_misspelling_kinds_occur_at_their_rates() -> None:
    draws = np.random.default_rng(1).integers(0, DRAW_LIMIT, 4_000).tolist()
    by_hand = np.mean(
        [
            typing_errors.misspell("Marla", draw) == typing_errors.make_keyboard_slip("Marla", draw)
            for draw in draws
        ]
    )
    rates = load_rates().misspelling
    assert by_hand == pytest.approx(1 - rates.by_ear - rates.by_scanner, abs=0.05)


def test_most_identity_changes_occur_in_the_first_two_years() -> None:
    population = simulate(records=20_000, seed=6)
    people, births = population.state.people, population.state.births
    grown = people.changed & ~population.state.care.adopted
    grown &= births.day < population.state.rates.state.today - np.timedelta64(13 * 365, "D")
    age = (people.changed_on - births.day)[grown].astype(int) / 365.25
    assert 0.45 < (age < 2).mean() < 0.75
    assert age.max() > 10
