"""``mpi incident``: wrong links, and what of them is due."""

import pytest

from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import make_operator
from mpi.service.persons.persons import look_up_person
from mpi.service.stewardship.merge_split_move import StepOptions, split
from mpi.service.stewardship.undo import undo_step
from tests.index import make_child, upsert

STEWARD = make_operator("steward")


@pytest.fixture
def step(index):
    """The step that parts two records, of whose link the registry was told."""
    eid = upsert(index, STEWARD, "sis", make_child("1")).enterprise_id
    upsert(index, STEWARD, "ccwis", make_child("2"))
    look_up_person(index, make_operator("registry"), eid)
    parts = [[RecordRef("sis", "1")], [RecordRef("ccwis", "2")]]
    return split(index, STEWARD, eid, parts, StepOptions("test")).step


def test_the_list_shows_what_is_due_and_says_what_is_overdue(mpi, step, monkeypatch):
    listed = mpi("incident", "list")
    assert "days left" in listed.out
    assert listed.err == ""
    monkeypatch.setenv("MPI_INCIDENT_SEND_DAYS", "0")
    [incident] = mpi("incident", "list", "--json").json
    assert (incident["clock"], incident["days_left"]) == ("send", 0)
    assert f"incident {incident['code']}: its corrections are to be sent" in mpi("incident", "list").err
    monkeypatch.setenv("MPI_INCIDENT_ACKNOWLEDGE_DAYS", "1")
    sent = mpi("incident", "send", incident["code"], "--json").json
    assert (sent["clock"], sent["days_left"]) == ("acknowledge", 1)


def test_a_separation_that_was_undone_is_shown(mpi, index, step):
    code = mpi("incident", "list", "--json").json[0]["code"]
    mpi("incident", "send", code)
    undo_step(index, STEWARD, step)
    assert "reversed_by" in mpi("incident", "show", code).out
    [reversal] = mpi("incident", "list", "--json").json
    assert (reversal["reverses"], reversal["state"]) == (code, "sent")
    acknowledged = mpi("incident", "acknowledge", reversal["code"], "registry", "--by", "R", "--json")
    assert acknowledged.json["state"] == "acknowledged"
    closed = mpi("incident", "close", reversal["code"], "--by", "P", "--note", "told", "--json")
    assert closed.json["state"] == "closed"
