"""Limits on what a Parquet file unpacks to, checked beforehand.

A file of some kilobytes can state gigabytes: a page of zeros, a dictionary of one long text that each row
repeats, a list of a billion numbers. Arrow makes room for what a file states. So the sizes are read first,
and from them follows how many rows are safe to read at a time.
"""

import struct
from dataclasses import dataclass
from io import BufferedReader

import pyarrow as pa
import pyarrow.parquet as pq

from mpi.domain.errors import FileError
from mpi.intake.parquet.pages import ColumnRange, CorruptPageError, Encoding, Page, iterate_pages

_GIB = 1_024**3
_MIB = 1_024**2

MAX_CONTAINER_ITEMS = 100_000
"""Most items of a list in the footer, such as columns of a row group."""


@dataclass(frozen=True, slots=True)
class ParquetLimits:
    """Largest Parquet file that is read.

    Args:
        rows: rows of a file.
        columns: columns of a file, the fields of lists and structs counted one by one.
        expansion: bytes of all unpacked pages for each byte of the file.
        small_bytes: bytes of all unpacked pages that are read in any case.
        row_group_bytes: bytes of the unpacked pages of a row group.
        page_bytes: bytes of the pages that are held at a time: of each column of a row group the largest page
            and the dictionary, packed and unpacked.
        dictionary_bytes: bytes of the dictionary of a column of a row group, packed and unpacked.
        list_values: values in lists of a row group. One row may hold all of them.
        list_bytes: bytes of the unpacked pages of lists of a row group. One row may hold all of them.
        batch_bytes: bytes of the values that are read at a time; one row may have more.
        batch_rows: rows that are read at a time.
    """

    rows: int = 100_000_000
    columns: int = 2_000
    expansion: int = 1_000
    small_bytes: int = 256 * _MIB
    row_group_bytes: int = 16 * _GIB
    page_bytes: int = 512 * _MIB
    dictionary_bytes: int = 64 * _MIB
    list_values: int = 64_000_000
    list_bytes: int = _GIB
    batch_bytes: int = 64 * _MIB
    batch_rows: int = 2_048


DEFAULT_LIMITS = ParquetLimits()


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """How a Parquet file is read within the limits.

    Args:
        batch_rows: rows to read at a time, by row group.
        dictionary_columns: columns of lists whose texts must stay in their dictionary when they are read, by
            position.
    """

    batch_rows: tuple[int, ...]
    dictionary_columns: tuple[int, ...]


@dataclass(slots=True)
class _ColumnSizes:
    """Sizes of a row group's column, from its page headers."""

    unpacked: int = 0
    largest_page: int = 0
    dictionary: int = 0
    values: int = 0
    widest: int = 0
    """Most bytes of one value, or of the values of a page on average."""
    longest_text: int = 0
    """Most bytes of one text of the dictionary."""


def plan_read(
    name: str, source: BufferedReader, metadata: pq.FileMetaData, limits: ParquetLimits
) -> ReadPlan:
    """Check a Parquet file's limits, and plan how to read it.

    Args:
        name: the file's name, for messages.
        source: the file.
        metadata: its footer, as pyarrow read it.
        limits: the limits.

    Raises:
        FileError: the file exceeds a limit, or its pages do not fit its footer.
    """
    _FooterCheck(name, limits).check(metadata)
    try:
        return _PageCheck(name, source, metadata, limits).plan()
    except CorruptPageError:
        raise FileError(f"{name}: the Parquet file is corrupt") from None


class _LimitCheck:
    """Check of figures of a file against limits."""

    def __init__(self, name: str, limits: ParquetLimits) -> None:
        self._name = name
        self._limits = limits

    def _require(self, what: str, figure: int, limit: int, remedy: str = "") -> None:
        """Raise where a figure of the file exceeds its limit."""
        if figure > limit:
            remedy = remedy and f": {remedy}"
            raise FileError(f"{self._name}: {what}: {figure:,}; at most {limit:,} are read{remedy}")

    def _require_expansion(self, unpacked: int, file_size: int) -> None:
        limit = max(self._limits.small_bytes, self._limits.expansion * file_size)
        self._require(f"bytes when unpacked, of a file of {file_size:,} bytes", unpacked, limit)

    def _require_row_group(self, number: int, unpacked: int) -> None:
        self._require(
            f"bytes of row group {number} when unpacked",
            unpacked,
            self._limits.row_group_bytes,
            _SMALLER_GROUPS,
        )


_SMALLER_GROUPS = "write it with smaller row groups"


class _FooterCheck(_LimitCheck):
    """Check of what a file's footer states."""

    def check(self, metadata: pq.FileMetaData) -> None:
        """Raise where the footer states more than the limits."""
        self._require("columns", metadata.num_columns, self._limits.columns)
        self._require("rows", metadata.num_rows, self._limits.rows, "divide it")
        for group in range(metadata.num_row_groups):
            row_group = metadata.row_group(group)
            self._require("rows", row_group.num_rows, self._limits.rows, "divide it")
            self._require_row_group(group + 1, row_group.total_byte_size)


class _PageCheck(_LimitCheck):
    """Check of the sizes that the pages of a file state."""

    def __init__(
        self, name: str, source: BufferedReader, metadata: pq.FileMetaData, limits: ParquetLimits
    ) -> None:
        super().__init__(name, limits)
        self._source = source
        self._metadata = metadata
        self._file_size = source.seek(0, 2)
        self._columns = [metadata.schema.column(number) for number in range(metadata.num_columns)]
        self._dictionary_columns: set[int] = set()

    def plan(self) -> ReadPlan:
        """Check every row group, and return how to read the file."""
        batch_rows, unpacked = [], 0
        for group in range(self._metadata.num_row_groups):
            row_group = self._metadata.row_group(group)
            sizes = [self._measure(row_group.column(number), number) for number in range(len(self._columns))]
            group_unpacked = sum(column.unpacked for column in sizes)
            unpacked += group_unpacked
            self._require_row_group(group + 1, group_unpacked)
            self._require_expansion(unpacked, self._file_size)
            batch_rows.append(self._check_row_group(group + 1, sizes))
        return ReadPlan(tuple(batch_rows), tuple(sorted(self._dictionary_columns)))

    def _check_row_group(self, number: int, sizes: list[_ColumnSizes]) -> int:
        """Return how many rows of a group to read at once."""
        limits = self._limits
        self._require(
            f"bytes of the pages of row group {number} that are read together",
            sum(column.largest_page + column.dictionary for column in sizes),
            limits.page_bytes,
            "write it with smaller pages or row groups",
        )
        lists = {number for number, column in enumerate(self._columns) if column.max_repetition_level}
        self._require(
            f"values in the lists of row group {number}",
            sum(sizes[column].values for column in lists),
            limits.list_values,
            _SMALLER_GROUPS,
        )
        self._require(
            f"bytes in the lists of row group {number} when unpacked",
            sum(sizes[column].unpacked for column in lists),
            limits.list_bytes,
            _SMALLER_GROUPS,
        )
        self._dictionary_columns |= {
            column
            for column in lists
            if sizes[column].values * sizes[column].longest_text > limits.batch_bytes
        }
        row_width = sum(sizes[column].widest for column in range(len(sizes)) if column not in lists)
        return max(1, min(limits.batch_rows, limits.batch_bytes // max(row_width, 1)))

    def _measure(self, chunk: pq.ColumnChunkMetaData, number: int) -> _ColumnSizes:
        """Add up the sizes of the pages of one column."""
        column = self._columns[number]
        sizes = _ColumnSizes(widest=_FIXED_WIDTH)
        if column.physical_type == "FIXED_LEN_BYTE_ARRAY":
            sizes.widest = column.length
        is_text = column.physical_type == "BYTE_ARRAY"
        for page in iterate_pages(self._source, _find_range(chunk), self._file_size):
            sizes.unpacked += page.size
            if page.is_dictionary:
                sizes.dictionary += page.size + page.packed_size + page.values * _DICTIONARY_ENTRY_BYTES
                self._require(
                    f"bytes of the dictionary of column {column.path}",
                    sizes.dictionary,
                    self._limits.dictionary_bytes,
                    "write it without a dictionary",
                )
                if is_text:
                    sizes.longest_text = self._find_longest_text(page, chunk.compression)
                    sizes.widest = max(sizes.widest, sizes.longest_text)
                continue
            sizes.values += page.values
            sizes.largest_page = max(sizes.largest_page, page.size + page.packed_size)
            if is_text:
                sizes.widest = max(sizes.widest, page.size // max(page.values, 1))
                self._refuse_deltas(column.path, page)
        return sizes

    def _refuse_deltas(self, path: str, page: Page) -> None:
        """Raise where texts are stored as differences of unknown size."""
        if page.encoding in (Encoding.DELTA_LENGTH_BYTE_ARRAY, Encoding.DELTA_BYTE_ARRAY):
            raise FileError(
                f"{self._name}: column {path} has the encoding {Encoding(page.encoding).name}, whose size is "
                "not known before it is read: write it with a dictionary or plain (Parquet version 1)"
            )

    def _find_longest_text(self, page: Page, compression: str) -> int:
        """Return the bytes of the longest text of a dictionary page.

        For a codec that pyarrow cannot use alone, all of the page counts as one text.
        """
        if not page.values:
            return 0
        self._source.seek(page.offset)
        data = self._source.read(page.packed_size)
        codec = _CODECS.get(compression)
        try:
            if codec is not None:
                data = pa.Codec(codec).decompress(data, page.size, asbytes=True)
            elif compression != "UNCOMPRESSED":
                return page.size
        except (pa.ArrowException, OSError, ValueError):
            raise CorruptPageError from None
        return _find_longest(data, page.values)


_FIXED_WIDTH = 16
"""Most bytes of a number, date or time in memory."""
_DICTIONARY_ENTRY_BYTES = 16
"""Bytes that Arrow takes for an entry of a dictionary, besides its text."""
_LENGTH = struct.Struct("<I")
_CODECS = {"SNAPPY": "snappy", "GZIP": "gzip", "BROTLI": "brotli", "ZSTD": "zstd", "LZ4": "lz4_raw"}
"""pyarrow's name of a codec, by its name in a footer."""


def _find_range(chunk: pq.ColumnChunkMetaData) -> ColumnRange:
    """Return where the pages of a column begin, as Arrow finds it."""
    start = chunk.data_page_offset
    dictionary = chunk.dictionary_page_offset if chunk.has_dictionary_page else None
    if dictionary and 0 < dictionary < start:
        start = dictionary
    return ColumnRange(start, chunk.total_compressed_size, chunk.num_values)


def _find_longest(data: bytes, count: int) -> int:
    """Return the length of the longest length-prefixed text, in bytes."""
    longest = position = 0
    try:
        for _ in range(count):
            (length,) = _LENGTH.unpack_from(data, position)
            longest = max(longest, length)
            position += _LENGTH.size + length
    except struct.error:
        raise CorruptPageError from None
    if position > len(data):
        raise CorruptPageError
    return longest
