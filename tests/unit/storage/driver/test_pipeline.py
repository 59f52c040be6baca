"""Statements sent by libpq itself: what they mean, when they are waited for, and how they fail."""

import time

import pytest
from sqlalchemy import select, text

from mpi.domain.errors import StoreError
from mpi.domain.viewer import make_operator
from mpi.storage.tables import CounterRow
from mpi.storage.unit_of_work.database import Database

_counter = CounterRow.__table__
_ADD = text("INSERT INTO counter (name, next) VALUES (:name, :next)")
_COUNT = text("SELECT count(*) FROM counter")


@pytest.fixture
def database(postgres_url):
    opened = Database(postgres_url)
    yield opened
    opened.dispose()


@pytest.fixture
def warm(database):
    """The statements of this file have been seen before: a first run is SQLAlchemy's."""
    with database.write(make_operator(), "test") as unit:
        for name in ("one", "two"):
            unit.connection.execute(_ADD, {"name": name, "next": 1})
            unit.connection.execute(_COUNT).scalar()
    return database


def counted_waits(monkeypatch, session):
    """The round trips of a session from now on."""
    waits = []
    wait = session.driver.wait

    def noted(*arguments, **options):
        waits.append(1)
        return wait(*arguments, **options)

    monkeypatch.setattr(session.driver, "wait", noted)
    return waits


@pytest.mark.parametrize(
    ("kind", "value"),
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
def test_a_value_of_any_kind_comes_back_as_it_was_sent(database, kind, value):
    echo = text(f"SELECT CAST(:value AS {kind}) AS value")
    with database.read(make_operator()) as unit:
        answers = [unit.connection.execute(echo, {"value": value}).scalar() for _ in range(3)]
    assert answers == [value] * 3
    assert {type(answer) for answer in answers} == {type(value)}


def test_a_percent_sign_in_a_statement_stays_one(database):
    ends = text("SELECT :name LIKE 'a%'")
    with database.read(make_operator()) as unit:
        assert [unit.connection.execute(ends, {"name": n}).scalar() for n in ("b", "ab", "b")] == [
            False, True, False,
        ]  # fmt: skip


@pytest.mark.parametrize("value", ["a\0b", ["a\0b"]])
def test_text_that_postgresql_cannot_hold_is_refused_and_not_cut(database, value):
    echo = text("SELECT CAST(:value AS text[])" if isinstance(value, list) else "SELECT :value")
    plain = ["a"] if isinstance(value, list) else "a"
    with pytest.raises(StoreError, match="refused"), database.read(make_operator()) as unit:
        for each in (plain, plain, value):
            unit.connection.execute(echo, {"value": each}).scalar()


def test_what_needs_no_answer_is_sent_with_the_next_that_does(warm, monkeypatch):
    with warm.write(make_operator(), "test") as unit:
        waits = counted_waits(monkeypatch, unit.connection)
        for name in ("three", "four", "five"):
            unit.connection.execute(_ADD, {"name": name, "next": 1})
        assert waits == []
        assert unit.connection.execute(_COUNT).scalar() == 5
        assert len(waits) == 1
    assert len(waits) == 2


def test_what_is_set_off_is_done_before_its_answer_is_waited_for(warm):
    wait = text("SELECT pg_sleep(0.4)")
    with warm.write(make_operator(), "test") as unit:
        unit.connection.execute(wait).all()
        asked = unit.connection.execute(wait)
        unit.send()
        time.sleep(0.6)
        began = time.perf_counter()
        asked.all()
        assert time.perf_counter() - began < 0.3


def test_many_rows_are_one_round_trip_and_all_are_counted(warm, monkeypatch):
    change = text("UPDATE counter SET next = next + :more WHERE name = :name")
    with warm.write(make_operator(), "test") as unit:
        for _ in range(2):
            waits = counted_waits(monkeypatch, unit.connection)
            rows = [{"more": n, "name": name} for n, name in enumerate(("one", "two", "none"))]
            changed = unit.connection.execute(change, rows)
        assert changed.rowcount == 2
        assert len(waits) == 1


def test_a_statement_of_sqlalchemys_own_comes_after_those_that_were_sent(warm):
    with warm.write(make_operator(), "test") as unit:
        unit.connection.execute(_ADD, {"name": "three", "next": 7})
        found = unit.connection.execute(select(_counter.c.next).where(_counter.c.name == "three")).scalar()
        assert found == 7
        unit.connection.execute(_ADD, {"name": "four", "next": 8})
    with warm.read(make_operator()) as unit:
        assert unit.connection.execute(_COUNT).scalar() == 4


def test_a_statement_that_is_refused_is_told_and_takes_all_back(warm):
    with pytest.raises(StoreError), warm.write(make_operator(), "test") as unit:
        unit.connection.execute(_ADD, {"name": "three", "next": 1})
        unit.connection.execute(_ADD, {"name": "one", "next": 1})
        unit.connection.execute(_COUNT).scalar()
    with pytest.raises(StoreError), warm.write(make_operator(), "test") as unit:
        unit.connection.execute(_ADD, {"name": "one", "next": 1})
    with warm.write(make_operator(), "test") as unit:
        assert unit.connection.execute(_COUNT).scalar() == 2
        unit.connection.execute(_ADD, {"name": "three", "next": 1})
    with warm.read(make_operator()) as unit:
        assert unit.connection.execute(_COUNT).scalar() == 3


def test_a_statement_first_sent_behind_one_that_is_refused_can_be_sent_again(warm):
    later = text("SELECT max(next) FROM counter WHERE next < :most")
    with warm.write(make_operator(), "test") as unit:
        unit.connection.execute(later, {"most": 1})
    with pytest.raises(StoreError), warm.write(make_operator(), "test") as unit:
        unit.connection.execute(_ADD, {"name": "one", "next": 1})
        unit.connection.execute(later, {"most": 9}).scalar()
    with warm.write(make_operator(), "test") as unit:
        assert unit.connection.execute(later, {"most": 9}).scalar() == 1


def test_a_glance_keeps_what_it_is_answered_whoever_runs_it(warm):
    for name in ("three", "four"):
        with warm.read_autocommit(make_operator()) as unit:
            unit.connection.execute(text(_ADD.text), {"name": name + "'", "next": 1})
            unit.connection.execute(_ADD, {"name": name, "next": 1})
    with warm.read(make_operator()) as unit:
        assert unit.connection.execute(_COUNT).scalar() == 6


def test_a_glance_costs_one_round_trip(warm, monkeypatch):
    with warm.read_autocommit(make_operator()) as unit:
        waits = counted_waits(monkeypatch, unit.connection)
        assert unit.connection.execute(_COUNT).scalar() == 2
    assert len(waits) == 1
    with warm.read_autocommit(make_operator()) as unit:
        unit.connection.execute(_ADD, {"name": "three", "next": 1})
    assert len(waits) == 2


def test_a_glance_that_is_refused_is_told_before_it_ends(warm):
    with pytest.raises(StoreError), warm.read_autocommit(make_operator()) as unit:
        unit.connection.execute(_ADD, {"name": "one", "next": 1})
    with warm.read_autocommit(make_operator()) as unit:
        assert unit.connection.execute(_COUNT).scalar() == 2


def test_a_unit_that_does_nothing_costs_no_round_trip(warm, monkeypatch):
    with warm.write(make_operator(), "test") as unit:
        session = unit.connection
    waits = counted_waits(monkeypatch, session)
    with warm.read(make_operator()):
        pass
    assert waits == []
