"""Excel workbooks: cells become values, and hostile files are refused before they take memory."""

import zipfile
from datetime import date, datetime, time

import pytest
from openpyxl import Workbook

from mpi.domain.errors import FileError
from mpi.intake.reader import open_file
from mpi.intake.rows import CanonicalRow, RejectedRow
from mpi.intake.workbook import bounds
from mpi.intake.workbook.workbook_file import WorkbookTable

HEADER = ["local_id", "first_name", "birth_date"]


def write_workbook(path, *rows, title="Students", others=()):
    book = Workbook()
    sheet = book.active
    sheet.title = title
    for row in rows:
        sheet.append(row)
    for name, state in others:
        other = book.create_sheet(name)
        other.sheet_state = state
        if state != "empty":
            other.append(HEADER)
            other.append(["9", "Zoe", None])
        else:
            other.sheet_state = "visible"
    book.save(path)
    return path


def test_cells_become_values_and_dates_become_dates(tmp_path):
    path = write_workbook(
        tmp_path / "s.xlsx",
        HEADER,
        [1001, " Ana ", date(2010, 5, 6)],
        [],
        ["0042", "Bo", datetime(2011, 2, 3)],  # noqa: DTZ001 - a sheet knows no time zone
        ["A7", None, "2012-01-02"],
    )
    assert list(open_file(path, None, None)) == [
        CanonicalRow(2, None, {"local_id": 1001, "first_name": "Ana", "birth_date": "2010-05-06"}),
        CanonicalRow(4, None, {"local_id": "0042", "first_name": "Bo", "birth_date": "2011-02-03"}),
        CanonicalRow(5, None, {"local_id": "A7", "birth_date": "2012-01-02"}),
    ]


def test_number_too_long_for_a_workbook_is_kept_as_inexact(tmp_path):
    path = write_workbook(tmp_path / "s.xlsx", HEADER, [123456789012345678, "Ana", time(8, 30)])
    (row,) = open_file(path, None, None)
    assert isinstance(row.fields["local_id"], float)  # record validation refuses it
    assert row.fields["birth_date"] == "08:30:00"


def test_total_below_the_rows_is_no_record(tmp_path):
    path = write_workbook(tmp_path / "s.xlsx", HEADER, ["1", "Ana", None], ["Grand Total: 1"], ["Count", 1])
    rows = list(open_file(path, None, None))
    assert [row.reason for row in rows if isinstance(row, RejectedRow)] == ["totals-row", "totals-row"]
    assert len(rows) == 3


def test_the_only_visible_sheet_with_cells_is_read(tmp_path):
    path = write_workbook(
        tmp_path / "s.xlsx", HEADER, ["1", "Ana", None], others=[("Old", "hidden"), ("Sheet2", "empty")]
    )
    assert [row.fields["local_id"] for row in open_file(path, None, None)] == ["1"]


def test_several_sheets_are_named_and_one_is_chosen(tmp_path, make_mapping):
    path = write_workbook(tmp_path / "s.xlsx", HEADER, ["1", "Ana", None], others=[("2025", "visible")])
    with pytest.raises(FileError, match=r"sheets 'Students', '2025': say which with --sheet"):
        open_file(path, None, None)
    with pytest.raises(FileError, match=r"no sheet 'Pupils'; there is 'Students', '2025'"):
        open_file(path, None, None, sheet="Pupils")
    assert [row.fields["local_id"] for row in open_file(path, None, None, sheet="2025")] == ["9"]
    layout = make_mapping(
        'local_id = "local_id"\nignore = ["birth_date"]\n[file]\nsheet = "2025"\n'
        '[fields]\nfirst_name = "first_name"\n'
    )
    assert [row.fields["local_id"] for row in open_file(path, layout, None)] == ["9"]


def test_title_lines_above_the_header_are_passed_over(tmp_path, make_mapping, open_content):
    layout = make_mapping(
        'local_id = "local_id"\n[file]\nheader_row = 3\n'
        '[fields]\nfirst_name = "first_name"\nbirth_date = "birth_date"\n'
    )
    path = write_workbook(tmp_path / "s.xlsx", ["Lincoln School"], [], HEADER, ["1", "Ana", None])
    assert [row.line for row in open_file(path, layout, None)] == [4]
    csv = "Lincoln School\n\nlocal_id,first_name,birth_date\n1,Ana,\n"
    assert [row.line for row in open_content(csv, mapping=layout)] == [4]
    with pytest.raises(FileError, match="no line 3"):
        open_content("Lincoln School\n", mapping=layout)


def test_named_columns_after_the_last_cell_are_kept_and_unnamed_ones_refused(tmp_path):
    path = write_workbook(tmp_path / "s.xlsx", [*HEADER, None], ["1", "Ana", None, "note"])
    with pytest.raises(FileError, match="column 4 of the header has no name"):
        open_file(path, None, None)


def test_empty_damaged_and_foreign_files_are_refused(tmp_path):
    with pytest.raises(FileError, match="the workbook is empty"):
        open_file(write_workbook(tmp_path / "e.xlsx"), None, None)
    whole = write_workbook(tmp_path / "w.xlsx", HEADER, ["1", "Ana", None]).read_bytes()
    for name, content in (
        ("cut", whole[: len(whole) // 2]),
        ("mixed", whole[:60] + b"\xff" * 80 + whole[140:]),
    ):
        path = tmp_path / f"{name}.xlsx"
        path.write_bytes(content)
        with pytest.raises(FileError, match=rf"{name}\.xlsx: "):
            list(open_file(path, None, None))
    path = tmp_path / "old.xlsx"
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    with pytest.raises(FileError, match=r"old kind \(\.xls\), or one with a password"):
        open_file(path, None, None)


def rewrite_sheet(path, target, xml):
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as copy:
        for name in source.namelist():
            copy.writestr(name, xml if name.endswith("sheet1.xml") else source.read(name))
    return target


NAMESPACE = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


@pytest.mark.parametrize(
    "cells",
    [
        b'<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>',
        b'<row r="1"><c r=\'a1\'><v>1</v></c></row><row r="9000000">'
        + b"<c><v>1</v></c>" * 16_000
        + b"</row>",
    ],
)
def test_far_cell_is_refused_before_a_grid_is_reserved(tmp_path, cells):
    path = write_workbook(tmp_path / "s.xlsx", HEADER)
    xml = b"<worksheet " + NAMESPACE + b"><sheetData>" + cells + b"</sheetData></worksheet>"
    with pytest.raises(FileError, match="more than 10,000,000 cells"):
        open_file(rewrite_sheet(path, tmp_path / "far.xlsx", xml), None, None)


def test_workbook_bomb_is_refused_whatever_size_it_states(tmp_path, monkeypatch):
    monkeypatch.setattr(bounds, "MAX_UNPACKED_BYTES", 1_000_000)
    path = write_workbook(tmp_path / "s.xlsx", HEADER)
    bomb = rewrite_sheet(path, tmp_path / "bomb.xlsx", b"<worksheet>" + b" " * 3_000_000 + b"</worksheet>")
    content = bytearray(bomb.read_bytes())
    size = (3_000_000 + len(b"<worksheet></worksheet>")).to_bytes(4, "little")
    while (place := content.find(size)) >= 0:  # both headers state one hundred bytes instead
        content[place : place + 4] = (100).to_bytes(4, "little")
    bomb.write_bytes(content)
    with pytest.raises(FileError, match="would become more than 1,000,000 bytes"):
        WorkbookTable(bomb)
