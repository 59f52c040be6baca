"""Law 5: the compiled scorer and Splink on DuckDB give the same levels and the same weights."""

import random
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from splink import comparison_level_library as of_level
from splink import comparison_library as library

from mpi.domain.errors import ModelError
from mpi.domain.features import FEATURE_COLUMNS, Features
from mpi.domain.weight import Thresholds
from mpi.matching.compiler.online_scorer import compile_scorer, compute_level_bits
from mpi.matching.compiler.pair_query import compile_query
from mpi.matching.model.blocking_keys import BlockingSpec
from mpi.matching.model.frequencies import Frequencies
from mpi.matching.model.match_model import MatchModel, find_model_folder, load_model
from mpi.matching.model.scoring_parameters import read_parameters
from mpi.matching.scoring import splink_scorer
from mpi.matching.scoring.batch_scorer import ScoringResources
from mpi.matching.scoring.feature_batches import STORED_FEATURE_SCHEMA, create_feature_table, insert_features
from mpi.matching.scoring.splink_engine import PAIR_SCHEMA, SplinkEngine, connect_duckdb, make_feature_table
from mpi.matching.scoring.splink_scorer import score_pairs
from mpi.standardize.serialization import features_to_bytes
from tests.unit.matching.pairs import records

FREQUENCIES = Frequencies(
    {
        "given": {"MARIA": 0.02, "ANA": 0.01},
        "surname": {"GARCIA": 0.03, "SMITH": 0.01},
        "middle": {},
        "birth_place": {},
    },
    {"given": 0.0004, "surname": 0.0003, "middle": 0.01, "birth_place": 0.02},
)


_ELSE = of_level.ElseLevel()


def model_of(*comparisons) -> MatchModel:
    """A model of comparisons from Splink's library, as a notebook would train and save it."""
    stated = [comparison.get_comparison("duckdb").as_dict() for comparison in comparisons]
    for comparison in stated:
        for number, level in enumerate(comparison["comparison_levels"]):
            if not level.get("is_null_level"):
                level["m_probability"] = 0.9 / (number + 1)
                level["u_probability"] = 0.01 * (number + 1)
    settings = {
        "link_type": "dedupe_only",
        "probability_two_random_records_match": 0.001,
        "comparisons": stated,
        "blocking_rules_to_generate_predictions": [],
    }
    return MatchModel(
        name="notebook",
        version="1",
        digest="",
        thresholds=Thresholds(link=8, review=2, margin=3),
        statistical=Thresholds(link=1, review=1, margin=0),
        standardizer="1",
        index_size=1000,
        blocking=BlockingSpec.parse({"birth": ["birth_date"]}),
        settings=settings,
        frequencies=FREQUENCIES,
    )


def notebook_model() -> MatchModel:
    model = model_of(
        library.NameComparison("given").configure(term_frequency_adjustments=True),
        library.ForenameSurnameComparison("middle", "surname"),
        library.DateOfBirthComparison("birth_date", input_is_string=True),
        library.ExactMatch("surname").configure(term_frequency_adjustments=True),
        library.ExactMatch("sex"),
        library.ArrayIntersectAtSizes("given_roots", [2, 1]),
        library.LevenshteinAtThresholds("street", [1, 2]),
        library.DamerauLevenshteinAtThresholds("postal_code", [1]),
        library.JaroAtThresholds("birth_place", [0.9]),
    )
    # Two different names at one level: the commoner of the two counts, in part, and never below a minimum.
    alike = model.settings["comparisons"][0]["comparison_levels"][2]
    alike |= {
        "tf_adjustment_column": "given",
        "tf_adjustment_weight": 0.5,
        "tf_minimum_u_value": 0.0006,
    }
    return model


def library_model() -> MatchModel:
    """What of Splink's library the notebook's model has not."""
    return model_of(
        library.CustomComparison(
            [
                of_level.NullLevel("given"),
                of_level.ColumnsReversedLevel("given", "surname", symmetrical=True),
                of_level.And(
                    of_level.ExactMatchLevel("street"), of_level.Not(of_level.ExactMatchLevel("postal_code"))
                ),
                of_level.LiteralMatchLevel("sex", "M", "string"),
                of_level.CustomLevel(
                    "levenshtein(given_l, given_r) <= least(length(given_l), length(given_r))"
                ),
                of_level.ElseLevel(),
            ]
        ),
        library.JaccardAtThresholds("surname", [0.9, 0.6]),
        library.EmailComparison("birth_place"),
        library.PostcodeComparison("ssn"),
        library.JaroWinklerAtThresholds("street", [0.95, 0.8]),
        library.AbsoluteDateDifferenceAtThresholds(
            "birth_date", input_is_string=True, metrics=["day", "month"], thresholds=[3, 1]
        ),
        library.PairwiseStringDistanceFunctionAtThresholds("given_roots", "jaro_winkler", [0.95, 0.8]),
        library.PairwiseStringDistanceFunctionAtThresholds("surname_tokens", "levenshtein", [1, 2]),
        library.CustomComparison(
            [
                of_level.NullLevel("identifiers"),
                of_level.ArraySubsetLevel("identifiers"),
                of_level.ArrayIntersectLevel("identifiers", 1),
                of_level.ElseLevel(),
            ]
        ),
        library.CustomComparison(
            [
                of_level.NullLevel("middle"),
                of_level.CustomLevel(
                    "regexp_extract(middle_l, '^[A-M]', 0) = regexp_extract(middle_r, '^[A-M]', 0)"
                ),
                of_level.AbsoluteDifferenceLevel("birth_year", 0),
                of_level.ElseLevel(),
            ]
        ),
    )


def drawn_pairs(count: int, seed: int) -> pa.Table:
    """All near pairs and as many random ones, in both orders by chance."""
    rng = random.Random(seed)
    near = [(2 * n, 2 * n + 1) for n in range(count // 2)]
    far = [tuple(sorted(rng.sample(range(count), 2))) for _ in range(count)]
    pairs = sorted({*near, *far})
    flipped = [pair[::-1] if rng.random() < 0.5 else pair for pair in pairs]
    return pa.table({"lo": [a for a, _ in flipped], "hi": [b for _, b in flipped]}, schema=PAIR_SCHEMA)


def splink_scores(model, made, pairs, folder):
    """Splink's levels and weights by pair."""
    scorer = compile_scorer(model)
    connection = connect_duckdb(folder)
    connection.register("feature_table", make_feature_table(made, scorer.columns))
    engine = SplinkEngine(model.settings, model.frequencies, connection, detailed=True)
    gammas = ", ".join(
        f"gamma_{comparison.name.replace(' ', '_')}" for comparison in scorer.parameters.comparisons
    )
    table = engine.score(pairs, f"unique_id_l, unique_id_r, match_weight, {gammas}")
    connection.close()
    return {(row[0], row[1]): (row[2], row[3:]) for row in zip(*table.to_pydict().values(), strict=True)}


def weighed_by_query(model, made, pairs, floor, folder):
    """The weights by which loads link, cautions included."""
    query = compile_query(model)
    with connect_duckdb(folder) as connection:
        connection.register("features", make_feature_table(made, query.columns))
        query.load_frequencies(connection)
        return query.weigh(connection, pairs, "features", floor)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("which", ["default", "notebook", "library"])
def test_levels_are_equal_and_weights_within_a_millionth_of_a_bit_in_both_orders(tmp_path, which, seed):
    made_by = {"notebook": notebook_model, "library": library_model}
    model = load_model(find_model_folder()) if which == "default" else made_by[which]()
    made = records(2000, seed)
    features = dict(made)
    scores = splink_scores(model, made, drawn_pairs(2000, seed), tmp_path)
    scorer = compile_scorer(model)
    seen = set()
    for (left, right), (bits, levels) in scores.items():
        for order in ((left, right), (right, left)):
            scored = scorer.score(features[order[0]], features[order[1]])
            assert scored.levels == levels, (left, right)
            if scored.caution is None:
                assert scored.bits == pytest.approx(bits, abs=1e-6)
            else:
                assert scored.bits == model.cautions.bits < bits
        seen.update(enumerate(levels))
    assert len(scores) > 2500
    assert len(seen) > 25, "the pairs must reach most levels to prove anything"


def test_a_first_pass_leaves_out_the_comparisons_that_can_only_lower_a_weight():
    model = load_model(find_model_folder())
    levels = read_parameters(model.settings)
    lowering = {each.name for each in levels.comparisons if each.only_lowers}
    assert "family" in lowering
    assert lowering.isdisjoint({"given", "surname", "birth_date", "residence"})
    for comparison in levels.comparisons:
        bits = [compute_level_bits(level) for level in comparison.levels]
        assert (max(bits) <= 0) == (comparison.name in lowering)
    quick = splink_scorer._make_prefilter_settings(model.settings, levels)
    assert {each.name for each in read_parameters(quick).comparisons} == {
        each.name for each in levels.comparisons
    } - lowering


@pytest.mark.parametrize("sifted", [False, True])
def test_predict_returns_the_same_weights_at_or_above_the_floor_and_no_others(tmp_path, monkeypatch, sifted):
    monkeypatch.setattr(splink_scorer, "MIN_PREFILTER_PAIRS", 1 if sifted else 10**9)
    model = load_model(find_model_folder())
    made = records(2000, 3)
    features, pairs = dict(made), drawn_pairs(2000, 3)
    told = []
    place = ScoringResources(tmp_path, progress=lambda done, total: told.append((done, total)))
    table = score_pairs(model, made, pairs, 0.0, place)
    scorer = compile_scorer(model)
    expected = {}
    for pair in zip(pairs["lo"].to_pylist(), pairs["hi"].to_pylist(), strict=True):
        bits = round(scorer.weigh(features[pair[0]], features[pair[1]]), 6)
        if bits >= 0:
            expected[pair] = bits
    found = {row[:2]: row[2] for row in zip(*table.to_pydict().values(), strict=True)}
    assert found.keys() == expected.keys()
    assert expected
    assert all(found[pair] == pytest.approx(bits, abs=1.5e-6) for pair, bits in expected.items())
    held_down = [pair for pair, bits in found.items() if bits == model.cautions.bits]
    assert held_down, "the pairs must reach a caution to prove that both hold it"
    assert told == [(pairs.num_rows, pairs.num_rows)]
    assert list(Path(tmp_path).iterdir()) == [], "nothing spilled is left behind"


@pytest.mark.parametrize("floor", [-200.0, 0.0, 6.0])
@pytest.mark.parametrize("which", ["default", "notebook", "library"])
def test_the_one_query_that_loads_weigh_by_gives_splinks_weights(tmp_path, which, floor):
    made_by = {"notebook": notebook_model, "library": library_model}
    model = load_model(find_model_folder()) if which == "default" else made_by[which]()
    made, pairs = records(1500, 11), drawn_pairs(1500, 11)
    found = weighed_by_query(model, made, pairs, floor, tmp_path)
    assert found == score_pairs(model, made, pairs, floor, ScoringResources(tmp_path))
    assert found.num_rows
    assert floor > -200 or found.num_rows == pairs.num_rows


def test_a_rare_value_of_which_edits_are_counted_lifts_a_pair_up_to_the_floor(tmp_path):
    model = model_of(
        library.ExactMatch("sex"),
        library.LevenshteinAtThresholds("given", [1]).configure(term_frequency_adjustments=True),
    )
    made, pairs = records(600, 12), drawn_pairs(600, 12)
    every = weighed_by_query(model, made, pairs, -200.0, tmp_path)["bits"].to_pylist()
    floor = max(every) - 0.5
    found = weighed_by_query(model, made, pairs, floor, tmp_path)
    assert found.num_rows == sum(bits >= floor for bits in every) < len(every)


@pytest.mark.parametrize(
    ("comparison", "named"),
    [
        (library.PostcodeComparison("postal_code", lat_col="lat", long_col="long", km_thresholds=[1]), "lat"),
        (library.DistanceInKMAtThresholds("lat", "long", [1]), "lat"),
        (library.DateOfBirthComparison("birth_date", input_is_string=False), "birth_date"),
        (library.CosineSimilarityAtThresholds("phones"), "phones"),
        (library.DistanceFunctionAtThresholds("surname", "hamming", [1], False), "surname"),
        (library.ExactMatch("favourite_colour"), "favourite_colour"),
        (
            library.CustomComparison(
                [of_level.CustomLevel("jaccard(substr(given_l, 4, 5), substr(given_r, 4, 5)) >= 0.9"), _ELSE]
            ),
            "NULLIF",
        ),
        (
            library.CustomComparison(
                [
                    of_level.NullLevel("birth_year"),
                    of_level.PercentageDifferenceLevel("birth_year", 0.1),
                    _ELSE,
                ]
            ),
            "birth_year",
        ),
        (
            library.CustomComparison(
                [
                    of_level.NullLevel("given", valid_string_pattern=r"\w+"),
                    of_level.ExactMatchLevel("given"),
                    _ELSE,
                ]
            ),
            "given",
        ),
        (
            library.CustomComparison(
                [of_level.NullLevel("given"), of_level.ColumnsReversedLevel("given", "surname"), _ELSE]
            ),
            "which of the two records is left",
        ),
        (
            library.CustomComparison([of_level.LiteralMatchLevel("sex", "M", "string", "left"), _ELSE]),
            "which of the two records is left",
        ),
    ],
)
def test_a_condition_that_has_no_exact_translation_is_refused_by_name(comparison, named):
    with pytest.raises(ModelError, match=named) as refusal:
        compile_scorer(model_of(comparison))
    assert "level" in str(refusal.value)


@pytest.mark.parametrize("column", ["birth_year", "multiple_birth", "phones"])
def test_frequencies_of_what_is_no_text_are_refused_by_name(column):
    """Their values would be looked up as texts online, and as what they are by DuckDB."""
    model = model_of(library.ExactMatch(column).configure(term_frequency_adjustments=True))
    model = replace(model, frequencies=Frequencies({column: {"2014": 0.1}}, {column: 0.0001}))
    with pytest.raises(ModelError, match=f"'{column}': no term frequencies"):
        compile_scorer(model)


def test_settings_written_for_another_dialect_are_refused():
    model = model_of(library.ExactMatch("sex"))
    model.settings["sql_dialect"] = "spark"
    with pytest.raises(ModelError, match="sql_dialect"):
        compile_scorer(model)


def test_names_that_a_splink_model_gave_its_own_columns_change_nothing(tmp_path):
    model = notebook_model()
    named = {
        "unique_id_column_name": "person_key",
        "comparison_vector_value_column_prefix": "level_",
        "term_frequency_adjustment_column_prefix": "freq_",
        "match_weight_column_prefix": "weight_",
        "additional_columns_to_retain": ["cluster"],
    }
    model = replace(model, settings={**model.settings, **named})
    made, pairs = records(200, 4), drawn_pairs(200, 4)
    plain = score_pairs(notebook_model(), made, pairs, 0.0, ScoringResources(tmp_path))
    assert score_pairs(model, made, pairs, 0.0, ScoringResources(tmp_path)) == plain
    assert plain.num_rows


def test_a_level_that_training_never_saw_is_refused():
    model = model_of(library.ExactMatch("sex"))
    del model.settings["comparisons"][0]["comparison_levels"][1]["m_probability"]
    with pytest.raises(ModelError, match="training never saw it"):
        compile_scorer(model)


def test_term_frequencies_that_the_folder_lacks_are_refused():
    model = model_of(library.ExactMatch("city").configure(term_frequency_adjustments=True))
    with pytest.raises(ModelError, match="city"):
        compile_scorer(model)


def test_features_as_they_are_stored_are_read_by_duckdb_as_they_are_made(tmp_path):
    odd = ('é"x', "\\n\\", "null", "[]", '["a"]', "true", "日本", "o'neil", "\u2028", "123", " x ", "\t")
    made = [Features()]
    for place, text in enumerate(odd):
        listed = (text, odd[place - 1])
        made.append(
            Features(
                given=text, given_forms=listed, surname=odd[place - 1], surname_tokens=(text,),
                birth_year=2014, multiple_birth=bool(place % 2), addresses=listed if place % 3 else (),
            )
        )  # fmt: skip
    numbered = list(enumerate(made))
    payloads = pa.array([features_to_bytes(one) for one in made], pa.binary()).cast(pa.string())
    packed = pa.record_batch([pa.array(range(len(made)), pa.int64()), payloads], schema=STORED_FEATURE_SCHEMA)
    with connect_duckdb(tmp_path) as connection:
        create_feature_table(connection, "feature_table", FEATURE_COLUMNS)
        insert_features(connection, "feature_table", [packed], FEATURE_COLUMNS)
        found = connection.sql("FROM feature_table ORDER BY unique_id").to_arrow_table()
    assert found.to_pydict() == make_feature_table(numbered, FEATURE_COLUMNS).to_pydict()
