"""Concurrent upserts share a group commit, and each is answered as if it had been alone."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import text

from mpi.domain.errors import ConflictError, NotFoundError, ReusedKeyError, StoreError
from mpi.domain.tuning import DEFAULT_TUNING
from mpi.domain.viewer import IdempotentCall, make_operator
from mpi.service.core import group_commit as module
from mpi.service.core.group_commit import MAX_STEPS
from mpi.service.maintenance.verify import verify
from mpi.service.records import upsert as upsert_module
from mpi.service.records.upsert import upsert
from mpi.storage.unit_of_work.database import Database, Lock
from mpi.storage.unit_of_work.units import WriteUnits
from tests.concurrent_calls import at_once, until
from tests.index import OPERATOR, make_child, many_children

CALLS = 12


@pytest.fixture
def index(index):
    upsert(index, OPERATOR, "sis", make_child("first"))
    return index


def last_commit(index):
    with index.database.read(OPERATOR) as unit:
        return unit.last_commit()


@pytest.fixture
def transaction_sizes(monkeypatch):
    """The number of units in each writing transaction of the index."""
    sizes = []
    write_group = Database.write_group

    @contextmanager
    def write_group_noted(self, *rest, **named):
        of_thread.kinds = []
        with write_group(self, *rest, **named) as begin:
            yield begin
            kinds = of_thread.kinds
        if set(kinds) == {"upsert"}:
            sizes.append(len(kinds))

    def begin_unit_noted(self, *asked):
        of_thread.kinds.append(asked[1])
        return begin_unit(self, *asked)

    # Other threads write lines of the ledger at the same time.
    of_thread, begin_unit = threading.local(), WriteUnits.__call__
    monkeypatch.setattr(WriteUnits, "__call__", begin_unit_noted)
    monkeypatch.setattr(Database, "write_group", write_group_noted)
    return sizes


def test_waiting_upserts_share_transactions_and_have_separate_commits(index, transaction_sizes):
    commit_before = last_commit(index)
    viewers = [replace(make_operator(f"client-{n}")) for n in range(CALLS)]
    children = many_children(CALLS)
    answers = at_once(
        index, [lambda n=n: upsert(index, viewers[n], "ccwis", children[n]) for n in range(CALLS)]
    )
    assert [answer.local_id for answer in answers] == [child["local_id"] for child in children]
    assert len({answer.enterprise_id for answer in answers}) == CALLS
    # The second transaction also holds callers that came while the first waited for the writer's lock.
    assert transaction_sizes == [MAX_STEPS, CALLS - MAX_STEPS]
    assert last_commit(index) == commit_before + CALLS
    with index.database.read(OPERATOR) as unit:
        commit_infos = unit.commit_info(set(range(commit_before + 1, commit_before + CALLS + 1)))
    assert {client for _, client, _ in commit_infos.values()} == {viewer.client for viewer in viewers}
    assert verify(index, OPERATOR) == []


def test_the_same_child_from_concurrent_callers_is_one_person(index):
    answers = at_once(
        index, [lambda n=n: upsert(index, OPERATOR, "ccwis", make_child(f"same{n}")) for n in range(CALLS)]
    )
    assert len({answer.enterprise_id for answer in answers}) == 1


def test_a_refused_step_does_not_affect_the_others(index):
    children = many_children(6)
    works = [lambda c=c: upsert(index, OPERATOR, "ccwis", c) for c in children]
    works[3:3] = [lambda: upsert(index, OPERATOR, "nowhere", make_child("x"))]
    answers = at_once(index, works)
    assert isinstance(answers[3], NotFoundError)
    assert [answer.record for answer in answers[:3] + answers[4:]] == ["created"] * 6
    assert verify(index, OPERATOR) == []


@pytest.mark.slow
def test_a_refused_step_does_not_affect_the_others_during_an_unlocked_commit(index, monkeypatch):
    """On PostgreSQL a page that notes views takes no writer's lock and commits concurrently."""
    execute, children = upsert_module._PreparedUpsert.execute, many_children(4)

    def execute_during_commit(step, unit):
        if step.source_code == "nowhere" and index.database.is_postgresql:
            with index.database.write(OPERATOR, "seen", Lock.NONE) as other_unit:
                other_unit.ensure_commit()
        return execute(step, unit)

    monkeypatch.setattr(upsert_module._PreparedUpsert, "execute", execute_during_commit)
    works = [lambda c=c: upsert(index, OPERATOR, "ccwis", c) for c in children]
    works.append(lambda: upsert(index, OPERATOR, "nowhere", make_child("x")))
    answers = at_once(index, works)
    assert isinstance(answers[-1], NotFoundError)
    assert [getattr(answer, "record", answer) for answer in answers[:-1]] == ["created"] * 4


def test_an_idempotency_key_holds_within_one_transaction(index):
    def viewer_with_key(call):
        return replace(OPERATOR, idempotent_call=IdempotentCall("one-key", call))

    child = make_child("once", last_name="Once")
    answers = at_once(
        index,
        [
            lambda: upsert(index, viewer_with_key(b"a"), "ccwis", child),
            lambda: upsert(index, viewer_with_key(b"a"), "ccwis", child),
            lambda: upsert(index, viewer_with_key(b"b"), "ccwis", child),
        ],
    )
    kinds = sorted(type(answer).__name__ for answer in answers)
    assert kinds in (
        ["ReusedKeyError", "UpsertResult", "UpsertResult"],
        ["ReusedKeyError", "ReusedKeyError", "UpsertResult"],
    )
    results = [answer for answer in answers if not isinstance(answer, ReusedKeyError)]
    assert all(answer == results[0] for answer in results)
    assert results[0].record == "created"


def test_contention_within_and_between_processes_is_detected(index, monkeypatch):
    group_commit, children = index.store.group_commit, many_children(CALLS + 4)
    assert (group_commit.is_uncontended, group_commit.is_contended_in_process) == (True, False)
    for child in children[-2:]:
        upsert(index, OPERATOR, "ccwis", child)
        assert (group_commit.is_uncontended, group_commit.is_contended_in_process) == (True, False)
    at_once(index, [lambda c=c: upsert(index, OPERATOR, "ccwis", c) for c in children[:CALLS]])
    assert (group_commit.is_uncontended, group_commit.is_contended_in_process) == (False, True)
    with index.database.write(OPERATOR, "another") as unit:
        unit.ensure_commit()
    upsert(index, OPERATOR, "ccwis", children[-3])
    assert (group_commit.is_uncontended, group_commit.is_contended_in_process) == (False, False)
    time.sleep(DEFAULT_TUNING.request.concurrent_writer_s)
    upsert(index, OPERATOR, "ccwis", children[-4])
    assert (group_commit.is_uncontended, group_commit.is_contended_in_process) == (True, False)


def test_a_writer_beside_another_is_contended(index):
    group_commit, children = index.store.group_commit, many_children(2)
    upsert(index, OPERATOR, "ccwis", children[0])
    with index.database.write(OPERATOR, "another") as unit:
        unit.ensure_commit()
    upsert(index, OPERATOR, "ccwis", children[1])
    assert not group_commit.is_uncontended


def test_a_busy_store_is_reported_to_every_waiting_caller(index, monkeypatch):
    @contextmanager
    def busy(*_, **__):
        until(lambda: len(index.store.group_commit._pending) == 5)
        raise StoreError("the database is busy with another writer: try again")
        yield

    children = many_children(5)
    monkeypatch.setattr(Database, "write_group", busy)
    with ThreadPoolExecutor(5) as pool:
        futures = [pool.submit(upsert, index, OPERATOR, "ccwis", child) for child in children]
        errors = [each.exception(60) for each in futures]
    assert [type(error) for error in errors] == [StoreError] * 5


def test_an_error_of_a_step_reaches_only_its_caller(index):
    def failing(_unit):
        raise ConflictError("mine alone")

    def fine(unit):
        return unit.commit_no

    def call(work):
        return lambda: index.store.group_commit.write(index.database, OPERATOR, "test", work)

    answers = at_once(index, [call(fine), call(failing), call(fine), call(fine)])
    assert isinstance(answers[1], ConflictError)
    numbers = [answer for answer in answers if isinstance(answer, int)]
    assert len(set(numbers)) == 3


def test_upserts_use_a_generic_plan_and_other_work_does_not(index):
    if not index.database.is_postgresql:
        pytest.skip("SQLite plans each statement once")
    show = text("SELECT current_setting('plan_cache_mode')")

    def plan_mode(unit):
        return unit.connection.execute(show).scalar()

    assert index.store.group_commit.write(index.database, OPERATOR, "test", plan_mode) == "force_generic_plan"
    with index.database.write(OPERATOR, "test") as unit:
        assert plan_mode(unit) == "auto"
    with index.database.read(OPERATOR) as unit:
        assert plan_mode(unit) == "auto"


def deferred_step(read):
    """Return a step whose answer is read after its commit."""

    def work(unit):
        unit.ensure_commit()
        return module.DeferredAnswer(lambda: read(unit))

    return work


def test_deferred_reads_see_the_committed_steps(index):
    other_database = Database(index.database.url)
    commit_before = last_commit(index)

    def read_commits(unit):
        with other_database.read(OPERATOR) as read:
            other_commit = read.last_commit()
        # The step's own connection can be queried as well, each query by itself.
        return other_commit, {source.code for source in unit.sources.all()}, unit.last_commit()

    answers = at_once(
        index,
        [
            lambda: index.store.group_commit.write(
                index.database, OPERATOR, "test", deferred_step(read_commits)
            )
            for _ in range(3)
        ],
    )
    assert [codes for _, codes, _ in answers] == [{"sis", "ccwis"}] * 3
    assert max(last for last, _, _ in answers) == commit_before + 3
    assert all(own_commit == other_commit for own_commit, _, other_commit in answers)
    other_database.dispose()


def test_an_error_after_the_commit_says_that_the_step_was_kept(index):
    if not index.database.is_postgresql:
        pytest.skip("a file does not get lost")
    ask = text("SELECT pg_backend_pid()")

    def lose_connection(unit):
        process = unit.connection.execute(ask).scalar()
        with index.database.read(OPERATOR) as other_unit:
            other_unit.connection.execute(text(f"SELECT pg_terminate_backend({int(process)}, 10000)")).all()
        unit.connection.execute(ask).scalar()

    commit_before = last_commit(index)
    with pytest.raises(StoreError, match="the step was kept"):
        index.store.group_commit.write(index.database, OPERATOR, "test", deferred_step(lose_connection))
    assert last_commit(index) == commit_before + 1
    assert upsert(index, OPERATOR, "ccwis", make_child("after")).outcome == "linked"
