"""Error patterns: an error shared by many pairs of a feed has one name."""

from dataclasses import replace

import pytest

from mpi.domain.features import Features
from mpi.matching.diagnostics.patterns import find_error_pattern

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


def with_birth_date(day: str) -> Features:
    return replace(CHILD, birth_date=day, birth_dates=(day,), birth_year=int(day[:4]))


def with_given_name(name: str) -> Features:
    return replace(CHILD, given=name, given_forms=(name,), given_roots=(name,))


def with_other_home(child: Features) -> Features:
    return replace(child, addresses=("9 ELM ST|43001",), household_ids=())


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (with_birth_date("2014-03-10"), "birth_date: a day off"),
        (with_birth_date("2014-03-19"), "birth_date: one stroke off"),
        (with_other_home(with_birth_date("2014-03-27")), "birth_date: same month"),
        (with_other_home(with_given_name("JAYDAN")), "given: spelled alike"),
        (replace(CHILD, sex=None), None),
        (CHILD, None),
        (with_birth_date("2009-11-30"), None),
        (with_given_name("MARIA"), None),
        (with_given_name("JAYDAN"), None),  # at one home, and so perhaps a twin
        (replace(with_birth_date("2014-03-10"), sex="F"), None),
    ],
)
def test_the_error_in_which_two_records_differ_names_the_pattern(scorer, other, expected):
    assert find_error_pattern(scorer, CHILD, other) == expected
    assert find_error_pattern(scorer, other, CHILD) == expected


def test_other_agreements_do_not_change_the_pattern(scorer):
    fuller = replace(CHILD, middle="LEE", middle_initial="L", phones=("+13305550100",), ssn_last4="x")
    other = replace(
        fuller, birth_date="2014-03-10", birth_dates=("2014-03-10",), addresses=("9 ELM ST|43001",)
    )
    assert find_error_pattern(scorer, fuller, other) == find_error_pattern(
        scorer, CHILD, with_birth_date("2014-03-10")
    )


def test_the_heavier_of_two_errors_counts(scorer):
    two_errors = replace(with_given_name("JAYDAN"), birth_date="2014-03-10", birth_dates=("2014-03-10",))
    assert find_error_pattern(scorer, CHILD, with_other_home(two_errors)) == "birth_date: a day off"
