"""Texts of forms lose the characters that cannot be seen; passwords are read as typed."""

from urllib.parse import urlencode

from mpi.api.request.forms import parse_form


def test_a_text_loses_characters_that_cannot_be_seen():
    form = parse_form(urlencode({"name": " An\u200bn\u202ee\ufeff ", "empty": "\u200b"}).encode())
    assert form.text("name") == "Anne"
    assert form.optional_text("empty") is None


def test_a_password_is_read_as_typed():
    typed = "\u200bquiet \u202eriver"
    assert parse_form(urlencode({"password": typed}).encode()).raw_text("password") == typed
