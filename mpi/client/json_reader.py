"""Reading of JSON answers into results, checked member by member.

A member that a result does not have is left out, so that a newer index can be read. A message of an error
names members and never their values.
"""

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from mpi.client.errors import InvalidAnswerError

T = TypeVar("T")


def parse_json(text: bytes | str) -> Any:  # noqa: ANN401 - any JSON
    """Parse JSON.

    Raises:
        InvalidAnswerError: the text is not JSON.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # the error of the library holds the text
        raise InvalidAnswerError(
            "the answer is not JSON: is the address that of the index, and not of another program?"
        ) from None


def read_result(kind: type[T], value: object, place: str = "answer") -> T:
    """Read a JSON object as a result.

    Args:
        kind: the dataclass of the result.
        value: the parsed JSON.
        place: name of the value in messages.

    Raises:
        InvalidAnswerError: a member is missing, or has another type.
    """
    if not isinstance(value, Mapping):
        raise InvalidAnswerError(f"{place}: is not an object")
    members = {}
    for name, annotation, is_required in _list_members(cast("Any", kind)):
        if name in value:
            members[name] = _read_value(annotation, value[name], f"{place}.{name}")
        elif is_required:
            raise InvalidAnswerError(f"{place}.{name}: is missing")
    return kind(**members)


def read_results(kind: type[T], value: object) -> tuple[T, ...]:
    """Read a JSON list of objects as results.

    Raises:
        InvalidAnswerError: it is no list, or one of its objects cannot be read.
    """
    if not isinstance(value, list):
        raise InvalidAnswerError("answer: is not a list")
    return tuple(read_result(kind, each, f"answer[{place}]") for place, each in enumerate(value))


@cache
def _list_members(kind: type[Any]) -> tuple[tuple[str, Any, bool], ...]:
    """Return name, type and necessity of each member of a dataclass."""
    types = get_type_hints(kind)
    return tuple(
        (each.name, types[each.name], each.default is MISSING and each.default_factory is MISSING)
        for each in fields(kind)
    )


def _read_value(annotation: Any, value: object, place: str) -> object:  # noqa: ANN401 - a type
    """Read a value as what a result's annotation says."""
    origin = get_origin(annotation)
    if origin is UnionType:
        if value is None and NoneType in get_args(annotation):
            return None
        [annotation] = [each for each in get_args(annotation) if each is not NoneType]
        return _read_value(annotation, value, place)
    if origin is tuple:
        if not isinstance(value, list):
            raise InvalidAnswerError(f"{place}: is not a list")
        of = get_args(annotation)[0]
        return tuple(_read_value(of, each, f"{place}[{index}]") for index, each in enumerate(value))
    if is_dataclass(annotation):
        return read_result(annotation, value, place)  # type: ignore[arg-type]
    if annotation is Any:
        return value
    return _read_plain_value(origin or annotation, value, place)


def _read_plain_value(kind: type[Any], value: object, place: str) -> object:
    """Return a text, number, flag or object, after checking its type."""
    accepted = (int, float) if kind is float else kind
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        raise InvalidAnswerError(f"{place}: is not of type {kind.__name__}")
    return value
