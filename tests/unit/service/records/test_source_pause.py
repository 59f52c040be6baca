"""A paused source: accepted, held, and resolved on resume as if it had never been held."""

from datetime import UTC, datetime

import pytest

from mpi.domain.errors import AccessDenied, NotFoundError
from mpi.domain.snapshot import Snapshot
from mpi.domain.viewer import Action, Viewer
from mpi.service.loads.load_undo import undo_load
from mpi.service.maintenance.verify import verify
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.records.source_pause import pause, resume
from mpi.service.records.upsert import read, upsert, withdraw
from tests.index import OPERATOR, a_child, crosswalk, load_rows, partition_of

ZOE = {"first_name": "Zoe", "last_name": "Quist", "postal_code": "41111"}


def at(day: int) -> datetime:
    return datetime(2026, 3, day, tzinfo=UTC)


def put(index, source: str, local_id: str, **changes):
    return upsert(index, OPERATOR, source, a_child(local_id, **changes))


def test_what_a_paused_source_sends_is_held_and_takes_effect_on_resume(index):
    put(index, "ccwis", "1")
    put(index, "sis", "2", **ZOE)
    before = crosswalk(index)
    pause(index, OPERATOR, "sis")
    new, changed = put(index, "sis", "1"), put(index, "sis", "2")
    assert (new.outcome, new.enterprise_id) == ("held", None)
    assert (changed.outcome, changed.enterprise_id) == ("held", before["sis", "2"])
    assert crosswalk(index) == before
    assert read(index, OPERATOR, "sis", "1")["state"] == "held"
    assert read(index, OPERATOR, "sis", "2")["record"]["first_name"] == "Zoe"
    assert recluster(index, OPERATOR, index.matcher, apply=True).is_empty
    assert verify(index, OPERATOR) == []
    done = resume(index, OPERATOR, "sis")
    assert (done.resolved, done.moved) == (2, 2)
    assert len(partition_of(index)) == 1
    assert put(index, "sis", "2").outcome == "unchanged"
    assert verify(index, OPERATOR) == []


def test_the_latest_of_what_was_held_stands(index):
    pause(index, OPERATOR, "sis")
    put(index, "sis", "1", grade="03", as_of=at(3).isoformat())
    put(index, "sis", "1", grade="02", as_of=at(2).isoformat())
    resume(index, OPERATOR, "sis")
    assert read(index, OPERATOR, "sis", "1")["record"]["grade"] == "03"


def test_what_is_held_waits_whatever_is_taken_back_meanwhile(index):
    pause(index, OPERATOR, "sis")
    put(index, "sis", "1", grade="03", as_of=at(3).isoformat())
    put(index, "sis", "1", grade="02", as_of=at(2).isoformat())
    receipt = load_rows(index, "sis", a_child("1", grade="01"), as_of=at(1))
    undo_load(index, OPERATOR, receipt.batch)
    assert crosswalk(index) == {}
    resume(index, OPERATOR, "sis")
    assert read(index, OPERATOR, "sis", "1")["record"]["grade"] == "03"


def test_a_withdrawal_takes_effect_while_its_source_is_paused(index):
    put(index, "sis", "1")
    pause(index, OPERATOR, "sis")
    put(index, "sis", "2", **ZOE)
    withdraw(index, OPERATOR, "sis", "1")
    withdraw(index, OPERATOR, "sis", "2")
    assert crosswalk(index) == {}
    resume(index, OPERATOR, "sis")
    assert crosswalk(index) == {}
    assert verify(index, OPERATOR) == []


def test_a_seal_takes_effect_while_its_source_is_paused(index):
    put(index, "sis", "1")
    pause(index, OPERATOR, "sis")
    put(index, "sis", "1", restrictions=[{"kind": "sealed"}])
    with pytest.raises(NotFoundError):
        read(index, OPERATOR, "sis", "1")
    resume(index, OPERATOR, "sis")
    assert crosswalk(index) == {}


def test_a_load_of_a_paused_source_accounts_for_every_row_and_can_be_undone(index):
    put(index, "ccwis", "1")
    load_rows(index, "sis", a_child("1", **ZOE), as_of=at(1))
    pause(index, OPERATOR, "sis")
    receipt = load_rows(index, "sis", a_child("1"), a_child("2"), as_of=at(2))
    assert (receipt.received, receipt.held, receipt.status) == (2, 2, "loaded")
    assert receipt.adds_up
    undo_load(index, OPERATOR, receipt.batch)
    again = load_rows(index, "sis", a_child("2"), as_of=at(3), snapshot=Snapshot.FULL, confirm=True)
    assert (again.held, again.withdrawn) == (1, 1)
    resume(index, OPERATOR, "sis")
    assert partition_of(index) == {frozenset({("sis", "2"), ("ccwis", "1")})}
    assert verify(index, OPERATOR) == []


def test_a_record_that_was_held_and_is_missing_from_a_later_file_is_gone(index):
    pause(index, OPERATOR, "sis")
    load_rows(index, "sis", a_child("1"), as_of=at(1))
    load_rows(index, "sis", a_child("2", **ZOE), as_of=at(2), snapshot=Snapshot.FULL, confirm=True)
    resume(index, OPERATOR, "sis")
    assert set(crosswalk(index)) == {("sis", "2")}


def test_all_sources_are_paused_and_resumed_at_once_and_only_by_who_may(index):
    paused = pause(index, OPERATOR, None)
    assert paused.sources == ("ccwis", "sis")
    put(index, "sis", "1")
    put(index, "ccwis", "1")
    assert crosswalk(index) == {}
    assert resume(index, OPERATOR, None).resolved == 2
    assert len(partition_of(index)) == 1
    with pytest.raises(AccessDenied):
        pause(index, Viewer("x", None, frozenset(Action), frozenset({"sis"})), "ccwis")
    with pytest.raises(AccessDenied):
        pause(index, Viewer("x", None, frozenset({Action.RECORD_WRITE}), None), "sis")


def test_a_resume_tells_a_viewer_of_no_record_that_it_may_not_see(index):
    """A record that is a rival takes away the link of two records of another source."""
    district = Viewer("district", None, frozenset(Action), frozenset({"sis"}))
    cruz = {"first_name": "Jayden", "last_name": "Cruz", "birth_date": "2014-01-20", "sex": "M"}
    put(index, "ccwis", "1", **cruz, postal_code=None, ssn="219-09-9998")
    put(index, "ccwis", "2", **cruz)
    pause(index, district, "sis")
    rival = {"first_name": "Jaylen", "birth_date": "2014-01-21", "postal_code": "43002", "ssn": "219-09-9998"}
    put(index, "sis", "1", **cruz | rival)
    before = crosswalk(index)
    resumed = resume(index, district, "sis")
    after = crosswalk(index)
    assert sum(before[record] != after[record] for record in before) == 1
    assert resumed.moved == 1
