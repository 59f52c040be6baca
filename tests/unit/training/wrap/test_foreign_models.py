"""Models that Splink made elsewhere weigh each pair as Splink does, or are refused by name."""

import csv
import json
import random
from datetime import date, timedelta

import pytest
import splink.comparison_level_library as levels
import splink.comparison_library as library
from splink import SettingsCreator, block_on
from typer.testing import CliRunner

from mpi.domain.errors import ModelError
from mpi.domain.weight import Thresholds
from training.__main__ import build_app
from training.current_records import read_current_records
from training.fit.model_writer import ModelIdentity
from training.wrap.wrap import wrap_settings

COLUMNS = (
    "local_id", "first_name", "middle_name", "last_name", "birth_date", "sex", "postal_code", "email",
    "phone",
)  # fmt: skip
RULES = [block_on("birth_date"), block_on("surname"), block_on("email")]
CUSTOM = {
    "output_column_name": "name_and_year",
    "comparison_levels": [
        {"sql_condition": "given_l IS NULL OR given_r IS NULL", "is_null_level": True},
        {
            "sql_condition": "given_l = given_r AND birth_year_l = birth_year_r",
            "label_for_charts": "name and year",
            "tf_adjustment_column": "given",
            "tf_adjustment_weight": 0.5,
            "tf_minimum_u_value": 0.003,
            "disable_tf_exact_match_detection": True,
        },
        {"sql_condition": "jaro_winkler_similarity(given_l, given_r) > 0.85 OR substr(given_l, 1, 3) = "
                          "substr(given_r, 1, 3)", "label_for_charts": "alike"},
        {"sql_condition": "list_has_any(phones_l, phones_r)", "label_for_charts": "phone"},
        {"sql_condition": "ELSE", "label_for_charts": "else"},
    ],
}  # fmt: skip

FOREIGN = {
    "names": [
        library.NameComparison("given"),
        library.NameComparison("surname", jaro_winkler_thresholds=[0.95, 0.8]),
    ],
    "forename and surname": [library.ForenameSurnameComparison("given", "surname")],
    "frequencies": [
        library.ExactMatch("surname").configure(term_frequency_adjustments=True),
        library.JaroWinklerAtThresholds("given", [0.9, 0.7]).configure(term_frequency_adjustments=True),
        library.LevenshteinAtThresholds("postal_code", [1, 2]).configure(term_frequency_adjustments=True),
    ],
    "dates": [
        library.DateOfBirthComparison("birth_date", input_is_string=True),
        library.JaroWinklerAtThresholds("given", [0.9]),
    ],
    "days apart": [
        library.ExactMatch("surname"),
        library.AbsoluteDateDifferenceAtThresholds(
            "birth_date", input_is_string=True, metrics=["day", "month", "year"], thresholds=[3, 2, 1]
        ),
    ],
    "e-mail": [library.EmailComparison("email"), library.ExactMatch("sex")],
    "postcodes": [library.PostcodeComparison("postal_code"), library.NameComparison("surname")],
    "custom SQL": [CUSTOM, library.DamerauLevenshteinAtThresholds("surname", [1, 2])],
    "lists": [
        library.ArrayIntersectAtSizes("phones", [1]),
        library.ArrayIntersectAtSizes("given_forms", [1]),
    ],
    "nested levels": [
        library.CustomComparison(
            comparison_levels=[
                levels.NullLevel("surname"),
                levels.And(levels.ExactMatchLevel("surname"), levels.Not(levels.ExactMatchLevel("sex"))),
                levels.Or(levels.ColumnsReversedLevel("given", "surname", symmetrical=True),
                          levels.LevenshteinLevel("surname", 2)),
                levels.ElseLevel(),
            ],
            output_column_name="nested",
        ),
        library.JaccardAtThresholds("given", [0.8]),
    ],
}  # fmt: skip


def generate_children(count):
    """Yield children of common and rare names, some twice with a slip."""
    rng = random.Random(5)
    common = ["Ana", "Anna", "Jayden", "Maria", "Marie", "Daniel"]
    for number in range(count):
        given = (
            rng.choice(common)
            if rng.random() < 0.7
            else f"{rng.choice('BDFKLM')}{rng.choice('aeiou')}ro{number % 37}"
        )
        child = {
            "local_id": f"A{number}",
            "first_name": given,
            "middle_name": rng.choice(["", "Lee", "Ann"]),
            "last_name": rng.choice(["Garcia", "Garza", "Smith", "Smythe", f"Vanden{number % 41}"]),
            "birth_date": (date(2010, 1, 1) + timedelta(days=rng.randrange(500))).isoformat(),
            "sex": rng.choice(["M", "F", ""]),
            "postal_code": rng.choice(["43001", "43002", "43103", "SW1A 1AA", "SW1A 2AB", "SW1B 3CC", ""]),
            "email": f"{given[:3].lower()}{rng.randrange(60)}@{rng.choice('ab')}.example.org",
            "phone": f"614-555-01{rng.randrange(10, 60)}",
        }
        yield child
        if rng.random() < 0.5:
            yield child | {"local_id": f"B{number}", "first_name": given[:-1] + "x", "postal_code": "43009"}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("foreign") / "children.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(generate_children(300))
    return path


@pytest.fixture(scope="module")
def records(data):
    return read_current_records([data]).features


def save_settings(folder, comparisons, link_type="dedupe_only", rules=RULES):
    """Save settings as Splink does, with invented probabilities."""
    settings = SettingsCreator(
        link_type=link_type,
        comparisons=comparisons,
        blocking_rules_to_generate_predictions=rules,
        probability_two_random_records_match=0.001,
    ).create_settings_dict("duckdb")
    for comparison in settings["comparisons"]:
        stated = [each for each in comparison["comparison_levels"] if not each.get("is_null_level")]
        for place, level in enumerate(stated):
            level["m_probability"] = (len(stated) - place) / (len(stated) * (len(stated) + 1) / 2)
            level["u_probability"] = (2 ** (3 * place)) / sum(2 ** (3 * each) for each in range(len(stated)))
    path = folder / "saved.json"
    path.write_text(json.dumps(settings))
    return path


def wrap(path, records, folder, least=1):
    return wrap_settings(
        path, records, folder / "model", ModelIdentity("foreign", "1"), Thresholds(5, 0, 2), least
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", FOREIGN)
def test_each_pair_weighs_what_splink_gives_it(name, records, tmp_path):
    check = wrap(save_settings(tmp_path, FOREIGN[name]), records, tmp_path)
    assert len(check.pairs) > 500
    assert check.unequal == 0, check.largest
    assert len(set(check.pairs["splink"].to_pylist())) > 2


@pytest.mark.slow
@pytest.mark.parametrize("link_type", ["link_only", "link_and_dedupe"])
def test_a_model_that_links_files_keeps_its_weights(link_type, records, tmp_path):
    check = wrap(save_settings(tmp_path, FOREIGN["names"], link_type), records, tmp_path)
    same = wrap(save_settings(tmp_path, FOREIGN["names"]), records, tmp_path)
    assert check.unequal == 0
    assert check.pairs.equals(same.pairs)


@pytest.mark.slow
def test_rare_values_differ_unless_the_model_lists_them(data, tmp_path):
    saved, pairs = save_settings(tmp_path, FOREIGN["frequencies"]), tmp_path / "pairs.csv"
    arguments = [
        "wrap",
        str(saved),
        "--data",
        str(data),
        "--link",
        "5",
        "--review",
        "0",
        "--pairs",
        str(pairs),
    ]
    shared = CliRunner().invoke(build_app(arguments), [*arguments, "--out", str(tmp_path / "shared")])
    assert "the others differ by up to" in " ".join(shared.output.split())
    rows = read_pairs(pairs)
    assert any(differs(row) for row in rows)
    assert {row["left_source"] for row in rows} == {"children"}
    private = CliRunner().invoke(
        build_app(arguments), [*arguments, "--out", str(tmp_path / "private"), "--all-frequencies"]
    )
    assert f"{len(rows):,} of {len(rows):,} pairs weigh what Splink gives them" in " ".join(
        private.output.split()
    )
    assert not any(differs(row) for row in read_pairs(pairs))


def read_pairs(path):
    """Read the file of compared pairs."""
    return list(csv.DictReader(path.read_text().splitlines()))


def differs(row):
    """Return whether a pair has two weights, of which the file has six decimals."""
    return abs(float(row["splink"]) - float(row["index"])) > 2e-6


@pytest.mark.slow
def test_records_of_which_splink_blocks_none_are_told(data, tmp_path):
    saved = save_settings(tmp_path, FOREIGN["names"], rules=[block_on("ssn")])
    arguments = ["wrap", str(saved), "--data", str(data), "--link", "5", "--review", "0"]
    told = CliRunner().invoke(build_app(arguments), [*arguments, "--out", str(tmp_path / "none")])
    assert "no weight was compared" in " ".join(told.output.split())


def test_two_comparisons_of_one_name_are_refused(records, tmp_path):
    comparisons = [library.ExactMatch("sex"), library.LevenshteinAtThresholds("sex", [1])]
    with pytest.raises(ModelError, match="two comparisons are called 'sex'"):
        wrap(save_settings(tmp_path, comparisons), records, tmp_path)


@pytest.mark.parametrize(
    ("comparison", "named"),
    [
        (library.CosineSimilarityAtThresholds("given_forms", [0.9]), "given_forms"),
        (library.ExactMatch("favourite_colour"), "favourite_colour"),
        (
            library.AbsoluteTimeDifferenceAtThresholds(
                "birth_date", input_is_string=True, metrics=["day"], thresholds=[1]
            ),
            "birth_date",
        ),
    ],
)  # fmt: skip
def test_a_comparison_that_cannot_be_exact_is_refused_by_name(comparison, named, records, tmp_path):
    with pytest.raises(ModelError, match=named):
        wrap(save_settings(tmp_path, [comparison]), records, tmp_path)
