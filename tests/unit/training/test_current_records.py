"""Rows of record files that a fit reads as versions of one record, or not at all."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training.current_records import read_current_records

HEADER = "local_id,first_name,last_name"


def write_csv(folder: Path, name: str, *rows: str, header: str = HEADER) -> Path:
    path = folder / f"{name}.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def given_names(current):
    """Return the given names of the records in the order of the rows."""
    return current.features.sort_by("unique_id")["given"].to_pylist()


def test_of_rows_with_one_local_id_the_last_counts(tmp_path):
    current = read_current_records([write_csv(tmp_path, "sis", "1,Ana,Ek", "2,Bo,Ek", " 1 ,Cy,Ek")])
    assert given_names(current) == ["BO", "CY"]
    assert current.superseded == 1
    assert len(current.record_labels) == 2
    assert {use.name: use.read for use in current.columns}["first_name"] == 2


def test_the_version_of_the_latest_time_counts(tmp_path):
    rows = ("1,Ana,Ek,2026-03-01", "1,Bo,Ek,2026-01-01", "2,Cy,Ek,2026-01-01", "2,Di,Ek,")
    current = read_current_records([write_csv(tmp_path, "sis", *rows, header=f"{HEADER},as_of")])
    assert given_names(current) == ["ANA", "DI"]


def test_local_ids_of_two_sources_are_two_records(tmp_path):
    paths = [write_csv(tmp_path, name, "1,Ana,Ek") for name in ("sis", "ccwis")]
    current = read_current_records(paths)
    assert (len(current.features), current.superseded) == (2, 0)


def test_rows_without_a_local_id_are_records_of_their_own(tmp_path):
    current = read_current_records([write_csv(tmp_path, "sis", ",Ana,Ek", ",Bo,Ek")])
    assert (len(current.features), current.superseded) == (2, 0)


def test_a_refused_row_replaces_no_other(tmp_path):
    current = read_current_records([write_csv(tmp_path, "sis", "1,Ana,Ek", f"1,{'x' * 20_000},Ek")])
    assert given_names(current) == ["ANA"]
    assert (current.refused, current.superseded) == (1, 0)


def test_files_read_row_by_row_are_told_alike(tmp_path):
    uneven = write_csv(tmp_path, "sis", "1,Ana,Ek", "1,Bo", "2,Cy,Ek")
    current = read_current_records([uneven, write_csv(tmp_path, "ccwis")])
    assert (given_names(current), current.superseded) == (["BO", "CY"], 1)
    assert current.empty_files == ("ccwis.csv",)


@pytest.mark.parametrize("content", ["local_id,first_name\n", "local_id,first_name\n\n\n", ""])
def test_a_file_without_rows_is_named(tmp_path, content):
    empty = tmp_path / "ccwis.csv"
    empty.write_text(content)
    current = read_current_records([write_csv(tmp_path, "sis", "1,Ana,Ek"), empty])
    assert current.empty_files == ("ccwis.csv",)
    assert len(current.features) == 1


def test_a_parquet_file_without_rows_is_named(tmp_path):
    empty = tmp_path / "ccwis.parquet"
    pq.write_table(pa.table({"local_id": pa.array([], pa.string())}), empty)
    assert read_current_records([write_csv(tmp_path, "sis", "1,Ana,Ek"), empty]).empty_files == (
        "ccwis.parquet",
    )
