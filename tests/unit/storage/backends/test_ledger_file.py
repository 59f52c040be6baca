"""On SQLite the ledger is a separate file, so that writers do not delay answers."""

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
from tests.index import OPERATOR, load_rows, many_children, open_test_index

LINES = """
INSERT INTO disclosure (id, at, client, action, record_ids, fields, handle) VALUES
  (1, '2026-01-01', 'a', 'person.read', '[3,14]', '[]', NULL),
  (2, '2026-01-02', 'b', 'crosswalk.export', '[]', '[]', 'all@1')
"""
RECORDS = "INSERT INTO disclosed_record (record_id, disclosure_id) VALUES (3, 1), (14, 1), (0, 2)"
NEXT = "INSERT INTO counter (name, next) VALUES ('disclosure', 3)"


def ledger_lines(database):
    with database.read(OPERATOR) as unit:
        return unit.disclosures.all()


@pytest.fixture
def older_database(tmp_path):
    """A database of the previous version, with two lines in its ledger."""
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


def test_a_look_up_is_answered_during_a_write(tmp_path):
    with open_test_index(tmp_path, "sis") as index:
        load_rows(index, "sis", *many_children(3))
        with index.database.write(OPERATOR, "test") as unit:
            assert unit.commit_no
            answers = []
            caller = threading.Thread(
                target=lambda: answers.append(look_up_crosswalk(index, OPERATOR, "sis", "c1").enterprise_id)
            )
            caller.start()
            caller.join(60)
            assert len(answers) == 1
        assert [line.action for line in ledger_lines(index.database)] == ["crosswalk.read"]


def test_a_line_is_in_the_ledger_file_before_the_answer_leaves(tmp_path):
    with open_test_index(tmp_path, "sis") as index:
        load_rows(index, "sis", *many_children(3))
        look_up_crosswalk(index, OPERATOR, "sis", "c1")
        plain = sqlite3.connect(index.database.ledger_path)
        assert plain.execute("SELECT client FROM disclosure").fetchall() == [("operator",)]
        plain.close()


def test_ledger_lines_of_an_older_database_move_once_and_keep_their_numbers(older_database):
    assert migrate.upgrade(older_database) is migrate.SchemaState.BEHIND
    assert migrate.schema_drift(older_database) == []
    assert [(line.client, line.record_ids) for line in ledger_lines(older_database)] == [
        ("a", (3, 14)),
        ("b", ()),
    ]
    with older_database.read(OPERATOR) as unit:
        assert [line.client for line in unit.disclosure_search.about_records("2026-01-01", [14])] == [
            "a",
            "b",
        ]
    with older_database.ledger.write(OPERATOR, "disclose") as unit:
        assert unit.counters.take("disclosure") == 3
    plain = sqlite3.connect(older_database.ledger_path.with_name("mpi.db"))
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


def test_an_interrupted_move_is_completed_by_the_next_upgrade(older_database):
    process = subprocess.run(
        [sys.executable, "-c", DYING, older_database.url], env=dict(os.environ), check=False
    )
    assert process.returncode == 9
    assert migrate.schema_state(older_database) is migrate.SchemaState.BEHIND
    migrate.upgrade(older_database)
    assert [line.client for line in ledger_lines(older_database)] == ["a", "b"]


def test_the_ledger_of_another_index_is_refused(older_database, tmp_path):
    migrate.upgrade(older_database)
    older_database.dispose()
    other_folder = tmp_path / "other"
    other_folder.mkdir()
    shutil.copy(tmp_path / "mpi-ledger.db", other_folder / "mpi-ledger.db")
    other_database = Database(f"sqlite:///{other_folder / 'mpi.db'}")
    with pytest.raises(StoreError, match="not of this index"):
        migrate.upgrade(other_database)
    other_database.dispose()


def test_an_index_without_its_ledger_is_not_opened(older_database):
    migrate.upgrade(older_database)
    older_database.dispose()
    older_database.ledger_path.unlink()
    with pytest.raises(StoreError, match=r"ledger .* is missing"):
        migrate.require_current(older_database)


def test_record_numbers_in_the_ledger_are_not_reused_after_a_restore(tmp_path):
    with open_test_index(tmp_path, "sis") as index:
        load_rows(index, "sis", *many_children(3))
        with index.database.ledger.write(OPERATOR, "disclose") as unit:
            unit.connection.execute(
                text("INSERT INTO disclosed_record (record_id, disclosure_id) VALUES (50, 1)")
            )
        begin_generation_after_restore(index.database, OPERATOR)
        load_rows(index, "sis", *many_children(2, start=10))
        with index.database.read(OPERATOR) as unit:
            assert sorted(unit.records.active_canonical_keys()) == [1, 2, 3, 51, 52]


def test_verify_reports_a_missing_ledger_line(tmp_path):
    with open_test_index(tmp_path, "sis") as index:
        load_rows(index, "sis", *many_children(3))
        for name in ("c0", "c1", "c2"):
            look_up_crosswalk(index, OPERATOR, "sis", name)
        assert verify(index, OPERATOR) == []
        with index.database.ledger.write(OPERATOR, "test") as unit:
            unit.connection.execute(text("DROP TRIGGER ledger_keep_line"))
            unit.connection.execute(text("DELETE FROM disclosure WHERE id = 2"))
        assert [finding.law for finding in verify(index, OPERATOR)] == [7]
