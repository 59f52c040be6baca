"""An answer compares another party's record by the fields that the agreement permits, and by no other."""

import re
from contextlib import ExitStack
from dataclasses import asdict, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpi.api.app import create_app
from mpi.domain import clock
from mpi.domain.errors import RecordError
from mpi.domain.keyed_hash import KeyedHash
from mpi.domain.record_ref import RecordRef
from mpi.domain.roles import Role
from mpi.domain.viewer import Action
from mpi.policy.agreement import Grant
from mpi.service.access.clients import add_client
from mpi.service.access.viewers import Caller, build_viewer
from mpi.service.agreements.house import build_house_agreement
from mpi.service.agreements.register import approve_version, propose_version
from mpi.service.core.index import SearchLimits
from mpi.service.core.visible_features import limits_comparisons, load_visible_features
from mpi.service.explanations.pair_explanation import FIELDS_LIMITED, explain_pair
from mpi.service.explanations.person_explanation import explain_person
from mpi.service.explanations.person_links import list_links
from mpi.service.persons.search import search_persons
from mpi.service.records.upsert import upsert
from mpi.service.review.task_list import list_review_tasks
from mpi.service.statements.sources import NewSource, add_source
from mpi.standardize.fields.kept_fields import keep_fields
from mpi.standardize.record_validation import validate_record
from mpi.standardize.standardizer import standardize
from tests.agreements import make_care_terms
from tests.index import OPERATOR, crosswalk, open_test_index, with_settings, with_tuning
from tests.unit.api.live import calling

NAMES = {"first_name": "Marisol", "last_name": "Quennell"}
BIRTH = {"birth_date": "2013-07-04"}
CHILD = {**NAMES, **BIRTH, "sex": "F", "ssn": "412-55-9182", "postal_code": "43001"}
EVIDENCE = tuple(CHILD)
FLAG = {"population": "foster_care", "value": "Y", "definition": "ESSA", "begin": "2026-01-05"}
ENROLLED = {"enrollments": [{"school_id": "1042", "grade": "7", "entry_date": "2026-08-20"}]}
CARE, PROBE = RecordRef("CCWIS", "c1"), RecordRef("D01", "probe")
IDENTITY = frozenset({"first_name", "last_name", "birth_date"})
HASH = KeyedHash(b"k" * 32)
SSN_GUESSES = ("412-55-9182", "412-55-9183", "417-31-2034")
BIRTH_GUESSES = ("2013-07-04", "2013-07-05", "2011-01-30")


def make_terms(matching, output=frozenset({"school_id"}), **changes):
    """Return the terms by which child welfare discloses children to a district."""
    grant = Grant(
        "agency", "district", "foster_care", "state_statute",
        frozenset({"school_stability", "data_quality"}), frozenset(output), frozenset(matching),
    )  # fmt: skip
    return make_care_terms(grant, **changes)


def contact_of(terms):
    """Return the point of contact of the district, with actions that no role of people has today."""
    caller = Caller("contact", frozenset(), frozenset({"CCWIS", "D01"}), terms.code, 1, Role.POINT_OF_CONTACT)
    viewer = build_viewer(caller, "school_stability", terms, _today())
    return replace(viewer, actions=viewer.actions | {Action.PERSON_SEARCH, Action.RECORD_READ})


def narrow_house(**fields):
    """Return the operator's rule with fewer fields."""
    house = build_house_agreement()
    return replace(house, is_approved=True, grants=(replace(house.grants[0], **fields),))


def state_under(house):
    """Return a client of all sources under the operator's rule."""
    return build_viewer(Caller("state", frozenset(Action), None, "house", 1), None, house, _today())


def add_sources(index):
    for code, kind in (("CCWIS", "ccwis"), ("D01", "sis")):
        add_source(index, OPERATOR, NewSource(code, kind=kind))


def without_limits(index):
    return with_settings(index, search_limits=SearchLimits(1_000_000, 1_000_000))


@pytest.fixture
def index(tmp_path):
    with open_test_index(tmp_path) as opened:
        add_sources(opened)
        upsert(opened, OPERATOR, "CCWIS", {**CHILD, "local_id": "c1", "flags": [FLAG]})
        yield without_limits(opened)


def send_probe(index, **values):
    """Send a record of the district with guesses, and return the child's enterprise ID."""
    return upsert(index, OPERATOR, "D01", {**NAMES, **values, **ENROLLED, "local_id": "probe"}).enterprise_id


def describe(results):
    """Return what search results tell, but for the random ID."""
    return [(found.match_weight, found.band, found.explanation) for found in results]


def search_or_error(index, viewer, typed):
    try:
        return describe(search_persons(index, viewer, typed))
    except RecordError as error:
        return str(error)


@pytest.fixture(scope="module")
def pair_of_indexes(tmp_path_factory):
    """Two indexes with one secret, for a record sent whole and one sent in part."""
    with ExitStack() as stack:
        indexes = []
        for name in ("whole", "part"):
            folder = tmp_path_factory.mktemp(name)
            opened = stack.enter_context(open_test_index(folder, secret="ab" * 32))
            add_sources(opened)
            indexes.append(without_limits(opened))
        upsert(indexes[0], OPERATOR, "CCWIS", {**CHILD, "local_id": "c1", "flags": [FLAG]})
        yield indexes


@settings(max_examples=25, deadline=None)
@given(
    matching=st.frozensets(st.sampled_from(EVIDENCE)),
    output=st.frozensets(st.sampled_from(("first_name", "birth_date", "postal_code"))),
    typed=st.sets(st.sampled_from(EVIDENCE), min_size=1),
    is_misspelled=st.booleans(),
)
def test_a_search_equals_that_of_an_index_whose_disclosed_records_lack_the_other_fields(
    pair_of_indexes, matching, output, typed, is_misspelled
):
    whole, part = pair_of_indexes
    permitted = {name: CHILD[name] for name in EVIDENCE if name in matching | output}
    upsert(part, OPERATOR, "CCWIS", {**permitted, "local_id": "c1", "flags": [FLAG]})
    query = {name: CHILD[name] for name in typed}
    if is_misspelled:
        query["last_name"] = "Quinnell"
    answer = search_or_error(whole, contact_of(make_terms(matching, output)), query)
    assert answer == search_or_error(part, OPERATOR, query)


def test_no_guess_of_a_field_outside_the_agreement_changes_a_search(index):
    viewer = contact_of(make_terms({"first_name", "last_name", "sex"}))
    typed = [{**NAMES, "birth_date": birth, "ssn": ssn} for birth in BIRTH_GUESSES for ssn in SSN_GUESSES]
    assert len({repr(search_persons(index, viewer, each)) for each in typed}) == 1
    assert len({repr(search_persons(index, OPERATOR, each)) for each in typed}) > 1


def test_a_child_whom_only_a_field_outside_the_agreement_finds_is_not_found(index):
    by_number = {"first_name": "Marisol", "ssn": CHILD["ssn"], **BIRTH}
    assert search_persons(index, contact_of(make_terms(IDENTITY | {"ssn"})), by_number)
    assert search_persons(index, contact_of(make_terms({"first_name", "birth_date"})), by_number) == []


def test_fields_for_output_are_compared_if_the_purpose_carries_them(index):
    typed = {**CHILD}
    [by_all] = search_persons(index, contact_of(make_terms({"all"})), typed)
    named = contact_of(make_terms(IDENTITY, {"postal_code", "sex"}))
    [by_output] = search_persons(index, named, typed)
    [by_identity] = search_persons(index, contact_of(make_terms(IDENTITY)), typed)
    levels = [{part.comparison: part.level for part in each.explanation} for each in (by_output, by_identity)]
    assert [each["postal_code"] for each in levels] == ["equal", "missing"]
    assert [each["ssn"] for each in levels] == ["missing", "missing"]
    assert by_all.match_weight > by_output.match_weight > by_identity.match_weight


def test_no_guess_sent_as_a_record_changes_an_explanation(index):
    contact = contact_of(make_terms(IDENTITY))
    state = state_under(narrow_house(matching_fields=IDENTITY, output_fields=IDENTITY))
    told, told_all = set(), set()
    for ssn in SSN_GUESSES[:2]:
        eid = send_probe(index, **BIRTH, ssn=ssn, postal_code=CHILD["postal_code"])
        pair = explain_pair(index, state, PROBE, CARE)
        assert FIELDS_LIMITED in pair.standing
        assert {part.level for part in pair.parts if part.comparison == "ssn"} == {"missing"}
        told.add(repr((pair, explain_person(index, contact, eid), list_links(index, contact, eid))))
        told_all.add(repr(explain_pair(index, OPERATOR, PROBE, CARE)))
        assert eid == crosswalk(index)["CCWIS", "c1"]
    assert (len(told), len(told_all)) == (1, 2)


def test_many_records_are_explained_without_pairs_that_rest_on_other_fields(index):
    viewer = contact_of(make_terms({"first_name"}))
    eid = send_probe(index, **BIRTH, ssn=CHILD["ssn"])
    few = with_tuning(index, review={"explained_records": 1})
    assert explain_person(few, OPERATOR, eid).lines
    assert explain_person(few, viewer, eid).lines == ()
    assert list_links(few, viewer, eid) == ()


def test_own_records_and_the_operators_rule_compare_all_fields(index):
    send_probe(index, **BIRTH, ssn=CHILD["ssn"])
    upsert(index, OPERATOR, "D01", {**CHILD, **ENROLLED, "local_id": "second"})
    viewer = contact_of(make_terms(frozenset()))
    own = explain_pair(index, viewer, PROBE, RecordRef("D01", "second"))
    assert own == explain_pair(index, OPERATOR, PROBE, RecordRef("D01", "second"))
    assert FIELDS_LIMITED not in own.standing
    state = state_under(narrow_house())
    assert not limits_comparisons(state)
    assert explain_pair(index, state, PROBE, CARE) == explain_pair(index, OPERATOR, PROBE, CARE)
    with index.database.read(state) as unit:
        assert not load_visible_features(unit, index, [1, 2]).partial


def test_a_narrowed_rule_of_the_operator_limits_a_client_of_all_sources(index):
    viewer = state_under(narrow_house(matching_fields=IDENTITY, output_fields=IDENTITY))
    typed = [{**NAMES, **BIRTH, "ssn": ssn} for ssn in SSN_GUESSES]
    assert len({repr(search_persons(index, viewer, each)) for each in typed}) == 1


def test_the_weight_of_a_review_task_leaves_the_other_fields_out(index):
    upsert(index, OPERATOR, "D01", {**CHILD, "first_name": "Ines", "ssn": None, "local_id": "p"})
    names = frozenset({"last_name"})
    viewer = state_under(narrow_house(matching_fields=names, output_fields=frozenset()))
    [all_told], [told] = list_review_tasks(index, OPERATOR), list_review_tasks(index, viewer)
    assert told.key == all_told.key
    pair = explain_pair(index, viewer, RecordRef("D01", "p"), CARE)
    assert told.match_weight == pair.match_weight != all_told.match_weight


def test_no_guess_changes_a_byte_of_an_answer_over_http(index):
    names = frozenset({"first_name", "last_name"})
    propose_version(index, OPERATOR, narrow_house(matching_fields=names, output_fields=names))
    approve_version(index, OPERATOR, "house", alone=True)
    key = add_client(index, OPERATOR, "state", ("person.search", "record.read", "person.read"), None)
    found, explained = set(), set()
    with calling(create_app(index), key) as call:
        for birth, ssn in zip(BIRTH_GUESSES, SSN_GUESSES, strict=True):
            answer = call.post("/v1/persons:search", json={**NAMES, "birth_date": birth, "ssn": ssn})
            assert answer.status_code == 200
            found.add(answer.content)
            send_probe(index, birth_date=birth, ssn=ssn)
            labels = {"left": asdict(PROBE), "right": asdict(CARE)}
            pair = call.post("/v1/explanations", json=labels)
            assert pair.status_code == 200
            # Whether the two are one person follows from linkage, by design.
            explained.add(
                re.sub(rb"These records are currently (one child|two children)\.", b"", pair.content)
            )
    assert (len(found), len(explained)) == (1, 1)


SENT = {
    **CHILD,
    "local_id": "1", "middle_name": "Ana", "preferred_name": "Mari", "phone": "614-555-0137",
    "other_names": [{"first_name": "Marie", "last_name": "Quinn"}],
    "birth_date_quality": "verified", "previous_birth_dates": ["2013-04-07"],
    "identifiers": [{"system": "sasid", "assigner": "OH", "value": "123456789"}],
    "address_line1": "12 Elm St", "city": "Dayton", "state": "OH", "email": "q@example.org",
    "guardian_first_name": "Rosa", "guardian_last_name": "Quennell", "guardian_relationship": "mother",
    "household_ids": ["H1"], "birth_city": "Dayton", "birth_state": "OH", "multiple_birth": True,
}  # fmt: skip


@given(st.sets(st.sampled_from(sorted(SENT))))
def test_kept_fields_give_the_features_of_a_record_sent_with_them_alone(fields):
    whole = validate_record(SENT, HASH, clock.now()).record
    sent = {name: SENT[name] for name in ("local_id", "birth_date_quality", *fields)}
    expected = validate_record(sent, HASH, clock.now()).record
    kept = keep_fields(whole, fields)
    assert standardize(kept, "D01", HASH) == standardize(expected, "D01", HASH)


def _today():
    return clock.now().date()
