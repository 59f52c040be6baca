"""docs/how-to/postgresql.md is followed to the letter, on a real server."""

import re
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError

from mpi.domain.errors import StoreError
from mpi.service.records.upsert import upsert
from mpi.storage import migrate
from mpi.storage.backends.postgresql import _MESSAGES_BY_SQLSTATE
from mpi.storage.unit_of_work.database import Database
from tests.index import OPERATOR, a_child, an_index

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "postgresql.md").read_text()
WORDS = (
    "refused the password", "no such database", "lacks a privilege", "not of this version",
    "busy with another writer", "takes no more connections", "disk is full", "read-only",
)  # fmt: skip
SET_UP, GRANTS = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)


def run(postgres, statements: str, database: str) -> None:
    """Run a block of the page, each statement by itself, as psql does."""
    with psycopg.connect(postgres.info(database), autocommit=True) as connection:
        for statement in filter(str.strip, statements.split(";")):
            connection.execute(statement.encode())


@pytest.fixture
def documented(postgres):
    run(postgres, SET_UP, "postgres")
    yield
    postgres.drop("mpi")
    run(postgres, "DROP ROLE IF EXISTS mpi_serve; DROP ROLE mpi", "postgres")


def test_the_owner_makes_the_index_and_a_role_that_only_serves_works_it_and_no_more(
    postgres, documented, tmp_path
):
    with an_index(tmp_path, "sis", database_url=postgres.url("mpi", "mpi")) as index, ExitStack() as ending:
        serving = Database(postgres.url("mpi", "mpi_serve"))
        ending.callback(serving.dispose)
        with pytest.raises(StoreError), serving.read(OPERATOR):
            pass
        run(postgres, GRANTS, "mpi")
        assert upsert(replace(index, database=serving), OPERATOR, "sis", a_child()).outcome == "created"
        assert migrate.schema_drift(serving) == []
        with pytest.raises(DBAPIError, match="must be owner"), serving.engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE counter")


def test_the_page_has_every_refusal_that_a_user_can_act_on():
    said = " ".join(re.findall(r"^\| ([a-z][^|]+) \|", PAGE, re.MULTILINE))
    for words in WORDS:
        assert words in said
        assert any(words in refusal for refusal in _MESSAGES_BY_SQLSTATE.values()), words
