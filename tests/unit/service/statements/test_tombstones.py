"""A destroyed record leaves a keyed tombstone, and is refused on every path by which it comes again."""

import pytest

from mpi.domain.errors import ConflictError, NotFoundError
from mpi.intake.rows import CanonicalRow
from mpi.service.loads.crosswalk_import import OldCrosswalkLine, import_crosswalk
from mpi.service.loads.dry_run import dry_run
from mpi.service.loads.load import LoadOptions
from mpi.service.maintenance.verify import verify
from mpi.service.persons.persons import look_up_crosswalk
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.stewardship.rekey import rekey
from mpi.service.stewardship.undo import undo_step
from mpi.service.stewardship.unseal_requests import request_unseals
from tests.index import OPERATOR, all_stored_bytes, crosswalk, expunge, load_rows, make_child, many_children

SECRET_ID = "zebulonia-quist-4711"
CHILD = make_child(SECRET_ID, first_name="Zebulonia", last_name="Quist")


@pytest.fixture
def destroyed(index):
    """An index in which one record was expunged, beside others."""
    for child in many_children(12):
        upsert(index, OPERATOR, "sis", child)
    upsert(index, OPERATOR, "sis", CHILD)
    expunge(index, "sis", CHILD)
    return index


def links_of(index):
    return {record for record in crosswalk(index) if record[1].startswith("zebulonia")}


def test_nothing_stored_names_the_destroyed_record(destroyed):
    stored = all_stored_bytes(destroyed).lower()
    for text in (b"zebulonia", b"4711"):
        assert text not in stored
    assert verify(destroyed, OPERATOR) == []


def test_neither_do_its_former_local_ids(index):
    upsert(index, OPERATOR, "sis", {**CHILD, "local_id": "zebulonia-1"})
    rekey(index, OPERATOR, "sis", {"zebulonia-1": "zebulonia-2"})
    rekey(index, OPERATOR, "sis", {"zebulonia-2": "zebulonia-3"})
    expunge(index, "sis", {**CHILD, "local_id": "zebulonia-3"})
    assert b"zebulonia" not in all_stored_bytes(index).lower()
    for local_id in ("zebulonia-1", "zebulonia-2", "zebulonia-3"):
        assert upsert(index, OPERATOR, "sis", {**CHILD, "local_id": local_id}).outcome == "refused"
    assert crosswalk(index) == {}


def test_it_is_refused_as_a_record_however_often_it_is_sent(destroyed):
    for changes in ({}, {"first_name": "Femi"}, {"restrictions": [{"kind": "expunged"}]}):
        answer = upsert(destroyed, OPERATOR, "sis", {**CHILD, **changes})
        assert (answer.outcome, answer.record, answer.enterprise_id) == ("refused", "refused", None)
    assert b"zebulonia" not in all_stored_bytes(destroyed).lower()


@pytest.mark.parametrize("others", [0, 20])
def test_it_is_refused_in_a_file(destroyed, others):
    receipt = load_rows(destroyed, "sis", CHILD, *many_children(others, start=50))
    assert (receipt.rejected, receipt.created) == (1, others)
    assert [reject.reason for reject in receipt.rejects] == ["sealed"]
    assert links_of(destroyed) == set()


def test_a_dry_run_counts_it_as_rejected(destroyed):
    rows = [CanonicalRow(2, None, dict(CHILD))]
    assert dry_run(destroyed, OPERATOR, "sis", rows, LoadOptions()).receipt.rejected == 1


def test_no_other_record_gets_its_local_id(destroyed):
    upsert(destroyed, OPERATOR, "sis", make_child("other", first_name="Femi"))
    result = rekey(destroyed, OPERATOR, "sis", {"other": SECRET_ID})
    assert (result.rekeyed, result.review) == (0, (SECRET_ID,))
    assert ("sis", "other") in crosswalk(destroyed)


def test_no_undo_gives_its_local_id_to_another_record(index):
    upsert(index, OPERATOR, "sis", make_child(SECRET_ID, first_name="Femi"))
    step = rekey(index, OPERATOR, "sis", {SECRET_ID: "other"}).step
    assert upsert(index, OPERATOR, "sis", CHILD).record == "created"
    expunge(index, "sis", CHILD)
    with pytest.raises(ConflictError):
        undo_step(index, OPERATOR, step)
    assert set(crosswalk(index)) == {("sis", "other")}


def test_a_source_that_merges_a_record_into_it_makes_no_placeholder(destroyed):
    upsert(destroyed, OPERATOR, "sis", make_child("other", first_name="Femi", merged_into=SECRET_ID))
    with destroyed.database.read(OPERATOR) as unit:
        source = unit.sources.get_by_code("sis")
        assert unit.records.find_by_local_ids(source.id, [SECRET_ID]) == {}
    assert links_of(destroyed) == set()


def test_an_old_crosswalk_does_not_bring_it_back(index):
    expunge(index, "sis", CHILD)
    upsert(index, OPERATOR, "ccwis", CHILD)
    lines = [OldCrosswalkLine("ccwis", SECRET_ID, SECRET_ID)]
    import_crosswalk(index, OPERATOR, "sis", lines, "move")
    with index.database.read(OPERATOR) as unit:
        assert unit.records.find_by_local_ids(unit.sources.get_by_code("sis").id, [SECRET_ID]) == {}
    assert set(crosswalk(index)) == {("ccwis", SECRET_ID)}


def test_it_is_unknown_to_every_other_call(destroyed):
    calls = [
        lambda: look_up_crosswalk(destroyed, OPERATOR, "sis", SECRET_ID),
        lambda: withdraw(destroyed, OPERATOR, "sis", SECRET_ID),
        lambda: rekey(destroyed, OPERATOR, "sis", {SECRET_ID: "x"}),
        lambda: request_unseals(destroyed, OPERATOR, "sis", [SECRET_ID], "26-1"),
    ]
    for call in calls:
        with pytest.raises(NotFoundError):
            call()


def test_the_same_local_id_of_another_source_is_accepted(destroyed):
    assert upsert(destroyed, OPERATOR, "ccwis", CHILD).record == "created"
