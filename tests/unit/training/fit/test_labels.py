"""Tests of steward labels in a fit."""

import math
import random
import sys
from dataclasses import replace
from datetime import date, timedelta
from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from mpi.domain.errors import FileError
from mpi.domain.features import FEATURE_COLUMNS
from mpi.matching.compiler.online_scorer import compile_scorer
from mpi.matching.model.match_model import load_model
from mpi.matching.scoring.splink_engine import PAIR_SCHEMA, make_feature_table
from tests.unit.training.fit.test_fit import OPTIONS, make_population
from training.__main__ import build_app
from training.fit.decision_labels import read_decisions
from training.fit.errors import TrainingError
from training.fit.fit import fit_table
from training.fit.labels import LABEL_SCHEMA, add_labels
from training.fit.limits.thresholds import choose_thresholds
from training.fit.model_writer import ModelIdentity, write_model


def make_labels(pairs):
    lo, hi, same = zip(*sorted(pairs), strict=True) if pairs else ((), (), ())
    return pa.table({"lo": lo, "hi": hi, "same": same}, schema=LABEL_SCHEMA)


@pytest.fixture(scope="module")
def people():
    """Return people, some with a namesake born a few days apart.

    No unlabelled fit can know these.
    """
    records, truth = make_population(1500, seed=4)
    rng = random.Random(6)
    alone = [number for number, _ in records if list(truth.values()).count(truth[number]) == 1]
    kin = []
    for number in alone[:400]:
        features = dict(records)[number]
        born = (date.fromisoformat(features.birth_date) + timedelta(days=rng.randrange(3, 25))).isoformat()
        namesake = replace(
            features, birth_date=born, birth_dates=(born,), birth_year=int(born[:4]), addresses=()
        )
        truth[len(records)] = f"namesake {number}"
        kin.append((number, len(records), False))
        records.append((len(records), namesake))
    return records, truth, kin


@pytest.fixture(scope="module")
def unlabelled(people):
    return fit_table(make_feature_table(people[0], FEATURE_COLUMNS), OPTIONS)


def mean_log_loss(fitted, records, truth, folder, but_not=()):
    """Return the mean log loss in bits over pairs without a label."""
    write_model(folder, ModelIdentity("x", "1"), fitted, choose_thresholds(fitted.learned.weights))
    scorer, features_by_id = compile_scorer(load_model(folder)), dict(records)
    excluded = {(lo, hi) for lo, hi, _ in but_not}
    by_surname = {}
    for number, features in records:
        by_surname.setdefault(features.surname, []).append(number)
    losses = []
    for numbers in by_surname.values():
        for lo, hi in combinations(numbers, 2):
            if (lo, hi) not in excluded:
                bits = max(min(scorer.weigh(features_by_id[lo], features_by_id[hi]), 30.0), -30.0)
                signed_bits = bits if truth[lo] == truth[hi] else -bits
                losses.append(math.log2(1 + 2**-signed_bits))
    return sum(losses) / len(losses)


def test_empty_labels_do_not_change_the_fit(people, unlabelled):
    refitted = fit_table(make_feature_table(people[0], FEATURE_COLUMNS), OPTIONS, make_labels([]))
    assert refitted.settings == unlabelled.settings
    assert refitted.label_counts == (0, 0)


@pytest.mark.slow
def test_labels_improve_the_weights_of_namesakes(people, unlabelled, tmp_path):
    records, truth, kin = people
    labelled_pairs = kin[::2]
    fitted = fit_table(make_feature_table(records, FEATURE_COLUMNS), OPTIONS, make_labels(labelled_pairs))
    assert fitted.label_counts == (0, len(labelled_pairs))
    before = mean_log_loss(unlabelled, records, truth, tmp_path / "before", but_not=labelled_pairs)
    after = mean_log_loss(fitted, records, truth, tmp_path / "after", but_not=labelled_pairs)
    assert after < 0.95 * before


@pytest.mark.slow
def test_labels_from_the_review_band_do_not_bias_the_fit(people, tmp_path):
    records, truth = make_population(2000, seed=8)
    table = make_feature_table(records, FEATURE_COLUMNS)
    without = fit_table(table, OPTIONS)
    # The pairs in doubt here are those with a slip in the given name.
    band = [
        (lo, lo + 1, True)
        for lo in range(len(records) - 1)
        if truth[lo] == truth[lo + 1] and records[lo][1].given != records[lo + 1][1].given
    ]
    assert 100 < len(band) < 300
    fitted = fit_table(table, OPTIONS, make_labels(band[::2]))
    assert fitted.matches == pytest.approx(1000, rel=0.05), "half the doubtful pairs, and none of the plain"
    held_out, held_out_truth = make_population(2000, seed=9)
    before = mean_log_loss(without, held_out, held_out_truth, tmp_path / "before")
    assert mean_log_loss(fitted, held_out, held_out_truth, tmp_path / "after") < 1.02 * before


CANDIDATES = pa.table(
    {"lo": [1, 1, 2, 5], "hi": [2, 3, 3, 6], "rules": [1, 1, 2, 4]},
    schema=PAIR_SCHEMA.append(pa.field("rules", pa.int64())),
)


def test_match_missed_by_blocking_is_added_but_non_match_is_not():
    pair_labels = make_labels([(1, 2, True), (2, 3, False), (4, 9, True), (4, 8, False)])
    pairs, posteriors = add_labels(CANDIDATES, pair_labels, 10, np.random.default_rng(1))
    assert list(zip(*(pairs[name].to_pylist() for name in ("lo", "hi", "rules")), strict=True)) == [
        (1, 2, 1), (1, 3, 1), (2, 3, 2), (4, 9, 0), (5, 6, 4),
    ]  # fmt: skip
    assert posteriors.expected_matches(np.full(5, 0.25)).tolist() == [1, 0.25, 0, 1, 0.25]


def test_sampling_keeps_labelled_pairs_with_the_sampling_weight():
    pair_labels = make_labels([(1, 2, True), (5, 6, True)])
    pairs, posteriors = add_labels(CANDIDATES, pair_labels, 2, np.random.default_rng(1))
    selected = set(zip(pairs["lo"].to_pylist(), pairs["hi"].to_pylist(), strict=True))
    assert {(1, 2), (5, 6)} <= selected
    assert [
        weight
        for weight, posterior in zip(posteriors.weight, posteriors.posterior, strict=True)
        if posterior == 1
    ] == [
        0.5,
        0.5,
    ]


RECORD_LABELS = pa.table(
    {"unique_id": [0, 1, 2, 3, 4], "source": ["sis"] * 4 + ["cw"], "local_id": ["a", "b", "c", "a", "a"]}
)
HEADER = "left_source,left_local_id,right_source,right_local_id,label,decided_on,reason\n"


def write_decisions(folder, *lines):
    path = folder / "labels.csv"
    path.write_text(HEADER + "".join(f"{line},2026-11-01,x\n" for line in lines), encoding="utf-8")
    return path


def test_decision_in_either_record_order_counts_once(tmp_path):
    path = write_decisions(tmp_path, "sis,b,cw,a,SAME", "cw, a ,sis,b,SAME", "sis,c,sis,b,DIFFERENT")
    read = read_decisions(path, RECORD_LABELS)
    assert read.pairs.to_pylist() == [
        {"lo": 1, "hi": 2, "same": False}, {"lo": 1, "hi": 4, "same": True},
    ]  # fmt: skip
    assert (read.unknown_count, read.contradicted_count) == (0, 0)


def test_labels_of_missing_or_duplicate_records_are_left_out(tmp_path):
    path = write_decisions(tmp_path, "sis,b,sis,zzz,SAME", "sis,a,sis,b,SAME", "sis,b,sis,c,SAME")
    read = read_decisions(path, RECORD_LABELS)
    assert (len(read.pairs), read.unknown_count) == (1, 2), "there are two records sis/a"


def test_contradictory_labels_are_left_out(tmp_path):
    names = RECORD_LABELS.slice(1)
    straight = write_decisions(tmp_path, "sis,b,sis,c,SAME", "sis,c,sis,b,DIFFERENT", "cw,a,sis,b,DIFFERENT")
    read = read_decisions(straight, names)
    assert (read.pairs.to_pylist(), read.contradicted_count) == ([{"lo": 1, "hi": 4, "same": False}], 2)
    chain = write_decisions(tmp_path, "sis,b,sis,c,SAME", "sis,c,cw,a,SAME", "cw,a,sis,b,DIFFERENT")
    assert (len(read_decisions(chain, names).pairs), read_decisions(chain, names).contradicted_count) == (
        0,
        3,
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("sis,b,sis,c,MAYBE", "line 2: the label must be SAME or DIFFERENT"),
        ("sis,b,sis,b,SAME", "line 2: both records"),
    ],
)
def test_invalid_label_is_refused_with_its_line(line, message, tmp_path):
    with pytest.raises(TrainingError, match=message):
        read_decisions(write_decisions(tmp_path, line), RECORD_LABELS)


def test_missing_column_of_a_label_file_is_named(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("left,right\n1,2\n", encoding="utf-8")
    with pytest.raises(FileError, match="no column 'left_source'"):
        read_decisions(path, RECORD_LABELS)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Write a CSV file of some people."""
    lines = ["source,local_id,first_name,last_name,birth_date,sex,address_line1,postal_code"]
    for number, features in make_population(400)[0]:
        street = features.addresses[0].split("|")[0]
        lines.append(
            f"s{number % 2},{number},{features.given},{features.surname},{features.birth_date},"
            f"{features.sex},{street},43001"
        )
    path = tmp_path_factory.mktemp("data") / "records.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def run_fit(data, out, *options):
    arguments = ["fit", "--data", str(data), "--out", str(out), *options]
    result = CliRunner().invoke(build_app(arguments), arguments)
    assert result.exit_code == 0, result.output
    return result.stderr


@pytest.mark.slow
def test_fit_command_and_card_report_the_number_of_labels(data, tmp_path):
    decisions = write_decisions(tmp_path, "s1,1,s0,2,SAME", "s0,0,s1,1,DIFFERENT", "s0,0,s1,99999,SAME")
    output = run_fit(data, tmp_path / "model", "--decisions", str(decisions))
    assert "labels: 2 pairs" in output
    assert "labels left out: 1 name a record" in output
    card = (tmp_path / "model" / "card.md").read_text()
    assert "with 2 labels of stewards (1 of one person, 1 of two)" in card


@pytest.mark.slow
def test_model_digest_does_not_depend_on_the_plots_extra(data, tmp_path, monkeypatch):
    assert "plots left out" not in run_fit(data, tmp_path / "drawn")
    assert {path.stem for path in (tmp_path / "drawn" / "plots").iterdir()} == {
        "match-weights", "m-and-u", "blocking-expected",
    }  # fmt: skip
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # as if it were not installed
    assert "plots left out: they need the extra `plots`" in run_fit(data, tmp_path / "bare")
    assert not (tmp_path / "bare" / "plots").exists()
    assert load_model(tmp_path / "bare").digest == load_model(tmp_path / "drawn").digest
