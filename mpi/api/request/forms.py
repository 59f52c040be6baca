"""Forms of the pages: bounded while they are read, and plain text or refused."""

from collections.abc import Mapping, Sequence
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from mpi.api.request.problems import TooLargeError
from mpi.domain.errors import InputError

MAX_FORM_BYTES = 100_000
MAX_FORM_FIELDS = 1_000
_MEDIA_TYPE = "application/x-www-form-urlencoded"


class Form:
    """What a form sent: values by name, in the order of the page.

    Args:
        values: as they were sent; a name may come several times.
    """

    def __init__(self, values: Mapping[str, Sequence[str]]) -> None:
        self._values = values

    def text(self, name: str) -> str:
        """A value that has to be there, without the spaces around it.

        Raises:
            InputError: it is missing or empty.
        """
        value = self.optional_text(name)
        if value is None:
            raise InputError(f"{name}: is missing")
        return value

    def optional_text(self, name: str) -> str | None:
        """A value without the spaces around it; None where it is missing or empty."""
        return self.raw_text(name).strip() or None

    def raw_text(self, name: str) -> str:
        """A value as it was typed, such as a password; empty where it is missing."""
        values = self._values.get(name, ())
        return values[-1] if values else ""

    def texts(self, name: str) -> tuple[str, ...]:
        """Every value of a name; those left empty are left out."""
        return tuple(value.strip() for value in self._values.get(name, ()) if value.strip())

    def is_checked(self, name: str) -> bool:
        """Whether a box of that name is checked."""
        return name in self._values

    def names(self) -> tuple[str, ...]:
        """Every name that was sent."""
        return tuple(self._values)


async def read_form(request: Request) -> Form:
    """The body as a form; an empty body is an empty one.

    Raises:
        TooLargeError: it has more than ``MAX_FORM_BYTES`` or ``MAX_FORM_FIELDS``.
        InputError: it is no form, or holds what no page sends.
    """
    media_type = request.headers.get("content-type", _MEDIA_TYPE).split(";")[0].strip().lower()
    if media_type != _MEDIA_TYPE:
        raise InputError(f"send a form as {_MEDIA_TYPE}")
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_FORM_BYTES:
            raise TooLargeError(f"a form has at most {MAX_FORM_BYTES:,} bytes")
    if data.count(b"&") >= MAX_FORM_FIELDS:
        raise TooLargeError(f"a form has at most {MAX_FORM_FIELDS:,} fields")
    return parse_form(bytes(data))


def parse_form(data: bytes) -> Form:
    """A form from its bytes.

    Raises:
        InputError: it is not UTF-8, or holds a character that nobody types.
    """
    try:
        pairs = parse_qsl(data.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError:
        raise InputError("the form is not UTF-8, percent-encoded") from None
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        # A browser sends CR LF for each line's end.
        text = value.replace("\r\n", "\n")
        if any(ord(character) < ord(" ") and character not in "\n\t" for character in name + text):
            raise InputError("the form holds a control character")
        values.setdefault(name, []).append(text)
    return Form(values)


SentFormDep = Annotated[Form, Depends(read_form)]
