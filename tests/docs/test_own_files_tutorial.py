"""A stranger's path: two messy files to a crosswalk, by the commands of the tutorial alone."""

import csv
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.docs.newcomer_files import make_children, write_extract, write_workbook
from tests.warm_commands import shell_function

pytestmark = pytest.mark.slow

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tutorials" / "your-own-files.md"
BLOCKS = re.findall(r"^```bash\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.startswith("mpi ")]
STUDENTS, IN_CARE = 3_000, 400


def read_table(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file by column."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a stranger after all commands of the page."""
    folder = tmp_path_factory.mktemp("own_files")
    children = make_children(STUDENTS)
    write_workbook(folder / "students.xlsx", children)
    write_extract(folder / "care.csv", children[:IN_CARE])
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
