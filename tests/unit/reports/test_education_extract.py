"""Education extracts are read whole or refused with what is wrong, and no value is told."""

import duckdb
import pytest

from mpi.domain.errors import FileError
from mpi.reports.child_tables import ChildTables
from mpi.reports.education_extract import read_extract

HEADER = "source,local_id,school_year,on_count_day,days_enrolled,days_absent,acgr_result\n"


def read(tmp_path, text, name="education.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    connection = duckdb.connect()
    count = read_extract(connection, path)
    return count, connection.sql("SELECT * FROM education ORDER BY local_id").fetchall()


def test_rows_are_read_with_their_types(tmp_path):
    count, rows = read(tmp_path, HEADER + "sis,7,2025-2026,Y,180,9,\nsis,8,2025-2026,N,,,graduate\n")
    assert count == 2
    assert rows[0][:2] == ("sis", "7")
    assert (rows[0][4], rows[0][5], rows[0][6]) == (True, 180, 9)
    assert (rows[1][5], rows[1][-1]) == (None, "graduate")


def test_parquet_is_read_like_csv(tmp_path):
    (tmp_path / "e.csv").write_text(HEADER + "sis,7,2025-2026,Y,180,9,\n")
    duckdb.read_csv(str(tmp_path / "e.csv"), all_varchar=True).write_parquet(str(tmp_path / "e.parquet"))
    connection = duckdb.connect()
    assert read_extract(connection, tmp_path / "e.parquet") == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("local_id,school_year\n1,2026\n", "columns are missing: source"),
        (HEADER.strip() + ",diagnosis\nsis,7,2025-2026,Y,180,9,,SECRET\n", "1 columns are not"),
        (HEADER + "sis,7,2025-2026,Y,SECRET,9,\n", "column days_enrolled: 1 rows"),
        (HEADER + "sis,7,2025-2026,SECRET,180,9,\n", "must be Y, N or empty"),
        (HEADER + "sis,7,2025-2026,Y,180,9,SECRET\n", "must be graduate"),
        (HEADER + "sis,,2025-2026,Y,180,9,\n", "may not be empty"),
        (HEADER + "sis,7,2025-2026,Y,180,9,\nsis,7,2025-2026,Y,180,9,\n", "1 rows repeat"),
        (HEADER + "sis,7,2025-2026,Y,180,9,\nsis,8,2024-2025,Y,180,9,\n", "2 school years"),
        (HEADER + "sis,7,2025-2026,Y,9,180,\n", "more days absent than enrolled"),
        (b"\x00\xff\xfe" * 50, ""),
        ("", ""),
    ],
)
def test_wrong_files_are_refused_without_their_values(tmp_path, text, message):
    with pytest.raises(FileError) as fault:
        read(tmp_path, text)
    assert message in str(fault.value)
    assert "SECRET" not in str(fault.value)


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(FileError):
        read_extract(duckdb.connect(), tmp_path / "none.csv")


def test_rows_of_a_child_with_two_local_ids_are_summed(tmp_path):
    path = tmp_path / "e.csv"
    path.write_text(HEADER + "sis,7,2025-2026,Y,100,9,\nsis,8,2025-2026,N,80,1,\nsis,9,2025-2026,Y,180,0,\n")
    tables = ChildTables("2026-09-01")
    tables.add("record", [(1, 50, "sis", "sis", "7"), (2, 50, "sis", "sis", "8")])
    read_extract(tables.connection, path)
    tables.join_students()
    students = tables.count("SELECT person, days_enrolled, days_absent, on_count_day FROM student ORDER BY 1")
    assert students == [(-3, 180, 0, True), (50, 180, 10, True)]
