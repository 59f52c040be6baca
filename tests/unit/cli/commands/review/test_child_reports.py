"""``mpi report all``: a file of each report on children, in every format."""

import re

import pytest

from mpi.cli.commands.review.splink_charts import make_first_page
from mpi.service.diagnostics.splink_charts import SplinkCharts

DAY = ("--day", "2026-09-01")
BEGINNINGS = {"html": b"<!doctype html>", "csv": b"# report: ", "parquet": b"PAR1", "png": b"\x89PNG"}


@pytest.fixture
def loaded(mpi, write_csv, home):
    assert home.exists()
    assert mpi("ingest", write_csv("1,Ana,Lopez,2010-03-02,43001"), "--source", "sis").code == 0


@pytest.mark.usefixtures("loaded")
def test_all_reports_are_written_in_each_format(mpi, tmp_path):
    for form, beginning in BEGINNINGS.items():
        folder = tmp_path / form
        folder.mkdir()
        written = mpi("report", "all", *DAY, "--format", form, "--into", str(folder))
        assert written.code == 0
        files = sorted(folder.iterdir())
        names = ("combinations", "populations", "waterfall")
        assert [file.name for file in files] == [f"{name}.{form}" for name in names]
        for file in files:
            assert file.read_bytes().startswith(beginning)
            assert file.stat().st_mode & 0o077 == 0


@pytest.mark.usefixtures("loaded")
def test_wrong_options_of_all_reports_are_refused(mpi, tmp_path):
    for options in ((), ("--into", str(tmp_path / "none")), ("--into", str(tmp_path), "--freeze", "fall")):
        assert mpi("report", "all", *DAY, *options).code != 0
    assert mpi("report", "summary", "--into", str(tmp_path)).code != 0


@pytest.mark.usefixtures("loaded")
def test_edfacts_files_are_given_by_number(mpi, tmp_path):
    file = tmp_path / "fs118.csv"
    file.write_text("SEA HOMELESS STUDENTS ENROLLED,1,x,V22,2026-2027,\n1,39,01,,,HOMELESS,,Y,,6\n")
    reconciled = mpi("report", "reconciliation", "--exact", "--edfacts", f"fs118={file}", *DAY, "--json")
    assert reconciled.code == 0
    assert '"in the file"' in reconciled.out
    for wrong in (str(file), "FS999=x", f"FS118={tmp_path / 'none'}"):
        assert mpi("report", "reconciliation", "--exact", "--edfacts", wrong, *DAY).code != 0


@pytest.mark.usefixtures("loaded")
def test_reports_on_links_are_exact_and_say_so(mpi):
    churn = mpi("report", "churn", "--current", "--since", "2000-01-01", "--json").json
    assert sum(each["created"] for each in churn["days"]) == 1
    assert mpi("report", "stewards", "--current", "--json").json["days"] == []
    assert mpi("report", "reliability", "--current", "--json").json == []
    for name in ("churn", "stewards", "reliability"):
        assert mpi("report", name, "--current").code == 0
        assert mpi("report", name).code != 0


@pytest.mark.usefixtures("loaded")
def test_page_for_the_public_is_written_to_a_file(mpi, tmp_path):
    file = tmp_path / "public.html"
    assert mpi("report", "transparency", "--into", str(file)).code == 0
    assert "What these records are used for" in file.read_text(encoding="utf-8")
    for options in ((), ("--into", str(tmp_path)), ("--into", str(file), "--format", "csv")):
        assert mpi("report", "transparency", *options).code != 0


def test_splink_charts_of_an_empty_index_say_so(mpi, home, tmp_path):
    assert home.exists()
    assert mpi("report", "splink-charts", "--into", str(tmp_path / "empty")).code == 0
    assert "the index has none" in (tmp_path / "empty" / "index.html").read_text(encoding="utf-8")


def test_first_page_of_splink_charts_has_each_caution_of_the_pair():
    cautions = ("Given names differ.", "A birth date is not whole.")
    page = make_first_page(SplinkCharts("m/1", "2026-09-01", {}, [], cautions=cautions), None)
    assert [caution for caution in cautions if caution not in page] == []


@pytest.mark.usefixtures("loaded")
def test_splink_charts_are_a_private_folder_with_a_first_page(mpi, tmp_path):
    folder = tmp_path / "charts"
    assert mpi("report", "splink-charts", "--into", str(folder)).code == 0
    files = {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir()}
    assert files.keys() == {"index.html", "match-weights.html", "parameters.html", "unlinkables.html"}
    assert all(file.stat().st_mode & 0o077 == 0 for file in folder.iterdir())
    for link in re.findall(r'href="([^"]+)"', files["index.html"]):
        assert link in files
    assert "<script" not in files["index.html"]
    assert re.search(r"<td>equal</td>\s*<td class=.number.>", files["index.html"])
    wrong_options = ((), ("--into", str(folder)), ("--into", str(tmp_path / "x"), "--pair", "sis:1"))
    for options in wrong_options:
        assert mpi("report", "splink-charts", *options).code != 0
    assert mpi("report", "summary", "--account", "ana").code != 0
