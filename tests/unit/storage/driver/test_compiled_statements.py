"""Compiled statements: column names are known to every caller, even to concurrent ones."""

import pytest
from sqlalchemy import bindparam, column, literal_column, select, table
from sqlalchemy.dialects import sqlite

from mpi.storage.driver.compiled_statements import Prepared, Statements

FRUIT = select(column("id"), column("name")).select_from(table("fruit"))


class FakeDriver:
    """Driver that answers one row, and runs a callback while its columns are read."""

    def __init__(self, callback=lambda: None) -> None:
        self._callback = callback

    def cursor(self):
        return self

    def execute(self, _text, _given) -> None:
        pass

    @property
    def description(self):
        self._callback()
        return [("id", None), ("name", None)]

    def fetchall(self):
        return [(1, "pear")]


def test_rows_are_named_for_a_caller_that_runs_during_the_first_run():
    prepared, names = Prepared(FRUIT, sqlite.dialect(), [], many=False), []

    def run_statement(driver) -> None:
        names.extend(row.name for row in prepared.run(driver, {}).all())

    run_statement(FakeDriver(callback=lambda: run_statement(FakeDriver())))
    assert len(names) > 1
    assert set(names) == {"pear"}


IDS = select(column("id")).where(
    column("kind") == bindparam("kind"),
    column("id").in_(bindparam("ids", expanding=True))
    | column("other").in_(bindparam("ids", expanding=True)),
)
QUERIED = IDS.where(column("name") == literal_column("'why?'"))


@pytest.mark.parametrize("statement", [IDS, QUERIED])
@pytest.mark.parametrize("length", [1, 2, 3, 1_000])
def test_a_list_is_written_out_as_sqlalchemy_writes_it(statement, length):
    prepared = Prepared(statement, sqlite.dialect(paramstyle="qmark"), ["kind", "ids"], many=False)
    assert prepared._text((length,)) == prepared._expanded((length,))
    assert prepared._text((length,))[0].count("?") == 2 * length + 1 + (statement is QUERIED)


def test_a_statement_with_a_long_list_is_prepared_at_its_first_use():
    statements = Statements(sqlite.dialect(paramstyle="qmark"))
    first_statement, second_statement = (
        select(column("id")).where(IDS.whereclause),
        select(column("id")).where(IDS.whereclause),
    )
    parameters = {"kind": "a", "ids": list(range(99))}
    assert statements.prepared(first_statement, parameters) is None
    assert statements.prepared(first_statement, parameters) is not None
    assert statements.prepared(second_statement, {"kind": "a", "ids": list(range(100))}) is not None
