"""Names of files on another system, which may be hostile."""

from fnmatch import fnmatchcase

MAX_NAME_BYTES = 200
"""Most bytes of a name; a local copy adds the moment."""


def read_safe_name(raw: bytes) -> str | None:
    """Return a name that is safe for a local file, or None.

    A name that is a path, hidden, too long, no UTF-8, or that holds characters which cannot be seen, is not.
    """
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if not name or len(raw) > MAX_NAME_BYTES or name.startswith((".", "-")) or name != name.strip():
        return None
    return name if name.isprintable() and not {"/", "\\"} & set(name) else None


def may_match(raw: bytes, pattern: str) -> bool:
    """Return whether a name, safe or not, fits a pattern."""
    return fnmatchcase(raw.decode("utf-8", "replace"), pattern)


def is_hidden(raw: bytes) -> bool:
    """Return whether a name begins with a dot, as unfinished files do."""
    return raw.startswith(b".") and b"/" not in raw
