"""Test that an undo in chunks leaves and reports what one transaction would."""

import random
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mpi.domain import clock
from mpi.domain.errors import ConflictError
from mpi.domain.snapshot import Snapshot
from mpi.service.loads import load_undo
from mpi.service.loads.load_undo import undo_load
from mpi.service.maintenance.verify import verify
from mpi.service.persons.persons import look_up_person
from mpi.service.processes.pacing import AdaptiveBatchSize
from mpi.service.processes.worker_liveness import HEARTBEAT_TIMEOUT_S
from mpi.service.records.record_reader import read
from mpi.service.records.upsert import upsert
from tests.index import (
    OPERATOR,
    crosswalk,
    load_rows,
    make_child,
    make_tuning,
    many_children,
    open_test_index,
    partition_of,
    with_tuning,
)
from tests.loads import CHILDREN, check_index, children, interrupted_load, interrupted_undo


def list_batches(index):
    with index.database.read(OPERATOR) as unit:
        return unit.batches.all()


def test_interrupted_undo_leaves_complete_chunks_and_resumes_when_repeated(chunked_index, monkeypatch):
    load_rows(chunked_index, "ccwis", *many_children(300))
    load_rows(chunked_index, "sis", *children()[:500])
    before = crosswalk(chunked_index)
    wrong_children = [child | {"birth_date": "2011-02-03"} for child in children("43009")[100:]]
    wrong_load = load_rows(chunked_index, "sis", *wrong_children, confirm=True)
    with interrupted_undo(monkeypatch, 2):
        undo_load(chunked_index, OPERATOR, wrong_load.batch)
    assert list_batches(chunked_index)[-1].status == "undoing"
    assert before != crosswalk(chunked_index)
    check_index(chunked_index)
    upsert(chunked_index, OPERATOR, "ccwis", make_child("meanwhile", first_name="Zoe", last_name="Quist"))
    undone = undo_load(chunked_index, OPERATOR, wrong_load.batch)
    check_index(chunked_index)
    after = crosswalk(chunked_index)
    assert after.pop(("ccwis", "meanwhile"))
    assert after == before
    assert (undone.stated, undone.restored + undone.removed) == (1_000, 600), (
        "two chunks of 200 were undone before"
    )
    assert list_batches(chunked_index)[-1].status == "undone"


def test_undo_in_chunks_leaves_and_reports_what_one_transaction_does(chunked_index, tmp_path):
    def load_and_undo(index):
        load_rows(index, "ccwis", *many_children(300))
        load_rows(index, "sis", *children()[:500])
        wrong_children = [child | {"last_name": "Quist"} for child in children("43009")[100:]]
        wrong_load = load_rows(index, "sis", *wrong_children, confirm=True)
        result = undo_load(index, OPERATOR, wrong_load.batch)
        return result, partition_of(index)

    expected = load_and_undo(chunked_index)
    with open_test_index(tmp_path / "other", "sis", "ccwis") as other_index:
        assert load_and_undo(other_index) == expected


@pytest.fixture
def chunk_sizes(monkeypatch):
    """The number of records of each undo chunk."""
    sizes, undo_chunk = [], load_undo._LoadUndo.undo_chunk

    def undo_and_count(self, unit, most, progress):
        before = len(self.remaining)
        undo_chunk(self, unit, most, progress)
        sizes.append(before - len(self.remaining))

    monkeypatch.setattr(load_undo._LoadUndo, "undo_chunk", undo_and_count)
    return sizes


def test_others_write_between_undo_chunks_which_then_shrink(chunked_index, monkeypatch, chunk_sizes):
    wrong_load = load_rows(chunked_index, "sis", *children())
    undo_chunk = load_undo._LoadUndo.undo_chunk

    def undo_and_write(self, *arguments):
        undo_chunk(self, *arguments)
        if len(chunk_sizes) == 1:
            threading.Thread(
                target=upsert, args=(chunked_index, OPERATOR, "ccwis", make_child("other"))
            ).start()

    monkeypatch.setattr(load_undo._LoadUndo, "undo_chunk", undo_and_write)
    undo_load(chunked_index, OPERATOR, wrong_load.batch)
    assert chunk_sizes[0] == 200
    assert 20 in chunk_sizes
    assert sum(chunk_sizes) == CHILDREN
    check_index(chunked_index)


def test_first_undo_chunk_is_small_after_another_write(chunked_index, chunk_sizes):
    wrong_load = load_rows(chunked_index, "sis", *children()[:100])
    upsert(chunked_index, OPERATOR, "ccwis", make_child("other"))
    undo_load(chunked_index, OPERATOR, wrong_load.batch)
    assert chunk_sizes[0] == 20
    assert sum(chunk_sizes) == 100


def test_second_concurrent_undo_is_refused(chunked_index, monkeypatch):
    wrong_load = load_rows(chunked_index, "sis", *children())
    errors = []
    timed_turn = AdaptiveBatchSize.timed_turn

    @contextmanager
    def turn_with_second_undo(self):
        with timed_turn(self):
            yield
        if not errors:
            errors.append("")
            with pytest.raises(ConflictError, match="load 1 is being undone") as error:
                undo_load(chunked_index, OPERATOR, wrong_load.batch)
            errors.append(str(error.value))

    with monkeypatch.context() as patched:
        patched.setattr(AdaptiveBatchSize, "timed_turn", turn_with_second_undo)
        assert undo_load(chunked_index, OPERATOR, wrong_load.batch).removed == CHILDREN
    assert len(errors) == 2
    assert crosswalk(chunked_index) == {}
    check_index(chunked_index)


def test_process_whose_undo_another_resumed_is_refused_and_stops_writing(chunked_index, monkeypatch):
    wrong_load = load_rows(chunked_index, "sis", *children())
    timed_turn = AdaptiveBatchSize.timed_turn

    @contextmanager
    def turn_with_other_undo(self):
        with timed_turn(self):
            yield
        # After the first chunk, another process takes this one for dead.
        patched.undo()
        with clock.fixed_clock(clock.now() + timedelta(seconds=HEARTBEAT_TIMEOUT_S + 1)):
            undo_load(chunked_index, OPERATOR, wrong_load.batch)

    with monkeypatch.context() as patched:
        patched.setattr(AdaptiveBatchSize, "timed_turn", turn_with_other_undo)
        with pytest.raises(ConflictError, match="another caller has resumed the undo of load 1"):
            undo_load(chunked_index, OPERATOR, wrong_load.batch)
    assert crosswalk(chunked_index) == {}
    check_index(chunked_index)


def test_statements_of_a_load_count_until_their_chunk_is_undone(chunked_index, monkeypatch):
    one_by_one = {"sqlite_undo_records": 1, "postgresql_undo_records": 1}
    chunked_index = with_tuning(chunked_index, load=one_by_one)

    def grades():
        return [
            read(chunked_index, OPERATOR, "sis", child["local_id"])["record"]["grade"]
            for child in children_of_load
        ]

    children_of_load = many_children(2)

    for day, grade in (("2026-03-01", "01"), ("2026-03-05", "09")):
        first, second = (child | {"grade": grade} for child in children_of_load)
        wrong_load = load_rows(
            chunked_index, "sis", first, second, as_of=datetime.fromisoformat(day).replace(tzinfo=UTC)
        )
    with interrupted_undo(monkeypatch, 1):
        undo_load(chunked_index, OPERATOR, wrong_load.batch)
    assert grades() == ["01", "09"]
    upsert(
        chunked_index, OPERATOR, "sis", children_of_load[1] | {"grade": "02", "as_of": "2026-03-03T00:00:00Z"}
    )
    assert grades() == ["01", "09"]
    undo_load(chunked_index, OPERATOR, wrong_load.batch)
    assert grades() == ["01", "02"]


def test_concurrent_undo_of_two_loads_keeps_what_counts_for_each_record(chunked_index, monkeypatch):
    children_of_load = [child | {"grade": "01"} for child in many_children(6)]
    first = load_rows(chunked_index, "sis", *children_of_load)
    later = load_rows(chunked_index, "sis", *(child | {"grade": "02"} for child in children_of_load[3:]))
    one_by_one = {"sqlite_undo_records": 1, "postgresql_undo_records": 1}
    chunked_index = with_tuning(chunked_index, load=one_by_one)
    with interrupted_undo(monkeypatch, 1):
        undo_load(chunked_index, OPERATOR, first.batch)
    with chunked_index.database.read(OPERATOR) as unit:
        undone_records = unit.batches.undone_records(first.batch)
        counts = {
            record: len(assertions)
            for record, assertions in unit.record_assertions.assertions_about(range(1, 7)).items()
        }
    assert len(undone_records) == 1
    assert counts == {n: (n not in undone_records) + (n > 3) for n in range(1, 7)}
    undo_load(chunked_index, OPERATOR, later.batch)
    assert len(crosswalk(chunked_index)) == 5
    check_index(chunked_index)
    undo_load(chunked_index, OPERATOR, first.batch)
    assert crosswalk(chunked_index) == {}
    check_index(chunked_index)


def test_load_that_is_being_undone_is_not_resumed(chunked_index, monkeypatch):
    with interrupted_load(monkeypatch, 3):
        load_rows(chunked_index, "sis", *children(), digest="file")
    with interrupted_undo(monkeypatch, 1):
        undo_load(chunked_index, OPERATOR, 1)
    assert load_rows(chunked_index, "sis", *children(), digest="file").batch == 2
    undo_load(chunked_index, OPERATOR, 1)
    assert len(crosswalk(chunked_index)) == CHILDREN
    check_index(chunked_index)


def day(number: int) -> datetime:
    return datetime(2026, 3, number, tzinfo=UTC)


@pytest.mark.parametrize("seed", [4, 6, 17, 18, 22, 26, 29, 35, 37, 38])
def test_undo_leaves_and_reports_the_same_with_any_chunk_size(tmp_path, seed):
    histories = []
    for size in (1, 3, 10_000):
        tuning = make_tuning(load={"sqlite_undo_records": size})
        with open_test_index(tmp_path / str(size), "sis", "ccwis", secret="ab" * 32, tuning=tuning) as index:
            histories.append(run_random_history(index, random.Random(seed)))
    assert histories[0] == histories[1] == histories[2]


def run_random_history(index, random_source):
    """Load and change similar children at random, and undo one of the loads.

    Returns the final persons, by the records that each ID was first seen with; the status of every ID;
    and the report of the undo.
    """

    def child(local_id):
        return make_child(
            local_id,
            first_name=random_source.choice(("Amara", "Amaro", "Zoe")),
            last_name=random_source.choice(("Okonkwo", "Washington")),
            birth_date=random_source.choice(("2014-03-09", "2014-03-10")),
            postal_code=random_source.choice(("43001", "43002", None)),
        )

    first_seen = {}

    def read_persons():
        links = crosswalk(index)
        for record in sorted(links):
            first_seen.setdefault(links[record], (len(first_seen), record))
        return {record: first_seen[eid] for record, eid in links.items()}

    for number in range(random_source.randint(2, 6)):
        upsert(index, OPERATOR, "ccwis", child(f"c{number}"))
    load_rows(
        index,
        "sis",
        *(child(f"s{n}") for n in range(random_source.randint(1, 7))),
        as_of=day(1),
        confirm=True,
    )
    read_persons()
    snapshot = Snapshot.FULL if random_source.random() < 0.4 else Snapshot.DELTA
    names = [f"s{n}" for n in range(random_source.randint(0, 2), random_source.randint(3, 10))]
    statements = [child(name) for name in names]
    wrong_load = load_rows(index, "sis", *statements, as_of=day(2), confirm=True, snapshot=snapshot)
    read_persons()
    for _ in range(random_source.randint(0, 3)):
        upsert(index, OPERATOR, "ccwis", child(f"c{random_source.randint(0, 9)}"))
    read_persons()
    undone = undo_load(index, OPERATOR, wrong_load.batch)
    assert verify(index, OPERATOR) == []
    links = read_persons()
    statuses = {first_seen[eid]: look_up_person(index, OPERATOR, eid).status for eid in first_seen}
    return links, statuses, replace(undone, disclosures=())
