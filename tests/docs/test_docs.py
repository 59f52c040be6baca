"""Documents name what exists, and nothing of one machine."""

import re
import subprocess
from pathlib import Path

import pytest

from mpi.domain.record import SENT_FIELDS
from training.simulate.people.flags import POPULATIONS

ROOT = Path(__file__).resolve().parents[2]
DOCS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def test_every_canonical_field_is_documented():
    page = (ROOT / "docs" / "canonical-record.md").read_text()
    assert [field for field in SENT_FIELDS if f"`{field}`" not in page] == []


def test_every_population_that_the_simulator_asserts_is_documented():
    page = (ROOT / "docs" / "reference" / "flags.md").read_text()
    assert [name for name in [*POPULATIONS, "foster_care"] if f"`{name}`" not in page] == []


@pytest.mark.parametrize("page", DOCS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_has_a_target(page):
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_decision_has_a_unique_number_and_names_its_tests():
    pages = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    numbers = [page.name[:4] for page in pages]
    assert numbers[0] == "0001"
    assert len(set(numbers)) == len(numbers), "two decisions of one number; one that was dropped leaves a gap"
    assert all("Tests: " in page.read_text() for page in pages)
    rows = re.findall(r"^\| ([0-9]{4}) \|", (ROOT / "docs/decisions/README.md").read_text(), re.MULTILINE)
    assert sorted(rows) == numbers, "each decision has one row in the list of decisions"


def test_no_tracked_file_holds_a_machine_path_or_a_registry_host():
    names = subprocess.run(
        ["git", "ls-files"], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.splitlines()
    # Joined here, so that this file does not match its own pattern.
    pattern = re.compile(
        "|".join(["/" + "work/", "/" + "root/", "python" + "hosted", "pypi" + r"\.org/simple"])
    )
    matches = []
    for name in names:
        try:
            text = (ROOT / name).read_text()
        except (UnicodeDecodeError, OSError):
            continue
        matches += [f"{name}:{n}" for n, line in enumerate(text.splitlines(), 1) if pattern.search(line)]
    assert matches == []
