"""Values of OneRoster items, whatever a system sent."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

Item = Mapping[str, Any]
"""One item in the form of OneRoster's JSON."""

_DATE_AND_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]")
_DATE_LENGTH = len("2014-03-09")
_YES = "true"
_DELETED = "tobedeleted"


def read_text(item: Item, *names: str) -> str | None:
    """Return the first text or number, as trimmed text."""
    for name in names:
        value = item.get(name)
        if isinstance(value, str):
            if text := value.strip():
                return text
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            return str(value)
    return None


def read_date(item: Item, name: str) -> str | None:
    """Return a date; of a date and time, the date."""
    text = read_text(item, name)
    return text[:_DATE_LENGTH] if text and _DATE_AND_TIME.match(text) else text


def is_yes(item: Item, name: str) -> bool:
    """Return whether a value is true; OneRoster 1.1 writes it as text."""
    value = item.get(name)
    return value is True or (isinstance(value, str) and value.strip().casefold() == _YES)


def is_deleted(item: Item) -> bool:
    """Return whether an item's status says that it is to be deleted."""
    return (read_text(item, "status") or "").casefold() == _DELETED


def list_items(item: Item, name: str) -> Iterator[Item]:
    """Yield the objects of a list, or a single object."""
    value = item.get(name)
    for entry in value if isinstance(value, list) else [value]:
        if isinstance(entry, dict):
            yield entry


def read_reference(item: Item, name: str) -> str | None:
    """Return the ``sourcedId`` to which a value refers."""
    for reference in list_items(item, name):
        return read_text(reference, "sourcedId")
    return None


def list_references(item: Item, name: str) -> Iterator[str]:
    """Yield each ``sourcedId`` to which a list refers."""
    for reference in list_items(item, name):
        if source_id := read_text(reference, "sourcedId"):
            yield source_id


def list_roles(user: Item) -> frozenset[str]:
    """Return the roles of a user; 1.1 has one, 1.2 several."""
    roles = [read_text(entry, "role") for entry in list_items(user, "roles")]
    return frozenset(role.casefold() for role in (*roles, read_text(user, "role")) if role)
