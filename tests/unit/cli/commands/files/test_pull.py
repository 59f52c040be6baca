"""Command ``mpi pull`` against a OneRoster system on loopback."""

import pytest

from tests.oneroster_server import CLIENT_ID, CLIENT_SECRET, serve_oneroster
from tests.unit.cli.conftest import is_one_line


@pytest.fixture(scope="module")
def shared_system():
    with serve_oneroster() as system:
        yield system


@pytest.fixture
def system(shared_system):
    """The stand-in with three students."""
    shared_system.users.clear()
    shared_system.demographics.clear()
    shared_system.granted.add("demographics")
    for number in range(3):
        shared_system.add_student(number)
    return shared_system


@pytest.fixture
def connection(system, tmp_path):
    """A connection file, whose secret is in a file of its own."""
    secret = tmp_path / "sis.secret"
    secret.touch(mode=0o600)
    secret.write_text(f"{CLIENT_SECRET}\n")
    path = tmp_path / "district.toml"
    path.write_text(f"""
system = "oneroster"
source = "sis"
url = "{system.url}"

[sign_in]
kind = "oauth2"
token_url = "{system.url}/token"
client_id = "{CLIENT_ID}"
secret_file = "sis.secret"

[options.state_id]
assigner = "OH"
user_id_type = "SSID"
""")
    return str(path)


def test_pull_loads_students_and_then_what_has_changed(home, mpi, system, connection):
    first = mpi("pull", "--connection", connection, "--json")
    assert first.code == 0
    assert {"full": True, "created": 3, "advanced": True}.items() <= first.json.items()
    system.now = "2999-01-01T00:00:00.000Z"
    system.delete("users", "s001")
    second = mpi("pull", "--connection", connection)
    assert second.code == 0
    assert "what has changed" in second.out
    assert "withdrawn" in second.out
    assert mpi("pull", "--connection", connection, "--full", "--json").json["full"] is True


def test_dry_run_stores_nothing(home, mpi, connection):
    trial = mpi("pull", "--connection", connection, "--dry-run", "--json")
    assert (trial.code, trial.json["receipt"]["created"]) == (0, 3)
    shown = mpi("pull", "--connection", connection, "--dry-run")
    assert "every record" in shown.out
    assert mpi("pull", "--connection", connection, "--json").json["created"] == 3


def test_held_pull_ends_with_its_own_code_and_is_confirmed(home, mpi, system, connection):
    mpi("pull", "--connection", connection)
    del system.users["s000"], system.users["s001"]
    held = mpi("pull", "--connection", connection, "--full")
    assert held.code == 3
    assert "the next pull repeats this one" in held.err
    assert mpi("pull", "--connection", connection, "--full", "--confirm", "--json").json["withdrawn"] == 2


def test_system_that_refuses_ends_with_its_own_code_and_names_no_secret(home, mpi, system, connection):
    system.granted.discard("demographics")
    result = mpi("pull", "--connection", connection)
    assert result.code == 11
    assert is_one_line(result.err)
    assert "linked by name alone" in result.err
    system.granted.add("demographics")
    (home.parent / "sis.secret").write_text("wrong")
    result = mpi("pull", "--connection", connection)
    assert result.code == 11
    assert "sign-in was refused" in result.err
    assert "wrong" not in result.err


def test_wrong_connection_is_an_input_error(home, mpi, connection, tmp_path):
    missing = mpi("pull", "--connection", str(tmp_path / "no.toml"))
    assert (missing.code, is_one_line(missing.err)) == (5, True)
    file = tmp_path / "district.toml"
    file.write_text(file.read_text().replace('"oneroster"', '"nonesuch"'))
    unknown = mpi("pull", "--connection", connection)
    assert (unknown.code, "oneroster" in unknown.err) == (5, True)


def test_rejected_students_are_listed(home, mpi, system, connection):
    system.add_student(5, userIds=[])
    del system.demographics["s005"]
    result = mpi("pull", "--connection", connection)
    assert result.code == 0
    assert "1 of 4 rows were rejected" in result.err
    assert "name-alone" in next((home / "rejects").iterdir()).read_text()
