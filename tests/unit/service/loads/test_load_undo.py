"""A load that was taken back: as if it had never been, whatever came before and since."""

from datetime import UTC, datetime

import pytest

from mpi.domain.errors import AccessDenied, ConflictError, NotFoundError
from mpi.domain.snapshot import Snapshot
from mpi.domain.viewer import Action, Viewer
from mpi.service.loads import load_undo
from mpi.service.loads.load_undo import undo_load
from mpi.service.maintenance.verify import verify
from mpi.service.persons.persons import look_up_lineage, look_up_person
from mpi.service.processes.pacing import AdaptiveBatchSize
from mpi.service.records.upsert import read, upsert, withdraw
from mpi.service.stewardship.merge import StepOptions, merge
from mpi.service.stewardship.undo import undo_step
from tests.index import OPERATOR, a_child, an_index, crosswalk, load_rows, many_children, partition_of


@pytest.fixture(params=[None, 1, 7], ids=["whole", "one by one", "by sevens"], autouse=True)
def chunks(request, monkeypatch):
    """How many records a chunk of an undo has: what comes of it is the same."""
    if request.param:
        monkeypatch.setattr(
            load_undo, "new_transaction_sizer", lambda _index: AdaptiveBatchSize(request.param)
        )
    return request.param


def day(number: int) -> datetime:
    return datetime(2026, 3, number, tzinfo=UTC)


def full(index, *records, on: int, **options):
    return load_rows(index, "sis", *records, snapshot=Snapshot.FULL, as_of=day(on), confirm=True, **options)


def shown(index, local_id: str, field: str = "grade"):
    return read(index, OPERATOR, "sis", local_id)["record"].get(field)


def test_a_truncated_file_loaded_and_undone(index):
    children = many_children(40)
    full(index, *children, on=1)
    before = crosswalk(index)
    bad = full(index, *children[:3], on=2)
    assert len(crosswalk(index)) == 3
    seen = undo_load(index, OPERATOR, bad.batch, preview=True)
    assert len(crosswalk(index)) == 3
    done = undo_load(index, OPERATOR, bad.batch)
    assert crosswalk(index) == before
    assert (done.stated, done.restored, done.removed, done.moved) == (40, 37, 0, 37)
    assert seen.persons == done.persons == {"revived": 37}
    assert verify(index, OPERATOR) == []


def test_what_a_load_created_is_gone_and_finds_its_id_again_when_it_is_sent_again(index):
    receipt = load_rows(index, "sis", a_child("1"), a_child("2", first_name="Zoe", last_name="Quist"))
    before = crosswalk(index)
    done = undo_load(index, OPERATOR, receipt.batch)
    assert (crosswalk(index), done.removed) == ({}, 2)
    assert {look_up_person(index, OPERATOR, eid).status for eid in before.values()} == {"empty"}
    with pytest.raises(NotFoundError):
        read(index, OPERATOR, "sis", "1")
    load_rows(index, "sis", a_child("1"), a_child("2", first_name="Zoe", last_name="Quist"))
    assert crosswalk(index) == before
    assert verify(index, OPERATOR) == []


def test_a_load_of_thursday_is_undone_and_what_came_since_stays(index):
    full(index, a_child("1", grade="01"), a_child("2", grade="01"), on=1)
    bad = full(index, a_child("1", grade="09"), a_child("2", grade="09"), on=5)
    full(index, a_child("1", grade="09"), a_child("2", grade="03"), on=6)
    undo_load(index, OPERATOR, bad.batch)
    assert (shown(index, "1"), shown(index, "2")) == ("09", "03")
    assert verify(index, OPERATOR) == []


def test_loads_are_undone_in_any_order(index):
    first = full(index, a_child("1", grade="01"), on=1)
    second = full(index, a_child("1", grade="02"), on=2)
    third = full(index, a_child("1", grade="03"), on=3)
    undo_load(index, OPERATOR, second.batch)
    assert shown(index, "1") == "03"
    undo_load(index, OPERATOR, third.batch)
    assert shown(index, "1") == "01"
    undo_load(index, OPERATOR, first.batch)
    assert crosswalk(index) == {}


def test_a_late_statement_counts_once_the_load_that_outdid_it_is_undone(index):
    full(index, a_child("1", grade="01"), on=1)
    later = full(index, a_child("1", grade="01"), on=5)
    upsert(index, OPERATOR, "sis", a_child("1", grade="02", as_of=day(3).isoformat()))
    assert shown(index, "1") == "01"
    undo_load(index, OPERATOR, later.batch)
    assert shown(index, "1") == "02"


def test_what_two_loads_say_stays_until_both_are_undone(index):
    first = full(index, a_child("1"), on=1)
    second = full(index, a_child("1"), on=1)
    eid = crosswalk(index)["sis", "1"]
    undo_load(index, OPERATOR, first.batch)
    assert crosswalk(index) == {("sis", "1"): eid}
    undo_load(index, OPERATOR, second.batch)
    assert crosswalk(index) == {}
    assert verify(index, OPERATOR) == []


def test_a_record_sent_again_online_outlives_the_load_that_said_it_first(index):
    bad = full(index, a_child("1"), on=1)
    upsert(index, OPERATOR, "sis", a_child("1", as_of=day(1).isoformat()))
    undo_load(index, OPERATOR, bad.batch)
    assert ("sis", "1") in crosswalk(index)


@pytest.mark.parametrize("first", [0, 1])
def test_a_record_sent_again_online_outlives_all_the_loads_that_said_it(index, first):
    row = a_child("1", as_of=day(1).isoformat())
    loads = [load_rows(index, "sis", row) for _ in range(2)]
    before = crosswalk(index)
    for _ in range(2):
        assert upsert(index, OPERATOR, "sis", row).outcome == "unchanged"
    with index.database.read(OPERATOR) as unit:
        assert [len(said) for said in unit.record_assertions.assertions_about([1]).values()] == [3]
    for one in (loads[first], loads[1 - first]):
        undo_load(index, OPERATOR, one.batch)
    assert crosswalk(index) == before
    assert verify(index, OPERATOR) == []


def test_history_that_a_load_repeats_outlives_the_load_that_said_it_first(index):
    full(index, a_child("1", grade="01"), on=5)
    first = load_rows(index, "sis", a_child("1", grade="02"), as_of=day(3))
    load_rows(index, "sis", a_child("1", grade="02"), as_of=day(3))
    undo_load(index, OPERATOR, first.batch)
    undo_load(index, OPERATOR, 1)
    assert shown(index, "1") == "02"


def test_a_withdrawal_online_outlives_an_undone_load(index):
    upsert(index, OPERATOR, "sis", a_child("1", as_of=day(1).isoformat()))
    withdraw(index, OPERATOR, "sis", "1")
    bad = load_rows(index, "sis", a_child("1", grade="05"))
    assert ("sis", "1") in crosswalk(index)
    undo_load(index, OPERATOR, bad.batch)
    assert crosswalk(index) == {}


def test_a_load_that_tore_a_person_is_undone_and_the_ids_are_as_they_were(index):
    for name in ("1", "2"):
        upsert(index, OPERATOR, "ccwis", a_child(name, as_of=day(1).isoformat()))
    full(index, a_child("1"), on=1)
    before = crosswalk(index)
    bad = full(index, a_child("1", first_name="Zoe", last_name="Quist"), on=2)
    assert len(partition_of(index)) == 2
    undo_load(index, OPERATOR, bad.batch)
    assert crosswalk(index) == before
    causes = {step.cause for step in look_up_lineage(index, OPERATOR, before["sis", "1"])}
    assert causes == {"upsert", "load", "undo load"}


@pytest.mark.parametrize("enrolled", ["sis", "ccwis"])
def test_a_mistaken_file_that_parts_children_from_their_records_elsewhere_is_undone_with_every_id_as_it_was(
    index, enrolled
):
    children = many_children(8)
    open_now = {"enrollments": [{"school_id": "1", "entry_date": "2020-08-01"}]}
    by_source = {
        source: [child | (open_now if source == enrolled else {}) for child in children]
        for source in ("ccwis", "sis")
    }
    # Of half of them the one source came first, and of half the other.
    for source in ("ccwis", "sis"):
        for number, child in enumerate(by_source[source]):
            if (number % 2 == 0) == (source == "ccwis"):
                upsert(index, OPERATOR, source, child)
    for source in ("ccwis", "sis"):
        load_rows(index, source, *by_source[source], confirm=True)
    before = crosswalk(index)
    assert len(partition_of(index)) == len(children)
    wrong = [
        child | {"birth_date": "1999-12-31", "postal_code": "99999", "last_name": f"Zzyx{chr(97 + number)}"}
        for number, child in enumerate(by_source["sis"])
    ]
    bad = load_rows(index, "sis", *wrong, confirm=True)
    assert len(partition_of(index)) == 2 * len(children)
    undo_load(index, OPERATOR, bad.batch)
    assert crosswalk(index) == before
    assert verify(index, OPERATOR) == []


def test_a_load_and_a_merge_after_it_are_undone_in_either_order(tmp_path):
    for order in ("load first", "merge first"):
        with an_index(tmp_path / order.replace(" ", "-"), "sis", "ccwis") as index:
            upsert(index, OPERATOR, "ccwis", a_child("1", as_of=day(1).isoformat()))
            bad = full(index, a_child("9", first_name="Zoe", last_name="Quist"), on=2)
            before = crosswalk(index)
            done = merge(index, OPERATOR, list(before.values()), StepOptions("same-child"))
            steps = [
                lambda i=index, b=bad: undo_load(i, OPERATOR, b.batch),
                lambda i=index, d=done: undo_step(i, OPERATOR, d.step),
            ]
            for undo in steps if order == "load first" else reversed(steps):
                undo()
            assert crosswalk(index) == {("ccwis", "1"): before["ccwis", "1"]}
            assert verify(index, OPERATOR) == []


def test_a_record_that_a_load_sealed_stays_sealed(index):
    upsert(index, OPERATOR, "sis", a_child("1", as_of=day(1).isoformat()))
    bad = full(index, a_child("1", restrictions=[{"kind": "sealed"}]), a_child("2", first_name="Zoe"), on=2)
    undo_load(index, OPERATOR, bad.batch)
    with pytest.raises(NotFoundError):
        read(index, OPERATOR, "sis", "1")
    assert crosswalk(index) == {}
    assert verify(index, OPERATOR) == []


def test_a_load_is_undone_once_and_only_by_who_may(index):
    receipt = full(index, *many_children(30), on=1)
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


def test_a_file_of_the_same_children_under_other_local_ids_is_undone_and_every_id_is_as_it_was(index):
    children = many_children(12)
    full(index, *children, on=1)
    before = crosswalk(index)
    bad = full(index, *({**child, "local_id": f"n{child['local_id']}"} for child in children), on=2)
    undo_load(index, OPERATOR, bad.batch)
    assert crosswalk(index) == before
    assert verify(index, OPERATOR) == []
