"""Many writers at once on one embedded index: nothing lost, nobody stuck, the laws kept."""

import threading
from concurrent.futures import ThreadPoolExecutor

from mpi.bootstrap import open_index
from mpi.config import Settings
from mpi.service.load import Snapshot
from mpi.service.recluster import recluster
from mpi.service.records import read, upsert, withdraw
from mpi.service.verify import verify
from tests.index import OPERATOR, a_child, an_index, crosswalk, load_rows, many_children

TWINS = ("Jayden", "Jaylen")


def twin(local_id: str, number: int) -> dict[str, object]:
    return a_child(
        local_id, first_name=TWINS[number % 2], last_name="Cruz", birth_date="2014-01-20", postal_code="43001"
    )


def kept(index, local_id: str) -> str | None:
    """The postal code that the record has; None where it is withdrawn."""
    shown = read(index, OPERATOR, "sis", local_id)
    return shown["record"]["postal_code"] if shown["enterprise_id"] else None


def test_writers_of_one_family_a_load_and_a_recluster_at_once_lose_nothing(tmp_path):
    """Two processes' worth of connections; each record has one writer, who must find his last word kept."""
    with an_index(tmp_path / "home", "sis", "ccwis") as index:
        other = open_index(Settings(home=tmp_path / "home", model=None, database_url=None, secret_file=None))
        try:
            acknowledged: dict[str, str | None] = {}
            start = threading.Barrier(7)

            def write(worker: int) -> None:
                mine = index if worker % 2 else other
                local_id = f"w{worker}"
                start.wait()
                for turn in range(6):
                    sent = twin(local_id, worker) | {"postal_code": f"4300{turn}"}
                    answer = upsert(mine, OPERATOR, "sis", sent)
                    assert answer.enterprise_id is not None
                    acknowledged[local_id] = f"4300{turn}"
                if worker == 0:
                    withdraw(mine, OPERATOR, "sis", local_id)
                    acknowledged[local_id] = None

            def load() -> None:
                start.wait()
                for turn in range(3):
                    file = [*many_children(20), *(twin(f"f{n}", n) for n in range(turn, turn + 3))]
                    receipt = load_rows(other, "ccwis", *file, snapshot=Snapshot.FULL, confirm=True)
                    assert receipt.adds_up

            def think() -> None:
                start.wait()
                for _ in range(3):
                    assert recluster(index, OPERATOR, index.matcher, apply=True).is_empty

            with ThreadPoolExecutor(7) as pool:
                waiting = [*(pool.submit(write, n) for n in range(5)), pool.submit(load), pool.submit(think)]
                for one in waiting:
                    one.result(timeout=60)
            assert {n: kept(index, n) for n in acknowledged} == acknowledged
            links = crosswalk(index)
            assert len([1 for source, _ in links if source == "ccwis"]) == 23
            assert len([1 for source, _ in links if source == "sis"]) == 4
            assert verify(index, OPERATOR) == []
        finally:
            other.database.dispose()


def test_many_writers_of_one_record_leave_one_of_their_words_whole(tmp_path):
    with an_index(tmp_path / "home", "sis") as index:

        def write(number: int) -> str:
            return upsert(index, OPERATOR, "sis", a_child("1", postal_code=f"{44000 + number}")).record

        with ThreadPoolExecutor(8) as pool:
            outcomes = list(pool.map(write, range(40)))
        assert outcomes.count("created") == 1
        assert set(outcomes) == {"created", "updated"}
        with index.database.read(OPERATOR) as unit:
            [record] = unit.records.of_source(unit.sources.by_code("sis").id).values()
            versions = unit.records.versions(record.id)
        assert len(versions) == 40
        assert [version.state for version in versions].count("active") == 1
        assert verify(index, OPERATOR) == []
