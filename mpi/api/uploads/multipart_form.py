"""Multipart form with files, written to a private folder as it arrives.

Starlette's own parser would keep the file in the shared folder for temporary files, without a limit.
"""

from dataclasses import dataclass, field
from typing import BinaryIO

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool

from mpi.api.request.problems import TooLargeError
from mpi.domain.errors import InputError
from mpi.service.loads.sent_files.upload import Upload

MAX_FIELDS = 50
"""Most parts of one form."""
MAX_FIELD_BYTES = 10_000
"""Longest text field, in bytes."""
MAX_MAPPING_BYTES = 2_000_000
"""Longest file of a mapping, in bytes."""
MEDIA_TYPE = "multipart/form-data"
_FILE, _MAPPING = "file", "mapping"
_MAX_DIGITS = 18
"""Digits of a length that are read: more is too large whatever they are."""


@dataclass(slots=True)
class _Part:
    """One part of a form, while it arrives.

    Args:
        name: name of the field.
        file: file that the part is written to; None for a text field.
        max_bytes: most bytes of the part.
        text: bytes of a text field.
        size: bytes so far.
    """

    name: str
    file: BinaryIO | None
    max_bytes: int
    text: bytearray = field(default_factory=bytearray)
    size: int = 0


class MultipartForm:
    """Reader of one multipart form.

    Args:
        upload: private folder that the files are written to.
        max_file_bytes: largest file, in bytes.

    Attributes:
        fields: texts by name of the field, in the order of the form.
        file_name: name of the file, as it was sent; empty for none.
    """

    def __init__(self, upload: Upload, max_file_bytes: int) -> None:
        self.fields: dict[str, list[str]] = {}
        self.file_name = ""
        self._upload = upload
        self._max_file_bytes = max_file_bytes
        self._header_name, self._header_value, self._disposition = b"", b"", b""
        self._part: _Part | None = None
        self._part_count = 0
        self._is_complete = False

    async def read(self, request: Request) -> None:
        """Read the form from a request's body.

        Raises:
            InputError: the body is no multipart form, is not complete, or holds too many parts.
            TooLargeError: a file or a field is too large.
        """
        kind, parameters = parse_options_header(request.headers.get("content-type"))
        if kind != MEDIA_TYPE.encode() or not parameters.get(b"boundary"):
            raise InputError(f"send a form as {MEDIA_TYPE}")
        self._check_length(request.headers.get("content-length", ""))
        try:
            parser = MultipartParser(
                parameters[b"boundary"],
                {
                    "on_part_data": self._add_data,
                    "on_part_end": self._end_part,
                    "on_header_field": self._add_header_name,
                    "on_header_value": self._add_header_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._begin_part,
                    "on_end": self._end_form,
                },
            )
            async for chunk in request.stream():
                await run_in_threadpool(parser.write, chunk)
            parser.finalize()
        except FormParserError:
            raise InputError("the body is no multipart form") from None
        finally:
            self._close_file()
        if not self._is_complete:
            raise InputError("the form is not complete: its last boundary is missing")

    def _check_length(self, length: str) -> None:
        """Refuse a form by its stated length, before it is read."""
        most = self._max_file_bytes + MAX_MAPPING_BYTES + MAX_FIELDS * MAX_FIELD_BYTES
        if length.isascii() and length.isdigit() and int(length[:_MAX_DIGITS]) > most:
            raise TooLargeError(f"MPI_MAX_UPLOAD_MB: at most {self._max_file_bytes:,} bytes")

    def _add_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _add_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _end_header(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = self._header_value
        self._header_name = self._header_value = b""

    def _begin_part(self) -> None:
        """Begin the part whose headers are read."""
        _, options = parse_options_header(self._disposition)
        self._disposition = b""
        self._part_count += 1
        if self._part_count > MAX_FIELDS:
            raise InputError(f"a form has at most {MAX_FIELDS} parts")
        name = options.get(b"name", b"").decode("utf-8", "replace")
        if name == _FILE:
            self.file_name = options.get(b"filename", b"").decode("utf-8", "replace")
            self._part = _Part(name, self._upload.create_file(self.file_name), self._max_file_bytes)
        elif name == _MAPPING and b"filename" in options:
            self._part = _Part(name, self._upload.create_mapping(), MAX_MAPPING_BYTES)
        else:
            self._part = _Part(name, None, MAX_FIELD_BYTES)

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        """Write bytes of the present part."""
        part = self._part
        if part is None:
            raise InputError("the form has a part without a name")
        part.size += end - start
        if part.size > part.max_bytes:
            limit = "MPI_MAX_UPLOAD_MB" if part.name == _FILE else part.name if part.file else "a field"
            raise TooLargeError(f"{limit}: at most {part.max_bytes:,} bytes")
        if part.file is None:
            part.text += data[start:end]
        else:
            part.file.write(data[start:end])

    def _end_part(self) -> None:
        """End the present part."""
        if self._part is not None and self._part.file is None:
            try:
                text = self._part.text.decode("utf-8")
            except UnicodeDecodeError:
                raise InputError("the form holds text that is not UTF-8") from None
            self.fields.setdefault(self._part.name, []).append(text)
        self._close_file()
        self._part = None

    def _close_file(self) -> None:
        if self._part is not None and self._part.file is not None:
            self._part.file.close()

    def _end_form(self) -> None:
        self._is_complete = True
