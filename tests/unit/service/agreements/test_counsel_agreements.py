"""Counsel's answers about agreements, laws and children are true of the running program."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from mpi.domain import clock
from mpi.domain.errors import ConflictError, InputError, NotFoundError, RecordError
from mpi.domain.roles import PURPOSES_BY_ROLE, Role
from mpi.domain.viewer import PURPOSES, Action, make_operator
from mpi.policy.agreement import Clock
from mpi.policy.cases.consent import Consent, Signer
from mpi.policy.duties import DutyKind
from mpi.policy.parties import ALL
from mpi.policy.purposes import EXCLUDED_USES, Purpose
from mpi.service.access.accounts.new_accounts import NewAccount, add_account
from mpi.service.access.break_glass import review_use
from mpi.service.access.client_authentication import authenticate
from mpi.service.access.clients import add_client
from mpi.service.access.session_authentication import viewer_from_account
from mpi.service.agreements.counsel_questions import answer_questions
from mpi.service.agreements.duties import begin_clock, list_duties
from mpi.service.agreements.papers import list_papers
from mpi.service.agreements.purposes import add_purpose
from mpi.service.agreements.register import suspend_agreement
from mpi.service.core.disclosure import forbids_redisclosure
from mpi.service.explanations.person_explanation import explain_person
from mpi.service.legal.disclosure_consents import record_consent
from mpi.service.persons.golden_record import look_up_golden_record
from mpi.service.persons.persons import look_up_person
from mpi.service.records.record_reader import read
from mpi.service.records.upsert import upsert
from mpi.service.statements.sources import NewSource, add_source
from tests.accounts import cheap_password_hashing
from tests.agreements import AGENCY, SCHOOL, TO_AGENCY, TO_SCHOOL, permit_emergencies
from tests.counsel import shows
from tests.index import OPERATOR, make_child, open_test_index, with_settings
from tests.unit.service.agreements.test_papers import dsa, facts, put_in_force

BOTH = ("ccwis", "sis")
FOSTER = {"population": "foster_care", "value": "Y", "definition": "ESSA", "begin": "2026-01-05"}
ENROLLMENT = {"school_id": "1042", "grade": "07", "entry_date": "2026-08-20"}
PLACEMENT = {"type": "foster_home", "begin": "2026-01-05"}
PLACES_TO_SCHOOL = replace(TO_SCHOOL, output_fields=frozenset({"placements"}), legal_basis="title_iv_e")
READING = [str(action) for action in (Action.RECORD_READ, Action.PERSON_READ)]


@pytest.fixture
def index(tmp_path):
    """An index with one child, in care and enrolled, whom a school and an agency hold."""
    with open_test_index(tmp_path) as opened, cheap_password_hashing():
        for code in BOTH:
            add_source(opened, OPERATOR, NewSource(code, kind=code))
        store(opened)
        yield opened


def store(index, enrollment=ENROLLMENT, flags=(FOSTER,), placements=(PLACEMENT,)):
    """Store the child's two records; return the enterprise ID."""
    upsert(index, OPERATOR, "sis", make_child("s1", **enrollment))
    care = make_child("c1", flags=list(flags), placements=list(placements))
    return upsert(index, OPERATOR, "ccwis", care).enterprise_id


def add_person(index, role, party, sources=BOTH):
    """Add a person who acts for a party; return a function of the purpose that gives the viewer."""
    name = f"{party.code}-{role}"
    add_account(index, OPERATOR, NewAccount(name, "Ana Ruiz", role, sources, "dsa-1", party.code))

    def view(purpose):
        with index.database.read(OPERATOR) as unit:
            return viewer_from_account(index, unit, unit.accounts.find_by_name(name), purpose)

    return view


def add_program(index, party, agreement="dsa-1", actions=READING):
    """Add a program that acts for a party; return a function of the purpose that gives the viewer."""
    code = None if party is None else party.code
    key = add_client(index, OPERATOR, f"bot-{code}-{agreement}", actions, BOTH, agreement, code)
    return lambda purpose: authenticate(index, key, purpose, "child missing")


def add_everybody(index):
    """Add a person of each role and a program for each party; return them with their name in an answer."""
    everybody = {}
    for party in (SCHOOL, AGENCY):
        purposes = tuple(PURPOSES)
        everybody[f"{party.name}: program"] = (add_program(index, party), purposes)
        for role in Role:
            try:
                view = add_person(index, role, party)
            except ConflictError:  # a role of the other kind of party
                continue
            everybody[f"{party.name}: {role}"] = (view, PURPOSES_BY_ROLE[role])
    return everybody


def sees(index, view, purpose, source, local_id):
    """Return the fields and populations that a caller is shown of a record."""
    viewer = view(purpose)
    if Action.RECORD_READ not in viewer.actions:
        return set()
    try:
        record = read(index, viewer, source, local_id)["record"]
    except NotFoundError:
        return set()
    return {*record, *(flag["population"] for flag in record.get("flags", []))}


def list_who(index, everybody, value, source, local_id):
    """Return who is shown a value of another party's record, as an answer names them."""
    return sorted(
        name
        for name, (view, purposes) in everybody.items()
        if any(value in sees(index, view, purpose, source, local_id) for purpose in purposes)
        and not (name.startswith(SCHOOL.name) if source == "sis" else name.startswith(AGENCY.name))
    )


def law_of(index, *grants):
    bases = [index.settings.legal_bases[grant.legal_basis] for grant in grants]
    return sorted(f"{basis.title}, {basis.citation} [{basis.mark}]" for basis in bases)


WHO = {
    "school_foster": ("foster_care", "ccwis", "c1", TO_SCHOOL),
    "agency_school": ("school_id", "sis", "s1", TO_AGENCY),
    "placements": ("placements", "ccwis", "c1", PLACES_TO_SCHOOL),
}
"""What an answer is about: value, record that holds it, and the grant that discloses it."""


@shows(
    "school_foster: Only these: {who}.", "school_foster: Law: {law}.",
    "agency_school: Only these: {who}.", "agency_school: Law: {law}.",
    "placements: {who}.", "placements: Law: {law}.",
    "none_of school_foster: No school, under any agreement in force.",
    "none_of agency_school: No agency, under any agreement in force.",
    "none_of placements: Nobody, under any agreement in force.",
)  # fmt: skip
def test_just_those_of_the_answer_are_shown_it_and_nobody_without_the_grant_that_it_names(index):
    put_in_force(index, dsa(grants=(TO_AGENCY, TO_SCHOOL, PLACES_TO_SCHOOL)))
    everybody = add_everybody(index)
    for code, (value, source, local_id, grant) in WHO.items():
        answer = facts(index, code)
        assert list_who(index, everybody, value, source, local_id) == answer["who"] != [], code
        assert set(answer["law"]) >= set(law_of(index, grant)), code
    for code, (value, source, local_id, grant) in WHO.items():
        others = tuple(each for each in (TO_AGENCY, TO_SCHOOL, PLACES_TO_SCHOOL) if each is not grant)
        put_in_force(index, dsa(grants=others))
        assert list_who(index, everybody, value, source, local_id) == [], code
        assert facts(index, code) == {"who": [], "law": []}, code


UNMET = {
    "legal-responsibility": {"flags": ({**FOSTER, "end": "2026-02-01"},), "placements": ()},
    "enrollment": {"enrollment": {**ENROLLMENT, "exit_date": "2026-09-01"}},
}
"""What the records of a child say for whom a condition does not hold."""


@shows(
    "conditions: {conditions}.",
    "condition legal-responsibility: If a record of the care agency has the child in care today",
    "condition case-plan-access: If the person is named for a care system that has the child",
    "condition enrollment: If a record of the school has the child enrolled today",
)
def test_each_condition_of_a_role_hides_the_child_for_whom_it_does_not_hold(index):
    put_in_force(index, dsa())
    party_of = {Role.CASEWORKER: AGENCY, Role.POINT_OF_CONTACT: SCHOOL, Role.HOMELESS_LIAISON: SCHOOL}
    stated = {tuple(each.split(": ")) for each in facts(index, "conditions")["conditions"]}
    assert {role for role, _ in stated} == set(party_of)
    everybody = {role: add_person(index, role, party) for role, party in party_of.items()}
    eid = store(index)
    for role, view in everybody.items():
        assert look_up_person(index, view("school_stability"), eid), role
    for condition, changes in UNMET.items():
        store(index, **changes)
        for role, view in everybody.items():
            if (role, condition) in stated:
                with pytest.raises(NotFoundError):
                    look_up_person(index, view("school_stability"), eid)
            else:
                assert look_up_person(index, view("school_stability"), eid), (role, condition)
        store(index)
    assert (Role.CASEWORKER, "case-plan-access") in stated
    add_source(index, OPERATOR, NewSource("ccwis2", kind="ccwis"))
    name = "named-elsewhere"
    add_account(index, OPERATOR, NewAccount(name, "Ana Ruiz", Role.CASEWORKER, ("ccwis2", "sis")))
    with index.database.read(OPERATOR) as unit:
        elsewhere = viewer_from_account(index, unit, unit.accounts.find_by_name(name), "case_planning")
    with pytest.raises(NotFoundError):
        look_up_person(index, elsewhere, eid)


def leave_out_references(text):
    """Leave opaque references out of a text: they may contain any digits by chance."""
    return re.sub(r"\b[0-9a-f]{16,}\b", "", text)


@shows("never_shown: {fields}.")
def test_no_answer_holds_a_value_of_the_list_not_even_to_the_source_that_sent_it(index):
    digits = "219099998"
    upsert(index, OPERATOR, "sis", make_child("s9", last_name="Quill", ssn=digits))
    upsert(index, OPERATOR, "sis", make_child("s8", last_name="Quilt", ssn_last4="9998"))
    never = set(facts(index, "never_shown")["fields"])
    assert never >= {"ssn", "ssn_last4"}
    key = add_client(index, OPERATOR, "sis-feed", READING, ["sis"])
    for viewer in (OPERATOR, authenticate(index, key, "data_quality")):
        for local_id in ("s8", "s9"):
            record = read(index, viewer, "sis", local_id)
            eid = record["enterprise_id"]
            golden = look_up_golden_record(index, viewer, eid)
            told = repr((record, golden, explain_person(index, viewer, eid)))
            assert never.isdisjoint(record["record"])
            assert never.isdisjoint(value.attribute for value in golden.values)
            assert "9998" not in leave_out_references(told)


@shows("never_stored: Records that tell of these are refused: {topics}.")
def test_a_record_that_tells_of_a_topic_of_the_list_is_not_stored(index):
    examples = {"immigration": "refugee", "trafficking": "csec", "substance use": "opioid",
                "the circumstances of a removal": "domestic_violence"}  # fmt: skip
    assert examples.keys() == set(facts(index, "never_stored")["topics"])
    for topic, code in examples.items():
        flag = {"population": code, "value": "Y", "definition": "AFCARS"}
        with pytest.raises(RecordError, match=f"tells of {topic}"):
            upsert(index, OPERATOR, "sis", make_child("s7", flags=[flag]))
    with pytest.raises(NotFoundError):
        read(index, OPERATOR, "sis", "s7")


EMERGENCY = [*READING, str(Action.BREAK_GLASS)]


@shows("emergency: Only under these agreements: {agreements}.")
def test_only_a_caller_under_an_agreement_of_the_answer_gets_emergency_access(index):
    put_in_force(index, dsa())
    views = {
        "house": add_program(index, None, "house", EMERGENCY),
        "dsa-1": add_program(index, AGENCY, "dsa-1", EMERGENCY),
    }

    def list_permitting():
        return [code for code, view in views.items() if view("emergency_breakglass").actions]

    assert list_permitting() == facts(index, "emergency")["agreements"] == []
    permit_emergencies(index)
    assert list_permitting() == facts(index, "emergency")["agreements"] == ["house"]


@shows(
    "emergency: A use ends after {minutes} minutes or {children} children.",
    "emergency: Somebody else reviews it.",
)
def test_an_emergency_ends_after_the_minutes_and_the_children_of_the_answer(index, manual_clock):
    index = with_settings(index, break_glass_minutes=7, break_glass_children=2)
    permit_emergencies(index)
    view = add_program(index, None, "house", EMERGENCY)
    answer = facts(index, "emergency")
    names = ("Trueblood", "Valcour", "Ek")
    ids = [
        upsert(index, OPERATOR, "sis", make_child(name, last_name=name, birth_date=f"201{n}-02-02"))
        for n, name in enumerate(names)
    ]
    for child in ids[: answer["children"]]:
        look_up_person(index, view("emergency_breakglass"), child.enterprise_id)
    assert not view("emergency_breakglass").actions
    with pytest.raises(ConflictError):
        review_use(index, make_operator("bot-None-house"), "bot-None-house", "justified")
    review_use(index, make_operator("privacy"), "bot-None-house", "justified")
    manual_clock.advance(seconds=1)
    assert view("emergency_breakglass").actions
    manual_clock.advance(minutes=answer["minutes"] - 0.1)
    assert view("emergency_breakglass").actions
    manual_clock.advance(minutes=0.2)
    assert not view("emergency_breakglass").actions


@shows("law: {law}.", "unchecked_law: {count} of them: {law}.")
def test_the_laws_are_those_that_a_decision_in_force_rests_on_and_marks_are_of_the_table(index):
    put_in_force(index, dsa())
    answers = answer_questions(index, OPERATOR)
    used = {basis.title: basis for row in list_papers(index, OPERATOR) for basis in row.legal_bases}
    assert answers["law"]["law"] == sorted(
        (f"{basis.title}, {basis.citation} [{basis.mark}]" for basis in used.values()),
        key=answers["law"]["law"].index,
    )
    unchecked = answers["unchecked_law"]
    assert unchecked["count"] == len(unchecked["law"]) > 0
    checked = {
        code: replace(basis, mark="R" if basis.title == unchecked["law"][0] else basis.mark)
        for code, basis in index.settings.legal_bases.items()
    }
    after = facts(with_settings(index, legal_bases=checked), "unchecked_law")
    assert after == {"count": unchecked["count"] - 1, "law": unchecked["law"][1:]}
    suspend_agreement(index, OPERATOR, "dsa-1", "test")
    assert len(facts(index, "law")["law"]) == len(law_of(index)) + 1


@shows("purposes: {purposes}.")
def test_a_program_may_something_for_just_the_purposes_of_the_answer(index):
    put_in_force(index, dsa())
    add_purpose(index, OPERATOR, Purpose("meal_programs", "Meals", "Free school meals", "school_stability"))
    house = add_program(index, None, "house", [str(action) for action in Action])
    views = [house, add_program(index, SCHOOL), add_program(index, AGENCY)]
    permitted = {
        purpose for purpose in (*PURPOSES, "meal_programs") if any(view(purpose).actions for view in views)
    }
    assert permitted == set(facts(index, "purposes")["purposes"])
    assert permitted.isdisjoint({"meal_programs", "emergency_breakglass"})


@shows("excluded: {uses}.")
def test_no_purpose_of_a_use_of_the_list_can_be_registered(index):
    for code in facts(index, "excluded")["uses"]:
        for stem in EXCLUDED_USES[code].stems:
            with pytest.raises(InputError, match="cannot be a purpose"):
                add_purpose(index, OPERATOR, Purpose(f"x_{stem}", "X", "x", "school_stability"))
    add_purpose(index, OPERATOR, Purpose("meal_programs", "Meals", "Free school meals", "school_stability"))


@shows("consent: Agreement: {agreements}.")
def test_under_an_agreement_of_the_answer_a_record_is_shown_by_its_consent_only(index):
    by_consent = replace(
        TO_AGENCY, population=ALL, legal_basis="consent", purposes=frozenset({"case_planning"})
    )
    put_in_force(index, dsa(grants=(by_consent,)))
    assert facts(index, "consent")["agreements"] == ["dsa-1"]
    caseworker = add_person(index, Role.CASEWORKER, AGENCY)
    assert sees(index, caseworker, "case_planning", "sis", "s1") == set()
    today = clock.now().date()
    signed = Consent(
        agreement="dsa-1",
        recipient="agency",
        purposes=frozenset({"case_planning"}),
        fields=frozenset({"grade"}),
        signer=Signer.PARENT,
        signed=today,
        ends=today + timedelta(days=30),
        reference="CF-2026-0417",
    )
    record_consent(index, OPERATOR, "sis", "s1", signed)
    assert "grade" in sees(index, caseworker, "case_planning", "sis", "s1")
    put_in_force(index, dsa())
    assert facts(index, "consent")["agreements"] == []


@shows("redisclosure: Agreement: {agreements}.")
@pytest.mark.parametrize("permits", [True, False])
def test_answers_under_an_agreement_that_is_not_listed_say_that_they_may_not_be_passed_on(index, permits):
    put_in_force(index, dsa(redisclosure=permits))
    view = add_program(index, AGENCY)
    listed = facts(index, "redisclosure")["agreements"] == ["dsa-1: yes"]
    assert (listed, forbids_redisclosure(view("school_stability"))) == (permits, not permits)


@shows(
    "end: Last day by agreement: {agreements}.", "end: Nothing is answered under it after that day."
)  # fmt: skip
def test_an_agreement_answers_on_its_last_day_and_not_on_the_next(index):
    put_in_force(index, dsa())
    view = add_program(index, AGENCY)
    [text] = facts(index, "end")["agreements"]
    last = datetime.fromisoformat(text.removeprefix("dsa-1: ")).replace(hour=12, tzinfo=UTC)
    with clock.set_clock(lambda: last):
        assert "school_id" in sees(index, view, "school_stability", "sis", "s1")
        assert facts(index, "end")["agreements"] == [text]
    with clock.set_clock(lambda: last + timedelta(days=1)):
        assert view("school_stability").actions == frozenset()
        assert facts(index, "end")["agreements"] == []


@shows("retention: Days by agreement: {agreements}.", "clocks: Days by agreement: {agreements}.")
def test_the_days_of_the_answers_are_those_of_the_duties_that_follow(index):
    put_in_force(index, dsa(retention_days=77, clocks=(Clock("inspection", 30),)))
    answers = answer_questions(index, OPERATOR)
    kept = int(answers["retention"]["agreements"][0].removeprefix("dsa-1: "))
    name, days = answers["clocks"]["agreements"][0].removeprefix("dsa-1: ").split()
    view = add_program(index, AGENCY)
    assert "school_id" in sees(index, view, "school_stability", "sis", "s1")
    today = date.fromisoformat(clock.today())
    begin_clock(index, OPERATOR, "dsa-1", name, "district", today)
    due = {duty.kind: duty.due - today for duty in list_duties(index, OPERATOR)}
    assert due.pop(DutyKind.DESTRUCTION) == timedelta(days=kept)
    assert list(due.values()) == [timedelta(days=int(days))]
