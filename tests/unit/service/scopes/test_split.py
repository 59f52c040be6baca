"""Sources move into a scope and back, and no enterprise ID of the shared index changes."""

import pytest

from mpi.domain.decision import DecisionKind
from mpi.domain.errors import ConflictError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.service.maintenance.verify import verify
from mpi.service.records.upsert import read, upsert, withdraw
from mpi.service.scopes.split import preview_split, split_sources, undo_split
from mpi.service.statements.sources import NewSource, add_source
from mpi.service.stewardship.decisions import DecisionRequest, decide, list_decisions
from mpi.service.stewardship.undo import undo_decision
from tests.index import OPERATOR, crosswalk, load_rows, make_child, many_children, partition_of
from tests.scopes import open_scoped_indexes


@pytest.fixture
def indexes(tmp_path, database_url):
    """A shared index that holds two sources already, and an empty scope."""
    with open_scoped_indexes(tmp_path, {"education": ()}, database_url=database_url) as opened:
        for code in ("sis", "ccwis"):
            add_source(opened.shared, OPERATOR, NewSource(code))
        yield opened


@pytest.fixture
def education(indexes):
    return indexes.scopes["education"]


def move(indexes, education, *sources):
    return split_sources(indexes.shared, education, OPERATOR, "education", sources or ("sis",))


def test_a_preview_counts_and_changes_nothing(indexes, education):
    load_rows(indexes.shared, "sis", *many_children(3))
    withdraw(indexes.shared, OPERATOR, "sis", "c0")
    result = preview_split(indexes.shared, OPERATOR, "education", ["sis"])
    assert (result.sources, result.records) == (("sis",), {"active": 2, "withdrawn": 1})
    upsert(indexes.shared, OPERATOR, "sis", make_child("new"))
    assert crosswalk(education) == {}


def test_moved_records_get_ids_of_their_own_and_the_shared_ones_stay(indexes, education):
    load_rows(indexes.shared, "sis", *many_children(30))
    load_rows(indexes.shared, "ccwis", *many_children(10))
    before = crosswalk(indexes.shared)
    move(indexes, education)
    assert crosswalk(indexes.shared) == before
    assert crosswalk(education).keys() == {("sis", f"c{number}") for number in range(30)}
    assert not set(crosswalk(education).values()) & set(before.values())
    indexes.sync()
    assert crosswalk(indexes.shared) == before
    assert verify(indexes.shared, OPERATOR) == []
    assert verify(education, OPERATOR) == []


def test_records_are_sent_to_the_scope_from_then_on(indexes, education):
    upsert(indexes.shared, OPERATOR, "sis", make_child("s1"))
    [eid] = crosswalk(indexes.shared).values()
    move(indexes, education)
    with pytest.raises(ConflictError, match="scope education"):
        upsert(indexes.shared, OPERATOR, "sis", make_child("s1"))
    upsert(education, OPERATOR, "sis", make_child("s1", postal_code="43777"))
    indexes.sync()
    assert read(indexes.shared, OPERATOR, "sis", "s1")["record"]["postal_code"] == "43777"
    assert list(crosswalk(indexes.shared).values()) == [eid]


def test_records_that_only_a_record_of_another_agency_joined_part_in_the_scope(indexes, education):
    add_source(indexes.shared, OPERATOR, NewSource("sis2"))
    upsert(indexes.shared, OPERATOR, "ccwis", make_child("c1", ssn="219-09-9998"))
    upsert(indexes.shared, OPERATOR, "sis", make_child("s1"))
    upsert(
        indexes.shared,
        OPERATOR,
        "sis2",
        make_child("s2", first_name="Amara", birth_date="2014-03-08", ssn="219-09-9998"),
    )
    joined = partition_of(indexes.shared)
    move(indexes, education, "sis", "sis2")
    assert partition_of(indexes.shared) == joined
    assert all(("ccwis", "c1") not in records for records in partition_of(education))


def test_a_decision_moves_and_its_undo_comes_back(indexes, education):
    upsert(indexes.shared, OPERATOR, "sis", make_child("s1"))
    upsert(indexes.shared, OPERATOR, "sis", make_child("s2"))
    refs = [[RecordRef("sis", "s1")], [RecordRef("sis", "s2")]]
    decide(indexes.shared, OPERATOR, DecisionRequest(DecisionKind.DIFFERENT, refs, "test"))
    move(indexes, education)
    assert len(partition_of(education)) == 2
    indexes.sync()
    [own] = list_decisions(education, OPERATOR)
    assert len(list_decisions(indexes.shared, OPERATOR)) == 1, "it is not copied back"
    undo_decision(education, OPERATOR, own.id)
    indexes.sync()
    assert len(partition_of(education)) == 1
    assert len(partition_of(indexes.shared)) == 1


def test_a_decision_about_another_agencys_record_stays_in_the_shared_index(indexes, education):
    upsert(indexes.shared, OPERATOR, "sis", make_child("s1"))
    upsert(indexes.shared, OPERATOR, "ccwis", make_child("c1"))
    refs = [[RecordRef("sis", "s1")], [RecordRef("ccwis", "c1")]]
    decide(indexes.shared, OPERATOR, DecisionRequest(DecisionKind.DIFFERENT, refs, "test"))
    move(indexes, education)
    assert list_decisions(education, OPERATOR) == []


def test_a_sealed_record_stays_sealed_in_the_scope(indexes, education):
    upsert(indexes.shared, OPERATOR, "sis", make_child("s1"))
    upsert(indexes.shared, OPERATOR, "sis", make_child("s1", restrictions=[{"kind": "sealed"}]))
    move(indexes, education)
    result = upsert(education, OPERATOR, "sis", make_child("s1"))
    assert (result.outcome, result.enterprise_id) == ("refused", None)
    with pytest.raises(NotFoundError):
        read(education, OPERATOR, "sis", "s1")


@pytest.mark.parametrize("stopped_after", range(4))
def test_a_split_that_was_interrupted_is_completed_by_the_next(indexes, education, stopped_after):
    load_rows(indexes.shared, "sis", *many_children(30))
    before = crosswalk(indexes.shared)
    calls = iter(range(100))

    def stop(*_):
        if next(calls) == stopped_after:
            raise KeyboardInterrupt

    try:
        split_sources(indexes.shared, education, OPERATOR, "education", ["sis"], stop, page=10)
    except KeyboardInterrupt:
        for index in (indexes.shared, education):
            with pytest.raises(ConflictError, match="scope"):
                upsert(index, OPERATOR, "sis", make_child("meanwhile"))
    move(indexes, education)
    upsert(education, OPERATOR, "sis", make_child("later"))
    indexes.sync()
    assert crosswalk(education).keys() == {("sis", f"c{number}") for number in range(30)} | {("sis", "later")}
    assert {record: eid for record, eid in crosswalk(indexes.shared).items() if record in before} == before


def test_an_undo_sends_records_to_the_shared_index_again(indexes, education):
    load_rows(indexes.shared, "sis", *many_children(5))
    before = crosswalk(indexes.shared)
    move(indexes, education)
    upsert(education, OPERATOR, "sis", make_child("since"))
    undo_split(indexes.shared, education, OPERATOR, "education", ["sis"])
    after = crosswalk(indexes.shared)
    assert {record: after[record] for record in before} == before
    assert ("sis", "since") in after, "nothing that came since is lost"
    upsert(indexes.shared, OPERATOR, "sis", make_child("again"))
    with pytest.raises(ConflictError, match="scope shared"):
        upsert(education, OPERATOR, "sis", make_child("again"))


def test_a_split_is_undone_and_done_again(indexes, education):
    load_rows(indexes.shared, "sis", *many_children(5))
    before = crosswalk(indexes.shared)
    move(indexes, education)
    own = crosswalk(education)
    undo_split(indexes.shared, education, OPERATOR, "education", ["sis"])
    withdraw(indexes.shared, OPERATOR, "sis", "c0")
    move(indexes, education)
    indexes.sync()
    assert crosswalk(education) == {record: eid for record, eid in own.items() if record != ("sis", "c0")}
    assert crosswalk(indexes.shared) == {r: eid for r, eid in before.items() if r != ("sis", "c0")}


def test_a_source_with_records_that_wait_is_not_moved(indexes):
    upsert(indexes.shared, OPERATOR, "sis", make_child("s1"))
    upsert(
        indexes.shared,
        OPERATOR,
        "sis",
        make_child("s1", first_name="Zoe", last_name="Quill", birth_date="2009-11-30", sex="M"),
    )
    with pytest.raises(ConflictError, match="wait"):
        preview_split(indexes.shared, OPERATOR, "education", ["sis"])


def test_an_unknown_scope_or_source_is_not_found(indexes):
    with pytest.raises(NotFoundError, match="scope"):
        preview_split(indexes.shared, OPERATOR, "health", ["sis"])
    with pytest.raises(NotFoundError, match="source"):
        preview_split(indexes.shared, OPERATOR, "education", ["nosuch"])
