"""Registration by hand: the check before it, whose record it is, and the reason on the ledger."""

from dataclasses import replace

import pytest

from mpi.domain.errors import (
    AccessDenied,
    ConflictError,
    InputError,
    RecordError,
    SearchLimitError,
    StaleError,
)
from mpi.domain.record_ref import RecordRef
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.source import Holdings, SourceKind
from mpi.domain.viewer import Action, Viewer
from mpi.service.core.index import SearchLimits
from mpi.service.holdings.settings import set_holdings
from mpi.service.persons.search import search_persons
from mpi.service.records.record_reader import read
from mpi.service.records.registration import (
    ENTRY_FIELDS,
    RegistrationChoice,
    add_own_records,
    find_likely_children,
    list_entry_sources,
    register_child,
    update_record,
)
from mpi.service.records.upsert import upsert
from mpi.service.statements.sources import NewSource, add_source
from mpi.service.stewardship.expunge_requests import approve_expunges
from tests.index import OPERATOR, SECOND_PERSON, crosswalk, make_child, with_settings

REGISTRAR = Viewer(
    "registrar", "data_quality", ACTIONS_BY_ROLE[Role.STEWARD] | {Action.RECORD_WRITE}, frozenset({"sis"})
)
AMARA = {"first_name": "Amara", "last_name": "Okonkwo", "birth_date": "2014-03-09", "postal_code": "43001"}


def check(index, viewer=REGISTRAR, **changes):
    return find_likely_children(index, viewer, "sis", {"local_id": "new", **AMARA, **changes})


UNSEEN = RegistrationChoice()


def register(index, choice=UNSEEN, local_id="new", **changes):
    return register_child(index, REGISTRAR, "sis", {"local_id": local_id, **AMARA, **changes}, choice)


def test_the_check_finds_existing_children_and_their_records_of_the_same_source(index):
    eid = upsert(index, OPERATOR, "sis", make_child("1")).enterprise_id
    [likely] = check(index)
    assert likely.result.enterprise_id == eid
    assert likely.own_records == (RecordRef("sis", "1"),)
    assert check(index, first_name="Bruno", last_name="Winterbottom", birth_date="2009-01-01") == ()


def test_the_check_tells_nothing_of_what_another_agency_holds(index):
    upsert(index, OPERATOR, "ccwis", make_child("c1"))
    assert check(index) == ()
    upsert(index, OPERATOR, "sis", make_child("1"))
    [likely] = check(index)
    assert likely.own_records == (RecordRef("sis", "1"),)


def test_the_check_counts_as_a_search_and_is_limited_like_one(index):
    limited = with_settings(index, search_limits=replace(SearchLimits(), per_minute=1))
    check(limited)
    with pytest.raises(SearchLimitError):
        check(limited)


def test_a_record_of_an_existing_child_is_linked_whatever_the_model_says(index):
    eid = upsert(index, OPERATOR, "sis", make_child("1")).enterprise_id
    strange = {"first_name": "Bruno", "last_name": "Winterbottom", "birth_date": "2009-01-01"}
    stored = register(index, RegistrationChoice(same_as=eid), **strange)
    assert stored.enterprise_id == eid


def test_a_new_child_stays_apart_from_those_shown_and_its_reason_is_on_the_ledger(index):
    eid = upsert(index, OPERATOR, "sis", make_child("1")).enterprise_id
    stored = register(index, RegistrationChoice(shown=(eid,), reason="namesake"))
    assert stored.enterprise_id not in (None, eid)
    with index.database.ledger.read(OPERATOR) as unit:
        line = unit.disclosures.all()[-1]
    assert (line.client, line.action) == ("registrar", Action.RECORD_WRITE)
    assert "reason:namesake" in line.fields
    assert len(line.record_ids) == 1


def test_a_new_child_needs_a_reason_only_if_children_were_shown(index):
    assert register(index).enterprise_id is not None
    eid = upsert(index, OPERATOR, "sis", make_child("1")).enterprise_id
    with pytest.raises(InputError, match="reason"):
        register(index, RegistrationChoice(shown=(eid,)), local_id="second")
    assert ("sis", "second") not in crosswalk(index)


def test_a_local_id_in_use_is_refused(index):
    upsert(index, OPERATOR, "sis", make_child("new"))
    for call in (check, register):
        with pytest.raises(ConflictError, match="local ID"):
            call(index)
    with pytest.raises(RecordError):
        check(index, local_id="")


def test_a_sealed_and_a_destroyed_local_id_are_refused_like_one_in_use(index):
    upsert(index, OPERATOR, "sis", make_child("used"))
    upsert(index, OPERATOR, "sis", make_child("sealed", restrictions=[{"kind": "sealed"}]))
    upsert(index, OPERATOR, "sis", make_child("gone", restrictions=[{"kind": "expunged"}]))
    approve_expunges(index, SECOND_PERSON, "sis", ["gone"])
    answers = set()
    for local_id in ("used", "sealed", "gone"):
        for call in (lambda name: check(index, local_id=name), lambda name: register(index, local_id=name)):
            with pytest.raises(ConflictError) as refused:
                call(local_id)
            answers.add(str(refused.value))
    assert len(answers) == 1


def test_a_record_that_the_source_does_not_keep_is_refused_too(index):
    add_source(index, OPERATOR, NewSource("welfare", kind=SourceKind.CCWIS))
    add_source(index, OPERATOR, NewSource("intake", kind=SourceKind.SIS))
    set_holdings(index, OPERATOR, "intake", Holdings.LINKED)
    viewer = replace(REGISTRAR, sources=frozenset({"intake"}))
    with pytest.raises(ConflictError, match="nothing was saved"):
        register_child(index, viewer, "intake", {"local_id": "new", **AMARA}, UNSEEN)


def read_tag(index):
    """Return the tag of the one record that a check offers for an update."""
    [likely] = check(index, local_id="other")
    [tag] = likely.tags
    return tag


@pytest.mark.parametrize("change", [{"city": "Dayton"}, {"restrictions": [{"kind": "sealed"}]}], ids=str)
def test_an_update_of_a_record_that_changed_since_the_check_is_refused(index, change):
    register(index)
    tag = read_tag(index)
    upsert(index, OPERATOR, "sis", make_child("new", **change))
    with pytest.raises(StaleError, match="has changed"):
        update_record(index, REGISTRAR, RecordRef("sis", "new"), {"last_name": "Okoro"}, tag)


def test_a_child_that_is_sealed_after_the_search_is_left_out(index):
    upsert(index, OPERATOR, "sis", make_child("1"))
    other = upsert(index, OPERATOR, "sis", make_child("2", first_name="Bruno", last_name="Winter"))
    results = [
        result
        for name in ({}, {"first_name": "Bruno", "last_name": "Winter"})
        for result in search_persons(index, REGISTRAR, {**AMARA, **name})
    ]
    upsert(index, OPERATOR, "sis", make_child("1", restrictions=[{"kind": "sealed"}]))
    likely = add_own_records(index, REGISTRAR, "sis", results)
    assert {child.result.enterprise_id for child in likely} == {other.enterprise_id}


def test_an_update_keeps_what_was_not_typed(index):
    register(index, city="Dayton", middle_name="Ann", sex="F")
    updated = update_record(
        index, REGISTRAR, RecordRef("sis", "new"), {"last_name": "Okoro"}, read_tag(index)
    )
    assert updated.record == "updated"
    record = read(index, REGISTRAR, "sis", "new")["record"]
    stated = {name: record.get(name) for name in ("first_name", "last_name", "middle_name", "city", "sex")}
    assert stated == {
        "first_name": "Amara", "last_name": "Okoro", "middle_name": "Ann", "city": "Dayton", "sex": "F",
    }  # fmt: skip


@pytest.mark.parametrize("more", [{"ssn": "412-55-9182"}, {"email": "a@example.org"}], ids=str)
def test_an_update_that_would_lose_a_value_is_refused(index, more):
    upsert(index, OPERATOR, "sis", make_child("1", **more))
    with pytest.raises(ConflictError, match="more than can be entered by hand"):
        update_record(index, REGISTRAR, RecordRef("sis", "1"), {"last_name": "Okoro"}, read_tag(index))
    assert read(index, REGISTRAR, "sis", "1")["record"]["last_name"] == "Okonkwo"


def test_only_sources_that_the_person_is_named_for_are_offered(index):
    add_source(index, OPERATOR, NewSource("corrections", kind=SourceKind.STEWARD))
    assert [source.code for source in list_entry_sources(index, REGISTRAR)] == ["sis"]
    assert list_entry_sources(index, replace(REGISTRAR, sources=None)) == []
    for viewer in (Viewer("nobody"), replace(REGISTRAR, sources=frozenset({"ccwis"}))):
        with pytest.raises(AccessDenied):
            check(index, viewer)


def test_the_form_has_no_field_that_seals_or_flags():
    assert not {"restrictions", "flags", "ssn", "confidential_address"} & set(ENTRY_FIELDS)
