"""Time of a merge of twenty records and its undo over the API, in process (``scripts/bench-steps``).

The two persons lie in an index of other children, and each merge joins two of ten records that the model
keeps apart: so twenty records are settled, ten change person, and ten events are written.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from mpi.api.app import create_app
from tests.index import load_rows, make_child, many_children, open_test_index
from tests.postgres import start_postgres
from tests.unit.api.live import add_key, calling

RECORDS, ROUNDS, OTHERS = 10, 40, 20_000
LAST_ROUND_BEFORE_S = 300
"""Seconds after which no new round starts."""
FAMILIES = (
    {"first_name": "Amara", "last_name": "Okonkwo", "birth_date": "2014-03-09", "postal_code": "43001"},
    {"first_name": "Bo", "last_name": "Zwart", "birth_date": "2009-01-02", "postal_code": "44444"},
)


def main() -> None:
    """Measure merges and undos, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--others", type=int, default=OTHERS, help="other records of the index")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-steps-"))) / "home"
        url = None if options.store == "sqlite" else _new_database_url(stack.enter_context(start_postgres()))
        with open_test_index(home, "sis", "ccwis", database_url=url) as index:
            load_rows(index, "sis", *many_children(options.others))
            for family, person_fields in enumerate(FAMILIES):
                rows = [
                    make_child(f"f{family}-{n}", **person_fields, grade=f"{1 + n:02}") for n in range(RECORDS)
                ]
                load_rows(index, "sis" if family else "ccwis", *rows)
            with calling(create_app(index), add_key(index, "bench")) as client:
                times = _measure_rounds(client, options.rounds)
    print(json.dumps({"store": options.store, "records": 2 * RECORDS, "others": options.others,
                      "load": os.getloadavg()[0]} | times))  # fmt: skip


def _new_database_url(server) -> str:
    return server.url(server.new_schema())


def _measure_rounds(client, rounds: int) -> dict[str, object]:
    """Return the clock and processor milliseconds of each call, the client's included."""
    eids = [
        client.get("/v1/crosswalk", params={"source": source, "local_id": local_id}).json()["enterprise_id"]
        for source, local_id in (("ccwis", "f0-0"), ("sis", "f1-0"))
    ]
    merges, undos, deadline = [], [], time.monotonic() + LAST_ROUND_BEFORE_S
    for _ in range(rounds + 1):
        if time.monotonic() > deadline:
            break
        merged, cost = _time_call(client, "/v1/persons:merge", {"eids": eids, "reason": "bench"})
        assert len(merged["moved"]) == RECORDS, merged
        merges.append(cost)
        undone, cost = _time_call(client, f"/v1/steps/{merged['step']}:undo", {"reason": "bench"})
        assert len(undone["moved"]) == RECORDS, undone
        undos.append(cost)
    # The first round finds cold caches.
    return {"rounds": len(merges) - 1, "merge": _summarize(merges[1:]), "undo": _summarize(undos[1:])}


def _time_call(client, path: str, body: dict[str, object]) -> tuple[dict, tuple[float, float]]:
    clock_start, processor_start = time.perf_counter(), time.process_time()
    answer = client.post(path, json=body)
    cost = (time.perf_counter() - clock_start) * 1000, (time.process_time() - processor_start) * 1000
    assert answer.status_code == 200, answer.text
    return answer.json(), cost


def _summarize(costs: list[tuple[float, float]]) -> dict[str, float]:
    clock, processor = sorted(c for c, _ in costs), sorted(p for _, p in costs)
    return {
        "p50_ms": round(statistics.median(clock), 1),
        "p95_ms": round(clock[int(len(clock) * 0.95)], 1),
        "p50_processor_ms": round(statistics.median(processor), 1),
        "least_ms": round(clock[0], 1),
    }


if __name__ == "__main__":
    main()
