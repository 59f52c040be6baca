"""Time to read a person of 300 records, over the API and as a page of the desk."""

import time
from contextlib import closing
from pathlib import Path

import httpx

from mpi.domain.decision import DecisionKind
from mpi.domain.record_ref import RecordRef
from mpi.domain.roles import Role
from mpi.domain.viewer import make_operator
from mpi.service.core.index import Index
from mpi.service.persons.crosswalk_export import export_crosswalk
from mpi.service.records.upsert import upsert
from mpi.service.stewardship.decisions import DecisionRequest, decide
from tests.accounts import add_person
from tests.bench.dense import SOURCE
from tests.bench.desk_client import signed_in_client
from tests.bench.http_client import summarize
from tests.bench.simulated_index import BenchIndex, make_empty, serving

RECORDS = 300
GROUP_RECORDS = 50
"""Records that are equal, so that each pair of them is stored."""
CALLS = 20
_NAMES = ("Amara", "Berta", "Chiara", "Dunja", "Elodie", "Fatima")


def measure(home: Path, url: str | None, workers: int) -> dict[str, object]:
    """Make a person of 300 records and time how long it takes to read.

    Args:
        home: folder of a new index.
        url: URL of its database; None for SQLite in the folder.
        workers: processes that serve.
    """
    bench_index = make_empty(BenchIndex(home, url, ""), ("init", "--test"), None)
    bench_index.run("source", "add", SOURCE, "--kind", "other")
    with bench_index.open() as index:
        began = time.perf_counter()
        eid, records = _make_person(index)
        made_s = time.perf_counter() - began
        add_person(index, "steward", Role.STEWARD, None, "A steward of the benchmark")
    results: dict[str, object] = {"records": records, "made_in_s": round(made_s, 1)}
    with serving(bench_index, workers) as server:
        site = f"http://127.0.0.1:{server.port}"
        headers = {"Authorization": f"Bearer {bench_index.key}"}
        with httpx.Client(base_url=site, headers=headers, timeout=120) as api:
            for name in ("", "/golden", "/lineage", "/explanation", "/built"):
                results[f"/v1/persons/{{eid}}{name}"] = _time_get(api, f"/v1/persons/{eid}{name}")
        with closing(signed_in_client(site, "steward")) as desk:
            for name in ("", "/unlink"):
                results[f"/people/{{eid}}{name}"] = _time_get(desk, f"/people/{eid}{name}")
    return results


def _make_person(index: Index) -> tuple[str, int]:
    """Make one person of groups of equal records; return its ID and number of records.

    A decision joins them, since equal records of one source need not be one person.
    """
    operator, labels = make_operator(), []
    for group, name in enumerate(_NAMES):
        for number in range(GROUP_RECORDS):
            record = {
                "local_id": f"{name}-{number}",
                "first_name": name,
                "last_name": f"{_NAMES[group - 1]}son",
                "birth_date": f"201{group}-0{group + 1}-1{group}",
                "address_line1": f"{group + 1} Oak Street",
                "city": "Dayton",
                "postal_code": "45402",
            }
            upsert(index, operator, SOURCE, record)
            labels.append(RecordRef(SOURCE, str(record["local_id"])))
    decide(index, operator, DecisionRequest(DecisionKind.SAME, [labels], "documents"))
    persons = [row.enterprise_id for row in export_crosswalk(index, operator)]
    largest = max(set(persons), key=persons.count)
    return largest, persons.count(largest)


def _time_get(client: httpx.Client, path: str) -> dict[str, float]:
    """Return median and 99th percentile of some reads, in milliseconds."""
    durations = []
    for _ in range(CALLS):
        began = time.perf_counter()
        client.get(path).raise_for_status()
        durations.append((time.perf_counter() - began) * 1000)
    return summarize(durations)
