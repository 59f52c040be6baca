"""``mpi doctor`` says what is wrong with an installation, and what to do."""

import json
import os
from datetime import timedelta

import pytest

from mpi.cli.main import run
from mpi.domain import clock
from tests.index import load_rows, make_child, open_test_index


@pytest.fixture
def doctor(tmp_path, monkeypatch, capsysbinary):
    """Run the command on a sound index, with changed variables; return exit code and lines by check."""
    for name in [name for name in os.environ if name.startswith("MPI_")]:
        monkeypatch.delenv(name)
    home, backups = tmp_path / "home", tmp_path / "backups"
    home.mkdir(mode=0o700)
    (backups / "b").mkdir(parents=True)
    (backups / "b" / "complete").touch()
    with open_test_index(home, "D01") as index:
        load_rows(index, "D01", make_child("1", first_name="Xanthippe"))
    monkeypatch.setenv("MPI_HOME", str(home))
    monkeypatch.setenv("MPI_BACKUP_FOLDER", str(backups))

    def call(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, str(value))
        code = run(["doctor", "--json"])
        out = capsysbinary.readouterr().out
        assert b"Xanthippe" not in out
        return code, json.loads(out)

    call.home, call.backups = home, backups
    return call


def states(lines, check):
    return [line["state"] for line in lines if line["check"] == check]


def test_a_sound_index_has_no_failure(doctor):
    code, lines = doctor()
    assert code == 0, lines
    assert {line["check"] for line in lines} == {
        "settings", "server", "home", "disk", "keys", "backup", "index", "clock", "health"
    }  # fmt: skip
    assert {line["state"] for line in lines} <= {"ok", "warn"}
    assert all(line["action"] for line in lines if line["state"] != "ok")


def test_a_misspelled_setting_is_named_with_the_nearest(doctor):
    code, lines = doctor(MPI_ALOWED_HOSTS="mpi.example.gov")
    assert code == 0
    [line] = [line for line in lines if line["state"] == "warn" and line["check"] == "settings"]
    assert line["detail"] == "MPI_ALOWED_HOSTS is no setting and has no effect"
    assert line["action"] == "did you mean MPI_ALLOWED_HOSTS?"


def test_an_impossible_setting_fails_and_is_named(doctor):
    code, lines = doctor(MPI_PORT="many")
    assert code == 1
    assert "MPI_PORT" in lines[-1]["detail"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("MPI_ALLOWED_HOSTS", "*"), ("MPI_TRUSTED_PROXIES", "0.0.0.0/0"), ("MPI_TLS_CERT", "none.pem")],
)
def test_settings_of_the_server_that_cannot_be_used_fail(doctor, name, value):
    code, lines = doctor(**{name: value})
    assert code == 1
    assert states(lines, "server") == ["fail"]


def test_an_open_home_is_warned_of_and_a_missing_one_fails(doctor, tmp_path):
    doctor.home.chmod(0o755)
    assert states(doctor()[1], "home") == ["warn"]
    code, lines = doctor(MPI_HOME=tmp_path / "none")
    assert code == 1
    assert states(lines, "home") == ["fail"]
    assert states(lines, "index") == ["fail"]


def test_a_full_disk_fails(doctor):
    assert states(doctor(MPI_MIN_FREE_MB=10**12)[1], "disk") == ["fail"]


def test_a_key_that_others_may_read_fails(doctor):
    (doctor.home / "secret.key").chmod(0o644)
    code, lines = doctor()
    assert code == 1
    assert "fail" in states(lines, "keys")


def test_an_old_or_missing_backup_fails(doctor):
    mark = doctor.backups / "b" / "complete"
    os.utime(mark, (0, 0))
    assert states(doctor()[1], "backup") == ["fail"]
    mark.unlink()
    assert states(doctor()[1], "backup") == ["fail"]


def test_a_clock_that_is_behind_fails(doctor, monkeypatch):
    past = clock.now() - timedelta(hours=1)
    monkeypatch.setattr(clock, "now", lambda: past)
    code, lines = doctor()
    assert code == 1
    assert states(lines, "clock") == ["fail"]
