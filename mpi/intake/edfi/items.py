"""Values of items: Ed-Fi resources in the form of the API's JSON."""

import re
from collections.abc import Iterator, Mapping

Item = Mapping[str, object]
"""One resource, such as a student, as the Ed-Fi API gives it."""

_NAMESPACE = re.compile(r"^[^\s#]*#")
_NOTHING: Item = {}


def read_text(item: Item, *path: str) -> str | None:
    """Return the trimmed text of an item's value, by path.

    Returns:
        None where the value is empty or missing, or is a list or an object.
    """
    value = read_object(item, *path[:-1]).get(path[-1])
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return value.strip() or None if isinstance(value, str) else None


def read_code(item: Item, *path: str) -> str | None:
    """Return the code of an item's descriptor, by path."""
    return to_descriptor_code(read_text(item, *path))


def read_object(item: Item, *path: str) -> Item:
    """Return an object inside an item; an empty one without it."""
    for name in path:
        value = item.get(name)
        item = value if isinstance(value, dict) else _NOTHING
    return item


def list_objects(item: Item, name: str) -> Iterator[Item]:
    """Yield the objects of a list inside an item."""
    values = item.get(name)
    for value in values if isinstance(values, list) else ():
        if isinstance(value, dict):
            yield value


def to_descriptor_code(text: str | None) -> str | None:
    """Return the code of an Ed-Fi descriptor.

    ``Female`` of ``uri://ed-fi.org/SexDescriptor#Female``. A code may hold ``#`` itself; a namespace holds
    neither it nor a space.
    """
    return text and (_NAMESPACE.sub("", text).strip() or None)
