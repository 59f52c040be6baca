"""Test that everything that a person reads is in plain words."""

import json
import re
import tomllib
from pathlib import Path

import pytest

import mpi.api
import mpi.service.explanations
import mpi.service.sampling

PRACTICE = Path(mpi.service.sampling.__file__).parent / "practice_pairs.json"
FILES = (
    Path(mpi.api.__file__).parent / "templates/words.toml",
    Path(mpi.service.explanations.__file__).parent / "wording.toml",
)
BANNED = (
    # The column "today" of the style guide.
    "does most harm", "take the next", "give it back", "given back", "put off", "give to", "given to",
    "fits nearly as well", "fit nearly as well", "enough to link, ", "two persons now", "one person now",
    "leaves it open", "cut short", "slip of the pen", "is it so", "it waits for others", "say so", "says so",
    "said so", "answers left because", "answer left because", "hang together", "hold together",
    "hold them together", "was put together", "in all", "what follows from", "beyond which", "are at it",
    "found twice", "a reader knows", "the same of", "what had been",
    # Words that users do not say, and inversions.
    "given name", "surname", "guardian", "telephone", "postal code", "meanwhile", "anybody’s", "nobody’s",
    "thought through", "thinks the", "taken back", "take it back", "speaks for", "one of the mother",
    "the guardians are different", "stands for", "asked since", "nobody here", "what is said",
    "crowded block",
)  # fmt: skip
_MAX_GRADE = 9.0
_PLACEHOLDER = re.compile(r"\{[^}]*\}")
_MIN_WORDS = 4
_MAX_WORDS = 25


def read_texts(path):
    """Return every text of a file; model labels are keys, and no text."""
    return list(every_text(tomllib.loads(path.read_text("utf-8"))))


def every_text(table):
    for value in table.values():
        if isinstance(value, str):
            yield value
        else:
            yield from every_text(value)


def find_banned(texts):
    """Return the texts that hold a banned phrase."""
    return {
        text
        for text in texts
        for phrase in BANNED
        if re.search(rf"(?<!\w){re.escape(phrase)}(?!\w)", text, re.IGNORECASE)
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_text_has_a_banned_phrase(path):
    texts = read_texts(path)
    assert len(texts) > 100
    assert find_banned(texts) == set()


def test_no_reason_of_a_practice_pair_has_a_banned_phrase():
    reasons = {pair["why"] for pair in json.loads(PRACTICE.read_text("utf-8"))["pairs"]}
    assert len(reasons) > 10
    assert find_banned(reasons) == set()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_sentence_has_more_than_25_words(path):
    long_sentences = {
        sentence
        for text in read_texts(path)
        for sentence in re.split(r"(?<=[.:?])\s", text)
        if len(sentence.split()) > _MAX_WORDS
    }
    assert long_sentences == set()


def compute_readability_grade(sentences):
    """Return the school grade by the automated readability index (Senter and Smith 1967)."""
    words = [word for sentence in sentences for word in sentence.split()]
    letters = sum(letter.isalnum() for word in words for letter in word)
    return 4.71 * letters / len(words) + 0.5 * len(words) / len(sentences) - 21.43


def test_readability_grade_counts_letters_words_and_sentences():
    sentences = ["The rule of rhythm in prose is not intricate."] * 2
    assert compute_readability_grade(sentences) == pytest.approx(4.71 * 36 / 9 + 0.5 * 9 - 21.43)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_texts_can_be_read_by_a_ninth_grader(path):
    """By the automated readability index, which needs no dictionary of syllables."""
    sentences = [
        _PLACEHOLDER.sub("Ann", text).rstrip(".:?") + "."
        for text in read_texts(path)
        if len(text.split()) >= _MIN_WORDS
    ]
    assert compute_readability_grade(sentences) <= _MAX_GRADE
