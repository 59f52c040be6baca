"""Tests of the caution against namesakes within a source that lists hardly anyone twice."""

import random
from dataclasses import replace
from datetime import date, timedelta
from functools import cache

import pyarrow as pa
import pytest

from mpi.clustering.component import Component
from mpi.clustering.partition import ReviewReason, partition
from mpi.domain.features import Features
from mpi.domain.weight import Thresholds, round_weight
from mpi.matching.compiler.online_scorer import compile_scorer
from mpi.matching.model.cautions import OPPOSED_CAUTION
from mpi.matching.model.match_model import load_model
from mpi.matching.scoring.batch_scorer import ScoringResources
from mpi.matching.scoring.splink_engine import PAIR_SCHEMA
from mpi.matching.scoring.splink_scorer import score_pairs
from tests.unit.matching.random_features import random_records
from training.fit.card import write_card
from training.fit.fit import FitOptions, fit
from training.fit.limits.caution_odds import CautionOdds
from training.fit.limits.cautions import build_cautions
from training.fit.limits.single_lists import MAX_SINGLE_LISTS, MOST_DUPLICATES, find_single_lists
from training.fit.limits.thresholds import choose_thresholds
from training.fit.model_writer import ModelIdentity, write_model

_LETTERS = "ABCDEFGHIJKLMNOPRSTUVWXYZ"
_THRESHOLDS = Thresholds(link=4.0, review=-0.5, margin=2.5)
_UNCONFIRMED = {
    **dict.fromkeys(("addresses", "phones", "guardians", "household_ids", "identifiers"), ()),
    **dict.fromkeys(("ssn", "ssn_last4", "street", "birth_place")),
}


def make_record(given, surname, born, source):
    return Features(
        given=given, given_forms=(given,), given_roots=(given,), surname=surname,
        surname_tokens=(surname,), surname_forms=(surname,), birth_date=born, birth_dates=(born,),
        birth_year=int(born[:4]), source=source,
    )  # fmt: skip


@cache
def fit_lists(repeats):
    """Fit to two lists of 700 people, of whom the second holds some twice."""
    rng = random.Random(11)
    names = ["".join(rng.choices(_LETTERS, k=6)) for _ in range(300)]
    records = []
    for number in range(700):
        born = (date(2004, 1, 1) + timedelta(days=rng.randrange(6000))).isoformat()
        given, surname = rng.choice(names), rng.choice(names)
        in_sources = ("school", "welfare", *["welfare"] * (number < repeats))
        records += [make_record(given, surname, born, source) for source in in_sources]
    numbered = list(enumerate(records))
    return fit(
        numbered, FitOptions(random_pairs=30_000), {number: record.source for number, record in numbered}
    )


@cache
def load_fitted(repeats, folder):
    fitted = fit_lists(repeats)
    write_model(folder, ModelIdentity("lists", "1"), fitted, choose_thresholds(fitted.learned.weights))
    return load_model(folder)


def find(links, sizes, sampled_share=1.0):
    """Find single lists where some pairs of the first source would link."""
    sources = [name for name, size in sizes.items() for _ in range(size)]
    pairs = pa.table({"lo": [0] * links, "hi": [1] * links}, schema=PAIR_SCHEMA)
    return find_single_lists(pairs, dict(enumerate(sources)), sampled_share)


def test_a_source_with_more_duplicates_than_may_be_asked_about_is_no_single_list():
    few = round(1 / MOST_DUPLICATES)
    assert find(1, {"a": few, "b": 2}) == ("a", "b")
    assert find(1, {"a": few - 1, "b": 2}) == ("b",)
    assert find(1, {"a": few, "b": 2}, sampled_share=0.5) == ("b",)


def test_links_between_sources_are_no_duplicates():
    pairs = pa.table({"lo": [0], "hi": [1]}, schema=PAIR_SCHEMA)
    assert find_single_lists(pairs, {0: "a", 1: "b"}) == ("a", "b")


def test_data_of_one_source_or_none_has_no_single_list():
    assert find(0, {"a": 1000}) == ()
    assert find(0, {}) == ()


def test_a_model_names_no_single_list_where_there_are_too_many_to_name():
    sizes = {f"s{number:03}": 2 for number in range(MAX_SINGLE_LISTS + 1)}
    assert find(0, sizes) == ()


@pytest.mark.parametrize(("repeats", "single"), [(0, ("school", "welfare")), (100, ("school",))])
def test_a_fit_knows_which_source_lists_people_twice(repeats, single):
    assert fit_lists(repeats).caution_odds.single_lists == single


def test_namesakes_within_a_single_list_are_asked_about_and_those_of_two_lists_link(tmp_path):
    model = load_fitted(100, tmp_path)
    scorer = compile_scorer(model)
    child = make_record("ANAIS", "VANDENBERG", "2010-05-01", "school")
    for other, expected in (("school", OPPOSED_CAUTION), ("welfare", None)):
        assert scorer.score(child, replace(child, source=other)).caution == expected
    in_welfare = replace(child, source="welfare")
    assert scorer.score(in_welfare, in_welfare).caution is None
    assert scorer.score(replace(child, source=None), replace(child, source=None)).caution is None


def test_a_home_confirms_a_duplicate_within_a_single_list(tmp_path):
    scorer = compile_scorer(load_fitted(100, tmp_path))
    child = make_record("ANAIS", "VANDENBERG", "2010-05-01", "school")
    at_home = replace(child, addresses=("1 OAK ST|43001",))
    assert scorer.score(at_home, at_home).caution is None
    whole_middle = replace(child, middle="ROSE", middle_initial="R")
    assert scorer.score(whole_middle, whole_middle).caution == OPPOSED_CAUTION


def test_two_namesakes_of_a_single_list_contest_a_record_that_both_match(tmp_path):
    model = load_fitted(100, tmp_path)
    scorer = compile_scorer(model)
    child = make_record("ANAIS", "VANDENBERG", "2010-05-01", "school")
    features = {0: child, 1: child, 2: replace(child, source="welfare")}
    weights = {
        (left, right): round_weight(scorer.weigh(features[left], features[right]))
        for left, right in ((0, 1), (0, 2), (1, 2))
    }
    marks = scorer.mark_pairs(weights, features)
    assert marks.opposed == {(0, 1)}
    component = Component((0, 1, 2), weights, uncorroborated=marks.uncorroborated, opposed=marks.opposed)
    result = partition(component, model.thresholds)
    assert result.clusters == ((0,), (1,), (2,))
    assert {pair.pair: pair.reason for pair in result.review_pairs} == {
        (0, 1): ReviewReason.BAND,
        (0, 2): ReviewReason.AMBIGUOUS,
        (1, 2): ReviewReason.AMBIGUOUS,
    }


def test_single_lists_count_only_where_odds_decide():
    odds = CautionOdds(0.9, single_lists=("school",))
    assert build_cautions(_THRESHOLDS, odds=odds) == build_cautions(_THRESHOLDS)
    decided = build_cautions(_THRESHOLDS, odds=replace(odds, decide=True))
    assert "source_l" in decided.opposed


def test_the_code_of_a_source_is_quoted():
    odds = CautionOdds(0.1, decide=True, single_lists=("it's",))
    assert "'it''s'" in build_cautions(_THRESHOLDS, odds=odds).opposed


def test_both_engines_hold_the_same_pairs(tmp_path):
    model = load_fitted(100, tmp_path / "model")
    cautions = replace(model.cautions, opposed=model.cautions.opposed.replace("'school'", "'sis'"))
    assert cautions.opposed != model.cautions.opposed
    model = replace(model, cautions=cautions)
    features = {number: replace(record, **_UNCONFIRMED) for number, record in random_records(120, 3)}
    pairs = pa.table(
        {
            "lo": [left for left in features for _ in range(left + 1, len(features))],
            "hi": [right for left in features for right in range(left + 1, len(features))],
        },
        schema=PAIR_SCHEMA,
    )
    scored = score_pairs(model, features.items(), pairs, -100.0, ScoringResources(tmp_path))
    scorer = compile_scorer(model)
    held = 0
    for lo, hi, bits in zip(*(scored[name].to_pylist() for name in ("lo", "hi", "bits")), strict=True):
        assert bits == pytest.approx(scorer.weigh(features[lo], features[hi]), abs=1.5e-6)
        is_one_list = features[lo].source == features[hi].source == "sis"
        held += is_one_list and scorer.score(features[lo], features[hi]).caution == OPPOSED_CAUTION
    assert held


def test_the_card_names_single_lists():
    fitted = fit_lists(100)
    card = write_card("lists", "1", fitted, fitted.thresholds)
    assert "At most 0.5 links per hundred records would be within each of the sources school:" in card
