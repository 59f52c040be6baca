"""Settings from a file: what it may hold, who may change it, and what the commands show."""

import json
import os
import tomllib

import pytest

from mpi.config import Settings

SECRET = "5ec7e7" * 10  # pragma: allowlist secret - made up for this test


@pytest.fixture
def write_config(empty_home, tmp_path, monkeypatch):
    """Write a file of settings and name it in the environment, which sets nothing else."""
    for name in [name for name in os.environ if name.startswith("MPI_")]:
        monkeypatch.delenv(name)
    path = tmp_path / "config.toml"
    monkeypatch.setenv("MPI_CONFIG", str(path))

    def write(content, mode=0o600):
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(mode)
        return path

    return write


def show(mpi, *options):
    result = mpi("config", "show", "--json", *options)
    assert result.code == 0, result.err
    return {row["setting"]: row for row in json.loads(result.out)["settings"]}


def test_each_setting_is_shown_with_its_origin_and_the_environment_wins(write_config, mpi, monkeypatch):
    write_config('port = 9000\nhost = "::1"\nallowed_hosts = ["a.gov", "b.gov"]\n', mode=0o644)
    monkeypatch.setenv("MPI_PORT", "9001")
    rows = show(mpi)
    assert list(rows) == [f"MPI_{name.upper()}" for name in Settings.model_fields]
    assert rows["MPI_PORT"] == {"setting": "MPI_PORT", "value": 9001, "origin": "environment"}
    assert rows["MPI_ALLOWED_HOSTS"] == {
        "setting": "MPI_ALLOWED_HOSTS", "value": "a.gov,b.gov", "origin": "file"
    }  # fmt: skip
    assert rows["MPI_SMTP_PORT"]["origin"] == "default"
    assert set(show(mpi, "--given")) == {"MPI_PORT", "MPI_HOST", "MPI_ALLOWED_HOSTS"}
    assert mpi("config", "check").code == 0


def test_no_secret_is_shown_or_named_in_an_error(write_config, mpi, monkeypatch):
    address = f"postgresql+psycopg://mpi:{SECRET}@db.example.org/mpi"  # pragma: allowlist secret - made up
    write_config(f'secret = "{SECRET}"\ndatabase_url = "{address}?sslpassword={SECRET}"\n')
    monkeypatch.setenv("MPI_TOKEN_KEY", SECRET)
    for command in (("config", "show"), ("config", "show", "--json"), ("config", "check"), ("doctor",)):
        result = mpi(*command)
        assert SECRET not in result.out + result.err, command
    shown = address.replace(SECRET, "********")
    assert show(mpi)["MPI_DATABASE_URL"]["value"] == f"{shown}?sslpassword=********"
    monkeypatch.setenv("MPI_BLOCK_HARD", SECRET)
    assert SECRET not in mpi("config", "show").err


def test_a_new_file_holds_every_setting_and_changes_nothing(write_config, mpi, tmp_path, monkeypatch):
    path = write_config("")
    path.unlink()
    assert mpi("config", "init", str(path)).code == 0
    assert path.stat().st_mode & 0o777 == 0o600
    assert show(mpi, "--given") == {}
    assert mpi("config", "init", str(path)).code == 7, "a file is never overwritten"
    lines = [line.removeprefix("# ") for line in path.read_text().splitlines() if " = " in line]
    given = tomllib.loads("\n".join(line for line in lines if not line.endswith('""')))
    assert {line.split(" = ")[0] for line in lines} >= set(Settings.model_fields)
    monkeypatch.delenv("MPI_CONFIG")
    standard = Settings().model_dump(mode="json")
    defaults = {name: value for name, value in given.items() if name in standard and name != "home"}
    assert defaults == {name: standard[name] for name in defaults}


@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [
        pytest.param('alowed_hosts = "a"', 0o600, "did you mean allowed_hosts?", id="misspelled key"),
        pytest.param("MPI_PROT = 1", 0o600, "did you mean port?", id="spelled as a variable"),
        pytest.param("x9 = 1", 0o600, "mpi config show lists all", id="a key like no other"),
        pytest.param("[server]\nport = 1", 0o600, "'server' is no setting", id="unknown table"),
        pytest.param("[port]\nx = 1", 0o600, "port has no parts", id="table for a value"),
        pytest.param("port = [1, 2]", 0o600, "port has no parts", id="list of numbers"),
        pytest.param('home = "data"', 0o600, "home is a relative path", id="relative path"),
        pytest.param('port = "many"', 0o600, "port: the setting cannot have this value", id="bad value"),
        pytest.param("port = 1\nport = 2", 0o600, "is no TOML", id="key given twice"),
        pytest.param("port", 0o600, "is no TOML", id="half a line"),
        pytest.param(b'host = "\xff"', 0o600, "not in UTF-8", id="other encoding"),
        pytest.param("#" * 1_000_001, 0o600, "larger than", id="huge"),
        pytest.param("port = 1", 0o602, "chmod go-w", id="changed by everybody"),
        pytest.param("port = 1", 0o620, "chmod go-w", id="changed by a group"),
        pytest.param('secret = "x"', 0o604, "holds a secret (secret)", id="secret that all may read"),
        pytest.param(
            'database_url = "postgresql://u:p@h/d"',  # pragma: allowlist secret - no database
            0o640,
            "holds a secret (database_url)",
            id="password that a group may read",
        ),
        pytest.param('payload_keys_command = "vault read"', 0o644, "holds a secret", id="command for all"),
    ],
)
def test_a_wrong_file_stops_every_command_and_says_what_to_do(write_config, mpi, content, mode, message):
    path = write_config(content, mode)
    result = mpi("source", "list")
    assert (result.code, result.out) == (5, "")
    assert str(path) in result.err
    assert message in result.err
    assert result.err.count("\n") == 1
    checked = mpi("config", "check", "--json")
    assert checked.code == 1
    assert message in json.loads(checked.out)["faults"][0]


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe"])
def test_what_is_no_file_is_refused_at_once(write_config, mpi, tmp_path, monkeypatch, kind):
    path = tmp_path / kind
    if kind == "folder":
        path.mkdir(mode=0o700)
    if kind == "pipe":
        os.mkfifo(path, 0o600)
    monkeypatch.setenv("MPI_CONFIG", str(path))
    result = mpi("source", "list")
    assert result.code == 5
    assert str(path) in result.err


def test_a_file_of_another_user_is_refused(write_config, mpi):
    path = write_config("port = 1")
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(path, 65_534, 65_534)
    assert "belongs to another user" in mpi("source", "list").err


def test_doctor_names_the_file_and_a_misspelled_variable(write_config, mpi, monkeypatch):
    path = write_config("port = 1")
    monkeypatch.setenv("MPI_PROT", "1")
    out = mpi("doctor").out
    assert f"{path} gives 1 settings" in out
    assert "did you mean MPI_PORT?" in out


def test_a_running_process_keeps_the_settings_of_its_start(write_config):
    path = write_config("port = 9000")
    assert Settings().port == 9000
    path.write_text("port = ")
    assert Settings().port == 9000
