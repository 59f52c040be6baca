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

CHUNKS_ALONE = 4
"""Fewer chunks are done before a second process has started."""
_AHEAD = 3
"""Chunks that wait for each process: enough that none stands still, and bounded."""
NICE = 10
"""Of a process that works for another."""
_NICER = 15
"""Of one whose work is not waited for until much else is done; by it the others keep every core busy."""

Chunk = TypeVar("Chunk")
Made = TypeVar("Made")

_work: Callable[[Any], Any] | None = None


def spread(
    work: Callable[[Chunk], Made], chunks: Iterable[Chunk], count: int | None = None
) -> Iterator[Made]:
    """What ``work`` makes of each chunk, in order; no more chunks are taken than are soon worked on.

    Args:
        work: can be pickled, and so can what it takes and makes.
        chunks: of records.
        count: processes; None for as many as there are cores.

    Raises:
        EngineError: a process was ended from outside.
    """
    count = count or processes()
    rest = iter(chunks)
    first = list(islice(rest, CHUNKS_ALONE))
    if count == 1 or len(first) < CHUNKS_ALONE:
        yield from map(work, chain(first, rest))
        return
    pool = workers(count, work)
    try:
        waiting: deque[Future[Made]] = deque()
        for chunk in chain(first, rest):
            waiting.append(submit(pool, chunk))
            if len(waiting) > _AHEAD * count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool:
        raise ended_from_outside() from None
    finally:
        pool.shutdown(cancel_futures=True)


def processes() -> int:
    """As many as there are cores."""
    return os.cpu_count() or 1


def ended_from_outside() -> EngineError:
    """What is told where a pool is broken."""
    return EngineError(
        "a process that standardizes was ended from outside, for want of memory perhaps: run it again"
    )


def submit(pool: ProcessPoolExecutor, chunk: Any) -> Future[Any]:  # noqa: ANN401 - whatever the work takes and makes
    """Have the work of a pool of ``workers`` done on a chunk."""
    return pool.submit(_worked, chunk)


def workers(count: int, work: Callable[[Any], Any] | None = None) -> ProcessPoolExecutor:
    """Processes that standardize, and give way to those that answer people."""
    # A forked child of a process in which DuckDB or Arrow run threads may crash: start anew.
    return ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_begin, initargs=(work,))


def _begin(work: Callable[[Any], Any] | None) -> None:
    global _work  # noqa: PLW0603 - a process has one work, sent once
    _work = work
    # What is made here holds no cycles and soon leaves: looking for some takes a sixth of the time.
    gc.disable()
    # Nor is any looked for as it ends, which whoever asked waits for: with all that it remembers two seconds.
    atexit.register(gc.freeze)
    give_way(_NICER)


def give_way(niceness: int = NICE) -> None:
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


def _worked(chunk: Any) -> Any:  # noqa: ANN401 - whatever the work takes and makes
    return _work(chunk) if _work is not None else None
