import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi.domain.features import Features
from mpi.matching.compiler.online_scorer import compile_scorer
from mpi.matching.model.match_model import find_model_folder, load_model
from tests.unit.matching.random_features import near_record, random_record

MODEL = load_model(find_model_folder())
SCORER = compile_scorer(MODEL)

CHILD = Features(
    given="MARCUS",
    given_forms=("MARCUS",),
    given_roots=("MARCUS",),
    surname="BELL",
    surname_tokens=("BELL",),
    surname_forms=("BELL",),
    birth_date="2013-06-11",
    birth_date_swapped="2013-11-06",
    birth_dates=("2013-06-11",),
    birth_year=2013,
    sex="M",
    addresses=("40 ELM CT|43004",),
    guardians=("TASHA BELL",),
    phones=("+16145550100",),
)


def with_given(child: Features, given: str, **changes) -> Features:
    values = {name: getattr(child, name) for name in Features.__slots__}
    return Features(**{**values, "given": given, "given_forms": (given,), "given_roots": (given,), **changes})


@given(st.integers(0, 2**32))
def test_a_pair_weighs_exactly_the_same_in_either_order(seed):
    rng = random.Random(seed)
    left = random_record(rng)
    right = near_record(left, rng)
    assert SCORER.score(left, right) == SCORER.score(right, left)


@given(st.integers(0, 2**32))
def test_contributions_sum_to_the_weight_and_the_prior_comes_first(seed):
    rng = random.Random(seed)
    left, right = random_record(rng), random_record(rng)
    explained = SCORER.explain(left, right)
    assert explained[0].comparison == "prior"
    assert sum(part.bits for part in explained) == pytest.approx(SCORER.weigh(left, right), abs=1e-9)


def test_empty_records_weigh_the_prior():
    assert SCORER.weigh(Features(), Features()) == SCORER.explain(Features(), Features())[0].bits
    assert set(SCORER.score(Features(), Features()).levels) <= {-1, 0}


@pytest.mark.parametrize("column", ["middle", "ssn", "suffix", "birth_place", "identifiers", "sex"])
def test_a_value_missing_on_one_side_is_neutral(column):
    value = ("token",) if column == "identifiers" else "A"
    values = {name: getattr(CHILD, name) for name in Features.__slots__}
    with_value = Features(**{**values, column: value})
    without_value = Features(**{**values, column: () if column == "identifiers" else None})
    weight_without = SCORER.weigh(without_value, without_value)
    assert SCORER.weigh(with_value, without_value) == weight_without


def test_two_records_of_one_child_link():
    assert SCORER.weigh(CHILD, CHILD) > MODEL.thresholds.link


def test_twins_with_different_names_do_not_link_though_all_else_agrees():
    assert SCORER.weigh(CHILD, with_given(CHILD, "MALIK")) < MODEL.thresholds.review


def test_siblings_in_one_home_do_not_link():
    sister = with_given(
        CHILD,
        "AVA",
        birth_date="2014-05-02",
        birth_dates=("2014-05-02",),
        birth_date_swapped="2014-02-05",
        birth_year=2014,
        sex="F",
    )
    assert SCORER.weigh(CHILD, sister) < 0


def test_twins_with_similar_names_do_not_link():
    assert (
        SCORER.weigh(
            with_given(CHILD, "JAYDEN", multiple_birth=True), with_given(CHILD, "JAYLEN", multiple_birth=True)
        )
        < MODEL.thresholds.link
    )


def test_a_multiple_birth_never_raises_a_weight():
    rng = random.Random(5)
    for _ in range(300):
        left, right = random_record(rng), random_record(rng)
        values = {name: getattr(left, name) for name in Features.__slots__}
        plain = Features(**{**values, "multiple_birth": None})
        twin = Features(**{**values, "multiple_birth": True})
        assert SCORER.weigh(twin, right) <= SCORER.weigh(plain, right)


def test_a_rarer_name_weighs_more():
    common = with_given(CHILD, "MICHAEL")
    rare = with_given(CHILD, "XZQYV")
    assert SCORER.weigh(rare, rare) > SCORER.weigh(common, common) + 3
