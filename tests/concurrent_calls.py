"""Concurrent calls that wait for the writer's lock together, so that they share a transaction."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from mpi.domain.errors import MpiError
from tests.index import OPERATOR


@contextmanager
def hold_writer_until_waiting(index, calls: int):
    """Hold the writer's lock until the given number of calls waits."""
    group_commit = index.store.group_commit
    with index.database.write(OPERATOR, "test"):
        yield
        until(lambda: len(group_commit._pending) >= calls)


def until(condition):
    for _ in range(2_000):
        if condition():
            break
        threading.Event().wait(0.005)


def at_once(index, calls):
    """Run calls concurrently; return each one's answer or error."""

    def call(action):
        try:
            return action()
        except MpiError as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        with hold_writer_until_waiting(index, len(calls)):
            futures = [pool.submit(call, action) for action in calls]
        return [future.result(60) for future in futures]
