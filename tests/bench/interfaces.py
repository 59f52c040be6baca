"""Cost of a FHIR match, an Ed-Fi search and the whole change feed over HTTP, on a served index."""

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

from mpi.client import Client
from tests.bench.http_client import Call, HttpClient, summarize, time_calls
from tests.bench.online import wait_for_compaction
from tests.bench.simulated_index import BenchIndex, BenchServer, read_records, serving

CALL_COUNT = 2_000
"""Timed calls of each interface; as many again, a tenth, warm the server up."""
FEED_PAGE = 1_000
"""Events of a page of the feed, the most that a reader may ask for."""
KNOWN_SOURCE = "district_north"
_GENDERS = {"F": "female", "M": "male"}


def measure(bench_index: BenchIndex, state: Path, fresh: Path, workers: int) -> dict[str, object]:
    """Time matches and searches of known and unknown children in turn, then read the feed.

    Args:
        bench_index: the index.
        state: the simulated state that it holds.
        fresh: another, few of whose children it holds.
        workers: processes that serve.
    """
    with serving(bench_index, workers) as server:
        wait_for_compaction(bench_index)
        client = HttpClient(server.port, bench_index.key)
        results: dict[str, object] = {}
        for name, build in (("fhir_match", _build_match), ("edfi_search", _build_search)):
            calls = (build(client, record) for record in _children(state, fresh))
            warm_up = itertools.islice(calls, CALL_COUNT // 10 * workers)
            time_calls(client, warm_up)
            results[name] = summarize(time_calls(client, itertools.islice(calls, CALL_COUNT)))
        client.close()
        return results | {"feed": _read_feed(server, bench_index.key)}


def _children(state: Path, fresh: Path) -> Iterator[dict[str, object]]:
    """Yield the records of known and of unknown children in turn, without their local IDs."""
    known, unknown = read_records(state, KNOWN_SOURCE), read_records(fresh, KNOWN_SOURCE)
    for pair in zip(known, unknown, strict=False):
        yield from (record for record in pair if record.get("birth_date") and record.get("last_name"))


def _build_match(client: HttpClient, record: dict[str, object]) -> Call:
    """Build a call of ``Patient/$match`` with what most senders have."""
    patient = {
        "resourceType": "Patient",
        "name": [{"family": record["last_name"], "given": [record.get("first_name") or "Unknown"]}],
        "birthDate": record["birth_date"],
        "gender": _GENDERS.get(str(record.get("sex")), "unknown"),
    }
    body = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": patient}]}
    return client.post("/fhir/Patient/$match", body, "application/fhir+json")


def _build_search(client: HttpClient, record: dict[str, object]) -> Call:
    """Build an Ed-Fi search for one student."""
    student = {
        "LastSurname": record["last_name"],
        "FirstName": record.get("first_name") or "Unknown",
        "BirthDate": f"{record['birth_date']}T00:00:00",
    }
    return client.post("/identity/v2/identities/search", [student], "application/json")


def _read_feed(server: BenchServer, key: str) -> dict[str, float]:
    """Read the feed from its beginning with the Python client; return events, seconds and rate."""
    began = time.perf_counter()
    with Client(f"http://127.0.0.1:{server.port}", key) as client:
        events = sum(len(page.events) for page in client.follow(limit=FEED_PAGE))
    seconds = time.perf_counter() - began
    return {"events": events, "seconds": round(seconds, 1), "per_second": round(events / seconds)}
