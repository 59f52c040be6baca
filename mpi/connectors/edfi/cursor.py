"""Cursor of pulls from an Ed-Fi API."""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

_MOST_KEY_CHANGES = 200
"""Most key changes that a cursor names, the newest ones. It stays below 4,000 characters."""


@dataclass(frozen=True, slots=True)
class EdfiCursor:
    """Where a pull ended.

    Args:
        version: change version up to which was read; None for an API without Change Queries.
        resources: resources that were read.
        key_changes: change versions of key changes that may be read again, and count no more.
    """

    version: int | None
    resources: tuple[str, ...]
    key_changes: tuple[int, ...] = ()

    def to_text(self) -> str:
        """Return the cursor as text."""
        newest = sorted(self.key_changes)[-_MOST_KEY_CHANGES:]
        values = {"version": self.version, "resources": self.resources, "key_changes": newest}
        return orjson.dumps(values).decode()


def read_cursor(text: str | None) -> EdfiCursor | None:
    """Return a cursor from its text; None for another text."""
    try:
        values = orjson.loads(text or "")
    except orjson.JSONDecodeError:
        return None
    if not isinstance(values, Mapping):
        return None
    version, names, changes = (values.get(name) for name in ("version", "resources", "key_changes"))
    if not isinstance(names, list) or not isinstance(changes, list):
        return None
    return EdfiCursor(version if isinstance(version, int) else None, tuple(names), tuple(changes))
