"""Work in a process of its own: what it returns and raises is as if it were done here."""

import multiprocessing
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType

import pytest

from mpi.domain.errors import ClaimedError, EngineError, RecordError, StoreError, describe_origin
from mpi.service.processes.child_process import run_in_child_process, run_with_index_in_child_process
from tests.index import OPERATOR, an_index, load_rows, many_children

SECRET = "Amara Okafor"


def told(mapping, *others):
    return {**mapping, "others": others, "process": os.getpid(), "niceness": os.nice(0)}


def told_by_another():
    return run_in_child_process(told, {})


def refused():
    raise RecordError("birth_date", "missing", "give one")


def claimed():
    raise ClaimedError("ana", "2026-11-27T10:00:00Z")


def fails():
    raise ValueError(SECRET)


def a_lock():
    return threading.Lock()


def sleeps():
    time.sleep(60)


def records_of(index, viewer):
    with index.database.read(viewer) as unit:
        keys = unit.keys.max_record_id(index.config_id(unit))
    return keys, index.matcher.model.ref, index.keyed_hash.to_int64("a", "b"), index.settings.is_test


def test_a_process_gives_way_and_what_it_returns_comes_back():
    found = run_in_child_process(told, MappingProxyType({"one": 1}), 2, 3)
    assert (found["one"], found["others"]) == (1, (2, 3))
    assert found["process"] != os.getpid()
    assert found["niceness"] == max(10, os.nice(0))


def test_a_process_may_begin_others():
    assert run_in_child_process(told_by_another)["niceness"] == max(10, os.nice(0)), "they give way once"


@pytest.mark.parametrize(("work", "kind"), [(refused, RecordError), (claimed, ClaimedError)])
def test_what_is_refused_is_refused_here(work, kind):
    with pytest.raises(kind) as here:
        work()
    with pytest.raises(kind) as there:
        run_in_child_process(work)
    assert str(there.value) == str(here.value)
    assert vars(there.value) == vars(here.value)


def test_of_what_fails_the_words_do_not_come_back_but_the_place_does():
    with pytest.raises(EngineError, match=r"failed \(ValueError\): try again") as failed:
        run_in_child_process(fails)
    told_of = f"{failed.value} {describe_origin(failed.value)}"
    assert SECRET not in told_of
    assert "there ValueError at _run_child:" in told_of
    assert "> fails:" in told_of


def test_what_cannot_be_sent_back_is_an_error_and_no_endless_wait():
    with pytest.raises(EngineError, match="failed"):
        run_in_child_process(a_lock)


def test_a_process_that_is_ended_from_outside_is_told_of():
    with ThreadPoolExecutor() as pool:
        working = pool.submit(run_in_child_process, sleeps, ended_error=StoreError("it was ended"))
        until = time.monotonic() + 60
        while not multiprocessing.active_children():
            assert time.monotonic() < until
        [begun] = multiprocessing.active_children()
        begun.kill()
        with pytest.raises(StoreError, match="it was ended"):
            working.result()


def test_an_index_is_opened_there_as_it_is_here(tmp_path, database_url):
    with an_index(tmp_path / "home", "sis", database_url=database_url) as index:
        load_rows(index, "sis", *many_children(3))
        assert run_with_index_in_child_process(index, records_of, OPERATOR) == records_of(index, OPERATOR)
