"""Connections to an SSH server whose host key is known."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncssh

from mpi.connectors.connection import SignIn, SignInKind
from mpi.connectors.sftp.options import SftpOptions
from mpi.domain.errors import InputError, RemoteSystemError

CONNECT_S = 20.0
"""Most seconds until a server answers, and until it has let the user in."""
ANSWER_S = 60.0
"""Most seconds until a server answers a request."""
_KEEPALIVE_S = 15.0

# Its lines name hosts, users and files.
logging.getLogger("asyncssh").setLevel(logging.CRITICAL)


class HostKeyClient(asyncssh.SSHClient):
    """Client that trusts host keys by their fingerprints.

    Args:
        fingerprints: those of the keys that are trusted.

    Attributes:
        refused: fingerprint of the key that was refused; empty for none.
    """

    def __init__(self, fingerprints: frozenset[str]) -> None:
        self._fingerprints = fingerprints
        self.refused = ""

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002 - asyncssh's
        """Return whether the key of the server has one of the fingerprints."""
        fingerprint = key.get_fingerprint("sha256")
        if fingerprint in self._fingerprints:
            return True
        self.refused = fingerprint
        return False


class SshLogin:
    """Address and trusted host keys of an SSH server, with credentials.

    Args:
        name: name of the connection's file, for messages.
        options: address and host keys.
        sign_in: credentials.

    Raises:
        InputError: the private key or the file of host keys cannot be read.
    """

    def __init__(self, name: str, options: SftpOptions, sign_in: SignIn) -> None:
        self._name = name
        self._options = options
        self._uses_agent = sign_in.kind == SignInKind.SSH_AGENT
        self._arguments: dict[str, Any] = {
            "known_hosts": _read_known_hosts(name, options.known_hosts),
            "username": sign_in.client_id,
            **_read_credentials(name, sign_in),
        }

    @asynccontextmanager
    async def open(self) -> AsyncIterator[asyncssh.SFTPClient]:
        """Sign in, and start a session of files.

        Raises:
            RemoteSystemError: the host key is not trusted, or the user is refused.
            OSError, asyncssh.Error, TimeoutError: the server cannot be reached.
        """
        async with self._open_agent() as keys, await self._connect(keys) as connection:
            async with asyncio.timeout(ANSWER_S):
                sftp = await connection.start_sftp_client(path_encoding=None)
            async with sftp:
                yield sftp

    async def _connect(self, agent_keys: Mapping[str, Any]) -> asyncssh.SSHClientConnection:
        """Sign in with keys of an agent, or what the connection states.

        Raises:
            RemoteSystemError: the host key is not trusted, or the user is refused.
        """
        client = HostKeyClient(frozenset(self._options.fingerprints))
        try:
            return await asyncssh.connect(
                self._options.host,
                self._options.port,
                client_factory=lambda: client,
                config=None,
                gss_host=None,
                x509_trusted_certs=None,
                connect_timeout=CONNECT_S,
                login_timeout=CONNECT_S,
                keepalive_interval=_KEEPALIVE_S,
                **{**self._arguments, **agent_keys},
            )
        except asyncssh.HostKeyNotVerifiable:
            raise RemoteSystemError(self._describe_refused_key(client)) from None
        except asyncssh.PermissionDenied:
            raise RemoteSystemError(f"{self._name}: the server refuses the user or the credentials") from None

    @asynccontextmanager
    async def _open_agent(self) -> AsyncIterator[Mapping[str, Any]]:
        """Open the SSH agent if the connection says so; yield its keys.

        asyncssh itself would also offer the keys in the user's folder.

        Raises:
            RemoteSystemError: there is no agent, or it holds no key.
        """
        if not self._uses_agent:
            yield {}
            return
        try:
            agent = await asyncssh.connect_agent()
        except OSError:
            raise RemoteSystemError(f"{self._name}: SSH_AUTH_SOCK names no SSH agent that answers") from None
        async with agent:
            keys = await agent.get_keys()
            if not keys:
                raise RemoteSystemError(f"{self._name}: the SSH agent holds no key: ssh-add adds one")
            yield {"client_keys": keys}

    def _describe_refused_key(self, client: HostKeyClient) -> str:
        place = "known_hosts" if self._options.known_hosts else "host_keys"
        shown = f", {client.refused}," if client.refused else ""
        return (
            f"{self._name}: the host key of the server{shown} is not one of options.{place}, so nothing was "
            "sent; ask the server's operator whether the key has changed"
        )


def _read_known_hosts(name: str, path: Path | None) -> object:
    """Return the trusted host keys of a file; none without one.

    An empty value would let asyncssh read the user's own file.
    """
    if path is None:
        return ([], [], [])
    try:
        return asyncssh.read_known_hosts(str(path))
    except (OSError, ValueError):
        raise InputError(
            f"{name}: options.known_hosts: the file cannot be read; ssh-keyscan writes one, whose keys the "
            "server's operator has to confirm"
        ) from None


def _read_credentials(name: str, sign_in: SignIn) -> dict[str, Any]:
    """Return the credentials as asyncssh takes them, and no others."""
    if sign_in.kind == SignInKind.SSH_AGENT:
        return {"agent_path": None, "preferred_auth": "publickey"}
    if sign_in.kind == SignInKind.PASSWORD:
        return {
            "client_keys": None,
            "agent_path": None,
            "password": sign_in.secret,
            "preferred_auth": "password,keyboard-interactive",
        }
    try:
        key = asyncssh.read_private_key(str(sign_in.key_path), sign_in.secret or None)
    except (OSError, ValueError):
        raise InputError(
            f"{name}: sign_in.key_file: no private key that can be read; one with a passphrase needs "
            "secret_file or secret_variable"
        ) from None
    return {"client_keys": [key], "agent_path": None, "preferred_auth": "publickey"}
