"""An incident whose separation is undone does not stay open silently."""

from dataclasses import replace

import pytest

from mpi.domain.decision import DecisionKind
from mpi.domain.errors import ConflictError
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
from mpi.service.stewardship.decisions import DecisionRequest, decide, list_decisions
from mpi.service.stewardship.merge_split_move import StepOptions, merge, split
from mpi.service.stewardship.undo import undo_step
from tests.index import OPERATOR, load_rows, make_child

ONE, TWO, THREE = RecordRef("sis", "1"), RecordRef("ccwis", "2"), RecordRef("ccwis", "3")
STEWARD = replace(OPERATOR, client="steward")
OFFICER = replace(OPERATOR, client="officer")
BOTH = Viewer("registry", "data_quality", frozenset({Action.PERSON_READ}), None)
LATE = replace(BOTH, client="late")
SCHOOL = Viewer("school", "data_quality", frozenset({Action.CROSSWALK_READ}), frozenset({"sis"}))


@pytest.fixture
def linked(index, manual_clock):
    """Records that one person holds, of which the registry was told."""
    add_client(index, OPERATOR, "school", ["crosswalk.read"], ["sis"])
    load_rows(index, "sis", make_child("1"))
    load_rows(index, "ccwis", make_child("2"))
    manual_clock.advance(hours=1)
    tell(index, BOTH)
    manual_clock.advance(hours=1)
    return index


def eid_of(index, ref):
    """Return the enterprise ID that holds a record, as told to the steward."""
    return look_up_crosswalk(index, STEWARD, ref.source, ref.local_id).enterprise_id


def tell(index, viewer, ref=ONE):
    """Tell a client of the child that holds a record."""
    look_up_person(index, viewer, eid_of(index, ref))


def part(index, clock, *groups):
    """Split the child of the first record, as a steward; return the step."""
    step = split(index, STEWARD, eid_of(index, ONE), groups or [[ONE], [TWO]], StepOptions("test")).step
    clock.advance(hours=1)
    return step


def send(index):
    """Send the corrections of the only incident that is not closed; return its code."""
    [incident] = list_incidents(index, OFFICER)
    send_corrections(index, OFFICER, incident.code)
    return incident.code


def link_again(index, *refs):
    """Merge the persons that hold the records."""
    eids = sorted({eid_of(index, ref) for ref in refs})
    in_force = [each for each in list_decisions(index, STEWARD) if each.status == "in_force"]
    superseded = tuple(each.id for each in in_force if each.kind is DecisionKind.DIFFERENT)
    return merge(index, STEWARD, eids, StepOptions("test", supersedes=superseded)).step


def test_an_undone_split_leaves_nothing_to_send_and_waits_for_an_officer(linked, manual_clock):
    step = part(linked, manual_clock)
    [opened] = list_incidents(linked, OFFICER)
    undo_step(linked, STEWARD, step, preview=True)
    assert list_incidents(linked, OFFICER) == [opened]
    undo_step(linked, STEWARD, step)
    [incident] = list_incidents(linked, OFFICER)
    assert (incident.state, incident.reversed_by) == ("reversed", "steward")
    assert (incident.recipients, incident.deadline, len(incident.parts)) == ((), None, 1)
    with pytest.raises(ConflictError, match="undone"):
        send_corrections(linked, OFFICER, incident.code)
    close_incident(linked, OFFICER, incident.code, "P. Officer", "a slip of the steward")
    assert show_incident(linked, OFFICER, incident.code).state == "closed"
    assert list_incidents(linked, OFFICER) == []
    assert list_corrections(linked, BOTH) == []


def test_records_that_stay_apart_after_an_undo_leave_the_incident_open(linked, manual_clock):
    step = part(linked, manual_clock)
    decide(linked, STEWARD, DecisionRequest(DecisionKind.DIFFERENT, [[ONE], [TWO]], "test"))
    undo_step(linked, STEWARD, step)
    [incident] = list_incidents(linked, OFFICER)
    assert (incident.state, incident.reversed_at) == ("open", None)
    assert [recipient.client for recipient in incident.recipients] == ["registry"]


@pytest.mark.parametrize("is_acknowledged", [False, True])
def test_sent_corrections_are_reversed_at_once(linked, manual_clock, is_acknowledged):
    step = part(linked, manual_clock)
    code = send(linked)
    if is_acknowledged:
        acknowledge_correction(linked, BOTH, code)
    undo_step(linked, STEWARD, step)

    first = show_incident(linked, OFFICER, code)
    assert (first.state, first.closed_by, first.note) == (
        "closed",
        "steward",
        "The separation was undone.",
    )
    assert (first.reversed_by, len(first.parts)) == ("steward", 2)
    [reversal] = list_incidents(linked, OFFICER)
    assert (reversal.state, reversal.kind, reversal.reverses) == ("sent", "undo", code)
    assert [each.client for each in reversal.recipients] == ["registry"]
    assert reversal.deadline.name == "acknowledge"

    assert count_for_menu(linked, BOTH).corrections == 1
    with linked.database.read(BOTH) as unit:
        assert unit.incidents.count_waiting("registry") == 1
    by_code = {each.code: each for each in list_corrections(linked, BOTH)}
    assert by_code[code].withdrawn_at
    assert bool(by_code[code].acknowledged_at) is is_acknowledged
    told = by_code[reversal.code]
    assert (told.reverses, told.withdrawn_at) == (code, None)
    assert len({record.enterprise_id for record in told.records}) == 1
    with pytest.raises(ConflictError, match="not acknowledged yet: 1"):
        close_incident(linked, OFFICER, reversal.code, "P. Officer", "done")
    acknowledge_correction(linked, BOTH, reversal.code)
    assert show_incident(linked, OFFICER, reversal.code).state == "acknowledged"
    close_incident(linked, OFFICER, reversal.code, "P. Officer", "told")
    assert list_incidents(linked, OFFICER) == []


def test_a_closed_incident_with_corrections_is_reversed_too(linked, manual_clock):
    part(linked, manual_clock)
    code = send(linked)
    acknowledge_for(linked, OFFICER, code, "registry", "R. Registrar")
    close_incident(linked, OFFICER, code, "P. Officer", "done")
    link_again(linked, ONE, TWO)
    [reversal] = list_incidents(linked, OFFICER)
    assert (reversal.kind, reversal.reverses) == ("merge", code)
    closed = show_incident(linked, OFFICER, code)
    assert (closed.closed_by, closed.note) == ("P. Officer", "done")


def test_an_incident_is_reversed_once(linked, manual_clock):
    step = part(linked, manual_clock)
    send(linked)
    undo_step(linked, STEWARD, step)
    link_again_step = decide(linked, STEWARD, DecisionRequest(DecisionKind.SAME, [[ONE, TWO]], "test")).step
    undo_step(linked, STEWARD, link_again_step)
    assert len(list_incidents(linked, OFFICER, with_closed=True)) == 2


def test_only_those_told_of_what_is_one_child_again_are_told_so(index, manual_clock):
    add_client(index, OPERATOR, "school", ["crosswalk.read"], ["sis"])
    for source, local_id in (("sis", "1"), ("ccwis", "2"), ("ccwis", "3")):
        load_rows(index, source, make_child(local_id))
    manual_clock.advance(hours=1)
    tell(index, BOTH)
    county = Viewer("county", "data_quality", frozenset({Action.CROSSWALK_READ}), frozenset({"ccwis"}))
    add_client(index, OPERATOR, "county", ["crosswalk.read"], ["ccwis"])
    for local_id in ("2", "3"):
        look_up_crosswalk(index, county, "ccwis", local_id)
    manual_clock.advance(hours=1)
    step = part(index, manual_clock, [ONE], [TWO], [THREE])
    code = send(index)
    decide(index, STEWARD, DecisionRequest(DecisionKind.DIFFERENT, [[ONE], [TWO, THREE]], "test"))
    undo_step(index, STEWARD, step)

    standing, reversal = sorted(list_incidents(index, OFFICER), key=lambda each: each.code != code)
    assert (standing.state, len(standing.parts)) == ("sent", 2)
    assert reversal.reverses == code
    assert reversal.parts == ((TWO, THREE),)
    withdrawn = {each.client for each in standing.recipients if each.withdrawn_at}
    assert {each.client for each in reversal.recipients} >= {"registry", "county"}
    assert "registry" not in withdrawn
    [told] = [each for each in list_corrections(index, BOTH) if each.reverses]
    assert {record.local_id for record in told.records} == {"2", "3"}
    parts = [[TWO], [THREE]]
    undo_step(index, STEWARD, split(index, STEWARD, eid_of(index, TWO), parts, StepOptions("test")).step)
    reversals = [each for each in list_incidents(index, OFFICER) if each.reverses]
    assert len(reversals) == 1, "they know that already"


@pytest.mark.parametrize("is_sent", [False, True])
def test_who_was_told_before_a_undone_separation_is_told_of_the_next(linked, manual_clock, is_sent):
    step = part(linked, manual_clock)
    if is_sent:
        send(linked)
    undo_step(linked, STEWARD, step)
    manual_clock.advance(hours=1)
    tell(linked, LATE)
    manual_clock.advance(hours=1)
    part(linked, manual_clock)
    [latest] = [each for each in list_incidents(linked, OFFICER) if each.state == "open"]
    assert [recipient.client for recipient in latest.recipients] == ["late", "registry"]
    if is_sent:
        [reversal] = [each for each in list_incidents(linked, OFFICER) if each.reverses]
        assert reversal.state == "sent", "it holds until the next corrections are sent"
        send_corrections(linked, OFFICER, latest.code)
        ended = show_incident(linked, OFFICER, reversal.code)
        assert (ended.state, ended.note) == ("closed", "The records were separated again.")
        assert [each.due is None for each in list_corrections(linked, BOTH)] == [False, True, True]
        assert count_for_menu(linked, BOTH).corrections == 1


def test_records_linked_again_by_new_content_are_said_and_reversed_by_the_closing(index, manual_clock):
    load_rows(index, "sis", make_child("1"))
    load_rows(index, "ccwis", make_child("2", birth_date="2014-03-08"))
    assert eid_of(index, ONE) != eid_of(index, TWO)
    step = merge(index, STEWARD, [eid_of(index, ONE), eid_of(index, TWO)], StepOptions("test")).step
    manual_clock.advance(hours=1)
    tell(index, BOTH)
    manual_clock.advance(hours=1)
    undo_step(index, STEWARD, step)
    code = send(index)
    manual_clock.advance(hours=1)
    upsert(index, OPERATOR, "ccwis", make_child("2"))
    assert eid_of(index, ONE) == eid_of(index, TWO)

    incident = show_incident(index, OFFICER, code)
    assert (incident.state, incident.reversed_by) == ("reversed", None)
    load_rows(index, "sis", make_child("4", first_name="Femi", birth_date="2012-01-02"))
    link_again(index, ONE, RecordRef("sis", "4"))
    assert show_incident(index, OFFICER, code).reversed_by is None, "that step joined other records"
    assert count_for_menu(index, OFFICER).incidents == 1
    close_incident(index, OFFICER, code, "P. Officer", "the county corrected its record")
    closed = show_incident(index, OFFICER, code)
    assert (closed.state, closed.note) == ("closed", "the county corrected its record")
    assert (bool(closed.reversed_at), closed.reversed_by) == (True, None)
    [reversal] = list_incidents(index, OFFICER)
    assert (reversal.kind, reversal.reverses, reversal.state) == ("link", code, "sent")
    assert [each.reverses for each in list_corrections(index, BOTH)] == [code, None]


def test_a_sealed_record_hides_that_its_correction_was_withdrawn(linked, manual_clock):
    look_up_crosswalk(linked, SCHOOL, "sis", "1")
    step = part(linked, manual_clock, [TWO], [ONE])
    send(linked)
    undo_step(linked, STEWARD, step)
    upsert(linked, OPERATOR, "sis", make_child("1", restrictions=[{"kind": "sealed"}]))
    assert list_corrections(linked, SCHOOL) == []
    assert all(record.local_id != "1" for each in list_corrections(linked, BOTH) for record in each.records)
