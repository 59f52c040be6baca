"""The compiled scorer gives the levels and weights of Splink on DuckDB (law 5)."""

import random
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from splink import comparison_level_library as of_level
from splink import comparison_library as library

from mpi.domain.errors import ModelError
from mpi.domain.features import FEATURE_COLUMNS, Features
from mpi.domain.tuning import ScoringTuning
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
from tests.unit.matching.random_features import random_records

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
    """Return a model of comparisons from Splink's library, as a notebook would train and save it."""
    settings_by_comparison = [comparison.get_comparison("duckdb").as_dict() for comparison in comparisons]
    for comparison in settings_by_comparison:
        for number, level in enumerate(comparison["comparison_levels"]):
            if not level.get("is_null_level"):
                level["m_probability"] = 0.9 / (number + 1)
                level["u_probability"] = 0.01 * (number + 1)
    settings = {
        "link_type": "dedupe_only",
        "probability_two_random_records_match": 0.001,
        "comparisons": settings_by_comparison,
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
    similar_level = model.settings["comparisons"][0]["comparison_levels"][2]
    similar_level |= {
        "tf_adjustment_column": "given",
        "tf_adjustment_weight": 0.5,
        "tf_minimum_u_value": 0.0006,
    }
    return model


def library_model() -> MatchModel:
    """Return a model of the library's comparisons that the notebook's model lacks."""
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


def draw_pairs(count: int, seed: int) -> pa.Table:
    """Return all near pairs and as many random ones, each in a random order."""
    rng = random.Random(seed)
    near_pairs = [(2 * n, 2 * n + 1) for n in range(count // 2)]
    random_pairs = [tuple(sorted(rng.sample(range(count), 2))) for _ in range(count)]
    pairs = sorted({*near_pairs, *random_pairs})
    flipped = [pair[::-1] if rng.random() < 0.5 else pair for pair in pairs]
    return pa.table({"lo": [a for a, _ in flipped], "hi": [b for _, b in flipped]}, schema=PAIR_SCHEMA)


def splink_scores(model, features, pairs, folder):
    """Return Splink's levels and weights by pair."""
    scorer = compile_scorer(model)
    connection = connect_duckdb(folder)
    connection.register("feature_table", make_feature_table(features, scorer.columns))
    engine = SplinkEngine(model.settings, model.frequencies, connection, detailed=True)
    gammas = ", ".join(
        f"gamma_{comparison.name.replace(' ', '_')}" for comparison in scorer.parameters.comparisons
    )
    table = engine.score(pairs, f"unique_id_l, unique_id_r, match_weight, {gammas}")
    connection.close()
    return {(row[0], row[1]): (row[2], row[3:]) for row in zip(*table.to_pydict().values(), strict=True)}


def weigh_by_query(model, features, pairs, floor, folder):
    """Return the weights that loads link by, cautions included."""
    query = compile_query(model)
    with connect_duckdb(folder) as connection:
        connection.register("features", make_feature_table(features, query.columns))
        query.load_frequencies(connection)
        return query.weigh(connection, pairs, "features", floor)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("which", ["default", "notebook", "library"])
def test_levels_are_equal_and_weights_differ_by_less_than_a_millionth_of_a_bit(tmp_path, which, seed):
    model_makers = {"notebook": notebook_model, "library": library_model}
    model = load_model(find_model_folder()) if which == "default" else model_makers[which]()
    numbered = random_records(2000, seed)
    features = dict(numbered)
    scores = splink_scores(model, numbered, draw_pairs(2000, seed), tmp_path)
    scorer = compile_scorer(model)
    levels_reached = set()
    for (left, right), (bits, levels) in scores.items():
        for order in ((left, right), (right, left)):
            score = scorer.score(features[order[0]], features[order[1]])
            assert score.levels == levels, (left, right)
            if score.caution is None:
                assert score.bits == pytest.approx(bits, abs=1e-6)
            else:
                assert score.bits == model.cautions.bits < bits
        levels_reached.update(enumerate(levels))
    assert len(scores) > 2500
    assert len(levels_reached) > 25, "the pairs must reach most levels to prove anything"


def test_a_prefilter_omits_comparisons_that_can_only_lower_a_weight():
    model = load_model(find_model_folder())
    levels = read_parameters(model.settings)
    lowering = {comparison_read.name for comparison_read in levels.comparisons if comparison_read.only_lowers}
    assert "family" in lowering
    assert lowering.isdisjoint({"given", "surname", "birth_date", "residence"})
    for comparison in levels.comparisons:
        bits = [compute_level_bits(level) for level in comparison.levels]
        assert (max(bits) <= 0) == (comparison.name in lowering)
    prefilter = splink_scorer._make_prefilter_settings(model.settings, levels)
    assert {comparison_read.name for comparison_read in read_parameters(prefilter).comparisons} == {
        comparison_read.name for comparison_read in levels.comparisons
    } - lowering


@pytest.mark.parametrize("is_prefiltered", [False, True])
def test_scoring_returns_exactly_the_weights_at_or_above_the_floor(tmp_path, is_prefiltered):
    tuning = ScoringTuning(prefilter_pairs=1 if is_prefiltered else 10**9)
    model = load_model(find_model_folder())
    numbered = random_records(2000, 3)
    features, pairs = dict(numbered), draw_pairs(2000, 3)
    reports = []
    resources = ScoringResources(
        tmp_path, progress=lambda done, total: reports.append((done, total)), tuning=tuning
    )
    table = score_pairs(model, numbered, pairs, 0.0, resources)
    scorer = compile_scorer(model)
    expected = {}
    for pair in zip(pairs["lo"].to_pylist(), pairs["hi"].to_pylist(), strict=True):
        bits = round(scorer.weigh(features[pair[0]], features[pair[1]]), 6)
        if bits >= 0:
            expected[pair] = bits
    actual = {row[:2]: row[2] for row in zip(*table.to_pydict().values(), strict=True)}
    assert actual.keys() == expected.keys()
    assert expected
    assert all(actual[pair] == pytest.approx(bits, abs=1.5e-6) for pair, bits in expected.items())
    limited = [pair for pair, bits in actual.items() if bits == model.cautions.bits]
    assert limited, "the pairs must reach a caution to prove that both hold it"
    assert reports == [(pairs.num_rows, pairs.num_rows)]
    assert list(Path(tmp_path).iterdir()) == [], "nothing spilled is left behind"


@pytest.mark.parametrize("floor", [-200.0, 0.0, 6.0])
@pytest.mark.parametrize("which", ["default", "notebook", "library"])
def test_the_query_of_loads_gives_splinks_weights(tmp_path, which, floor):
    model_makers = {"notebook": notebook_model, "library": library_model}
    model = load_model(find_model_folder()) if which == "default" else model_makers[which]()
    features, pairs = random_records(1500, 11), draw_pairs(1500, 11)
    weights = weigh_by_query(model, features, pairs, floor, tmp_path)
    assert weights == score_pairs(model, features, pairs, floor, ScoringResources(tmp_path))
    assert weights.num_rows
    assert floor > -200 or weights.num_rows == pairs.num_rows


def test_a_rare_value_with_counted_edits_can_raise_a_pair_to_the_floor(tmp_path):
    model = model_of(
        library.ExactMatch("sex"),
        library.LevenshteinAtThresholds("given", [1]).configure(term_frequency_adjustments=True),
    )
    features, pairs = random_records(600, 12), draw_pairs(600, 12)
    all_weights = weigh_by_query(model, features, pairs, -200.0, tmp_path)["bits"].to_pylist()
    floor = max(all_weights) - 0.5
    weights = weigh_by_query(model, features, pairs, floor, tmp_path)
    assert weights.num_rows == sum(bits >= floor for bits in all_weights) < len(all_weights)


@pytest.mark.parametrize(
    ("comparison", "name"),
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
def test_a_condition_without_an_exact_translation_is_refused_by_name(comparison, name):
    with pytest.raises(ModelError, match=name) as refusal:
        compile_scorer(model_of(comparison))
    assert "level" in str(refusal.value)


@pytest.mark.parametrize("column", ["birth_year", "multiple_birth", "phones"])
def test_frequencies_of_a_non_text_column_are_refused_by_name(column):
    """Online scoring would look the values up as text, and DuckDB by their type."""
    model = model_of(library.ExactMatch(column).configure(term_frequency_adjustments=True))
    model = replace(model, frequencies=Frequencies({column: {"2014": 0.1}}, {column: 0.0001}))
    with pytest.raises(ModelError, match=f"'{column}': no term frequencies"):
        compile_scorer(model)


def test_settings_for_another_dialect_are_refused():
    model = model_of(library.ExactMatch("sex"))
    model.settings["sql_dialect"] = "spark"
    with pytest.raises(ModelError, match="sql_dialect"):
        compile_scorer(model)


def test_column_names_of_a_splink_model_change_nothing(tmp_path):
    model = notebook_model()
    column_names = {
        "unique_id_column_name": "person_key",
        "comparison_vector_value_column_prefix": "level_",
        "term_frequency_adjustment_column_prefix": "freq_",
        "match_weight_column_prefix": "weight_",
        "additional_columns_to_retain": ["cluster"],
    }
    model = replace(model, settings={**model.settings, **column_names})
    features, pairs = random_records(200, 4), draw_pairs(200, 4)
    expected = score_pairs(notebook_model(), features, pairs, 0.0, ScoringResources(tmp_path))
    assert score_pairs(model, features, pairs, 0.0, ScoringResources(tmp_path)) == expected
    assert expected.num_rows


def test_a_level_without_a_trained_probability_is_refused():
    model = model_of(library.ExactMatch("sex"))
    del model.settings["comparisons"][0]["comparison_levels"][1]["m_probability"]
    with pytest.raises(ModelError, match="training never saw it"):
        compile_scorer(model)


def test_missing_term_frequencies_are_refused():
    model = model_of(library.ExactMatch("city").configure(term_frequency_adjustments=True))
    with pytest.raises(ModelError, match="city"):
        compile_scorer(model)


def test_stored_features_are_read_by_duckdb_unchanged(tmp_path):
    texts = ('é"x', "\\n\\", "null", "[]", '["a"]', "true", "日本", "o'neil", "\u2028", "123", " x ", "\t")
    features = [Features()]
    for position, text in enumerate(texts):
        values = (text, texts[position - 1])
        features.append(
            Features(
                given=text, given_forms=values, surname=texts[position - 1], surname_tokens=(text,),
                birth_year=2014, multiple_birth=bool(position % 2), addresses=values if position % 3 else (),
            )
        )  # fmt: skip
    numbered_features = list(enumerate(features))
    payloads = pa.array([features_to_bytes(record) for record in features], pa.binary()).cast(pa.string())
    batch = pa.record_batch(
        [pa.array(range(len(features)), pa.int64()), payloads], schema=STORED_FEATURE_SCHEMA
    )
    with connect_duckdb(tmp_path) as connection:
        create_feature_table(connection, "feature_table", FEATURE_COLUMNS)
        insert_features(connection, "feature_table", [batch], FEATURE_COLUMNS)
        actual = connection.sql("FROM feature_table ORDER BY unique_id").to_arrow_table()
    assert actual.to_pydict() == make_feature_table(numbered_features, FEATURE_COLUMNS).to_pydict()
