"""``mpi audit``: sign, mail, verify, prove and list, as an operator and an auditor use it."""

import json
import runpy
import sqlite3
from pathlib import Path

import pytest

from mpi.bootstrap import open_index
from mpi.config import Settings
from mpi.domain.viewer import make_operator
from mpi.service.persons.persons import look_up_crosswalk
from tests.index import load_rows, make_child
from tests.mail_server import PASSWORD, receiving

INDEPENDENT = runpy.run_path(str(Path(__file__).parents[5] / "scripts" / "verify_ledger.py"))["main"]


@pytest.fixture
def ledger(home):
    """The file of a ledger with three lines."""
    index = open_index(Settings())
    operator = make_operator()
    for source, local_id in (("sis", "1"), ("ccwis", "2")):
        load_rows(index, source, make_child(local_id))
        look_up_crosswalk(index, operator, source, local_id)
    look_up_crosswalk(index, operator, "sis", "1")
    index.database.dispose()
    return home / "mpi-ledger.db"


def tamper(ledger):
    with sqlite3.connect(ledger) as database:
        database.execute("DROP TRIGGER ledger_keep_content")
        database.execute("UPDATE disclosure SET client = 'nobody' WHERE id = 2")
    database.close()


def test_an_auditor_finds_an_edit_with_copies_of_key_and_roots(mpi, home, ledger, tmp_path):
    (tmp_path / "key.pub").write_text(mpi("audit", "key").out)
    signed = mpi("audit", "sign", "--json").json
    copy = tmp_path / "roots.jsonl"
    copy.write_text((home / "ledger-roots.jsonl").read_text())
    options = ("--public-key", str(tmp_path / "key.pub"), "--roots", str(copy), "--json")
    whole = mpi("audit", "verify", *options)
    assert (whole.code, whole.json["findings"], whole.json["root"]) == (0, [], signed["root"])
    assert INDEPENDENT(str(ledger), str(copy), str(tmp_path / "key.pub")) == 0
    mpi("audit", "sign")
    assert mpi("audit", "verify", *options).json["findings"] == [], "a copy may lack the latest roots"
    assert mpi("audit", "verify").code == 0

    tamper(ledger)

    found = mpi("audit", "verify", *options)
    assert found.code == 1
    assert {finding["kind"] for finding in found.json["findings"]} == {"line", "root-mismatch"}
    assert INDEPENDENT(str(ledger), str(copy), str(tmp_path / "key.pub")) == 1
    (tmp_path / "export.ndjson").write_text(mpi("audit", "export").out)
    assert INDEPENDENT(str(tmp_path / "export.ndjson"), str(copy), str(tmp_path / "key.pub")) == 1


def test_a_restored_ledger_is_signed_with_a_reason_alone(mpi, home, ledger):
    before = ledger.read_bytes()
    mpi("audit", "sign")
    mpi("audit", "lines")
    mpi("audit", "sign")
    for name in ("mpi-ledger.db-wal", "mpi-ledger.db-shm"):
        (home / name).unlink(missing_ok=True)
    ledger.write_bytes(before)
    refused = mpi("audit", "sign")
    assert refused.code == 10
    assert "--restored" in refused.err
    assert mpi("audit", "verify").code == 1
    assert mpi("audit", "sign", "--restored", "disk failed on Monday").code == 0
    verified = mpi("audit", "verify", "--json")
    assert (verified.code, verified.json["findings"]) == (0, [])
    assert verified.json["restores"] >= 1


def test_a_lost_file_of_roots_is_written_anew_only_if_asked(mpi, home, ledger):
    mpi("audit", "sign")
    (home / "ledger-roots.jsonl").unlink()
    assert mpi("audit", "sign").code == 10
    assert mpi("audit", "sign", "--new-file").code == 0
    assert mpi("audit", "verify").code == 0


def test_a_key_that_others_may_read_is_refused(mpi, home, ledger):
    mpi("audit", "key")
    (home / "ledger-signing.pem").chmod(0o644)
    refused = mpi("audit", "sign")
    assert refused.code == 10
    assert "chmod 600" in refused.err


def test_each_root_is_mailed_whole(mpi, home, ledger, tmp_path, monkeypatch):
    with receiving(tmp_path) as mailbox:
        (tmp_path / "password").write_text(f"{PASSWORD}\n")
        monkeypatch.setenv("MPI_LEDGER_MAIL", "auditor@example.gov")
        assert mpi("audit", "sign").code == 5
        for name, value in {
            "HOST": "localhost", "PORT": mailbox.server.port, "USER": "mpi", "SENDER": "mpi@example.org",
            "PASSWORD_FILE": tmp_path / "password", "CA_FILE": mailbox.server.ca_file,
        }.items():  # fmt: skip
            monkeypatch.setenv(f"MPI_SMTP_{name}", str(value))
        assert mpi("audit", "sign").code == 0
        mailbox.answers.append(550)
        assert mpi("audit", "sign").code == 1
    lines = (home / "ledger-roots.jsonl").read_text().splitlines()
    assert len(lines) == 2
    assert mailbox.messages[0].get_content().strip() == lines[0]


def test_proofs_and_questions_at_the_command_line(mpi, ledger):
    assert len(mpi("audit", "prove", "2", "--json").json["path"]) == 2
    assert mpi("audit", "prove", "--from", "1", "--size", "3", "--json").json["former_size"] == 1
    assert mpi("audit", "prove").code == 5
    assert mpi("audit", "prove", "99").code == 6
    report = mpi("audit", "link", "sis:1", "ccwis:2", "--json").json
    assert len(report["intervals"]) == 1
    assert [line["action"] for line in report["disclosures"]].count("crosswalk.read") >= 2
    bundle = mpi("audit", "lines", "--fhir").json
    assert {entry["resource"]["resourceType"] for entry in bundle["entry"]} == {"AuditEvent"}
    assert mpi("audit", "students", "sis", "--out", "out.csv", "--json").json["rows"] >= 2
    assert Path("out.csv").read_text().splitlines()[1].startswith("1,")
    assert mpi("db", "grants", "--role", "mpi_serve").code == 5
    assert json.loads(mpi("audit", "lines", "--client", "nobody", "--json").out) == []
