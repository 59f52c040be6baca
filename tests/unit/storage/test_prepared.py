"""Statements composed once: what their rows are called is known to whoever runs them, whenever."""

from sqlalchemy import column, select, table
from sqlalchemy.dialects import sqlite

from mpi.storage.prepared import Prepared

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
