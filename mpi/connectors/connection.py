"""Connections to other systems, read from TOML files.

The form is documented, with examples, in docs/reference/connections.md. A file holds no secret: it names the
file or the environment variable that does.
"""

import hashlib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from mpi.domain.documents.bounded_toml import parse_toml
from mpi.domain.errors import InputError

_KEYS = frozenset({"system", "version", "source", "url", "sign_in", "options"})
_SIGN_IN_KEYS = frozenset({"kind", "token_url", "client_id", "secret_file", "secret_variable", "scopes"})
_SSH_SIGN_IN_KEYS = frozenset({"kind", "user", "key_file", "secret_file", "secret_variable"})
FILE_SYSTEM = "sftp"
"""System whose files are pulled; its address is one of SFTP, not of HTTP."""
_HTTP = "an address such as https://sis.example.org/api"
_SFTP = "an address such as sftp://files.example.org/outgoing"


class SignInKind(StrEnum):
    """How a system's API is signed in to."""

    OAUTH2 = "oauth2"
    """Client credentials (RFC 6749, section 4.4)."""
    OAUTH1 = "oauth1"
    """Signed requests without a token (RFC 5849), as OneRoster 1.1 has them."""
    NONE = "none"
    SSH_KEY = "ssh-key"
    """Private key in a file."""
    SSH_AGENT = "ssh-agent"
    """Private key in the agent that ``SSH_AUTH_SOCK`` names."""
    PASSWORD = "password"  # noqa: S105 - a kind of sign-in, no password


_SSH_KINDS = (SignInKind.SSH_KEY, SignInKind.SSH_AGENT, SignInKind.PASSWORD)


@dataclass(frozen=True, slots=True)
class SignIn:
    """Credentials for another system.

    Args:
        kind: how it is signed in to.
        client_id: the client, the consumer key, or the user of an SSH server.
        secret: the client's secret, the user's password, or the passphrase of the key.
        token_url: where an access token is asked for; empty without one.
        scopes: scopes that are asked for.
        key_path: file of the private SSH key; None without one.
    """

    kind: SignInKind
    client_id: str = ""
    secret: str = field(default="", repr=False)
    token_url: str = ""
    scopes: tuple[str, ...] = ()
    key_path: Path | None = None


@dataclass(frozen=True, slots=True)
class Connection:
    """Connection to another system.

    Args:
        name: name of its file, for messages.
        system: name of the connector, such as ``oneroster``.
        version: version of the API or its data standard; empty for the connector's default.
        source: code of the source whose records it gives.
        url: base address of the API, or of the folder of files, without a slash at its end.
        sign_in: credentials.
        options: further settings, which the connector knows.
        folder: folder of its file, to which paths in it are relative.
    """

    name: str
    system: str
    source: str
    url: str
    sign_in: SignIn
    version: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    folder: Path = Path()

    def check_options(self, known: frozenset[str]) -> None:
        """Refuse options that the connector does not know.

        Raises:
            InputError: there is one; the message names it.
        """
        for option in sorted(self.options.keys() - known):
            raise InputError(f"{self.name}: options.{option}: there is {', '.join(sorted(known))}")

    def digest(self) -> str:
        """Return a digest of what decides which records are pulled.

        It holds no credentials. A cursor counts only while the digest is the same.
        """
        content = orjson.dumps(
            [self.system, self.version, self.url, self.options], default=str, option=orjson.OPT_SORT_KEYS
        )
        return hashlib.sha256(content).hexdigest()


def read_connection(path: Path, environment: Mapping[str, str] = os.environ) -> Connection:
    """Read a connection from its TOML file.

    Args:
        path: the file.
        environment: variables that may hold the secret.

    Raises:
        InputError: the file is missing or wrong; the message says where.
    """
    try:
        values = parse_toml(path.read_text("utf-8"))
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InputError(f"{path.name}: {reason}") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path.name}: {error}") from None
    _check_keys(path.name, values, _KEYS)
    options = values.get("options", {})
    if not isinstance(options, dict):
        raise InputError(f"{path.name}: options: a table")
    system = _read_text(path.name, values, "system", required=True)
    is_ssh = system == FILE_SYSTEM
    read_sign_in, read_url = (_read_ssh_sign_in, _read_sftp_url) if is_ssh else (_read_sign_in, _read_url)
    return Connection(
        name=path.name,
        system=system,
        source=_read_text(path.name, values, "source", required=True),
        url=read_url(path.name, values, "url", required=True),
        sign_in=read_sign_in(path, values.get("sign_in"), environment),
        version=_read_text(path.name, values, "version"),
        options=options,
        folder=path.parent,
    )


def _read_sign_in(path: Path, values: Any, environment: Mapping[str, str]) -> SignIn:  # noqa: ANN401 - TOML
    name = path.name
    if not isinstance(values, dict):
        raise InputError(f"{name}: sign_in: a table with kind, client_id and secret_file or secret_variable")
    _check_keys(name, values, _SIGN_IN_KEYS, "sign_in.")
    kinds = [kind.value for kind in SignInKind if kind not in _SSH_KINDS]
    kind = values.get("kind")
    if kind not in kinds:
        raise InputError(f"{name}: sign_in.kind: one of {', '.join(kinds)}")
    if kind == SignInKind.NONE:
        return SignIn(SignInKind.NONE)
    scopes = values.get("scopes", [])
    if not isinstance(scopes, list) or not all(isinstance(scope, str) and scope for scope in scopes):
        raise InputError(f"{name}: sign_in.scopes: a list of texts")
    return SignIn(
        kind=SignInKind(kind),
        client_id=_read_text(name, values, "client_id", "sign_in.", required=True),
        secret=_read_secret(path, values, environment),
        token_url=_read_url(name, values, "token_url", "sign_in.", required=kind == SignInKind.OAUTH2),
        scopes=tuple(scopes),
    )


def _read_ssh_sign_in(path: Path, values: Any, environment: Mapping[str, str]) -> SignIn:  # noqa: ANN401 - TOML
    """Return the credentials of a user of an SSH server."""
    name = path.name
    if not isinstance(values, dict):
        raise InputError(f"{name}: sign_in: a table with kind and user")
    _check_keys(name, values, _SSH_SIGN_IN_KEYS, "sign_in.")
    kind = values.get("kind")
    if kind not in list(_SSH_KINDS):
        raise InputError(f"{name}: sign_in.kind: one of {', '.join(_SSH_KINDS)}")
    user = _read_text(name, values, "user", "sign_in.", required=True)
    has_secret = "secret_file" in values or "secret_variable" in values
    if kind == SignInKind.SSH_AGENT and has_secret:
        raise InputError(f"{name}: sign_in: an agent needs no secret")
    if kind != SignInKind.SSH_KEY and "key_file" in values:
        raise InputError(f"{name}: sign_in.key_file: only the kind {SignInKind.SSH_KEY} has one")
    key_path = None
    if kind == SignInKind.SSH_KEY:
        key_path = path.parent / _read_text(name, values, "key_file", "sign_in.", required=True)
        _require_private(name, "key_file", key_path)
    needs_secret = kind == SignInKind.PASSWORD or has_secret
    secret = _read_secret(path, values, environment) if needs_secret else ""
    return SignIn(SignInKind(kind), client_id=user, secret=secret, key_path=key_path)


def _require_private(name: str, key: str, path: Path) -> None:
    """Refuse a file of a secret that others may read.

    Raises:
        InputError: others may read it, or there is none.
    """
    try:
        mode = path.stat().st_mode
    except OSError:
        raise InputError(f"{name}: sign_in.{key}: the file cannot be read") from None
    if mode & 0o077:
        raise InputError(f"{name}: sign_in.{key}: others may read it; chmod 600 it")


def _read_secret(path: Path, values: Mapping[str, Any], environment: Mapping[str, str]) -> str:
    """Return the secret from the file or variable that a connection names."""
    name = path.name
    file = _read_text(name, values, "secret_file", "sign_in.")
    variable = _read_text(name, values, "secret_variable", "sign_in.")
    if bool(file) == bool(variable):
        raise InputError(f"{name}: sign_in: give secret_file or secret_variable, one of the two")
    if variable:
        secret = environment.get(variable, "")
        if not secret:
            raise InputError(f"{name}: sign_in.secret_variable: the environment has no such variable")
        return secret
    secret_path = path.parent / file
    _require_private(name, "secret_file", secret_path)
    try:
        secret = secret_path.read_text("utf-8").partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeError):
        raise InputError(f"{name}: sign_in.secret_file: the file cannot be read") from None
    if not secret:
        raise InputError(f"{name}: sign_in.secret_file: its first line is empty")
    return secret


def _check_keys(name: str, values: Mapping[str, Any], known: frozenset[str], table: str = "") -> None:
    for key in sorted(values.keys() - known):
        raise InputError(f"{name}: {table}{key}: there is {', '.join(sorted(known))}")


def _read_text(
    name: str, values: Mapping[str, Any], key: str, table: str = "", *, required: bool = False
) -> str:
    text = values.get(key, "")
    if not isinstance(text, str) or (required and not text.strip()):
        raise InputError(f"{name}: {table}{key}: {'give a text' if required else 'a text'}")
    return text.strip()


def _read_url(
    name: str, values: Mapping[str, Any], key: str, table: str = "", *, required: bool = False
) -> str:
    """Return an address; only this machine may be called without TLS."""
    text = _read_text(name, values, key, table, required=required)
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        is_address = bool(parts.hostname) and parts.port != 0 and not (parts.query or parts.fragment)
    except ValueError:
        raise InputError(f"{name}: {table}{key}: no address of HTTP") from None
    if not is_address or parts.scheme not in {"http", "https"}:
        raise InputError(f"{name}: {table}{key}: {_HTTP}")
    if parts.username or parts.password:
        raise InputError(f"{name}: {table}{key}: an address without a user; credentials belong to sign_in")
    if parts.scheme == "http" and not _is_this_machine(parts.hostname or ""):
        raise InputError(f"{name}: {table}{key}: https; only this machine may be called without TLS")
    return text.rstrip("/")


def _read_sftp_url(name: str, values: Mapping[str, Any], key: str, *, required: bool) -> str:
    """Return the address of a folder of an SSH server."""
    text = _read_text(name, values, key, required=required)
    try:
        parts = urlsplit(text)
        is_address = bool(parts.hostname) and parts.port != 0 and not (parts.query or parts.fragment)
    except ValueError:
        raise InputError(f"{name}: {key}: {_SFTP}") from None
    if not is_address or parts.scheme != FILE_SYSTEM:
        raise InputError(f"{name}: {key}: {_SFTP}")
    if parts.username or parts.password:
        raise InputError(f"{name}: {key}: an address without a user; credentials belong to sign_in")
    return text.rstrip("/")


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
