"""What a steward's call asks for, read from its JSON body; unknown members are refused.

Read by hand, after the policy has said yes: a caller who may not decide learns nothing from what is wrong
with the body, and no message quotes it.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, TypeVar, cast

from fastapi import Depends

from mpi.api.request.body import RawBodyDep, parse_json_object
from mpi.domain.errors import InputError
from mpi.domain.record_ref import RecordRef

Value = TypeVar("Value", str, int, bool)
Member = TypeVar("Member")


async def parse_optional_object(data: RawBodyDep) -> dict[str, object]:
    """The body as one JSON object; an empty body is an empty one."""
    return parse_json_object(data) if data.strip() else {}


JsonBodyDep = Annotated[dict[str, object], Depends(parse_optional_object)]


class JsonBody:
    """The members of a body, taken one by one.

    Args:
        sent: the JSON object.
        names: the members that it may have.

    Raises:
        InputError: it has another.
    """

    def __init__(self, members: Mapping[str, object], *names: str) -> None:
        if set(members) - set(names):
            raise InputError(f"the body has a member that is not known here; known are {', '.join(names)}")
        self._sent = members

    def text(self, name: str) -> str:
        """Text that has to be there."""
        return _require_value(name, self._of(name, str, "text"))

    def optional_text(self, name: str) -> str | None:
        """Text, if it is there."""
        return self._of(name, str, "text")

    def flag(self, name: str) -> bool:
        """True or false; false where it is left out."""
        return self._of(name, bool, "true or false") or False

    def optional_bits(self, name: str) -> float | None:
        """A number of bits, if it is there."""
        value = self._sent.get(name)
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            return value
        raise InputError(f"{name}: give a number of bits")

    def optional_number(self, name: str) -> int | None:
        """A whole number, if it is there."""
        value = self._sent.get(name)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        raise InputError(f"{name}: give a whole number")

    def texts(self, name: str) -> list[str]:
        """A list of texts that has to be there."""
        items = self._list(name)
        if items is None or not all(isinstance(item, str) for item in items):
            raise InputError(f"{name}: give a list of texts")
        return cast("list[str]", items)

    def numbers(self, name: str) -> tuple[int, ...]:
        """A list of numbers; empty where it is left out."""
        items = self._list(name) or []
        if not all(isinstance(item, int) and not isinstance(item, bool) for item in items):
            raise InputError(f"{name}: give a list of numbers")
        return tuple(cast("list[int]", items))

    def groups(self, name: str) -> list[list[RecordRef]]:
        """A list of lists of records that has to be there."""
        groups = _require_value(name, self._list(name))
        return [self._labels(name, group) for group in groups]

    def records(self, name: str) -> list[RecordRef]:
        """A list of records that has to be there."""
        return self._labels(name, self._sent.get(name))

    def record(self, name: str) -> RecordRef:
        """A record that has to be there."""
        return self._label(name, self._sent.get(name))

    def value(self, name: str) -> object:
        """Anything that has to be there; whether it can be one, the field that it is of says."""
        return _require_value(name, self._sent.get(name))

    def optional_record(self, name: str) -> RecordRef | None:
        """A record, if it is there."""
        value = self._sent.get(name)
        return None if value is None else self._label(name, value)

    def number(self, name: str) -> int:
        """A whole number that has to be there."""
        return _require_value(name, self.optional_number(name))

    def verdicts(self, name: str) -> list[tuple[RecordRef, RecordRef, str]]:
        """A list of verdicts on pairs of records that has to be there."""
        return [self._verdict(name, item) for item in _require_value(name, self._list(name))]

    def optional_group(self, name: str) -> int | RecordRef | None:
        """A place, or a record; None where it is left out."""
        value = self._sent.get(name)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        return self._label(name, value)

    def _labels(self, name: str, value: object) -> list[RecordRef]:
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise InputError(f"{name}: give lists of records, each with source and local_id")
        return [self._label(name, item) for item in value]

    def _label(self, name: str, value: object) -> RecordRef:
        if isinstance(value, Mapping) and set(value) == {"source", "local_id"}:
            source, local_id = value["source"], value["local_id"]
            if isinstance(source, str) and isinstance(local_id, str):
                return RecordRef(source, local_id)
        raise InputError(f"{name}: a record is given by source and local_id, both text")

    def _verdict(self, name: str, value: object) -> tuple[RecordRef, RecordRef, str]:
        if isinstance(value, Mapping) and set(value) == {"left", "right", "kind"}:
            kind = value["kind"]
            if isinstance(kind, str):
                return self._label(name, value["left"]), self._label(name, value["right"]), kind
        raise InputError(f"{name}: a verdict has left, right (records) and kind (text)")

    def _of(self, name: str, kind: type[Value], expected: str) -> Value | None:
        value = self._sent.get(name)
        if value is None or isinstance(value, kind):
            return value
        raise InputError(f"{name}: give {expected}")

    def _list(self, name: str) -> list[object] | None:
        value = self._sent.get(name)
        if value is None or isinstance(value, list):
            return value
        raise InputError(f"{name}: give a list")


def _require_value(name: str, value: Member | None) -> Member:
    if value is None:
        raise InputError(f"{name}: is missing")
    return value
