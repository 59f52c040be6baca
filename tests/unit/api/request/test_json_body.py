import asyncio
import json
from typing import Any

import pytest
from pydantic import StrictBool, StrictFloat, StrictInt

from mpi.api.request.json_body import JsonBody
from mpi.api.schemas.proposals import ApplyBody
from mpi.domain.errors import InputError
from mpi.domain.record_ref import RecordRef

SECRET = "Xanthippe"
RECORD = {"source": "D01", "local_id": "1"}


class Sample(JsonBody):
    text: str
    note: str | None = None
    flag: StrictBool = False
    numbers: tuple[StrictInt, ...] = ()
    bits: StrictFloat | None = None
    groups: tuple[list[RecordRef], ...] = ()
    value: Any = None


def read(body: object, model: type[JsonBody] = Sample) -> JsonBody:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return asyncio.run(model.read(data))


def test_members_are_read_with_their_types():
    body = read({"text": "x", "flag": True, "numbers": [1, 2], "bits": 3, "groups": [[RECORD]]})
    assert (body.text, body.flag, body.numbers, body.bits) == ("x", True, (1, 2), 3.0)
    assert body.groups == ([RecordRef("D01", "1")],)


def test_a_null_member_is_missing():
    assert read({"text": "x", "note": None, "flag": None, "numbers": None}) == read({"text": "x"})
    with pytest.raises(InputError, match="text: is missing"):
        read({"text": None})


def test_an_empty_body_has_no_members():
    assert read(b" ", ApplyBody) == ApplyBody()
    with pytest.raises(InputError, match="text: is missing"):
        read(b"")


def test_null_items_approve_none_and_missing_items_approve_all():
    assert read({"items": None}, ApplyBody).items == ()
    assert read({}, ApplyBody).items is None


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"text": 1}, "text: give text"),
        ({"flag": 1}, "flag: give true or false"),
        ({"flag": "true"}, "flag: give true or false"),
        ({"numbers": ["1"]}, "numbers.0: give a whole number"),
        ({"numbers": [True]}, "numbers.0: give a whole number"),
        ({"numbers": [1.0]}, "numbers.0: give a whole number"),
        ({"numbers": SECRET}, "numbers: give a list"),
        ({"bits": True}, "bits: give a number"),
        ({"bits": "1"}, "bits: give a number"),
        ({"groups": [[SECRET]]}, "groups.0.0: give an object"),
        ({"groups": [[{"source": "D01"}]]}, "groups.0.0.local_id: is missing"),
        ({"groups": [[{**RECORD, SECRET: 1}]]}, "groups.0.0: has an unknown member"),
        ({SECRET: 1}, "the known ones are text, note, flag"),
    ],
)
def test_an_invalid_member_is_named_and_not_quoted(members, message):
    with pytest.raises(InputError) as error:
        read({"text": "x"} | members)
    assert message in str(error.value)
    assert SECRET not in str(error.value)


@pytest.mark.parametrize("data", [b"{", b"[]", b'"x"', b"\xff", b'{"bits": NaN, "text": "x"}'])
def test_a_body_that_is_not_a_json_object_is_refused(data):
    with pytest.raises(InputError):
        read(data)


@pytest.mark.parametrize("character", ["\u200b", "\u202e", "\ufeff"])
def test_a_text_with_a_character_that_cannot_be_seen_is_refused_by_member(character):
    with pytest.raises(InputError, match="text: holds a zero-width character") as caught:
        read({"text": f"{SECRET}{character}"})
    assert SECRET not in str(caught.value)
    with pytest.raises(InputError, match=r"^holds a zero-width"):
        read({"text": "x", SECRET: f"x{character}"})


def test_a_joiner_between_letters_that_need_it_is_read():
    name = "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627"
    assert read({"text": name}).text == name
