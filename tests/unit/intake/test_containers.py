"""Compressed files, several files as one, and files that are not what their name says."""

import gzip
import io
import zipfile

import pytest
from openpyxl import Workbook

from mpi.domain.errors import FileError, MappingError
from mpi.intake.containers import gzip_file
from mpi.intake.proposal.sample import read_sample
from mpi.intake.reader import open_file, open_files
from mpi.intake.rows import RejectedRow

HEADER = "local_id,first_name,last_name\n"


def make_workbook():
    buffer = io.BytesIO()
    Workbook().save(buffer)
    return buffer.getvalue()


def write_zip(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name.replace("__", "."), text)
    return path


def local_ids(rows):
    return [row.fields["local_id"] for row in rows if not isinstance(row, RejectedRow)]


def test_gzip_file_is_read_as_what_it_holds(tmp_path):
    path = tmp_path / "s.csv.gz"
    path.write_bytes(gzip.compress((HEADER + "1,Ana,Ek\n").encode()))
    assert local_ids(open_file(path, None, None)) == ["1"]
    path = tmp_path / "s.ndjson.gz"
    path.write_bytes(gzip.compress(b'{"local_id": "2"}\n'))
    assert local_ids(open_file(path, None, None)) == ["2"]
    (tmp_path / "s.parquet.gz").write_bytes(gzip.compress(b"PAR1"))
    with pytest.raises(FileError, match="unpack it first"):
        open_file(tmp_path / "s.parquet.gz", None, None)


def test_damaged_gzip_file_and_gzip_bomb_are_refused(tmp_path, monkeypatch):
    packed = gzip.compress((HEADER + "1,Ana,Ek\n" * 3_000).encode())
    path = tmp_path / "s.csv.gz"
    for content in (packed[: len(packed) // 2], b"local_id\n1\n"):
        path.write_bytes(content)
        with pytest.raises(FileError, match="not a whole gzip file"):
            list(open_file(path, None, None))
    monkeypatch.setattr(gzip_file, "_FREE_BYTES", 10_000)
    path.write_bytes(gzip.compress(HEADER.encode() + b"1,Ana,Ek\n" * 100_000))
    with pytest.raises(FileError, match="would become more than"):
        list(open_file(path, None, None))


def test_csv_files_of_a_zip_file_are_one_file(tmp_path):
    path = write_zip(tmp_path / "s.zip", a__csv=HEADER + "1,Ana,Ek\n2,Bo\n", b__csv=HEADER + "3,Cy,Ek\n")
    rows = list(open_file(path, None, None))
    assert local_ids(rows) == ["1", "3"]
    assert [(row.file, row.line) for row in rows] == [("a.csv", 2), ("a.csv", 3), ("b.csv", 2)]
    one = write_zip(tmp_path / "one.zip", a__csv=HEADER + "1,Ana,Ek\n")
    assert [row.file for row in open_file(one, None, None)] == [""]


def test_zip_file_with_anything_else_is_refused(tmp_path):
    path = write_zip(tmp_path / "s.zip", a__csv=HEADER, b__pdf="x")
    with pytest.raises(FileError, match=r"files that are no CSV \(\.pdf\)"):
        open_file(path, None, None)


def make_zip_with_a_name_that_is_no_utf8():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("é.csv", HEADER)
    return buffer.getvalue().replace("é".encode(), b"\xff\xfe")


def make_zip_with_damaged_lzma():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("s.csv", HEADER + "".join(f"{n},Ana{n * 7919},Ek\n" for n in range(3_000)))
    content = bytearray(buffer.getvalue())
    content[60:3_000] = bytes(byte ^ 0x5A for byte in content[60:3_000])
    return bytes(content)


@pytest.mark.parametrize("make", [make_zip_with_a_name_that_is_no_utf8, make_zip_with_damaged_lzma])
def test_damaged_zip_file_is_refused(tmp_path, make):
    path = tmp_path / "s.zip"
    path.write_bytes(make())
    with pytest.raises(FileError, match="no whole ZIP file"):
        list(open_file(path, None, None))
    with pytest.raises(FileError, match="no whole ZIP file"):
        read_sample(path)


def test_several_files_are_one_in_their_order(tmp_path, make_mapping):
    (tmp_path / "a.csv").write_text(HEADER + "1,Ana,Ek\n")
    (tmp_path / "b.csv").write_text(HEADER + "2,Bo,Ek\n3\n")
    paths = [tmp_path / "b.csv", tmp_path / "a.csv"]
    rows = open_files(paths, None, None)
    assert [(row.file, row.line) for row in rows] == [("b.csv", 2), ("b.csv", 3), ("a.csv", 2)]
    digests = {open_files(each, None, None).compute_digest() for each in (paths, paths[::-1], paths[:1])}
    assert len(digests) == 3
    by_row = make_mapping(
        'local_id = {row = true}\nignore = ["local_id", "last_name"]\n[fields]\nfirst_name = "first_name"\n'
    )
    with pytest.raises(MappingError, match="row numbers, which several files would repeat"):
        open_files(paths, by_row, None)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("s.csv", make_workbook(), "an Excel workbook, not CSV; rename it to .xlsx"),
        ("s.parquet", (HEADER + "1,Ana,Ek\n").encode(), "a text file, not Parquet; if it is CSV, rename it"),
        ("s.xlsx", (HEADER + "1,Ana,Ek\n").encode(), "a text file, not an Excel workbook; if it is CSV"),
        ("s.xlsx", b"\xef\xbb\xbf<html><table>", "a web page (HTML), not an Excel workbook"),
        ("s.csv", b"PAR1" + bytes(40), "a Parquet file, not CSV"),
        ("s.csv", gzip.compress(b"a"), "a gzip file, not CSV; rename it to .csv.gz"),
        ("s.csv", b"%PDF-1.7 x", "a PDF document, not CSV; export the data"),
        ("s.ndjson", b"<?xml version='1.0'?>", "an XML file, not JSON"),
        ("s.csv", b"SQLite format 3\0" + bytes(90), "an SQLite database, not CSV"),
    ],
)
def test_file_under_a_wrong_name_is_called_what_it_is(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(FileError) as caught:
        open_file(path, None, None)
    assert message in str(caught.value)


def test_total_below_a_csv_file_is_no_record(read_content):
    rows = read_content(HEADER + "1,Ana,Ek\n2,Total,Ek\nTotal Students: 2\nTotal,2,\n")
    assert local_ids(rows) == ["1", "2"]
    assert [row.reason for row in rows[2:]] == ["totals-row", "totals-row"]
