"""An index that an earlier release made is upgraded by the documented steps, and no enterprise ID changes.

The stored indexes were made by the code of that time (``make.py``). 0.1 is commit 9fbb42cd, the first with a
changelog, schema 0001 and model children/2. 0.2 is commit c62f6783, which released it, with schema 0016.
"""

import csv
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from mpi.cli.main import run

FOLDER = Path(__file__).parent
RELEASES = ("0.1", "0.2")


@pytest.fixture(params=RELEASES)
def earlier_home(request, tmp_path, monkeypatch):
    """The home folder of an index of an earlier release."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    with tarfile.open(FOLDER / f"{request.param}.tar.xz") as archive:
        archive.extractall(home, filter="data")
    (home / "secret.key").chmod(0o600)
    for dump in home.glob("*.sql"):
        with closing(sqlite3.connect(dump.with_suffix(".db"))) as connection:
            connection.executescript(dump.read_text())
    for name in ("MPI_DATABASE_URL", "MPI_MODEL", "MPI_SECOND_APPROVER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MPI_HOME", str(home))
    return home


def read_crosswalk(path):
    with path.open(newline="") as file:
        return {(row["source"], row["local_id"]): row["enterprise_id"] for row in csv.DictReader(file)}


def test_no_enterprise_id_changes(earlier_home, tmp_path, capsysbinary):
    before = read_crosswalk(earlier_home / "crosswalk.csv")
    assert len(before) == 35
    assert len(set(before.values())) == 24
    assert run(["verify"]) == 10
    assert b"mpi db upgrade" in capsysbinary.readouterr().err
    assert run(["db", "upgrade"]) == 0
    assert run(["db", "check"]) == 0
    # Its standardizer is an earlier one, which the message says.
    assert run(["verify"]) == 9
    assert b"mpi recluster --model" in capsysbinary.readouterr().err
    assert run(["recluster", "--model", "children/7", "--apply"]) == 0
    assert run(["keys", "encrypt"]) == 0
    assert run(["verify"]) == 0
    assert run(["export", "crosswalk", "--out", str(tmp_path / "after.csv")]) == 0
    assert read_crosswalk(tmp_path / "after.csv") == before
    # The record that left the source keeps its person, and comes back to it.
    back = tmp_path / "back.csv"
    back.write_text(
        "local_id,first_name,last_name,birth_date,sex,postal_code\nS17,Aaliyah,Adeyemi,2018-06-02,M,43117\n"
    )
    assert run(["ingest", str(back), "--source", "sis"]) == 0
    assert run(["export", "crosswalk", "--out", str(tmp_path / "back-again.csv")]) == 0
    after = read_crosswalk(tmp_path / "back-again.csv")
    assert after[("sis", "S17")] == after[("ccwis", "C11")]
    assert {record: eid for record, eid in after.items() if record != ("sis", "S17")} == before
