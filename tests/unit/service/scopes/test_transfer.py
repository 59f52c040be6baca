"""The shared index follows what scopes hold, and nothing goes the other way."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mpi.domain.decision import Authority, DecisionKind
from mpi.domain.errors import ConflictError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.snapshot import Snapshot
from mpi.domain.source import SourceKind
from mpi.service.loads.load_undo import undo_load
from mpi.service.maintenance.feed_generation import begin_generation_after_restore
from mpi.service.maintenance.verify import verify
from mpi.service.records.record_reader import read
from mpi.service.records.source_pause import pause
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.review.task_list import list_review_tasks
from mpi.service.rights.destruction import approve_run, execute_run, plan_run
from mpi.service.rights.holds import LegalHoldOrder, place_hold
from mpi.service.rights.source_rules import set_rule
from mpi.service.scopes.transfer import transfer_changes
from mpi.service.statements.sources import NewSource, add_source
from mpi.service.stewardship.corrections import correct_value
from mpi.service.stewardship.decisions import DecisionRequest, decide, list_decisions
from mpi.service.stewardship.expunge_requests import approve_expunges
from mpi.service.stewardship.merge_split_move import StepOptions
from mpi.service.stewardship.owner_consent import set_consent_required
from mpi.service.stewardship.rekey import rekey
from mpi.service.stewardship.undo import undo_decision, undo_step
from mpi.service.stewardship.unseal_requests import approve_unseals, request_unseals
from mpi.storage.repositories.sources.scopes import FIRST_CHANGE
from tests.index import (
    OPERATOR,
    SECOND_PERSON,
    all_stored_bytes,
    crosswalk,
    expunge,
    load_rows,
    make_child,
    many_children,
    partition_of,
)
from tests.laws.decision_rows import decide as state_decision
from tests.scopes import open_scoped_indexes

SCOPES = {"education": ("sis", "sis2"), "child_welfare": ("ccwis",)}


@pytest.fixture
def indexes(tmp_path, database_url):
    with open_scoped_indexes(tmp_path, SCOPES, database_url=database_url) as opened:
        yield opened


@pytest.fixture
def education(indexes):
    return indexes.scopes["education"]


@pytest.fixture
def child_welfare(indexes):
    return indexes.scopes["child_welfare"]


def make_decision(index, kind, groups):
    """Decide on groups of (source, local ID) and return the effect."""
    refs = [[RecordRef(*address) for address in group] for group in groups]
    return decide(index, OPERATOR, DecisionRequest(kind, refs, "test"))


def test_a_hold_is_refused_where_the_records_are_not_destroyed(indexes, education):
    upsert(education, OPERATOR, "sis", make_child("s1"))
    indexes.sync()
    for local_id in (None, "s1"):
        order = LegalHoldOrder("LH-1", "lawsuit", "C. Counsel", "sis", local_id)
        with pytest.raises(ConflictError, match="scope education"):
            place_hold(indexes.shared, OPERATOR, order)
        assert place_hold(education, OPERATOR, order)


def test_a_child_of_two_scopes_is_one_person_in_the_shared_index_only(indexes, education, child_welfare):
    upsert(education, OPERATOR, "sis", make_child("s1"))
    upsert(child_welfare, OPERATOR, "ccwis", make_child("c1"))
    assert crosswalk(indexes.shared) == {}

    indexes.sync()

    assert partition_of(indexes.shared) == {frozenset({("sis", "s1"), ("ccwis", "c1")})}
    assert partition_of(education) == {frozenset({("sis", "s1")})}
    eids = [*crosswalk(indexes.shared).values(), *crosswalk(education).values()]
    eids += crosswalk(child_welfare).values()
    assert len(set(eids)) == 3, "each scope has IDs of its own"


def test_a_second_sync_takes_over_nothing(indexes, education):
    upsert(education, OPERATOR, "sis", make_child("s1"))
    assert [result.records for result in indexes.sync()] == [1, 0]
    before = indexes.shared.database.committed_units
    assert [result.records for result in indexes.sync()] == [0, 0]
    assert indexes.shared.database.committed_units == before


def test_new_content_follows(indexes, education):
    upsert(education, OPERATOR, "sis", make_child("s1"))
    indexes.sync()
    upsert(education, OPERATOR, "sis", make_child("s1", postal_code="43999"))
    indexes.sync()
    assert read(indexes.shared, OPERATOR, "sis", "s1")["record"]["postal_code"] == "43999"


def test_an_earlier_content_that_counts_again_follows(indexes, education):
    load_rows(education, "sis", make_child("s1", postal_code="43001"))
    receipt = load_rows(education, "sis", make_child("s1", postal_code="43999"))
    indexes.sync()
    undo_load(education, OPERATOR, receipt.batch, "wrong file")
    assert read(education, OPERATOR, "sis", "s1")["record"]["postal_code"] == "43001"
    indexes.sync()
    assert read(indexes.shared, OPERATOR, "sis", "s1")["record"]["postal_code"] == "43001"


def test_a_withdrawal_and_a_return_follow_and_keep_the_shared_id(indexes, education):
    upsert(education, OPERATOR, "sis", make_child("s1"))
    indexes.sync()
    [eid] = crosswalk(indexes.shared).values()
    withdraw(education, OPERATOR, "sis", "s1")
    indexes.sync()
    assert crosswalk(indexes.shared) == {}
    upsert(education, OPERATOR, "sis", make_child("s1"))
    indexes.sync()
    assert list(crosswalk(indexes.shared).values()) == [eid]


def test_a_record_that_came_and_went_between_two_syncs_leaves_nothing(indexes, education):
    upsert(education, OPERATOR, "sis", make_child("s1"))
    withdraw(education, OPERATOR, "sis", "s1")
    indexes.sync()
    assert crosswalk(indexes.shared) == {}


def test_a_seal_follows(indexes, education):
    upsert(education, OPERATOR, "sis", make_child("s1"))
    indexes.sync()
    upsert(education, OPERATOR, "sis", make_child("s1", restrictions=[{"kind": "sealed"}]))
    indexes.sync()
    assert crosswalk(indexes.shared) == {}
    with pytest.raises(NotFoundError):
        read(indexes.shared, OPERATOR, "sis", "s1")


def test_a_lifted_seal_follows(indexes, education, child_welfare):
    upsert(education, OPERATOR, "sis", make_child("s1"))
    upsert(child_welfare, OPERATOR, "ccwis", make_child("c1"))
    indexes.sync()
    before = crosswalk(indexes.shared)
    upsert(education, OPERATOR, "sis", make_child("s1", restrictions=[{"kind": "sealed"}]))
    indexes.sync()
    assert set(crosswalk(indexes.shared)) == {("ccwis", "c1")}
    request_unseals(education, OPERATOR, "sis", ["s1"], "26-JV-0412")
    indexes.sync()
    assert set(crosswalk(indexes.shared)) == {("ccwis", "c1")}
    approve_unseals(education, SECOND_PERSON, "sis", ["s1"])
    indexes.sync()
    assert crosswalk(indexes.shared) == before
    with indexes.shared.database.read(OPERATOR) as unit:
        orders = unit.boundary_orders.orders_after(0)
        [lifted] = unit.boundary_orders.lifted_seals([orders[0].record_id]).values()
    assert [order.kind for order in orders] == ["seal", "unseal"]
    assert lifted == [(orders[0].commit_no, orders[1].commit_no)]
    assert verify(indexes.shared, OPERATOR) == []


def test_a_seal_of_a_scope_is_lifted_in_the_scope_alone(indexes, education):
    upsert(education, OPERATOR, "sis", make_child("s1", restrictions=[{"kind": "sealed"}]))
    indexes.sync()
    with pytest.raises(ConflictError):
        request_unseals(indexes.shared, OPERATOR, "sis", ["s1"], "26-JV-0412")


def test_an_expunged_record_is_destroyed_in_the_shared_index_too(indexes, education):
    upsert(education, OPERATOR, "sis", make_child("s1", first_name="Zephyrine"))
    indexes.sync()
    expunge(education, "sis", make_child("s1", first_name="Zephyrine"))
    indexes.sync()
    with indexes.shared.database.read(OPERATOR) as unit:
        [record] = unit.records.all_of_source(unit.sources.get_by_code("sis").id).values()
        assert [version.payload for version in unit.record_versions.versions(record.id)] == [b"{}"]


def test_a_record_that_retention_destroyed_is_destroyed_in_the_shared_index_too(indexes, education):
    upsert(education, OPERATOR, "sis", make_child("s1-Quarles", first_name="Zephyrine"))
    upsert(education, OPERATOR, "sis", make_child("s2", first_name="Ben", birth_date="2011-01-05"))
    indexes.sync()
    set_rule(education, OPERATOR, "sis", retention_days=0, retention_begins="last_sent")
    place_hold(education, OPERATOR, LegalHoldOrder("LH-1", "lawsuit", "C. Counsel", "sis", "s2"))
    number = plan_run(education, OPERATOR, "sis")
    approve_run(education, SECOND_PERSON, number, "P. Officer", 1)
    execute_run(education, OPERATOR, number)
    indexes.sync()
    stored = all_stored_bytes(indexes.shared)
    with indexes.shared.database.read(OPERATOR) as unit:
        records = unit.records.all_of_source(unit.sources.get_by_code("sis").id).values()
        [dropped] = [record for record in records if record.is_dropped]
        assert unit.record_versions.versions(dropped.id) == []
    assert b"s1-Quarles" not in stored
    assert set(crosswalk(indexes.shared)) == {("sis", "s2")}
    assert verify(indexes.shared, OPERATOR) == []
    indexes.sync()


def test_a_rekey_follows_with_the_same_shared_id(indexes, education):
    upsert(education, OPERATOR, "sis", make_child("s1"))
    upsert(education, OPERATOR, "sis", make_child("s2", first_name="Ben", birth_date="2011-01-05"))
    indexes.sync()
    before = crosswalk(indexes.shared)
    rekey(education, OPERATOR, "sis", {"s1": "s2", "s2": "s1"})
    indexes.sync()
    after = crosswalk(indexes.shared)
    assert after["sis", "s2"] == before["sis", "s1"]
    assert after["sis", "s1"] == before["sis", "s2"]


def test_a_decision_and_its_revocation_follow(indexes, education):
    upsert(education, OPERATOR, "sis", make_child("s1"))
    upsert(education, OPERATOR, "sis2", make_child("s2"))
    indexes.sync()
    assert len(partition_of(indexes.shared)) == 1
    decision = make_decision(education, DecisionKind.DIFFERENT, [[("sis", "s1")], [("sis2", "s2")]])
    indexes.sync()
    assert len(partition_of(indexes.shared)) == 2
    undo_step(education, OPERATOR, decision.step)
    indexes.sync()
    assert len(partition_of(indexes.shared)) == 1
    assert len(partition_of(education)) == 1


def test_a_decision_that_contradicts_one_of_the_shared_index_becomes_a_question(indexes, education):
    upsert(education, OPERATOR, "sis", make_child("s1"))
    upsert(education, OPERATOR, "sis2", make_child("s2"))
    indexes.sync()
    make_decision(indexes.shared, DecisionKind.SAME, [[("sis", "s1"), ("sis2", "s2")]])
    make_decision(education, DecisionKind.DIFFERENT, [[("sis", "s1")], [("sis2", "s2")]])
    assert [result.contradictions for result in indexes.sync()] == [1, 0]
    assert len(partition_of(education)) == 2, "it stays in force in its scope"
    assert len(partition_of(indexes.shared)) == 1
    assert list_review_tasks(indexes.shared, OPERATOR)


def test_a_large_load_follows_in_pages(indexes, education):
    load_rows(education, "sis", *many_children(250))
    transfer_changes(education, indexes.shared, OPERATOR, "education", page=60)
    assert crosswalk(indexes.shared).keys() == crosswalk(education).keys()
    assert verify(indexes.shared, OPERATOR) == []
    assert verify(education, OPERATOR) == []


def test_a_transfer_that_is_interrupted_goes_on_where_it_was(indexes, education):
    load_rows(education, "sis", *many_children(20))

    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        transfer_changes(education, indexes.shared, OPERATOR, "education", page=7, progress=interrupt)
    assert len(crosswalk(indexes.shared)) == 7
    transfer_changes(education, indexes.shared, OPERATOR, "education", page=7)
    assert len(crosswalk(indexes.shared)) == 20


def test_a_source_of_a_scope_is_not_written_in_the_shared_index(indexes, education):
    upsert(education, OPERATOR, "sis", make_child("s1"))
    indexes.sync()
    with pytest.raises(ConflictError, match="scope education"):
        upsert(indexes.shared, OPERATOR, "sis", make_child("s1"))
    with pytest.raises(ConflictError, match="scope education"):
        withdraw(indexes.shared, OPERATOR, "sis", "s1")
    with pytest.raises(ConflictError, match="scope education"):
        rekey(indexes.shared, OPERATOR, "sis", {"s1": "s9"})
    with pytest.raises(ConflictError, match="scope education"):
        load_rows(indexes.shared, "sis", make_child("s3"))


def test_a_source_that_another_scope_has_is_refused_and_nothing_is_taken_over(
    indexes, child_welfare, education
):
    upsert(education, OPERATOR, "sis", make_child("s1"))
    indexes.sync()
    add_source(child_welfare, OPERATOR, NewSource("sis"))
    upsert(child_welfare, OPERATOR, "sis", make_child("c9"))
    with pytest.raises(ConflictError, match="'sis'"):
        indexes.sync()
    assert crosswalk(indexes.shared).keys() == {("sis", "s1")}


def test_the_shared_index_keeps_no_changes_of_its_own(indexes):
    add_source(indexes.shared, OPERATOR, NewSource("other"))
    upsert(indexes.shared, OPERATOR, "other", make_child("o1"))
    with indexes.shared.database.read(OPERATOR) as unit:
        assert unit.scopes.changes_after(FIRST_CHANGE, 10) == []


def test_a_scope_older_than_what_was_taken_over_is_refused(indexes, education):
    upsert(education, OPERATOR, "sis", make_child("s1"))
    indexes.sync()
    begin_generation_after_restore(education.database, OPERATOR)
    upsert(education, OPERATOR, "sis", make_child("s2", first_name="Ben", birth_date="2011-01-05"))
    indexes.sync()
    assert crosswalk(indexes.shared).keys() == crosswalk(education).keys(), "nothing read is lost"

    # As if the last commit read were of the history that is lost, or were not made again yet.
    with indexes.shared.database.write(OPERATOR, "test") as unit:
        scope = unit.scopes.get("education")
        unit.scopes.move_position("education", scope.position, "2020-01-01T00:00:00.000000Z")
    with pytest.raises(ConflictError, match="restore the shared index too"):
        indexes.sync()
    with indexes.shared.database.write(OPERATOR, "test") as unit:
        unit.scopes.move_position("education", scope.position._replace(commit_no=10**6), scope.read_at)
    with pytest.raises(ConflictError, match="restore the shared index too"):
        indexes.sync()


def test_an_id_stays_with_the_record_that_had_it_before_a_decision_that_ends(
    indexes, education, child_welfare
):
    upsert(education, OPERATOR, "sis", make_child("a1", first_name="Zoe", birth_date="2011-11-30"))
    indexes.sync()
    upsert(education, OPERATOR, "sis2", make_child("b1"))
    indexes.sync()
    before = crosswalk(indexes.shared)
    refs = [[RecordRef("sis", "a1"), RecordRef("sis2", "b1")]]
    merge = decide(education, OPERATOR, DecisionRequest(DecisionKind.SAME, refs, "test"))
    indexes.sync()
    upsert(child_welfare, OPERATOR, "ccwis", make_child("c1"))
    indexes.sync()
    undo_step(education, OPERATOR, merge.step)
    indexes.sync()
    after = crosswalk(indexes.shared)
    assert after["sis", "a1"] == before["sis", "a1"]
    assert after["ccwis", "c1"] == after["sis2", "b1"] == before["sis2", "b1"]


def test_dates_of_a_source_are_kept(indexes, education):
    load_rows(education, "sis", make_child("s1"), as_of=datetime(2021, 1, 1, tzinfo=UTC))
    indexes.sync()
    children = many_children(30)
    load_rows(
        education,
        "sis",
        *children,
        as_of=datetime(2022, 1, 1, tzinfo=UTC),
        snapshot=Snapshot.FULL,
        confirm=True,
    )
    indexes.sync()
    load_rows(education, "sis", make_child("s1"), as_of=datetime(2023, 1, 1, tzinfo=UTC))
    indexes.sync()
    with indexes.shared.database.read(OPERATOR) as unit:
        source_id = unit.sources.get_by_code("sis").id
        stored = unit.records.find_by_local_ids(source_id, ["s1"])["s1"]
        assert stored.last_seen.startswith("2023-01-01")


def test_decisions_of_one_scope_that_contradict_each_other_are_weighed_as_there(indexes, education):
    upsert(education, OPERATOR, "sis", make_child("s1"))
    upsert(education, OPERATOR, "sis2", make_child("s2"))
    addresses = [("sis", "s1"), ("sis2", "s2")]
    make_decision(education, DecisionKind.SAME, [addresses])
    state_decision(education, DecisionKind.DIFFERENT, Authority.STEWARD, ((addresses[0],), (addresses[1],)))
    assert [result.contradictions for result in indexes.sync()] == [0, 0]
    assert partition_of(indexes.shared) == partition_of(education)


def test_a_decision_that_is_in_force_again_follows(indexes, education):
    upsert(education, OPERATOR, "sis", make_child("s1"))
    upsert(education, OPERATOR, "sis2", make_child("s2"))
    groups = [[("sis", "s1")], [("sis2", "s2")]]
    first = make_decision(education, DecisionKind.DIFFERENT, groups)
    indexes.sync()
    refs = [[RecordRef("sis", "s1"), RecordRef("sis2", "s2")]]
    second = decide(
        education, OPERATOR, DecisionRequest(DecisionKind.SAME, refs, "test", supersedes=first.decisions)
    )
    indexes.sync()
    assert len(partition_of(indexes.shared)) == 1
    undo_step(education, OPERATOR, second.step)
    indexes.sync()
    assert len(partition_of(education)) == 2
    assert len(partition_of(indexes.shared)) == 2


def test_a_decision_about_a_record_that_takes_no_part_waits_for_its_return(indexes, education):
    upsert(education, OPERATOR, "sis", make_child("s1"))
    upsert(education, OPERATOR, "sis2", make_child("s2"))
    make_decision(education, DecisionKind.DIFFERENT, [[("sis", "s1")], [("sis2", "s2")]])
    withdraw(education, OPERATOR, "sis2", "s2")
    indexes.sync()
    upsert(education, OPERATOR, "sis2", make_child("s2"))
    indexes.sync()
    assert len(partition_of(indexes.shared)) == 2


def test_a_merge_that_a_source_states_and_a_steward_undoes_follows(indexes, education):
    upsert(education, OPERATOR, "sis", make_child("s1"))
    other = make_child("s2", first_name="Ben", last_name="Quill", birth_date="2011-01-05", merged_into="s1")
    upsert(education, OPERATOR, "sis", other)
    indexes.sync()
    assert len(partition_of(education)) == len(partition_of(indexes.shared)) == 1
    [decision] = list_decisions(education, OPERATOR)
    assert len(list_decisions(indexes.shared, OPERATOR)) == 1, "it is not derived once more"
    undo_decision(education, OPERATOR, decision.id)
    indexes.sync()
    assert len(partition_of(education)) == len(partition_of(indexes.shared)) == 2


def test_a_correction_stays_in_its_scope_and_stops_nothing(indexes, education, child_welfare):
    for index, source in ((education, "sis"), (child_welfare, "ccwis")):
        upsert(index, OPERATOR, source, make_child("1"))
        [eid] = crosswalk(index).values()
        add_source(index, OPERATOR, NewSource("STEWARD", kind=SourceKind.STEWARD))
        correct_value(index, OPERATOR, eid, "first_name", "Amaara", StepOptions("typo", note="passport"))
    indexes.sync()
    assert crosswalk(indexes.shared).keys() == {("sis", "1"), ("ccwis", "1")}
    with indexes.shared.database.read(OPERATOR) as unit:
        assert {source.code for source in unit.sources.all()} == {"sis", "ccwis"}


def test_a_restriction_that_a_load_stated_by_mistake_ends_with_its_undo(indexes, education):
    load_rows(education, "sis", make_child("s1"))
    receipt = load_rows(education, "sis", make_child("s1", restrictions=[{"kind": "opt_out"}]))
    indexes.sync()
    named_for_source = replace(OPERATOR, sources=frozenset({"sis"}))
    assert "restrictions" in read(indexes.shared, named_for_source, "sis", "s1")["record"]
    undo_load(education, OPERATOR, receipt.batch, "mistake")
    indexes.sync()
    assert "restrictions" not in read(indexes.shared, named_for_source, "sis", "s1")["record"]


def test_a_record_sealed_before_the_first_sync_shows_nothing(indexes, education):
    upsert(education, OPERATOR, "sis", make_child("s1", first_name="Zephyrine"))
    upsert(education, OPERATOR, "sis", make_child("s1", restrictions=[{"kind": "sealed"}]))
    indexes.sync()
    with indexes.shared.database.read(OPERATOR) as unit:
        [record] = unit.records.all_of_source(unit.sources.get_by_code("sis").id).values()
        assert (record.state, unit.record_versions.versions(record.id)) == ("sealed", [])


def test_an_owner_is_asked_for_consent_in_the_shared_index_too(indexes, education):
    upsert(education, OPERATOR, "sis", make_child("s1"))
    indexes.sync()
    set_consent_required(education, OPERATOR, "sis", asks=True)
    indexes.sync()
    with indexes.shared.database.read(OPERATOR) as unit:
        assert unit.sources.get_by_code("sis").asks_consent


def test_what_a_scope_decides_of_its_records_is_not_done_in_the_shared_index(indexes, education):
    receipt = load_rows(education, "sis", make_child("s1"))
    indexes.sync()
    with pytest.raises(ConflictError, match="scope education"):
        pause(indexes.shared, OPERATOR, "sis")
    with pytest.raises((ConflictError, NotFoundError)):
        undo_load(indexes.shared, OPERATOR, receipt.batch, "test")
    assert pause(indexes.shared, OPERATOR, None).sources == ()
    with pytest.raises(ConflictError, match="scope education"):
        set_consent_required(indexes.shared, OPERATOR, "sis", asks=True)
    with pytest.raises(ConflictError, match="scope education"):
        approve_expunges(indexes.shared, OPERATOR, "sis", ["s1"])
