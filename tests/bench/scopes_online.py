"""Single records in a home scope, which the shared index follows, beside one index and Splink.

Calls of each kind alternate, because the speed of a machine may change by a quarter within minutes.
"""

import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mpi.domain.viewer import make_operator
from mpi.storage.repositories.sources.scopes import FIRST_CHANGE
from tests.bench.http_client import Call, HttpClient, run_concurrently, summarize, time_calls
from tests.bench.online import CLIENT_COUNT, WARM_UP_CALLS, resolves, wait_for_compaction
from tests.bench.scoring import sample_pairs
from tests.bench.simulated_index import BenchIndex, serving
from tests.bench.splink_search import open_splink_search

ROUNDS = 10
CALLS_PER_ROUND = 100
SEARCHES_PER_ROUND = 3
THROUGHPUT_ROUNDS = 4
SOURCE = "state_ssid"
"""The source to which every record is sent: the scope has it too."""
_PATIENCE_S = 1_800


@dataclass(frozen=True, slots=True)
class Workload:
    """What is sent.

    Args:
        state: the simulated state that the indexes hold.
        fresh: another, none of whose records they hold.
        seconds: how long eight clients keep calling, in all.
        workers: processes that serve each index.
    """

    state: Path
    fresh: Path
    seconds: float
    workers: int


def measure(
    one: BenchIndex,
    scope: BenchIndex,
    following: Callable[[], AbstractContextManager[None]],
    workload: Workload,
) -> dict[str, object]:
    """Measure resolves and throughput of both indexes, and Splink's search, in turn.

    Args:
        one: the index of all sources.
        scope: the index of a scope.
        following: lets the shared index follow meanwhile.
        workload: what is sent.
    """
    with following():
        results = _measure_resolves(one, scope, workload)
        results["eight_clients"] = _measure_throughput(one, scope, workload)
        began = time.perf_counter()
        wait_for_sync(BenchIndex(scope.home, scope.url, ""), [scope])
        results["shared_index_caught_up_s"] = round(time.perf_counter() - began, 1)
    return results


def wait_for_sync(shared: BenchIndex, scopes: list[BenchIndex]) -> None:
    """Wait until the shared index has taken over every change of scopes.

    Raises:
        TimeoutError: it has not within half an hour.
    """
    deadline = time.monotonic() + _PATIENCE_S
    with ExitStack() as stack:
        shared_index = stack.enter_context(shared.open())
        indexes = {scope.scope: stack.enter_context(scope.open()) for scope in scopes}
        while indexes:
            with shared_index.database.read(make_operator()) as unit:
                positions = {scope.code: scope.position for scope in unit.scopes.all()}
            for code in list(indexes):
                with indexes[code].database.read(make_operator()) as unit:
                    if not unit.scopes.changes_after(positions.get(code, FIRST_CHANGE), 1):
                        del indexes[code]
            if time.monotonic() > deadline:
                raise TimeoutError("the shared index has not caught up")
            time.sleep(0.1)


def _measure_resolves(one: BenchIndex, scope: BenchIndex, workload: Workload) -> dict[str, object]:
    """Time some resolves of each index and some searches of Splink, ten times in turn."""
    with ExitStack() as stack:
        index = stack.enter_context(one.open())
        features, pairs = sample_pairs(index)
        searched = itertools.cycle([features[lo] for lo, _ in pairs])
        splink = stack.enter_context(open_splink_search(index))
        durations: dict[str, list[list[float]]] = {"one_index": [], "scope": [], "splink": []}
        served = _serve(stack, {"one_index": one, "scope": scope}, workload, "single")
        for each in served.values():
            with each.connect(1) as [client]:
                time_calls(client, each.take(WARM_UP_CALLS * workload.workers))
        splink.predict_between(next(searched))
        for _ in range(ROUNDS):
            for name, each in served.items():
                with each.connect(1) as [client]:
                    durations[name].append(time_calls(client, each.take(CALLS_PER_ROUND)))
            durations["splink"].append(
                [splink.predict_between(next(searched)) for _ in range(SEARCHES_PER_ROUND)]
            )
    medians = {name: [statistics.median(each) for each in rounds] for name, rounds in durations.items()}
    return {
        "resolve_one_index": summarize([ms for each in durations["one_index"] for ms in each]),
        "resolve_scope": summarize([ms for each in durations["scope"] for ms in each]),
        "predict_between_p50_ms": round(statistics.median(medians["splink"]), 1),
        "scope_times_faster_than_splink": _median_ratio(medians["splink"], medians["scope"]),
        "one_index_times_faster_than_splink": _median_ratio(medians["splink"], medians["one_index"]),
        "of_each_round_ms": {name: [round(ms, 2) for ms in each] for name, each in medians.items()},
    }


def _measure_throughput(one: BenchIndex, scope: BenchIndex, workload: Workload) -> dict[str, object]:
    """Measure eight clients that resolve and write, in turn."""
    rounds: dict[str, list[dict[str, float]]] = {"one_index": [], "scope": []}
    seconds = workload.seconds / THROUGHPUT_ROUNDS
    with ExitStack() as stack:
        served = _serve(stack, {"one_index": one, "scope": scope}, workload, "many")
        for _ in range(THROUGHPUT_ROUNDS):
            for name, each in served.items():
                shares = [each.take(int(seconds * 100)) for _ in range(CLIENT_COUNT)]
                with each.connect(CLIENT_COUNT) as clients:
                    rounds[name].append(run_concurrently(clients, [iter(share) for share in shares], seconds))
    rates = {name: [each["per_second"] for each in results] for name, results in rounds.items()}
    return {
        "one_index": rounds["one_index"],
        "scope": rounds["scope"],
        "scope_to_one_index": _median_ratio(rates["scope"], rates["one_index"]),
    }


@dataclass(frozen=True, slots=True)
class _ServedIndex:
    """An index that is served, and what is sent to it.

    Args:
        port: port of the server.
        key: API key.
        calls: endless upserts.
    """

    port: int
    key: str
    calls: Iterator[Call]

    @contextmanager
    def connect(self, count: int) -> Iterator[list[HttpClient]]:
        """Connect clients anew, since the server closes idle connections."""
        clients = [HttpClient(self.port, self.key) for _ in range(count)]
        try:
            yield clients
        finally:
            for client in clients:
                client.close()

    def take(self, count: int) -> list[Call]:
        """Return the next calls."""
        return list(itertools.islice(self.calls, count))


def _serve(
    stack: ExitStack, indexes: dict[str, BenchIndex], workload: Workload, kind: str
) -> dict[str, _ServedIndex]:
    """Serve indexes until the stack is left."""
    served = {}
    for name, bench_index in indexes.items():
        server = stack.enter_context(serving(bench_index, workload.workers))
        wait_for_compaction(bench_index)
        builder = HttpClient(server.port, bench_index.key)
        builder.close()
        calls = _stream(f"{kind}-{name}", builder, workload)
        served[name] = _ServedIndex(server.port, bench_index.key, calls)
    return served


def _stream(prefix: str, builder: HttpClient, workload: Workload) -> Iterator[Call]:
    """Return endless upserts of new and known children, each under a new local ID."""
    return itertools.chain.from_iterable(
        resolves(builder, workload.state, workload.fresh, f"{prefix}-{turn}-", SOURCE)
        for turn in itertools.count()
    )


def _median_ratio(numerators: list[float], denominators: list[float]) -> float:
    """Return the median of the rounds' ratios."""
    ratios = [above / below for above, below in zip(numerators, denominators, strict=True)]
    return round(statistics.median(ratios), 2)
