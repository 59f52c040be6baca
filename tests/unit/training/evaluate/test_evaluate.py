"""Tests of evaluation measures and of the evaluate command."""

import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from mpi.domain.features import Features
from mpi.matching.model.match_model import load_model
from tests.models import tiny_model
from training.__main__ import build_app
from training.evaluate.acceptance import build_acceptance_rows
from training.evaluate.datasets.dataset import CareRecords, Dataset
from training.evaluate.datasets.simulated_state import load_name_book
from training.evaluate.evaluation import evaluate_dataset
from training.evaluate.golden_pairs import GoldenResult, decide_golden_pairs
from training.evaluate.measures import bias
from training.evaluate.measures.ablation import measure_ablation
from training.evaluate.measures.error_kinds import count_errors_by_kind
from training.evaluate.measures.intervals import Bootstrap, estimate_share
from training.evaluate.measures.nightly_review import measure_feed_review
from training.evaluate.measures.pair_errors import find_false_links, find_missed_links
from training.evaluate.measures.relatives import count_linked_relatives
from training.evaluate.measures.review import measure_review
from training.evaluate.measures.school_links import find_schools
from training.evaluate.measures.scores import measure_quality
from training.evaluate.measures.stress_set import HISPANIC_SHARE, build_stress_set, judge_stress_set
from training.evaluate.model_clusters import ModelPartition
from training.fit.errors import TrainingError


def make_features(given="ANA", surname="DIAZ", born="2012-03-04", **features):
    return Features(
        given=given, given_forms=(given,), given_roots=(given,), surname=surname, surname_tokens=(surname,),
        surname_forms=(surname,), birth_date=born, birth_dates=(born,), birth_year=int(born[:4]), **features,
    )  # fmt: skip


TRUTH = {0: "a", 1: "a", 2: "a", 3: "b", 4: "b", 5: "c"}
CLUSTERS = {0: 0, 1: 0, 2: 2, 3: 2, 4: 4, 5: 5}
"""Clusters with one right link, one false link and three missed links."""


def test_share_has_wilsons_interval_within_zero_and_one():
    estimate = estimate_share(1, 10)
    assert (round(estimate.low, 4), round(estimate.high, 4)) == (0.0179, 0.4042)
    assert estimate_share(0, 3000).low == 0
    assert estimate_share(0, 3000).high == pytest.approx(0.00128, abs=1e-5)
    assert estimate_share(7, 7).high == 1
    assert (estimate_share(0, 0).low, estimate_share(0, 0).high) == (0, 1)


def test_bootstrap_is_reproducible_and_contains_the_value():
    rows = [(1.0, 1.0)] * 80 + [(0.0, 1.0)] * 20
    estimate, repeated = (Bootstrap(rows).estimate(lambda row: row[0] / row[1]) for _ in range(2))
    assert estimate == repeated
    assert estimate.value == 0.8
    assert 0.70 < estimate.low < 0.75
    assert 0.85 < estimate.high < 0.89


def test_quality_counts_pairs_records_and_exact_persons():
    quality = measure_quality(CLUSTERS, TRUTH)
    assert (quality.pairwise.precision.value, quality.pairwise.recall.value) == (1 / 2, 1 / 4)
    # Records 0, 1, 4 and 5 are in pure clusters; 2 and 3 share one evenly.
    assert quality.b_cubed.precision.value == pytest.approx((4 + 2 * 1 / 2) / 6)
    assert quality.b_cubed.recall.value == pytest.approx((2 * 2 / 3 + 1 / 3 + 2 * 1 / 2 + 1) / 6)
    assert (quality.persons.precision.value, quality.persons.recall.value) == (1 / 4, 1 / 3)


def test_perfect_partition_still_has_an_interval():
    precision = measure_quality(dict(TRUTH), TRUTH).pairwise.precision
    assert precision.value == precision.high == 1
    assert precision.low < 0.6


def test_false_and_missed_pairs_are_listed():
    assert find_false_links(CLUSTERS, TRUTH) == [(2, 3)]
    assert find_missed_links(CLUSTERS, TRUTH) == [(0, 2), (1, 2), (3, 4)]


def test_review_counts_missed_links_that_correct_answers_join():
    load = measure_review(ModelPartition(CLUSTERS, ((0, 2), (4, 5))), TRUTH)
    assert (load.tasks, load.same.value, load.missed) == (2, 0.5, 3)
    assert load.held.value == pytest.approx(2 / 3)  # the answer to (0, 2) brings (1, 2) with it


def test_linked_siblings_are_counted_once_per_pair():
    records = [(n, make_features(given=f"N{n}")) for n in range(6)]
    links = count_linked_relatives(
        {0: 0, 1: 1, 2: 0, 3: 0, 4: 0, 5: 5}, Dataset("x", records, TRUTH, {"a": 1, "b": 1, "c": 2})
    )
    assert (links.pairs, links.wrong, links.twins) == (1, 1, 1)


def test_right_and_wrong_school_links_of_children_in_care_are_counted():
    care = CareRecords(records=frozenset({0, 3}), schools=frozenset({1, 2, 4}))
    schools = find_schools(CLUSTERS, TRUTH, care)
    assert (schools.children, schools.found.value, schools.links, schools.false) == (2, 0.5, 2, 1)
    separated = find_schools({**CLUSTERS, 3: 3}, TRUTH, care)
    assert (separated.links, separated.false, separated.precision.value) == (1, 0, 1)


def test_errors_are_counted_by_kind():
    records = [
        (0, make_features()), (1, make_features()), (2, make_features(surname="ORTIZ")),
        (3, make_features(given="EVA", surname="ORTIZ")),
        (4, make_features(given="EVA", born="2013-03-04")), (5, make_features()),
    ]  # fmt: skip
    dataset = Dataset(
        name="x",
        records=records,
        truth=TRUTH,
        households={"a": 1, "b": 1},
        tags={3: frozenset({"adopted"})},
    )
    assert count_errors_by_kind(CLUSTERS, dataset) == {
        "false": {"twin": 1},
        "missed": {"surname differs": 2, "adopted": 1},
    }


def test_group_above_the_bias_gap_is_named_unless_small():
    truth = {n: f"p{n // 2}" for n in range(1200)}
    clusters = {n: n // 2 if n < 1000 else n for n in range(1200)}
    groups = {"race": {f"p{n}": "x" if n >= 490 else "y" for n in range(600)}}
    rows = bias.build_bias_table(ModelPartition(clusters, ()), truth, groups)
    assert [row.group for row in rows] == ["all", "x", "y"]
    (line,) = bias.find_gaps(rows)
    assert line.startswith("race x: missed 90.91%")
    assert bias.find_gaps([rows[0], replace(rows[1], children=99)]) == []


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return load_model(tiny_model(tmp_path_factory.mktemp("model")))


@pytest.fixture(scope="module")
def dataset():
    """Return 300 children with two records each.

    One in ten second records lacks its birth date.
    """
    records, truth = [], {}
    for n in range(300):
        born = f"20{10 + n % 10}-{1 + n % 12:02}-{1 + n * 7 % 28:02}"
        first = make_features(
            f"G{n * 37 % 101:03}", f"S{n * 53 % 211:03}", born, postal_code=f"{43000 + n % 50}"
        )
        second = replace(first, birth_date=None, birth_dates=(), birth_year=None) if n % 10 == 0 else first
        for features in (first, second):
            truth[len(records)] = n
            records.append((len(records), features))
    return Dataset("small", records, truth)


def test_evaluation_runs_every_method_on_the_same_records(model, dataset):
    evaluation = evaluate_dataset(model, dataset)
    methods = [line.way for line in evaluation.lines]
    assert methods[0] == "exact name and birth date"
    assert [method for method in methods if method.startswith("plain Splink")]
    assert methods[-2:] == ["statistical", "operational"]
    assert {line.scores.matches for line in evaluation.lines} == {300}
    assert evaluation.lines[-1].scores.precision == 1
    assert 0.85 < evaluation.lines[-1].scores.recall < 1
    assert sum(bucket.pairs for bucket in evaluation.buckets) <= evaluation.blocking.candidates
    assert evaluation.blocking_recall == 1


def test_blocking_rules_report_added_matches_and_total_recall(model, dataset):
    blocking = evaluate_dataset(model, dataset).blocking
    assert {rule.name for rule in blocking.rules} == {"names", "birth", "ssn"}
    names, birth, ssn = blocking.rules
    assert (names.name, names.pairs, names.recall_so_far.value) == ("names", 300, 1)
    assert names.alone == 30, "one in ten has lost the birth date"
    assert (birth.alone, ssn.alone, ssn.pairs) == (0, 0, 0)
    assert names.pairs == names.pairs_so_far < birth.pairs_so_far == ssn.pairs_so_far == blocking.candidates
    assert ssn.recall_so_far == blocking.recall


def test_ablation_shows_the_loss_without_a_comparison(model, dataset):
    rows = {row.without: row.scores for row in measure_ablation(model, dataset)}
    assert rows["comparison birth_date"].recall < rows["nothing"].recall
    assert rows["comparison ssn"] == rows["nothing"]  # nobody has one


def test_stress_set_gives_strangers_one_name_and_birth_date():
    stress = build_stress_set(3_000, 60, load_name_book(None))
    assert len(stress.pairs) == 60
    identities = {}
    for number, features in stress.dataset.records:
        identities.setdefault(stress.dataset.truth[number], set()).add(
            (features.surname, features.birth_date)
        )
    equal_pairs = sum(
        bool(identities.get(left, set()) & identities.get(right, set())) for left, right in stress.pairs
    )
    assert equal_pairs > 40
    singletons = {n: n for n, _ in stress.dataset.records}
    assert judge_stress_set(ModelPartition(singletons, ()), stress).linked.value == 0
    one_cluster = dict.fromkeys(singletons, 0)
    assert judge_stress_set(ModelPartition(one_cluster, ()), stress).linked.value == 1


def test_most_stress_set_strangers_are_hispanic():
    stress = build_stress_set(3_000, 20, load_name_book(None))
    assert stress.hispanic == round(20 * HISPANIC_SHARE)


def test_feed_of_known_children_needs_few_reviews(model):
    tasks_per_record = measure_feed_review(model, 1_500, None)
    assert 0 <= tasks_per_record.value < 0.05
    assert tasks_per_record.high > 0, "some record must have been written"


def test_golden_pairs_are_counted_from_program_output(tmp_path):
    output = json.dumps({"HC01": {"kept": True}, "HC02": {"kept": False}})
    result = decide_golden_pairs(tmp_path, lambda _data: output)
    assert result == GoldenResult(2, 1, ("HC02",))
    [row] = build_acceptance_rows({}, golden=result)
    assert (row.measured, row.kept) == (1, False)


def test_undecided_golden_pairs_raise_an_error(tmp_path):
    with pytest.raises(TrainingError, match="golden"):
        decide_golden_pairs(tmp_path, lambda _data: "")


@pytest.mark.slow
def test_evaluate_command_prints_json(dataset, model, tmp_path):
    file = tmp_path / "records.csv"
    lines = ["first_name,last_name,birth_date,true_id"]
    lines += [
        f"{f.given},{f.surname},{f.birth_date or ''},{dataset.truth[n]}" for n, f in dataset.records[:400]
    ]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    folder = tiny_model(tmp_path / "model")
    arguments = ["evaluate", "--data", str(file), "--model", str(folder), "--json"]
    result = CliRunner().invoke(build_app(arguments), arguments)
    assert result.exit_code == 0, result.output
    output = json.loads(result.stdout)
    assert output["sets"]["records"]["lines"][-1]["way"] == "operational"
    assert output["bias_past_gap"] == []


def test_unknown_suite_set_is_named():
    arguments = ["evaluate", "--data", "x", "--suite", "dev", "--only", "nonsense"]
    result = CliRunner().invoke(build_app(arguments), arguments)
    assert "no set 'nonsense'" in str(result.exception)
