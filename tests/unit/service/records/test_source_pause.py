"""Test paused sources: statements are held and resolved on resume."""

from datetime import UTC, datetime

import pytest

from mpi.domain.errors import AccessDenied, NotFoundError
from mpi.domain.snapshot import Snapshot
from mpi.domain.viewer import Action, Viewer
from mpi.service.loads.load_undo import undo_load
from mpi.service.maintenance.verify import verify
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.records.record_reader import read
from mpi.service.records.source_pause import pause, resume
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from tests.index import OPERATOR, crosswalk, load_rows, make_child, partition_of

ZOE = {"first_name": "Zoe", "last_name": "Quist", "postal_code": "41111"}


def day(number: int) -> datetime:
    return datetime(2026, 3, number, tzinfo=UTC)


def upsert_child(index, source: str, local_id: str, **changes):
    return upsert(index, OPERATOR, source, make_child(local_id, **changes))


def test_statements_of_a_paused_source_are_held_until_resume(index):
    upsert_child(index, "ccwis", "1")
    upsert_child(index, "sis", "2", **ZOE)
    before = crosswalk(index)
    pause(index, OPERATOR, "sis")
    new, changed = upsert_child(index, "sis", "1"), upsert_child(index, "sis", "2")
    assert (new.outcome, new.enterprise_id) == ("held", None)
    assert (changed.outcome, changed.enterprise_id) == ("held", before["sis", "2"])
    assert crosswalk(index) == before
    assert read(index, OPERATOR, "sis", "1")["state"] == "held"
    assert read(index, OPERATOR, "sis", "2")["record"]["first_name"] == "Zoe"
    assert recluster(index, OPERATOR, index.matcher, apply=True).is_empty
    assert verify(index, OPERATOR) == []
    resumed = resume(index, OPERATOR, "sis")
    assert (resumed.resolved, resumed.moved) == (2, 2)
    assert len(partition_of(index)) == 1
    assert upsert_child(index, "sis", "2").outcome == "unchanged"
    assert verify(index, OPERATOR) == []


def test_latest_held_statement_takes_effect(index):
    pause(index, OPERATOR, "sis")
    upsert_child(index, "sis", "1", grade="03", as_of=day(3).isoformat())
    upsert_child(index, "sis", "1", grade="02", as_of=day(2).isoformat())
    resume(index, OPERATOR, "sis")
    assert read(index, OPERATOR, "sis", "1")["record"]["grade"] == "03"


def test_statements_stay_held_when_a_load_is_undone(index):
    pause(index, OPERATOR, "sis")
    upsert_child(index, "sis", "1", grade="03", as_of=day(3).isoformat())
    upsert_child(index, "sis", "1", grade="02", as_of=day(2).isoformat())
    receipt = load_rows(index, "sis", make_child("1", grade="01"), as_of=day(1))
    undo_load(index, OPERATOR, receipt.batch)
    assert crosswalk(index) == {}
    resume(index, OPERATOR, "sis")
    assert read(index, OPERATOR, "sis", "1")["record"]["grade"] == "03"


def test_withdrawal_takes_effect_while_its_source_is_paused(index):
    upsert_child(index, "sis", "1")
    pause(index, OPERATOR, "sis")
    upsert_child(index, "sis", "2", **ZOE)
    withdraw(index, OPERATOR, "sis", "1")
    withdraw(index, OPERATOR, "sis", "2")
    assert crosswalk(index) == {}
    resume(index, OPERATOR, "sis")
    assert crosswalk(index) == {}
    assert verify(index, OPERATOR) == []


def test_seal_takes_effect_while_its_source_is_paused(index):
    upsert_child(index, "sis", "1")
    pause(index, OPERATOR, "sis")
    upsert_child(index, "sis", "1", restrictions=[{"kind": "sealed"}])
    with pytest.raises(NotFoundError):
        read(index, OPERATOR, "sis", "1")
    resume(index, OPERATOR, "sis")
    assert crosswalk(index) == {}


def test_load_of_a_paused_source_counts_every_row_and_can_be_undone(index):
    upsert_child(index, "ccwis", "1")
    load_rows(index, "sis", make_child("1", **ZOE), as_of=day(1))
    pause(index, OPERATOR, "sis")
    receipt = load_rows(index, "sis", make_child("1"), make_child("2"), as_of=day(2))
    assert (receipt.received, receipt.held, receipt.status) == (2, 2, "loaded")
    assert receipt.adds_up
    undo_load(index, OPERATOR, receipt.batch)
    second = load_rows(index, "sis", make_child("2"), as_of=day(3), snapshot=Snapshot.FULL, confirm=True)
    assert (second.held, second.withdrawn) == (1, 1)
    resume(index, OPERATOR, "sis")
    assert partition_of(index) == {frozenset({("sis", "2"), ("ccwis", "1")})}
    assert verify(index, OPERATOR) == []


def test_held_record_missing_from_a_later_full_file_is_removed(index):
    pause(index, OPERATOR, "sis")
    load_rows(index, "sis", make_child("1"), as_of=day(1))
    load_rows(index, "sis", make_child("2", **ZOE), as_of=day(2), snapshot=Snapshot.FULL, confirm=True)
    resume(index, OPERATOR, "sis")
    assert set(crosswalk(index)) == {("sis", "2")}


def test_all_sources_are_paused_and_resumed_at_once_with_the_right(index):
    paused = pause(index, OPERATOR, None)
    assert paused.sources == ("ccwis", "sis")
    upsert_child(index, "sis", "1")
    upsert_child(index, "ccwis", "1")
    assert crosswalk(index) == {}
    assert resume(index, OPERATOR, None).resolved == 2
    assert len(partition_of(index)) == 1
    with pytest.raises(AccessDenied):
        pause(index, Viewer("x", None, frozenset(Action), frozenset({"sis"})), "ccwis")
    with pytest.raises(AccessDenied):
        pause(index, Viewer("x", None, frozenset({Action.RECORD_WRITE}), None), "sis")


def test_resume_counts_only_records_the_viewer_may_see(index):
    """A rival record removes a link between two records of another source."""
    district = Viewer("district", None, frozenset(Action), frozenset({"sis"}))
    cruz = {"first_name": "Jayden", "last_name": "Cruz", "birth_date": "2014-01-20", "sex": "M"}
    upsert_child(index, "ccwis", "1", **cruz, postal_code=None, ssn="219-09-9998")
    upsert_child(index, "ccwis", "2", **cruz)
    pause(index, district, "sis")
    rival = {"first_name": "Jaylen", "birth_date": "2014-01-21", "postal_code": "43002", "ssn": "219-09-9998"}
    upsert_child(index, "sis", "1", **cruz | rival)
    before = crosswalk(index)
    resumed = resume(index, district, "sis")
    after = crosswalk(index)
    assert sum(before[record] != after[record] for record in before) == 1
    assert resumed.moved == 1
