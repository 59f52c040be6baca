"""Parquet files that state more than they hold, and the memory that reading them takes."""

import json
import random
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from io import BufferedReader, BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi.domain.errors import FileError
from mpi.intake.parquet.bounds import DEFAULT_LIMITS, plan_read
from mpi.intake.parquet.pages import ColumnRange, CorruptPageError, iterate_pages
from mpi.intake.parquet_file import ParquetTable
from mpi.intake.reader import open_file
from mpi.intake.rows import RawRow, RejectedRow

MEBIBYTE = 1_024**2
ROWS = 2_048
LONG = 5_000_000

READ = """
import json, resource, sys
from collections import Counter
from pathlib import Path
from mpi.domain.errors import FileError
from mpi.intake.reader import open_file
from mpi.intake.rows import RejectedRow

resource.setrlimit(resource.RLIMIT_AS, (6 * 1024**3, 6 * 1024**3))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rows, error = Counter(), ""
try:
    for row in open_file(Path(sys.argv[1]), None, None):
        rows[row.reason if isinstance(row, RejectedRow) else "read"] += 1
except FileError as file_error:
    error = str(file_error)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(json.dumps({"rows": rows, "error": error, "peak": peak * 1024}))
"""
"""Reads a file as a load does, and prints the rows and the growth of the resident memory."""


def read_in_process(path):
    """Read a file in a process of its own whose address space is limited."""
    command = [sys.executable, "-c", READ, str(path)]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-2_000:]
    return json.loads(result.stdout)


def repeat_text(text, count):
    """Return a column that holds one text many times, as a dictionary of one entry."""
    return pa.DictionaryArray.from_arrays(pa.array([0] * count, pa.int32()), pa.array([text]))


def write_bomb(path, columns):
    """Write columns in few bytes, as columns of plain text."""
    pq.write_table(
        pa.table(columns), path, compression="zstd", store_schema=False, write_statistics=False,
        dictionary_pagesize_limit=1_024 * MEBIBYTE,
    )  # fmt: skip
    return path


def test_one_long_text_in_every_row_takes_no_memory(tmp_path):
    local_ids = pa.array([7] * ROWS, pa.int64())
    path = write_bomb(tmp_path / "f.parquet", {"local_id": local_ids, "city": repeat_text("x" * LONG, ROWS)})
    assert path.stat().st_size < 4_000
    assert LONG * ROWS > 10_000 * 10**6
    outcome = read_in_process(path)
    assert outcome["rows"] == {"field-too-large": ROWS}
    assert outcome["peak"] < 400 * MEBIBYTE


def test_one_long_text_in_lists_takes_no_memory(tmp_path):
    texts = repeat_text("x" * LONG, ROWS)
    lists = pa.ListArray.from_arrays(pa.array([0, ROWS, ROWS], pa.int32()), texts)
    path = write_bomb(tmp_path / "f.parquet", {"local_id": ["1", "2"], "race": lists})
    assert path.stat().st_size < 4_000
    outcome = read_in_process(path)
    assert outcome["rows"] == {"field-too-large": 1, "read": 1}
    assert outcome["peak"] < 400 * MEBIBYTE


def test_a_page_that_states_more_than_the_footer_is_refused(tmp_path):
    path, stated = tmp_path / "f.parquet", 2**27 - 1
    pq.write_table(pa.table({"local_id": ["x" * 1_100_000]}), path, compression="zstd", use_dictionary=False)
    raise_page_size(path, stated)
    assert pq.ParquetFile(path).metadata.row_group(0).total_byte_size < 1_200_000
    with pytest.raises(
        FileError, match=r"f\.parquet: bytes of the pages .* 134,\d{3},\d{3}; at most 100,000,000"
    ):
        ParquetTable(path, replace(DEFAULT_LIMITS, page_bytes=100_000_000))
    with pytest.raises(FileError, match=r"when unpacked, of a file of [\d,]+ bytes: 134,217,727; at most"):
        ParquetTable(path, replace(DEFAULT_LIMITS, small_bytes=10_000_000))


def raise_page_size(path, stated):
    """Make the header of a file's only page state another size, in as many bytes; the footer stays."""
    content = path.read_bytes()
    chunk = pq.ParquetFile(path).metadata.row_group(0).column(0)
    whole = ColumnRange(chunk.data_page_offset, chunk.total_compressed_size, chunk.num_values)
    (page,) = iterate_pages(BufferedReader(BytesIO(content)), whole, len(content))
    old, new = encode_size(page.size), encode_size(stated)
    assert len(old) == len(new)
    assert old in content[: page.offset]
    path.write_bytes(content[: page.offset].replace(old, new, 1) + content[page.offset :])


def encode_size(size):
    """Encode a positive number as Thrift's compact protocol does."""
    rest, encoded = size << 1, b""
    while rest > 0x7F:
        encoded += bytes([rest & 0x7F | 0x80])
        rest >>= 7
    return encoded + bytes([rest])


@pytest.fixture
def ordinary_file(tmp_path):
    path = tmp_path / "f.parquet"
    races = pa.array([["White", "Asian"]] * 3_000)
    columns = {"local_id": [str(number) for number in range(3_000)], "race": races}
    pq.write_table(pa.table(columns), path, row_group_size=1_500)
    return path


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"rows": 2_999}, "rows: 3,000; at most 2,999 are read: divide it"),
        ({"columns": 1}, "columns: 2; at most 1 are read"),
        ({"expansion": 0, "small_bytes": 100}, r"of a file of [\d,]+ bytes: [\d,]+; at most 100 are read"),
        ({"row_group_bytes": 100}, "of row group 1 when unpacked: .*smaller row groups"),
        ({"page_bytes": 100}, "of the pages of row group 1 that are read together: .*smaller pages"),
        ({"dictionary_bytes": 100}, "of the dictionary of column local_id: .*without a dictionary"),
        ({"list_values": 2_999}, "values in the lists of row group 1: 3,000; at most 2,999"),
        ({"list_bytes": 10}, "bytes in the lists of row group 1 when unpacked: .*smaller row groups"),
    ],
)
def test_a_file_over_a_limit_is_refused_with_name_figure_and_limit(ordinary_file, limits, message):
    assert len(list(ParquetTable(ordinary_file).rows())) == 3_000
    with pytest.raises(FileError, match=rf"^f\.parquet: .*{message}"):
        ParquetTable(ordinary_file, replace(DEFAULT_LIMITS, **limits))


@pytest.mark.parametrize("encoding", ["DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"])
def test_texts_stored_as_differences_are_refused(tmp_path, encoding):
    path = tmp_path / "f.parquet"
    columns = {"local_id": ["1", "2"], "city": ["Ume", "Umeå"]}
    pq.write_table(
        pa.table(columns), path, use_dictionary=False, column_encoding={"city": encoding, "local_id": "PLAIN"}
    )
    with pytest.raises(FileError, match=rf"f\.parquet: column city has the encoding {encoding}"):
        open_file(path, None, None)


@pytest.mark.parametrize("limits", [{}, {"batch_bytes": 1}, {"batch_bytes": 300}, {"batch_rows": 7}])
@pytest.mark.parametrize(
    "options",
    [
        {"compression": "none"},
        {"compression": "snappy", "data_page_version": "2.0"},
        {"compression": "gzip", "data_page_size": 200},
        {"compression": "brotli", "use_dictionary": False},
        {"compression": "lz4", "dictionary_pagesize_limit": 100},
        {"compression": "zstd", "store_schema": False, "row_group_size": 77},
        {"compression": "zstd", "write_page_checksum": True, "write_page_index": True},
    ],
    ids=str,
)
def test_every_kind_of_file_is_read_alike_in_batches_of_every_size(tmp_path, options, limits):
    columns = {
        "local_id": pa.array([f"id {number}" for number in range(300)]),
        "count": pa.array([None, 1, 2] * 100),
        "born": pa.array(range(300), pa.date32()),
        "city": pa.array(["Umeå", None, "Lund" * 20] * 100).dictionary_encode(),
        "race": pa.array([["White", None, "Asian"], [], None] * 100),
        "homes": pa.array([[{"city": "Lima", "code": number}] for number in range(300)]),
        "code": pa.array([b"abc"] * 300, pa.binary(3)),
    }
    path = tmp_path / "f.parquet"
    pq.write_table(pa.table(columns), path, **options)
    table = ParquetTable(path, replace(DEFAULT_LIMITS, **limits))
    rows = [row.values for row in table.rows()]
    expected = zip(*(column.to_pylist() for column in columns.values()), strict=True)
    assert [row[:-1] for row in rows] == [row[:-1] for row in expected]


def test_a_row_too_large_in_all_is_rejected_and_the_others_are_read(tmp_path):
    path = tmp_path / "f.parquet"
    long_list = [f"{number:05}" * 20_000 for number in range(20)]
    races = pa.array([["White"], long_list, ["Asian"]])
    pq.write_table(pa.table({"local_id": ["1", "2", "3"], "race": races}), path)
    first, second, third = ParquetTable(path).rows()
    assert [type(row) for row in (first, second, third)] == [RawRow, RejectedRow, RawRow]
    assert (second.line, second.reason, third.line, third.values[0]) == (2, "field-too-large", 3, "3")


def test_a_file_changed_at_any_byte_is_read_or_refused(ordinary_file):
    content, choices, read = ordinary_file.read_bytes(), random.Random(29), 0
    for _ in range(300):
        changed = bytearray(content)
        changed[choices.randrange(len(content))] ^= 1 << choices.randrange(8)
        ordinary_file.write_bytes(changed)
        with ordinary_file.open("rb") as source, suppress(FileError, pa.ArrowException, OSError):
            plan_read("f.parquet", source, pq.ParquetFile(ordinary_file).metadata, DEFAULT_LIMITS)
            read += 1
    # Most bytes are values, and some are the structure of the file.
    assert 0 < read < 300


@given(st.binary(max_size=60), st.integers(0, 2**31), st.integers(0, 70))
def test_any_bytes_are_page_headers_or_refused(data, values, size):
    source = BufferedReader(BytesIO(data))
    try:
        for page in iterate_pages(source, ColumnRange(0, size, values), len(data)):
            assert 0 <= page.offset + page.packed_size <= len(data)
    except CorruptPageError:
        pass


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(b"\x15\x00\x15\x02\x15\x02\x05\x04\x02\x00", id="a field twice"),
        pytest.param(b"\x15\x00\x15\x02\x15\x02\x05\x84\x80\x08\x02\x00", id="a number over 16 bits"),
        pytest.param(b"\x15\x00\x15\x01\x15\x02\x00", id="a negative size"),
        pytest.param(b"\x15\x00\x15" + b"\xff" * 9 + b"\x01\x15\x02\x00", id="a size over 32 bits"),
        pytest.param(b"\x19" * 60, id="lists without end"),
        pytest.param(b"\x1c" * 60, id="structs without end"),
        pytest.param(b"\x15\x00\x15\x02\x15\x02\x00", id="no number of values"),
        pytest.param(b"\x15\x00\x15\x02", id="cut short"),
    ],
)
def test_an_ambiguous_page_header_is_refused(header):
    content = header + bytes(100)
    with pytest.raises(CorruptPageError):
        list(iterate_pages(BufferedReader(BytesIO(content)), ColumnRange(0, len(content), 1), len(content)))
