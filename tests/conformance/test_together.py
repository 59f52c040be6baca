"""Upserts of one moment share a transaction, and each is answered as if it had been alone."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import text

from mpi.domain.errors import ConflictError, NotFoundError, ReusedKeyError, StoreError
from mpi.domain.viewer import IdempotentCall, make_operator
from mpi.service.core import group_commit as module
from mpi.service.core.group_commit import MAX_STEPS
from mpi.service.maintenance.verify import verify
from mpi.service.records import upsert as upsert_module
from mpi.service.records.upsert import upsert
from mpi.storage.unit_of_work.database import Database, Lock
from mpi.storage.unit_of_work.unit import WriteUnits
from tests.index import OPERATOR, a_child, an_index, many_children
from tests.waiting import at_once, until

CALLS = 12


@pytest.fixture
def index(tmp_path, database_url):
    with an_index(tmp_path, "sis", "ccwis", database_url=database_url) as index:
        upsert(index, OPERATOR, "sis", a_child("first"))
        yield index


def commits(index):
    with index.database.read(OPERATOR) as unit:
        return unit.last_commit()


@pytest.fixture
def transactions(monkeypatch):
    """How many units each writing transaction of the index had."""
    counted = []
    several = Database.write_group

    @contextmanager
    def noted(self, *rest, **named):
        made.clear()
        with several(self, *rest, **named) as begin:
            yield begin
            kinds = list(made)
        if set(kinds) == {"upsert"}:
            counted.append(len(kinds))

    made, begun = [], WriteUnits.__call__
    monkeypatch.setattr(
        WriteUnits, "__call__", lambda self, *asked: made.append(asked[1]) or begun(self, *asked)
    )
    monkeypatch.setattr(Database, "write_group", noted)
    return counted


def test_upserts_that_wait_share_transactions_and_each_has_a_commit_of_its_own(index, transactions):
    before = commits(index)
    who = [replace(make_operator(f"client-{n}")) for n in range(CALLS)]
    children = many_children(CALLS)
    answers = at_once(index, [lambda n=n: upsert(index, who[n], "ccwis", children[n]) for n in range(CALLS)])
    assert [answer.local_id for answer in answers] == [child["local_id"] for child in children]
    assert len({answer.enterprise_id for answer in answers}) == CALLS
    # Also who came after the first, while it waited for the writer's place.
    assert transactions == [MAX_STEPS, CALLS - MAX_STEPS]
    assert commits(index) == before + CALLS
    with index.database.read(OPERATOR) as unit:
        made = unit.commit_info(set(range(before + 1, before + CALLS + 1)))
    assert {client for _, client, _ in made.values()} == {viewer.client for viewer in who}
    assert verify(index, OPERATOR) == []


def test_the_same_child_from_many_callers_at_once_is_one_person(index):
    answers = at_once(
        index, [lambda n=n: upsert(index, OPERATOR, "ccwis", a_child(f"same{n}")) for n in range(CALLS)]
    )
    assert len({answer.enterprise_id for answer in answers}) == 1


def test_one_that_is_refused_costs_the_others_nothing(index):
    good = many_children(6)
    works = [lambda c=c: upsert(index, OPERATOR, "ccwis", c) for c in good]
    works[3:3] = [lambda: upsert(index, OPERATOR, "nowhere", a_child("x"))]
    answers = at_once(index, works)
    assert isinstance(answers[3], NotFoundError)
    assert [answer.record for answer in answers[:3] + answers[4:]] == ["created"] * 6
    assert verify(index, OPERATOR) == []


def test_one_that_is_refused_costs_the_others_nothing_whoever_else_commits_meanwhile(index, monkeypatch):
    """On PostgreSQL a page that notes what was seen takes no turn, and commits beside them."""
    take, good = upsert_module._PreparedUpsert.execute, many_children(4)

    def beside_another(step, unit):
        if step.source_code == "nowhere" and index.database.is_postgresql:
            with index.database.write(OPERATOR, "seen", Lock.NONE) as other:
                other.ensure_commit()
        return take(step, unit)

    monkeypatch.setattr(upsert_module._PreparedUpsert, "execute", beside_another)
    works = [lambda c=c: upsert(index, OPERATOR, "ccwis", c) for c in good]
    works.append(lambda: upsert(index, OPERATOR, "nowhere", a_child("x")))
    answers = at_once(index, works)
    assert isinstance(answers[-1], NotFoundError)
    assert [getattr(answer, "record", answer) for answer in answers[:-1]] == ["created"] * 4


def test_an_idempotency_key_holds_within_one_transaction(index):
    def once(call):
        return replace(OPERATOR, idempotent_call=IdempotentCall("one-key", call))

    child = a_child("once", last_name="Once")
    answers = at_once(
        index,
        [
            lambda: upsert(index, once(b"a"), "ccwis", child),
            lambda: upsert(index, once(b"a"), "ccwis", child),
            lambda: upsert(index, once(b"b"), "ccwis", child),
        ],
    )
    kinds = sorted(type(answer).__name__ for answer in answers)
    assert kinds in (
        ["ReusedKeyError", "UpsertResult", "UpsertResult"],
        ["ReusedKeyError", "ReusedKeyError", "UpsertResult"],
    )
    told = [answer for answer in answers if not isinstance(answer, ReusedKeyError)]
    assert all(answer == told[0] for answer in told)
    assert told[0].record == "created"


def test_it_is_known_whether_the_callers_of_this_process_wait_for_each_other_alone(index, monkeypatch):
    together, children = index.store.group_commit, many_children(CALLS + 4)
    assert (together.is_uncontended, together.is_contended_in_process) == (True, False)
    for child in children[-2:]:
        upsert(index, OPERATOR, "ccwis", child)
        assert (together.is_uncontended, together.is_contended_in_process) == (True, False)
    at_once(index, [lambda c=c: upsert(index, OPERATOR, "ccwis", c) for c in children[:CALLS]])
    assert (together.is_uncontended, together.is_contended_in_process) == (False, True)
    with index.database.write(OPERATOR, "another") as unit:
        unit.ensure_commit()
    upsert(index, OPERATOR, "ccwis", children[-3])
    assert (together.is_uncontended, together.is_contended_in_process) == (False, False)
    monkeypatch.setattr(module, "RECENT_S", 0.0)
    upsert(index, OPERATOR, "ccwis", children[-4])
    assert (together.is_uncontended, together.is_contended_in_process) == (True, False)


def test_one_writer_that_another_wrote_beside_is_not_alone(index):
    together, children = index.store.group_commit, many_children(2)
    upsert(index, OPERATOR, "ccwis", children[0])
    with index.database.write(OPERATOR, "another") as unit:
        unit.ensure_commit()
    upsert(index, OPERATOR, "ccwis", children[1])
    assert not together.is_uncontended


def test_where_the_store_is_busy_all_that_wait_are_told(index, monkeypatch):
    @contextmanager
    def busy(*_, **__):
        until(lambda: len(index.store.group_commit._pending) == 5)
        raise StoreError("the database is busy with another writer: try again")
        yield

    children = many_children(5)
    monkeypatch.setattr(Database, "write_group", busy)
    with ThreadPoolExecutor(5) as pool:
        made = [pool.submit(upsert, index, OPERATOR, "ccwis", child) for child in children]
        errors = [each.exception(60) for each in made]
    assert [type(error) for error in errors] == [StoreError] * 5


def test_a_failure_of_the_work_reaches_its_own_caller_only(index):
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


def test_what_upserts_ask_is_planned_once_a_session_and_what_others_ask_is_not(index):
    if not index.database.is_postgresql:
        pytest.skip("SQLite plans each statement once")
    show = text("SELECT current_setting('plan_cache_mode')")

    def planned(unit):
        return unit.connection.execute(show).scalar()

    assert index.store.group_commit.write(index.database, OPERATOR, "test", planned) == "force_generic_plan"
    with index.database.write(OPERATOR, "test") as unit:
        assert planned(unit) == "auto"
    with index.database.read(OPERATOR) as unit:
        assert planned(unit) == "auto"


def later(read):
    """A step whose answer is read once it is kept."""

    def work(unit):
        unit.ensure_commit()
        return module.DeferredAnswer(lambda: read(unit))

    return work


def test_what_is_read_once_steps_are_kept_finds_them_kept(index):
    others = Database(index.database.url)
    before = commits(index)

    def seen(unit):
        with others.read(OPERATOR) as read:
            there = read.last_commit()
        # The connection of the step can be asked as well, each question by itself.
        return there, {source.code for source in unit.sources.all()}, unit.last_commit()

    told = at_once(
        index,
        [
            lambda: index.store.group_commit.write(index.database, OPERATOR, "test", later(seen))
            for _ in range(3)
        ],
    )
    assert [codes for _, codes, _ in told] == [{"sis", "ccwis"}] * 3
    assert max(last for last, _, _ in told) == before + 3
    assert all(here == there for here, _, there in told)
    others.dispose()


def test_where_the_connection_is_lost_once_a_step_is_kept_it_says_that_it_was(index):
    if not index.database.is_postgresql:
        pytest.skip("a file does not get lost")
    ask = text("SELECT pg_backend_pid()")

    def lost(unit):
        process = unit.connection.execute(ask).scalar()
        with index.database.read(OPERATOR) as other:
            other.connection.execute(text(f"SELECT pg_terminate_backend({int(process)}, 10000)")).all()
        unit.connection.execute(ask).scalar()

    before = commits(index)
    with pytest.raises(StoreError, match="the step was kept"):
        index.store.group_commit.write(index.database, OPERATOR, "test", later(lost))
    assert commits(index) == before + 1
    assert upsert(index, OPERATOR, "ccwis", a_child("after")).outcome == "linked"
