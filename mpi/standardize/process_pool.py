"""Work on all cores: chunks go to processes, and what they make comes back in order."""

import atexit
import gc
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, islice
from multiprocessing import get_context, parent_process
from typing import Any, TypeVar

from mpi.domain.errors import EngineError

MIN_PARALLEL_CHUNKS = 4
"""Fewer chunks are done before a second process has started."""
_CHUNKS_PER_PROCESS = 3
"""Chunks that wait for each process: enough that none stands still, and bounded."""
WORKER_NICENESS = 10
"""Of a process that works for another."""
_STANDARDIZER_NICENESS = 15
"""Of one whose work is not waited for until much else is done; by it the others keep every core busy."""

Chunk = TypeVar("Chunk")
Result = TypeVar("Result")

_work: Callable[[Any], Any] | None = None


def map_chunks(
    work: Callable[[Chunk], Result], chunks: Iterable[Chunk], count: int | None = None
) -> Iterator[Result]:
    """What ``work`` makes of each chunk, in order; no more chunks are taken than are soon worked on.

    Args:
        work: can be pickled, and so can what it takes and makes.
        chunks: of records.
        count: processes; None for as many as there are cores.

    Raises:
        EngineError: a process was ended from outside.
    """
    count = count or count_cores()
    rest = iter(chunks)
    first = list(islice(rest, MIN_PARALLEL_CHUNKS))
    if count == 1 or len(first) < MIN_PARALLEL_CHUNKS:
        yield from map(work, chain(first, rest))
        return
    pool = start_pool(count, work)
    try:
        waiting: deque[Future[Result]] = deque()
        for chunk in chain(first, rest):
            waiting.append(submit_chunk(pool, chunk))
            if len(waiting) > _CHUNKS_PER_PROCESS * count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool:
        raise make_worker_lost_error() from None
    finally:
        pool.shutdown(cancel_futures=True)


def count_cores() -> int:
    """As many as there are cores."""
    return os.cpu_count() or 1


def make_worker_lost_error() -> EngineError:
    """What is told where a pool is broken."""
    return EngineError(
        "a process that standardizes was ended from outside, for want of memory perhaps: run it again"
    )


def submit_chunk(pool: ProcessPoolExecutor, chunk: Any) -> Future[Any]:  # noqa: ANN401 - whatever the work takes and makes
    """Have the work of a pool of ``start_pool`` done on a chunk."""
    return pool.submit(_run_work, chunk)


def start_pool(count: int, work: Callable[[Any], Any] | None = None) -> ProcessPoolExecutor:
    """Processes that standardize, and give way to those that answer people."""
    # A forked child of a process in which DuckDB or Arrow run threads may crash: start anew.
    return ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_initialize_worker, initargs=(work,))


def _initialize_worker(work: Callable[[Any], Any] | None) -> None:
    global _work  # noqa: PLW0603 - a process has one work, sent once
    _work = work
    # What is made here holds no cycles and soon leaves: looking for some takes a sixth of the time.
    gc.disable()
    # Nor is any looked for as it ends, which whoever asked waits for: with all that it remembers two seconds.
    atexit.register(gc.freeze)
    lower_priority(_STANDARDIZER_NICENESS)


def lower_priority(niceness: int = WORKER_NICENESS) -> None:
    """Be a process that works for another: give way to those that answer people, and end with that one."""
    # Begun by one that gives way itself, they would give way twice, and on a busy machine get nothing done.
    os.nice(max(0, niceness - os.nice(0)))
    # Ctrl-C goes to every process of a terminal; the one that asked for the work ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that is killed says nothing to its workers: they would wait for ever, and hold its memory."""
    if (parent := parent_process()) is not None:
        parent.join()
        os._exit(1)


def _run_work(chunk: Any) -> Any:  # noqa: ANN401 - whatever the work takes and makes
    return _work(chunk) if _work is not None else None
