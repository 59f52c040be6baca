"""TOML over a bound is refused before it takes memory."""

import tomllib

import pytest

from mpi.domain.documents.bounded_toml import MAX_CHARACTERS, MAX_LINE_CHARACTERS, parse_toml


def test_ordinary_text_is_read():
    assert parse_toml('[a]\nb = ["x"]\n') == {"a": {"b": ["x"]}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = 1\n" + "a." * 100_000 + "b = 1", f"line 2 has more than {MAX_LINE_CHARACTERS:,}"),
        ("[" + "a." * 100_000 + "b]", "line 1 has more than"),
        ("[" + "a." * 1_000 + "b]\nc = 1\n" * 9, "line 1 has more than 64 dots"),
        ("a = 1\n" + "b." * 65 + "c = 1", "line 2 has more than 64 dots"),
        ("a = " + "[" * (MAX_LINE_CHARACTERS - 10), "nested too deeply"),
        ("a = 1\n" * (MAX_CHARACTERS // 6 + 1), f"more than {MAX_CHARACTERS:,}"),
        ("a = ", "Invalid value"),
    ],
)
def test_a_text_over_a_bound_is_refused_by_place(text, message):
    with pytest.raises(tomllib.TOMLDecodeError, match=message):
        parse_toml(text)
