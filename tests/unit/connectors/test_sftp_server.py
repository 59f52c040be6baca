"""Server of files over SFTP: sign-in, broken connections, Ctrl-C, and servers that are away."""

import os
import shutil
import signal
import subprocess
import threading
import time
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

import asyncssh
import pytest

from mpi.client.retries import RetryPolicy
from mpi.connectors.connection import Connection, SignIn, SignInKind
from mpi.connectors.file_server import FileChangedError, FileRefusedError, RemoteFile
from mpi.connectors.sftp.server import SftpServer
from mpi.domain.errors import InputError, RemoteSystemError
from tests.sftp_server import USER, serve_sftp

CONTENT = "x" * 3_000_000


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    with serve_sftp(tmp_path_factory.mktemp("sftp")) as system:
        yield system


@pytest.fixture
def key(system, tmp_path):
    path = tmp_path / "id"
    system.user_key.write_private_key(str(path))
    path.chmod(0o600)
    return path


@pytest.fixture
def connect(system, key):
    """A function that opens the server; its arguments replace those of the connection."""
    system.reset()

    def run(sign_in=None, port=system.port, answer_s=60.0, **options):
        connection = Connection(
            name="files.toml",
            system="sftp",
            source="sis",
            url=f"sftp://127.0.0.1:{port}/outgoing",
            sign_in=sign_in or SignIn(SignInKind.SSH_KEY, client_id=USER, key_path=key),
            options={"files": "*.csv", "host_keys": [system.fingerprint]} | options,
        )
        waits = []
        server = SftpServer(connection, RetryPolicy(attempts=3), waits.append, answer_s)
        return servers.enter_context(server), waits

    with ExitStack() as servers:
        yield run


def test_file_is_copied_whole_after_a_connection_that_broke(system, connect, tmp_path):
    system.put("a.csv", CONTENT)
    server, waits = connect()
    [file] = server.list_files().files

    def abort(_name):
        system.before_read = lambda _name: None
        for connection in list(system.connections):
            connection.abort()

    system.before_read = abort
    server.fetch(file, tmp_path / "copy")
    assert ((tmp_path / "copy").read_text(), len(waits)) == (CONTENT, 1)
    assert (tmp_path / "copy").stat().st_mode & 0o077 == 0


def test_calls_share_a_sign_in_until_the_connection_breaks_or_the_server_is_closed(system, connect, tmp_path):
    (system.root / "outgoing" / "archive").mkdir()
    for name in ("a.csv", "b.csv", "c.csv"):
        system.put(name, name)
    server, waits = connect()
    with server:
        a, b, c = server.list_files().files
        server.fetch(a, tmp_path / "a")
        server.move(a, "archive")
        server.move(b, "archive")
        assert (system.sign_ins, len(system.connections)) == (1, 1)
        for connection in list(system.connections):
            connection.abort()
        server.fetch(c, tmp_path / "c")
        assert ((tmp_path / "c").read_text(), system.sign_ins, len(waits)) == ("c.csv", 2, 1)
    assert not any(thread.is_alive() for thread in threading.enumerate() if thread.name == "sftp")
    shutil.rmtree(system.root / "outgoing")


def test_file_that_is_not_sent_in_time_is_refused_once_and_the_next_one_is_copied(system, connect, tmp_path):
    system.put("a.csv", CONTENT, 1)
    system.put("b.csv", CONTENT, 2)
    server, waits = connect(answer_s=0.5)
    late, next_one = server.list_files().files
    system.before_read = lambda name: time.sleep(1) if name == "a.csv" else None
    with pytest.raises(FileRefusedError, match=r"^a\.csv: the server took too long"):
        server.fetch(late, tmp_path / "a")
    time.sleep(1)
    server.fetch(next_one, tmp_path / "b")
    assert ((tmp_path / "b").read_text(), waits) == (CONTENT, [])


def test_file_in_whose_copy_the_connection_always_breaks_is_refused(system, connect, tmp_path):
    system.put("a.csv", CONTENT, 1)
    system.put("b.csv", CONTENT, 2)
    server, waits = connect()
    broken, next_one = server.list_files().files

    def abort(name):
        for connection in list(system.connections) if name == "a.csv" else ():
            connection.abort()

    system.before_read = abort
    with pytest.raises(FileRefusedError, match=r"^a\.csv: the connection broke"):
        server.fetch(broken, tmp_path / "a")
    server.fetch(next_one, tmp_path / "b")
    assert ((tmp_path / "b").read_text(), len(waits)) == (CONTENT, 2)


def test_server_that_is_away_is_named_after_some_attempts(connect, tmp_path):
    server, waits = connect(port=1)
    with pytest.raises(RemoteSystemError, match=r"^files.toml: 127.0.0.1 port 1: Connection refused"):
        server.list_files()
    assert len(waits) == 2
    with pytest.raises(RemoteSystemError):
        server.fetch(RemoteFile("a.csv", 1, 1), tmp_path / "copy")


def test_folder_that_is_missing_is_told(system, connect):
    server, waits = connect()
    shutil.rmtree(system.root / "outgoing")
    with pytest.raises(RemoteSystemError, match="refuses"):
        server.list_files()
    (system.root / "outgoing").mkdir()
    assert (list(server.list_files().files), waits) == ([], [])


def test_ctrl_c_ends_a_copy_at_once(system, connect, tmp_path):
    system.put("a.csv", CONTENT)
    server, _ = connect()
    [file] = server.list_files().files

    def interrupt(_name):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.3)

    system.before_read = interrupt
    with pytest.raises(KeyboardInterrupt), server:
        server.fetch(file, tmp_path / "copy")
    assert (tmp_path / "copy").stat().st_size < len(CONTENT)
    assert not any(thread.is_alive() for thread in threading.enumerate() if thread.name == "sftp")
    system.reset()
    server.fetch(file, tmp_path / "copy")


def test_full_disk_is_an_error_of_the_local_file_and_no_call_is_repeated(system, connect):
    system.put("a.csv", CONTENT)
    server, waits = connect()
    [file] = server.list_files().files
    with pytest.raises(OSError, match="/dev/full"):
        server.fetch(file, Path("/dev/full"))
    assert waits == []


def test_file_that_is_listed_with_fewer_bytes_is_copied_no_further(system, connect, tmp_path):
    system.put("a.csv", CONTENT)
    server, _ = connect()
    [file] = server.list_files().files
    with pytest.raises(FileChangedError):
        server.fetch(RemoteFile(file.name, 10, file.modified), tmp_path / "copy")
    assert (tmp_path / "copy").stat().st_size <= 10


def test_key_with_a_passphrase_needs_the_right_one(connect, tmp_path):
    path = tmp_path / "locked"
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(
        str(path), passphrase="right", rounds=1, ignore_few_rounds=True
    )
    for secret, is_read in (("", False), ("another", False), ("right", True)):
        sign_in = SignIn(SignInKind.SSH_KEY, client_id=USER, secret=secret, key_path=path)
        with nullcontext() if is_read else pytest.raises(InputError, match="key_file"):
            connect(sign_in)


@contextmanager
def run_agent(folder, key):
    """Run an SSH agent that holds a key; yield its socket."""
    socket = folder / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
    try:
        for _ in range(100):
            if socket.exists():
                break
            time.sleep(0.05)
        subprocess.run(["ssh-add", "-q", key], env=os.environ | {"SSH_AUTH_SOCK": str(socket)}, check=True)
        yield str(socket)
    finally:
        agent.terminate()
        agent.wait(10)


@pytest.mark.skipif(shutil.which("ssh-agent") is None, reason="needs an SSH agent")
def test_key_of_an_agent_signs_in_and_no_other_kind_uses_the_agent(system, connect, tmp_path, monkeypatch):
    system.put("a.csv", CONTENT)
    plain = tmp_path / "plain"
    system.user_key.write_private_key(str(plain))
    plain.chmod(0o600)
    with run_agent(tmp_path, plain) as socket:
        monkeypatch.setenv("SSH_AUTH_SOCK", socket)
        server, _ = connect(SignIn(SignInKind.SSH_AGENT, client_id=USER))
        assert len(server.list_files().files) == 1
        wrong = SignIn(
            SignInKind.PASSWORD, client_id=USER, secret="no"
        )  # pragma: allowlist secret - a wrong one
        asyncssh.generate_private_key("ssh-ed25519").write_private_key(str(tmp_path / "other"))
        other_key = SignIn(SignInKind.SSH_KEY, client_id=USER, key_path=tmp_path / "other")
        for sign_in in (wrong, other_key):
            server, _ = connect(sign_in)
            with pytest.raises(RemoteSystemError, match="refuses the user"):
                server.list_files()
    server, _ = connect(SignIn(SignInKind.SSH_AGENT, client_id=USER))
    with pytest.raises(RemoteSystemError, match="SSH_AUTH_SOCK"):
        server.list_files()
