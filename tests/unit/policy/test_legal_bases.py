"""The table of legal bases: which purposes each carries, in which direction, for whom."""

from itertools import product
from pathlib import Path

import pytest

import mpi.policy.legal_bases
from mpi.domain.errors import InputError
from mpi.policy.legal_bases import known_populations, parse_legal_bases
from mpi.policy.parties import Party, PartyKind
from mpi.policy.purposes import PURPOSES

BASES = parse_legal_bases(
    Path(mpi.policy.legal_bases.__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
E, C, T, A, H, R, OPERATOR, COURT = (
    "education", "child_welfare", "tribe", "tribal_agency", "health", "research", "operator", "court",
)  # fmt: skip
EVERYBODY = {E, C, T, A, H, R, OPERATOR, COURT}
SCHOOL = {"enrolment_coordination", "school_stability", "credit_transfer", "special_education_coordination"}
EXPECTED = {
    "own_records": (EVERYBODY, EVERYBODY, {"all"}, {"all"}),
    "ferpa_audit_evaluation": (
        {E}, {E, C, T, A, H, R, OPERATOR}, {"all"}, {"program_evaluation", "reporting_federal"},
    ),
    "ferpa_studies": ({E}, {R, OPERATOR}, {"all"}, {"program_evaluation"}),
    "ferpa_deidentified": ({E, C, T, A}, {R}, {"all"}, {"program_evaluation"}),
    "research_statute": ({C, T, A}, {R, OPERATOR}, {"all"}, {"program_evaluation"}),
    "ferpa_caseworker": (
        {E}, {C, T, A}, {"foster_care"}, SCHOOL | {"case_planning", "court_report", "transport"},
    ),
    "ferpa_new_school": ({E}, {E}, {"all"}, SCHOOL - {"school_stability"}),
    "ferpa_school_officials": ({E}, {E}, {"all"}, SCHOOL | {"transport", "data_quality"}),
    "ferpa_emergency": ({E}, {C, T, A, H}, {"all"}, {"emergency_breakglass"}),
    "state_statute": ({C, A}, {E}, {"foster_care"}, SCHOOL | {"case_planning", "transport"}),
    "title_iv_e": (
        {C, T, A}, {E, C, T, A}, {"foster_care"},
        {"enrolment_coordination", "school_stability", "case_planning", "transport", "reporting_federal"},
    ),
    "capta": (
        {C, A}, {E, C, T, A, H}, {"foster_care"},
        {"school_stability", "case_planning", "special_education_coordination", "emergency_breakglass"},
    ),
    "consent": (
        EVERYBODY, EVERYBODY, {"all"},
        SCHOOL | {"case_planning", "court_report", "transport", "program_evaluation", "subject_access"},
    ),
}  # fmt: skip
"""Repeated here, so that an accidental change of the table is noticed."""
ROW = """
[statute]
title = "A statute"
citation = "Somewhere 1"
mark = "K"
from = ["education"]
to = ["child_welfare"]
populations = ["foster_care", "kinship_care"]
purposes = ["transport"]
"""


def test_the_table_has_the_expected_rows():
    assert BASES.keys() == EXPECTED.keys()


@pytest.mark.parametrize("code", EXPECTED)
def test_a_basis_covers_only_its_directions(code):
    disclosers, recipients, _, _ = EXPECTED[code]
    for discloser, recipient in product(PartyKind, PartyKind):
        parties = Party("a", "A", discloser), Party("b", "B", recipient)
        covers_two_parties = discloser in disclosers and recipient in recipients and code != "own_records"
        assert BASES[code].covers_direction(*parties) is covers_two_parties, (discloser, recipient)
        assert BASES[code].covers_direction(parties[0], parties[0]) is (code == "own_records")


@pytest.mark.parametrize("code", EXPECTED)
def test_a_basis_carries_only_its_purposes(code):
    purposes = EXPECTED[code][3]
    for purpose in PURPOSES:
        assert BASES[code].carries(purpose) is (purpose in purposes or "all" in purposes), purpose


@pytest.mark.parametrize("code", EXPECTED)
def test_a_basis_covers_only_its_populations(code):
    populations = EXPECTED[code][2]
    for population in ("all", "foster_care", "homeless"):
        covered = population in populations or "all" in populations
        assert BASES[code].covers_population(population) is covered


def test_the_caseworker_exception_does_not_cover_child_welfare_to_school():
    agency, school = (
        Party("dcf", "Agency", PartyKind.CHILD_WELFARE),
        Party("d1", "School", PartyKind.EDUCATION),
    )
    assert BASES["ferpa_caseworker"].covers_direction(school, agency)
    assert not BASES["ferpa_caseworker"].covers_direction(agency, school)


def test_only_the_operators_rule_carries_its_own_administration():
    assert [code for code, basis in BASES.items() if basis.carries("system_admin")] == ["own_records"]


def test_every_row_says_what_counsel_must_check_and_how_far_it_was_checked():
    for basis in BASES.values():
        assert basis.title
        assert basis.citation
        assert basis.note
        assert basis.purposes <= {*PURPOSES, "all"}


def test_counsel_can_edit_the_table():
    bases = parse_legal_bases(ROW)
    assert bases["statute"].carries("transport")
    assert "kinship_care" in known_populations(bases)
    assert "all" not in known_populations(BASES)


@pytest.mark.parametrize(("change", "message"), [
    (('title = "A statute"', ""), "'title' is missing"),
    (('mark = "K"', 'mark = "sure"'), "mark is one of"),
    (('mark = "K"', "mark = 1"), "mark must be text"),
    (('["education"]', '["schools"]'), "no kind of party 'schools'"),
    (('["transport"]', '"transport"'), "purposes must be a list"),
    (('["transport"]', "[]"), "purposes must be a list"),
    (('["transport"]', '["Trans port"]'), "a code has"),
    (('title = "A statute"', 'title = "A"\nuntil = 3'), "unknown key 'until'"),
    (('title = "A statute"', 'title = "A"\nwithin_party = "no"'), "within_party must be true or false"),
    (("[statute]", "[Statute-1]"), "a code has"),
    ((ROW, "statute = 1"), "write it as a table"),
    ((ROW, ""), "has no legal basis"),
    ((ROW, "[statute"), "not TOML"),
])  # fmt: skip
def test_a_wrong_table_is_refused_with_its_place(change, message):
    with pytest.raises(InputError, match="bases.toml.*" + message):
        parse_legal_bases(ROW.replace(*change), "bases.toml")
