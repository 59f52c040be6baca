"""The backup script writes a whole and private backup of an SQLite index, and keeps the latest one."""

import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from tests.index import open_test_index

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "deploy" / "backup"


def back_up(home, folder, *options, **environment):
    return subprocess.run(
        [sys.executable, SCRIPT, "--folder", folder, *options],
        env={"PATH": os.environ["PATH"], "MPI_HOME": str(home), **environment},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_backup_holds_database_and_ledger_for_its_owner_only(tmp_path):
    home, folder = tmp_path / "home", tmp_path / "backups"
    home.mkdir()
    with open_test_index(home, "D01") as index:
        url = str(index.database.url)
        result = back_up(home, folder, MPI_DATABASE_URL=url)
    assert result.returncode == 0, result.stderr
    backup = Path(result.stdout.strip())
    files = sorted(path.name for path in backup.iterdir())
    assert files[0] == "complete"
    assert len(files) == 3
    for path in (backup, *backup.iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    with closing(sqlite3.connect(backup / files[-1])) as copy:
        assert copy.execute("SELECT count(*) FROM source").fetchone()[0] >= 1


def test_old_backups_go_and_the_latest_and_unfinished_ones_stay(tmp_path):
    home, folder = tmp_path / "home", tmp_path / "backups"
    home.mkdir()
    for name in ("mpi.db", "mpi-ledger.db"):
        with closing(sqlite3.connect(home / name)) as database:
            database.execute("CREATE TABLE t (n)")
    old, unfinished = folder / "old", folder / "unfinished"
    for made in (old, unfinished):
        made.mkdir(parents=True)
    (old / "complete").touch()
    os.utime(old / "complete", (0, 0))
    result = back_up(home, folder, "--keep-days", "0")
    assert result.returncode == 0, result.stderr
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["unfinished", Path(result.stdout.strip()).name]
    )


def test_a_missing_database_is_said_and_leaves_no_whole_backup(tmp_path):
    result = back_up(tmp_path / "nothing", tmp_path / "backups")
    assert result.returncode == 1
    assert "MPI_HOME or MPI_DATABASE_URL" in result.stderr
    assert list((tmp_path / "backups").rglob("complete")) == []


def test_the_password_is_in_no_argument_of_pg_dump(tmp_path):
    # A stand-in for pg_dump notes how it is called.
    program = tmp_path / "pg_dump"
    program.write_text('#!/bin/sh\necho "$@" >"$NOTES"; echo "$PGPASSWORD" >>"$NOTES"; exit "$CODE"\n')
    program.chmod(0o755)
    # pragma: allowlist nextline secret - made up
    url = "postgresql+psycopg://mpi:p%40ss@db.example.org:5433/mpi?sslmode=verify-full"
    notes = tmp_path / "notes"
    for code in ("0", "1"):
        result = back_up(
            tmp_path, tmp_path / code, MPI_DATABASE_URL=url, PATH=f"{tmp_path}:/usr/bin:/bin",
            NOTES=str(notes), CODE=code,
        )  # fmt: skip
        arguments, password = notes.read_text().splitlines()
        assert "postgresql://mpi@db.example.org:5433/mpi?sslmode=verify-full" in arguments
        assert password == "p@ss"
        assert "p%40ss" not in arguments
        assert result.returncode == int(code)
        assert bool(list((tmp_path / code).rglob("complete"))) == (code == "0")
