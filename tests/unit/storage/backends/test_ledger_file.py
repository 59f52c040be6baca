"""On SQLite the ledger is a file of its own: nobody who writes the database delays an answer."""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading

import pytest
from alembic import command
from sqlalchemy import text

from mpi.domain.errors import StoreError
from mpi.service.maintenance.feed_generation import begin_generation_after_restore
from mpi.service.maintenance.verify import verify
from mpi.service.persons.persons import look_up_crosswalk
from mpi.storage import migrate
from mpi.storage.unit_of_work.database import Database
from tests.index import OPERATOR, an_index, load_rows, many_children

LINES = """
INSERT INTO disclosure (id, at, client, action, record_ids, fields, handle) VALUES
  (1, '2026-01-01', 'a', 'person.read', '[3,14]', '[]', NULL),
  (2, '2026-01-02', 'b', 'crosswalk.export', '[]', '[]', 'all@1')
"""
RECORDS = "INSERT INTO disclosed_record (record_id, disclosure_id) VALUES (3, 1), (14, 1), (0, 2)"
NEXT = "INSERT INTO counter (name, next) VALUES ('disclosure', 3)"


def lines(database):
    with database.read(OPERATOR) as unit:
        return unit.disclosures.all()


@pytest.fixture
def of_before(tmp_path):
    """A database of the version before, with two lines of the ledger in it."""
    database = Database(f"sqlite:///{tmp_path / 'mpi.db'}")
    migrate.upgrade(database)
    config = migrate._alembic_config()
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0009")
        for statement in (LINES, RECORDS, NEXT):
            connection.execute(text(statement))
    database.dispose()
    (tmp_path / "mpi-ledger.db").unlink()
    opened = Database(f"sqlite:///{tmp_path / 'mpi.db'}")
    yield opened
    opened.dispose()


def test_a_look_up_is_answered_while_somebody_writes_the_database(tmp_path):
    with an_index(tmp_path, "sis") as index:
        load_rows(index, "sis", *many_children(3))
        with index.database.write(OPERATOR, "test") as unit:
            assert unit.commit_no
            answers = []
            caller = threading.Thread(
                target=lambda: answers.append(look_up_crosswalk(index, OPERATOR, "sis", "c1").enterprise_id)
            )
            caller.start()
            caller.join(10)
            assert len(answers) == 1
        assert [line.action for line in lines(index.database)] == ["crosswalk.read"]


def test_a_line_is_in_the_ledgers_file_when_the_answer_leaves(tmp_path):
    with an_index(tmp_path, "sis") as index:
        load_rows(index, "sis", *many_children(3))
        look_up_crosswalk(index, OPERATOR, "sis", "c1")
        plain = sqlite3.connect(index.database.ledger_path)
        assert plain.execute("SELECT client FROM disclosure").fetchall() == [("operator",)]
        plain.close()


def test_the_lines_of_an_older_database_move_once_and_keep_their_numbers(of_before):
    assert migrate.upgrade(of_before) is migrate.SchemaState.BEHIND
    assert migrate.schema_drift(of_before) == []
    assert [(line.client, line.record_ids) for line in lines(of_before)] == [("a", (3, 14)), ("b", ())]
    with of_before.read(OPERATOR) as unit:
        assert [line.client for line in unit.disclosures.about_records("2026-01-01", [14])] == ["a", "b"]
    with of_before.ledger.write(OPERATOR, "disclose") as unit:
        assert unit.counters.take("disclosure") == 3
    plain = sqlite3.connect(of_before.ledger_path.with_name("mpi.db"))
    tables = {name for (name,) in plain.execute("SELECT name FROM sqlite_master")}
    plain.close()
    assert not {"disclosure", "disclosed_record"} & tables


DYING = """
import os, sys
from mpi.storage import migrate
from mpi.storage.backends import ledger_file
from mpi.storage.unit_of_work.database import Database
copy_ledger = ledger_file.copy_ledger
def dying(*arguments):
    copy_ledger(*arguments)
    os._exit(9)
ledger_file.copy_ledger = dying
migrate.upgrade(Database(sys.argv[1]))
"""


def test_a_move_that_was_killed_half_way_is_finished_by_the_next(of_before):
    done = subprocess.run([sys.executable, "-c", DYING, of_before.url], env=dict(os.environ), check=False)
    assert done.returncode == 9
    assert migrate.schema_state(of_before) is migrate.SchemaState.BEHIND
    migrate.upgrade(of_before)
    assert [line.client for line in lines(of_before)] == ["a", "b"]


def test_the_lines_of_another_index_are_never_mixed_with_ones_own(of_before, tmp_path):
    migrate.upgrade(of_before)
    of_before.dispose()
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(tmp_path / "mpi-ledger.db", other / "mpi-ledger.db")
    made = Database(f"sqlite:///{other / 'mpi.db'}")
    with pytest.raises(StoreError, match="not of this index"):
        migrate.upgrade(made)
    made.dispose()


def test_an_index_without_its_ledger_is_not_opened(of_before):
    migrate.upgrade(of_before)
    of_before.dispose()
    of_before.ledger_path.unlink()
    with pytest.raises(StoreError, match=r"ledger .* is missing"):
        migrate.require_current(of_before)


def test_a_record_that_the_ledger_names_after_the_backup_gives_its_number_to_no_other(tmp_path):
    with an_index(tmp_path, "sis") as index:
        load_rows(index, "sis", *many_children(3))
        with index.database.ledger.write(OPERATOR, "disclose") as unit:
            unit.connection.execute(
                text("INSERT INTO disclosed_record (record_id, disclosure_id) VALUES (50, 1)")
            )
        begin_generation_after_restore(index.database, OPERATOR)
        load_rows(index, "sis", *many_children(2, start=10))
        with index.database.read(OPERATOR) as unit:
            assert sorted(unit.records.active_canonical_keys()) == [1, 2, 3, 51, 52]


def test_verify_finds_that_a_line_of_the_ledger_is_missing(tmp_path):
    with an_index(tmp_path, "sis") as index:
        load_rows(index, "sis", *many_children(3))
        for name in ("c0", "c1", "c2"):
            look_up_crosswalk(index, OPERATOR, "sis", name)
        assert verify(index, OPERATOR) == []
        with index.database.ledger.write(OPERATOR, "test") as unit:
            unit.connection.execute(text("DELETE FROM disclosure WHERE id = 2"))
        assert [finding.law for finding in verify(index, OPERATOR)] == [7]
