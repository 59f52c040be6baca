"""A record sent online to a source with minimum holdings is stored only if it matches a child in care."""

from dataclasses import replace

from mpi.domain.viewer import IdempotentCall
from mpi.service.maintenance.verify import verify
from mpi.service.records.upsert import upsert
from mpi.service.records.upsert_result import Outcome
from tests.index import OPERATOR, all_stored_bytes, crosswalk, load_rows, make_child

CHILD = make_child("w1")
STRANGER = make_child("localid-98765", first_name="Quentin", last_name="Zyxwvutsrq", birth_date="2011-11-30")


def test_a_record_that_matches_no_child_in_care_is_dropped(index):
    load_rows(index, "welfare", CHILD)
    call = replace(OPERATOR, idempotent_call=IdempotentCall("key-1", b"PUT"))
    for viewer in (OPERATOR, call, call):
        answer = upsert(index, viewer, "school", STRANGER)
        assert (answer.outcome, answer.record) == (Outcome.DROPPED, "dropped")
        assert (answer.enterprise_id, answer.tasks) == (None, ())
    assert crosswalk(index).keys() == {("welfare", "w1")}
    stored = all_stored_bytes(index)
    assert b"zyxwvutsrq" not in stored.lower()
    assert b"localid-98765" not in stored
    assert verify(index, OPERATOR) == []


def test_a_record_that_matches_a_child_in_care_is_linked(index):
    first = upsert(index, OPERATOR, "welfare", CHILD)
    assert first.outcome is Outcome.CREATED
    assert upsert(index, OPERATOR, "school", STRANGER).outcome is Outcome.DROPPED
    answer = upsert(index, OPERATOR, "school", make_child("s1"))
    assert (answer.outcome, answer.enterprise_id) == (Outcome.LINKED, first.enterprise_id)
    # What is stored is updated in any case; the next run judges it.
    changed = upsert(index, OPERATOR, "school", {**STRANGER, "local_id": "s1"})
    assert changed.outcome is not Outcome.DROPPED


def test_a_record_is_held_once_its_child_is_in_care(index):
    assert upsert(index, OPERATOR, "school", STRANGER).outcome is Outcome.DROPPED
    upsert(index, OPERATOR, "welfare", {**STRANGER, "local_id": "w2"})
    assert upsert(index, OPERATOR, "school", STRANGER).outcome is Outcome.LINKED
