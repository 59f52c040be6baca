"""Pools of worker processes that map a function over chunks.

Results come back in order.
"""

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
"""Number of chunks from which other processes are started.

Fewer chunks are done before a second process has started.
"""
_CHUNKS_PER_PROCESS = 3
"""Chunks that wait for each process: enough to keep it busy, and bounded."""
WORKER_NICENESS = 10
"""Niceness of a worker process."""
_STANDARDIZER_NICENESS = 15
"""Niceness of a standardizing worker, whose results are needed late.

The other processes then keep every core busy.
"""

Chunk = TypeVar("Chunk")
Result = TypeVar("Result")

_work: Callable[[Any], Any] | None = None


def map_chunks(
    work: Callable[[Chunk], Result], chunks: Iterable[Chunk], count: int | None = None
) -> Iterator[Result]:
    """Apply a function to chunks of records in worker processes, in order.

    No more chunks are taken than are soon worked on.

    Args:
        work: can be pickled, and so can its argument and result.
        chunks: chunks of records.
        count: number of processes; None for as many as there are cores.

    Raises:
        EngineError: a process was ended from outside.
    """
    count = count or count_cores()
    remaining = iter(chunks)
    first_chunks = list(islice(remaining, MIN_PARALLEL_CHUNKS))
    if count == 1 or len(first_chunks) < MIN_PARALLEL_CHUNKS:
        yield from map(work, chain(first_chunks, remaining))
        return
    pool = start_pool(count, work)
    try:
        pending: deque[Future[Result]] = deque()
        for chunk in chain(first_chunks, remaining):
            pending.append(submit_chunk(pool, chunk))
            if len(pending) > _CHUNKS_PER_PROCESS * count:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    except BrokenProcessPool:
        raise make_worker_lost_error() from None
    finally:
        pool.shutdown(cancel_futures=True)


def count_cores() -> int:
    """Return the number of cores, at least 1."""
    return os.cpu_count() or 1


def make_worker_lost_error() -> EngineError:
    """Make the error for a worker process that was ended from outside."""
    return EngineError(
        "a process that standardizes was ended from outside, for want of memory perhaps: run it again"
    )


def submit_chunk(pool: ProcessPoolExecutor, chunk: Any) -> Future[Any]:  # noqa: ANN401 - whatever the work takes and makes
    """Submit a chunk of records to a pool of worker processes."""
    return pool.submit(_run_work, chunk)


def start_pool(count: int, work: Callable[[Any], Any] | None = None) -> ProcessPoolExecutor:
    """Start a pool of low-priority worker processes.

    Args:
        count: number of processes.
        work: function that ``submit_chunk`` applies.
    """
    # A forked child of a process in which DuckDB or Arrow run threads may crash: start anew.
    return ProcessPoolExecutor(
        count, mp_context=get_context("spawn"), initializer=_initialize_worker, initargs=(work,)
    )


def _initialize_worker(work: Callable[[Any], Any] | None) -> None:
    """Set up a worker process with the function that it applies."""
    global _work  # noqa: PLW0603 - a process has one work, sent once
    _work = work
    # What is made here holds no cycles and soon leaves: looking for some takes a sixth of the time.
    gc.disable()
    # Nor is any looked for as it ends, which whoever asked waits for: with all that it remembers two seconds.
    atexit.register(gc.freeze)
    lower_priority(_STANDARDIZER_NICENESS)


def lower_priority(niceness: int = WORKER_NICENESS) -> None:
    """Lower this process's priority, and end it with its parent.

    Processes that answer people then go first.

    Args:
        niceness: niceness in absolute terms.
    """
    # Begun by one that gives way itself, they would give way twice, and on a busy machine get nothing done.
    os.nice(max(0, niceness - os.nice(0)))
    # Ctrl-C goes to every process of a terminal; the one that asked for the work ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Wait for the parent process to end, then end this one.

    A parent that is killed says nothing to its workers: they would wait for ever, and hold its memory.
    """
    if (parent := parent_process()) is not None:
        parent.join()
        os._exit(1)


def _run_work(chunk: Any) -> Any:  # noqa: ANN401 - whatever the work takes and makes
    """Apply the worker process's function to a chunk of records."""
    return _work(chunk) if _work is not None else None
