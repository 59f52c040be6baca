"""Cautions limit a pair's weight alike in every scorer, and only ever lower it."""

from dataclasses import replace
from itertools import permutations

import pyarrow as pa
import pytest

from mpi.domain.errors import ModelError
from mpi.domain.features import Features
from mpi.matching.compiler.online_scorer import compile_scorer
from mpi.matching.compiler.pair_query import compile_query
from mpi.matching.model.cautions import OPPOSED_CAUTION, Cautions
from mpi.matching.model.match_model import find_model_folder, load_model
from mpi.matching.scoring.batch_scorer import ScoringResources
from mpi.matching.scoring.splink_engine import PAIR_SCHEMA, connect_duckdb, make_feature_table
from mpi.matching.scoring.splink_scorer import score_pairs
from tests.models import tiny_model
from tests.unit.matching.random_features import random_records

ISAIAH = Features(
    given="ISAIAH",
    given_forms=("ISAIAH",),
    given_roots=("ISAIAH",),
    surname="WASHINGTON",
    surname_tokens=("WASHINGTON",),
    surname_forms=("WASHINGTON",),
    birth_date="2011-06-19",
    birth_dates=("2011-06-19",),
    birth_year=2011,
    sex="M",
)


@pytest.fixture(scope="module")
def model():
    return load_model(find_model_folder())


@pytest.fixture(scope="module")
def scorer(model):
    return compile_scorer(model)


def with_state_id(number: str) -> Features:
    return replace(ISAIAH, identifiers=(number,), identifier_systems=("state",))


def test_a_caution_only_lowers_and_never_below_the_review_band(model, scorer):
    uncautious = compile_scorer(replace(model, cautions=Cautions()))
    features = dict(random_records(400, 5))
    lowered_count = 0
    for left, right in permutations(list(features)[:120], 2):
        full_weight, limited_weight = (
            uncautious.weigh(features[left], features[right]),
            scorer.weigh(features[left], features[right]),
        )
        assert limited_weight <= full_weight
        if limited_weight < full_weight:
            assert limited_weight == model.cautions.bits
            assert model.thresholds.review <= limited_weight < model.thresholds.link
            lowered_count += 1
    assert lowered_count


def test_the_explanation_names_the_caution_and_its_bits_add_up(scorer):
    parts = scorer.explain(with_state_id("a"), with_state_id("b"))
    assert parts[-1].comparison == "caution"
    assert parts[-1].level == OPPOSED_CAUTION
    assert sum(part.bits for part in parts) == pytest.approx(
        scorer.weigh(with_state_id("a"), with_state_id("b")), abs=1e-9
    )
    assert all(part.comparison != "caution" for part in scorer.explain(ISAIAH, with_state_id("a")))


def test_name_and_birth_date_alone_link_without_opposing_evidence(model, scorer):
    assert scorer.weigh(ISAIAH, with_state_id("a")) >= model.thresholds.link


@pytest.mark.parametrize(
    "against",
    [
        {"identifiers": ("b",), "identifier_systems": ("state",)},
        {"middle": "LEE", "middle_initial": "L"},
        {"ssn": "two"},
        {"suffix": "SR"},
        {"addresses": ("4 QUARRY RD|43078",), "guardians": ("ANN WASHINGTON",)},
        {"addresses": ("5 QUARRY RD|43078",), "city": "LIMA"},
        {"phones": ("+16145550100",)},
        {"guardians": ("JO WASHINGTON",)},
        {"household_ids": ("sis|2",), "household_system": "sis"},
        {"birth_place": "LIMA|OH|US"},
    ],
    ids=lambda against: next(iter(against)),
)
def test_name_and_birth_date_alone_need_review_with_opposing_evidence(model, scorer, against):
    detailed = replace(
        with_state_id("a"),
        middle="JAMES",
        middle_initial="J",
        ssn="one",
        suffix="JR",
        addresses=("19 MILL RD|43077",),
        guardians=("TASHA WASHINGTON",),
        city="DAYTON",
        phones=("+16145550199",),
        household_ids=("sis|1",),
        household_system="sis",
        birth_place="AKRON|OH|US",
    )
    score = scorer.score(detailed, replace(ISAIAH, **against))
    assert score.bits <= model.cautions.bits
    assert scorer.score(replace(ISAIAH, **against), detailed) == score


OTHER_HOME = {"addresses": ("19 MILL RD|43077",), "city": "DAYTON", "guardians": ("TASHA COLE",)}
FIRST_HOME = {"addresses": ("4 QUARRY RD|43078",), "city": "LIMA", "guardians": ("ANN WASHINGTON",)}


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ({"guardian_surnames": ("COLE",)}, {"guardian_surnames": ("COLE",)}),
        (
            {"middle": "J", "middle_initial": "J", "birth_place": "AKRON|OH|US"},
            {"middle": "JO", "middle_initial": "J", "birth_place": "AKRON|OH|US"},
        ),
    ],
    ids=["a guardian's other surname", "middle initial and place of birth"],
)
def test_details_that_a_stranger_would_not_share_outweigh_another_home(model, scorer, left, right):
    pair = replace(ISAIAH, **OTHER_HOME), replace(ISAIAH, **FIRST_HOME)
    assert scorer.weigh(*pair) == model.cautions.bits
    supported_pair = replace(pair[0], **left), replace(pair[1], **right)
    assert scorer.weigh(*supported_pair) > model.thresholds.link
    assert scorer.weigh(*reversed(supported_pair)) == scorer.weigh(*supported_pair)


def test_a_guardian_with_the_childs_surname_adds_no_evidence(model, scorer):
    mother = {"guardian_surnames": ("WASHINGTON",)}
    pair = replace(ISAIAH, **OTHER_HOME | mother), replace(ISAIAH, **FIRST_HOME | mother)
    assert scorer.weigh(*pair) == model.cautions.bits


def test_family_numbers_oppose_only_when_one_source_gave_both(model, scorer):
    sis_record = replace(ISAIAH, household_ids=("sis|1",), household_system="sis")
    ccwis_record = replace(ISAIAH, household_ids=("ccwis|2",), household_system="ccwis")
    assert scorer.weigh(sis_record, ccwis_record) > model.thresholds.link


HOME = {"addresses": ("4 QUARRY RD|43078",)}
NAMELESS = replace(ISAIAH, given=None, given_forms=(), given_roots=(), **HOME)


def test_a_placeholder_given_name_links_by_surname_birth_date_and_home_but_never_a_twin(model, scorer):
    named = replace(ISAIAH, **HOME)
    assert scorer.weigh(NAMELESS, named) > model.thresholds.link
    for doubt in ({"multiple_birth": True}, {"sex": "F"}, {"addresses": ()}):
        assert scorer.weigh(replace(NAMELESS, **doubt), named) <= model.cautions.bits


@pytest.mark.parametrize(
    "doubt", [{"sex": "F"}, {"birth_date": "2010-06-19", "birth_dates": ("2010-06-19",)}]
)
def test_a_home_and_a_mother_in_common_do_not_make_a_nameless_sibling_the_same_child(model, scorer, doubt):
    mother = {"guardians": ("TASHA WASHINGTON",)}
    named = replace(ISAIAH, **HOME, **mother)
    assert scorer.weigh(replace(NAMELESS, **mother), named) > model.thresholds.link
    assert scorer.weigh(replace(NAMELESS, **mother, **doubt), named) <= model.cautions.bits


LOOK_ALIKE_TWIN = replace(ISAIAH, given="ISAIAS", given_forms=("ISAIAS",), given_roots=("ISAIAS",), **HOME)
OTHER_GIVEN = {"given": "ISIAH", "given_forms": ("ISIAH",), "given_roots": ("ISIAH",)}
SAME_SSN = {"ssn": "one", "ssn_last4": "four"}
CAUTION_RELIEFS = {
    "a missing given name, at home": (NAMELESS, HOME),
    "a missing given name, with one SSN": (NAMELESS, HOME | SAME_SSN),
    "two missing given names": (NAMELESS, {"given": None, "given_forms": (), "given_roots": (), **HOME}),
    "an incomplete birth date, with one SSN": (
        replace(ISAIAH, birth_date=None, birth_dates=(), **HOME, **SAME_SSN),
        OTHER_GIVEN | HOME | SAME_SSN,
    ),
    "given names alike at one home, with one SSN": (
        replace(LOOK_ALIKE_TWIN, **SAME_SSN),
        {"multiple_birth": True, **HOME, **SAME_SSN},
    ),
}


@pytest.mark.parametrize("case", CAUTION_RELIEFS.values(), ids=CAUTION_RELIEFS)
def test_no_caution_is_lifted_over_two_numbers_of_one_issuing_system(model, scorer, case):
    record, changes = case
    left, right = (
        replace(each, identifiers=(number,), identifier_systems=("state",))
        for each, number in ((record, "a"), (replace(ISAIAH, **changes), "b"))
    )
    assert model.thresholds.review <= scorer.weigh(left, right) <= model.cautions.bits
    assert scorer.weigh(left, right) == scorer.weigh(right, left)
    elsewhere = replace(right, identifier_systems=("county",))
    assert scorer.weigh(left, elsewhere) > model.cautions.bits, "numbers of two systems do not differ"


def test_two_numbers_of_one_system_are_no_veto(model, scorer):
    left, right = (replace(with_state_id(number), **HOME) for number in "ab")
    assert scorer.weigh(left, right) > model.thresholds.link


def test_marks_show_uncorroborated_and_opposed_pairs(scorer):
    features = {1: ISAIAH, 2: with_state_id("a"), 3: with_state_id("b")}
    weights = {
        (left, right): round(scorer.weigh(features[left], features[right]), 6)
        for left, right in ((1, 2), (1, 3), (2, 3))
    }
    marks = scorer.mark_pairs(weights, features)
    assert marks.uncorroborated == {(1, 2), (1, 3)}
    assert marks.opposed == {(2, 3)}


def test_batch_and_online_apply_the_same_caution_in_either_order(model, scorer, tmp_path):
    features = [(1, with_state_id("a")), (2, with_state_id("b"))]
    for ends in ((1, 2), (2, 1)):
        pairs = pa.table({"lo": [ends[0]], "hi": [ends[1]]}, schema=PAIR_SCHEMA)
        table = score_pairs(model, features, pairs, 0.0, ScoringResources(tmp_path))
        assert table["bits"].to_pylist() == [model.cautions.bits]


def limit_caution(model, label, bits):
    return replace(model, cautions=replace(model.cautions, until={label: bits}))


@pytest.mark.parametrize("by_query", [False, True])
def test_a_caution_gives_way_from_its_weight_on_alike_in_every_scorer(model, tmp_path, by_query):
    left, right = with_state_id("a"), with_state_id("b")
    full_weight = compile_scorer(replace(model, cautions=Cautions())).weigh(left, right)
    rounded = round(full_weight, 6)
    for until, expected in (
        (rounded, rounded),
        (rounded + 1e-6, model.cautions.bits),
        (rounded - 1.0, rounded),
    ):
        limited = limit_caution(model, OPPOSED_CAUTION, until)
        assert round(compile_scorer(limited).weigh(left, right), 6) == expected
        features = [(1, left), (2, right)]
        pairs = pa.table({"lo": [1], "hi": [2]}, schema=PAIR_SCHEMA)
        if by_query:
            query = compile_query(limited)
            with connect_duckdb(tmp_path) as connection:
                connection.register("features", make_feature_table(features, query.columns))
                query.load_frequencies(connection)
                table = query.weigh(connection, pairs, "features", 0.0)
        else:
            table = score_pairs(limited, features, pairs, 0.0, ScoringResources(tmp_path))
        assert table["bits"].to_pylist() == pytest.approx([expected], abs=1e-6)


def test_a_caution_that_gave_way_neither_marks_nor_explains_a_pair(model):
    features = {1: with_state_id("a"), 2: with_state_id("b")}
    lifted = compile_scorer(limit_caution(model, OPPOSED_CAUTION, 4.0))
    score = lifted.score(*features.values())
    assert score.caution is None
    assert all(part.comparison != "caution" for part in lifted.explain(*features.values()))
    assert not lifted.mark_pairs({(1, 2): round(score.bits, 6)}, features).opposed


def test_only_the_caution_with_a_limit_gives_way(model, scorer):
    label = "a given name is missing"
    lifted = compile_scorer(limit_caution(model, label, 4.0))
    nameless = replace(NAMELESS, addresses=())
    assert scorer.score(nameless, ISAIAH).caution == label
    assert lifted.score(nameless, ISAIAH).caution is None
    assert lifted.score(with_state_id("a"), with_state_id("b")).caution == OPPOSED_CAUTION


@pytest.mark.parametrize("until", [{"x": "high"}, {"x": True}, {"y": 5.0}, {"x": float("nan")}, 5.0])
def test_an_invalid_weight_until_which_a_caution_holds_is_refused(until):
    with pytest.raises(ModelError, match="cautions"):
        Cautions.parse({"bits": 3.0, "when": {"x": "given_l IS NULL"}, "until": until})


def test_an_invalid_table_of_cautions_is_refused():
    for table in ({}, {"bits": "much", "when": {}}, {"bits": 3.0, "when": {"x": 1}}):
        with pytest.raises(ModelError, match="cautions"):
            Cautions.parse(table)


def test_cautions_outside_the_review_band_are_refused(tmp_path):
    folder = tiny_model(tmp_path / "model")
    head_file = folder / "model.toml"
    table = "[cautions]\nbits = 50.0\nwhen = { odd = 'given_l IS NULL' }\n\n[sha256]"
    head_file.write_text(head_file.read_text("utf-8").replace("[sha256]", table), "utf-8")
    with pytest.raises(ModelError, match="review band"):
        load_model(folder)


def test_a_caution_that_cannot_be_compiled_is_refused_by_name(model):
    cautions = replace(model.cautions, when={"odd": "soundex(given_l) = soundex(given_r)"})
    with pytest.raises(ModelError, match="odd"):
        compile_scorer(replace(model, cautions=cautions))
