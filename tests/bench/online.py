"""What one record, a lookup, and eight clients at once cost over HTTP, on an index that is being served."""

import itertools
import random
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mpi.api.server.scheduler_slice import request_short_slice
from mpi.domain.viewer import make_operator
from mpi.service.core.index import Index
from tests.bench.state import Made, Served, sent, serving
from tests.bench.wire import Call, Wire, at_once, summary, timed

CLIENTS = 8
WARM_UP = 100
LOOKUPS = 2_000
KEYS_MERGED_WITHIN_S = 300
TO = "ccwis"
"""Every record is sent here."""


def measure(
    made: Made, state: Path, fresh: Path, calls: int, seconds: float, workers: int
) -> dict[str, object]:
    """Everything over HTTP.

    Args:
        made: the index.
        state: the simulated state that it holds.
        fresh: another, none of whose records it holds.
        calls: resolves to time with one client.
        seconds: how long eight clients keep at it.
        workers: processes that serve.
    """
    found: dict[str, object] = {}
    with serving(made, workers) as server:
        found["keys_merged_s"] = keys_merged(made)
        wires = [Wire(server.port, made.key) for _ in range(CLIENTS)]
        stream = resolves(wires[0], state, fresh)
        look = _lookups(wires[0], made, state)
        for call in itertools.islice(stream, WARM_UP * workers):
            wires[0].send(call)
        found["resolve"] = _alone(server, wires[0], itertools.islice(stream, calls))
        by_local_id, by_eid = look
        found["look_up_by_local_id"] = _alone(server, wires[0], itertools.islice(by_local_id, LOOKUPS))
        found["look_up_by_eid"] = _alone(server, wires[0], itertools.islice(by_eid, LOOKUPS))
        shares = [itertools.islice(by_local_id, n, None, CLIENTS) for n in range(CLIENTS)]
        ready = [list(itertools.islice(share, 2_000)) for share in shares]
        found["look_up_8_clients"] = _together(
            server, wires, [itertools.cycle(each) for each in ready], min(seconds, 10)
        )
        enough = int(seconds * 100)
        writes = [list(itertools.islice(stream, enough)) for _ in wires]
        found["resolve_8_clients"] = _together(server, wires, [iter(each) for each in writes], seconds)
        found["look_up_while_loading"] = _while_loading(made, fresh, wires[0], by_local_id)
        for wire in wires:
            wire.close()
    return found


def keys_merged(made: Made) -> float:
    """Wait until the keys that the load left in runs are merged by whoever serves; returns the seconds.

    Raises:
        TimeoutError: nobody merges them.
    """
    began = time.monotonic()
    with made.opened() as index:
        while _keys_waiting(index):
            if time.monotonic() - began > KEYS_MERGED_WITHIN_S:
                raise TimeoutError(f"keys are in runs still after {KEYS_MERGED_WITHIN_S} s")
            time.sleep(0.1)
    return round(time.monotonic() - began, 1)


def _keys_waiting(index: Index) -> int:
    with index.database.read(make_operator()) as unit:
        return unit.keys.segments.count_uncompacted_rows()


def _alone(server: Served, wire: Wire, calls: Iterable[Call]) -> dict[str, float]:
    """Calls of one client, one after the other."""
    before, mine = server.spent(), time.process_time()
    took = timed(wire, calls)
    return summary(took) | _spent(server.spent() - before, time.process_time() - mine, len(took))


def _together(
    server: Served, wires: Sequence[Wire], shares: Sequence[Iterator[Call]], seconds: float
) -> dict[str, float]:
    """Calls of all clients at once."""
    before, mine = server.spent(), time.process_time()
    found = at_once(wires, shares, seconds)
    return found | _spent(server.spent() - before, time.process_time() - mine, int(found["calls"]))


def _spent(server: float, generator: float, calls: int) -> dict[str, float]:
    """Processor milliseconds a call; of PostgreSQL's own processes none are counted."""
    return {
        "server_cpu_ms": round(server / calls * 1000, 3),
        "generator_cpu_ms": round(generator / calls * 1000, 3),
    }


def resolves(wire: Wire, state: Path, fresh: Path, name: str = "") -> Iterator[Call]:
    """New children and known ones in turn, each under a local ID that is new, made up with a name."""
    new, known = sent(fresh, "district_north"), sent(state, "district_south")
    for number, (one, other) in enumerate(zip(new, known, strict=False)):
        yield wire.put(TO, {**one, "local_id": f"{name}new-{number}"})
        yield wire.put(TO, {**other, "local_id": f"{name}known-{number}"})


def _lookups(wire: Wire, made: Made, state: Path) -> tuple[Iterator[Call], Iterator[Call]]:
    """Reads of the crosswalk, one way and the other, of records at random."""
    some = list(itertools.islice(sent(state, "district_north"), 20_000))
    random.Random(1).shuffle(some)
    paths = [f"/v1/crosswalk?source=district_north&local_id={one['local_id']}" for one in some]
    eids = [str(wire.send(wire.get(path))["enterprise_id"]) for path in paths[:500]]
    return (
        itertools.cycle([wire.get(path) for path in paths]),
        itertools.cycle([wire.get(f"/v1/persons/{eid}") for eid in eids]),
    )


def _while_loading(made: Made, fresh: Path, wire: Wire, look: Iterator[Call]) -> dict[str, object]:
    """Lookups from the start of a load of one file to its end."""
    command = [sys.executable, "-m", "mpi", "ingest", str(fresh / "state_ssid.csv"), "--source", "state_ssid"]
    took: list[float] = []
    with subprocess.Popen(
        [*command, "--confirm"], env=made.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as load:
        # Clients have machines of their own; this one would wait for the load to let go of the processor.
        request_short_slice()
        while load.poll() is None:
            took += timed(wire, itertools.islice(look, 20))
    return {**summary(took), "longest_ms": round(max(took), 1), "load_exit": load.returncode}
