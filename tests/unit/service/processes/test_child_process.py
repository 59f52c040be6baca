"""Test work in a child process: results and errors are as if it ran here."""

import multiprocessing
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType

import pytest

from mpi.domain.errors import ClaimedError, EngineError, RecordError, StoreError, describe_origin
from mpi.service.processes.child_process import run_in_child_process, run_with_index_in_child_process
from tests.index import OPERATOR, load_rows, many_children, open_test_index

SECRET = "Amara Okafor"


def describe_process(mapping, *rest):
    return {**mapping, "others": rest, "process": os.getpid(), "niceness": os.nice(0)}


def describe_nested_process():
    return run_in_child_process(describe_process, {})


def raise_record_error():
    raise RecordError("birth_date", "missing", "give one")


def raise_claimed_error():
    raise ClaimedError("ana", "2026-11-27T10:00:00Z")


def raise_value_error():
    raise ValueError(SECRET)


def return_lock():
    return threading.Lock()


def sleep_long():
    time.sleep(60)


def describe_index(index, viewer):
    with index.database.read(viewer) as unit:
        keys = unit.keys.forward.max_record_id(index.config_id(unit))
    return keys, index.matcher.model.ref, index.keyed_hash.to_int64("a", "b"), index.settings.is_test


@pytest.mark.slow
def test_child_process_has_low_priority_and_returns_its_result():
    result = run_in_child_process(describe_process, MappingProxyType({"one": 1}), 2, 3)
    assert (result["one"], result["others"]) == (1, (2, 3))
    assert result["process"] != os.getpid()
    assert result["niceness"] == max(10, os.nice(0))


@pytest.mark.slow
def test_child_process_may_start_other_processes():
    assert run_in_child_process(describe_nested_process)["niceness"] == max(10, os.nice(0)), (
        "niceness is raised once"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("work", "kind"), [(raise_record_error, RecordError), (raise_claimed_error, ClaimedError)]
)
def test_refusal_in_the_child_process_is_raised_here(work, kind):
    with pytest.raises(kind) as local_error:
        work()
    with pytest.raises(kind) as child_error:
        run_in_child_process(work)
    assert str(child_error.value) == str(local_error.value)
    assert vars(child_error.value) == vars(local_error.value)


@pytest.mark.slow
def test_unexpected_error_reports_its_place_but_not_its_text():
    with pytest.raises(EngineError, match=r"failed \(ValueError\): try again") as error:
        run_in_child_process(raise_value_error)
    report = f"{error.value} {describe_origin(error.value)}"
    assert SECRET not in report
    assert "there ValueError at _run_child:" in report
    assert "> raise_value_error:" in report


@pytest.mark.slow
def test_result_that_cannot_be_sent_is_an_error_and_no_endless_wait():
    with pytest.raises(EngineError, match="failed"):
        run_in_child_process(return_lock)


def test_child_process_ended_from_outside_raises_the_given_error():
    with ThreadPoolExecutor() as pool:
        future = pool.submit(run_in_child_process, sleep_long, ended_error=StoreError("it was ended"))
        deadline = time.monotonic() + 60
        while not multiprocessing.active_children():
            assert time.monotonic() < deadline
        [child] = multiprocessing.active_children()
        child.kill()
        with pytest.raises(StoreError, match="it was ended"):
            future.result()


@pytest.mark.slow
def test_child_process_opens_the_index_with_the_same_settings(tmp_path, database_url):
    with open_test_index(tmp_path / "home", "sis", database_url=database_url) as index:
        load_rows(index, "sis", *many_children(3))
        assert run_with_index_in_child_process(index, describe_index, OPERATOR) == describe_index(
            index, OPERATOR
        )
