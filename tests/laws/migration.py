"""Kill an upgrade of the schema at any statement of it, or its database server, and see what is left.

``scripts/prove-crash`` does it many times. As a program, this module is the upgrade: it ends itself, or
waits to be ended with its server, at the statement that it was told.
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

from mpi.bootstrap import check_database, open_index, upgrade_database
from mpi.domain.errors import StoreError
from mpi.service.maintenance.verify import verify
from mpi.service.records.upsert import upsert
from mpi.storage import migrate
from mpi.storage.unit_of_work.database import Database
from tests.index import OPERATOR, a_child, an_index, crosswalk, load_rows, many_children
from tests.laws.crash import Killed, Place

OLDEST = "0002"
"""The first schema whose content outlives going back to it."""
_MOMENTS = ("before_cursor_execute", "commit")
"""Just before a statement, and just before the commit."""
_REACHED = "reached"
_PATIENCE_S = 30


def kill_upgrades(place: Place, kills: int, seed: int) -> Killed:
    """Take one index back to an older schema and kill its upgrade, again and again.

    Args:
        place: where the index is to be; its folder does not exist yet.
        kills: how often; where there is a server, each other time it is the server that is killed.
        seed: of the schemas and statements.
    """
    with an_index(place.home, "sis", "ccwis", database_url=place.database_url) as index:
        load_rows(index, "sis", *many_children(60))
        for number in range(8):
            upsert(index, OPERATOR, "ccwis", a_child(f"u{number}", birth_date=f"2014-01-{1 + number % 3:02}"))
        kept = crosswalk(index)
    chance, seen = random.Random(seed), Killed()
    older = _older()
    lengths = {revision: _length(place, revision) for revision in older}
    for number in range(kills):
        revision = chance.choice(older)
        _take_back(place, revision)
        before = _content(place)
        statement = chance.randrange(1, lengths[revision] + 3)
        done = _killed(place, statement, server=place.server is not None and bool(number % 2))
        seen.kills += 1
        seen.acknowledged += done
        seen.during[revision] = seen.during.get(revision, 0) + 1
        where = f"kill at statement {statement} of {lengths[revision]} from {revision}"
        seen.faults += [f"{where}: {fault}" for fault in _faults(place, before, kept, done=done)]
    return seen


def _older() -> list[str]:
    script = ScriptDirectory.from_config(migrate._alembic_config())
    known = sorted(revision.revision for revision in script.walk_revisions())
    return [revision for revision in known if OLDEST <= revision < migrate.latest_revision()]


def _length(place: Place, revision: str) -> int:
    """How many statements an upgrade from a schema takes, its commit with them; leaves the index upgraded."""
    _take_back(place, revision)
    told: list[None] = []

    def tell(*_arguments: object) -> None:
        told.append(None)

    for moment in _MOMENTS:
        event.listen(Engine, moment, tell)
    try:
        upgrade_database(place.settings)
    finally:
        for moment in _MOMENTS:
            event.remove(Engine, moment, tell)
    return len(told)


def _take_back(place: Place, revision: str) -> None:
    database = Database(_url(place))
    with database.engine.begin() as connection:
        config = migrate._alembic_config()
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
    database.dispose()


def _killed(place: Place, statement: int, *, server: bool) -> bool:
    """Let an upgrade run to a statement and end it there; whether it was done before."""
    asked = [sys.executable, "-m", "tests.laws.migration", str(place.home), "--at", str(statement)]
    if place.database_url:
        asked += ["--database-url", place.database_url]
    if server:
        asked += ["--wait"]
    with subprocess.Popen(asked, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        if server and said.strip() == _REACHED and place.server is not None:
            place.server.stop(signal.SIGKILL)
            place.server.again()
        process.kill() if said.strip() == _REACHED else process.wait(_PATIENCE_S)
        rest, _ = process.communicate()
    place.quiet()
    return "done" in said + rest


def _faults(
    place: Place, before: dict[str, object], kept: dict[tuple[str, str], str], *, done: bool
) -> list[str]:
    faults = []
    state, differences = check_database(place.settings)
    if differences:
        faults.append(f"half applied: {differences}")
    if state is migrate.SchemaState.BEHIND:
        if done:
            faults.append("an upgrade that was acknowledged is gone")
        if _content(place) != before:
            faults.append("half applied: it is neither the older schema nor this one")
        faults += _opened_too_soon(place)
    elif state is not migrate.SchemaState.CURRENT:
        faults.append(f"the schema is {state}")
    upgrade_database(place.settings)
    again, differences = check_database(place.settings)
    if again is not migrate.SchemaState.CURRENT or differences:
        faults.append(f"run again it leaves a schema that is {again}: {differences}")
    index = open_index(place.settings)
    try:
        faults += [f"law {finding.law}: {finding.detail}" for finding in verify(index, OPERATOR)]
        if crosswalk(index) != kept:
            faults.append("the crosswalk is another")
    finally:
        index.database.dispose()
    return faults


def _opened_too_soon(place: Place) -> list[str]:
    try:
        open_index(place.settings).database.dispose()
    except StoreError as refusal:
        return [] if "mpi db upgrade" in str(refusal) else [f"refused without saying what to do: {refusal}"]
    return ["an index of an older schema was opened"]


def _content(place: Place) -> dict[str, object]:
    """Every table with its columns, indexes and number of rows."""
    database = Database(_url(place))
    with database.engine.connect() as connection:
        seen = inspect(connection)
        found: dict[str, object] = {
            table: (
                sorted((column["name"], str(column["type"])) for column in seen.get_columns(table)),
                sorted(str(each["name"]) for each in seen.get_indexes(table)),
                connection.execute(text(f'SELECT count(*) FROM "{table}"')).scalar(),
            )
            for table in seen.get_table_names()
        }
    database.dispose()
    return found


def _url(place: Place) -> str:
    return place.database_url or f"sqlite:///{place.home / 'mpi.db'}"


def upgrade_until(place: Place, statement: int, *, wait: bool) -> None:
    """Upgrade, and end at a statement, as by kill -9, or wait there to be ended."""
    count = 0

    def reached(*_arguments: object) -> None:
        nonlocal count
        count += 1
        if count == statement:
            print(_REACHED, flush=True)
            if wait:
                time.sleep(_PATIENCE_S)
            os.kill(os.getpid(), signal.SIGKILL)

    for moment in _MOMENTS:
        event.listen(Engine, moment, reached)
    upgrade_database(place.settings)
    print("done", flush=True)


def main() -> None:
    """Upgrade an index until it is killed."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("--at", type=int, required=True)
    parser.add_argument("--wait", action="store_true")
    parser.add_argument("--database-url")
    asked = parser.parse_args()
    upgrade_until(Place(asked.home, asked.database_url), asked.at, wait=asked.wait)


if __name__ == "__main__":
    main()
