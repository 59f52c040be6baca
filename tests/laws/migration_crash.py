"""Kill of a schema upgrade at any statement, or of its server, and a check of what is left.

``scripts/prove-crash`` repeats it. As a program, this module is the upgrade: it ends itself, or waits to be
killed with its server, at the given statement.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, event, inspect, text

from mpi.bootstrap import open_index
from mpi.composition.databases import check_database, upgrade_database
from mpi.domain.errors import StoreError
from mpi.service.maintenance.verify import verify
from mpi.service.records.upsert import upsert
from mpi.storage import migrate
from mpi.storage.unit_of_work.database import Database
from tests.index import OPERATOR, crosswalk, load_rows, make_child, many_children, open_test_index
from tests.laws.crash import IndexUnderTest, KillReport

OLDEST_REVISION = "0002"
"""The first schema to which content survives a downgrade."""
_EVENTS = ("before_cursor_execute", "commit")
"""Events just before a statement, and just before the commit."""
_REACHED = "reached"
_TIMEOUT_S = 30


def kill_upgrades(place: IndexUnderTest, kills: int, seed: int) -> KillReport:
    """Downgrade one index to an older schema and kill its upgrade, again and again.

    Args:
        place: location of the index; its folder does not exist yet.
        kills: number of kills; with a server, every second one kills the server.
        seed: seed of the schemas and statements.
    """
    with open_test_index(
        place.home, "sis", "ccwis", database_url=place.database_url, of_earlier_release=True
    ) as index:
        load_rows(index, "sis", *many_children(60))
        for number in range(8):
            upsert(
                index, OPERATOR, "ccwis", make_child(f"u{number}", birth_date=f"2014-01-{1 + number % 3:02}")
            )
        links = crosswalk(index)
    random_choices, report = random.Random(seed), KillReport()
    older_revisions = _older_revisions()
    lengths = {revision: _count_statements(place, revision) for revision in older_revisions}
    for number in range(kills):
        revision = random_choices.choice(older_revisions)
        _downgrade(place, revision)
        content_before = _read_content(place)
        statement = random_choices.randrange(1, lengths[revision] + 3)
        is_done = _kill_upgrade(place, statement, server=place.server is not None and bool(number % 2))
        report.kills += 1
        report.acknowledged += is_done
        report.during[revision] = report.during.get(revision, 0) + 1
        label = f"kill at statement {statement} of {lengths[revision]} from {revision}"
        report.faults += [
            f"{label}: {fault}" for fault in _find_faults(place, content_before, links, is_done=is_done)
        ]
    return report


def _older_revisions() -> list[str]:
    script = ScriptDirectory.from_config(migrate._alembic_config())
    revisions = sorted(revision.revision for revision in script.walk_revisions())
    return [revision for revision in revisions if OLDEST_REVISION <= revision < migrate.SCHEMA_REVISION]


def _count_statements(place: IndexUnderTest, revision: str) -> int:
    """Return how many statements an upgrade takes, its commit included; leaves the index upgraded."""
    _downgrade(place, revision)
    statements: list[None] = []

    def note_statement(*_arguments: object) -> None:
        statements.append(None)

    for moment in _EVENTS:
        event.listen(Engine, moment, note_statement)
    try:
        upgrade_database(place.settings)
    finally:
        for moment in _EVENTS:
            event.remove(Engine, moment, note_statement)
    return len(statements)


def _downgrade(place: IndexUnderTest, revision: str) -> None:
    database = Database(_database_url(place))
    with database.engine.begin() as connection:
        config = migrate._alembic_config()
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
    database.dispose()


def _kill_upgrade(place: IndexUnderTest, statement: int, *, server: bool) -> bool:
    """Run an upgrade to a statement and kill it there; return whether it had finished."""
    command_line = [
        sys.executable,
        "-m",
        "tests.laws.migration_crash",
        str(place.home),
        "--at",
        str(statement),
    ]
    if place.database_url:
        command_line += ["--database-url", place.database_url]
    if server:
        command_line += ["--wait"]
    with subprocess.Popen(command_line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first_line = process.stdout.readline()
        if server and first_line.strip() == _REACHED and place.server is not None:
            place.server.stop(signal.SIGKILL)
            place.server.start()
        process.kill() if first_line.strip() == _REACHED else process.wait(_TIMEOUT_S)
        remaining, _ = process.communicate()
    place.await_rollback()
    return "done" in first_line + remaining


def _find_faults(
    place: IndexUnderTest,
    content_before: dict[str, object],
    links: dict[tuple[str, str], str],
    *,
    is_done: bool,
) -> list[str]:
    faults = []
    state, differences = check_database(place.settings)
    if differences:
        faults.append(f"half applied: {differences}")
    if state is migrate.SchemaState.BEHIND:
        if is_done:
            faults.append("an upgrade that was acknowledged is gone")
        if _read_content(place) != content_before:
            faults.append("half applied: it is neither the older schema nor this one")
        faults += _faults_of_early_open(place)
    elif state is not migrate.SchemaState.CURRENT:
        faults.append(f"the schema is {state}")
    upgrade_database(place.settings)
    state_after, differences = check_database(place.settings)
    if state_after is not migrate.SchemaState.CURRENT or differences:
        faults.append(f"run again it leaves a schema that is {state_after}: {differences}")
    index = open_index(place.settings)
    try:
        faults += [f"law {finding.law}: {finding.detail}" for finding in verify(index, OPERATOR)]
        if crosswalk(index) != links:
            faults.append("the crosswalk is another")
    finally:
        index.database.dispose()
    return faults


def _faults_of_early_open(place: IndexUnderTest) -> list[str]:
    try:
        open_index(place.settings).database.dispose()
    except StoreError as refusal:
        return [] if "mpi db upgrade" in str(refusal) else [f"refused without saying what to do: {refusal}"]
    return ["an index of an older schema was opened"]


def _read_content(place: IndexUnderTest) -> dict[str, object]:
    """Return every table with its columns, indexes and number of rows."""
    database = Database(_database_url(place))
    with database.engine.connect() as connection:
        inspector = inspect(connection)
        tables: dict[str, object] = {
            table: (
                sorted((column["name"], str(column["type"])) for column in inspector.get_columns(table)),
                sorted(str(each["name"]) for each in inspector.get_indexes(table)),
                connection.execute(text(f'SELECT count(*) FROM "{table}"')).scalar(),
            )
            for table in inspector.get_table_names()
        }
    database.dispose()
    return tables


def _database_url(place: IndexUnderTest) -> str:
    return place.database_url or f"sqlite:///{place.home / 'mpi.db'}"


def upgrade_until(place: IndexUnderTest, statement: int, *, wait: bool) -> None:
    """Upgrade, and end at a statement as by kill -9, or wait there to be killed."""
    count = 0

    def count_statement(*_arguments: object) -> None:
        nonlocal count
        count += 1
        if count == statement:
            print(_REACHED, flush=True)
            if wait:
                time.sleep(_TIMEOUT_S)
            os.kill(os.getpid(), signal.SIGKILL)

    for moment in _EVENTS:
        event.listen(Engine, moment, count_statement)
    upgrade_database(place.settings)
    print("done", flush=True)


def main() -> None:
    """Upgrade an index until it is killed."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("--at", type=int, required=True)
    parser.add_argument("--wait", action="store_true")
    parser.add_argument("--database-url")
    arguments = parser.parse_args()
    upgrade_until(IndexUnderTest(arguments.home, arguments.database_url), arguments.at, wait=arguments.wait)


if __name__ == "__main__":
    main()
