"""Each role may do what its list permits, and nothing else."""

import pytest

from mpi.domain.errors import AccessDenied
from mpi.domain.roles import ACTIONS_BY_ROLE, PURPOSES_BY_ROLE, Role
from mpi.domain.viewer import PURPOSES, Action, Viewer, require_permission

STEWARD = {"record.read", "person.read", "person.search", "crosswalk.read", "task.read", "task.work",
           "decision.read", "decide", "link.report", "quality.read", "disclosure.read"}  # fmt: skip
ONE_CHILD = {"record.read", "person.read", "crosswalk.read"}
EXPECTED = {
    Role.STEWARD: STEWARD,
    Role.APPROVER: STEWARD | {"approve", "recluster", "report", "agreement.read"},
    Role.SOURCE_OWNER: {"record.read", "question.answer", "link.report", "consent"},
    Role.OPERATOR: {"source.admin", "load", "report", "quality.read", "client.admin", "account.admin",
                    "agreement.read", "agreement.admin"},
    Role.CASEWORKER: ONE_CHILD | {"caseload.read"},
    Role.POINT_OF_CONTACT: ONE_CHILD | {"roster.read", "local.match", "enrollment.read"},
    Role.REGISTRAR: {"local.match", "enrollment.read"},
    Role.HOMELESS_LIAISON: ONE_CHILD,
    Role.ANALYST: {"quality.read", "report.read"},
    Role.AUDITOR: {"ledger.read"},
    Role.PRIVACY_OFFICER: {"ledger.read", "quality.read", "agreement.read", "agreement.admin"},
    Role.AGENCY_HEAD: {"quality.read", "report.read"},
}  # fmt: skip
"""Repeated here, so that an accidental change of the code's list is noticed."""
ALL_SOURCES = {Action.DISCLOSURE_READ, Action.LEDGER_READ, Action.AGREEMENT_ADMIN}
SHOWS_RECORDS = {"record.read", "person.read", "person.search", "crosswalk.read", "crosswalk.export",
                 "task.read", "task.work", "decision.read", "decide", "approve", "recluster",
                 "disclosure.read", "ledger.read", "question.answer", "consent",
                 "roster.read", "caseload.read", "roster.export", "school.export",
                 "local.match", "enrollment.read"}  # fmt: skip


@pytest.mark.parametrize("action", list(Action))
@pytest.mark.parametrize("role", list(Role))
def test_a_role_is_permitted_its_listed_actions_and_refused_the_rest(role, action):
    person = Viewer("ana", PURPOSES_BY_ROLE[role][0], ACTIONS_BY_ROLE[role], None)
    if action.value in EXPECTED[role]:
        require_permission(person, action)
    else:
        with pytest.raises(AccessDenied):
            require_permission(person, action)


@pytest.mark.parametrize("role", list(Role))
def test_a_person_of_one_source_sees_no_other_source_ledger_or_agreement(role):
    person = Viewer("ana", None, ACTIONS_BY_ROLE[role], frozenset({"sis"}))
    assert not person.may_see("ccwis")
    for action in ACTIONS_BY_ROLE[role] - ALL_SOURCES:
        require_permission(person, action, "sis")
        with pytest.raises(AccessDenied):
            require_permission(person, action, "ccwis")
    for action in ALL_SOURCES:
        with pytest.raises(AccessDenied):
            require_permission(person, action)


def test_an_operator_has_no_action_that_shows_a_record():
    assert not {action.value for action in ACTIONS_BY_ROLE[Role.OPERATOR]} & SHOWS_RECORDS


def test_only_approvers_may_approve():
    assert [role for role in Role if Action.APPROVE in ACTIONS_BY_ROLE[role]] == [Role.APPROVER]


def test_every_role_has_only_known_purposes():
    assert set(PURPOSES_BY_ROLE) == set(Role)
    for purposes in PURPOSES_BY_ROLE.values():
        assert purposes
        assert set(purposes) <= set(PURPOSES)
