"""Roles, purposes and agreements decide each published report on children."""

from dataclasses import replace
from itertools import product

import pytest

from mpi.domain.roles import PURPOSES_BY_ROLE, Role
from mpi.domain.viewer import Action
from mpi.policy.agreement import CONSENT
from mpi.policy.cases.child_reports import REPORT_RULES, ReportReason
from mpi.service.reporting.report_set import CHILD_REPORTS, RECONCILIATION, TREND
from tests.published_reports import make_reader, narrow_house

[GRANT] = narrow_house().grants
TERMS = {
    "house": narrow_house(),
    "strict counts": narrow_house(small_cell=20),
    "equal counts": narrow_house(small_cell=10),
    "foster care alone": narrow_house(grants=(replace(GRANT, population="foster_care"),)),
    "by consent": narrow_house(grants=(replace(GRANT, legal_basis=CONSENT),)),
    "another purpose": narrow_house(grants=(replace(GRANT, purposes=frozenset({"reporting_federal"})),)),
    "draft": narrow_house(is_approved=False),
}
PERMITTED = {
    ("house", report) for report in REPORT_RULES
} | {("equal counts", report) for report in REPORT_RULES} | {("foster care alone", "waterfall")}  # fmt: skip
READERS = {Role.ANALYST, Role.AGENCY_HEAD}


@pytest.mark.parametrize("role", list(Role))
def test_each_role_gets_the_reports_that_its_agreement_covers(role):
    for (name, terms), report in product(TERMS.items(), (*REPORT_RULES, RECONCILIATION)):
        purpose = "program_evaluation" if role in READERS else PURPOSES_BY_ROLE[role][0]
        viewer = make_reader(role, purpose, terms)
        refusal = viewer.rights.find_report_refusal(report, 10)
        is_permitted = Action.REPORT_READ in viewer.actions and refusal is None
        assert is_permitted == (role in READERS and (name, report) in PERMITTED), (name, report)


def test_every_report_has_a_row_but_those_that_are_in_no_release():
    assert REPORT_RULES.keys() == set(CHILD_REPORTS) - {RECONCILIATION, TREND}


def test_an_agreement_with_a_higher_smallest_count_is_named_as_the_reason():
    refusal = make_reader(terms=TERMS["strict counts"]).rights.find_report_refusal("waterfall", 10)
    assert refusal.code == ReportReason.SMALL_COUNTS
    assert "below 20" in refusal.sentence


def test_a_program_needs_the_action_and_a_purpose_of_statistics():
    granted = frozenset({Action.REPORT_READ})
    assert Action.REPORT_READ in make_reader(None, "data_quality", granted=granted).actions
    assert (
        make_reader(None, "data_quality", granted=granted).rights.find_report_refusal("outcomes", 10) is None
    )
    care = make_reader(None, "case_planning", granted=granted).rights.find_report_refusal("outcomes", 10)
    assert care.code == ReportReason.PURPOSE
