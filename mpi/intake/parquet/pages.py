"""Page headers of a Parquet file, read without unpacking a page.

The footer of a file states sizes too, but nothing holds its writer to them: a page is unpacked into as many
bytes as its own header says. pyarrow shows the footer only. A header is a struct in Thrift's compact protocol
(https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md), whose fields
https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift names.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from io import BufferedReader

_HEADER_BYTES = 1_024
"""Bytes that are read for a header at first; more only if it is longer."""
_MAX_HEADER_BYTES = 16 * 1_024 * 1_024
"""Longest header, which Arrow reads too; statistics may make it long."""
_MAX_DEPTH = 8
_MAX_INT = 2**31 - 1
_MAX_FIELD_NUMBER = 2**15 - 1
_MAX_VARINT_BITS = 64
_MORE_BYTES = 0x80
"""Bit of a byte of a whole number after which another byte follows."""
_LONG_LIST = 0x0F
"""Count of a list whose true count follows."""
_PADDING = 100
"""Bytes by which old writers stated the length of a column too short (PARQUET-816)."""


class Encoding(IntEnum):
    """Encodings of text as differences from the text before."""

    DELTA_LENGTH_BYTE_ARRAY = 6
    DELTA_BYTE_ARRAY = 7


class CorruptPageError(ValueError):
    """Error: a page header cannot be read or does not fit."""


@dataclass(frozen=True, slots=True)
class Page:
    """Header of one page.

    Args:
        is_dictionary: whether it holds the distinct values of a column.
        size: bytes when unpacked.
        packed_size: bytes in the file.
        values: number of its values, nulls included.
        encoding: number of its encoding.
        offset: byte of the file at which it begins, after the header.
    """

    is_dictionary: bool
    size: int
    packed_size: int
    values: int
    encoding: int
    offset: int


@dataclass(frozen=True, slots=True)
class ColumnRange:
    """Part of a file with the pages of a row group's column.

    Args:
        start: first byte.
        size: number of bytes.
        values: number of values, nulls included.
    """

    start: int
    size: int
    values: int


def iterate_pages(source: BufferedReader, column: ColumnRange, file_size: int) -> Iterator[Page]:
    """Yield the headers of the pages of a column that are read.

    Args:
        source: the file.
        column: where its pages are.
        file_size: bytes of the file.

    Raises:
        CorruptPageError: a header cannot be read, or a page lies outside the column.
    """
    position, end, values = column.start, column.start + column.size, 0
    if column.start < 0 or column.size < 0 or end > file_size:
        raise CorruptPageError
    while values < column.values:
        if position >= end:
            raise CorruptPageError
        page = _read_header(source, position)
        position = page.offset + page.packed_size
        if position > min(end + _PADDING, file_size):
            raise CorruptPageError
        values += 0 if page.is_dictionary else page.values
        yield page


_DATA_PAGE, _DICTIONARY_PAGE, _DATA_PAGE_V2 = 0, 2, 3
_TYPE, _SIZE, _PACKED_SIZE = 1, 2, 3
_VALUES = 1
_DETAILS = {_DATA_PAGE: 5, _DICTIONARY_PAGE: 7, _DATA_PAGE_V2: 8}
"""Field with the details of a page, by the type of the page."""
_ENCODING = {_DATA_PAGE: 2, _DICTIONARY_PAGE: 2, _DATA_PAGE_V2: 4}
"""Field of these details with the encoding."""


def _read_header(source: BufferedReader, position: int) -> Page:
    """Read the header of the page at a position."""
    size = _HEADER_BYTES
    while True:
        source.seek(position)
        data = source.read(size)
        reader = _CompactReader(data)
        try:
            fields = reader.read_struct()
        except IndexError:
            if len(data) < size or size >= _MAX_HEADER_BYTES:
                raise CorruptPageError from None
            size *= 8
        else:
            return _make_page(fields, position + reader.position)


def _make_page(fields: dict[int, object], offset: int) -> Page:
    """Make a page of the fields of its header."""
    kind = _get_int(fields, _TYPE)
    values = encoding = 0
    if kind in _DETAILS:
        details = fields.get(_DETAILS[kind])
        if not isinstance(details, dict):
            raise CorruptPageError
        values, encoding = _get_int(details, _VALUES), _get_int(details, _ENCODING[kind])
    return Page(
        is_dictionary=kind == _DICTIONARY_PAGE,
        size=_get_int(fields, _SIZE),
        packed_size=_get_int(fields, _PACKED_SIZE),
        values=values,
        encoding=encoding,
        offset=offset,
    )


def _get_int(fields: dict[int, object], number: int) -> int:
    value = fields.get(number)
    if not isinstance(value, int) or not 0 <= value <= _MAX_INT:
        raise CorruptPageError
    return value


class _CompactType(IntEnum):
    """Types of Thrift's compact protocol."""

    STOP = 0
    TRUE = 1
    FALSE = 2
    BYTE = 3
    I16 = 4
    I32 = 5
    I64 = 6
    DOUBLE = 7
    BINARY = 8
    LIST = 9
    SET = 10
    MAP = 11
    STRUCT = 12


class _CompactReader:
    """Reader of whole numbers from structs in Thrift's compact protocol.

    Reading beyond the end of the data raises IndexError.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    def read_struct(self, depth: int = 0) -> dict[int, object]:
        """Return the fields of a struct by number: whole numbers and structs."""
        fields: dict[int, object] = {}
        number = 0
        while (head := self._read_byte()) != _CompactType.STOP:
            delta, kind = head >> 4, head & 0x0F
            number = number + delta if delta else self._read_zigzag()
            if number in fields or not 0 < number <= _MAX_FIELD_NUMBER:
                # Readers differ in what they take a repeated field for, or a number of more than 16 bits.
                raise CorruptPageError
            fields[number] = self._read_value(kind, depth)
        return fields

    def _read_value(self, kind: int, depth: int) -> object:
        """Read a value of a type; None for one that is skipped."""
        if depth > _MAX_DEPTH:
            raise CorruptPageError
        value: object = None
        match kind:
            case _CompactType.TRUE | _CompactType.FALSE:
                pass
            case _CompactType.BYTE:
                self._skip(1)
            case _CompactType.I16 | _CompactType.I32 | _CompactType.I64:
                value = self._read_zigzag()
            case _CompactType.DOUBLE:
                self._skip(8)
            case _CompactType.BINARY:
                self._skip(self._read_varint())
            case _CompactType.LIST | _CompactType.SET:
                self._skip_list(depth)
            case _CompactType.MAP:
                self._skip_map(depth)
            case _CompactType.STRUCT:
                value = self.read_struct(depth + 1)
            case _:
                raise CorruptPageError
        return value

    def _skip_list(self, depth: int) -> None:
        head = self._read_byte()
        count, kind = head >> 4, head & 0x0F
        for _ in range(self._read_varint() if count == _LONG_LIST else count):
            self._skip_element(kind, depth)

    def _skip_map(self, depth: int) -> None:
        count = self._read_varint()
        kinds = self._read_byte() if count else 0
        for _ in range(count):
            self._skip_element(kinds >> 4, depth)
            self._skip_element(kinds & 0x0F, depth)

    def _skip_element(self, kind: int, depth: int) -> None:
        """Skip a value of a list or map."""
        if kind in (_CompactType.TRUE, _CompactType.FALSE):
            self._skip(1)
        else:
            self._read_value(kind, depth + 1)

    def _read_zigzag(self) -> int:
        encoded = self._read_varint()
        return encoded >> 1 ^ -(encoded & 1)

    def _read_varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._read_byte()
            value |= (byte & 0x7F) << shift
            if byte < _MORE_BYTES:
                return value
            shift += 7
            if shift >= _MAX_VARINT_BITS:
                raise CorruptPageError

    def _read_byte(self) -> int:
        byte = self._data[self.position]
        self.position += 1
        return byte

    def _skip(self, count: int) -> None:
        self.position += count
        if self.position > len(self._data):
            raise IndexError
