"""Statements composed once go the short way to the driver, and mean what SQLAlchemy means by them."""

import threading

import pytest
from sqlalchemy import bindparam, insert, select, text, update

from mpi.domain.errors import StoreError
from mpi.storage.driver.compiled_statements import Prepared
from mpi.storage.driver.in_list import is_in
from mpi.storage.driver.prefetch import fetch_all
from mpi.storage.migrate import upgrade
from mpi.storage.tables import CounterRow, SourceRow
from mpi.storage.unit_of_work import database as database_module
from mpi.storage.unit_of_work.database import Database
from tests.index import OPERATOR

_counter = CounterRow.__table__
_source = SourceRow.__table__


@pytest.fixture
def database(tmp_path, database_url):
    opened = Database(database_url or f"sqlite:///{tmp_path / 'mpi.db'}")
    upgrade(opened)
    yield opened
    opened.dispose()


@pytest.fixture
def counted(database):
    with database.write(OPERATOR, "test") as unit:
        rows = [{"name": f"n{n}", "next": n} for n in range(300)]
        unit.connection.execute(insert(_counter), rows)
    return database


@pytest.fixture
def short(monkeypatch):
    """The statements that went the short way, in order."""
    taken = []
    run = Prepared.run

    def noted(self, driver, parameters):
        found = run(self, driver, parameters)
        taken.append(found is not None)
        return found

    monkeypatch.setattr(Prepared, "run", noted)
    return taken


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 64, 65, 256, 257, 299])
def test_a_list_of_any_length_finds_the_same_rows_each_time(counted, short, count):
    wanted = [f"n{n}" for n in range(count)]
    for statement in (
        select(_counter.c.next).where(is_in(_counter.c.name, "names")),
        select(_counter.c.next).where(_counter.c.name.in_(bindparam("names", expanding=True))),
    ):
        with counted.read(OPERATOR) as unit:
            answers = [
                sorted(row.next for row in unit.connection.execute(statement, {"names": wanted}))
                for _ in range(3)
            ]
        assert answers == [list(range(count))] * 3
    assert len(short) > 0


def test_a_row_is_a_tuple_with_names_and_its_types_are_pythons(counted, short):
    made = {
        "id": 1, "code": "sis", "name": "SIS", "agency_id": 1, "kind": "other", "group_id": 1,
        "duplicates_expected": True, "created_commit": 1, "paused": False,
    }  # fmt: skip
    add = insert(_source)
    read = select(_source.c.code, _source.c.paused, _source.c.duplicates_expected).order_by(_source.c.id)
    with counted.write(OPERATOR, "test") as unit:
        agency = text("INSERT INTO agency (id, code, name) VALUES (1, 'a', 'A')")
        unit.connection.execute(agency)
        for n in (1, 2, 3):
            unit.connection.execute(add, {**made, "id": n, "code": f"sis{n}", "paused": n == 2})
        rows = [unit.connection.execute(read).all() for _ in range(2)][-1]
    assert rows == [("sis1", False, True), ("sis2", True, True), ("sis3", False, True)]
    assert [row.paused for row in rows] == [False, True, False]
    assert {type(row.paused) for row in rows} == {bool}
    assert rows[0]._mapping == {"code": "sis1", "paused": False, "duplicates_expected": True}
    assert len(short) > 0
    assert all(short)


def test_values_written_into_a_statement_stay_beside_those_that_are_given(counted, short):
    change = update(_counter).where(_counter.c.name == bindparam("which")).values(next=7)
    with counted.write(OPERATOR, "test") as unit:
        for which in ("n1", "n2", "n3"):
            assert unit.connection.execute(change, {"which": which}).rowcount == 1
        unit.connection.execute(change, [{"which": "n4"}, {"which": "n5"}])
        seven = select(_counter.c.name).where(_counter.c.next == 7).order_by(_counter.c.name)
        found = [unit.connection.execute(seven).scalars() for _ in range(2)][-1]
        assert list(found) == ["n1", "n2", "n3", "n4", "n5", "n7"]
    assert len(short) > 2


def test_what_a_unit_wrote_the_short_way_is_gone_when_it_fails(counted):
    change = update(_counter).where(_counter.c.name == bindparam("which")).values(next=-1)
    with pytest.raises(ZeroDivisionError), counted.write(OPERATOR, "test") as unit:
        for which in ("n1", "n2"):
            unit.connection.execute(change, {"which": which})
        raise ZeroDivisionError
    with counted.read(OPERATOR) as unit:
        below = select(_counter.c.name).where(_counter.c.next < 0)
        assert unit.connection.execute(below).all() == []


def test_a_unit_that_finds_every_session_lent_waits_for_one(database, monkeypatch):
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_MS", 50)
    most = database._sessions._slots._value
    reading = [database.read(OPERATOR) for _ in range(most)]
    for one in reading:
        one.__enter__()
    with pytest.raises(StoreError, match="busy"), database.read(OPERATOR):
        pass
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_MS", 10_000)
    got = threading.Event()

    def waits() -> None:
        with database.read(OPERATOR):
            got.set()

    waiting = threading.Thread(target=waits)
    waiting.start()
    reading.pop().__exit__(None, None, None)
    assert got.wait(10)
    waiting.join()
    for one in reading:
        one.__exit__(None, None, None)


def test_what_reads_a_table_from_end_to_end_goes_the_short_way_at_once(counted, short):
    statement = select(_counter.c.name, _counter.c.next).where(_counter.c.name.startswith("n"))
    with counted.read(OPERATOR) as unit:
        rows = fetch_all(unit.connection, statement)
    assert sorted(row.next for row in rows) == list(range(300))
    assert short == [True]


def test_on_a_plain_connection_it_reads_the_same(counted):
    statement = select(_counter.c.name, _counter.c.next).where(_counter.c.name == bindparam("name"))
    with counted.engine.connect() as connection:
        assert fetch_all(connection, statement, {"name": "n7"}) == [("n7", 7)]
