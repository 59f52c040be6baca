"""A server completes deferred searches, and no metric tells of them."""

from mpi.api.app import create_app
from mpi.service.core.block_limits import BlockLimits
from tests.index import OPERATOR, load_rows, make_child, make_tuning, open_test_index, with_settings
from tests.unit.api.live import add_key, calling


def count_pending(index) -> int:
    with index.database.read(OPERATOR) as unit:
        return unit.large_blocks.count_pending()


def test_a_server_completes_deferred_searches_and_no_metric_tells(tmp_path):
    tuning = make_tuning(request={"deferred_search_poll_s": 0.01})
    with open_test_index(tmp_path / "home", "sis", "ccwis", tuning=tuning) as index:
        load_rows(index, "sis", *(make_child(f"S{n}", birth_date=f"2014-01-0{1 + n}") for n in range(8)))
        limited_index = with_settings(index, block_limits=BlockLimits(2, 8))
        with calling(create_app(limited_index), add_key(index, "any")) as client:
            client.put("/v1/sources/ccwis/records/u1", json=make_child("u1", birth_date="2014-01-01"))
            for _ in range(500):
                if not count_pending(index):
                    break
                client.get("/healthz")
            text = client.get("/metrics").text
        assert count_pending(index) == 0
        metrics = {line.split("{")[0].split(" ")[0] for line in text.splitlines() if line[0] != "#"}
        assert {name.partition("_seconds")[0] for name in metrics} == {
            "mpi_http_requests_total",
            "mpi_http_request_duration",
        }
