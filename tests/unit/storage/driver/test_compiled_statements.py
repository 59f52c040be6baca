"""Statements composed once: what their rows are called is known to whoever runs them, whenever."""

import pytest
from sqlalchemy import bindparam, column, literal_column, select, table
from sqlalchemy.dialects import sqlite

from mpi.storage.driver.compiled_statements import Prepared, Statements

FRUIT = select(column("id"), column("name")).select_from(table("fruit"))


class Driver:
    """Answers one row; while it is waited for what its columns are, something else may happen."""

    def __init__(self, meanwhile=lambda: None) -> None:
        self.meanwhile = meanwhile

    def cursor(self):
        return self

    def execute(self, _text, _given) -> None:
        pass

    @property
    def description(self):
        self.meanwhile()
        return [("id", None), ("name", None)]

    def fetchall(self):
        return [(1, "pear")]


def test_rows_have_names_also_for_who_runs_it_while_its_first_run_is_answered():
    prepared, names = Prepared(FRUIT, sqlite.dialect(), [], many=False), []

    def run(driver) -> None:
        names.extend(row.name for row in prepared.run(driver, {}).all())

    run(Driver(meanwhile=lambda: run(Driver())))
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


def test_a_statement_that_takes_a_long_list_is_prepared_when_it_first_comes():
    statements = Statements(sqlite.dialect(paramstyle="qmark"))
    some, many = select(column("id")).where(IDS.whereclause), select(column("id")).where(IDS.whereclause)
    few = {"kind": "a", "ids": list(range(99))}
    assert statements.prepared(some, few) is None
    assert statements.prepared(some, few) is not None
    assert statements.prepared(many, {"kind": "a", "ids": list(range(100))}) is not None
