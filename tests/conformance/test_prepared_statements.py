"""Prepared statements take a short path to the driver and give SQLAlchemy's results."""

import threading

import pytest
from sqlalchemy import bindparam, insert, select, text, update

from mpi.domain.errors import StoreError
from mpi.domain.tuning import StorageTuning
from mpi.storage.driver.compiled_statements import Prepared
from mpi.storage.driver.in_list import is_in
from mpi.storage.driver.prefetch import fetch_all
from mpi.storage.tables import CounterRow, SourceRow
from mpi.storage.unit_of_work.database import Database
from tests.index import OPERATOR

_counter = CounterRow.__table__
_source = SourceRow.__table__


@pytest.fixture
def impatient_database(database):
    """The database, opened by a process that waits two seconds for a session."""
    opened = Database(database.url, tuning=StorageTuning(busy_timeout_ms=2_000))
    yield opened
    opened.dispose()


@pytest.fixture
def database_with_counters(database):
    with database.write(OPERATOR, "test") as unit:
        rows = [{"name": f"n{n}", "next": n} for n in range(300)]
        unit.connection.execute(insert(_counter), rows)
    return database


@pytest.fixture
def short_path(monkeypatch):
    """Whether each statement of this thread took the short path, in order.

    Servers of other tests in this process have threads that read, too.
    """
    took_short_path = []
    run, test_thread = Prepared.run, threading.get_ident()

    def noted(self, driver, parameters):
        result = run(self, driver, parameters)
        if threading.get_ident() == test_thread:
            took_short_path.append(result is not None)
        return result

    monkeypatch.setattr(Prepared, "run", noted)
    return took_short_path


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 64, 65, 256, 257, 299])
def test_a_list_of_any_length_finds_the_same_rows_every_time(database_with_counters, short_path, count):
    names = [f"n{n}" for n in range(count)]
    for statement in (
        select(_counter.c.next).where(is_in(_counter.c.name, "names")),
        select(_counter.c.next).where(_counter.c.name.in_(bindparam("names", expanding=True))),
    ):
        with database_with_counters.read(OPERATOR) as unit:
            answers = [
                sorted(row.next for row in unit.connection.execute(statement, {"names": names}))
                for _ in range(3)
            ]
        assert answers == [list(range(count))] * 3
    assert len(short_path) > 0


def test_a_row_is_a_named_tuple_of_python_types(database_with_counters, short_path):
    source = {
        "id": 1, "code": "sis", "name": "SIS", "agency_id": 1, "kind": "other", "group_id": 1,
        "duplicates_expected": True, "created_commit": 1, "paused": False,
    }  # fmt: skip
    add = insert(_source)
    read = select(_source.c.code, _source.c.paused, _source.c.duplicates_expected).order_by(_source.c.id)
    with database_with_counters.write(OPERATOR, "test") as unit:
        agency = text("INSERT INTO agency (id, code, name) VALUES (1, 'a', 'A')")
        unit.connection.execute(agency)
        for n in (1, 2, 3):
            unit.connection.execute(add, {**source, "id": n, "code": f"sis{n}", "paused": n == 2})
        rows = [unit.connection.execute(read).all() for _ in range(2)][-1]
    assert rows == [("sis1", False, True), ("sis2", True, True), ("sis3", False, True)]
    assert [row.paused for row in rows] == [False, True, False]
    assert {type(row.paused) for row in rows} == {bool}
    assert rows[0]._mapping == {"code": "sis1", "paused": False, "duplicates_expected": True}
    assert len(short_path) > 0
    assert all(short_path)


def test_literal_values_are_combined_with_parameters(database_with_counters, short_path):
    statement = update(_counter).where(_counter.c.name == bindparam("which")).values(next=7)
    with database_with_counters.write(OPERATOR, "test") as unit:
        for name in ("n1", "n2", "n3"):
            assert unit.connection.execute(statement, {"which": name}).rowcount == 1
        unit.connection.execute(statement, [{"which": "n4"}, {"which": "n5"}])
        seven = select(_counter.c.name).where(_counter.c.next == 7).order_by(_counter.c.name)
        names = [unit.connection.execute(seven).scalars() for _ in range(2)][-1]
        assert list(names) == ["n1", "n2", "n3", "n4", "n5", "n7"]
    assert len(short_path) > 2


def test_short_path_writes_of_a_failed_unit_are_rolled_back(database_with_counters):
    statement = update(_counter).where(_counter.c.name == bindparam("which")).values(next=-1)
    with pytest.raises(ZeroDivisionError), database_with_counters.write(OPERATOR, "test") as unit:
        for name in ("n1", "n2"):
            unit.connection.execute(statement, {"which": name})
        raise ZeroDivisionError
    with database_with_counters.read(OPERATOR) as unit:
        below = select(_counter.c.name).where(_counter.c.next < 0)
        assert unit.connection.execute(below).all() == []


def test_a_unit_waits_for_a_session_when_all_are_in_use(impatient_database):
    database = impatient_database
    session_count = database._sessions._slots._value
    open_reads = [database.read(OPERATOR) for _ in range(session_count)]
    for open_read in open_reads:
        open_read.__enter__()
    with pytest.raises(StoreError, match="busy"), database.read(OPERATOR):
        pass
    is_acquired = threading.Event()

    def wait_for_session() -> None:
        with database.read(OPERATOR):
            is_acquired.set()

    thread = threading.Thread(target=wait_for_session)
    thread.start()
    open_reads.pop().__exit__(None, None, None)
    assert is_acquired.wait(10)
    thread.join()
    for open_read in open_reads:
        open_read.__exit__(None, None, None)


def test_a_full_table_read_takes_the_short_path(database_with_counters, short_path):
    statement = select(_counter.c.name, _counter.c.next).where(_counter.c.name.startswith("n"))
    with database_with_counters.read(OPERATOR) as unit:
        rows = fetch_all(unit.connection, statement)
    assert sorted(row.next for row in rows) == list(range(300))
    assert short_path == [True]


def test_fetch_all_works_on_a_plain_connection(database_with_counters):
    statement = select(_counter.c.name, _counter.c.next).where(_counter.c.name == bindparam("name"))
    with database_with_counters.engine.connect() as connection:
        assert fetch_all(connection, statement, {"name": "n7"}) == [("n7", 7)]
