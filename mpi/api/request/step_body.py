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

    def __init__(self, sent: Mapping[str, object], *names: str) -> None:
        if set(sent) - set(names):
            raise InputError(f"the body has a member that is not known here; known are {', '.join(names)}")
        self._sent = sent

    def text(self, name: str) -> str:
        """Text that has to be there."""
        return _require_value(name, self._of(name, str, "text"))

    def optional_text(self, name: str) -> str | None:
        """Text, if it is there."""
        return self._of(name, str, "text")

    def flag(self, name: str) -> bool:
        """True or false; false where it is left out."""
        return self._of(name, bool, "true or false") or False

    def bits(self, name: str) -> float | None:
        """A number of bits, if it is there."""
        found = self._sent.get(name)
        if found is None or (isinstance(found, int | float) and not isinstance(found, bool)):
            return found
        raise InputError(f"{name}: give a number of bits")

    def optional_number(self, name: str) -> int | None:
        """A whole number, if it is there."""
        found = self._sent.get(name)
        if found is None or (isinstance(found, int) and not isinstance(found, bool)):
            return found
        raise InputError(f"{name}: give a whole number")

    def texts(self, name: str) -> list[str]:
        """A list of texts that has to be there."""
        found = self._list(name)
        if found is None or not all(isinstance(each, str) for each in found):
            raise InputError(f"{name}: give a list of texts")
        return cast("list[str]", found)

    def numbers(self, name: str) -> tuple[int, ...]:
        """A list of numbers; empty where it is left out."""
        found = self._list(name) or []
        if not all(isinstance(each, int) and not isinstance(each, bool) for each in found):
            raise InputError(f"{name}: give a list of numbers")
        return tuple(cast("list[int]", found))

    def groups(self, name: str) -> list[list[RecordRef]]:
        """A list of lists of records that has to be there."""
        found = _require_value(name, self._list(name))
        return [self._labels(name, group) for group in found]

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
        found = self._sent.get(name)
        return None if found is None else self._label(name, found)

    def number(self, name: str) -> int:
        """A whole number that has to be there."""
        return _require_value(name, self.optional_number(name))

    def verdicts(self, name: str) -> list[tuple[RecordRef, RecordRef, str]]:
        """A list of verdicts on pairs of records that has to be there."""
        return [self._verdict(name, each) for each in _require_value(name, self._list(name))]

    def part(self, name: str) -> int | RecordRef | None:
        """A place, or a record; None where it is left out."""
        found = self._sent.get(name)
        if found is None or (isinstance(found, int) and not isinstance(found, bool)):
            return found
        return self._label(name, found)

    def _labels(self, name: str, sent: object) -> list[RecordRef]:
        if not isinstance(sent, Sequence) or isinstance(sent, str):
            raise InputError(f"{name}: give lists of records, each with source and local_id")
        return [self._label(name, each) for each in sent]

    def _label(self, name: str, sent: object) -> RecordRef:
        if isinstance(sent, Mapping) and set(sent) == {"source", "local_id"}:
            source, local_id = sent["source"], sent["local_id"]
            if isinstance(source, str) and isinstance(local_id, str):
                return RecordRef(source, local_id)
        raise InputError(f"{name}: a record is given by source and local_id, both text")

    def _verdict(self, name: str, sent: object) -> tuple[RecordRef, RecordRef, str]:
        if isinstance(sent, Mapping) and set(sent) == {"left", "right", "kind"}:
            kind = sent["kind"]
            if isinstance(kind, str):
                return self._label(name, sent["left"]), self._label(name, sent["right"]), kind
        raise InputError(f"{name}: a verdict has left, right (records) and kind (text)")

    def _of(self, name: str, kind: type[Value], called: str) -> Value | None:
        found = self._sent.get(name)
        if found is None or isinstance(found, kind):
            return found
        raise InputError(f"{name}: give {called}")

    def _list(self, name: str) -> list[object] | None:
        found = self._sent.get(name)
        if found is None or isinstance(found, list):
            return found
        raise InputError(f"{name}: give a list")


def _require_value(name: str, found: Member | None) -> Member:
    if found is None:
        raise InputError(f"{name}: is missing")
    return found
