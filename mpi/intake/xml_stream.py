"""Safe streaming reader of XML files, record by record.

It accepts no document type and no entities, and bounds depth and size. It is built on expat itself rather
than ElementTree's iterparse, because expat tells the position of an element and lets a document type be
refused before it can define an entity.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import NoReturn
from xml.etree.ElementTree import Element
from xml.parsers import expat

from mpi.domain.errors import FileError
from mpi.intake.encoding import to_codec_name
from mpi.intake.tabular_file import MAX_RECORD_BYTES, open_binary

MAX_DEPTH = 40
"""Deepest nesting of a record; the interchange formats need about ten."""

_CHUNK_BYTES = 65_536

_ENCODING_DECLARATION = re.compile(
    rb"""(?:\xef\xbb\xbf)?<\?xml\s[^>]*\sencoding\s*=\s*["']([A-Za-z0-9._-]+)["']"""
)
_MAX_ENCODING_NAME = 40
"""Most characters of an encoding's name that an error repeats."""


@dataclass(frozen=True, slots=True)
class XmlRecord:
    """One record's XML element, its names without namespaces.

    Args:
        element: the record; None where it is larger than a record may be.
        line: line on which the record begins, from 1.
        offset: byte at which the record begins.
    """

    element: Element | None
    line: int
    offset: int


def to_local_name(tag: str) -> str:
    """Return an XML name without its namespace."""
    return tag.rpartition("}")[2]


def read_child_text(element: Element | None, *path: str) -> str | None:
    """Return the trimmed text of an XML element's descendant, by path.

    Returns:
        None where the text is empty or the element missing.
    """
    child = element if element is None else element.find("/".join(path))
    text = None if child is None else child.text
    return (text or "").strip() or None


class XmlFile:
    """An XML file read as a stream of records.

    Args:
        path: the file.
        record_depth: depth of a record below the root: 1 for the root's own children.
    """

    def __init__(self, path: Path, record_depth: int) -> None:
        self._path = path
        self._depth = record_depth
        self.position = 0

    def read_root_name(self) -> str:
        """Return the name of the root element.

        Raises:
            FileError: the file does not begin as XML, or is in an encoding that cannot be read.
        """
        with open_binary(self._path) as file:
            builder = _RecordBuilder(self._path.name, self._depth, _detect_utf8(file))
            builder.feed(file.read(_CHUNK_BYTES), last=False)
        if builder.root_name is None:
            self._raise_file_error("it holds no XML element")
        return builder.root_name

    def records(self, names: frozenset[str] | None = None) -> Iterator[XmlRecord]:
        """Yield an XML file's records in order.

        Args:
            names: names of the elements to read; None for all.

        Raises:
            FileError: the file is not well-formed, is in an encoding that cannot be read, or declares a
                document type.
        """
        with open_binary(self._path) as file:
            builder = _RecordBuilder(self._path.name, self._depth, _detect_utf8(file), names)
            while chunk := file.read(_CHUNK_BYTES):
                builder.feed(chunk, last=False)
                self.position += len(chunk)
                yield from builder.take_records()
            builder.feed(b"", last=True)
            yield from builder.take_records()

    def _raise_file_error(self, fault: str) -> NoReturn:
        raise FileError(f"{self._path.name}: {fault}")


def _detect_utf8(file: BufferedReader) -> str | None:
    """Return ``UTF-8`` where an XML file declares that encoding by any name.

    Expat knows only the name "UTF-8", and reads single bytes under another. None lets expat find the
    encoding.
    """
    declaration = _ENCODING_DECLARATION.match(file.peek())
    return "utf-8" if declaration and to_codec_name(declaration[1].decode()) == "utf-8" else None


class _RecordBuilder:
    """Builder of XML record elements from expat's events."""

    def __init__(
        self, file_name: str, record_depth: int, encoding: str | None, names: frozenset[str] | None = None
    ) -> None:
        self.root_name: str | None = None
        self._file_name = file_name
        self._encoding = ""
        self._record_depth = record_depth
        self._names = names
        self._depth = 0
        self._open_elements: list[Element] = []
        self._start = (0, 0)
        self._size = 0
        self._finished_records: list[XmlRecord] = []
        self._parser = expat.ParserCreate(encoding, namespace_separator="}")
        self._parser.buffer_text = True
        self._parser.XmlDeclHandler = self._take_declaration
        self._parser.StartDoctypeDeclHandler = self._refuse_document_type
        self._parser.StartElementHandler = self._start_element
        self._parser.EndElementHandler = self._end_element
        self._parser.CharacterDataHandler = self._add_characters

    def feed(self, data: bytes, *, last: bool) -> None:
        """Parse a chunk of the XML file."""
        try:
            self._parser.Parse(data, last)
        except expat.ExpatError as error:
            raise FileError(
                f"{self._file_name}: not well-formed XML at line {error.lineno}: "
                f"{expat.errors.messages[error.code]}"
            ) from None
        except (LookupError, ValueError):  # of Python's codecs, which expat asks for what it does not know
            raise FileError(
                f"{self._file_name}: its encoding {self._encoding[:_MAX_ENCODING_NAME]!r} cannot be read; "
                "save it as UTF-8"
            ) from None

    def take_records(self) -> list[XmlRecord]:
        """Return the XML records finished since the last call."""
        finished_records, self._finished_records = self._finished_records, []
        return finished_records

    def _take_declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        self._encoding = encoding or ""

    def _refuse_document_type(self, *_declaration: object) -> NoReturn:
        raise FileError(
            f"{self._file_name}: it declares a document type (DOCTYPE), which could define entities; "
            "remove the declaration"
        )

    def _start_element(self, tag: str, attributes: dict[str, str]) -> None:
        name = to_local_name(tag)
        self.root_name = self.root_name or name
        if self._open_elements:
            self._size += len(name) + sum(map(len, attributes.values()))
            if len(self._open_elements) > MAX_DEPTH:
                raise FileError(f"{self._file_name}: its elements are nested too deeply")
            element = Element(name, attributes)
            if self._size <= MAX_RECORD_BYTES:
                self._open_elements[-1].append(element)
            self._open_elements.append(element)
        elif self._depth == self._record_depth and (self._names is None or name in self._names):
            self._start = (self._parser.CurrentLineNumber, self._parser.CurrentByteIndex)
            self._size = 0
            self._open_elements.append(Element(name, attributes))
        self._depth += 1

    def _end_element(self, _tag: str) -> None:
        self._depth -= 1
        if not self._open_elements:
            return
        element = self._open_elements.pop()
        if not self._open_elements:
            record_element = element if self._size <= MAX_RECORD_BYTES else None
            self._finished_records.append(XmlRecord(record_element, *self._start))

    def _add_characters(self, data: str) -> None:
        if self._open_elements:
            self._size += len(data)
            if self._size <= MAX_RECORD_BYTES:
                self._open_elements[-1].text = (self._open_elements[-1].text or "") + data
