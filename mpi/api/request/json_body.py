"""Typed access to the members of a JSON request body.

Bodies are parsed by hand after the permission check. A caller who may not decide learns nothing from what is
wrong with the body, and no message quotes it.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, TypeVar, cast

from fastapi import Depends

from mpi.api.request.record_body import RawBodyDep, parse_json_object
from mpi.domain.errors import InputError
from mpi.domain.record_ref import RecordRef

Value = TypeVar("Value", str, int, bool)
Member = TypeVar("Member")


async def parse_optional_object(data: RawBodyDep) -> dict[str, object]:
    """Parse the request body as one JSON object; empty if no body."""
    return parse_json_object(data) if data.strip() else {}


JsonBodyDep = Annotated[dict[str, object], Depends(parse_optional_object)]


class JsonBody:
    """Typed reader of the members of a JSON object.

    Args:
        members: the JSON object.
        names: names of the members that the body may have.

    Raises:
        InputError: the body has another member.
    """

    def __init__(self, members: Mapping[str, object], *names: str) -> None:
        if set(members) - set(names):
            raise InputError(f"the body has an unknown member; the known ones are {', '.join(names)}")
        self._members = members

    def text(self, name: str) -> str:
        """Return a required text member."""
        return _require_value(name, self._get(name, str, "text"))

    def optional_text(self, name: str) -> str | None:
        """Return a text member; None if missing."""
        return self._get(name, str, "text")

    def flag(self, name: str) -> bool:
        """Return a boolean member; false if missing."""
        return self._get(name, bool, "true or false") or False

    def optional_bits(self, name: str) -> float | None:
        """Return a number of bits; None if missing."""
        value = self._members.get(name)
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            return value
        raise InputError(f"{name}: give a number of bits")

    def optional_number(self, name: str) -> int | None:
        """Return a whole number; None if missing."""
        value = self._members.get(name)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        raise InputError(f"{name}: give a whole number")

    def texts(self, name: str) -> list[str]:
        """Return a required list of texts."""
        items = self._get_list(name)
        if items is None or not all(isinstance(item, str) for item in items):
            raise InputError(f"{name}: give a list of texts")
        return cast("list[str]", items)

    def numbers(self, name: str) -> tuple[int, ...]:
        """Return a list of whole numbers; empty if missing."""
        items = self._get_list(name) or []
        if not all(isinstance(item, int) and not isinstance(item, bool) for item in items):
            raise InputError(f"{name}: give a list of numbers")
        return tuple(cast("list[int]", items))

    def groups(self, name: str) -> list[list[RecordRef]]:
        """Return a required list of groups of records."""
        groups = _require_value(name, self._get_list(name))
        return [self._to_records(name, group) for group in groups]

    def records(self, name: str) -> list[RecordRef]:
        """Return a required list of records."""
        return self._to_records(name, self._members.get(name))

    def record(self, name: str) -> RecordRef:
        """Return a required record."""
        return self._to_record(name, self._members.get(name))

    def value(self, name: str) -> object:
        """Return a required member of any type, which the caller checks."""
        return _require_value(name, self._members.get(name))

    def optional_record(self, name: str) -> RecordRef | None:
        """Return a record; None if missing."""
        value = self._members.get(name)
        return None if value is None else self._to_record(name, value)

    def number(self, name: str) -> int:
        """Return a required whole number."""
        return _require_value(name, self.optional_number(name))

    def verdicts(self, name: str) -> list[tuple[RecordRef, RecordRef, str]]:
        """Return a required list of verdicts on pairs of records."""
        return [self._to_verdict(name, item) for item in _require_value(name, self._get_list(name))]

    def optional_group(self, name: str) -> int | RecordRef | None:
        """Return a group as its position or one of its records.

        Returns:
            None if the member is missing.
        """
        value = self._members.get(name)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        return self._to_record(name, value)

    def _to_records(self, name: str, value: object) -> list[RecordRef]:
        """Convert a JSON list into record references."""
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise InputError(f"{name}: give lists of records, each with source and local_id")
        return [self._to_record(name, item) for item in value]

    def _to_record(self, name: str, value: object) -> RecordRef:
        """Convert a JSON object into a record reference."""
        if isinstance(value, Mapping) and set(value) == {"source", "local_id"}:
            source, local_id = value["source"], value["local_id"]
            if isinstance(source, str) and isinstance(local_id, str):
                return RecordRef(source, local_id)
        raise InputError(f"{name}: a record is given by source and local_id, both text")

    def _to_verdict(self, name: str, value: object) -> tuple[RecordRef, RecordRef, str]:
        """Convert a JSON object into a verdict on a pair."""
        if isinstance(value, Mapping) and set(value) == {"left", "right", "kind"}:
            kind = value["kind"]
            if isinstance(kind, str):
                return self._to_record(name, value["left"]), self._to_record(name, value["right"]), kind
        raise InputError(f"{name}: a verdict has left, right (records) and kind (text)")

    def _get(self, name: str, kind: type[Value], expected: str) -> Value | None:
        """Return a member of one type; None if missing."""
        value = self._members.get(name)
        if value is None or isinstance(value, kind):
            return value
        raise InputError(f"{name}: give {expected}")

    def _get_list(self, name: str) -> list[object] | None:
        """Return a list member; None if missing."""
        value = self._members.get(name)
        if value is None or isinstance(value, list):
            return value
        raise InputError(f"{name}: give a list")


def _require_value(name: str, value: Member | None) -> Member:
    """Return a value, or refuse a missing one."""
    if value is None:
        raise InputError(f"{name}: is missing")
    return value
