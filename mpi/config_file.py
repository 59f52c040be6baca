"""File of settings (TOML), which the environment variable ``MPI_CONFIG`` names.

Keys are the names of the settings without ``MPI_``, in lower case. The file may name programs that print
keys, so nobody but its owner and root may change it; with a secret in it, nobody else may read it.
"""

import difflib
import os
import re
import shlex
import stat
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeGuard, get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from mpi.domain.errors import FileError, InputError

PREFIX = "MPI_"
"""What the environment variable of each setting begins with."""
VARIABLE = "MPI_CONFIG"
"""Environment variable that names the file."""
_MASK = "********"
_MOST_BYTES = 1_000_000
_MOST_NAME_LETTERS = 60
_URL_PASSWORD = re.compile(r"(://[^:/?#@\s]*:).*@")
_QUERY_PASSWORD = re.compile(r"([?&](?:ssl)?password=)[^&\s]*")


def find_config_file() -> Path | None:
    """Return the path that ``MPI_CONFIG`` names; None if it names none."""
    name = os.environ.get(VARIABLE)
    return Path(name).absolute() if name else None


def read_config_file(path: Path, fields: Mapping[str, FieldInfo]) -> dict[str, Any]:
    """Read the values of settings from a file.

    Their types are not checked yet.

    Args:
        path: the file.
        fields: the settings by name.

    Raises:
        FileError: it cannot be read, is no TOML, or others may change it, or read a secret in it.
        InputError: it holds what is no setting, or a relative path; the message names all of them.
    """
    content, mode = _read_content(path)
    try:
        table = tomllib.loads(content.decode("utf-8"))
    except UnicodeDecodeError:
        raise FileError(f"{path} is not in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise FileError(f"{path} is no TOML: {error}") from None
    values = {name: ",".join(value) if _is_list(value) else value for name, value in table.items()}
    faults = [fault for name, value in values.items() if (fault := _find_fault(name, value, fields))]
    if faults:
        raise InputError(f"{path}: {'; '.join(faults)}")
    secrets = sorted(name for name, value in values.items() if _is_secret(value, fields[name]))
    if secrets and mode & (stat.S_IRGRP | stat.S_IROTH):
        raise FileError(
            f"{path} holds a secret ({', '.join(secrets)}) and may be read by other users: "
            f"run chmod 600 {shlex.quote(str(path))}"
        )
    return values


def _read_content(path: Path) -> tuple[bytes, int]:
    """Return content and permissions of a well-protected file."""
    try:
        # Without the flag, a pipe that nobody writes to would block for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "this is no path"
        raise FileError(f"cannot read {path}, which {VARIABLE} names: {reason}") from None
    try:
        state = os.fstat(descriptor)
        _require_trusted(path, state)
        content = _read_bytes(descriptor)
    finally:
        os.close(descriptor)
    if len(content) > _MOST_BYTES:
        raise FileError(f"{path} is larger than {_MOST_BYTES:,} bytes: it is no file of settings")
    return content, state.st_mode


def _require_trusted(path: Path, state: os.stat_result) -> None:
    """Refuse what is no file, or what others may change."""
    if not stat.S_ISREG(state.st_mode):
        raise FileError(f"{path}, which {VARIABLE} names, is no file")
    if state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise FileError(f"{path} may be changed by other users: run chmod go-w {shlex.quote(str(path))}")
    if state.st_uid not in {0, os.geteuid()}:
        raise FileError(f"{path} belongs to another user, who may change it: make root or yourself its owner")


def _read_bytes(descriptor: int) -> bytes:
    """Return the content of an open file, within bounds.

    One byte more than permitted is read, so that the caller sees a longer file.
    """
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        return file.read(_MOST_BYTES + 1)


def _find_fault(name: str, value: object, fields: Mapping[str, FieldInfo]) -> str | None:
    """Return what is wrong with a key; None if nothing is."""
    if name not in fields:
        return _describe_unknown(name, fields)
    if isinstance(value, dict | list):
        return f"{name} has no parts: write one value, or a list of texts"
    if _holds(fields[name], Path) and isinstance(value, str) and not Path(value).is_absolute():
        return f"{name} is a relative path: write the whole path, since commands start in any folder"
    return None


def _describe_unknown(name: str, fields: Mapping[str, FieldInfo]) -> str:
    """Say that a key is no setting, with the nearest one."""
    nearest = find_nearest(name.lower().removeprefix(PREFIX.lower()), fields)
    hint = f"; did you mean {nearest}?" if nearest else ": mpi config show lists all"
    return f"{name[:_MOST_NAME_LETTERS]!r} is no setting{hint}"


def find_nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the name most like another; None if none is alike."""
    return next(iter(difflib.get_close_matches(name, list(names), 1)), None)


def mask_secrets(value: object, field: FieldInfo) -> object:
    """Return the value of a setting as it may be shown."""
    if value is None or value == "":
        return value
    if _holds(field, SecretStr):
        return _MASK
    if not isinstance(value, str):
        return value
    return _QUERY_PASSWORD.sub(rf"\1{_MASK}", _URL_PASSWORD.sub(rf"\1{_MASK}@", value))


def _is_secret(value: object, field: FieldInfo) -> bool:
    """Return whether a value is, or holds, a secret."""
    return mask_secrets(value, field) != value


def _holds(field: FieldInfo, kind: type) -> bool:
    """Return whether the values of a setting are of a type."""
    return field.annotation is kind or kind in get_args(field.annotation)


def _is_list(value: object) -> TypeGuard[list[str]]:
    """Return whether a value is a list of texts."""
    return isinstance(value, list) and all(isinstance(part, str) for part in value)
