"""Options of a connection to a folder of files."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mpi.connectors.connection import Connection
from mpi.domain.errors import InputError
from mpi.domain.snapshot import Snapshot

DEFAULT_PORT = 22
_KNOWN = frozenset(
    (
        "files", "mapping", "snapshot", "marker", "settle_seconds", "max_bytes", "known_hosts", "host_keys",
        "move_loaded_to", "move_failed_to", "folder", "keep_loaded",
    )
)  # fmt: skip
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_SETTLE_S = (0, 3_600)
_MAX_BYTES = (1, 1_000_000_000_000)
_DEFAULT_MAX_BYTES = 2_000_000_000


@dataclass(frozen=True, slots=True)
class SftpOptions:
    """Options of a connection to a folder of files.

    Args:
        host: name of the server.
        port: its port.
        path: the folder there; a path without a slash at its beginning starts in the user's home.
        pattern: pattern of file names, with ``*``, ``?`` and ``[…]``.
        mapping: mapping of the files, as ``mpi ingest`` takes it; None for canonical columns.
        snapshot: whether a file holds all records of the source.
        marker: ending of the empty file that says that a file is whole, such as ``.done``; empty for none.
        settle_s: seconds in which size and time of a file must stay the same.
        max_bytes: most bytes of a file.
        known_hosts: file of host keys in OpenSSH's form; None without one.
        fingerprints: fingerprints of host keys.
        loaded_path: folder there into which a loaded file is moved; empty to leave it.
        failed_path: folder there into which a failed file is moved; empty to leave it.
        folder: local folder of receipts, rejected rows and failed files; None for the default.
        keeps_loaded: whether the local copy of a loaded file is kept.
    """

    host: str
    port: int
    path: str
    pattern: str
    mapping: str | None
    snapshot: Snapshot
    marker: str
    settle_s: int
    max_bytes: int
    known_hosts: Path | None
    fingerprints: Sequence[str]
    loaded_path: str
    failed_path: str
    folder: Path | None
    keeps_loaded: bool


def read_options(connection: Connection) -> SftpOptions:
    """Read the options of a connection to a folder of files.

    Raises:
        InputError: one is wrong or missing, or nothing says which host keys are trusted.
    """
    connection.check_options(_KNOWN)
    parts = urlsplit(connection.url)
    known_hosts = _read_text(connection, "known_hosts")
    fingerprints = _read_fingerprints(connection)
    if bool(known_hosts) == bool(fingerprints):
        raise InputError(
            f"{connection.name}: options: give known_hosts or host_keys, one of the two; the server's "
            "operator tells its host keys"
        )
    mapping, folder = _read_text(connection, "mapping"), _read_text(connection, "folder")
    return SftpOptions(
        host=parts.hostname or "",
        port=parts.port or DEFAULT_PORT,
        path=_read_path(unquote(parts.path)),
        pattern=_read_pattern(connection),
        mapping=_find_mapping(connection, mapping) if mapping else None,
        snapshot=_read_snapshot(connection),
        marker=_read_marker(connection),
        settle_s=_read_number(connection, "settle_seconds", 10, _SETTLE_S),
        max_bytes=_read_number(connection, "max_bytes", _DEFAULT_MAX_BYTES, _MAX_BYTES),
        known_hosts=connection.folder / known_hosts if known_hosts else None,
        fingerprints=fingerprints,
        loaded_path=_read_text(connection, "move_loaded_to"),
        failed_path=_read_text(connection, "move_failed_to"),
        folder=connection.folder / folder if folder else None,
        keeps_loaded=_read_switch(connection, "keep_loaded"),
    )


def _read_path(path: str) -> str:
    """Return the folder of the server that a path names.

    ``/~/`` at the beginning of a path stands for the user's home, and so does an empty path.
    """
    if path in {"", "/~"}:
        return "."
    return path.removeprefix("/~/") if path.startswith("/~/") else path


def _read_pattern(connection: Connection) -> str:
    pattern = _read_text(connection, "files")
    if not pattern or "/" in pattern:
        raise InputError(f"{connection.name}: options.files: a pattern of file names such as students-*.csv")
    return pattern


def _read_marker(connection: Connection) -> str:
    marker = _read_text(connection, "marker")
    if marker and (not marker.startswith(".") or "/" in marker):
        raise InputError(f"{connection.name}: options.marker: the ending of a file's name such as .done")
    return marker


def _find_mapping(connection: Connection, mapping: str) -> str:
    """Return the path of a mapping file, or a shipped mapping's name."""
    path = connection.folder / mapping
    return str(path) if path.is_file() else mapping


def _read_snapshot(connection: Connection) -> Snapshot:
    values = [snapshot.value for snapshot in Snapshot]
    value = connection.options.get("snapshot", Snapshot.DELTA.value)
    if value not in values:
        raise InputError(f"{connection.name}: options.snapshot: one of {', '.join(values)}")
    return Snapshot(value)


def _read_fingerprints(connection: Connection) -> tuple[str, ...]:
    keys = connection.options.get("host_keys", [])
    if not isinstance(keys, list) or not all(
        isinstance(key, str) and _FINGERPRINT.fullmatch(key) for key in keys
    ):
        raise InputError(
            f"{connection.name}: options.host_keys: a list of fingerprints, SHA256: and 43 characters "
            "each, as ssh-keygen -lf prints them"
        )
    return tuple(keys)


def _read_text(connection: Connection, name: str) -> str:
    text = connection.options.get(name, "")
    if not isinstance(text, str) or not text.isprintable():
        raise InputError(f"{connection.name}: options.{name}: a text")
    return text.strip()


def _read_switch(connection: Connection, name: str) -> bool:
    value = connection.options.get(name, False)
    if not isinstance(value, bool):
        raise InputError(f"{connection.name}: options.{name}: true or false")
    return value


def _read_number(connection: Connection, name: str, default: int, bounds: tuple[int, int]) -> int:
    value = connection.options.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not bounds[0] <= value <= bounds[1]:
        raise InputError(f"{connection.name}: options.{name}: {bounds[0]:,} to {bounds[1]:,}")
    return value
