"""The instructions of docs/how-to/postgresql.md work on a real server."""

import re
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError

from mpi.domain.errors import StoreError
from mpi.service.persons.persons import look_up_crosswalk
from mpi.service.records.upsert import upsert
from mpi.storage import migrate
from mpi.storage.backends.postgresql import _MESSAGES_BY_SQLSTATE
from mpi.storage.ledger_grants import list_grants
from mpi.storage.unit_of_work.database import Database
from tests.index import OPERATOR, expunge, make_child, open_test_index

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "postgresql.md").read_text()
REFUSALS = (
    "refused the password", "no such database", "lacks a privilege", "not of this version",
    "busy with another writer", "takes no more connections", "disk is full", "read-only",
)  # fmt: skip
SET_UP, GRANTS = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)


def run(postgres, statements: str, database: str) -> None:
    """Run the statements of a block of the page one by one, as psql does."""
    with psycopg.connect(postgres.connection_string(database), autocommit=True) as connection:
        for statement in filter(str.strip, statements.split(";")):
            connection.execute(statement.encode())


@pytest.fixture
def documented_database(postgres):
    run(postgres, SET_UP, "postgres")
    yield
    postgres.drop("mpi")
    run(postgres, "DROP ROLE IF EXISTS mpi_serve; DROP ROLE mpi", "postgres")


def test_the_documented_roles_can_create_and_serve_an_index_and_no_more(
    postgres, documented_database, tmp_path
):
    with (
        open_test_index(tmp_path, "sis", database_url=postgres.url("mpi", "mpi")) as index,
        ExitStack() as ending,
    ):
        serving = Database(postgres.url("mpi", "mpi_serve"), key_ring=index.database.key_ring)
        ending.callback(serving.dispose)
        with pytest.raises(StoreError), serving.read(OPERATOR):
            pass
        run(postgres, GRANTS, "mpi")
        assert (
            upsert(
                replace(index, store=replace(index.store, database=serving)), OPERATOR, "sis", make_child()
            ).outcome
            == "created"
        )
        assert migrate.schema_drift(serving) == []
        serving_index = replace(index, store=replace(index.store, database=serving))
        look_up_crosswalk(serving_index, OPERATOR, "sis", "1")
        for change in (
            "UPDATE disclosure SET client = 'x'",
            "DELETE FROM disclosure",
            "TRUNCATE disclosed_record",
        ):
            with pytest.raises(DBAPIError, match="permission denied"), serving.engine.begin() as connection:
                connection.exec_driver_sql(change)
        expunge(serving_index, "sis", make_child())
        with serving.read(OPERATOR) as unit:
            assert unit.ledger_tree.find_line(1).personal.record_ids == "[]"
        assert [f"{statement};" for statement in list_grants(index.database, "mpi_serve")] == [
            *GRANTS.splitlines()[1:]
        ]
        with pytest.raises(DBAPIError, match="must be owner"), serving.engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE counter")


def test_the_page_lists_every_refusal_that_a_user_can_fix():
    listed = " ".join(re.findall(r"^\| ([a-z][^|]+) \|", PAGE, re.MULTILINE))
    for words in REFUSALS:
        assert words in listed
        assert any(words in refusal for refusal in _MESSAGES_BY_SQLSTATE.values()), words
