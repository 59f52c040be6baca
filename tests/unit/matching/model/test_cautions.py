"""A caution holds a pair down in every scorer alike, and only ever lowers."""

from dataclasses import replace
from itertools import permutations

import pyarrow as pa
import pytest

from mpi.domain.errors import ModelError
from mpi.domain.features import Features
from mpi.matching.compiler.online_scorer import compile_scorer
from mpi.matching.model.cautions import OPPOSED_CAUTION, Cautions
from mpi.matching.model.match_model import find_model_folder, load_model
from mpi.matching.scoring.batch_scorer import ScoringResources
from mpi.matching.scoring.splink_engine import PAIR_SCHEMA
from mpi.matching.scoring.splink_scorer import score_pairs
from tests.models import tiny_model
from tests.unit.matching.pairs import records

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


def schooled(number: str) -> Features:
    return replace(ISAIAH, identifiers=(number,), identifier_systems=("state",))


def test_a_caution_only_lowers_and_never_below_the_review_band(model, scorer):
    free = compile_scorer(replace(model, cautions=Cautions()))
    made = dict(records(400, 5))
    lowered = 0
    for left, right in permutations(list(made)[:120], 2):
        without, held = free.weigh(made[left], made[right]), scorer.weigh(made[left], made[right])
        assert held <= without
        if held < without:
            assert held == model.cautions.bits
            assert model.thresholds.review <= held < model.thresholds.link
            lowered += 1
    assert lowered


def test_the_explanation_names_the_caution_and_its_bits_add_up(scorer):
    parts = scorer.explain(schooled("a"), schooled("b"))
    assert parts[-1].comparison == "caution"
    assert parts[-1].level == OPPOSED_CAUTION
    assert sum(part.bits for part in parts) == pytest.approx(
        scorer.weigh(schooled("a"), schooled("b")), abs=1e-9
    )
    assert all(part.comparison != "caution" for part in scorer.explain(ISAIAH, schooled("a")))


def test_name_and_birth_date_alone_link_where_nothing_speaks_against(model, scorer):
    assert scorer.weigh(ISAIAH, schooled("a")) >= model.thresholds.link


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
def test_name_and_birth_date_alone_are_for_a_person_where_something_speaks_against(model, scorer, against):
    known = replace(
        schooled("a"),
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
    scored = scorer.score(known, replace(ISAIAH, **against))
    assert scored.bits <= model.cautions.bits
    assert scorer.score(replace(ISAIAH, **against), known) == scored


ELSEWHERE = {"addresses": ("19 MILL RD|43077",), "city": "DAYTON", "guardians": ("TASHA COLE",)}
HERE = {"addresses": ("4 QUARRY RD|43078",), "city": "LIMA", "guardians": ("ANN WASHINGTON",)}


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
def test_what_a_stranger_would_not_share_outweighs_another_home(model, scorer, left, right):
    moved = replace(ISAIAH, **ELSEWHERE), replace(ISAIAH, **HERE)
    assert scorer.weigh(*moved) == model.cautions.bits
    borne_out = replace(moved[0], **left), replace(moved[1], **right)
    assert scorer.weigh(*borne_out) > model.thresholds.link
    assert scorer.weigh(*reversed(borne_out)) == scorer.weigh(*borne_out)


def test_a_guardian_of_the_childs_own_name_says_no_more_than_the_childs_name(model, scorer):
    mother = {"guardian_surnames": ("WASHINGTON",)}
    pair = replace(ISAIAH, **ELSEWHERE | mother), replace(ISAIAH, **HERE | mother)
    assert scorer.weigh(*pair) == model.cautions.bits


def test_two_families_numbers_speak_against_only_where_one_source_gave_both(model, scorer):
    ours = replace(ISAIAH, household_ids=("sis|1",), household_system="sis")
    theirs = replace(ISAIAH, household_ids=("ccwis|2",), household_system="ccwis")
    assert scorer.weigh(ours, theirs) > model.thresholds.link


HOME = {"addresses": ("4 QUARRY RD|43078",)}
NAMELESS = replace(ISAIAH, given=None, given_forms=(), given_roots=(), **HOME)


def test_a_placeholder_given_name_links_by_surname_birthday_and_home_but_never_one_of_a_multiple_birth(
    model, scorer
):
    named = replace(ISAIAH, **HOME)
    assert scorer.weigh(NAMELESS, named) > model.thresholds.link
    for doubt in ({"multiple_birth": True}, {"sex": "F"}, {"addresses": ()}):
        assert scorer.weigh(replace(NAMELESS, **doubt), named) <= model.cautions.bits


def test_marks_tell_pairs_that_rest_on_name_and_birth_date_and_those_that_something_opposes(scorer):
    features = {1: ISAIAH, 2: schooled("a"), 3: schooled("b")}
    weights = {
        (left, right): round(scorer.weigh(features[left], features[right]), 6)
        for left, right in ((1, 2), (1, 3), (2, 3))
    }
    marks = scorer.mark_pairs(weights, features)
    assert marks.uncorroborated == {(1, 2), (1, 3)}
    assert marks.opposed == {(2, 3)}


def test_batch_and_online_hold_the_same_pair_down_in_either_order(model, scorer, tmp_path):
    made = [(1, schooled("a")), (2, schooled("b"))]
    for ends in ((1, 2), (2, 1)):
        pairs = pa.table({"lo": [ends[0]], "hi": [ends[1]]}, schema=PAIR_SCHEMA)
        table = score_pairs(model, made, pairs, 0.0, ScoringResources(tmp_path))
        assert table["bits"].to_pylist() == [model.cautions.bits]


def test_a_table_of_cautions_that_is_not_one_is_refused():
    for table in ({}, {"bits": "much", "when": {}}, {"bits": 3.0, "when": {"x": 1}}):
        with pytest.raises(ModelError, match="cautions"):
            Cautions.parse(table)


def test_cautions_outside_the_review_band_are_refused(tmp_path):
    folder = tiny_model(tmp_path / "model")
    head = folder / "model.toml"
    table = "[cautions]\nbits = 50.0\nwhen = { odd = 'given_l IS NULL' }\n\n[sha256]"
    head.write_text(head.read_text("utf-8").replace("[sha256]", table), "utf-8")
    with pytest.raises(ModelError, match="review band"):
        load_model(folder)


def test_a_caution_that_cannot_be_compiled_is_refused_by_name(model):
    cautions = replace(model.cautions, when={"odd": "soundex(given_l) = soundex(given_r)"})
    with pytest.raises(ModelError, match="odd"):
        compile_scorer(replace(model, cautions=cautions))
