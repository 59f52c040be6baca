"""Reports say what they show in every format, and charts have a table twin."""

import csv
import io
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mpi.domain.errors import FileError, InputError
from mpi.reports.charts import PALETTE, draw_png, make_chart
from mpi.reports.definitions import find_definition, read_definitions
from mpi.reports.report_page import write_html_page
from mpi.reports.report_table import STANDING_NOTICE, Column, ReportTable, write_csv_text, write_parquet_bytes

REPORT = ReportTable(
    name="outcomes",
    title="Outcomes <of> children",
    unit="students",
    source="the index",
    as_of="2026-06-01",
    known_on="2026-07-01",
    number=1234,
    definition="In care by ESSA.",
    columns=(
        Column("outcome", "Outcome"),
        Column("group", "Students"),
        Column("students", "Students judged", "children"),
        Column("percent", "Share", "percent"),
    ),
    rows=(("=Absent", "in care", 34, 23.5), ("=Absent", "all", 1200, None)),
    notes=("A note.",),
)


def test_csv_tells_title_units_source_number_day_definition_and_notice():
    lines = write_csv_text(REPORT).splitlines()
    comments = [line for line in lines if line.startswith("# ")]
    for text in (
        "Outcomes",
        "students",
        "the index",
        "2026-06-01",
        "2026-07-01",
        "1234",
        "ESSA",
        STANDING_NOTICE,
    ):
        assert any(text in comment for comment in comments)
    rows = list(csv.reader(io.StringIO("\n".join(lines[len(comments) :]))))
    assert rows[1] == ["'=Absent", "in care", "34", "23.5"]
    assert rows[2][-1] == "hidden"


def test_parquet_holds_nulls_and_the_same_description():
    table = pq.read_table(pa.BufferReader(write_parquet_bytes(REPORT)))
    assert table.column("percent").to_pylist() == [23.5, None]
    assert table.schema.metadata[b"mpi.notice"].decode() == STANDING_NOTICE


def test_empty_report_can_be_written():
    empty = replace(REPORT, rows=())
    assert write_csv_text(empty).count("\n") == 11
    assert pq.read_table(pa.BufferReader(write_parquet_bytes(empty))).num_rows == 0


def test_page_stands_alone_with_chart_and_table():
    page = write_html_page(REPORT)
    assert "<script" not in page
    assert "Outcomes &lt;of&gt; children" in page
    assert "<svg" in page
    assert '<td class="number">hidden</td>' in page
    assert '<td class="number">1,200</td>' in page
    assert STANDING_NOTICE in page


def test_chart_uses_colours_that_everyone_can_tell_apart_and_words_for_hidden_counts():
    chart = make_chart(REPORT).to_dict()
    bars = chart["layer"][0]["encoding"]
    assert bars["color"]["scale"]["range"] == list(PALETTE)
    labels = [point["label"] for point in chart["data"]["values"]]
    assert labels == ["23.5 %", "hidden"]
    assert draw_png(REPORT).startswith(b"\x89PNG")


def test_a_state_adds_its_own_definition(tmp_path):
    own = tmp_path / "own.toml"
    own.write_text('[lcff]\ntitle = "LCFF"\nauthority = "state law"\nflag = "lcff_foster"\n')
    assert find_definition(read_definitions(own), "lcff").flag == "lcff_foster"
    with pytest.raises(InputError, match="lcff"):
        find_definition(read_definitions(own), "essa")


@pytest.mark.parametrize(
    "text",
    [
        "[a]\ntitle = 'x'\n",
        "a = 1\n",
        "[a",
        "[a]\ntitle='x'\nauthority='y'\nflag='f'\nleaves_out=[]\n",
        "[a]\ntitle='x'\nauthority='y'\nleaves_out=[1]\n",
    ],
)
def test_wrong_file_of_definitions_is_refused(tmp_path, text):
    (tmp_path / "own.toml").write_text(text)
    with pytest.raises(FileError, match="no file of definitions"):
        read_definitions(tmp_path / "own.toml")
