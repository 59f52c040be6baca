"""A stranger's path: two messy files to a crosswalk, by the commands of the tutorial alone."""

import csv
import os
import random
import re
import subprocess
from datetime import date, timedelta
from pathlib import Path

import pytest
from faker import Faker
from openpyxl import Workbook

from tests.warm_commands import shell_function

pytestmark = pytest.mark.slow

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tutorials" / "your-own-files.md"
BLOCKS = re.findall(r"^```bash\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.startswith("mpi ")]
STUDENTS, IN_CARE = 3_000, 400
STUDENT_COLUMNS = [
    "Student_Number", "State_StudentNumber", "First_Name", "Middle_Name", "Last_Name", "DOB", "Gender",
    "Grade_Level", "SchoolID", "EntryDate", "Street", "City", "State", "Zip", "Home_Phone", "Mother",
    "LunchStatus", "Homeless", "Enroll_Status",
]  # fmt: skip
CARE_COLUMNS = [
    "PERSON_ID", "CASE_ID", "CLIENT NAME", "BIRTH_DT", "SEX_CD", "ADDR_LINE_1", "CITY_NM", "STATE_CD",
    "ZIP_CD", "STATE STUDENT ID", "REMOVAL_REASON", "WORKER_NM",
]  # fmt: skip


def make_children() -> list[dict[str, object]]:
    """Return invented children, whose names, birth dates and homes are all drawn."""
    draw, names = random.Random(35), Faker("en_US")
    names.seed_instance(35)
    return [
        {
            "number": number,
            "first": names.first_name(),
            "last": names.last_name(),
            "mother": names.first_name_female(),
            "born": date(2006, 1, 1) + timedelta(days=draw.randrange(4_500)),
            "sex": draw.choice("MF"),
            "street": f"{draw.randrange(1, 9999)} {names.street_name()}",
            "zip": 43001 + draw.randrange(60),
            "phone": f"614-{draw.randrange(200, 999)}-{draw.randrange(10_000):04}",
        }
        for number in range(STUDENTS)
    ]


def write_workbook(path: Path, children: list[dict[str, object]]) -> None:
    """Write an export with a title, dates of three kinds, markers of no value and a total."""
    book = Workbook()
    sheet = book.active
    sheet.title = "Students"
    sheet.append(["Lincoln Local Schools", None, "Student export"])
    sheet.append([])
    sheet.append(STUDENT_COLUMNS)
    for child in children:
        number, born = child["number"], child["born"]
        written = (born, born.strftime("%m/%d/%Y"), born.strftime("%m/%d/%Y 12:00:00 AM"))[number % 3]
        sheet.append(
            [
                100_000 + number, str(9_100_000_000 + number), child["first"],
                ["", "(blank)", None][number % 3], child["last"], written, child["sex"], number % 13, "0101",
                date(2025, 8, 20), child["street"], "Columbus", "OH", child["zip"],
                [child["phone"], "#N/A"][number % 2], f"{child['mother']} {child['last']}",
                "FRP"[number % 3], ["Y", "No", "maybe", None][number % 4], 0,
            ]
        )  # fmt: skip
    sheet.append(["Total", STUDENTS])
    book.create_sheet("Sheet2")
    book.save(path)


def write_extract(path: Path, children: list[dict[str, object]]) -> None:
    """Write an extract of a case system: other columns, another encoding, names in one column."""
    with path.open("w", newline="", encoding="windows-1252") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(CARE_COLUMNS)
        for child in children[:IN_CARE]:
            number = child["number"]
            home = (child["street"], "Columbus") if number % 4 else ("1 Shelter Way", "Dayton")
            writer.writerow(
                [
                    f"P{number:05}", f"F{number // 2}", f"{child['last'].upper()}, {child['first'].upper()}",
                    child["born"].strftime("%d-%b-%Y"), child["sex"], *home, "OH", child["zip"],
                    9_100_000_000 + number if number % 2 else "", "neglect", "José Ek",
                ]
            )  # fmt: skip
        file.write("Total Clients: 400\n")


def read_table(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file by column."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a stranger after all commands of the page."""
    folder = tmp_path_factory.mktemp("own_files")
    children = make_children()
    write_workbook(folder / "students.xlsx", children)
    write_extract(folder / "care.csv", children)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MPI_")}
    with shell_function() as mpi:
        process = subprocess.run(
            ["bash", "-c", "\n".join(["set -e", mpi, *BLOCKS])],
            capture_output=True, text=True, check=False, cwd=folder, env=environment,
        )  # fmt: skip
    assert process.returncode == 0, process.stderr
    (folder / "output.txt").write_text(process.stdout + process.stderr)
    return folder


def test_path_has_at_most_eight_commands_and_no_mapping_by_hand():
    assert len(COMMANDS) <= 8
    assert "toml" not in "".join(COMMANDS).replace("--mapping students.toml", "").replace(
        "--mapping care.toml", ""
    )


def test_every_row_is_loaded_but_the_totals(folder):
    rows = read_table(folder / "crosswalk.csv")
    assert len(rows) == STUDENTS + IN_CARE
    rejects = [read_table(path) for path in (folder / "index" / "rejects").iterdir()]
    assert [[row["reason"] for row in rows] for rows in rejects] == [["totals-row"], ["totals-row"]]


def test_children_in_care_have_the_enterprise_id_of_their_school(folder):
    ids: dict[str, dict[int, str]] = {"school": {}, "care": {}}
    for row in read_table(folder / "crosswalk.csv"):
        number = int(row["local_id"].removeprefix("P")) % 100_000
        ids[row["source"]][number] = row["enterprise_id"]
    linked = sum(ids["care"][number] == ids["school"][number] for number in range(IN_CARE))
    students = {enterprise_id: number for number, enterprise_id in ids["school"].items()}
    wrong = sum(students.get(ids["care"][number], number) != number for number in range(IN_CARE))
    assert (wrong, linked >= 0.95 * IN_CARE) == (0, True), (wrong, linked)


def test_what_may_not_be_stored_is_left_out_of_the_mapping(folder):
    text = (folder / "care.toml").read_text()
    assert '"REMOVAL_REASON"' in text.split("[file]")[0]
    assert "neglect" not in (folder / "output.txt").read_text()
