"""The pilot of a newcomer, by the command of its guide, on the sample that the repository holds."""

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.docs.newcomer_files import SAMPLE_IN_CARE, SAMPLE_STUDENTS, make_children
from tests.unit.cli.conftest import *  # noqa: F403 - mpi, empty_home

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "try-it-on-your-files.md"
ROOT = PAGE.parents[2]
SAMPLE = ROOT / "docs" / "tutorials" / "sample"
TEMPLATE = ROOT / "mpi" / "cli" / "pilot" / "report.html.jinja"
[COMMAND] = re.findall(r"^```bash\nmpi (.*?)\n```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.slow
def test_pilot_of_the_guide_links_the_children_and_tells_no_value(mpi, empty_home, tmp_path):
    children = make_children(SAMPLE_STUDENTS)
    shutil.copytree(SAMPLE, tmp_path, dirs_exist_ok=True)
    result = mpi(*COMMAND.split(), "--folder", str(tmp_path), "--json")
    assert (result.code, list(tmp_path.glob("mpi-pilot-*"))) == (0, []), result.err
    by_file = {each["file"]: each for each in result.json["files"]}
    assert (by_file["care.csv"]["received"], by_file["care.csv"]["rejected"]) == (SAMPLE_IN_CARE + 1, 1)
    assert by_file["care.csv"]["automatic"] >= 0.97 * SAMPLE_IN_CARE
    report = (tmp_path / "pilot.html").read_text(encoding="utf-8")
    assert "fitted to these files" in report
    assert "From a child-welfare system" in report
    values = {str(child[name]) for child in children for name in ("first", "last", "street", "phone")}
    own_words = set(re.findall(r"[\w-]+", TEMPLATE.read_text(encoding="utf-8")))
    words = set(re.findall(r"[\w-]+", report)) - own_words
    assert [value for value in values if value in words or (" " in value and value in report)] == []
    certificate = json.loads((tmp_path / "pilot.certificate.json").read_text())
    assert all(each["unchanged"] for each in certificate["inputs"])


def test_readme_tries_the_sample_with_the_options_of_the_guide():
    [line] = re.findall(r"^mpi pilot (.*)$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    files = [ROOT / word for word in line.split() if word.startswith("docs/")]
    assert (sorted(files), line.split("--")[1:]) == (
        sorted(SAMPLE.iterdir()),
        ["state OH ", "yes"],
    )
