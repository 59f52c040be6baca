"""Calls that wait for the one writer at one moment, so that they come to share a transaction."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from mpi.domain.errors import MpiError
from tests.index import OPERATOR


@contextmanager
def all_waiting(index, calls: int):
    """Hold the one writer's place until so many calls wait, so that they come to share a transaction."""
    together = index.store.group_commit
    with index.database.write(OPERATOR, "test"):
        yield
        until(lambda: len(together._pending) >= calls)


def until(so):
    for _ in range(2_000):
        if so():
            break
        threading.Event().wait(0.005)


def at_once(index, works):
    """What each of several calls was answered, or what it raised."""

    def call(work):
        try:
            return work()
        except MpiError as error:
            return error

    with ThreadPoolExecutor(len(works)) as pool:
        with all_waiting(index, len(works)):
            made = [pool.submit(call, work) for work in works]
        return [each.result(60) for each in made]
