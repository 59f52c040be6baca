"""The page of counsel's questions lists those that the program answers, and the maps name real tests."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from mpi.api.pages.rendering.page_texts import load_words
from mpi.service.agreements.counsel_questions import QUESTIONS
from tests.counsel import SHOWN, list_sentences

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
MODULES = (
    "tests.unit.api.routes.test_ledger",
    "tests.unit.service.agreements.test_counsel_access",
    "tests.unit.service.agreements.test_counsel_agreements",
    "tests.unit.service.agreements.test_counsel_controls",
)
"""Modules with the tests that show the sentences of the answers to be true."""


def test_the_page_lists_every_question_in_the_order_of_the_desk():
    page = (DOCS / "reference" / "counsel-questions.md").read_text()
    rows = re.findall(r"^\| (\d+) \| (.+) \| `(\w+)` \|$", page, re.MULTILINE)
    words = load_words().papers
    assert [int(number) for number, *_ in rows] == list(range(1, 31))
    assert {code: text for _, text, code in rows} == {code: words.ask[code] for code in QUESTIONS}
    groups = ("who", "law", "long", "known", "undone")
    assert [code for *_, code in rows] == " ".join(words.order[group] for group in groups).split()
    assert all(words.answer[code] for code in QUESTIONS)


def test_each_sentence_of_each_answer_has_a_test_that_it_is_true():
    for module in MODULES:
        import_module(module)
    sentences = set(list_sentences())
    assert len(sentences) > 50
    assert sentences - SHOWN.keys() == set()
    assert SHOWN.keys() - sentences == set(), "a test shows a sentence that no answer has"


@pytest.mark.parametrize(
    "name", ["reference/nist-800-53.md", "reference/ccwis.md", "explanation/hosting-profiles.md"]
)
def test_every_named_test_exists(name):
    for path in re.findall(r"`(tests/[\w/.]+)`", (DOCS / name).read_text()):
        assert (ROOT / path).exists(), path


def test_every_page_with_a_mark_of_law_links_to_what_it_means():
    key = (DOCS / "reference" / "legal-bases.md").read_text()
    explained = set(re.findall(r"^\| ([A-Z]+|\?) \| [^|]+ \|$", key.split("## Edit")[0], re.MULTILINE))
    for path in DOCS.glob("*/*.md"):
        page = path.read_text()
        marks = set(re.findall(r"\[(R|F|V|BK|K|\?|INF)\]", page))
        assert marks <= explained, path.name
        if marks and path.parent.name != "decisions" and path.name != "legal-bases.md":
            assert "legal-bases.md#marks" in page, path.name
