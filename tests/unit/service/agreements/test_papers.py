"""Papers say what the program does, and change with it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mpi.domain import clock
from mpi.domain.quality_rules import PublicationRules
from mpi.domain.roles import ACTIONS_BY_ROLE, PURPOSES_BY_ROLE, Role
from mpi.domain.viewer import PURPOSES, Action, SecondApprover, Viewer
from mpi.policy.agreement import Clock
from mpi.policy.legal_bases import MARKS
from mpi.policy.papers import list_paper_rows
from mpi.policy.parties import ALL, PartyKind
from mpi.policy.rights import Rights, Subject
from mpi.service.access.accounts.new_accounts import NewAccount, add_account
from mpi.service.access.explain_access import SupposedRequest, explain_account_access
from mpi.service.agreements.counsel_questions import QUESTIONS, answer_questions
from mpi.service.agreements.house import build_house_agreement
from mpi.service.agreements.papers import describe_row, list_papers, list_shared, read_public_paper
from mpi.service.agreements.register import approve_version, end_agreement, propose_version, suspend_agreement
from mpi.service.core.index import GuessLimits, SearchLimits, SignInLimits
from mpi.service.statements.sources import NewSource, add_source
from tests.accounts import PASSWORD, cheap_password_hashing
from tests.agreements import AGENCY, SCHOOL, TO_AGENCY, TO_SCHOOL, make_dsa, permit_emergencies
from tests.index import OPERATOR, open_test_index, with_settings


def dsa(**changes):
    """Return the example agreement, in force today."""
    today = clock.now().date()
    return make_dsa(begins=today - timedelta(days=1), ends=today + timedelta(days=200), **changes)


def put_in_force(index, agreement):
    propose_version(index, OPERATOR, agreement)
    approve_version(index, OPERATOR, agreement.code, alone=True)


@pytest.fixture
def index(tmp_path):
    with open_test_index(tmp_path, "sis", "ccwis") as new_index:
        yield new_index


def facts(index, code):
    return answer_questions(index, OPERATOR)[code]


class TestRows:
    def test_every_row_is_what_the_rights_of_such_a_caller_permit(self, index):
        terms, today = replace(dsa(), is_approved=True), clock.now().date()
        rows = list(list_paper_rows([terms], index.settings.legal_bases, PURPOSES, today))
        assert {(row.role, row.purpose) for row in rows} >= {
            (None, "school_stability"),
            (Role.CASEWORKER, "transport"),
            (Role.POINT_OF_CONTACT, "school_stability"),
        }  # fmt: skip
        for row in rows:
            granted = frozenset(Action) if row.role is None else frozenset()
            rights = Rights(Subject(row.purpose, granted, row.role, row.recipient.sources), terms, today)
            [source] = row.discloser.sources
            decision = rights.decide(Action.RECORD_READ, source, frozenset({row.population}))
            assert decision.is_permitted
            assert row.fields == decision.permitted_fields - {"address_line", "birth_place"} & row.fields
            assert row.populations == decision.permitted_populations

    def test_a_caller_without_a_row_is_shown_nothing(self, index):
        terms, today = replace(dsa(), is_approved=True), clock.now().date()
        rows = list(list_paper_rows([terms], index.settings.legal_bases, PURPOSES, today))
        listed = {(row.role, row.purpose, row.discloser.code) for row in rows}
        for role in Role:
            for party in (SCHOOL, AGENCY):
                other = AGENCY if party is SCHOOL else SCHOOL
                for purpose in PURPOSES_BY_ROLE[role]:
                    rights = Rights(Subject(purpose, frozenset(), role, party.sources), terms, today)
                    decision = rights.decide(
                        Action.RECORD_READ, min(other.sources), frozenset({"foster_care"})
                    )
                    if decision.permitted_fields or decision.permitted_populations:
                        assert (role, purpose, other.code) in listed

    def test_an_agreement_that_is_not_in_force_has_no_row(self, index):
        put_in_force(index, dsa())
        assert list_shared(list_papers(index, OPERATOR))
        suspend_agreement(index, OPERATOR, "dsa-1", "test")
        assert list_shared(list_papers(index, OPERATOR)) == []

    def test_each_row_names_its_law_with_the_mark_of_how_far_it_was_checked(self, index):
        put_in_force(index, dsa())
        for row in list_shared(list_papers(index, OPERATOR)):
            assert row.legal_bases
            assert all(basis.mark in MARKS for basis in row.legal_bases)
            assert all(f"[{basis.mark}]" in "".join(describe_row(row)["under"]) for basis in row.legal_bases)

    def test_others_are_told_of_the_agreement_that_they_act_under_alone(self, index):
        put_in_force(index, dsa())
        reader = Viewer("client", "data_quality", frozenset({Action.AGREEMENT_READ}), None, agreement="house")
        assert list_shared(list_papers(index, reader)) == []


ROLE_QUESTIONS = {
    "who_reads": Action.RECORD_READ,
    "who_searches": Action.PERSON_SEARCH,
    "who_exports": Action.CROSSWALK_EXPORT,
    "who_links": Action.DECIDE,
    "who_approves": Action.APPROVE,
    "who_operates": Action.ACCOUNT_ADMIN,
    "who_subpoena": Action.SUBPOENA_DECIDE,
    "ledger": Action.LEDGER_READ,
    "undo_link": Action.DECIDE,
    "stop_agreement": Action.AGREEMENT_ADMIN,
}
"""Question whose answer is roles, and an action that those roles are permitted and no other is."""


def explain(index, role, action, purpose):
    return explain_account_access(index, OPERATOR, f"a-{role}", SupposedRequest(action, purpose))


def test_the_roles_of_an_answer_are_those_that_the_policy_permits(index):
    with cheap_password_hashing():
        for role in Role:
            sources = ("sis",) if role is Role.SOURCE_OWNER else None
            add_account(index, OPERATOR, NewAccount(f"a-{role}", "Ana Ruiz", role, sources), PASSWORD)
    answers = answer_questions(index, OPERATOR)
    for code, action in ROLE_QUESTIONS.items():
        permitted = {
            role
            for role in Role
            for purpose in PURPOSES_BY_ROLE[role]
            if explain_account_access(
                index, OPERATOR, f"a-{role}", SupposedRequest(action, purpose)
            ).is_permitted
        }
        assert set(answers[code]["roles"]) == permitted, code


SETTINGS = {
    "session": (
        {"sign_in_limits": SignInLimits(timedelta(minutes=7), timedelta(hours=3))},
        {"idle": 7, "longest": 3},
    ),
    "guesses": (
        {"search_limits": SearchLimits(11, 12), "guess_limits": GuessLimits(13, 14, 15)},
        {"searches": 11, "child": 12, "program": 13, "person": 14},
    ),
    "figures": ({"publication_rules": PublicationRules(20, 3)}, {"base": 20, "lag": 3}),
    "second_approver": ({"second_approver": SecondApprover.ALWAYS}, {"setting": "always"}),
    "emergency": (
        {"break_glass_minutes": 5, "break_glass_children": 6},
        {"agreements": [], "minutes": 5, "children": 6},
    ),
}


@pytest.mark.parametrize("code", SETTINGS)
def test_an_answer_follows_from_the_settings(index, code):
    changes, expected = SETTINGS[code]
    assert dict(facts(with_settings(index, **changes), code)) == expected


def test_the_answers_about_agreements_follow_from_those_in_force(index):
    terms = dsa(clocks=(Clock("inspection", 30),), retention_days=77, redisclosure=True)
    before = answer_questions(index, OPERATOR)
    assert (before["end"]["agreements"], before["school_foster"]["who"]) == ([], [])
    put_in_force(index, terms)
    answers = answer_questions(index, OPERATOR)
    assert answers["end"]["agreements"] == [f"dsa-1: {terms.ends.isoformat()}"]
    assert answers["retention"]["agreements"] == ["dsa-1: 77"]
    assert answers["redisclosure"]["agreements"] == ["dsa-1: yes"]
    assert answers["clocks"]["agreements"] == ["dsa-1: inspection 30"]
    assert answers["school_foster"]["who"] == [f"{SCHOOL.name}: point-of-contact", f"{SCHOOL.name}: program"]
    readers = ("approver", "caseworker", "program", "steward")
    assert answers["agency_school"]["who"] == [f"{AGENCY.name}: {reader}" for reader in readers]
    assert answers["placements"]["who"] == []
    assert set(answers["purposes"]["purposes"]) >= {"school_stability", "transport"}
    bases = index.settings.legal_bases
    for grant in (TO_AGENCY, TO_SCHOOL):
        basis = bases[grant.legal_basis]
        assert f"{basis.title}, {basis.citation} [{basis.mark}]" in answers["law"]["law"]
    unchecked = {each.title for each in bases.values() if each.mark in ("BK", "K", "INF", "?")}
    used = {bases[grant.legal_basis].title for grant in (*terms.grants, *build_house_agreement().grants)}
    assert set(answers["unchecked_law"]["law"]) == used & unchecked
    assert answers["unchecked_law"]["count"] == len(used & unchecked)
    assert "caseworker: legal-responsibility" in answers["conditions"]["conditions"]
    end_agreement(index, OPERATOR, "dsa-1", "test")
    assert answer_questions(index, OPERATOR) == before


def test_a_grant_of_placements_by_consent_and_for_emergencies_is_told(index):
    grant = replace(TO_AGENCY, recipient="district", discloser="agency", legal_basis="consent",
                    purposes=frozenset({"school_stability"}), output_fields=frozenset({"placements"}),
                    population=ALL)  # fmt: skip
    put_in_force(index, dsa(grants=(grant,)))
    permit_emergencies(index)
    answers = answer_questions(index, OPERATOR)
    assert answers["consent"]["agreements"] == ["dsa-1"]
    assert answers["emergency"]["agreements"] == ["house"]
    assert f"{SCHOOL.name}: point-of-contact" in answers["placements"]["who"]


def test_what_is_never_shown_stored_or_used_is_refused(index):
    from mpi.domain.errors import InputError
    from mpi.policy.never_ingested import find_never_ingested_topic
    from mpi.policy.purposes import EXCLUDED_USES, Purpose, check_purpose

    answers = answer_questions(index, OPERATOR)
    rows = list_papers(index, OPERATOR)
    assert set(answers["never_shown"]["fields"]) >= {"ssn", "ssn_last4"}
    assert all(not row.fields & set(answers["never_shown"]["fields"]) for row in rows)
    examples = {"immigration": "refugee", "trafficking": "csec", "substance use": "opioid",
                "the circumstances of a removal": "domestic_violence"}  # fmt: skip
    assert set(answers["never_stored"]["topics"]) == {
        find_never_ingested_topic(code) for code in examples.values()
    }
    for code in answers["excluded"]["uses"]:
        with pytest.raises(InputError, match="cannot be a purpose"):
            check_purpose(Purpose(f"x_{EXCLUDED_USES[code].stems[0]}", "X", "x", "x"), ())


def test_there_are_30_questions_and_each_is_checked_here():
    of_agreements = "end retention redisclosure clocks school_foster agency_school placements purposes law"
    others = "unchecked_law conditions consent never_shown never_stored excluded"
    agreements = {*of_agreements.split(), *others.split()}
    assert len(QUESTIONS) == 30
    assert QUESTIONS.keys() == ROLE_QUESTIONS.keys() | SETTINGS.keys() | agreements


class TestPublicPaper:
    def test_it_names_purposes_kinds_law_and_terms_and_no_party(self, index):
        add_source(index, OPERATOR, NewSource("north", "North"))
        put_in_force(index, dsa())
        paper = read_public_paper(index)
        [to_agency] = [use for use in paper.uses if use.recipient is PartyKind.CHILD_WELFARE]
        assert to_agency.fields == tuple(sorted(TO_AGENCY.output_fields))
        assert {purpose.code for purpose in to_agency.purposes} == TO_AGENCY.purposes
        assert to_agency.until == dsa().ends.isoformat()
        assert (to_agency.retention_days, to_agency.redisclosure) == (365, False)
        for name in (SCHOOL.name, AGENCY.name, "dsa-1", "sis", "ccwis", dsa().title, "Office of Data"):
            assert name not in repr(paper)
        assert {use.code for use in paper.excluded} >= {"law_enforcement", "immigration_enforcement"}

    def test_what_is_not_in_force_is_not_told(self, index):
        propose_version(index, OPERATOR, dsa())
        assert [use.recipient for use in read_public_paper(index).uses] == [PartyKind.OPERATOR]


def test_no_role_that_sees_no_record_has_a_row(index):
    blind = {role for role in Role if Action.RECORD_READ not in ACTIONS_BY_ROLE[role]}
    assert blind
    assert not blind & {row.role for row in list_papers(index, OPERATOR)}
