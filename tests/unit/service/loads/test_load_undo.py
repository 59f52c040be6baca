"""Test undo of a load: the result is as if the load had never happened."""

from datetime import UTC, datetime

import pytest

from mpi.domain.errors import AccessDenied, ConflictError, NotFoundError
from mpi.domain.snapshot import Snapshot
from mpi.domain.viewer import Action, Viewer
from mpi.service.loads.load_undo import undo_load
from mpi.service.maintenance.verify import verify
from mpi.service.persons.lineage import look_up_lineage
from mpi.service.persons.persons import look_up_person
from mpi.service.records.record_reader import read
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.stewardship.merge_split_move import StepOptions, merge
from mpi.service.stewardship.undo import undo_step
from tests.index import (
    OPERATOR,
    crosswalk,
    load_rows,
    make_child,
    make_tuning,
    many_children,
    open_test_index,
    partition_of,
)


@pytest.fixture(params=[None, 1, 7], ids=["one-chunk", "chunks-of-1", "chunks-of-7"], autouse=True)
def chunk_size(request):
    """Run each test with several numbers of records per undo chunk."""
    return request.param


@pytest.fixture
def index(tmp_path, database_url, chunk_size):
    """An empty index, on each store in turn, with each chunk size."""
    sizes = {"sqlite_undo_records": chunk_size, "postgresql_undo_records": chunk_size}
    tuning = make_tuning(load=sizes if chunk_size else {})
    home = tmp_path / "home"
    with open_test_index(home, "sis", "ccwis", database_url=database_url, tuning=tuning) as opened:
        yield opened


def day(number: int) -> datetime:
    return datetime(2026, 3, number, tzinfo=UTC)


def load_full_file(index, *records, on: int, **options):
    return load_rows(index, "sis", *records, snapshot=Snapshot.FULL, as_of=day(on), confirm=True, **options)


def read_field(index, local_id: str, field: str = "grade"):
    return read(index, OPERATOR, "sis", local_id)["record"].get(field)


def test_undo_of_a_truncated_file_restores_every_id(index):
    children = many_children(40)
    load_full_file(index, *children, on=1)
    before = crosswalk(index)
    wrong_load = load_full_file(index, *children[:3], on=2)
    assert len(crosswalk(index)) == 3
    previewed = undo_load(index, OPERATOR, wrong_load.batch, preview=True)
    assert len(crosswalk(index)) == 3
    undone = undo_load(index, OPERATOR, wrong_load.batch)
    assert crosswalk(index) == before
    assert (undone.stated, undone.restored, undone.removed, undone.moved) == (40, 37, 0, 37)
    assert previewed.persons == undone.persons == {"revived": 37}
    assert verify(index, OPERATOR) == []


def test_undo_removes_created_records_and_a_new_load_restores_their_ids(index):
    receipt = load_rows(index, "sis", make_child("1"), make_child("2", first_name="Zoe", last_name="Quist"))
    before = crosswalk(index)
    undone = undo_load(index, OPERATOR, receipt.batch)
    assert (crosswalk(index), undone.removed) == ({}, 2)
    assert {look_up_person(index, OPERATOR, eid).status for eid in before.values()} == {"empty"}
    with pytest.raises(NotFoundError):
        read(index, OPERATOR, "sis", "1")
    load_rows(index, "sis", make_child("1"), make_child("2", first_name="Zoe", last_name="Quist"))
    assert crosswalk(index) == before
    assert verify(index, OPERATOR) == []


def test_undo_keeps_what_was_loaded_since(index):
    load_full_file(index, make_child("1", grade="01"), make_child("2", grade="01"), on=1)
    wrong_load = load_full_file(index, make_child("1", grade="09"), make_child("2", grade="09"), on=5)
    load_full_file(index, make_child("1", grade="09"), make_child("2", grade="03"), on=6)
    undo_load(index, OPERATOR, wrong_load.batch)
    assert (read_field(index, "1"), read_field(index, "2")) == ("09", "03")
    assert verify(index, OPERATOR) == []


def test_loads_are_undone_in_any_order(index):
    first = load_full_file(index, make_child("1", grade="01"), on=1)
    second = load_full_file(index, make_child("1", grade="02"), on=2)
    third = load_full_file(index, make_child("1", grade="03"), on=3)
    undo_load(index, OPERATOR, second.batch)
    assert read_field(index, "1") == "03"
    undo_load(index, OPERATOR, third.batch)
    assert read_field(index, "1") == "01"
    undo_load(index, OPERATOR, first.batch)
    assert crosswalk(index) == {}


def test_late_statement_counts_once_the_load_that_replaced_it_is_undone(index):
    load_full_file(index, make_child("1", grade="01"), on=1)
    later = load_full_file(index, make_child("1", grade="01"), on=5)
    upsert(index, OPERATOR, "sis", make_child("1", grade="02", as_of=day(3).isoformat()))
    assert read_field(index, "1") == "01"
    undo_load(index, OPERATOR, later.batch)
    assert read_field(index, "1") == "02"


def test_record_stated_by_two_loads_stays_until_both_are_undone(index):
    first = load_full_file(index, make_child("1"), on=1)
    second = load_full_file(index, make_child("1"), on=1)
    eid = crosswalk(index)["sis", "1"]
    undo_load(index, OPERATOR, first.batch)
    assert crosswalk(index) == {("sis", "1"): eid}
    undo_load(index, OPERATOR, second.batch)
    assert crosswalk(index) == {}
    assert verify(index, OPERATOR) == []


def test_record_sent_again_online_survives_the_undo_of_its_first_load(index):
    wrong_load = load_full_file(index, make_child("1"), on=1)
    upsert(index, OPERATOR, "sis", make_child("1", as_of=day(1).isoformat()))
    undo_load(index, OPERATOR, wrong_load.batch)
    assert ("sis", "1") in crosswalk(index)


@pytest.mark.parametrize("first", [0, 1])
def test_record_sent_again_online_survives_the_undo_of_all_its_loads(index, first):
    row = make_child("1", as_of=day(1).isoformat())
    loads = [load_rows(index, "sis", row) for _ in range(2)]
    before = crosswalk(index)
    for _ in range(2):
        assert upsert(index, OPERATOR, "sis", row).outcome == "unchanged"
    with index.database.read(OPERATOR) as unit:
        assert [len(assertions) for assertions in unit.record_assertions.assertions_about([1]).values()] == [
            3
        ]
    for receipt in (loads[first], loads[1 - first]):
        undo_load(index, OPERATOR, receipt.batch)
    assert crosswalk(index) == before
    assert verify(index, OPERATOR) == []


def test_history_repeated_by_a_load_survives_the_undo_of_its_first_load(index):
    load_full_file(index, make_child("1", grade="01"), on=5)
    first = load_rows(index, "sis", make_child("1", grade="02"), as_of=day(3))
    load_rows(index, "sis", make_child("1", grade="02"), as_of=day(3))
    undo_load(index, OPERATOR, first.batch)
    undo_load(index, OPERATOR, 1)
    assert read_field(index, "1") == "02"


def test_online_withdrawal_survives_the_undo_of_a_load(index):
    upsert(index, OPERATOR, "sis", make_child("1", as_of=day(1).isoformat()))
    withdraw(index, OPERATOR, "sis", "1")
    wrong_load = load_rows(index, "sis", make_child("1", grade="05"))
    assert ("sis", "1") in crosswalk(index)
    undo_load(index, OPERATOR, wrong_load.batch)
    assert crosswalk(index) == {}


def test_undo_of_a_load_that_split_a_person_restores_its_ids(index):
    for name in ("1", "2"):
        upsert(index, OPERATOR, "ccwis", make_child(name, as_of=day(1).isoformat()))
    load_full_file(index, make_child("1"), on=1)
    before = crosswalk(index)
    wrong_load = load_full_file(index, make_child("1", first_name="Zoe", last_name="Quist"), on=2)
    assert len(partition_of(index)) == 2
    undo_load(index, OPERATOR, wrong_load.batch)
    assert crosswalk(index) == before
    causes = {step.cause for step in look_up_lineage(index, OPERATOR, before["sis", "1"])}
    assert causes == {"upsert", "load", "undo load"}


@pytest.mark.parametrize("enrolled", ["sis", "ccwis"])
def test_undo_of_a_load_that_separated_children_across_sources_restores_every_id(index, enrolled):
    children = many_children(8)
    open_enrollment = {"enrollments": [{"school_id": "1", "entry_date": "2020-08-01"}]}
    by_source = {
        source: [child | (open_enrollment if source == enrolled else {}) for child in children]
        for source in ("ccwis", "sis")
    }
    # Half of the children come from one source first, and half from the other.
    for source in ("ccwis", "sis"):
        for number, child in enumerate(by_source[source]):
            if (number % 2 == 0) == (source == "ccwis"):
                upsert(index, OPERATOR, source, child)
    for source in ("ccwis", "sis"):
        load_rows(index, source, *by_source[source], confirm=True)
    before = crosswalk(index)
    assert len(partition_of(index)) == len(children)
    wrong_children = [
        child | {"birth_date": "1999-12-31", "postal_code": "99999", "last_name": f"Zzyx{chr(97 + number)}"}
        for number, child in enumerate(by_source["sis"])
    ]
    wrong_load = load_rows(index, "sis", *wrong_children, confirm=True)
    assert len(partition_of(index)) == 2 * len(children)
    undo_load(index, OPERATOR, wrong_load.batch)
    assert crosswalk(index) == before
    assert verify(index, OPERATOR) == []


def test_load_and_later_merge_are_undone_in_either_order(tmp_path):
    for order in ("load first", "merge first"):
        with open_test_index(tmp_path / order.replace(" ", "-"), "sis", "ccwis") as index:
            upsert(index, OPERATOR, "ccwis", make_child("1", as_of=day(1).isoformat()))
            wrong_load = load_full_file(index, make_child("9", first_name="Zoe", last_name="Quist"), on=2)
            before = crosswalk(index)
            merge_effect = merge(index, OPERATOR, list(before.values()), StepOptions("same-child"))
            steps = [
                lambda i=index, b=wrong_load: undo_load(i, OPERATOR, b.batch),
                lambda i=index, d=merge_effect: undo_step(i, OPERATOR, d.step),
            ]
            for undo in steps if order == "load first" else reversed(steps):
                undo()
            assert crosswalk(index) == {("ccwis", "1"): before["ccwis", "1"]}
            assert verify(index, OPERATOR) == []


def test_record_sealed_by_an_undone_load_stays_sealed(index):
    upsert(index, OPERATOR, "sis", make_child("1", as_of=day(1).isoformat()))
    wrong_load = load_full_file(
        index, make_child("1", restrictions=[{"kind": "sealed"}]), make_child("2", first_name="Zoe"), on=2
    )
    undo_load(index, OPERATOR, wrong_load.batch)
    with pytest.raises(NotFoundError):
        read(index, OPERATOR, "sis", "1")
    assert crosswalk(index) == {}
    assert verify(index, OPERATOR) == []


def test_load_is_undone_once_and_only_with_the_right(index):
    receipt = load_full_file(index, *many_children(30), on=1)
    held = load_rows(index, "sis", *many_children(3), snapshot=Snapshot.FULL, as_of=day(2))
    assert held.status == "held"
    with pytest.raises(ConflictError, match="held"):
        undo_load(index, OPERATOR, held.batch)
    with pytest.raises(NotFoundError):
        undo_load(index, OPERATOR, 99)
    with pytest.raises(NotFoundError):
        undo_load(index, Viewer("ccwis", None, frozenset(Action), frozenset({"ccwis"})), receipt.batch)
    with pytest.raises(AccessDenied):
        undo_load(index, Viewer("reader", None, frozenset({Action.PERSON_READ}), None), receipt.batch)
    undo_load(index, OPERATOR, receipt.batch)
    with pytest.raises(ConflictError, match="undone"):
        undo_load(index, OPERATOR, receipt.batch)


def test_undo_of_a_file_with_new_local_ids_restores_every_id(index):
    children = many_children(12)
    load_full_file(index, *children, on=1)
    before = crosswalk(index)
    wrong_load = load_full_file(
        index, *({**child, "local_id": f"n{child['local_id']}"} for child in children), on=2
    )
    undo_load(index, OPERATOR, wrong_load.batch)
    assert crosswalk(index) == before
    assert verify(index, OPERATOR) == []
