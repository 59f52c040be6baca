"""Tests of models that Splink trained and the index imports."""

import csv
import json
import random
from datetime import date, timedelta

import duckdb
import pyarrow as pa
import pytest
from splink import DuckDBAPI, Linker, SettingsCreator, block_on
from splink import comparison_library as library
from typer.testing import CliRunner

from mpi.composition.models import open_matcher
from mpi.domain.errors import ModelError
from mpi.domain.features import Features
from mpi.domain.keyed_hash import KeyedHash
from mpi.domain.weight import Thresholds
from mpi.matching.compiler.online_scorer import compile_scorer
from mpi.matching.model.blocking_keys import compute_keys
from mpi.matching.model.match_model import load_model
from mpi.matching.scoring.splink_engine import find_all_candidate_pairs
from mpi.service.recluster.recluster_plan import recluster
from tests.index import OPERATOR, load_rows, open_test_index
from training.__main__ import build_app
from training.current_records import read_current_records
from training.fit.errors import TrainingError
from training.fit.model_writer import ModelIdentity
from training.wrap.blocking import convert_blocking_rules
from training.wrap.wrap import wrap_settings

SEAL = KeyedHash(b"s" * 32)
GIVEN = ["Ana", "Anna", "Jayden", "Jaylen", "Maria", "Marie", "José", "Daniel"]
SURNAMES = ["Garcia", "Garza", "Smith", "Smythe", "Nguyen", "Vandenberg"]


def generate_children(count):
    rng = random.Random(3)
    for number in range(count):
        born = date(2010, 1, 1) + timedelta(days=rng.randrange(700))
        given = rng.choice(GIVEN)
        child = {
            "local_id": f"A{number}",
            "first_name": given,
            "last_name": rng.choice(SURNAMES),
            "birth_date": born.isoformat(),
            "email": f"{given[:3].lower()}{rng.randrange(90)}@example.org" if rng.random() < 0.8 else "",
            "postal_code": rng.choice(["43001", "43002", "43103"]),
        }
        yield child
        if rng.random() < 0.4:
            changes = {"first_name": rng.choice(GIVEN)} if rng.random() < 0.4 else {"postal_code": "43009"}
            yield {**child, "local_id": f"B{number}", **changes}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("wrap") / "children.csv"
    rows = list(generate_children(400))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture(scope="module")
def trained(data):
    """Train a linker on the index's features, as a notebook would.

    Returns:
        The connection and the saved settings.
    """
    connection = duckdb.connect()
    connection.register("features", read_current_records([data]).features)
    connection.execute("CREATE TABLE children AS FROM features")
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=[
            library.NameComparison("given"),
            library.ExactMatch("surname").configure(term_frequency_adjustments=True),
            library.DateOfBirthComparison("birth_date", input_is_string=True),
            library.EmailComparison("email"),
            library.DamerauLevenshteinAtThresholds("postal_code", [1]),
        ],
        blocking_rules_to_generate_predictions=[
            block_on("birth_date"),
            block_on("surname", "substr(given, 1, 2)"),
            "l.email = r.email and left(l.given, 1) = left(r.given, 1)",
        ],
        probability_two_random_records_match=0.002,
    )
    api = DuckDBAPI(connection)
    linker = Linker(api.register("children"), settings)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e5, seed=1)
    linker.training.estimate_parameters_using_expectation_maximisation(block_on("birth_date"))
    linker.training.estimate_parameters_using_expectation_maximisation(block_on("surname"))
    saved = linker.misc.save_model_to_json()
    for comparison in saved["comparisons"]:  # what so few children never show, training leaves out
        for level in comparison["comparison_levels"]:
            if not level.get("is_null_level"):
                level.setdefault("m_probability", 0.01)
                level.setdefault("u_probability", 0.01)
            if level.get("tf_adjustment_column") == "email":
                del level["tf_adjustment_column"], level["tf_adjustment_weight"]
    return connection, saved


@pytest.fixture(scope="module")
def folder(data, trained, tmp_path_factory):
    parent = tmp_path_factory.mktemp("model")
    (parent / "saved.json").write_text(json.dumps(trained[1]))
    arguments = ["wrap", str(parent / "saved.json"), "--data", str(data), "--out", str(parent / "model")]
    result = CliRunner().invoke(build_app(arguments), [*arguments, "--link", "5", "--review", "0"])
    assert result.exit_code == 0, result.output
    return parent / "model"


@pytest.mark.slow
def test_wrapped_model_gives_splinks_pairs_and_weights(trained, folder):
    connection, saved = trained
    api = DuckDBAPI(connection)
    linker = Linker(api.register("children"), saved)
    predictions = linker.inference.predict(warning_mode="never").as_duckdbpyrelation().to_arrow_table()
    expected = {
        tuple(sorted(ids)): bits
        for *ids, bits in zip(
            *(predictions[name].to_pylist() for name in ("unique_id_l", "unique_id_r", "match_weight")),
            strict=True,
        )
    }
    model = load_model(folder)
    scorer = compile_scorer(model)
    rows = connection.sql("FROM children").to_arrow_table().to_pylist()
    features = {
        row.pop("unique_id"): Features(**{k: tuple(v) if isinstance(v, list) else v for k, v in row.items()})
        for row in rows
    }
    keys_of_records = [
        (key, n)
        for n, record_features in features.items()
        for key in compute_keys(record_features, model.blocking, SEAL)
    ]
    pairs = find_all_candidate_pairs(
        pa.table({"key": [k for k, _ in keys_of_records], "record_id": [n for _, n in keys_of_records]})
    )
    blocked = {tuple(sorted(pair)) for pair in zip(*pairs.to_pydict().values(), strict=True)}
    assert blocked == expected.keys()
    assert len(blocked) > 1000
    for (left, right), bits in expected.items():
        assert scorer.weigh(features[left], features[right]) == pytest.approx(bits, abs=1e-6)
        assert scorer.weigh(features[right], features[left]) == pytest.approx(bits, abs=1e-6)


@pytest.mark.slow
def test_index_reclusters_with_a_wrapped_model(folder, tmp_path):
    with open_test_index(tmp_path / "home", "sis") as index:
        load_rows(index, "sis", *generate_children(40))
        plan = recluster(index, OPERATOR, open_matcher(str(folder)), apply=True)
    assert plan.model == "splink/1"
    assert plan.persons > 0


@pytest.mark.parametrize(
    ("rule", "parts"),
    [
        ('l."surname" = r."surname"', ["surname"]),
        (
            "(l.given = r.given) AND SUBSTR(l.surname, 1, 3) = LEFT(r.surname, 3)",
            ["given", "surname:3"],
        ),
        (
            "r.birth_date = l.birth_date and right(l.postal_code, 2) = right(r.postal_code, 2)",
            ["birth_date", "postal_code:-2"],
        ),
        ({"blocking_rule": "l.phones = r.phones", "arrays_to_explode": ["phones"]}, ["phones"]),
    ],
)
def test_equality_rule_is_converted(rule, parts):
    assert convert_blocking_rules([rule]) == {"rule-1": parts}


@pytest.mark.parametrize(
    "rule",
    [
        "l.surname = r.given",
        "l.surname = r.surname OR l.given = r.given",
        "levenshtein(l.surname, r.surname) < 2",
        "l.surname = 'SMITH'",
        "substr(l.surname, 2, 3) = substr(r.surname, 2, 3)",
        "l.surname = l.surname",
        "l.phones = r.phones",
        "l.favourite_colour = r.favourite_colour",
        "l.surname =",
    ],
)
def test_other_rule_is_refused_with_its_text(rule):
    with pytest.raises(TrainingError) as refusal:
        convert_blocking_rules([rule])
    assert rule in str(refusal.value)


def test_comparison_without_exact_scoring_is_refused_by_name(data, tmp_path):
    level = {"m_probability": 0.5, "u_probability": 0.5}
    stated = library.DistanceInKMAtThresholds("lat", "long", [1]).get_comparison("duckdb").as_dict()
    for comparison_level in stated["comparison_levels"]:
        comparison_level.update({} if comparison_level.get("is_null_level") else level)
    saved = {
        "link_type": "dedupe_only",
        "probability_two_random_records_match": 0.001,
        "comparisons": [stated],
        "blocking_rules_to_generate_predictions": ["l.surname = r.surname"],
    }
    (tmp_path / "saved.json").write_text(json.dumps(saved))
    records = read_current_records([data]).features
    thresholds = Thresholds(link=5, review=0, margin=2)
    with pytest.raises(ModelError, match="lat_long"):
        wrap_settings(
            tmp_path / "saved.json", records, tmp_path / "out", ModelIdentity("km", "1"), thresholds
        )


@pytest.mark.parametrize("text", ["not json", "[]", "{}"])
def test_file_without_splink_settings_is_refused(data, tmp_path, text):
    (tmp_path / "saved.json").write_text(text)
    with pytest.raises(TrainingError, match=r"saved\.json"):
        wrap_settings(
            tmp_path / "saved.json",
            read_current_records([data]).features,
            tmp_path / "out",
            ModelIdentity("no", "1"),
            Thresholds(link=5, review=0, margin=2),
        )
