"""Patterns: a slip that many pairs of a feed share has one name, by the shipped model's own levels."""

from dataclasses import replace

import pytest

from mpi.domain.features import Features
from mpi.matching.compiler.online_scorer import compile_scorer
from mpi.matching.diagnostics.patterns import find_error_pattern
from mpi.matching.model.match_model import find_model_folder, load_model


@pytest.fixture(scope="module")
def scorer():
    return compile_scorer(load_model(find_model_folder()))


CHILD = Features(
    given="JAYDEN",
    given_forms=("JAYDEN",),
    given_roots=("JAYDEN",),
    surname="CRUZ",
    surname_tokens=("CRUZ",),
    surname_forms=("CRUZ",),
    birth_date="2014-03-09",
    birth_dates=("2014-03-09",),
    birth_year=2014,
    sex="M",
    city="AKRON",
    postal_code="43001",
    addresses=("12 MAIN ST|43001",),
    household_ids=("f1",),
)


def born(day: str) -> Features:
    return replace(CHILD, birth_date=day, birth_dates=(day,), birth_year=int(day[:4]))


def called(name: str) -> Features:
    return replace(CHILD, given=name, given_forms=(name,), given_roots=(name,))


def elsewhere(child: Features) -> Features:
    return replace(child, addresses=("9 ELM ST|43001",), household_ids=())


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (born("2014-03-10"), "birth_date: a day off"),
        (born("2014-03-19"), "birth_date: one stroke off"),
        (elsewhere(born("2014-03-27")), "birth_date: same month"),
        (elsewhere(called("JAYDAN")), "given: spelled alike"),
        (replace(CHILD, sex=None), None),
        (CHILD, None),
        (born("2009-11-30"), None),
        (called("MARIA"), None),
        (called("JAYDAN"), None),  # at one home, and so perhaps a twin
        (replace(born("2014-03-10"), sex="F"), None),
    ],
)
def test_the_slip_in_which_two_records_differ_names_the_pattern(scorer, other, expected):
    assert find_error_pattern(scorer, CHILD, other) == expected
    assert find_error_pattern(scorer, other, CHILD) == expected


def test_what_else_the_two_agree_on_does_not_change_the_pattern(scorer):
    fuller = replace(CHILD, middle="LEE", middle_initial="L", phones=("+13305550100",), ssn_last4="x")
    other = replace(
        fuller, birth_date="2014-03-10", birth_dates=("2014-03-10",), addresses=("9 ELM ST|43001",)
    )
    assert find_error_pattern(scorer, fuller, other) == find_error_pattern(scorer, CHILD, born("2014-03-10"))


def test_of_two_slips_the_one_that_weighs_more_counts(scorer):
    both = replace(called("JAYDAN"), birth_date="2014-03-10", birth_dates=("2014-03-10",))
    assert find_error_pattern(scorer, CHILD, elsewhere(both)) == "birth_date: a day off"
