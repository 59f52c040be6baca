import csv
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mpi.domain.errors import FileError
from mpi.intake.csv_file import CsvTable
from mpi.intake.mapping_reader import load_mapping
from mpi.intake.reader import open_file
from mpi.intake.rows import CanonicalRow, RawRow, RejectedRow

HEADER = "local_id,first_name,last_name\n"


def reject_reasons(rows):
    return [(row.line, row.reason) for row in rows if isinstance(row, RejectedRow)]


def local_ids(rows):
    return [row.fields["local_id"] for row in rows if isinstance(row, CanonicalRow)]


def test_rows_have_their_line_and_byte_offset_and_omit_empty_cells(read_content):
    rows = read_content(HEADER + "1,Ana,\n2, Bo ,Díaz\n3,Cy,Ek\n")
    assert rows == [
        CanonicalRow(2, 30, {"local_id": "1", "first_name": "Ana"}),
        CanonicalRow(3, 37, {"local_id": "2", "first_name": "Bo", "last_name": "Díaz"}),
        CanonicalRow(4, 50, {"local_id": "3", "first_name": "Cy", "last_name": "Ek"}),
    ]


def test_a_field_may_contain_line_breaks_commas_and_quotes(read_content):
    rows = read_content(HEADER + '1,"An, ""A""\na",Ek\r\n2,Bo,Ek\r\n')
    assert rows[0].fields["first_name"] == 'An, "A"\na'
    assert (rows[1].line, rows[1].fields["local_id"]) == (4, "2")


def test_an_empty_file_is_refused(read_content):
    for content in (b"", b"\n \n", b"\xef\xbb\xbf"):
        with pytest.raises(FileError, match="empty"):
            read_content(content)


def test_a_header_alone_has_no_rows(read_content):
    assert read_content(HEADER) == []
    assert read_content(HEADER.strip()) == []


def test_a_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(FileError, match=r"none\.csv: cannot be opened"):
        open_file(tmp_path / "none.csv", None, None)


def test_a_byte_order_mark_is_not_part_of_the_first_column(read_content):
    assert local_ids(read_content(b"\xef\xbb\xbf" + HEADER.encode() + b"1,Ana,Ek\n")) == ["1"]


@pytest.mark.parametrize(("mark", "name"), [(";", "semicolon"), ("\t", "tab"), ("|", "vertical bar")])
def test_a_wrong_delimiter_is_refused_naming_the_likely_one(read_content, mark, name):
    with pytest.raises(FileError, match=f"separated by a {name}"):
        read_content((HEADER + "1,Ana,Ek\n").replace(",", mark))


def test_a_tsv_file_is_separated_by_tabs(read_content):
    assert local_ids(read_content((HEADER + "1,Ana,Ek\n").replace(",", "\t"), name="f.tsv")) == ["1"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_byte_order_mark_decides_the_encoding(read_content, make_mapping, encoding):
    layout = make_mapping(
        'local_id = "local_id"\n[file]\nencoding = "windows-1252"\n[fields]\nfirst_name = "first_name"\n'
        'last_name = "last_name"\n'
    )
    (row,) = read_content((HEADER + "1,Ana,Díaz\n").encode(encoding), mapping=layout)
    assert row.fields["last_name"] == "Díaz"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_refused_by_name(read_content, encoding):
    with pytest.raises(FileError, match="UTF-16"):
        read_content((HEADER + "1,Ana,Ek\n").encode(encoding))


def test_carriage_returns_alone_are_refused(read_content):
    with pytest.raises(FileError, match="carriage return"):
        read_content((HEADER + "1,Ana,Ek\n").replace("\n", "\r"))


WINDOWS = (HEADER + "1,José,Núñez\n2,Ana,Ek\n3,Zoë,Ek\n4,Bo,Peña\n").encode("cp1252")


def test_windows_1252_is_refused_with_the_setting_that_reads_it(read_content):
    with pytest.raises(FileError, match='encoding = "windows-1252"'):
        read_content(WINDOWS)


def test_windows_1252_is_read_when_the_mapping_sets_it(read_content, make_mapping):
    mapping = make_mapping(
        'local_id = "local_id"\n[file]\nencoding = "cp1252"\n'
        '[fields]\nfirst_name = "first_name"\nlast_name = "last_name"\n'
    )
    rows = read_content(WINDOWS, mapping=mapping)
    assert [row.fields["first_name"] for row in rows] == ["José", "Ana", "Zoë", "Bo"]


def test_a_few_invalid_bytes_reject_only_their_rows(read_content):
    body = "".join(f"{n},Zoë,Ek\n" for n in range(20)).encode() + b"20,Zo\xff,Ek\n21,Bo,Ek\n"
    rows = read_content(HEADER.encode() + body)
    assert reject_reasons(rows) == [(22, "invalid-utf8")]
    assert len(local_ids(rows)) == 21


@pytest.mark.parametrize(("valid_count", "refused"), [(2, True), (3, False)])
def test_a_file_is_refused_when_invalid_lines_outnumber_valid_accents(read_content, valid_count, refused):
    ascii_lines, valid_lines, invalid_lines = (
        b"1,Bo,Ek\n" * 50,
        "2,Zoë,Ek\n".encode() * valid_count,
        b"3,Zo\xeb,Ek\n" * 3,
    )
    content = HEADER.encode() + ascii_lines + valid_lines + invalid_lines
    if refused:
        with pytest.raises(FileError, match="3 of its first 56 lines"):
            read_content(content)
    else:
        assert len(reject_reasons(read_content(content))) == 3


def test_invalid_bytes_in_the_header_refuse_the_file(read_content):
    with pytest.raises(FileError, match="not UTF-8"):
        read_content(b"local_id,pr\xe9nom\n1,Ana\n2,Bo\n")


def test_ragged_rows_are_rejected_and_the_others_kept(read_content):
    rows = read_content(HEADER + "1,Ana\n2,Bo,Ek\n3,Cy,Ek,x\n4,Di,Ek\n")
    assert reject_reasons(rows) == [(2, "wrong-field-count"), (4, "wrong-field-count")]
    assert local_ids(rows) == ["2", "4"]


def test_blank_lines_are_skipped_and_empty_rows_rejected(read_content):
    rows = read_content(HEADER + "1,Ana,Ek\n\n  \n,,\n2,Bo,Ek\n\n")
    assert reject_reasons(rows) == [(5, "empty-row")]
    assert local_ids(rows) == ["1", "2"]


def test_a_nul_byte_rejects_only_its_row(read_content):
    rows = read_content(HEADER + "1,A\0na,Ek\n2,Bo,Ek\n")
    assert reject_reasons(rows) == [(2, "nul-byte")]
    assert local_ids(rows) == ["2"]


def test_an_open_quote_in_a_truncated_file_rejects_the_last_row(read_content):
    rows = read_content(HEADER + '1,Ana,Ek\n2,"Bo')
    assert reject_reasons(rows) == [(3, "unterminated-quote")]
    assert local_ids(rows) == ["1"]


def test_a_stray_quote_rejects_one_row_and_not_the_rest_of_the_file(read_content):
    rows = read_content(HEADER + '1,"Ana,Ek\n' + "".join(f"{n},Bo,Ek\n" for n in range(2, 50)))
    assert reject_reasons(rows) == [(2, "unterminated-quote")]
    assert local_ids(rows) == [str(n) for n in range(2, 50)]


def test_quotes_inside_a_quoted_field_reject_the_row(read_content):
    rows = read_content(HEADER + '1,"Robert "Bob" R",Ek\n2,Bo,Ek\n')
    assert reject_reasons(rows) == [(2, "malformed-csv")]
    assert local_ids(rows) == ["2"]


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_field_of_10_mb_rejects_its_row_and_uses_little_memory(open_content, quote):
    large_field = quote + "x" * 10_000_000 + quote
    file = open_content(HEADER + f"1,{large_field},Ek\n2,Bo,Ek\n")
    tracemalloc.start()
    rows = list(file)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert reject_reasons(rows) == [(2, "field-too-large")]
    assert local_ids(rows) == ["2"]
    assert peak < 6_000_000


def test_a_field_over_the_limit_is_rejected_even_in_a_row_under_it(read_content):
    rows = read_content(HEADER + f"1,{'x' * 200_000},Ek\n2,Bo,Ek\n")
    assert reject_reasons(rows) == [(2, "field-too-large")]
    assert local_ids(rows) == ["2"]


def test_a_field_over_the_limit_is_rejected_whatever_other_code_permits(read_content):
    permitted = csv.field_size_limit(1_000_000)
    try:
        rows = read_content(HEADER + f"1,{'x' * 200_000},Ek\n2,Bo,Ek\n")
    finally:
        csv.field_size_limit(permitted)
    assert reject_reasons(rows) == [(2, "field-too-large")]
    assert local_ids(rows) == ["2"]


def test_an_open_quote_before_many_rows_is_abandoned_at_the_row_limit(read_content):
    rows = read_content(HEADER + '1,"Ana,Ek\n' + "2,Bo,Ek\n" * 200)
    assert reject_reasons(rows) == [(2, "field-too-large")]
    assert len(local_ids(rows)) == 200


def test_many_lines_with_open_quotes_are_read_in_linear_time(read_content):
    rows = read_content(HEADER + 'a","a\n' * 3_000)
    assert len(rows) == 3_000
    assert reject_reasons(rows)[:2] == [(2, "field-too-large"), (3, "field-too-large")]


def test_a_row_of_many_fields_over_the_limit_is_rejected_at_its_first_line(read_content):
    large_fields = ",".join(['"' + "x" * 60_000 + '\n"'] * 20)
    rows = read_content(HEADER + f"1,Ana,{large_fields}\n2,Bo,Ek\n")
    assert reject_reasons(rows)[0] == (2, "field-too-large")
    assert local_ids(rows) == ["2"]


def test_a_header_with_a_duplicate_or_unnamed_column_is_refused(read_content):
    with pytest.raises(FileError, match="columns 2 and 3 of the header have the same name"):
        read_content("local_id,sex,sex\n1,M,M\n")
    with pytest.raises(FileError, match="column 2 of the header has no name"):
        read_content("local_id,\n1,M\n")


def test_rejects_never_repeat_text_of_the_row(read_content):
    rows = read_content(HEADER + '1,Secretname\n2,"Secret" name,Ek\n3,"Secretname')
    assert len(reject_reasons(rows)) == 3
    assert not any("ecret" in repr(row) for row in rows)


def test_bytes_read_reaches_the_size_and_the_digest_covers_the_content(open_content):
    file = open_content(HEADER + "1,Ana,Ek\n")
    assert file.bytes_read == 0
    list(file)
    assert file.bytes_read == file.size_bytes == 39
    assert file.compute_digest() == open_content(HEADER + "1,Ana,Ek\n", name="other.csv").compute_digest()
    assert file.compute_digest() != open_content(HEADER + "1,Ana,El\n", name="other.csv").compute_digest()
    with pytest.raises(RuntimeError, match="once"):
        list(file)


def test_the_digest_covers_how_a_file_is_read(tmp_path):
    def digest(mapping, name="m.toml", file_format="csv"):
        (tmp_path / name).write_text(mapping)
        return open_file(path, load_mapping(tmp_path / name), file_format).compute_digest()

    path = tmp_path / "f.csv"
    path.write_text('"id","day","sx","x"\n')
    mapping_start = (
        'local_id = "id"\nignore = ["x", "sx"]\n[where]\nid = "1"\nsx = "M"\n[fields]\nbirth_date = '
    )
    date_field = '{column = "day", date_format = "%Y%m%d"}'
    digest_once = digest(mapping_start + date_field)
    assert (
        digest(mapping_start.replace('"x", "sx"', '"sx", "x"') + date_field, name="renamed.toml")
        == digest_once
    )
    assert (
        digest(mapping_start.replace('id = "1"\nsx = "M"', 'sx = "M"\nid = "1"') + date_field) == digest_once
    )
    other_digests = [
        digest(mapping_start + date_field.replace("%Y%m%d", "%Y%d%m")),
        digest(mapping_start + '"day"'),
        digest(mapping_start.replace('sx = "M"', 'sx = "F"') + date_field),
        digest(mapping_start + date_field + '\nsex = "sx"\n'),
        digest(mapping_start.replace('local_id = "id"', 'local_id = "x"') + date_field),
        open_file(path, load_mapping(tmp_path / "m.toml").with_where("x", "y"), None).compute_digest(),
    ]
    assert len({digest_once, *other_digests}) == 1 + len(other_digests)
    path.write_text('{"local_id": "1"}\n')
    assert open_file(path, None, "ndjson").compute_digest() != digest_once


CELLS = st.text("aé☃ ,;'\"\r\n\t|", max_size=8)


@given(rows=st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=12))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_spreadsheet_writes_is_read_back(tmp_path: Path, rows):
    path = tmp_path / "f.csv"
    cells = [[cell.replace('"', '""') for cell in row] for row in rows]
    quoted = "".join(",".join(f'"{cell}"' for cell in row) + "\r\n" for row in cells)
    path.write_bytes(("a,b,c\r\n" + quoted).encode())
    parsed = list(CsvTable(path, ",", "utf-8").rows())
    expected = [list(row) for row in rows if any(cell and not cell.isspace() for cell in row)]
    assert [row.values for row in parsed if isinstance(row, RawRow)] == expected
    assert len(parsed) == len(rows)


@given(body=st.binary(max_size=200))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_give_a_file_error_or_rows_in_ascending_order(tmp_path: Path, body):
    path = tmp_path / "f.csv"
    path.write_bytes(b"a,b\n" + body)
    try:
        rows = list(CsvTable(path, ",", "utf-8").rows())
    except FileError:
        return
    lines = [row.line for row in rows]
    assert lines == sorted(set(lines))
