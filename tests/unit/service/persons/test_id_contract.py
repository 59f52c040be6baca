"""Test that every sentence of docs/reference/id-contract.md names existing tests."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
PAGE = (ROOT / "docs" / "reference" / "id-contract.md").read_text(encoding="utf-8")
SENTENCES = re.findall(r"^- (.+?\.) (.*)$", PAGE, re.MULTILINE)


def test_page_has_only_sentences_with_named_tests():
    assert len(SENTENCES) == len(re.findall(r"^- ", PAGE, re.MULTILINE))
    assert len(SENTENCES) > 25


@pytest.mark.parametrize(("sentence", "named"), SENTENCES, ids=[sentence[:50] for sentence, _ in SENTENCES])
def test_tests_named_by_a_sentence_exist(sentence, named):
    tests = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", named)
    assert tests, sentence
    for path, name in tests:
        text = (ROOT / path).read_text(encoding="utf-8")
        assert re.search(rf"^(def {name}\(|{name} = )", text, re.MULTILINE), (path, name)
