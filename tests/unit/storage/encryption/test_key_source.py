"""Key material from a value, a command or a file."""

import sys

import pytest

from mpi.domain.errors import StoreError
from mpi.storage.encryption import key_source
from mpi.storage.encryption.key_source import KeySource, write_key_file

SECRET_TEXT = "1:" + "ab" * 32


def make_source(tmp_path, **ways):
    return KeySource("payload keys", "MPI_PAYLOAD_KEYS", tmp_path / "payload.key", **ways)


def test_key_file_is_private_to_its_owner_and_read_back(tmp_path):
    source = make_source(tmp_path)
    write_key_file(source.path, SECRET_TEXT)
    assert source.path.stat().st_mode & 0o777 == 0o600
    assert source.read() == SECRET_TEXT
    assert [path.name for path in tmp_path.iterdir()] == ["payload.key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_key_file_that_others_may_use_is_refused_with_the_command_to_run(tmp_path, mode):
    source = make_source(tmp_path)
    write_key_file(source.path, SECRET_TEXT)
    source.path.chmod(mode)
    with pytest.raises(StoreError, match=r"may be read by other users: run chmod 600 .*payload\.key"):
        source.read()


def test_value_comes_before_command_and_command_before_file(tmp_path):
    command = f"{sys.executable} -c 'print(2)'"
    assert make_source(tmp_path, value="1", command=command).read() == "1"
    assert make_source(tmp_path, command=command).read() == "2\n"


def test_command_runs_without_a_shell(tmp_path):
    source = make_source(tmp_path, command=f"{sys.executable} -c 'import sys; print(sys.argv[1])' $HOME;true")
    assert source.read() == "$HOME;true\n"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("", "is empty"),
        ("'", "quotation mark is not closed"),
        ("/no/such/program", "cannot be run"),
        (f"{sys.executable} -c 'print(\"cafe\"); raise SystemExit(3)'", "ended with status 3"),
        (
            f"{sys.executable} -c 'import sys; sys.stdout.buffer.write(bytes([255]))'",
            "something else than keys",
        ),
    ],
)
def test_command_that_fails_is_named_without_its_output(tmp_path, command, message):
    with pytest.raises(StoreError, match=message) as raised:
        make_source(tmp_path, command=command).read()
    assert "cafe" not in str(raised.value)


def test_command_that_never_ends_is_stopped_and_its_output_shown_nowhere(tmp_path, monkeypatch):
    monkeypatch.setattr(key_source, "COMMAND_TIMEOUT_S", 0.5)
    command = f"{sys.executable} -c 'import time; print(\"cafe\", flush=True); time.sleep(60)'"
    with pytest.raises(StoreError, match="printed no key within") as raised:
        make_source(tmp_path, command=command).read()
    assert "cafe" not in repr(raised.value)
    assert raised.value.__cause__ is None


def test_key_material_is_in_no_representation(tmp_path):
    assert "ab" * 32 not in repr(make_source(tmp_path, value=SECRET_TEXT, command=SECRET_TEXT))
