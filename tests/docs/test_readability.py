"""Tutorials and how-to guides can be read by a tenth grader."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
GUIDES = sorted([*(DOCS / "tutorials").glob("*.md"), *(DOCS / "how-to").glob("*.md")])
MAX_GRADE = 10.0


def read_prose(text):
    """Return the sentences of a page: without code, tables, headings and targets of links."""
    text = re.sub(r"^```.*?^```|^ +```.*?^ +```", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)|\]\([^)]*\)|[\[*]", "", text)
    # A name of a command or setting is one word that nobody spells out.
    text = re.sub(r"`[^`]*`", "word", text)
    kept = [line for line in text.splitlines() if not re.match(r"\s*(#|\||    )", line)]
    blocks = re.split(r"\n\s*\n|\n\s*(?:[-*]|\d+\.) ", "\n".join(kept))
    return [part.strip() for block in blocks for part in re.split(r"(?<=[.!?])\s+", block) if part.strip()]


def compute_grade(sentences):
    """Return the school grade by the automated readability index (Senter and Smith 1967)."""
    words = [word for sentence in sentences for word in re.findall(r"[\w'’-]+", sentence)]
    letters = sum(len(re.sub(r"[^\w]", "", word)) for word in words)
    return 4.71 * letters / len(words) + 0.5 * len(words) / len(sentences) - 21.43


def test_code_tables_and_targets_of_links_are_not_counted():
    page = "# Title\n\nRead [this](a.md). Run `mpi init`:\n\n```\nmpi init\n```\n\n| a | b |\n"
    assert read_prose(page) == ["Read this.", "Run word:"]


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: str(page.relative_to(DOCS)))
def test_a_guide_can_be_read_by_a_tenth_grader(page):
    assert compute_grade(read_prose(page.read_text())) <= MAX_GRADE
