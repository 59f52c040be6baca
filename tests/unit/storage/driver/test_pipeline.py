"""Statements sent through libpq's pipeline: results, round trips and errors."""

import time

import pytest
from sqlalchemy import select, text

from mpi.domain.errors import StoreError
from mpi.domain.viewer import make_operator
from mpi.storage.tables import CounterRow

_counter = CounterRow.__table__
_ADD = text("INSERT INTO counter (name, next) VALUES (:name, :next)")
_COUNT = text("SELECT count(*) FROM counter")


@pytest.fixture
def database_with_prepared_statements(database):
    """A database in which this file's statements have run once; SQLAlchemy makes the first run."""
    with database.write(make_operator(), "test") as unit:
        for name in ("one", "two"):
            unit.connection.execute(_ADD, {"name": name, "next": 1})
            unit.connection.execute(_COUNT).scalar()
    return database


def count_round_trips(monkeypatch, session):
    """Return a list that grows with each round trip of the session."""
    round_trips = []
    wait = session.driver.wait

    def wait_noted(*arguments, **options):
        round_trips.append(1)
        return wait(*arguments, **options)

    monkeypatch.setattr(session.driver, "wait", wait_noted)
    return round_trips


@pytest.mark.parametrize(
    ("sql_type", "value"),
    [
        ("bigint", 2**63 - 1),
        ("bigint", -(2**63)),
        ("bigint", None),
        ("text", 'it\'s "100 %" \\ ♥ {,} %s %(name)s $1'),
        ("text", ""),
        ("bytea", b"\x00\xff'\\"),
        ("boolean", True),
        ("boolean", False),
        ("double precision", 0.1),
        ("double precision", float("inf")),
        ("bigint[]", [1, None, -(2**62)]),
        ("bigint[]", [None, None]),
        ("bigint[]", []),
        ("text[]", ["", "NULL", None, '"', "\\", "{,}", " "]),
        ("bytea[]", [b"\x00", b"", None]),
        ("boolean[]", [True, None, False]),
        ("double precision[]", [0.1, None]),
    ],
)
def test_a_value_of_any_type_is_returned_unchanged(database, sql_type, value):
    echo = text(f"SELECT CAST(:value AS {sql_type}) AS value")
    with database.read(make_operator()) as unit:
        answers = [unit.connection.execute(echo, {"value": value}).scalar() for _ in range(3)]
    assert answers == [value] * 3
    assert {type(answer) for answer in answers} == {type(value)}


def test_a_percent_sign_in_a_statement_is_kept(database):
    statement = text("SELECT :name LIKE 'a%'")
    with database.read(make_operator()) as unit:
        assert [unit.connection.execute(statement, {"name": n}).scalar() for n in ("b", "ab", "b")] == [
            False, True, False,
        ]  # fmt: skip


@pytest.mark.parametrize("value", ["a\0b", ["a\0b"]])
def test_text_that_postgresql_cannot_store_is_refused_and_not_cut(database, value):
    echo = text("SELECT CAST(:value AS text[])" if isinstance(value, list) else "SELECT :value")
    valid_value = ["a"] if isinstance(value, list) else "a"
    with pytest.raises(StoreError, match="refused"), database.read(make_operator()) as unit:
        for sent_value in (valid_value, valid_value, value):
            unit.connection.execute(echo, {"value": sent_value}).scalar()


def test_a_statement_without_a_result_is_sent_with_the_next_one_that_has_one(
    database_with_prepared_statements, monkeypatch
):
    with database_with_prepared_statements.write(make_operator(), "test") as unit:
        round_trips = count_round_trips(monkeypatch, unit.connection)
        for name in ("three", "four", "five"):
            unit.connection.execute(_ADD, {"name": name, "next": 1})
        assert round_trips == []
        assert unit.connection.execute(_COUNT).scalar() == 5
        assert len(round_trips) == 1
    assert len(round_trips) == 2


def test_a_sent_statement_runs_before_its_answer_is_read(database_with_prepared_statements):
    sleep_statement = text("SELECT pg_sleep(0.4)")
    with database_with_prepared_statements.write(make_operator(), "test") as unit:
        unit.connection.execute(sleep_statement).all()
        pending_result = unit.connection.execute(sleep_statement)
        unit.send()
        time.sleep(0.6)
        start = time.perf_counter()
        pending_result.all()
        assert time.perf_counter() - start < 0.3


def test_many_rows_take_one_round_trip_and_all_are_counted(database_with_prepared_statements, monkeypatch):
    statement = text("UPDATE counter SET next = next + :more WHERE name = :name")
    with database_with_prepared_statements.write(make_operator(), "test") as unit:
        for _ in range(2):
            round_trips = count_round_trips(monkeypatch, unit.connection)
            rows = [{"more": n, "name": name} for n, name in enumerate(("one", "two", "none"))]
            result = unit.connection.execute(statement, rows)
        assert result.rowcount == 2
        assert len(round_trips) == 1


def test_a_statement_of_sqlalchemy_runs_after_those_sent_before(database_with_prepared_statements):
    with database_with_prepared_statements.write(make_operator(), "test") as unit:
        unit.connection.execute(_ADD, {"name": "three", "next": 7})
        value = unit.connection.execute(select(_counter.c.next).where(_counter.c.name == "three")).scalar()
        assert value == 7
        unit.connection.execute(_ADD, {"name": "four", "next": 8})
    with database_with_prepared_statements.read(make_operator()) as unit:
        assert unit.connection.execute(_COUNT).scalar() == 4


def test_a_refused_statement_is_reported_and_rolls_everything_back(database_with_prepared_statements):
    with pytest.raises(StoreError), database_with_prepared_statements.write(make_operator(), "test") as unit:
        unit.connection.execute(_ADD, {"name": "three", "next": 1})
        unit.connection.execute(_ADD, {"name": "one", "next": 1})
        unit.connection.execute(_COUNT).scalar()
    with pytest.raises(StoreError), database_with_prepared_statements.write(make_operator(), "test") as unit:
        unit.connection.execute(_ADD, {"name": "one", "next": 1})
    with database_with_prepared_statements.write(make_operator(), "test") as unit:
        assert unit.connection.execute(_COUNT).scalar() == 2
        unit.connection.execute(_ADD, {"name": "three", "next": 1})
    with database_with_prepared_statements.read(make_operator()) as unit:
        assert unit.connection.execute(_COUNT).scalar() == 3


def test_a_statement_first_sent_after_a_refused_one_can_be_sent_again(database_with_prepared_statements):
    statement = text("SELECT max(next) FROM counter WHERE next < :most")
    with database_with_prepared_statements.write(make_operator(), "test") as unit:
        unit.connection.execute(statement, {"most": 1})
    with pytest.raises(StoreError), database_with_prepared_statements.write(make_operator(), "test") as unit:
        unit.connection.execute(_ADD, {"name": "one", "next": 1})
        unit.connection.execute(statement, {"most": 9}).scalar()
    with database_with_prepared_statements.write(make_operator(), "test") as unit:
        assert unit.connection.execute(statement, {"most": 9}).scalar() == 1


def test_an_autocommit_read_commits_whichever_path_runs_it(database_with_prepared_statements):
    for name in ("three", "four"):
        with database_with_prepared_statements.read_autocommit(make_operator()) as unit:
            unit.connection.execute(text(_ADD.text), {"name": name + "'", "next": 1})
            unit.connection.execute(_ADD, {"name": name, "next": 1})
    with database_with_prepared_statements.read(make_operator()) as unit:
        assert unit.connection.execute(_COUNT).scalar() == 6


def test_an_autocommit_read_takes_one_round_trip(database_with_prepared_statements, monkeypatch):
    with database_with_prepared_statements.read_autocommit(make_operator()) as unit:
        round_trips = count_round_trips(monkeypatch, unit.connection)
        assert unit.connection.execute(_COUNT).scalar() == 2
    assert len(round_trips) == 1
    with database_with_prepared_statements.read_autocommit(make_operator()) as unit:
        unit.connection.execute(_ADD, {"name": "three", "next": 1})
    assert len(round_trips) == 2


def test_a_refused_autocommit_statement_is_reported(database_with_prepared_statements):
    with (
        pytest.raises(StoreError),
        database_with_prepared_statements.read_autocommit(make_operator()) as unit,
    ):
        unit.connection.execute(_ADD, {"name": "one", "next": 1})
    with database_with_prepared_statements.read_autocommit(make_operator()) as unit:
        assert unit.connection.execute(_COUNT).scalar() == 2


def test_an_empty_unit_takes_no_round_trip(database_with_prepared_statements, monkeypatch):
    with database_with_prepared_statements.write(make_operator(), "test") as unit:
        session = unit.connection
    round_trips = count_round_trips(monkeypatch, session)
    with database_with_prepared_statements.read(make_operator()):
        pass
    assert round_trips == []
