"""``mpi pilot``: figures about own files, and nothing of the temporary index afterwards."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mpi.cli.pilot.hardware import MACHINE_SIZES, find_machine
from mpi.cli.pilot.inputs import PilotChoices
from mpi.cli.pilot.review_work import bound_count, estimate_review_work
from mpi.cli.pilot.run import PilotOptions
from mpi.cli.pilot.run import run_pilot as pilot_run
from tests.unit.cli.conftest import is_one_line

ROOT = Path(__file__).resolve().parents[4]
NAMES = ["Xanthippe", "Quirin", "Yolanda", "Zebedee", "Ulrika"]
SCHOOL = "Student_Number,First_Name,Last_Name,DOB,Grade_Level,Phone\n"
CARE = "PERSON_ID;CLIENT NAME;BIRTH_DT;REMOVAL_DATE\n"


@pytest.fixture
def files(empty_home, tmp_path):
    """A school's file and an extract of five children, three of them in both, and one row without an ID."""
    rows = [f"{n},{name},Featherstone,0{n + 1}/16/2012,3,12345\n" for n, name in enumerate(NAMES)]
    (tmp_path / "school.csv").write_text(SCHOOL + "".join(rows) + ",Wilma,Ek,01/01/2011,4,\n")
    cases = [f"C{n};FEATHERSTONE, {NAMES[n].upper()};2012-0{n + 1}-16;2024-01-01\n" for n in range(3)]
    (tmp_path / "care.csv").write_text(CARE + "".join(cases))
    return "school.csv", "care.csv"


def run_pilot(mpi, files, *more):
    return mpi("pilot", *files, "--no-fit", "--yes", "--folder", ".", *more)


def start_pilot(files, folder):
    """Start a pilot in a process, and return it as soon as its index is there."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mpi", "pilot", *files, "--no-fit", "--yes", "--folder", str(folder)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    while process.poll() is None and not list(folder.glob("mpi-pilot-*/index/mpi.db")):
        time.sleep(0.02)
    return process


def test_pilot_tells_what_is_linked_and_wrong_and_leaves_the_files_alone(mpi, files, tmp_path):
    before = [(tmp_path / name).read_bytes() for name in files]
    result = run_pilot(mpi, files, "--children", "50000")
    assert result.code == 0, result.err
    report = (tmp_path / "pilot.html").read_text(encoding="utf-8")
    told = report + result.out + result.err + (tmp_path / "pilot.certificate.json").read_text()
    assert [word for word in (*NAMES, "Featherstone", "2012-01-16", "12345") if word in told] == []
    for text in (
        "3 of 3 (100 %)",
        "1 of 6",
        "local_id",
        "5 of 5 (100 %)",
        "invalid-phone",
        "100,000 (yours)",
    ):
        assert text in report, text
    assert [(tmp_path / name).read_bytes() for name in files] == before
    certificate = json.loads((tmp_path / "pilot.certificate.json").read_text())
    assert (certificate["outcome"], certificate["destroyed"]["keys"]) == ("finished", 3)
    assert not Path(certificate["destroyed"]["folder"]).exists()
    assert {each["unchanged"] for each in certificate["inputs"]} == {True}


def test_environment_of_another_index_does_not_reach_the_pilot(mpi, files, tmp_path, monkeypatch):
    monkeypatch.setenv("MPI_SECRET_FILE", str(tmp_path / "absent.key"))
    assert run_pilot(mpi, files).code == 0
    assert not (tmp_path / "home").exists()


def test_pilot_that_fails_is_destroyed_and_certified(mpi, files, tmp_path):
    (tmp_path / "school.csv").write_text(SCHOOL + ",,,,,1\n,,,,,2\n")
    (tmp_path / "care.csv").write_text(CARE + ";;;2024-01-01\n;;;2024-01-02\n")
    mapping = 'ignore = [{3}]\nlocal_id = "{0}"\n[fields]\nfirst_name = "{1}"\nbirth_date = "{2}"\n'
    (tmp_path / "s.toml").write_text(
        mapping.format("Student_Number", "First_Name", "DOB", '"Last_Name", "Grade_Level", "Phone"')
    )
    (tmp_path / "c.toml").write_text(
        mapping.format("PERSON_ID", "CLIENT NAME", "BIRTH_DT", '"REMOVAL_DATE"') + '[file]\ndelimiter = ";"\n'
    )
    result = run_pilot(mpi, files, "--mapping", "school=s.toml", "--mapping", "care=c.toml")
    assert (result.code, "no row" in result.err) == (5, True), result.err
    certificate = json.loads((tmp_path / "pilot.certificate.json").read_text())
    assert (certificate["outcome"], list(tmp_path.glob("mpi-pilot-*"))) == ("failed", [])
    assert not (tmp_path / "pilot.html").exists()


def test_stopped_pilot_is_destroyed_and_a_killed_one_by_the_next(mpi, files, tmp_path):
    process = start_pilot(files, tmp_path)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143, err
    assert list(tmp_path.glob("mpi-pilot-*")) == []
    certificate = json.loads((tmp_path / "pilot.certificate.json").read_text())
    assert certificate["outcome"] == "interrupted"

    process = start_pilot(files, tmp_path)
    process.kill()
    process.communicate(timeout=60)
    [left] = tmp_path.glob("mpi-pilot-*")
    result = run_pilot(mpi, files)
    assert (result.code, left.name in result.err, list(tmp_path.glob("mpi-pilot-*"))) == (0, True, [])
    certificate = json.loads((tmp_path / "pilot.certificate.json").read_text())
    assert [Path(each["folder"]).name for each in certificate["left_by_killed_pilots"]] == [left.name]


def test_child_is_never_taken_for_a_header_or_shown_as_a_column(mpi, files, tmp_path):
    rows = "1,Xanthippe,Featherstone,2012-01-16\n2,Quirin,Featherstone,\n"
    for text, said in (
        (rows, "no header line"),
        ("Xanthippe,Featherstone,Ulrika\nQuirin,Featherstone,Ek\n", "no header line"),
        ("ID,First_Name,First_Name,DOB\n" + rows, "columns 2 and 3 have the same name"),
    ):
        (tmp_path / "school.csv").write_text(text)
        result = run_pilot(mpi, files)
        assert (result.code, said in result.err, "Xanthippe" in result.err) == (5, True, False), result.err
    assert list(tmp_path.glob("mpi-pilot-*")) + list(tmp_path.glob("pilot*")) == []
    (tmp_path / "school.csv").write_text("Student_Number,Xanthippe,Last_Name,DOB\n" + rows)
    assert run_pilot(mpi, files).code == 0
    report = (tmp_path / "pilot.html").read_text(encoding="utf-8")
    assert ("column 2" in report, "Xanthippe" in report) == (True, False)


def test_report_that_fails_leaves_a_certificate(files, tmp_path):
    choices = PilotChoices({}, {}, {}, accepts=True, is_quiet=True)
    options = PilotOptions(tmp_path / "pilot.html", tmp_path, choices, children=10**400, fits=False)
    with pytest.raises(OverflowError):
        pilot_run([tmp_path / name for name in files], options)
    certificate = json.loads((tmp_path / "pilot.certificate.json").read_text())
    assert (certificate["outcome"], list(tmp_path.glob("mpi-pilot-*"))) == ("failed", [])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("care.csv",), "two files"),
        (("care.csv", "absent.csv"), "absent.csv: there is no such file"),
        (("care.csv", "./care.csv"), "given twice"),
        (("school.csv", "care.csv", "--kind", "cares=ccwis"), "did you mean"),
        (("school.csv", "care.csv", "--kind", "care=jail"), "sis, ccwis"),
        (("school.csv", "care.csv", "--mapping", "care"), "NAME=MAPPING"),
        (("school.csv", "care.csv", "--into", "none/pilot.html"), "there is no folder"),
        (("school.csv", "care.csv", "--into", "care.csv"), "a file to read"),
        (("school.csv", "care.csv", "--yes", "--folder", "none"), "--folder none"),
    ],
)
def test_wrong_call_says_what_to_do_and_makes_nothing(mpi, files, tmp_path, arguments, said):
    result = mpi("pilot", *arguments)
    assert result.code in {5, 10}
    assert is_one_line(result.err.splitlines(keepends=True)[-1])
    assert said in result.err
    assert list(tmp_path.glob("mpi-pilot-*")) + list(tmp_path.glob("pilot*")) == []


def test_hardware_is_that_of_the_measured_table():
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in page.split("## Machine size")[1].splitlines()
        if line.startswith("| ") and line[2].isdigit()
    ]
    said = [(size.memory, size.disk_sqlite, size.disk_postgresql, size.first_load) for size in MACHINE_SIZES]
    assert said == [tuple(row[1:]) for row in rows]
    assert [find_machine(records) for records in (1, 100_001, 5_000_001)] == [
        MACHINE_SIZES[0], MACHINE_SIZES[1], None,
    ]  # fmt: skip


def test_weekly_hours_follow_from_questions_and_changes():
    work = estimate_review_work(questions=100, records=10_000, minutes=3, weekly_share=0.02)
    assert work.first_hours == pytest.approx(5.0)
    assert work.hours_a_week.value == pytest.approx(0.1)
    # The exact limits of a Poisson count of 100 are 81.4 and 121.6.
    assert bound_count(100) == pytest.approx((81.4, 121.6), abs=0.1)
    assert bound_count(0) == pytest.approx((0, 3.7), abs=0.1)
