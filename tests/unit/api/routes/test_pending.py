"""A process that serves finishes what it left to its worker, and tells of it."""

from mpi.api.app import create_app
from mpi.service.core.block_limits import BlockLimits
from tests.index import OPERATOR, make_child, load_rows, open_test_index, with_settings
from tests.unit.api.live import a_key, calling


def waiting(index) -> int:
    with index.database.read(OPERATOR) as unit:
        return unit.large_blocks.count_pending()


def test_a_server_finishes_what_waits_by_itself_and_counts_it(tmp_path, monkeypatch):
    monkeypatch.setattr("mpi.service.records.deferred_search.POLL_INTERVAL_S", 0.01)
    with open_test_index(tmp_path / "home", "sis", "ccwis") as made:
        load_rows(made, "sis", *(make_child(f"S{n}", birth_date=f"2014-01-0{1 + n}") for n in range(8)))
        hot = with_settings(made, block_limits=BlockLimits(2, 8))
        with calling(create_app(hot), a_key(made, "any")) as client:
            client.put("/v1/sources/ccwis/records/u1", json=make_child("u1", birth_date="2014-01-01"))
            for _ in range(500):
                if not waiting(made):
                    break
                client.get("/healthz")
            text = client.get("/metrics").text
        assert waiting(made) == 0
        assert "mpi_requests_pending_total 1" in text
        assert "mpi_blocks_past_alarm_total" in text
