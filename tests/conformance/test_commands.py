"""Commands, API and a restored backup work on either store; a user sets only ``MPI_DATABASE_URL``."""

import csv
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import contextmanager

import pytest

from mpi.api.app import create_app
from mpi.bootstrap import open_index
from mpi.cli.main import run
from mpi.config import Settings
from mpi.service.maintenance.verify import verify
from mpi.service.records.upsert import upsert
from tests.conftest import STORES
from tests.index import OPERATOR, crosswalk, make_child, many_children
from tests.models import tiny_model
from tests.unit.api.live import add_key, calling

FIELDS = ("local_id", "first_name", "last_name", "birth_date", "postal_code")


@pytest.fixture(params=STORES)
def empty_environment(request, tmp_path, monkeypatch):
    """The environment of a user without an index; yields the database URL, or None for SQLite."""
    for name in [name for name in os.environ if name.startswith("MPI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MPI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MPI_MODEL", str(tiny_model(tmp_path / "model")))
    if request.param == "sqlite":
        yield None
        return
    postgres = request.getfixturevalue("postgres")
    name = postgres.new_database()
    monkeypatch.setenv("MPI_DATABASE_URL", postgres.url(name))
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture
def mpi(capfd, monkeypatch):
    """Run a command in this process; returns its exit code, and its output or its error text."""

    def command(*arguments, send=None, told=False):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(send).encode())))
        capfd.readouterr()
        code = run(arguments)
        printed, error = capfd.readouterr()
        if told:
            return int(code), error
        return int(code), json.loads(printed) if "--json" in arguments else printed

    return command


@contextmanager
def open_configured_index():
    index = open_index(Settings())
    try:
        yield index
    finally:
        index.database.dispose()


def write_csv(path, children):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(children)
    return str(path)


def test_every_command_works_with_only_the_url_set(mpi, empty_environment, tmp_path):
    assert mpi("db", "check")[0] != 0
    assert mpi("init", "--test", "--json")[0] == 0
    setting = "MPI_HOME" if empty_environment is None else "MPI_DATABASE_URL"
    code, error = mpi("init", told=True)
    assert (code, setting in error, error.count("\n")) == (7, True, 1)
    assert mpi("db", "upgrade", "--json") == (0, {"before": "current", "now": "current"})
    assert mpi("db", "check", "--json") == (0, {"state": "current", "differences": []})
    for source in ("sis", "ccwis"):
        assert mpi("source", "add", source)[0] == 0

    children = many_children(600)
    file = write_csv(tmp_path / "sis.csv", children)
    assert mpi("ingest", file, "--source", "sis", "--dry-run")[0] == 0
    code, receipt = mpi("ingest", file, "--source", "sis", "--json")
    assert (code, receipt["created"]) == (0, 600)
    code, answer = mpi("resolve", "--json", send={**children[7], "source": "ccwis", "local_id": "Ünï/ 7"})
    assert (code, answer["outcome"]) == (0, "linked")
    search_fields = {name: children[7][name] for name in ("first_name", "last_name", "birth_date")}
    code, persons = mpi("search", "--json", send=search_fields)
    assert (code, persons[0]["enterprise_id"]) == (0, answer["enterprise_id"])

    assert mpi("export", "crosswalk", "--out", str(tmp_path / "before.csv"))[0] == 0
    assert mpi("recluster", "--json")[1]["moved"] == 0
    assert mpi("recluster", "--apply", "--json")[1]["moved"] == 0
    assert mpi("rebuild", "--json")[0] == 0
    assert mpi("verify", "--json")[0] == 0
    assert mpi("export", "crosswalk", "--out", str(tmp_path / "after.csv"))[0] == 0
    after = (tmp_path / "after.csv").read_text()
    assert after == (tmp_path / "before.csv").read_text()
    lines = [tuple(line.values())[:2] for line in csv.DictReader(io.StringIO(after))]
    assert len(lines) == 601
    # By code point, whatever the locale of a server.
    assert lines == sorted(lines)


def test_the_api_serves_the_same_index(mpi, empty_environment):
    mpi("init", "--test")
    mpi("source", "add", "sis")
    with open_configured_index() as index, calling(create_app(index), add_key(index, "district")) as call:
        answer = call.put("/v1/sources/sis/records/D01%2F1", json=make_child("D01/1"))
        assert answer.status_code in (200, 201), answer.text
        eid = answer.json()["enterprise_id"]
        lines = "\n".join(json.dumps({**child, "source": "sis"}) for child in many_children(5))
        bulk = call.post("/v1/records:bulk", content=lines)
        assert [json.loads(line)["outcome"] for line in bulk.text.splitlines()] == ["created"] * 5
        assert call.get("/v1/crosswalk", params={"source": "sis", "local_id": "D01/1"}).json() != []
        assert call.get(f"/v1/persons/{eid}").json()["status"] == "active"
        persons = call.post("/v1/persons:search", json=make_child()).json()
        assert eid in json.dumps(persons)
        assert call.get("/readyz").status_code == 200
        assert call.delete("/v1/sources/sis/records/D01%2F1").status_code == 200
        with index.database.read(OPERATOR) as unit:
            assert len(unit.disclosures.all()) >= 3


def test_a_restored_backup_equals_the_original_index(mpi, empty_environment, tmp_path, monkeypatch, request):
    """Follow docs/how-to/backup-and-restore.md: back up the database by its own tool, and the home folder."""
    mpi("init", "--test")
    mpi("source", "add", "sis")
    mpi("ingest", write_csv(tmp_path / "sis.csv", many_children(20)), "--source", "sis")
    home, copy = tmp_path / "home", tmp_path / "restored"
    shutil.copytree(home, copy, ignore=shutil.ignore_patterns("*.db*"))
    with open_configured_index() as index:
        before = crosswalk(index)
        with index.database.read(OPERATOR) as unit:
            old_generation = unit.configs.index_info().generation
        if empty_environment is None:
            for name in ("mpi.db", "mpi-ledger.db"):
                plain = sqlite3.connect(home / name)
                plain.execute("VACUUM INTO ?", (str(copy / name),))
                plain.close()
        else:
            postgres = request.getfixturevalue("postgres")
            restored = postgres.new_database()
            name = index.database.engine.url.database
            dump = str(tmp_path / "mpi.dump")
            tool = [postgres.binaries / "pg_dump", "--format=custom", "--file", dump, "--dbname"]
            subprocess.run([*tool, postgres.connection_string(name)], check=True)
            tool = [postgres.binaries / "pg_restore", "--exit-on-error", "--single-transaction", "--no-owner"]
            subprocess.run([*tool, "--dbname", postgres.connection_string(restored), dump], check=True)
            monkeypatch.setenv("MPI_DATABASE_URL", postgres.url(restored))
        # An order that was given after the backup lies in the orders file.
        sealed = {**many_children(1)[0], "restrictions": [{"kind": "sealed"}]}
        upsert(index, OPERATOR, "sis", sealed)
    shutil.copy2(home / "orders.jsonl", copy)
    monkeypatch.setenv("MPI_HOME", str(copy))
    assert mpi("db", "check", "--json") == (0, {"state": "current", "differences": []})
    generation = mpi("db", "restored", "--json")[1]["generation"]
    assert mpi("db", "orders", "--json")[1]["orders"] == 1
    del before["sis", sealed["local_id"]]
    with open_configured_index() as index:
        with index.database.read(OPERATOR) as unit:
            assert unit.configs.index_info().generation == generation != old_generation
            kinds = [unit.commit_info({unit.last_commit() - n}) for n in (1, 0)]
            assert [kind for commit in kinds for *_, kind in commit.values()] == ["restored", "orders"]
        assert crosswalk(index) == before
        assert verify(index, OPERATOR) == []
    assert (
        mpi("resolve", "--json", send={**many_children(2)[1], "source": "sis"})[1]["outcome"] == "unchanged"
    )
