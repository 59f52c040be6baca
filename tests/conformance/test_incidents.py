"""A wrong link that was found opens an incident, until each recipient has acknowledged its correction."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mpi.domain.decision import DecisionKind
from mpi.domain.errors import AccessDenied, ConflictError, InputError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer
from mpi.service.access.clients import add_client
from mpi.service.audit.corrections import acknowledge_correction, list_corrections
from mpi.service.audit.incidents import (
    acknowledge_for,
    close_incident,
    list_incidents,
    send_corrections,
    show_incident,
)
from mpi.service.notices.menu_counts import count_for_menu
from mpi.service.persons.persons import look_up_crosswalk, look_up_person
from mpi.service.records.upsert import upsert
from mpi.service.stewardship.decisions import DecisionRequest, decide
from mpi.service.stewardship.deferred_steps import apply_due_decisions
from mpi.service.stewardship.merge_split_move import StepOptions, split
from tests.index import OPERATOR, crosswalk, expunge, load_rows, make_child

ONE, OTHER = RecordRef("sis", "1"), RecordRef("ccwis", "2")
STEWARD = replace(OPERATOR, client="steward")
OFFICER = replace(OPERATOR, client="officer")
BOTH = Viewer("registry", "data_quality", frozenset({Action.PERSON_READ}), None)
SCHOOL = Viewer("school", "data_quality", frozenset({Action.CROSSWALK_READ}), frozenset({"sis"}))
COUNTY = Viewer("county", "data_quality", frozenset({Action.CROSSWALK_READ}), frozenset({"ccwis"}))


@pytest.fixture
def linked(index, manual_clock):
    """Two records that one person holds, of which three clients were told."""
    add_client(index, OPERATOR, "school", ["crosswalk.read"], ["sis"])
    add_client(index, OPERATOR, "county", ["crosswalk.read"], ["ccwis"])
    load_rows(index, "sis", make_child("1"))
    manual_clock.advance(hours=1)
    look_up_crosswalk(index, replace(SCHOOL, client="early"), "sis", "1")
    manual_clock.advance(hours=1)
    load_rows(index, "ccwis", make_child("2"))
    manual_clock.advance(hours=1)
    eid = look_up_crosswalk(index, SCHOOL, "sis", "1").enterprise_id
    assert look_up_crosswalk(index, COUNTY, "ccwis", "2").enterprise_id == eid
    look_up_person(index, BOTH, eid)
    manual_clock.advance(hours=1)
    return index


def part(index, clock, *, preview=False):
    """Split the person, as a steward."""
    eid = crosswalk_of(index)[ONE.source, ONE.local_id]
    split(index, STEWARD, eid, [[ONE], [OTHER]], StepOptions("test", preview=preview))
    clock.advance(hours=1)


def crosswalk_of(index):
    with index.database.read(STEWARD) as unit:
        source = unit.sources.get_by_code("sis").id
        record = unit.records.find_by_local_ids(source, ["1"])["1"].id
        person = unit.persons.current_persons([record])[record]
        return {("sis", "1"): unit.persons.by_ids([person])[person].eid}


def test_a_split_opens_an_incident_with_those_who_were_told(linked, manual_clock):
    part(linked, manual_clock, preview=True)
    assert list_incidents(linked, OFFICER) == []
    part(linked, manual_clock)
    [incident] = list_incidents(linked, OFFICER)
    assert (incident.state, incident.kind, incident.opened_by) == ("open", "split", "steward")
    assert set(incident.parts) == {(ONE,), (OTHER,)}
    told = {recipient.client: recipient.records for recipient in incident.recipients}
    # Of the two that saw one record each, only that one is told whose record has another ID now.
    changed = {client for client in told if client in {"school", "county"}}
    assert told["registry"] == (OTHER, ONE)
    assert len(changed) == 1
    assert "early" not in told


def test_a_decision_that_binds_later_opens_its_incident_then(linked, manual_clock):
    day = (manual_clock.now + timedelta(days=3)).date().isoformat()
    groups = [[ONE], [OTHER]]
    request = DecisionRequest(DecisionKind.DIFFERENT, groups, reason="test", effective_from=day)
    decide(linked, STEWARD, request)
    assert list_incidents(linked, OFFICER) == []
    manual_clock.advance(days=4)
    assert apply_due_decisions(linked, STEWARD) == 1
    [incident] = list_incidents(linked, OFFICER)
    assert set(incident.parts) == {(ONE,), (OTHER,)}
    assert "registry" in {recipient.client for recipient in incident.recipients}


def test_each_recipient_reads_its_own_records_alone_and_acknowledges(linked, manual_clock):
    part(linked, manual_clock)
    [incident] = list_incidents(linked, OFFICER)
    [narrow] = {recipient.client for recipient in incident.recipients} & {"school", "county"}
    viewer, ref = (SCHOOL, ONE) if narrow == "school" else (COUNTY, OTHER)
    assert list_corrections(linked, viewer) == []
    send_corrections(linked, OFFICER, incident.code)

    [correction] = list_corrections(linked, viewer)
    assert [(record.source, record.local_id) for record in correction.records] == [(ref.source, ref.local_id)]
    assert correction.records[0].enterprise_id == crosswalk(linked)[ref.source, ref.local_id]
    other_viewer = COUNTY if viewer is SCHOOL else SCHOOL
    assert list_corrections(linked, other_viewer) == []
    with pytest.raises(NotFoundError):
        acknowledge_correction(linked, other_viewer, incident.code)

    acknowledge_correction(linked, viewer, incident.code)
    assert list_corrections(linked, viewer)[0].acknowledged_at
    with pytest.raises(ConflictError):
        acknowledge_correction(linked, viewer, incident.code)
    with linked.database.ledger.read(OPERATOR) as unit:
        assert any(
            line.client == viewer.client and "enterprise_id" in line.fields
            for line in unit.disclosures.all()[-2:]
        )


def test_an_incident_closes_once_all_have_acknowledged(linked, manual_clock):
    part(linked, manual_clock)
    [incident] = list_incidents(linked, OFFICER)
    with pytest.raises(ConflictError, match="send the corrections"):
        close_incident(linked, OFFICER, incident.code, "P. Officer", "done")
    send_corrections(linked, OFFICER, incident.code)
    with pytest.raises(ConflictError, match="sent already"):
        send_corrections(linked, OFFICER, incident.code)
    with pytest.raises(ConflictError, match="not acknowledged yet: 2"):
        close_incident(linked, OFFICER, incident.code, "P. Officer", "done")
    for recipient in incident.recipients:
        acknowledge_for(linked, OFFICER, incident.code, recipient.client, "R. Registrar")
    assert show_incident(linked, OFFICER, incident.code).state == "acknowledged"
    with pytest.raises(InputError):
        close_incident(linked, OFFICER, incident.code, " ", "done")
    close_incident(linked, OFFICER, incident.code, "P. Officer", "both were called")
    closed = show_incident(linked, OFFICER, incident.code)
    assert (closed.state, closed.closed_by, closed.note) == ("closed", "P. Officer", "both were called")
    assert list_incidents(linked, OFFICER) == []
    assert len(list_incidents(linked, OFFICER, with_closed=True)) == 1
    with pytest.raises(ConflictError, match="closed already"):
        close_incident(linked, OFFICER, incident.code, "P. Officer", "again")


def test_destroyed_records_leave_incidents_and_corrections(linked, manual_clock):
    part(linked, manual_clock)
    [incident] = list_incidents(linked, OFFICER)
    send_corrections(linked, OFFICER, incident.code)
    expunge(linked, "sis", make_child("1"))
    shown = show_incident(linked, OFFICER, incident.code)
    assert shown.parts == ((OTHER,),)
    assert all(ONE not in recipient.records for recipient in shown.recipients)
    assert all(record.local_id != "1" for each in list_corrections(linked, BOTH) for record in each.records)


def test_a_correction_of_sealed_records_is_as_if_it_had_not_been_sent(linked, manual_clock):
    part(linked, manual_clock)
    [incident] = list_incidents(linked, OFFICER)
    [narrow] = {recipient.client for recipient in incident.recipients} & {"school", "county"}
    viewer, ref = (SCHOOL, ONE) if narrow == "school" else (COUNTY, OTHER)
    send_corrections(linked, OFFICER, incident.code)
    assert count_for_menu(linked, viewer).corrections == 1
    upsert(linked, OPERATOR, ref.source, make_child(ref.local_id, restrictions=[{"kind": "sealed"}]))
    assert list_corrections(linked, viewer) == []
    assert count_for_menu(linked, viewer).corrections == 0
    with pytest.raises(NotFoundError):
        acknowledge_correction(linked, viewer, incident.code)
    [other] = list_corrections(linked, BOTH)
    assert ref.local_id not in {record.local_id for record in other.records}
    assert count_for_menu(linked, BOTH).corrections == 1


def test_only_privacy_officers_handle_incidents(linked, manual_clock):
    part(linked, manual_clock)
    [incident] = list_incidents(linked, OFFICER)
    reader = replace(OFFICER, actions=frozenset({Action.LEDGER_READ}))
    assert show_incident(linked, reader, incident.code) == incident
    for act in (
        lambda: send_corrections(linked, reader, incident.code),
        lambda: acknowledge_for(linked, reader, incident.code, "registry", "R. Registrar"),
        lambda: close_incident(linked, reader, incident.code, "P. Officer", "done"),
        lambda: list_incidents(linked, SCHOOL),
        lambda: list_corrections(linked, Viewer("nobody-special")),
    ):
        with pytest.raises(AccessDenied):
            act()
    with pytest.raises(NotFoundError):
        show_incident(linked, OFFICER, "no-such")
