"""Tests of the fit, the written model and the baselines."""

import json
import math
import random
import re
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from mpi.domain.features import Features
from mpi.matching.compiler.online_scorer import compile_scorer, compute_level_bits
from mpi.matching.model.match_model import load_model
from mpi.matching.model.scoring_parameters import read_parameters
from mpi.matching.scoring.splink_engine import make_feature_table
from training.evaluate.baseline import cluster_exact_matches, cluster_with_splink
from training.evaluate.evaluation import evaluate
from training.evaluate.measures.scores import count_pairs
from training.fit.errors import DegenerateDataError, TrainingError
from training.fit.fit import FitOptions, fit
from training.fit.frequencies import count_frequencies
from training.fit.limits.thresholds import (
    CLEARANCE,
    FALSE_LINK_COST,
    MOST_QUESTIONS,
    STATISTICAL_BITS,
    choose_thresholds,
    limit_review,
    measure_gaps,
)
from training.fit.model_writer import ModelIdentity, write_model
from training.publish.checks import publish_model
from training.starter_model import load_starter

OPTIONS = FitOptions(random_pairs=60_000)
_LETTERS = "ABCDEFGHIJKLMNOPRSTUVWXYZ"


def make_population(count: int, seed: int = 1):
    """Return records of people, one or two each, and their truth.

    One in five second records has a misspelled name.
    """
    rng = random.Random(seed)
    surnames = ["".join(rng.choices(_LETTERS, k=6)) for _ in range(200)]
    names = ["".join(rng.choices(_LETTERS, k=5)) for _ in range(150)]
    records, truth = [], {}
    for person in range(count):
        given, surname = rng.choice(names), rng.choice(surnames)
        born = (date(2008, 1, 1) + timedelta(days=rng.randrange(4000))).isoformat()
        sex, home = rng.choice("MF"), (f"{rng.randrange(900)} OAK ST|43001",)
        for copy in range(1 + person % 2):
            if copy and rng.random() < 0.2:
                given = given[:-1] + rng.choice(_LETTERS)
            truth[len(records)] = person
            features = Features(
                given=given, given_forms=(given,), given_roots=(given,), surname=surname,
                surname_tokens=(surname,), surname_forms=(surname,), birth_date=born,
                birth_dates=(born,), birth_year=int(born[:4]), sex=sex, addresses=home,
            )  # fmt: skip
            records.append((len(records), features))
    return records, truth


@pytest.fixture(scope="module")
def fitted():
    records, truth = make_population(2000)
    return records, truth, fit(records, OPTIONS)


@pytest.fixture(scope="module")
def folder(fitted, tmp_path_factory):
    model = fitted[2]
    path = tmp_path_factory.mktemp("fit") / "model"
    write_model(path, ModelIdentity("try", "1"), model, choose_thresholds(model.learned.weights))
    return path


def test_number_of_matches_is_learned_without_labels(fitted):
    assert fitted[2].matches == pytest.approx(1000, rel=0.05)


@pytest.mark.slow
def test_chance_of_one_birth_date_is_learned_beside_many_matches():
    """Random pairs hold as many matches as strangers of one birth date, and by chance some more or fewer."""
    rng = random.Random(2)
    surnames = ["".join(rng.choices(_LETTERS, k=6)) for _ in range(300)]
    names = ["".join(rng.choices(_LETTERS, k=5)) for _ in range(150)]
    days, records = 80 * 365, []
    for person in range(3_000):
        given, surname = rng.choice(names), rng.choice(surnames)
        born = (date(1910, 1, 1) + timedelta(days=rng.randrange(days))).isoformat()
        for copy in range(2 if person < 150 else 1):
            if copy and rng.random() < 0.4:
                given = given[:-1] + rng.choice(_LETTERS)
            features = Features(
                given=given, given_forms=(given,), given_roots=(given,), surname=surname,
                surname_tokens=(surname,), surname_forms=(surname,), birth_date=born, birth_dates=(born,),
                birth_year=int(born[:4]),
            )  # fmt: skip
            records.append((len(records), features))

    rates = fit(records, FitOptions(random_pairs=300_000)).learned.rates
    _, chance = rates[max(key for key in rates if key[0] == "birth_date")]
    assert chance == pytest.approx(1 / days, rel=0.3)


def test_comparisons_of_empty_columns_are_dropped_and_named(fitted):
    assert {"ssn", "middle", "suffix"} <= set(fitted[2].dropped)
    compared = {comparison["output_column_name"] for comparison in fitted[2].settings["comparisons"]}
    assert "ssn" not in compared
    assert {"given", "surname", "birth_date", "family"} <= compared


def test_equal_data_and_seed_give_the_same_model(fitted):
    assert fit(fitted[0], OPTIONS).settings == fitted[2].settings


def test_doubling_the_index_size_lowers_each_weight_by_one_bit(fitted, tmp_path):
    records, _, model = fitted
    larger = fit(records, replace(OPTIONS, index_size=2 * len(records)))
    assert larger.learned.weights == pytest.approx(model.learned.weights - 1, abs=1e-3)
    assert larger.matches == model.matches

    write_model(tmp_path, ModelIdentity("try", "1"), larger, choose_thresholds(larger.learned.weights))
    written = load_model(tmp_path)
    assert written.index_size == 2 * len(records)
    assert written.settings["probability_two_random_records_match"] == pytest.approx(model.learned.prior / 2)
    assert f"holds for an index of {2 * len(records):,} records" in (tmp_path / "card.md").read_text()


@pytest.mark.slow
def test_fitted_folder_loads_and_clusters_its_records(fitted, folder):
    records, truth, _ = fitted
    model = load_model(folder)
    result = evaluate(model, records, truth)
    assert result.blocking_recall > 0.99
    assert result.lines[-1].scores.f1 > 0.98
    assert result.lines[-1].scores.precision > 0.99
    assert result.lines[0].way == "exact name and birth date"


def test_published_model_is_identical_and_never_replaced(folder, tmp_path):
    published = publish_model(folder, tmp_path)
    assert published == tmp_path / "try" / "1"
    assert load_model(published).digest == load_model(folder).digest
    compile_scorer(load_model(published))
    with pytest.raises(TrainingError, match="published already"):
        publish_model(folder, tmp_path)


def test_threshold_on_a_pairs_weight_is_not_published(fitted, folder, tmp_path):
    model = fitted[2]
    bits = float(sorted(model.learned.weights)[-5])
    thresholds = choose_thresholds(model.learned.weights)
    moved = replace(thresholds, operational=replace(thresholds.operational, link=bits))
    write_model(tmp_path / "m", ModelIdentity("try", "2"), model, moved)
    assert json.loads((tmp_path / "m" / "metrics.json").read_text())["threshold_gaps"]["link"] == 0
    with pytest.raises(TrainingError, match="link threshold"):
        publish_model(tmp_path / "m", tmp_path / "models")


def test_chosen_thresholds_are_clear_of_every_weight(fitted):
    bits = fitted[2].learned.weights
    assert min(measure_gaps(bits, choose_thresholds(bits)).values()) > CLEARANCE


def test_review_begins_higher_where_people_would_be_asked_too_much():
    weights = np.linspace(-10, 20, 3000)
    purposes = choose_thresholds(weights)
    questions = weights[(weights > purposes.operational.review) & (weights < 2)]
    few, many = (limit_review(weights, questions, records).operational for records in (1e4, 1e3))
    assert few == purposes.operational
    assert few.review < many.review < many.link - many.margin / 2
    assert np.count_nonzero(questions >= many.review) <= MOST_QUESTIONS * 1e3
    assert (many.link, many.margin) == (few.link, few.margin)


def test_pairs_that_a_caution_holds_stay_in_review_however_many_they_are():
    weights = np.repeat(2.75, 3000)
    limited = limit_review(weights, weights, 1000).operational
    assert limited.review <= limited.link - limited.margin / 2


def test_research_threshold_is_near_even_odds_without_margin(fitted):
    thresholds = choose_thresholds(fitted[2].learned.weights)
    assert thresholds.statistical.link == pytest.approx(STATISTICAL_BITS, abs=0.1)
    assert thresholds.statistical.margin == 0
    assert thresholds.operational.link == pytest.approx(math.log2(FALSE_LINK_COST), abs=0.1)


def test_model_folder_holds_thresholds_of_both_purposes(fitted, folder):
    thresholds, model = choose_thresholds(fitted[2].learned.weights), load_model(folder)
    assert (model.thresholds, model.statistical) == (thresholds.operational, thresholds.statistical)


def test_card_states_expected_false_links_per_10000(folder):
    [line] = [x for x in (folder / "card.md").read_text().splitlines() if "per 10,000" in x]
    shares = [float(x) for x in re.findall(r"(?:IDs|research) ([0-9.]+) \(95 %", line)]
    assert len(shares) == 2
    assert all(0 <= share < 10_000 * 0.5 for share in shares)
    assert shares[0] <= shares[1]


def test_card_states_errors_by_evidence_and_group_and_what_would_bound_recall(folder):
    card = (folder / "card.md").read_text()
    rows = [line.split(" | ")[:2] for line in card.splitlines() if line.startswith("| model | ")]
    assert rows[0] == ["| model", "all"]
    assert {"sex F", "sex M"} <= {group for _, group in rows}
    assert re.search(r"Expected to be linked: [0-9.]+% of all matches.* [0-9,]+ labels", card)


def test_value_of_fewer_than_ten_records_is_never_listed():
    bearers = [Features(given="ANA")] * 10 + [Features(given="XIOMARA")] * 9 + [Features()]
    frequencies = count_frequencies(make_feature_table(enumerate(bearers), ("given",)), ("given",))
    assert dict(frequencies.tables["given"]) == {"ANA": 10 / 19}
    assert frequencies.get_share("given", "XIOMARA") == frequencies.get_share("given", "NEVER SEEN") == 9 / 19


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        (make_population(1)[0], "at least two"),
        ([(n, Features(given=f"N{n}")) for n in range(300)], "comparisons"),
        ([(n, Features()) for n in range(300)], "none"),
        (make_population(1200)[0][::3][:400], "duplicates"),
    ],
    ids=["one record", "one column", "all missing", "no duplicates"],
)
def test_degenerate_data_is_refused_with_the_reason(records, reason):
    if reason == "duplicates":
        records = [(n, f) for n, f in enumerate(dict.fromkeys(f for _, f in make_population(900)[0]))]
        seen = set()
        records = [(n, f) for n, f in records if not (f.birth_date in seen or seen.add(f.birth_date))]
    with pytest.raises(DegenerateDataError, match=reason):
        fit(records, FitOptions(random_pairs=20_000))


def count_found_matches(fitted, truth):
    """Return expected matches, and the true ones."""
    sizes = Counter(truth.values())
    return fitted.matches, sum(count * (count - 1) // 2 for count in sizes.values())


def test_a_hundred_records_give_a_model_that_finds_their_matches():
    records, truth = make_population(70)
    fitted = fit(records, FitOptions(random_pairs=20_000))
    expected, matches = count_found_matches(fitted, truth)
    assert len(records) == 105
    assert expected == pytest.approx(matches, abs=6)


def test_few_records_without_duplicates_keep_the_rates_of_the_starter():
    records = [record for record, person in zip(*make_population(60), strict=True) if person % 2 == 0]
    fitted = fit(records[:40], FitOptions(random_pairs=20_000))
    starter = load_starter().rates["birth_date", "same"][0]
    assert fitted.matches < 4
    (same,) = [
        level["m_probability"]
        for comparison in fitted.settings["comparisons"]
        for level in comparison["comparison_levels"]
        if (comparison["output_column_name"], level["label_for_charts"]) == ("birth_date", "same")
    ]
    assert same == pytest.approx(starter, abs=0.1)


@pytest.mark.parametrize("count", [2, 30])
def test_equal_records_give_a_model_with_a_finite_prior(count):
    records = [(number, make_population(1)[0][0][1]) for number in range(count)]
    fitted = fit(records, FitOptions(random_pairs=20_000))
    assert fitted.matches == pytest.approx(count * (count - 1) / 2, rel=0.1)
    assert 0 < fitted.learned.prior <= 0.5
    assert np.isfinite(fitted.learned.weights).all()


def test_names_of_few_records_are_not_published():
    records, _ = make_population(70)
    own = Counter(features.given for _, features in records)
    fitted = fit(records, FitOptions(random_pairs=20_000))
    starter = load_starter().frequencies.tables["given"]
    assert (
        not {name for name, count in own.items() if count < 10}
        & fitted.frequencies.tables["given"].keys() - starter.keys()
    )


def test_exact_match_joins_equal_names_and_birth_dates_only():
    ana = Features(given="ANA", surname="DIAZ", birth_date="2011-01-02")
    unknown = Features(given="ANA", surname="DIAZ")
    assert cluster_exact_matches([(3, ana), (1, ana), (2, unknown), (4, unknown)]) == {1: 1, 2: 2, 3: 1, 4: 4}


@pytest.mark.slow
def test_plain_splink_gives_every_record_a_cluster(fitted):
    records, truth, _ = fitted
    clusters = cluster_with_splink(records)
    assert clusters.keys() == truth.keys()
    assert count_pairs(clusters, truth).f1 > 0.8


@pytest.mark.parametrize(
    "columns", [("given", "surname"), ("given", "surname", "sex"), ("given", "sex"), ("birth_date", "sex")]
)
def test_plain_splink_accepts_missing_columns(fitted, columns):
    records, truth, _ = fitted
    bare = [
        (number, Features(**{name: getattr(features, name) for name in columns}))
        for number, features in records
    ]
    assert cluster_with_splink(bare).keys() == truth.keys()


def test_pairwise_scores_count_pairs():
    scores = count_pairs({1: 1, 2: 1, 3: 1, 4: 4}, {1: "a", 2: "a", 3: "b", 4: "b"})
    assert (scores.true_links, scores.links, scores.matches) == (1, 3, 2)
    assert (scores.precision, scores.recall, scores.f1) == (1 / 3, 1 / 2, 0.4)


def test_name_in_the_other_name_field_is_counted_once():
    """Two comparisons see the swapped name, and only one weighs it."""
    records, _ = make_population(1200)
    swapped = [
        replace(
            features,
            given="ZOE",
            given_forms=("ZOE",),
            given_roots=("ZOE",),
            surname=features.given,
            surname_tokens=(features.given,),
            surname_forms=(features.given,),
        )
        for _, features in records[::4]
    ]
    fitted = fit(list(enumerate([*(features for _, features in records), *swapped])), OPTIONS)
    weights = {
        (comparison.name, level.label): compute_level_bits(level)
        for comparison in read_parameters(fitted.settings).comparisons
        for level in comparison.levels
    }
    assert weights["surname", "the other's given name"] == 0
    assert weights["given", "the other's middle name or surname"] > 1
