"""Tests of the odds by which cautions give way in a population."""

import random
from dataclasses import replace
from datetime import date, timedelta
from functools import cache

import numpy as np
import pytest

from mpi.domain.features import Features
from mpi.domain.weight import Thresholds
from mpi.matching.compiler.online_scorer import compile_scorer
from mpi.matching.model.cautions import OPPOSED_CAUTION
from mpi.matching.model.match_model import load_model
from training.fit.fit import FitOptions, fit
from training.fit.limits.caution_odds import NO_ODDS, CautionOdds, find_decoy_limit, find_limit
from training.fit.limits.cautions import (
    CAUTIONS,
    EXCHANGE_CAUTION,
    NAMESAKE_CAUTION,
    ODDS_CAUTIONS,
    OTHER_DETAILS_CAUTION,
    OTHER_ID_CAUTION,
    OTHER_NUMBER_AND_NAME_CAUTION,
    OTHER_NUMBER_CAUTION,
    OTHER_SSN_CAUTION,
    STRANGER_CAUTION,
    build_cautions,
)
from training.fit.limits.thresholds import choose_thresholds
from training.fit.model_writer import ModelIdentity, write_model

_LETTERS = "ABCDEFGHIJKLMNOPRSTUVWXYZ"
_MISSING_GIVEN, _OTHER_GIVEN = "a given name is missing", "given names differ"
_ODDS = 1 / 16
_THRESHOLDS = Thresholds(link=4.0, review=-0.5, margin=2.5)


def make_record(given, surname, born, sex, homes=()):
    return Features(
        given=given, given_forms=(given,), given_roots=(given,), surname=surname,
        surname_tokens=(surname,), surname_forms=(surname,), birth_date=born,
        birth_dates=(born,), birth_year=int(born[:4]), sex=sex, addresses=homes,
    )  # fmt: skip


def make_people(count, *, twins=0.0, replaced=0.0, homes=False):
    """Return two records of each person, and of the twins of some.

    Args:
        count: number of people, twins aside.
        twins: share of people with a twin.
        replaced: share of people whose second record has another given name.
        homes: whether records have an address, which a sibling shares.
    """
    rng = random.Random(7)
    surnames = ["".join(rng.choices(_LETTERS, k=6)) for _ in range(300)]
    names = ["".join(rng.choices(_LETTERS, k=5)) for _ in range(300)]
    records = []
    for number in range(count):
        surname, sex, home = rng.choice(surnames), rng.choice("MF"), (f"{number} OAK ST|43001",) * homes
        born = (date(2004, 1, 1) + timedelta(days=rng.randrange(6000))).isoformat()
        for child in range(1 + homes + (rng.random() < twins)):
            if child and homes:
                born = (date(2004, 1, 1) + timedelta(days=rng.randrange(6000))).isoformat()
            given = rng.choice(names)
            records.append(make_record(given, surname, born, sex, home))
            second = rng.choice(names) if rng.random() < replaced else given
            records.append(make_record(second, surname, born, sex, home))
    return list(enumerate(records))


@cache
def fit_people(**population):
    return fit(make_people(900, **population), FitOptions(random_pairs=30_000))


def measure(**population):
    return fit_people(**population).caution_odds


def test_a_missing_given_name_is_no_reason_to_ask_where_nobody_has_a_twin():
    assert measure().until[_MISSING_GIVEN] <= 6


def test_a_missing_given_name_is_a_reason_to_ask_where_twins_are_usual():
    assert _MISSING_GIVEN not in measure(twins=0.4).until


def test_another_given_name_is_a_reason_to_ask_only_where_others_confirm_both():
    assert _OTHER_GIVEN not in measure(twins=0.4).until


def test_no_caution_gives_way_where_homes_confirm_most_matches():
    odds = measure(homes=True)
    assert odds.corroborated_share > 0.9
    assert not odds.decide
    assert not odds.until


def test_the_written_model_links_a_nameless_record_as_the_odds_say(tmp_path):
    records, fitted = make_people(900), fit_people()
    write_model(tmp_path, ModelIdentity("odds", "1"), fitted, choose_thresholds(fitted.learned.weights))
    model = load_model(tmp_path)
    assert model.cautions.until == {
        label: max(bits, model.thresholds.link)
        for label, bits in fitted.caution_odds.until.items()
        if label in model.cautions.when
    }
    assert _MISSING_GIVEN in model.cautions.until
    first = records[0][1]
    nameless = replace(first, given=None, given_forms=(), given_roots=())
    scorer = compile_scorer(model)
    assert scorer.weigh(first, nameless) >= model.thresholds.link
    numbered = [
        replace(record, identifiers=(number,), identifier_systems=("state",))
        for record, number in ((first, "a"), (nameless, "b"))
    ]
    assert scorer.score(*numbered).caution in {OTHER_NUMBER_CAUTION, OPPOSED_CAUTION}


def test_a_limit_is_the_lowest_weight_above_which_few_are_two_people():
    weights = np.repeat([4.5, 6.5, 8.5], 200)
    others = np.repeat([0.5, 0.02, 0.0], 200)
    assert find_limit(weights, others, _ODDS) == 5
    assert find_limit(weights, others * 0, _ODDS) == 4
    assert find_limit(weights, others + 0.5, _ODDS) is None


def test_a_limit_needs_enough_pairs():
    assert find_limit(np.repeat(9.0, 7), np.zeros(7), _ODDS) is None
    assert find_limit(np.repeat(9.0, 9), np.zeros(9), _ODDS) is not None
    assert find_limit(np.empty(0), np.empty(0), _ODDS) is None


def test_a_limit_does_not_depend_on_the_order_of_the_pairs():
    generator = np.random.default_rng(5)
    weights, others = generator.uniform(4, 20, 500), generator.uniform(0, 0.1, 500)
    order = generator.permutation(500)
    assert find_limit(weights, others, _ODDS) == find_limit(weights[order], others[order], _ODDS)


def test_without_odds_the_cautions_hold_at_any_weight():
    cautions = build_cautions(_THRESHOLDS, odds=NO_ODDS)
    assert cautions.when == CAUTIONS
    assert not cautions.until


def test_odds_ask_about_namesakes_and_never_give_way_to_other_numbers():
    odds = CautionOdds(
        0.1,
        decide=True,
        until={_MISSING_GIVEN: 6.0, OTHER_DETAILS_CAUTION: 2.0, STRANGER_CAUTION: 4.0},
    )
    cautions = build_cautions(_THRESHOLDS, odds=odds)
    assert cautions.when.keys() == {*CAUTIONS, *ODDS_CAUTIONS, OTHER_DETAILS_CAUTION}
    assert NAMESAKE_CAUTION in cautions.when
    assert cautions.until == {_MISSING_GIVEN: 6.0, OTHER_DETAILS_CAUTION: 4.0}
    assert "ssn_l" in cautions.opposed


@pytest.mark.parametrize("label", [OTHER_NUMBER_CAUTION, OPPOSED_CAUTION])
def test_no_limit_is_measured_over_different_numbers(label):
    assert label not in measure().until


def test_strangers_are_asked_about_only_below_the_weights_that_decoys_reach():
    weights = np.repeat([4.5, 6.5, 8.5], 100)
    decoys = np.repeat([4.5, 6.5], [40, 2])
    assert find_decoy_limit(weights, decoys, 1.0, _ODDS) == 5
    assert find_decoy_limit(weights, decoys, 0.01, _ODDS) == 4
    assert find_decoy_limit(weights, np.repeat(8.5, 90), 1.0, _ODDS) is None
    assert find_decoy_limit(np.empty(0), np.empty(0), 1.0, _ODDS) == 4


def test_one_name_and_year_of_birth_is_asked_about_where_families_have_names_of_their_own():
    rng = random.Random(3)
    surnames = ["".join(rng.choices(_LETTERS, k=6)) for _ in range(200)]
    names = {surname: ["".join(rng.choices(_LETTERS, k=5)) for _ in range(2)] for surname in surnames}
    records = []
    for number in range(1800):
        surname, year = rng.choice(surnames), 2000 + rng.randrange(12)
        given = rng.choice(names[surname])  # each family has names of its own
        record = Features(
            given=given, given_forms=(given,), given_roots=(given,), surname=surname,
            surname_tokens=(surname,), surname_forms=(surname,), birth_year=year,
        )  # fmt: skip
        records += [record] * (2 if number % 3 == 0 else 1)
    odds = fit(list(enumerate(records)), FitOptions(random_pairs=30_000)).caution_odds
    assert odds.decide
    assert odds.until.get(STRANGER_CAUTION, 99) > 4
    assert measure().until[STRANGER_CAUTION] == 4


@cache
def fit_exchanged(exchanged, *, years_alone=False):
    """Fit to people of whom some have first and last name exchanged, and another birth date.

    Args:
        exchanged: number of these people.
        years_alone: whether only years of birth are known.
    """
    rng = random.Random(11)
    names = ["".join(rng.choices(_LETTERS, k=6)) for _ in range(300)]
    records = []
    for number in range(900):
        given, surname = rng.sample(names, 2)
        born = date(2004, 1, 1) + timedelta(days=rng.randrange(6000))
        records.append(make_record(given, surname, born.isoformat(), None))
        if number < exchanged:
            given, surname, born = surname, given, born + timedelta(days=1)
        records.append(make_record(given, surname, born.isoformat(), None))
    if years_alone:
        records = [replace(record, birth_date=None, birth_dates=()) for record in records]
    return fit(list(enumerate(records)), FitOptions(random_pairs=30_000))


def test_exchanged_names_are_asked_about_where_years_of_birth_are_all_that_is_known():
    odds = fit_exchanged(150, years_alone=True).caution_odds
    assert odds.decide
    assert EXCHANGE_CAUTION not in odds.until


@pytest.mark.parametrize(("exchanged", "limit"), [(150, 4), (5, None)])
def test_exchanged_names_are_a_reason_to_ask_unless_enough_pairs_show_that_no_stranger_has_them(
    exchanged, limit
):
    assert fit_exchanged(exchanged).caution_odds.until.get(EXCHANGE_CAUTION) == limit


def test_strangers_with_each_others_names_are_counted_by_decoys():
    weights, decoys = np.repeat([5.5, 7.5], 100), np.repeat([5.5, 7.5], [50, 1])
    assert find_decoy_limit(weights, decoys, 0.5, _ODDS, added=0.5) == 6
    assert find_decoy_limit(weights[:7], decoys[:0], 0.5, _ODDS, added=0.5) is None


@pytest.mark.parametrize(("limit", "is_asked"), [(4.0, False), (7.0, True)])
def test_the_caution_against_strangers_is_left_out_where_it_never_holds(limit, is_asked):
    odds = CautionOdds(0.1, decide=True, until={STRANGER_CAUTION: limit})
    cautions = build_cautions(_THRESHOLDS, odds=odds)
    assert (STRANGER_CAUTION in cautions.when) == is_asked
    assert (STRANGER_CAUTION in cautions.until) == is_asked


@cache
def fit_numbered(namesakes, numbered=0.6):
    """Fit to people of whom a fifth has two numbers of one system.

    Args:
        namesakes: share of people of whose name and birth date there is another, with a number of its own.
        numbered: share of the records that have a number.
    """
    rng = random.Random(5)
    names = ["".join(rng.choices(_LETTERS, k=6)) for _ in range(300)]
    records, people = [], 0
    for _ in range(900):
        born = (date(2004, 1, 1) + timedelta(days=rng.randrange(6000))).isoformat()
        record = make_record(rng.choice(names), rng.choice(names), born, None)
        for _ in range(1 + (rng.random() < namesakes)):
            people += 1
            numbers = [f"n{people}", f"m{people}" if rng.random() < 0.2 else f"n{people}"]
            records += [
                replace(record, identifiers=(number,), identifier_systems=("state",))
                if rng.random() < numbered
                else record
                for number in numbers
            ]
    return fit(list(enumerate(records)), FitOptions(random_pairs=30_000))


def test_two_numbers_of_one_name_are_no_reason_to_ask_where_they_are_numbers_of_one_person():
    odds = fit_numbered(0.0).caution_odds
    assert odds.decide
    assert odds.until[OTHER_ID_CAUTION] <= 8
    cautions = build_cautions(_THRESHOLDS, odds=odds)
    assert "identifier_systems_l" not in cautions.opposed
    assert "identifier_systems_l" in cautions.when[OTHER_ID_CAUTION]
    assert OTHER_NUMBER_CAUTION not in cautions.until


def test_two_numbers_of_one_name_are_a_reason_to_ask_where_others_confirm_both():
    odds = fit_numbered(0.3).caution_odds
    assert odds.decide
    assert OTHER_ID_CAUTION not in odds.until
    assert "identifier_systems_l" in build_cautions(_THRESHOLDS, odds=odds).opposed


@pytest.mark.parametrize(("namesakes", "gives_way"), [(0.0, True), (0.12, False)])
def test_mistyped_numbers_are_known_where_numbers_confirm_most_matches(namesakes, gives_way):
    odds = fit_numbered(namesakes, numbered=1.0).caution_odds
    assert odds.corroborated_share > 0.5
    assert not odds.decide
    assert set(odds.until) == ({OTHER_ID_CAUTION} if gives_way else set())


def test_numbers_a_slip_apart_are_no_other_numbers_where_slips_are_learned():
    odds = CautionOdds(0.1, decide=True)
    strict, learned = (build_cautions(_THRESHOLDS, 0.0, bits, odds=odds).when for bits in (0.0, 6.0))
    for label in (OTHER_NUMBER_CAUTION, OTHER_NUMBER_AND_NAME_CAUTION):
        assert "identifiers_near" not in strict[label]
        assert "identifiers_near" in learned[label]


def test_a_missing_name_and_another_number_always_ask_a_person():
    label, odds = OTHER_NUMBER_AND_NAME_CAUTION, fit_numbered(0.0).caution_odds
    cautions = build_cautions(_THRESHOLDS, odds=replace(odds, until={**odds.until, label: 5.0}))
    assert cautions.until[label] == 5.0
    assert OTHER_NUMBER_CAUTION in cautions.when
    assert OTHER_NUMBER_CAUTION not in cautions.until


def test_each_kind_of_number_gives_way_by_itself():
    odds = CautionOdds(0.1, decide=True, until={OTHER_SSN_CAUTION: 5.0})
    cautions = build_cautions(_THRESHOLDS, odds=odds)
    assert "ssn_l IS NOT NULL" not in cautions.opposed
    assert "identifier_systems_l" in cautions.opposed
    assert "ssn_l IS NOT NULL" in cautions.when[OTHER_SSN_CAUTION]
    assert cautions.until[OTHER_SSN_CAUTION] == 5.0
