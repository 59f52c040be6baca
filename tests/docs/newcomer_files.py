"""Two messy files of invented children: a school program's workbook and a case system's extract.

``python -m tests.docs.newcomer_files FOLDER`` writes the sample that README.md tries.
"""

import csv
import random
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

from faker import Faker
from openpyxl import Workbook

SAMPLE_STUDENTS, SAMPLE_IN_CARE = 700, 120
Child = dict[str, object]
STUDENT_COLUMNS = [
    "Student_Number", "State_StudentNumber", "First_Name", "Middle_Name", "Last_Name", "DOB", "Gender",
    "Grade_Level", "SchoolID", "EntryDate", "Street", "City", "State", "Zip", "Home_Phone", "Mother",
    "LunchStatus", "Homeless", "Enroll_Status",
]  # fmt: skip
CARE_COLUMNS = [
    "PERSON_ID", "CASE_ID", "CLIENT NAME", "BIRTH_DT", "SEX_CD", "ADDR_LINE_1", "CITY_NM", "STATE_CD",
    "ZIP_CD", "STATE STUDENT ID", "REMOVAL_REASON", "WORKER_NM",
]  # fmt: skip


def make_children(students: int) -> list[Child]:
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
        for number in range(students)
    ]


def write_workbook(path: Path, children: Sequence[Child]) -> None:
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
    sheet.append(["Total", len(children)])
    book.create_sheet("Sheet2")
    book.save(path)


def write_extract(path: Path, children: Sequence[Child]) -> None:
    """Write an extract of a case system: other columns, another encoding, names in one column."""
    with path.open("w", newline="", encoding="windows-1252") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(CARE_COLUMNS)
        for child in children:
            number = child["number"]
            home = (child["street"], "Columbus") if number % 4 else ("1 Shelter Way", "Dayton")
            writer.writerow(
                [
                    f"P{number:05}", f"F{number // 2}", f"{child['last'].upper()}, {child['first'].upper()}",
                    child["born"].strftime("%d-%b-%Y"), child["sex"], *home, "OH", child["zip"],
                    9_100_000_000 + number if number % 2 else "", "neglect", "José Ek",
                ]
            )  # fmt: skip
        file.write(f"Total Clients: {len(children)}\n")


if __name__ == "__main__":
    sample, drawn = Path(sys.argv[1]), make_children(SAMPLE_STUDENTS)
    write_workbook(sample / "students.xlsx", drawn)
    write_extract(sample / "care.csv", drawn[:SAMPLE_IN_CARE])
