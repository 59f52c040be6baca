"""Pulls from other systems: cursor, removals, new local IDs, repetition and concurrency."""

from datetime import timedelta

import pytest

from mpi.domain.errors import ConflictError, NotFoundError, RemoteSystemError
from mpi.domain.snapshot import Snapshot
from mpi.intake.rows import RejectedRow
from mpi.service.loads import load_undo
from mpi.service.loads.load import LoadOptions, load
from mpi.service.maintenance.verify import verify
from mpi.service.pulls.pull import PullOptions, preview_pull, pull
from mpi.service.pulls.pull_lease import PullLease
from mpi.service.records.upsert import upsert
from tests.index import OPERATOR, crosswalk, load_rows, make_child, many_children, rows
from tests.pulls import StandInSystem, make_connection

CHILDREN = many_children(12)


@pytest.fixture
def system():
    return StandInSystem(*CHILDREN)


def pull_from(index, system, connection=None, **options):
    return pull(index, OPERATOR, connection or make_connection(), system, PullOptions(**options))


def read_cursor(index, source="sis"):
    with index.database.read(OPERATOR) as unit:
        return unit.pull_cursors.find(unit.sources.get_by_code(source).id)


def list_local_ids(index):
    return {local_id for source, local_id in crosswalk(index) if source == "sis"}


def test_first_pull_loads_every_record_and_the_next_one_what_has_changed(index, system):
    first = pull_from(index, system)
    system.put(CHILDREN[0] | {"postal_code": "43999"})
    second = pull_from(index, system)
    third = pull_from(index, system)
    assert (first.is_full, first.load.created, first.has_advanced) == (True, 12, True)
    assert (second.is_full, second.load.received, second.load.updated) == (False, 1, 1)
    assert third.load.received == 0
    assert system.cursors == [None, "0", "1"]
    cursor = read_cursor(index)
    assert (cursor.cursor, cursor.worker) == ("1", "")
    assert cursor.counts["received"] == 0


def test_record_that_the_system_removed_is_withdrawn_and_returns_with_its_id(index, system):
    pull_from(index, system)
    before = crosswalk(index)
    system.delete("c3")
    receipt = pull_from(index, system)
    assert (receipt.removed, receipt.load.received, receipt.load.withdrawn) == (1, 1, 1)
    assert receipt.load.adds_up
    assert "c3" not in list_local_ids(index)
    system.put(CHILDREN[3])
    pull_from(index, system)
    assert crosswalk(index) == before
    assert verify(index, OPERATOR) == []


def test_removals_are_undone_with_their_load(index, system):
    pull_from(index, system)
    before = crosswalk(index)
    system.delete("c3")
    system.put(CHILDREN[4] | {"postal_code": "43999"})
    receipt = pull_from(index, system)
    load_undo.undo_load(index, OPERATOR, receipt.load.batch)
    assert crosswalk(index) == before


def test_pull_after_an_undo_takes_every_record_again(index, system):
    pull_from(index, system)
    system.put(make_child(local_id="c99"))
    receipt = pull_from(index, system)
    load_undo.undo_load(index, OPERATOR, receipt.load.batch)
    assert "c99" not in list_local_ids(index)
    again = pull_from(index, system)
    assert (again.is_full, "c99" in list_local_ids(index)) == (True, True)
    assert not pull_from(index, system).is_full
    assert system.cursors == [None, "0", None, "1"]


def test_removals_of_many_records_are_held_and_the_pull_is_repeated_until_confirmed(index, system):
    pull_from(index, system)
    for number in range(6):
        system.delete(f"c{number}")
    held = pull_from(index, system)
    assert (held.load.status, held.has_advanced) == ("held", False)
    assert len(list_local_ids(index)) == 12
    confirmed = pull_from(index, system, confirm=True)
    assert (confirmed.load.withdrawn, confirmed.has_advanced) == (6, True)
    assert system.cursors == [None, "0", "0"]


def test_full_pull_after_a_week_withdraws_what_was_deleted_in_silence(index, system, manual_clock):
    pull_from(index, system)
    system.lose("c3")
    manual_clock.advance(days=6)
    assert pull_from(index, system).load.received == 0
    manual_clock.advance(days=1, minutes=1)
    receipt = pull_from(index, system)
    assert (receipt.is_full, receipt.load.withdrawn, receipt.load.unchanged) == (True, 1, 11)
    manual_clock.advance(days=2)
    assert not pull_from(index, system).is_full
    assert pull_from(index, system, full_after=timedelta(days=2)).is_full


def test_full_pull_is_made_on_demand_and_for_another_connection(index, system):
    pull_from(index, system)
    assert pull_from(index, system, full=True).is_full
    moved = make_connection(url="https://other.example.org")
    assert pull_from(index, system, moved).is_full
    assert not pull_from(index, system, moved).is_full


def test_connector_that_cannot_promise_every_record_withdraws_none(index, system):
    pull_from(index, system)
    system.lose("c3")
    system.gives_all = False
    receipt = pull_from(index, system, full=True)
    assert (receipt.is_full, receipt.load.withdrawn) == (False, 0)


def test_new_local_id_keeps_person_and_makes_no_new_record(index, system):
    pull_from(index, system)
    before = crosswalk(index)
    system.rename("c1", "x1")
    system.rename("x1", "y1")
    system.rename("c2", "c1")
    receipt = pull_from(index, system)
    after = crosswalk(index)
    assert (receipt.renamed, receipt.load.created) == (2, 0)
    assert after["sis", "y1"] == before["sis", "c1"]
    assert after["sis", "c1"] == before["sis", "c2"]
    assert len(after) == 12
    assert verify(index, OPERATOR) == []


def test_sealed_record_stays_sealed_under_the_local_id_that_the_system_gives_it(index, system):
    pull_from(index, system)
    upsert(index, OPERATOR, "sis", CHILDREN[1] | {"restrictions": [{"kind": "sealed"}]})
    system.rename("c1", "x1")
    system.put(CHILDREN[2] | {"postal_code": "43999"})
    receipt = pull_from(index, system)
    assert (receipt.renamed, receipt.load.created, receipt.has_advanced) == (0, 0, True)
    assert not list_local_ids(index) & {"c1", "x1"}
    assert pull_from(index, system, full=True).load.created == 0
    assert not list_local_ids(index) & {"c1", "x1"}


def test_pull_that_ends_before_its_load_is_repeated_to_the_same_end(index, system):
    pull_from(index, system)
    system.rename("c1", "x1")
    system.delete("c2")

    def break_off():
        raise RemoteSystemError("gone")

    system.before_end = break_off
    with pytest.raises(RemoteSystemError):
        pull_from(index, system)
    assert "c2" in list_local_ids(index)
    system.before_end = lambda: None
    pull_from(index, system)
    assert list_local_ids(index) == {"x1", "c0"} | {f"c{number}" for number in range(3, 12)}


def test_pull_whose_cursor_was_not_stored_is_repeated_to_the_same_end(index, system):
    pull_from(index, system)
    old = read_cursor(index)
    system.rename("c1", "x1")
    system.delete("c2")
    pull_from(index, system)
    expected = crosswalk(index)
    with index.database.write(OPERATOR, "test") as unit:
        unit.pull_cursors.claim(old.source_id, "here", "")
        unit.pull_cursors.advance(old, "here")
        unit.pull_cursors.release(old.source_id, "here")
    repeated = pull_from(index, system)
    assert system.cursors[-1] == "0"
    assert (repeated.renamed, repeated.load.created, repeated.load.withdrawn) == (0, 0, 0)
    assert crosswalk(index) == expected


def test_second_pull_of_a_source_at_the_same_time_is_refused(index, system):
    pull_from(index, system)
    refused = []

    def pull_again():
        with pytest.raises(ConflictError) as error:
            pull_from(index, StandInSystem())
        refused.append(str(error.value))

    system.before_end = pull_again
    pull_from(index, system)
    assert "another process" in refused[0]
    other = StandInSystem(make_child("w1"))
    assert pull_from(index, other, make_connection("ccwis")).load.created == 1


def test_pull_of_a_process_that_has_died_is_taken_over(index, system):
    with index.database.write(OPERATOR, "test") as unit:
        unit.pull_cursors.claim(unit.sources.get_by_code("sis").id, "elsewhere:1:ab", "2020-01-01T00:00:00Z")
    assert pull_from(index, system).load.created == 12


def test_pull_that_was_taken_over_stores_no_cursor(index, system):
    pull_from(index, system)
    with index.database.read(OPERATOR) as unit:
        source = unit.sources.get_by_code("sis")
    with PullLease(index, OPERATOR, source) as lease:
        with index.database.write(OPERATOR, "test") as unit:
            unit.pull_cursors.claim(source.id, "elsewhere:1:ab", "2999-01-01T00:00:00Z")
        with pytest.raises(ConflictError):
            lease.advance(lease.stored)
    assert read_cursor(index).worker == "elsewhere:1:ab"


def test_item_without_a_row_keeps_its_record_and_one_without_name_keeps_all(index, system):
    pull_from(index, system)
    system.lose("c3")
    system.lose("c4")
    system.rejects = [("no-birth-date", "the item has no date of birth", "c3")]
    receipt = pull_from(index, system, full=True)
    assert (receipt.load.withdrawn, receipt.load.rejected) == (1, 1)
    assert [reject.reason for reject in receipt.load.rejects] == ["no-birth-date"]
    assert "c3" in list_local_ids(index)
    system.lose("c5")
    system.rejects = [("no-local-id", "the item has no ID")]
    receipt = pull_from(index, system, full=True)
    assert (receipt.load.withdrawn, receipt.load.spared) == (0, 2)


def test_pull_that_is_rejected_as_a_whole_is_repeated(index, system):
    pull_from(index, system)
    system.put(make_child("bad", birth_date="no date at all"))
    system.put(make_child("", first_name="Nobody"))
    system.changes = [("add", ({"first_name": "Nobody"},))]
    receipt = pull_from(index, system)
    assert (receipt.load.rejected, receipt.has_advanced) == (1, False)
    assert read_cursor(index).cursor == "0"


def test_strange_local_ids_are_counted_and_break_nothing(index, system):
    pull_from(index, system)
    system.changes = [
        ("remove", ("",)),
        ("remove", ("x" * 500,)),
        ("rename", ("c1", "123-45-6789")),
        ("rename", ("c1", "n1")),
        ("rename", ("c2", "n1")),
        ("add", (make_child("big", first_name="x" * 2_000_000),)),
        ("add", (CHILDREN[5],)),
    ]
    receipt = pull_from(index, system)
    assert receipt.load.rejected == 5
    assert receipt.load.adds_up
    assert {"n1", "c2"} <= list_local_ids(index)


def test_preview_stores_nothing(index, system):
    pull_from(index, system)
    system.delete("c3")
    system.rename("c1", "x1")
    system.put(make_child("new"))
    before, cursor = crosswalk(index), read_cursor(index)
    preview = preview_pull(index, OPERATOR, make_connection(), system, PullOptions())
    assert (preview.removed, preview.renamed, preview.load.receipt.withdrawn) == (1, 1, 1)
    assert preview.profile.rows == 2
    assert crosswalk(index) == before
    assert read_cursor(index) == cursor


def test_record_sent_while_a_pull_is_under_way_is_newer_than_the_pull(index, system):
    pull_from(index, system)
    system.lose("c3")
    newer = CHILDREN[3] | {"postal_code": "43998"}
    system.before_end = lambda: upsert(index, OPERATOR, "sis", newer)
    receipt = pull_from(index, system, full=True)
    assert receipt.load.withdrawn == 0
    assert "c3" in list_local_ids(index)


def test_unknown_source_is_refused_before_the_system_is_asked(index, system):
    with pytest.raises(NotFoundError):
        pull_from(index, system, make_connection("nowhere"))
    assert system.cursors == []


def test_delta_file_without_removals_withdraws_nothing_as_before(index):
    load_rows(index, "sis", *CHILDREN)
    receipt = load_rows(index, "sis", CHILDREN[0], gone=frozenset({"c0", "c1", "never"}))
    assert (receipt.received, receipt.unchanged, receipt.withdrawn) == (2, 1, 1)
    assert "c0" in list_local_ids(index)


def test_full_file_with_an_unreadable_row_withdraws_only_whom_it_names_as_gone(index):
    load_rows(index, "sis", *CHILDREN)
    file = [*rows(*CHILDREN[:9]), RejectedRow(99, None, "no-local-id", "the item has no ID")]
    options = LoadOptions(Snapshot.FULL, gone=frozenset({"c10"}))
    receipt = load(index, OPERATOR, "sis", file, options)
    assert (receipt.withdrawn, receipt.spared) == (1, 2)
    assert receipt.adds_up
    assert list_local_ids(index) == {child["local_id"] for child in CHILDREN} - {"c10"}
