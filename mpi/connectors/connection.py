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


class SignInKind(StrEnum):
    """How a system's API is signed in to."""

    OAUTH2 = "oauth2"
    """Client credentials (RFC 6749, section 4.4)."""
    OAUTH1 = "oauth1"
    """Signed requests without a token (RFC 5849), as OneRoster 1.1 has them."""
    NONE = "none"


@dataclass(frozen=True, slots=True)
class SignIn:
    """Credentials for another system's API.

    Args:
        kind: how it is signed in to.
        client_id: the client, or consumer key.
        secret: the client's secret.
        token_url: where an access token is asked for; empty without one.
        scopes: scopes that are asked for.
    """

    kind: SignInKind
    client_id: str = ""
    secret: str = field(default="", repr=False)
    token_url: str = ""
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Connection:
    """Connection to the API of another system.

    Args:
        name: name of its file, for messages.
        system: name of the connector, such as ``oneroster``.
        version: version of the API or its data standard; empty for the connector's default.
        source: code of the source whose records it gives.
        url: base address of the API, without a slash at its end.
        sign_in: credentials.
        options: further settings, which the connector knows.
    """

    name: str
    system: str
    source: str
    url: str
    sign_in: SignIn
    version: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

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
    return Connection(
        name=path.name,
        system=_read_text(path.name, values, "system", required=True),
        source=_read_text(path.name, values, "source", required=True),
        url=_read_url(path.name, values, "url", required=True),
        sign_in=_read_sign_in(path, values.get("sign_in"), environment),
        version=_read_text(path.name, values, "version"),
        options=options,
    )


def _read_sign_in(path: Path, values: Any, environment: Mapping[str, str]) -> SignIn:  # noqa: ANN401 - TOML
    name = path.name
    if not isinstance(values, dict):
        raise InputError(f"{name}: sign_in: a table with kind, client_id and secret_file or secret_variable")
    _check_keys(name, values, _SIGN_IN_KEYS, "sign_in.")
    kinds = [kind.value for kind in SignInKind]
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
    try:
        if secret_path.stat().st_mode & 0o077:
            raise InputError(f"{name}: sign_in.secret_file: others may read it; chmod 600 it")
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
        raise InputError(f"{name}: {table}{key}: an address such as https://sis.example.org/api")
    if parts.username or parts.password:
        raise InputError(f"{name}: {table}{key}: an address without a user; credentials belong to sign_in")
    if parts.scheme == "http" and not _is_this_machine(parts.hostname or ""):
        raise InputError(f"{name}: {table}{key}: https; only this machine may be called without TLS")
    return text.rstrip("/")


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
