"""HTML form bodies of bounded size, parsed into text values."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, cast
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from mpi.api.request.problems import TooLargeError
from mpi.domain.errors import InputError
from mpi.standardize.fields.invisible_characters import remove_invisible_characters

MAX_FORM_BYTES = 100_000
"""Largest form body, in bytes."""
MAX_FORM_FIELDS = 1_000
"""Most fields of one form."""
_MAX_DIGITS = 18
"""Most digits of a number, which the store can hold."""
_FORM = "mpi.form"
"""Key of a request's parsed form in its scope."""
_MEDIA_TYPE = "application/x-www-form-urlencoded"


BUTTON = "do"
"""Name of the buttons of a form with several."""


class Form:
    """Values of a submitted HTML form.

    Args:
        values: values by field name, in the order of the page; a field may have several.
    """

    def __init__(self, values: Mapping[str, Sequence[str]]) -> None:
        self._values = values

    def text(self, name: str) -> str:
        """Return a required form value, without surrounding spaces.

        Raises:
            InputError: the value is missing or empty.
        """
        value = self.optional_text(name)
        if value is None:
            raise InputError(f"{name}: is missing")
        return value

    def optional_text(self, name: str) -> str | None:
        """Return a form value without surrounding spaces and invisible characters.

        None if it is empty.
        """
        return remove_invisible_characters(self.raw_text(name)).strip() or None

    def button(self) -> str:
        """Return the value of the button that sent the form.

        Raises:
            InputError: no button of the page sent it.
        """
        pressed = self.optional_text(BUTTON)
        if pressed is None:
            raise make_button_error()
        return pressed

    def day(self, name: str) -> date:
        """Return a required day of a form.

        Raises:
            InputError: the value is missing, or no day.
        """
        try:
            return date.fromisoformat(self.text(name))
        except ValueError:
            raise InputError(f"{name}: a day is YYYY-MM-DD") from None

    def raw_text(self, name: str) -> str:
        """Return a form value exactly as typed, such as a password.

        Returns:
            Empty text if the field is missing.
        """
        values = self._values.get(name, ())
        return values[-1] if values else ""

    def texts(self, name: str) -> tuple[str, ...]:
        """Return every nonempty value of a form field."""
        return tuple(value.strip() for value in self._values.get(name, ()) if value.strip())

    def is_checked(self, name: str) -> bool:
        """Return whether a checkbox of the form is checked."""
        return name in self._values

    def names(self) -> tuple[str, ...]:
        """Return the names of all submitted form fields."""
        return tuple(self._values)


async def read_form(request: Request) -> Form:
    """Read and parse the request body as an HTML form.

    An empty body is an empty form. The body is kept with the request: a handler that is called again, after
    another model was put in force, cannot read it from the connection again.

    Raises:
        TooLargeError: the body has more than ``MAX_FORM_BYTES`` bytes or ``MAX_FORM_FIELDS`` fields.
        InputError: the body is not a form, or holds a control character.
    """
    media_type = request.headers.get("content-type", _MEDIA_TYPE).split(";")[0].strip().lower()
    if media_type != _MEDIA_TYPE:
        raise InputError(f"send a form as {_MEDIA_TYPE}")
    if _FORM in request.scope:
        return cast("Form", request.scope[_FORM])
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_FORM_BYTES:
            raise TooLargeError(f"a form has at most {MAX_FORM_BYTES:,} bytes")
    if data.count(b"&") >= MAX_FORM_FIELDS:
        raise TooLargeError(f"a form has at most {MAX_FORM_FIELDS:,} fields")
    form = parse_form(bytes(data))
    request.scope[_FORM] = form
    return form


def parse_form(data: bytes) -> Form:
    """Parse the bytes of a URL-encoded form.

    Raises:
        InputError: the bytes are not UTF-8, or hold a control character.
    """
    try:
        pairs = parse_qsl(data.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError:
        raise InputError("the form is not UTF-8, percent-encoded") from None
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        # Browsers send CR LF at the end of each line.
        text = value.replace("\r\n", "\n")
        if any(ord(character) < ord(" ") and character not in "\n\t" for character in name + text):
            raise InputError("the form holds a control character")
        values.setdefault(name, []).append(text)
    return Form(values)


SentFormDep = Annotated[Form, Depends(read_form)]


def parse_number(text: str, field: str) -> int:
    """Return a number of at most 18 digits.

    Args:
        text: what was sent.
        field: name of the field, for the error.

    Raises:
        InputError: it is no such number.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        raise InputError(f"{field}: is no number")
    return int(text)


def make_button_error() -> InputError:
    """Return the error of a form that no button sent."""
    return InputError("nothing was done: press one of the buttons on this page")
