"""Chunks of an undo of a load: IDs, what becomes of each, and what is told are as in one transaction."""

import random
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mpi.domain.errors import ConflictError
from mpi.domain.snapshot import Snapshot
from mpi.service.loads import chunk_writer, load_undo
from mpi.service.loads.load_undo import undo_load
from mpi.service.maintenance.verify import verify
from mpi.service.persons.persons import look_up_person
from mpi.service.processes.pacing import AdaptiveBatchSize
from mpi.service.records.upsert import read, upsert
from tests.index import OPERATOR, a_child, an_index, crosswalk, load_rows, many_children, partition_of
from tests.loads import CHILDREN, children, in_small_chunks, sound, stopped_after, undo_stopped_after


@pytest.fixture
def index(tmp_path, database_url, monkeypatch):
    in_small_chunks(monkeypatch)
    with an_index(tmp_path / "home", "sis", "ccwis", database_url=database_url) as opened:
        yield opened


def batches(index):
    with index.database.read(OPERATOR) as unit:
        return unit.batches.all()


def test_an_undo_that_was_interrupted_leaves_whole_chunks_and_goes_on_when_it_is_asked_for_again(
    index, monkeypatch
):
    load_rows(index, "ccwis", *many_children(300))
    load_rows(index, "sis", *children()[:500])
    before = crosswalk(index)
    wrong = [child | {"birth_date": "2011-02-03"} for child in children("43009")[100:]]
    bad = load_rows(index, "sis", *wrong, confirm=True)
    with undo_stopped_after(monkeypatch, 2):
        undo_load(index, OPERATOR, bad.batch)
    assert batches(index)[-1].status == "undoing"
    assert before != crosswalk(index)
    sound(index)
    upsert(index, OPERATOR, "ccwis", a_child("meanwhile", first_name="Zoe", last_name="Quist"))
    done = undo_load(index, OPERATOR, bad.batch)
    sound(index)
    after = crosswalk(index)
    assert after.pop(("ccwis", "meanwhile"))
    assert after == before
    assert (done.stated, done.restored + done.removed) == (1_000, 600), (
        "two chunks of 200 were taken back before"
    )
    assert batches(index)[-1].status == "undone"


def test_chunks_of_an_undo_leave_and_tell_what_one_transaction_does(index, tmp_path, monkeypatch):
    def undone(opened):
        load_rows(opened, "ccwis", *many_children(300))
        load_rows(opened, "sis", *children()[:500])
        wrong = [child | {"last_name": "Quist"} for child in children("43009")[100:]]
        bad = load_rows(opened, "sis", *wrong, confirm=True)
        told = undo_load(opened, OPERATOR, bad.batch)
        return told, partition_of(opened)

    found = undone(index)
    monkeypatch.setattr(chunk_writer, "SQLITE_CHUNK", 100_000)
    with an_index(tmp_path / "other", "sis", "ccwis") as whole:
        assert undone(whole) == found


@pytest.fixture
def sizes(monkeypatch):
    """How many records each chunk of an undo has."""
    found, taken = [], load_undo._LoadUndo.undo_chunk

    def take_back(self, unit, most, progress):
        before = len(self.remaining)
        taken(self, unit, most, progress)
        found.append(before - len(self.remaining))

    monkeypatch.setattr(load_undo._LoadUndo, "undo_chunk", take_back)
    return found


def test_others_write_between_the_chunks_of_an_undo_and_those_become_small(index, monkeypatch, sizes):
    bad = load_rows(index, "sis", *children())
    taken = load_undo._LoadUndo.undo_chunk

    def take_back(self, *asked):
        taken(self, *asked)
        if len(sizes) == 1:
            threading.Thread(target=upsert, args=(index, OPERATOR, "ccwis", a_child("other"))).start()

    monkeypatch.setattr(load_undo._LoadUndo, "undo_chunk", take_back)
    undo_load(index, OPERATOR, bad.batch)
    assert sizes[0] == 200
    assert 20 in sizes
    assert sum(sizes) == CHILDREN
    sound(index)


def test_where_others_have_just_written_the_first_chunk_of_an_undo_is_small_as_well(index, sizes):
    bad = load_rows(index, "sis", *children()[:100])
    upsert(index, OPERATOR, "ccwis", a_child("other"))
    undo_load(index, OPERATOR, bad.batch)
    assert sizes[0] == 20
    assert sum(sizes) == 100


def test_of_two_who_take_a_load_back_the_later_is_told_unless_the_first_is_no_more(index, monkeypatch):
    bad = load_rows(index, "sis", *children())
    told = []
    pause = AdaptiveBatchSize.timed_turn

    @contextmanager
    def turn(self):
        with pause(self):
            yield
        if not told:
            told.append("")
            with pytest.raises(ConflictError, match="load 1 is being undone") as refused:
                undo_load(index, OPERATOR, bad.batch)
            told.append(str(refused.value))

    with monkeypatch.context() as patched:
        patched.setattr(AdaptiveBatchSize, "timed_turn", turn)
        assert undo_load(index, OPERATOR, bad.batch).removed == CHILDREN
    assert len(told) == 2
    assert crosswalk(index) == {}
    sound(index)


def test_one_whose_undo_another_went_on_with_is_told_and_writes_no_more(index, monkeypatch):
    bad = load_rows(index, "sis", *children())
    pause = AdaptiveBatchSize.timed_turn

    @contextmanager
    def turn(self):
        with pause(self):
            yield
        # Once the first chunk is written this process is silent for long: another takes it for dead.
        patched.undo()
        with monkeypatch.context() as silent:
            silent.setattr("mpi.service.loads.load_undo.is_worker_alive", lambda *_: False)
            undo_load(index, OPERATOR, bad.batch)

    with monkeypatch.context() as patched:
        patched.setattr(AdaptiveBatchSize, "timed_turn", turn)
        with pytest.raises(ConflictError, match="another caller has resumed the undo of load 1"):
            undo_load(index, OPERATOR, bad.batch)
    assert crosswalk(index) == {}
    sound(index)


def test_while_a_load_is_taken_back_what_it_said_of_later_records_counts(index, monkeypatch):
    monkeypatch.setattr(chunk_writer, "SQLITE_CHUNK", 1)
    monkeypatch.setattr(chunk_writer, "POSTGRESQL_CHUNK", 1)

    def grades():
        return [read(index, OPERATOR, "sis", child["local_id"])["record"]["grade"] for child in named]

    named = many_children(2)

    for on, grade in (("2026-03-01", "01"), ("2026-03-05", "09")):
        first, second = (child | {"grade": grade} for child in named)
        bad = load_rows(index, "sis", first, second, as_of=datetime.fromisoformat(on).replace(tzinfo=UTC))
    with undo_stopped_after(monkeypatch, 1):
        undo_load(index, OPERATOR, bad.batch)
    assert grades() == ["01", "09"]
    upsert(index, OPERATOR, "sis", named[1] | {"grade": "02", "as_of": "2026-03-03T00:00:00Z"})
    assert grades() == ["01", "09"]
    undo_load(index, OPERATOR, bad.batch)
    assert grades() == ["01", "02"]


def test_while_a_load_is_taken_back_another_is_and_of_each_record_what_counts_stays(index, monkeypatch):
    named = [child | {"grade": "01"} for child in many_children(6)]
    first = load_rows(index, "sis", *named)
    later = load_rows(index, "sis", *(child | {"grade": "02"} for child in named[3:]))
    monkeypatch.setattr(chunk_writer, "SQLITE_CHUNK", 1)
    monkeypatch.setattr(chunk_writer, "POSTGRESQL_CHUNK", 1)
    with undo_stopped_after(monkeypatch, 1):
        undo_load(index, OPERATOR, first.batch)
    with index.database.read(OPERATOR) as unit:
        had_their_turn = unit.batches.undone_records(first.batch)
        counts = {
            record: len(said) for record, said in unit.record_assertions.assertions_about(range(1, 7)).items()
        }
    assert len(had_their_turn) == 1
    assert counts == {n: (n not in had_their_turn) + (n > 3) for n in range(1, 7)}
    undo_load(index, OPERATOR, later.batch)
    assert len(crosswalk(index)) == 5
    sound(index)
    undo_load(index, OPERATOR, first.batch)
    assert crosswalk(index) == {}
    sound(index)


def test_a_load_that_is_being_taken_back_is_not_gone_on_with(index, monkeypatch):
    with stopped_after(monkeypatch, 3):
        load_rows(index, "sis", *children(), digest="file")
    with undo_stopped_after(monkeypatch, 1):
        undo_load(index, OPERATOR, 1)
    assert load_rows(index, "sis", *children(), digest="file").batch == 2
    undo_load(index, OPERATOR, 1)
    assert len(crosswalk(index)) == CHILDREN
    sound(index)


def day(number: int) -> datetime:
    return datetime(2026, 3, number, tzinfo=UTC)


@pytest.mark.parametrize("seed", [4, 6, 17, 18, 22, 26, 29, 35, 37, 38])
def test_whatever_its_chunks_an_undo_leaves_and_tells_the_same(tmp_path, monkeypatch, seed):
    histories = []
    for size in (1, 3, 10_000):
        monkeypatch.setattr(load_undo, "new_transaction_sizer", lambda _, n=size: AdaptiveBatchSize(n))
        with an_index(tmp_path / str(size), "sis", "ccwis", secret="ab" * 32) as index:
            histories.append(a_history(index, random.Random(seed)))
    assert histories[0] == histories[1] == histories[2]


def a_history(index, chance):
    """Children who are much alike come, change, and come back; what one of their loads said is taken back.

    Returns who is who in the end, by the records that each ID was first seen with; what became of every ID;
    and what the undo told.
    """

    def child(local_id):
        return a_child(
            local_id,
            first_name=chance.choice(("Amara", "Amaro", "Zoe")),
            last_name=chance.choice(("Okonkwo", "Washington")),
            birth_date=chance.choice(("2014-03-09", "2014-03-10")),
            postal_code=chance.choice(("43001", "43002", None)),
        )

    seen = {}

    def look():
        links = crosswalk(index)
        for record in sorted(links):
            seen.setdefault(links[record], (len(seen), record))
        return {record: seen[eid] for record, eid in links.items()}

    for number in range(chance.randint(2, 6)):
        upsert(index, OPERATOR, "ccwis", child(f"c{number}"))
    load_rows(
        index, "sis", *(child(f"s{n}") for n in range(chance.randint(1, 7))), as_of=day(1), confirm=True
    )
    look()
    snapshot = Snapshot.FULL if chance.random() < 0.4 else Snapshot.DELTA
    names = [f"s{n}" for n in range(chance.randint(0, 2), chance.randint(3, 10))]
    said = [child(name) for name in names]
    bad = load_rows(index, "sis", *said, as_of=day(2), confirm=True, snapshot=snapshot)
    look()
    for _ in range(chance.randint(0, 3)):
        upsert(index, OPERATOR, "ccwis", child(f"c{chance.randint(0, 9)}"))
    look()
    told = undo_load(index, OPERATOR, bad.batch)
    assert verify(index, OPERATOR) == []
    links = look()
    became = {seen[eid]: look_up_person(index, OPERATOR, eid).status for eid in seen}
    return links, became, replace(told, disclosures=())
