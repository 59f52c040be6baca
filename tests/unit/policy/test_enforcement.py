"""Purposes, agreements and children decide what a call gets, over HTTP and in the service."""

from dataclasses import replace
from datetime import timedelta

import orjson
import pytest

from mpi.api.app import create_app
from mpi.domain import clock
from mpi.domain.errors import NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.roles import Role
from mpi.domain.viewer import Action, make_operator
from mpi.policy.agreement import Agreement, Grant
from mpi.policy.parties import ALL, Party, PartyKind
from mpi.service.access.client_authentication import authenticate
from mpi.service.access.clients import add_client
from mpi.service.access.viewers import Caller, build_viewer
from mpi.service.agreements.refusals import list_refusals
from mpi.service.agreements.register import (
    approve_version,
    propose_version,
    resume_agreement,
    suspend_agreement,
)
from mpi.service.explanations.pair_explanation import explain_pair
from mpi.service.persons.golden_record import look_up_golden_record
from mpi.service.persons.persons import look_up_crosswalk, look_up_person
from mpi.service.quality.dashboard import measure_quality
from mpi.service.records.record_reader import read
from mpi.service.records.upsert import upsert
from mpi.service.statements.sources import NewSource, add_source
from tests.agreements import make_care_terms
from tests.index import OPERATOR, make_child, open_test_index
from tests.unit.api.live import calling, problem

CHILD = {"first_name": "Marisol", "last_name": "Quennell", "birth_date": "2013-07-04"}
FOSTER = {"population": "foster_care", "value": "Y", "definition": "ESSA", "begin": "2026-01-05"}
RUNAWAY = {"population": "runaway", "value": "Y", "definition": "AFCARS"}
DISABILITY = {"population": "disability", "value": "Y", "definition": "IDEA"}
PLACEMENT = {"type": "foster_home", "begin": "2026-01-05", "county": "Franklin"}
ENROLLMENT = {"school_id": "1042", "grade": "7", "entry_date": "2026-08-20"}


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    with open_test_index(tmp_path_factory.mktemp("enforce")) as new_index:
        add_source(new_index, OPERATOR, NewSource("CCWIS", kind="ccwis"))
        add_source(new_index, OPERATOR, NewSource("D01", kind="sis"))
        add_source(new_index, OPERATOR, NewSource("D02", kind="sis"))
        yield new_index


@pytest.fixture(scope="module")
def eid(index):
    school = make_child("s1", **CHILD, enrollments=[ENROLLMENT], flags=[DISABILITY])
    care = make_child("c1", **CHILD, placements=[PLACEMENT], flags=[FOSTER, RUNAWAY])
    upsert(index, OPERATOR, "D01", school)
    return upsert(index, OPERATOR, "CCWIS", care).enterprise_id


@pytest.fixture(scope="module")
def agreement(index):
    """An agreement of child welfare and two districts, in force for a year."""
    to_district = Grant(
        "agency", "district", "foster_care", "state_statute",
        frozenset({"school_stability", "transport"}),
        frozenset({"local_id", "flags.foster_care", "addresses"}), frozenset(),
    )  # fmt: skip
    to_agency = Grant(
        "district", "agency", ALL, "uninterrupted_scholars",
        frozenset({"case_planning", "school_stability"}), frozenset({ALL}), frozenset(),
    )  # fmt: skip
    return make_care_terms(
        to_district, to_agency, version=0, is_approved=False, title="Child welfare and districts"
    )


def person_of(agreement, role, purpose, sources, name=None):
    """Return the viewer of a person under an approved agreement."""
    terms = replace(agreement, is_approved=True, version=1)
    caller = Caller(name or role, frozenset(), frozenset(sources), agreement.code, 1, role)
    return build_viewer(caller, purpose, terms, clock.now().date())


def test_three_people_ask_for_one_child_and_get_three_answers(index, eid, agreement):
    caseworker = person_of(agreement, Role.CASEWORKER, "case_planning", {"CCWIS", "D01"})
    contact = person_of(agreement, Role.POINT_OF_CONTACT, "school_stability", {"D01", "CCWIS"})
    analyst = person_of(agreement, Role.ANALYST, "program_evaluation", {"D01"})

    seen_by_caseworker = look_up_person(index, caseworker, eid)
    assert {flag.population for flag in seen_by_caseworker.flags} == {"foster_care", "runaway", "disability"}
    golden = look_up_golden_record(index, caseworker, eid)
    assert {"enrollments", "placements"} <= {value.attribute for value in golden.values}

    seen_by_contact = look_up_person(index, contact, eid)
    assert {flag.population for flag in seen_by_contact.flags} == {"foster_care"}
    golden = look_up_golden_record(index, contact, eid)
    assert "placements" not in {value.attribute for value in golden.values}

    assert Action.PERSON_READ not in analyst.actions

    with index.database.read(None) as unit:
        lines = [line for line in unit.disclosures.all() if line.agreement == "dsa-1"]
    assert [(line.client, line.purpose, line.action) for line in lines] == [
        ("caseworker", "case_planning", "person.read"),
        ("caseworker", "case_planning", "person.read"),
        ("point-of-contact", "school_stability", "person.read"),
        ("point-of-contact", "school_stability", "person.read"),
    ]
    assert "placements" in lines[1].fields
    assert "placements" not in lines[3].fields


def test_an_analyst_gets_figures_and_no_child(index, eid, agreement):
    terms = replace(agreement, is_approved=True)
    parties = (*terms.parties, Party("university", "University", PartyKind.RESEARCH, frozenset({ALL})))
    grant = Grant(
        "university", "university", ALL, "x", frozenset({"program_evaluation"}), frozenset({ALL}), frozenset()
    )
    terms = replace(terms, parties=parties, grants=(*terms.grants, grant))
    caller = Caller("ann", frozenset(), None, terms.code, 1, Role.ANALYST)
    analyst = build_viewer(caller, "program_evaluation", terms, clock.now().date())
    assert analyst.actions == {Action.QUALITY_READ, Action.REPORT_READ}
    assert measure_quality(index, analyst)
    with pytest.raises(Exception, match=r"may not do 'person.read'"):
        look_up_person(index, analyst, eid)


@pytest.mark.parametrize(
    "dates", [{"end": "2026-06-01"}, {"begin": "1/10/2019", "end": "6/1/2020"}, {"begin": "12/31/2091"}]
)
def test_a_child_out_of_care_is_unknown_to_the_caseworker(index, agreement, dates):
    ended = {**FOSTER, **dates}
    record = make_child(
        "c2", first_name="Odalys", last_name="Trueblood", birth_date="2012-02-02", flags=[ended]
    )
    eid = upsert(index, OPERATOR, "CCWIS", record).enterprise_id
    caseworker = person_of(agreement, Role.CASEWORKER, "case_planning", {"CCWIS", "D01"})
    for ask in (
        lambda: look_up_person(index, caseworker, eid),
        lambda: look_up_golden_record(index, caseworker, eid),
        lambda: look_up_crosswalk(index, caseworker, "CCWIS", "c2"),
        lambda: read(index, caseworker, "CCWIS", "c2"),
    ):
        with pytest.raises(NotFoundError) as caught:
            ask()
        assert caught.value.reason == "no-legal-responsibility"


@pytest.mark.parametrize("exit_date", ["2026-10-01", "6/1/2020"])
def test_a_child_who_left_school_is_unknown_to_the_point_of_contact(index, agreement, exit_date):
    left = {**ENROLLMENT, "exit_date": exit_date}
    record = make_child(
        "s2", first_name="Ignacy", last_name="Valcour", birth_date="2012-03-02", enrollments=[left]
    )
    eid = upsert(index, OPERATOR, "D01", record).enterprise_id
    contact = person_of(agreement, Role.POINT_OF_CONTACT, "school_stability", {"D01", "CCWIS"})
    with pytest.raises(NotFoundError):
        look_up_person(index, contact, eid)


def test_foster_care_never_goes_out_for_transport(index, eid):
    key = add_client(index, OPERATOR, "buses", ["person.read", "record.read"], None)
    with calling(create_app(index), key) as call:
        transport = {"Purpose-Of-Use": "transport"}
        assert call.get(f"/v1/persons/{eid}", headers=transport).json()["flags"] == []
        record = call.get("/v1/sources/CCWIS/records/c1", headers=transport).json()["record"]
        assert record.keys().isdisjoint({"flags", "placements", "identifiers"})
        assert "addresses" in record
        golden = call.get(f"/v1/persons/{eid}/golden", headers=transport).json()["values"]
        assert {value["attribute"] for value in golden}.isdisjoint({"flags", "placements"})
        planning = {"Purpose-Of-Use": "case_planning"}
        flags = call.get(f"/v1/persons/{eid}", headers=planning).json()["flags"]
        assert {flag["population"] for flag in flags} == {"foster_care", "runaway", "disability"}
        with index.database.read(None) as unit:
            fields = [line.fields for line in unit.disclosures.all() if line.client == "buses"]
        assert "flags" not in fields[0]
        assert "flags" not in fields[1]
        assert "flags" in fields[-1]


def test_a_call_without_a_purpose_is_recorded_under_the_default_and_carries_no_flag(index, eid):
    key = add_client(index, OPERATOR, "silent", ["person.read"], None)
    with calling(create_app(index), key) as call:
        assert call.get(f"/v1/persons/{eid}").json()["flags"] == []
    with index.database.read(None) as unit:
        assert unit.disclosures.all()[-1].purpose == "data_quality"


def test_a_source_reads_its_own_record_whole_to_check_what_it_sent(index, eid):
    key = add_client(index, OPERATOR, "owner", ["record.read"], ["CCWIS"])
    record = read(index, authenticate(index, key, "data_quality"), "CCWIS", "c1")["record"]
    assert len(record["flags"]) == 2
    assert record["placements"]


def test_the_restrictions_of_a_record_go_to_its_own_source_only(index, agreement):
    record = make_child(
        "c7", first_name="Philomena", restrictions=[{"kind": "protective_order"}], flags=[FOSTER]
    )
    upsert(index, OPERATOR, "CCWIS", record)
    terms = replace(
        agreement,
        grants=(replace(agreement.grants[0], purposes=frozenset({ALL}), output_fields=frozenset({ALL})),),
    )
    for purpose in ("transport", "case_planning", "mentoring"):
        viewer = build_viewer(
            Caller("d1", frozenset({Action.RECORD_READ}), frozenset({"D01", "CCWIS"}), terms.code, 1),
            purpose,
            replace(terms, is_approved=True),
            clock.now().date(),
        )
        assert (
            "restrictions"
            not in viewer.rights.carried(Action.RECORD_READ, "CCWIS", frozenset({"foster_care"})).fields
        )
    owner = authenticate(index, add_client(index, OPERATOR, "own", ["record.read"], ["CCWIS"]), "transport")
    [restriction] = read(index, owner, "CCWIS", "c7")["record"]["restrictions"]
    assert restriction["kind"] == "protective_order"


def test_a_refusal_is_recorded_with_its_reason_and_a_forged_purpose_is_not(index, eid):
    key = add_client(index, OPERATOR, "forger", ["person.read"], None)
    with calling(create_app(index), key) as call:
        for purpose in ("law_enforcement", "TRANSPORT", "transport;case_planning", "система"):
            answer = call.get(f"/v1/persons/{eid}", headers={"Purpose-Of-Use": purpose.encode()})
            assert problem(answer, 403, "access-denied")["reason"] == "unknown-purpose"
        answer = call.get(f"/v1/persons/{eid}", headers={"Purpose-Of-Use": "emergency_breakglass"})
        assert problem(answer, 403, "access-denied")["reason"] == "break-glass-not-granted"
    refused = {
        (refusal.reason, refusal.purpose): refusal.count
        for refusal in list_refusals(index, OPERATOR)
        if refusal.client == "forger"
    }
    assert refused == {
        ("unknown-purpose", None): 4,
        ("break-glass-not-granted", "emergency_breakglass"): 1,
    }


def test_a_lapse_between_two_calls_refuses_the_next_one(fresh_index, manual_clock):
    today = clock.now().date()
    propose_version(fresh_index, OPERATOR, short_agreement(today))
    approve_version(fresh_index, make_operator("second"), "short")
    key = add_client(fresh_index, OPERATOR, "district", ["record.write", "crosswalk.read"], ["D01"], "short")
    upsert(fresh_index, OPERATOR, "D01", make_child("1"))
    path = "/v1/crosswalk?source=D01&local_id=1"
    purpose = {"Purpose-Of-Use": "school_stability"}
    with calling(create_app(fresh_index), key) as call:
        assert call.get(path, headers=purpose).status_code == 200
        suspend_agreement(fresh_index, OPERATOR, "short", "breach")
        answer = call.get(path, headers=purpose)
        assert problem(answer, 403, "access-denied")["reason"] == "agreement-suspended"
        resume_agreement(fresh_index, OPERATOR, "short", "cleared")
        assert call.get(path, headers=purpose).status_code == 200
        manual_clock.advance(days=2)
        answer = call.get(path, headers=purpose)
        assert problem(answer, 403, "access-denied")["reason"] == "agreement-expired"


def test_a_suspension_in_the_middle_of_a_bulk_call_refuses_its_later_lines(fresh_index):
    propose_version(fresh_index, OPERATOR, short_agreement(clock.now().date()))
    approve_version(fresh_index, make_operator("second"), "short")
    key = add_client(fresh_index, OPERATOR, "feed", ["record.write"], ["D01"], "short")

    def lines():
        yield orjson.dumps({"source": "D01", **make_child("1")}) + b"\n"
        while not is_stored(fresh_index, "1"):
            pass
        suspend_agreement(fresh_index, OPERATOR, "short", "breach")
        yield orjson.dumps({"source": "D01", **make_child("2")}) + b"\n"

    with calling(create_app(fresh_index), key) as call:
        answers = call.post("/v1/records:bulk", content=lines()).text.splitlines()
    first, second = (orjson.loads(answer) for answer in answers)
    assert first["outcome"] == "created"
    assert second["problem"]["reason"] == "agreement-suspended"
    assert not is_stored(fresh_index, "2")


def test_a_quarantined_feed_is_recorded_as_a_refusal(fresh_index):
    propose_version(fresh_index, OPERATOR, short_agreement(clock.now().date()))
    approve_version(fresh_index, make_operator("second"), "short")
    suspend_agreement(fresh_index, OPERATOR, "short", "breach")
    key = add_client(fresh_index, OPERATOR, "feed", ["record.write"], ["D01"])
    record = make_child(None)
    with calling(create_app(fresh_index), key) as call:
        answer = call.put("/v1/sources/D01/records/1", json=record)
        problem(answer, 409, "agreement-lapsed")
        line = orjson.dumps({"source": "D01", **make_child("2")}) + b"\n"
        assert b"agreement-lapsed" in call.post("/v1/records:bulk", content=line).content
    refused = [(row.client, row.action, row.reason) for row in list_refusals(fresh_index, OPERATOR)]
    assert set(refused) == {("feed", "record.write", "agreement-suspended")}


def is_stored(index, local_id: str) -> bool:
    with index.database.read(OPERATOR) as unit:
        source = unit.sources.get_by_code("D01")
        return bool(unit.records.find_by_local_ids(source.id, [local_id]))


@pytest.fixture
def fresh_index(tmp_path):
    with open_test_index(tmp_path, "D01", "D02") as new_index:
        yield new_index


def short_agreement(today):
    """Return an agreement of one district about its own records, for two days."""
    return Agreement(
        code="short",
        version=0,
        title="District 1",
        parties=(Party("district", "District 1", PartyKind.EDUCATION, frozenset({"D01"})),),
        grants=(
            Grant(
                "district", "district", ALL, "own_records", frozenset({"school_stability", "data_quality"}),
                frozenset({ALL}), frozenset({ALL}),
            ),
        ),
        begins=today,
        ends=today + timedelta(days=1),
    )  # fmt: skip


def test_a_client_of_another_partys_agreement_may_do_nothing(fresh_index):
    propose_version(fresh_index, OPERATOR, short_agreement(clock.now().date()))
    approve_version(fresh_index, make_operator("second"), "short")
    key = add_client(fresh_index, OPERATOR, "stranger", ["record.write", "record.read"], ["D02"], "short")
    viewer = authenticate(fresh_index, key, "school_stability")
    assert (viewer.actions, viewer.sources) == (frozenset(), frozenset())
    assert viewer.rights.find_refusal(Action.RECORD_READ).code == "party-unknown"


def test_a_client_reaches_only_the_sources_that_its_agreement_covers(fresh_index):
    propose_version(fresh_index, OPERATOR, short_agreement(clock.now().date()))
    approve_version(fresh_index, make_operator("second"), "short")
    key = add_client(
        fresh_index, OPERATOR, "greedy", ["record.write", "record.read"], ["D01", "D02"], "short"
    )
    viewer = authenticate(fresh_index, key, "school_stability")
    assert viewer.sources == {"D01"}
    with calling(create_app(fresh_index), key) as call:
        answer = call.put("/v1/sources/D02/records/1", json=make_child("1"))
        assert problem(answer, 403, "access-denied")["reason"] == "source-outside-agreement"


def test_a_hidden_child_and_an_unknown_one_have_the_same_words(index, agreement):
    for number in ("c8", "c9"):
        record = make_child(number, first_name="Wilhelmina", last_name=f"Oakden{number}")
        upsert(index, OPERATOR, "CCWIS", record)
    contact = person_of(agreement, Role.POINT_OF_CONTACT, "school_stability", {"D01", "CCWIS"})

    def compare(left, right):
        return explain_pair(index, contact, RecordRef("CCWIS", left), RecordRef("CCWIS", right))

    for ask_hidden, ask_unknown in (
        (
            lambda: look_up_crosswalk(index, contact, "CCWIS", "c9"),
            lambda: look_up_crosswalk(index, contact, "CCWIS", "nope"),
        ),
        (lambda: read(index, contact, "CCWIS", "c9"), lambda: read(index, contact, "CCWIS", "nope")),
        (lambda: compare("c9", "c8"), lambda: compare("nope", "none")),
        (lambda: compare("c9", "nope"), lambda: compare("nope", "c9")),
    ):
        with pytest.raises(NotFoundError) as hidden:
            ask_hidden()
        with pytest.raises(NotFoundError) as unknown:
            ask_unknown()
        assert str(hidden.value) == str(unknown.value)
        assert type(hidden.value) is type(unknown.value)
        assert unknown.value.call.client == hidden.value.call.client
