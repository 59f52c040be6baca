"""Sending of many records."""

import json

import pytest

from mpi.client import (
    BulkProgress,
    ClientCredentials,
    InvalidAnswerError,
    InvalidRecordError,
    NotAuthenticatedError,
    UnavailableError,
)
from tests.clients import CLOSE, Reaction, busy
from tests.index import make_child, many_children


def line(number, local_id, **changes):
    answer = {
        "line": number, "source": "D01", "local_id": local_id, "enterprise_id": None, "outcome": "created",
        "record": "created", "provisional": False, "tasks": [], "issues": [], "pending": False,
    }  # fmt: skip
    return json.dumps(answer | changes).encode()


def refused(number, local_id, status, code):
    problem = {"type": f"urn:mpi:problem:{code}", "title": "No", "detail": "again", "status": status}
    return json.dumps({"line": number, "local_id": local_id, "problem": problem}).encode()


def lines(*answers):
    return Reaction(body=b"\n".join(answers) + b"\n")


def sent(faults):
    """Return the contents of each call."""
    return [
        [(each["local_id"], each.get("grade")) for each in map(json.loads, body.splitlines())]
        for method, _, _, body in faults.requests
        if body.startswith(b"{")
    ]


def test_each_record_is_answered_in_order_with_progress(client, kind):
    children = [each | {"local_id": f"{kind}-{each['local_id']}"} for each in many_children(7)]
    children[3]["birth_date"] = ["no date"]
    progress = []
    answers = list(client.upsert_many("D01", children, report=progress.append, lines_per_call=3))
    assert [answer.number for answer in answers] == [1, 2, 3, 4, 5, 6, 7]
    assert [answer.local_id for answer in answers] == [each["local_id"] for each in children]
    assert [answer.number for answer in answers if answer.error is not None] == [4]
    assert isinstance(answers[3].error, InvalidRecordError)
    assert answers[3].error.field == "birth_date"
    assert client.find_enterprise_id("D01", children[6]["local_id"]) == answers[6].resolved.enterprise_id
    assert progress == [BulkProgress(3, 0, 7), BulkProgress(6, 1, 7), BulkProgress(7, 1, 7)]


def test_no_records_make_no_call_and_a_generator_is_read_as_it_is_sent(faulty, faults):
    assert list(faulty.upsert_many("D01", [])) == []
    assert faults.requests == []
    seen = []

    def generate():
        for number in range(3):
            seen.append(number)
            yield make_child(str(number))

    faults.react(lines(line(1, "0")))
    progress = []
    answers = faulty.upsert_many("D01", generate(), lines_per_call=1, report=progress.append)
    assert seen == []
    assert next(answers).local_id == "0"
    assert seen == [0, 1]
    assert progress == [BulkProgress(1, 0, None)]
    answers.close()


def test_a_line_that_was_not_taken_is_sent_again(faulty, faults):
    faults.react(
        lines(line(1, "a"), refused(2, "b", 503, "store-unusable"), refused(3, "c", 422, "invalid-record")),
        lines(line(1, "b")),
    )
    answers = list(faulty.upsert_many("D01", [make_child(name) for name in "abc"]))
    assert [(a.number, a.local_id, a.error is None) for a in answers] == [
        (1, "a", True), (2, "b", True), (3, "c", False),
    ]  # fmt: skip
    assert [len(call) for call in sent(faults)] == [3, 1]


def test_the_last_version_of_a_record_is_stored_last(faulty, faults):
    records = [make_child("a", grade="01"), make_child("b"), make_child("a", grade="02")]
    faults.react(
        lines(refused(1, "a", 503, "store-unusable"), line(2, "b"), line(3, "a")),
        lines(line(1, "a"), line(2, "a", record="updated")),
    )
    answers = list(faulty.upsert_many("D01", records))
    assert sent(faults)[1] == [("a", "01"), ("a", "02")]
    assert [answer.resolved.record for answer in answers] == ["created", "created", "updated"]


def test_the_answer_to_an_earlier_attempt_is_void(faulty, faults):
    records = [make_child("a", grade="01"), make_child("a", grade="02")]
    faults.react(
        lines(refused(1, "a", 503, "store-unusable"), line(2, "a")),
        lines(line(1, "a")),  # the later version was not stored again
        lines(line(1, "a", record="updated")),
    )
    answers = list(faulty.upsert_many("D01", records))
    assert sent(faults)[2] == [("a", "02")]
    assert [answer.resolved.record for answer in answers] == ["created", "updated"]
    faults.react(lines(refused(1, "a", 503, "store-unusable"), line(2, "a")), lines(line(1, "a")), lines())
    with pytest.raises(InvalidAnswerError):
        list(faulty.upsert_many("D01", records))


@pytest.mark.parametrize("fault", [CLOSE, busy(503)], ids=["closed", "503"])
def test_a_call_that_failed_is_made_again_whole(faulty, faults, fault):
    faults.react(fault, lines(line(1, "a"), line(2, "b")))
    assert len(list(faulty.upsert_many("D01", [make_child("a"), make_child("b")]))) == 2
    assert sent(faults)[0] == sent(faults)[1]


def test_a_line_that_is_never_taken_is_answered_with_its_error(faulty, faults):
    faults.react(lines(refused(1, "a", 503, "store-unusable")))
    [answer] = faulty.upsert_many("D01", [make_child("a")])
    assert isinstance(answer.error, UnavailableError)
    assert len(faults.requests) == 3


def test_lines_without_an_answer_are_sent_again_and_then_an_error(faulty, faults):
    records = [make_child("a"), make_child("b")]
    faults.react(lines(line(1, "a")), lines(line(1, "b")))
    assert [answer.local_id for answer in faulty.upsert_many("D01", records)] == ["a", "b"]
    faults.react(lines(line(1, "a")), lines())
    with pytest.raises(InvalidAnswerError, match="send the rest again"):
        list(faulty.upsert_many("D01", records))
    assert len(faults.requests) == 3


@pytest.mark.parametrize(
    "answer",
    [b"<html>", b"[]", b"{}", b'{"line": 0}', b'{"line": 2}', b'{"line": 1}', b'{"line": 1, "problem": {}}',
     b'{"line": 1, "problem": "x"}', b'{"line": true}'],
)  # fmt: skip
def test_an_answer_that_fits_no_line_is_an_error(faulty, faults, answer):
    faults.react(lines(answer))
    with pytest.raises(InvalidAnswerError):
        list(faulty.upsert_many("D01", [make_child("a")]))


def test_a_token_that_ends_within_a_call_is_replaced_for_the_rest(open_one, faults):
    token = Reaction(body={"access_token": "mpiat_1", "token_type": "Bearer", "expires_in": 900})
    late = refused(2, "b", 401, "not-authenticated")
    faults.react(token, lines(line(1, "a"), late), token, lines(line(1, "b")))
    client = open_one(faults.url, ClientCredentials("district", "key"))
    answers = list(client.upsert_many("D01", [make_child("a"), make_child("b")]))
    assert [answer.error for answer in answers] == [None, None]


def test_an_api_key_that_ends_within_a_call_is_an_error_of_the_lines(faulty, faults):
    faults.react(lines(line(1, "a"), refused(2, "b", 401, "not-authenticated")))
    answers = list(faulty.upsert_many("D01", [make_child("a"), make_child("b")]))
    assert isinstance(answers[1].error, NotAuthenticatedError)
    assert len(faults.requests) == 1


def test_large_records_are_sent_in_more_calls(faulty, faults):
    faults.react(lines(line(1, "a"), line(2, "b")), lines(line(1, "c")))
    records = [make_child(name, middle_name="x" * 3_000_000) for name in "abc"]
    assert len(list(faulty.upsert_many("D01", records))) == 3
    assert [len(call) for call in sent(faults)] == [2, 1]


@pytest.mark.parametrize("lines_per_call", [0, 50_001])
def test_a_call_of_no_or_too_many_lines_is_refused(faulty, lines_per_call):
    with pytest.raises(ValueError, match="50,000"):
        faulty.upsert_many("D01", [], lines_per_call=lines_per_call)
