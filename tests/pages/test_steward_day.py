"""A short day of a steward at the desk of a small demo, by keyboard alone."""

import pytest

from tests.pages.steward_day import MAX_MEDIAN_KEYS, live_day, open_demo, summarize

_RECORDS = 3_000
_QUESTIONS = 5
_MAX_KEYS = {
    "escalation": 3,
    "reply to an escalation": 8,
    "refusal that came back": 8,
    "link by search": 14,
    "move": 10,
    "correction": 9,
}
"""Highest number of keys of each decision that is no answer to a question."""


@pytest.mark.slow
def test_every_act_of_a_day_is_reached_by_keys_alone(tmp_path):
    with open_demo(tmp_path / "demo", _RECORDS) as (index, person_of):
        figures = summarize(live_day(index, person_of, _QUESTIONS))
    assert figures["kinds"]["question"]["decisions"] == _QUESTIONS
    assert figures["kinds"]["question"]["median_keys"] <= MAX_MEDIAN_KEYS
    assert set(figures["kinds"]) == {"question", *_MAX_KEYS}
    keys = {kind: figures["kinds"][kind]["median_keys"] for kind in _MAX_KEYS}
    assert {kind: most for kind, most in keys.items() if most > _MAX_KEYS[kind]} == {}
