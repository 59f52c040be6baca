"""Stored records that have nothing to do with a child in care are destroyed, with a certificate."""

from dataclasses import replace

import pytest

from mpi.domain.decision import DecisionKind
from mpi.domain.errors import AccessDenied, ConflictError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.snapshot import Snapshot
from mpi.domain.source import Holdings
from mpi.domain.viewer import Action, Viewer
from mpi.service.holdings import runs
from mpi.service.holdings.settings import set_holdings
from mpi.service.loads.load_undo import undo_load
from mpi.service.maintenance.rebuild import rebuild
from mpi.service.maintenance.verify import verify
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.stewardship.decisions import DecisionRequest, decide
from tests.index import (
    OPERATOR,
    SECOND_PERSON,
    all_stored_bytes,
    crosswalk,
    load_rows,
    make_child,
    many_children,
    partition_of,
    with_tuning,
)

CHILD = make_child("w1")
PUPIL = make_child("s1")
STRANGER = make_child("localid-98765", first_name="Quentin", last_name="Zyxwvutsrq", birth_date="2011-11-30")


def test_stored_records_are_dropped_with_all_that_names_them(whole_index):
    index = whole_index
    load_rows(index, "welfare", CHILD)
    load_rows(index, "school", PUPIL, STRANGER)
    load_rows(index, "school", {**STRANGER, "first_name": "Quinn"})
    set_holdings(index, OPERATOR, "school", Holdings.LINKED)
    preview = runs.preview_run(index, OPERATOR, "school")
    assert (preview.records, preview.surplus, preview.needs_approval) == (2, 1, False)
    certificate = runs.apply_run(index, OPERATOR, "school")
    assert (certificate.status, certificate.records, certificate.is_intact) == ("done", 1, True)
    assert crosswalk(index).keys() == {("welfare", "w1"), ("school", "s1")}
    stored = all_stored_bytes(index)
    assert b"zyxwvutsrq" not in stored.lower()
    assert b"localid-98765" not in stored
    assert verify(index, OPERATOR) == []
    assert runs.preview_run(index, OPERATOR, "school").surplus == 0


def test_a_dropped_record_that_is_sent_again_is_new(whole_index):
    index = whole_index
    load_rows(index, "school", STRANGER)
    before = crosswalk(index)["school", "localid-98765"]
    load_rows(index, "welfare", CHILD)
    set_holdings(index, OPERATOR, "school", Holdings.LINKED)
    runs.apply_run(index, OPERATOR, "school")
    load_rows(index, "welfare", {**STRANGER, "local_id": "w2"})
    load_rows(index, "school", STRANGER)
    ids = crosswalk(index)
    assert ids["school", "localid-98765"] == ids["welfare", "w2"] != before
    assert verify(index, OPERATOR) == []


def test_many_records_are_dropped_only_with_a_second_persons_approval(whole_index):
    index = whole_index
    load_rows(index, "welfare", CHILD)
    load_rows(index, "school", PUPIL, *many_children(30))
    set_holdings(index, OPERATOR, "school", Holdings.LINKED)
    receipt = load_rows(index, "school", PUPIL, *many_children(1, 500))
    assert receipt.drops_wait
    assert receipt.dropped == 1
    assert len(crosswalk(index)) == 32
    assert runs.apply_run(index, OPERATOR, "school").status == "waiting"
    with pytest.raises(ConflictError, match="somebody else"):
        runs.approve_run(index, OPERATOR, "school")
    with pytest.raises(AccessDenied):
        runs.approve_run(index, Viewer("third", None, frozenset({Action.LOAD}), None), "school")
    certificate = runs.approve_run(index, SECOND_PERSON, "school")
    assert (certificate.records, certificate.approved_by, certificate.status) == (30, "second", "done")
    assert crosswalk(index).keys() == {("welfare", "w1"), ("school", "s1")}
    with pytest.raises(NotFoundError):
        runs.approve_run(index, SECOND_PERSON, "school")


def test_a_load_in_between_does_not_let_the_asker_approve(whole_index):
    index = whole_index
    load_rows(index, "welfare", CHILD)
    load_rows(index, "school", PUPIL, *many_children(30))
    set_holdings(index, OPERATOR, "school", Holdings.LINKED)
    runs.apply_run(index, SECOND_PERSON, "school")
    assert load_rows(index, "school", PUPIL).drops_wait
    with pytest.raises(ConflictError, match="somebody else"):
        runs.approve_run(index, SECOND_PERSON, "school")
    assert runs.approve_run(index, OPERATOR, "school").records == 30


def test_an_approval_does_not_cover_records_that_became_surplus_since(whole_index):
    index = whole_index
    load_rows(index, "welfare", CHILD)
    load_rows(index, "school", PUPIL, *many_children(30))
    set_holdings(index, OPERATOR, "school", Holdings.LINKED)
    runs.apply_run(index, OPERATOR, "school")
    withdraw(index, OPERATOR, "welfare", "w1")
    with pytest.raises(ConflictError, match="31 records would be dropped, and 30"):
        runs.approve_run(index, SECOND_PERSON, "school")
    assert len(crosswalk(index)) == 31


def test_records_of_a_child_who_left_care_are_dropped_after_the_next_file(index):
    load_rows(index, "welfare", CHILD)
    load_rows(index, "school", PUPIL)
    withdraw(index, OPERATOR, "welfare", "w1")
    receipt = load_rows(index, "school", PUPIL, snapshot=Snapshot.FULL)
    assert (receipt.unchanged, receipt.status) == (1, "loaded")
    assert crosswalk(index) == {}
    assert runs.list_certificates(index, OPERATOR)[-1].records == 1
    # The child comes back to care: the next file of the school finds the record again.
    load_rows(index, "welfare", CHILD)
    load_rows(index, "school", PUPIL, snapshot=Snapshot.FULL)
    assert partition_of(index) == {frozenset({("welfare", "w1"), ("school", "s1")})}
    assert verify(index, OPERATOR) == []


def test_a_withdrawn_record_stays_while_its_child_is_in_care(index):
    load_rows(index, "welfare", CHILD)
    load_rows(index, "school", PUPIL)
    before = crosswalk(index)["school", "s1"]
    withdraw(index, OPERATOR, "school", "s1")
    assert runs.apply_run(index, OPERATOR, "school").records == 0
    upsert(index, OPERATOR, "school", PUPIL)
    assert crosswalk(index)["school", "s1"] == before
    withdraw(index, OPERATOR, "school", "s1")
    withdraw(index, OPERATOR, "welfare", "w1")
    assert runs.apply_run(index, OPERATOR, "school").records == 1


def test_a_record_that_a_steward_decided_about_is_held(whole_index):
    index = whole_index
    load_rows(index, "welfare", CHILD)
    load_rows(index, "school", PUPIL, STRANGER)
    groups = [[RecordRef("welfare", "w1")], [RecordRef("school", "localid-98765")]]
    decide(index, OPERATOR, DecisionRequest(DecisionKind.DIFFERENT, groups, "different"))
    set_holdings(index, OPERATOR, "school", Holdings.LINKED)
    assert runs.apply_run(index, OPERATOR, "school").records == 0


def test_the_undo_of_a_load_leaves_dropped_records_dropped(whole_index):
    index = whole_index
    load_rows(index, "welfare", CHILD)
    receipt = load_rows(index, "school", PUPIL, STRANGER)
    set_holdings(index, OPERATOR, "school", Holdings.LINKED)
    runs.apply_run(index, OPERATOR, "school")
    undone = undo_load(index, OPERATOR, receipt.batch, "bad-load")
    assert undone.removed == 1
    assert crosswalk(index).keys() == {("welfare", "w1")}
    assert verify(index, OPERATOR) == []


def test_an_interrupted_run_is_continued(whole_index):
    index = with_tuning(whole_index, load={"dropped_records": 4})
    load_rows(index, "welfare", CHILD)
    load_rows(index, "school", PUPIL, *many_children(10))
    set_holdings(index, OPERATOR, "school", Holdings.LINKED)

    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runs.apply_run(index, OPERATOR, "school", interrupt)
    assert len(crosswalk(index)) == 8
    assert verify(index, OPERATOR) == []
    [open_run] = runs.list_certificates(index, OPERATOR)
    assert (open_run.status, open_run.records) == ("running", 4)
    certificate = runs.apply_run(index, OPERATOR, "school")
    assert (certificate.number, certificate.records) == (open_run.number, 10)
    assert certificate.status == "done"
    assert crosswalk(index).keys() == {("welfare", "w1"), ("school", "s1")}


def test_runs_at_the_same_time_drop_each_record_once(whole_index):
    index = with_tuning(whole_index, load={"dropped_records": 2})
    load_rows(index, "welfare", CHILD)
    load_rows(index, "school", PUPIL, *many_children(10))
    set_holdings(index, OPERATOR, "school", Holdings.LINKED)
    others = []

    def run_another(*_):
        if not others:
            others.append(runs.apply_run(index, SECOND_PERSON, "school"))

    certificate = runs.apply_run(index, OPERATOR, "school", run_another)
    assert others == [certificate]
    assert (certificate.records, certificate.status, certificate.is_intact) == (10, "done", True)
    assert crosswalk(index).keys() == {("welfare", "w1"), ("school", "s1")}


def test_a_run_stops_where_the_source_is_set_to_hold_all_records_again(whole_index):
    index = with_tuning(whole_index, load={"dropped_records": 4})
    load_rows(index, "welfare", CHILD)
    load_rows(index, "school", *many_children(10))
    set_holdings(index, OPERATOR, "school", Holdings.LINKED)
    certificate = runs.apply_run(
        index, OPERATOR, "school", lambda *_: set_holdings(index, OPERATOR, "school", Holdings.ALL)
    )
    assert (certificate.status, certificate.records) == ("ended", 4)
    assert len(crosswalk(index)) == 7


def test_a_rebuild_and_a_recluster_bring_nothing_back(whole_index):
    index = whole_index
    load_rows(index, "welfare", CHILD)
    load_rows(index, "school", PUPIL, STRANGER)
    set_holdings(index, OPERATOR, "school", Holdings.LINKED)
    runs.apply_run(index, OPERATOR, "school")
    before = crosswalk(index)
    rebuild(index, OPERATOR)
    recluster(index, OPERATOR, index.matcher, apply=True)
    assert crosswalk(index) == before
    assert verify(index, OPERATOR) == []


def test_verify_finds_a_record_that_a_run_should_have_dropped(whole_index):
    index = whole_index
    load_rows(index, "welfare", CHILD)
    load_rows(index, "school", PUPIL, STRANGER)
    set_holdings(index, OPERATOR, "school", Holdings.LINKED)
    assert verify(index, OPERATOR) == [], "no run has ended yet"
    runs.apply_run(index, OPERATOR, "school")
    assert verify(index, OPERATOR) == []
    set_holdings(index, OPERATOR, "school", Holdings.ALL)
    load_rows(index, "school", STRANGER)
    with index.database.write(OPERATOR, "test") as unit:
        [school] = [source for source in unit.sources.all() if source.code == "school"]
        unit.sources.set_holdings(school.id, Holdings.LINKED)
        [run] = unit.holdings_runs.all()
        unit.holdings_runs.save(replace(run, ended_commit=unit.commit_no, seal=None))
    assert [finding.detail for finding in verify(index, OPERATOR)] == [
        "1 records of source 'school' may not be held"
    ]


def test_a_changed_certificate_is_noticed(index):
    load_rows(index, "school", STRANGER)
    with index.database.write(OPERATOR, "test") as unit:
        [run] = unit.holdings_runs.all()
        unit.holdings_runs.save(replace(run, rows=0))
    [certificate] = runs.list_certificates(index, OPERATOR)
    assert not certificate.is_intact
    assert [finding.detail for finding in verify(index, OPERATOR)] == ["the certificate of run 1 was changed"]


def test_a_source_that_holds_all_its_records_has_nothing_to_drop(whole_index):
    load_rows(whole_index, "school", STRANGER)
    with pytest.raises(ConflictError, match="--holdings linked"):
        runs.apply_run(whole_index, OPERATOR, "school")
    assert load_rows(whole_index, "school", STRANGER).dropped == 0
    assert runs.list_certificates(whole_index, OPERATOR) == []


def test_setting_all_records_again_ends_a_run_that_waits(whole_index):
    index = whole_index
    load_rows(index, "welfare", CHILD)
    load_rows(index, "school", *many_children(30))
    set_holdings(index, OPERATOR, "school", Holdings.LINKED)
    runs.apply_run(index, OPERATOR, "school")
    set_holdings(index, OPERATOR, "school", Holdings.ALL)
    assert [each.status for each in runs.list_certificates(index, OPERATOR)] == ["ended"]
    with pytest.raises(NotFoundError):
        runs.approve_run(index, SECOND_PERSON, "school")
    assert len(crosswalk(index)) == 31
