"""SECURITY.md names tests that exist and attacks that are made."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "SECURITY.md").read_text()
NAMED_TESTS = sorted(set(re.findall(r"`(tests/[\w/.]+(?:::\w+)?)`", PAGE)))


def list_attacks():
    """Return the names of the attacks that the tests make."""
    names = set()
    for path in (ROOT / "tests" / "attacks").glob("test_*.py"):
        text = path.read_text()
        names |= set(re.findall(r'attack\("([^"]+)"\)', text))
        names |= set(re.findall(r'^    "([^"]+)": [A-Z_]+[,}]', text, re.MULTILINE))
        names |= set(
            re.findall(r'"([^"]+)": [A-Z]+(?=[,}])', "".join(re.findall(r"^TEXTS = .*$", text, re.MULTILINE)))
        )
    return names


@pytest.mark.parametrize("name", NAMED_TESTS)
def test_every_named_test_exists(name):
    path, _, function = name.partition("::")
    assert (ROOT / path).exists()
    if function:
        tree = ast.parse((ROOT / path).read_text())
        names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert function in names


def test_the_page_names_a_test_for_each_threat():
    rows = re.findall(r"^\| [STRIDE] \|.*$", PAGE, re.MULTILINE)
    assert len(rows) > 30
    assert all("`tests/" in row for row in rows)
    for part in PAGE.split("### ")[1:]:
        letters = set(re.findall(r"^\| ([STRIDE]) \|", part, re.MULTILINE))
        assert letters >= set("STRI"), part[:40]


def test_the_table_has_every_attack_that_is_made_and_none_got_through():
    rows = re.findall(r"^\| ([^|]+) \| ([\d,]+) \| (\d+) \|$", PAGE, re.MULTILINE)
    assert {name for name, *_ in rows} == list_attacks()
    assert all(int(count.replace(",", "")) > 0 and through == "0" for _, count, through in rows)


@pytest.mark.parametrize("name", ["base", "fast", "dev", "build"])
def test_every_dependency_is_pinned_with_its_hash(name):
    text = (ROOT / "requirements" / f"{name}.txt").read_text().replace("\\\n", " ")
    requirements = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    assert len(requirements) > 0
    assert all("==" in line and "--hash=sha256:" in line for line in requirements)
