"""SFTP server on loopback, whose folder tests fill; it can grow files, invent names and refuse."""

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncssh

USER, PASSWORD = "mpi", "a long password of the test"  # pragma: allowlist secret - of the stand-in


class SftpSystem:
    """The server, its keys and its folder.

    ``invented`` names are listed besides those of the folder. ``before_read`` is called with the name of a
    file before its bytes are read, ``before_move`` before it is moved. ``opened`` holds the names of the
    files that were read. ``refuses_moves`` lets no file be moved. ``keeps_markers`` lets no file be
    deleted. ``hides_types`` lists names without permissions, which tell their types. ``connections`` holds
    those that are open; ``sign_ins`` counts all. ``users`` holds the
    names of users that were sent.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.connections: list[asyncssh.SSHServerConnection] = []
        self.port = 0
        self.host_key = asyncssh.generate_private_key("ssh-ed25519")
        self.user_key = asyncssh.generate_private_key("ssh-ed25519")
        self.reset()

    def reset(self) -> None:
        """Forget what tests have set."""
        self.invented: list[bytes] = []
        self.opened: list[str] = []
        self.before_read: Callable[[str], None] = lambda _name: None
        self.before_move: Callable[[], object] = lambda: None
        self.refuses_moves = False
        self.keeps_markers = False
        self.hides_types = False
        self.sign_ins = 0
        self.users: list[str] = []

    @property
    def fingerprint(self) -> str:
        return self.host_key.get_fingerprint("sha256")

    def put(self, name: str, text: str, modified: int = 1_790_000_000) -> Path:
        """Write a file into the folder, with a time."""
        path = self.root / "outgoing" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (modified, modified))
        return path


def _make_files(system: SftpSystem) -> type[asyncssh.SFTPServer]:
    class Files(asyncssh.SFTPServer):
        def __init__(self, channel):
            super().__init__(channel, chroot=os.fsencode(system.root))

        async def scandir(self, path):
            async for entry in super().scandir(path):
                if system.hides_types:
                    entry.attrs.permissions, entry.attrs.type = None, asyncssh.FILEXFER_TYPE_UNKNOWN
                yield entry
            for name in system.invented:
                attributes = asyncssh.SFTPAttrs(size=4, permissions=0o100644, atime=1, mtime=1_790_000_000)
                yield asyncssh.SFTPName(name, attrs=attributes)

        def open(self, path, pflags, attrs):
            name = Path(os.fsdecode(path)).name
            system.opened.append(name)
            system.before_read(name)
            return super().open(path, pflags, attrs)

        def lstat(self, path):
            system.before_move()
            return super().lstat(path)

        def rename(self, oldpath, newpath):
            _permit(not system.refuses_moves)
            return super().rename(oldpath, newpath)

        def remove(self, path):
            _permit(not system.keeps_markers)
            return super().remove(path)

    return Files


def _permit(is_permitted: bool) -> None:
    if not is_permitted:
        raise asyncssh.SFTPPermissionDenied("no")


def _make_login(system: SftpSystem) -> type[asyncssh.SSHServer]:
    class Login(asyncssh.SSHServer):
        def connection_made(self, conn):
            self._connection = conn
            system.connections.append(conn)
            system.sign_ins += 1

        def connection_lost(self, _exc):
            system.connections.remove(self._connection)

        def begin_auth(self, username):
            system.users.append(username)
            return True

        def password_auth_supported(self):
            return True

        def validate_password(self, username, password):
            return (username, password) == (USER, PASSWORD)

        def public_key_auth_supported(self):
            return True

        def validate_public_key(self, username, key):
            return username == USER and key == system.user_key.convert_to_public()

    return Login


@contextmanager
def serve_sftp(root: Path) -> Iterator[SftpSystem]:
    """Serve a folder over SFTP from a thread."""
    system, loop = SftpSystem(root), asyncio.new_event_loop()
    (root / "outgoing").mkdir(parents=True, exist_ok=True)
    options = {
        "server_factory": _make_login(system),
        "server_host_keys": [system.host_key],
        "sftp_factory": _make_files(system),
        "allow_scp": False,
    }
    server = loop.run_until_complete(asyncssh.listen("127.0.0.1", 0, **options))
    system.port = server.get_port()
    thread = threading.Thread(target=loop.run_forever, name="sftp server", daemon=True)
    thread.start()

    async def stop():
        server.close()
        await server.wait_closed()

    try:
        yield system
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
