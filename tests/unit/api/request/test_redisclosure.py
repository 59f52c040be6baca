"""The header that says that an answer may not be passed on."""

import pytest

from mpi.api.request.redisclosure import read_statement, state_terms
from mpi.domain.roles import Role
from mpi.domain.viewer import make_operator
from mpi.policy.parties import ALL, Party, PartyKind
from mpi.service.access.viewers import Caller, build_viewer
from tests.agreements import AGENCY, SCHOOL, make_dsa
from tests.unit.policy.test_record_access import make_agreement

EVERYBODY = Party("state", "State", PartyKind.OPERATOR, frozenset({ALL}))


def headers_for(agreement, sources, role=Role.CASEWORKER):
    """Return what the middleware adds to an answer to a caller."""
    scope = {}
    caller = Caller("ana", frozenset(), sources, agreement.code, 1, role)
    state_terms(scope, build_viewer(caller, "case_planning", agreement, agreement.begins))
    return read_statement(scope)


def test_an_answer_that_may_hold_records_of_others_says_so():
    agreement = make_agreement()
    assert headers_for(agreement, frozenset({"CCWIS", "D01"})) == [
        (b"redisclosure", b'forbidden; agreement="dsa-1"')
    ]


@pytest.mark.parametrize(
    ("changes", "sources"),
    [({"redisclosure": True}, {"CCWIS", "D01"}), ({}, {"CCWIS"}), ({"grants": ()}, {"CCWIS", "D01"})],
)
def test_other_answers_say_nothing(changes, sources):
    assert headers_for(make_agreement(**changes), frozenset(sources)) == []


def test_the_operators_own_rule_and_the_command_line_say_nothing():
    scope = {}
    state_terms(scope, make_operator())
    own = make_dsa(parties=(EVERYBODY, SCHOOL, AGENCY))
    assert read_statement(scope) == []
    assert headers_for(own, None, None) == []
