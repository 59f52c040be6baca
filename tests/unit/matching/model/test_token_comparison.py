"""Tokens weigh what the values that they stand for weigh, and never twice."""

import math
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from mpi.domain.features import FEATURE_COLUMNS
from mpi.domain.keyed_hash import KeyedHash, TokenExchange
from mpi.domain.weight import Band
from mpi.matching.compiler.online_scorer import compile_scorer
from mpi.matching.model.match_model import find_model_folder, load_model
from mpi.matching.model.token_comparison import PARTIAL_CAUTION, SEX_CAUTION, TOKEN_COMPARISON, compare_tokens
from mpi.matching.scoring.batch_scorer import ScoringResources
from mpi.matching.scoring.splink_engine import PAIR_SCHEMA
from mpi.matching.scoring.splink_scorer import score_pairs
from mpi.matching.spark.conditions import to_spark_settings
from mpi.standardize.record_validation import validate_record
from mpi.standardize.standardizer import standardize
from mpi.standardize.token_rows import TokenMaker
from mpi.standardize.tokens.rules import TokenRule
from tests.models import tiny_model

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
EXCHANGE = TokenExchange("schools", b"s" * 32)
HASH = KeyedHash(b"i" * 32, exchanges=(EXCHANGE,))
MAKER = {
    kept: TokenMaker(EXCHANGE, frozenset(TokenRule), frozenset(kept), HASH)
    for kept in ((), ("birth_year", "sex"))
}
CHILD = {
    "local_id": "1", "first_name": "Maria", "last_name": "Garcia", "birth_date": "2013-03-22", "sex": "F",
    "postal_code": "43215",
}  # fmt: skip


@pytest.fixture(scope="module")
def model():
    return compare_tokens(load_model(find_model_folder()))


@pytest.fixture(scope="module")
def scorer(model):
    return compile_scorer(model)


def clear(**changes):
    return standardize(validate_record({**CHILD, **changes}, HASH, NOW).record, "sis", HASH)


def tokens(kept=(), **changes):
    row = MAKER[kept].make_row({**CHILD, **changes}, NOW)
    return standardize(validate_record(row, HASH, NOW).record, "dss", HASH)


CASES = [
    ("the same child", tokens(), Band.LINK, None),
    ("moved to another ZIP code", tokens(postal_code="90210"), Band.LINK, None),
    ("year and sex sent besides", tokens(("birth_year", "sex")), Band.LINK, None),
    ("sex unknown", tokens(sex=None), Band.LINK, None),
    ("a longer form of the name", tokens(first_name="Mariana"), Band.REVIEW, PARTIAL_CAUTION),
    ("a twin of the same initial", tokens(first_name="Monica"), Band.REVIEW, PARTIAL_CAUTION),
    ("another sex", tokens(sex="M"), Band.REVIEW, SEX_CAUTION),
    ("a birth date a digit off", tokens(birth_date="2013-03-23"), Band.NON_LINK, None),
    ("the same, year sent", tokens(("birth_year", "sex"), birth_date="2013-03-23"), Band.REVIEW, None),
    ("a last name a letter off", tokens(last_name="Garzia"), Band.NON_LINK, None),
    ("another child", tokens(first_name="Ann", last_name="Lee"), Band.NON_LINK, None),
]  # fmt: skip


@pytest.mark.parametrize(("what", "record", "band", "caution"), CASES, ids=[case[0] for case in CASES])
def test_tokens_link_ask_or_keep_apart(model, scorer, what, record, band, caution):
    score = scorer.score(clear(), record)
    assert model.thresholds.classify(score.bits) is band, score
    if band is Band.REVIEW:
        assert score.caution == caution
    assert scorer.score(record, clear()) == score


def test_tokens_weigh_no_more_than_the_values_without_their_rarity(scorer, model):
    by_values = {
        level["label_for_charts"]: math.log2(level["m_probability"] / level["u_probability"])
        for name in ("given", "surname", "birth_date")
        for level in _levels(model, name)
        if level["sql_condition"]
        in {"given_l = given_r", "surname_l = surname_r", "birth_date_l = birth_date_r"}
        for level in [{**level, "label_for_charts": name}]
    }
    prior = scorer.score(clear(), tokens(first_name=None, last_name=None, sex=None, birth_date=None)).bits
    assert scorer.score(clear(), tokens()).bits - prior == pytest.approx(sum(by_values.values()), abs=1e-9)


def test_a_year_and_sex_in_clear_text_add_the_sex_alone(scorer):
    sex_bits = (
        scorer.score(clear(), tokens(("birth_year", "sex"))).bits - scorer.score(clear(), tokens()).bits
    )
    assert sex_bits == pytest.approx(math.log2(0.9892445458829309 / 0.4990732363577334), abs=1e-9)


def test_two_records_in_clear_text_weigh_as_without_tokens(scorer):
    plain = compile_scorer(load_model(find_model_folder()))
    for other in (clear(), clear(first_name="Marta"), clear(postal_code="90210"), clear(last_name=None)):
        assert scorer.score(clear(), other).bits == plain.score(clear(), other).bits


def test_tokens_of_one_exchange_say_nothing_about_another(scorer):
    health = KeyedHash(b"i" * 32, exchanges=(TokenExchange("health", b"h" * 32),))
    other = standardize(validate_record(CHILD, health, NOW).record, "sis", health)
    none = tokens(first_name=None, last_name=None, sex=None, birth_date=None)
    assert scorer.score(other, tokens()).bits == scorer.score(other, none).bits


def test_the_batch_engine_gives_the_same_weights(model, scorer, tmp_path):
    records = [(0, clear()), *((number, case[1]) for number, case in enumerate(CASES, start=1))]
    pairs = [(left, right) for left in range(len(records)) for right in range(left + 1, len(records))]
    table = pa.table({"lo": [low for low, _ in pairs], "hi": [high for _, high in pairs]}).cast(PAIR_SCHEMA)
    scored = score_pairs(model, records, table, -1_000.0, ScoringResources(tmp_path))
    by_number = dict(records)
    for low, high, bits in zip(*(scored[name].to_pylist() for name in ("lo", "hi", "bits")), strict=True):
        assert bits == pytest.approx(scorer.weigh(by_number[low], by_number[high]), abs=1e-6)
    assert scored.num_rows == len(pairs)


def test_every_condition_has_a_form_for_spark(model):
    levels = to_spark_settings(model.settings)["comparisons"][-1]["comparison_levels"]
    assert "ARRAYS_OVERLAP(tokens_name_l, tokens_name_r)" in str(levels)


def test_a_model_of_other_conditions_compares_tokens_too(tmp_path):
    model = compare_tokens(load_model(tiny_model(tmp_path)))
    assert model.thresholds.classify(compile_scorer(model).weigh(clear(), tokens())) is Band.LINK
    assert compare_tokens(model).settings == model.settings


def test_all_columns_that_tokens_need_are_features():
    assert {"tokens_initial", "tokens_place", "tokens_name", "tokens_number", "tokens_short"} <= set(
        FEATURE_COLUMNS
    )


def _levels(model, name):
    comparisons = {each["output_column_name"]: each for each in model.settings["comparisons"]}
    assert TOKEN_COMPARISON in comparisons
    return comparisons[name]["comparison_levels"]
