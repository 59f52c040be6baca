"""A recipient sees another party's record of a child only where the agreement covers this child."""

from dataclasses import replace

import pytest

from mpi.api.pages.desk.person_view import build_person_page
from mpi.domain import clock
from mpi.domain.errors import InputError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.roles import Role
from mpi.domain.viewer import Action, RecordAccess
from mpi.policy.agreement import Grant
from mpi.policy.agreement_checks import check_agreement
from mpi.policy.parties import ALL, Party, PartyKind
from mpi.policy.tiers import POPULATIONS
from mpi.service.access.client_authentication import authenticate
from mpi.service.access.clients import add_client
from mpi.service.access.viewers import Caller, build_viewer
from mpi.service.audit.corrections import acknowledge_correction, list_corrections
from mpi.service.audit.incidents import list_incidents, send_corrections
from mpi.service.explanations.person_explanation import explain_person
from mpi.service.notices.menu_counts import count_for_menu
from mpi.service.persons.change_feed import read_change_feed
from mpi.service.persons.golden_record import look_up_golden_record
from mpi.service.persons.lineage import look_up_lineage
from mpi.service.persons.persons import look_up_crosswalk, look_up_person, look_up_records
from mpi.service.persons.search import search_persons
from mpi.service.records.record_reader import read
from mpi.service.records.upsert import upsert
from mpi.service.statements.sources import NewSource, add_source
from mpi.service.stewardship.merge_split_move import StepOptions, split
from tests.agreements import make_care_terms
from tests.index import OPERATOR, make_child, open_test_index

CHILD = {"first_name": "Marisol", "last_name": "Quennell", "birth_date": "2013-07-04"}
FOSTER = {"population": "foster_care", "value": "Y", "definition": "ESSA", "begin": "2026-01-05"}
ENROLLMENT = {"school_id": "1042", "grade": "7", "entry_date": "2026-08-20"}
ADDRESS = {"address_line1": "12 Secret St"}
ORDER = {"kind": "protective_order", "begin": "2026-01-01"}
SCHOOL, CARE = RecordRef("D01", "s1"), RecordRef("CCWIS", "c1")


@pytest.fixture
def index(tmp_path):
    with open_test_index(tmp_path) as new_index:
        add_source(new_index, OPERATOR, NewSource("CCWIS", kind="ccwis"))
        add_source(new_index, OPERATOR, NewSource("D01", kind="sis"))
        yield new_index


def store_child(index, *, school=None, **care):
    """Store a child's two records; return the enterprise ID."""
    upsert(index, OPERATOR, "D01", make_child("s1", **CHILD, enrollments=[ENROLLMENT], **(school or {})))
    return upsert(index, OPERATOR, "CCWIS", make_child("c1", **CHILD, **care)).enterprise_id


def make_agreement(output_fields=frozenset({ALL}), **changes):
    """Return the terms: child welfare discloses children in foster care to a district."""
    to_district = Grant(
        "agency", "district", "foster_care", "state_statute", frozenset({"school_stability"}),
        frozenset(output_fields), frozenset(),
    )  # fmt: skip
    to_agency = Grant(
        "district", "agency", "foster_care", "ferpa_caseworker", frozenset({"case_planning"}),
        frozenset({ALL}), frozenset(),
    )  # fmt: skip
    return make_care_terms(to_district, to_agency, **changes)


def person_of(role, purpose, agreement):
    """Return the viewer of a person who was granted both sources by name."""
    caller = Caller(role, frozenset(), frozenset({"CCWIS", "D01"}), agreement.code, 1, role)
    return build_viewer(caller, purpose, agreement, clock.now().date())


def contact_of(agreement=None):
    return person_of(Role.POINT_OF_CONTACT, "school_stability", agreement or make_agreement())


def searcher():
    """Return the point of contact, with a search that no role of people has today."""
    contact = contact_of()
    return replace(contact, actions=contact.actions | {Action.PERSON_SEARCH})


def test_a_school_cannot_learn_that_child_welfare_holds_a_child_outside_the_population(index):
    eid = store_child(index, phone="1")
    contact = contact_of()
    assert look_up_person(index, contact, eid).records == (SCHOOL,)
    assert {step.record for step in look_up_lineage(index, contact, eid)} == {SCHOOL}
    golden = look_up_golden_record(index, contact, eid)
    assert {value.record for value in golden.values} == {SCHOOL}
    with pytest.raises(NotFoundError):
        read(index, contact, "CCWIS", "c1")
    assert "CCWIS" not in repr(explain_person(index, contact, eid))
    page = build_person_page(index, contact, eid)
    assert [card.label for card in page.cards] == [SCHOOL]
    assert "CCWIS" not in repr(page)


def test_a_school_cannot_learn_it_from_the_crosswalk_or_from_events(index):
    eid = store_child(index)
    contact = contact_of()
    assert look_up_records(index, contact, eid).records == (SCHOOL,)
    with pytest.raises(NotFoundError):
        look_up_crosswalk(index, contact, "CCWIS", "c1")
    assert {event.source for event in read_change_feed(index, contact).events} == {"D01"}


def test_a_search_does_not_find_a_child_of_child_welfare_outside_the_population(index):
    child = {**CHILD, "first_name": "Odalys", "last_name": "Trueblood"}
    upsert(index, OPERATOR, "CCWIS", make_child("c9", **child))
    client = searcher()
    assert search_persons(index, client, child) == []
    upsert(index, OPERATOR, "CCWIS", make_child("c9", **child, flags=[FOSTER]))
    assert len(search_persons(index, client, child)) == 1


def test_a_child_in_the_population_is_disclosed(index):
    eid = store_child(index, flags=[FOSTER])
    contact = contact_of()
    assert set(look_up_person(index, contact, eid).records) == {SCHOOL, CARE}
    assert read(index, contact, "CCWIS", "c1")["record"]["first_name"] == "Marisol"


def test_a_recipient_cannot_open_a_record_by_a_flag_that_it_sends_itself(index):
    eid = store_child(index, school={"flags": [FOSTER]})
    contact = contact_of()
    with pytest.raises(NotFoundError):
        read(index, contact, "CCWIS", "c1")
    assert look_up_person(index, contact, eid).records == (SCHOOL,)


def test_a_care_agency_states_by_its_own_flag_who_is_in_care(index):
    eid = store_child(index, flags=[FOSTER])
    caseworker = person_of(Role.CASEWORKER, "case_planning", make_agreement())
    assert set(look_up_person(index, caseworker, eid).records) == {SCHOOL, CARE}
    assert read(index, caseworker, "D01", "s1")["record"]["enrollments"]


@pytest.mark.parametrize("fields", [{"local_id", "flags.foster_care", "addresses"}, {ALL}])
def test_a_protective_order_withholds_the_address_from_a_recipient(index, fields):
    eid = store_child(index, flags=[FOSTER], **ADDRESS, restrictions=[ORDER])
    contact = contact_of(make_agreement(fields))
    answer = read(index, contact, "CCWIS", "c1")
    assert "addresses" in answer["withheld"]
    assert "Secret" not in repr(answer)
    assert answer["record"].keys().isdisjoint({"addresses", "restrictions", "guardians", "enrollments"})
    golden = look_up_golden_record(index, contact, eid)
    assert "Secret" not in repr(golden)
    assert "Secret" not in repr(build_person_page(index, contact, eid))


def weigh_postal_code(index, postal_code):
    """Return the weight of the one match of a search with a postal code."""
    [found] = search_persons(index, searcher(), {**CHILD, "postal_code": postal_code})
    return found.match_weight


def test_a_search_does_not_compare_what_a_protective_order_withholds_from_a_recipient(index):
    record = make_child("c1", **CHILD, **ADDRESS, flags=[FOSTER])
    upsert(index, OPERATOR, "CCWIS", record)
    assert weigh_postal_code(index, "43001") > weigh_postal_code(index, "99501")
    upsert(index, OPERATOR, "CCWIS", {**record, "restrictions": [ORDER]})
    assert weigh_postal_code(index, "43001") == weigh_postal_code(index, "99501")


def test_the_owner_reads_its_own_record_whole_under_a_protective_order(index):
    store_child(index, flags=[FOSTER], **ADDRESS, restrictions=[ORDER])
    answer = read(index, person_of(Role.CASEWORKER, "case_planning", make_agreement()), "CCWIS", "c1")
    assert answer["record"]["addresses"]
    assert answer["withheld"] == []


def test_the_page_of_a_child_shows_when_no_local_id_may_be_sent(index):
    eid = store_child(index, flags=[FOSTER])
    page = build_person_page(index, contact_of(make_agreement({"flags.foster_care"})), eid)
    assert {card.label for card in page.cards} == {SCHOOL, CARE}


def test_an_issue_of_a_field_that_is_left_out_is_not_told(index):
    store_child(index, flags=[FOSTER], phone="1")
    assert read(index, contact_of(), "CCWIS", "c1")["issues"]
    assert read(index, contact_of(make_agreement({"local_id"})), "CCWIS", "c1")["issues"] == []


def test_a_record_is_own_disclosed_or_hidden():
    rights = contact_of().rights
    in_care = frozenset({("CCWIS", "foster_care")})
    assert rights.find_access("D01") is RecordAccess.OWN
    assert rights.find_access("CCWIS", in_care) is RecordAccess.DISCLOSED
    assert rights.find_access("CCWIS", frozenset({("D01", "foster_care")})) is RecordAccess.HIDDEN
    assert rights.find_access("CCWIS", frozenset({("CCWIS", "homeless")})) is RecordAccess.HIDDEN
    assert rights.find_access("elsewhere", in_care) is RecordAccess.HIDDEN


def house_client(index, actions, sources, purpose=None):
    """Return a client of the operator's own agreement."""
    return authenticate(index, add_client(index, OPERATOR, "client", actions, sources), purpose)


def test_a_client_of_several_sources_under_house_owns_none_of_them(index):
    runaway = {"population": "runaway", "value": "Y", "definition": "AFCARS"}
    placement = {"type": "foster_home", "begin": "2026-01-05"}
    eid = store_child(index, flags=[FOSTER, runaway], placements=[placement], restrictions=[ORDER])
    client = house_client(index, ["record.read", "person.read"], ["CCWIS", "D01"])
    assert look_up_person(index, client, eid).flags == ()
    answer = read(index, client, "CCWIS", "c1")
    assert answer["record"].keys().isdisjoint({"flags", "placements", "restrictions", "addresses"})
    assert "addresses" in answer["withheld"]


def test_a_client_of_one_source_under_house_owns_it(index):
    store_child(index, flags=[FOSTER], restrictions=[ORDER])
    client = house_client(index, ["record.read"], ["CCWIS"])
    assert read(index, client, "CCWIS", "c1")["record"].keys() >= {"flags", "restrictions"}


def test_an_order_that_shows_flags_needs_a_grant_of_whoever_owns_all_sources():
    terms = make_agreement()
    house = Party("house", "State", PartyKind.OPERATOR, frozenset({ALL}))
    reviews = frozenset({"data_quality"})
    output = frozenset({f"flags.{population}" for population in POPULATIONS})
    by_district = Grant("district", "house", ALL, "state_statute", reviews, output, frozenset())
    by_house = replace(by_district, discloser="house")
    caller = Caller("stella", frozenset(), None, "dsa-1", 1, Role.STEWARD)
    for grant, expected in ((by_district, False), (by_house, True)):
        agreement = replace(terms, parties=(*terms.parties, house), grants=(grant,))
        steward = build_viewer(caller, "data_quality", agreement, clock.now().date())
        assert steward.rights.carries_all_flags is expected


def test_no_party_owns_all_sources_beside_one_that_names_its_own():
    terms = make_agreement()
    house = Party("house", "State", PartyKind.OPERATOR, frozenset({ALL}))
    with pytest.raises(InputError, match="one party owns all sources, so agency can name none"):
        check_agreement(replace(terms, parties=(*terms.parties, house)), {}, {})


def test_a_correction_names_no_child_whom_its_recipient_may_not_look_up(index):
    eid = store_child(index, flags=[FOSTER])
    contact = contact_of()
    look_up_person(index, contact, eid)
    split(index, OPERATOR, eid, [[SCHOOL], [CARE]], StepOptions("test"))
    [incident] = list_incidents(index, OPERATOR)
    send_corrections(index, OPERATOR, incident.code)
    assert count_for_menu(index, contact).corrections == 1
    # The care record is alone now. No school says that its child is enrolled, so the contact may not see it.
    [correction] = list_corrections(index, contact)
    assert [record.local_id for record in correction.records] == ["s1"]

    left = {**ENROLLMENT, "exit_date": "2026-09-01"}
    upsert(index, OPERATOR, "D01", make_child("s1", **CHILD, enrollments=[left]))
    with pytest.raises(NotFoundError):
        look_up_crosswalk(index, contact, "D01", "s1")
    assert list_corrections(index, contact) == []
    assert count_for_menu(index, contact).corrections == 0
    with pytest.raises(NotFoundError):
        acknowledge_correction(index, contact, incident.code)
