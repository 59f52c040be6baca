"""Concurrent writers on one index, on either store, lose nothing, do not hang and keep the laws."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from mpi.bootstrap import open_index
from mpi.config import Settings
from mpi.domain.snapshot import Snapshot
from mpi.service.maintenance.verify import verify
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.records.record_reader import read
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from tests.index import OPERATOR, crosswalk, load_rows, make_child, many_children, open_test_index
from tests.laws.concurrent_processes import upsert_concurrently

TWINS = ("Jayden", "Jaylen")


def twin(local_id: str, number: int) -> dict[str, object]:
    return make_child(
        local_id, first_name=TWINS[number % 2], last_name="Cruz", birth_date="2014-01-20", postal_code="43001"
    )


def stored_postal_code(index, local_id: str) -> str | None:
    """Return the postal code of the record; None where it is withdrawn."""
    record = read(index, OPERATOR, "sis", local_id)
    return record["record"]["postal_code"] if record["enterprise_id"] else None


def test_concurrent_writers_a_load_and_a_recluster_lose_nothing(tmp_path, database_url):
    """Use connections as of two processes; each record has one writer, whose last write must be kept."""
    with open_test_index(tmp_path / "home", "sis", "ccwis", database_url=database_url) as index:
        second_index = open_index(
            Settings(home=tmp_path / "home", model=None, database_url=database_url, secret_file=None)
        )
        try:
            acknowledged: dict[str, str | None] = {}
            start = threading.Barrier(7)

            def write(worker: int) -> None:
                own_index = index if worker % 2 else second_index
                local_id = f"w{worker}"
                start.wait()
                for turn in range(6):
                    record = twin(local_id, worker) | {"postal_code": f"4300{turn}"}
                    answer = upsert(own_index, OPERATOR, "sis", record)
                    assert answer.enterprise_id is not None
                    acknowledged[local_id] = f"4300{turn}"
                if worker == 0:
                    withdraw(own_index, OPERATOR, "sis", local_id)
                    acknowledged[local_id] = None

            def load() -> None:
                start.wait()
                for turn in range(3):
                    file = [*many_children(20), *(twin(f"f{n}", n) for n in range(turn, turn + 3))]
                    receipt = load_rows(second_index, "ccwis", *file, snapshot=Snapshot.FULL, confirm=True)
                    assert receipt.adds_up

            def recluster_repeatedly() -> None:
                start.wait()
                for _ in range(3):
                    assert recluster(index, OPERATOR, index.matcher, apply=True).is_empty

            with ThreadPoolExecutor(7) as pool:
                futures = [
                    *(pool.submit(write, n) for n in range(5)),
                    pool.submit(load),
                    pool.submit(recluster_repeatedly),
                ]
                for future in futures:
                    future.result(timeout=60)
            assert {n: stored_postal_code(index, n) for n in acknowledged} == acknowledged
            links = crosswalk(index)
            assert len([1 for source, _ in links if source == "ccwis"]) == 23
            assert len([1 for source, _ in links if source == "sis"]) == 4
            assert verify(index, OPERATOR) == []
        finally:
            second_index.database.dispose()


def test_concurrent_writers_of_one_record_leave_one_complete_version(tmp_path, database_url):
    with open_test_index(tmp_path / "home", "sis", database_url=database_url) as index:

        def write(number: int) -> str:
            return upsert(index, OPERATOR, "sis", make_child("1", postal_code=f"{44000 + number}")).record

        with ThreadPoolExecutor(8) as pool:
            outcomes = list(pool.map(write, range(40)))
        assert outcomes.count("created") == 1
        assert set(outcomes) == {"created", "updated"}
        with index.database.read(OPERATOR) as unit:
            [record] = unit.records.all_of_source(unit.sources.get_by_code("sis").id).values()
            versions = unit.record_versions.versions(record.id)
        assert len(versions) == 40
        assert [version.state for version in versions].count("active") == 1
        assert verify(index, OPERATOR) == []


@contextmanager
def following(index):
    """Read the change feed while others write; what was read is complete at the end."""
    read_so_far, is_finished = [], threading.Event()

    def read_events() -> None:
        is_last_read = False
        while not is_last_read:
            is_last_read = is_finished.is_set()
            last_commit = read_so_far[-1].commit_no if read_so_far else 0
            with index.database.read(OPERATOR) as unit:
                read_so_far.extend(unit.identity_events.events_after(last_commit, 100))
            is_finished.wait(0.005)

    follower = threading.Thread(target=read_events)
    follower.start()
    try:
        yield read_so_far
    finally:
        is_finished.set()
        follower.join()


SIBLINGS = ("Amara", "Bolanle", "Chidi", "Dayo", "Efe")


@pytest.mark.slow
def test_concurrent_processes_give_each_person_one_id_and_lose_no_update(tmp_path, database_url):
    home = tmp_path / "home"
    with open_test_index(home, "sis", database_url=database_url) as index:
        person = [make_child(f"p{n}") for n in range(50)]
        family = [
            make_child(
                f"f{n}", first_name=SIBLINGS[n % 5], last_name="Achebe", birth_date=f"201{n % 5}-05-1{n % 5}"
            )
            for n in range(50)
        ]
        updates = [
            make_child(f"u{n % 5}", birth_date="2009-09-09", postal_code=f"4400{n}") for n in range(25)
        ]
        records = [record for pair in zip(person, family, strict=True) for record in pair] + updates
        with following(index) as events_read:
            answers = upsert_concurrently(index, home, database_url, "sis", records)

        assert len(answers) == 125
        links = crosswalk(index)
        assert len({links["sis", record["local_id"]] for record in person}) == 1
        siblings = [{links["sis", r["local_id"]] for r in family[n::5]} for n in range(5)]
        assert [len(ids) for ids in siblings] == [1] * 5
        assert len(set.union(*siblings)) == 5
        outcomes = [answer.record for answer in answers if answer.local_id.startswith("u")]
        assert (outcomes.count("created"), outcomes.count("updated")) == (5, 20)
        with index.database.read(OPERATOR) as unit:
            assert (
                sum(len(unit.record_versions.versions(r)) for r in unit.records.active_canonical_keys())
                == 125
            )
            events = unit.identity_events.events_after(0, 10_000)
            last = unit.last_commit()
            moments = [at for _, (at, _, _) in sorted(unit.commit_info(set(range(1, last + 1))).items())]
        # One number per transaction, none left out, each no earlier than the previous one.
        assert len(moments) == last == 125 + 2
        assert moments == sorted(moments)
        # A reader of the feed misses no event: no number appears after a higher one was read.
        assert events_read == events
        assert verify(index, OPERATOR) == []
