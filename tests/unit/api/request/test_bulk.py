import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi.api.app import create_app
from mpi.api.request import bulk, record_body
from mpi.domain.viewer import Action, make_operator
from mpi.service.access.clients import revoke_client
from tests.concurrent_calls import until
from tests.index import crosswalk, make_child
from tests.unit.api.live import add_key, calling, problem


def json_line(local_id: str, **changes) -> str:
    return json.dumps({"source": "D01", **make_child(local_id, **changes)})


def send(call, text: str | bytes):
    answer = call.post("/v1/records:bulk", content=text)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(each) for each in answer.text.splitlines()]


def test_each_line_is_answered_with_its_id_in_order(call):
    answers = send(
        call, "\n".join(json_line(f"b{n}", first_name=f"Bulk{n}x", last_name="Ordo") for n in range(5))
    )
    assert [(answer["line"], answer["local_id"]) for answer in answers] == [
        (n + 1, f"b{n}") for n in range(5)
    ]
    assert all(answer["source"] == "D01" and answer["enterprise_id"] for answer in answers)
    for answer in answers:
        read = call.get(f"/v1/sources/D01/records/{answer['local_id']}").json()
        assert read["enterprise_id"] == answer["enterprise_id"]


def test_an_invalid_line_is_answered_with_a_problem_and_does_not_stop_the_rest(call):
    answers = send(
        call,
        "\r\n".join(
            [
                "{broken",
                "",
                json.dumps({"local_id": "nosource"}),
                json.dumps({"source": 7, "local_id": "number"}),
                json.dumps({"source": "NOPE", "local_id": "x"}),
                json.dumps({"source": "D01", "local_id": "badflag", "flags": [{"population": "?"}]}),
                json.dumps({"source": "D01", "first_name": "No ID"}),
                json_line("good", first_name="Good"),
            ]
        ),
    )
    assert [answer["line"] for answer in answers] == [1, 3, 4, 5, 6, 7, 8]
    assert [answer["problem"]["status"] for answer in answers[:-1]] == [400, 422, 422, 404, 422, 422]
    assert answers[4]["local_id"] == "badflag"
    assert answers[4]["problem"]["field"] == "flags"
    assert answers[-1]["outcome"] == "created"


def test_a_line_that_is_too_long_affects_only_itself(call):
    huge = '{"source":"D01","first_name":"' + "x" * 2_500_000 + '"}'
    answers = send(
        call, f"{json_line('before', first_name='Befo')}\n{huge}\n{json_line('after', first_name='Afte')}\n"
    )
    assert answers[1]["problem"]["type"] == "urn:mpi:problem:too-large"
    assert [answers[0]["local_id"], answers[2]["local_id"]] == ["before", "after"]


def test_a_caller_that_sends_everything_before_reading_is_not_blocked(call):
    answers = send(call, b"[]\n" * 8_000)
    assert len(answers) == 8_000
    assert answers[-1]["line"] == 8_000


def test_lines_beyond_the_limit_are_refused_once_and_the_body_is_still_read(call, monkeypatch):
    monkeypatch.setattr(bulk, "MAX_LINES", 2)
    answers = send(call, b"[]\n" * 1000)
    assert [each["line"] for each in answers] == [1, 2, 3]
    assert answers[2]["problem"]["reason"] == "too-many"


def test_an_unexpected_error_of_one_line_does_not_stop_the_rest(call, monkeypatch):
    def fail_upsert(*_):
        raise ZeroDivisionError("Xanthippe")

    monkeypatch.setattr(bulk, "upsert", fail_upsert)
    answers = send(call, json_line("boom") + "\n" + json_line("bang"))
    assert [each["problem"]["status"] for each in answers] == [500, 500]
    assert "Xanthippe" not in json.dumps(answers)


def test_a_client_may_write_only_to_its_own_sources(index):
    key = add_key(index, "bulk-ccwis", {Action.RECORD_WRITE}, {"CCWIS"})
    with calling(create_app(index), key) as client:
        answers = send(
            client,
            json_line("foreign")
            + "\n"
            + json_line("own", first_name="Ownwilla", last_name="Sourcely").replace("D01", "CCWIS"),
        )
    assert answers[0]["problem"]["type"] == "urn:mpi:problem:access-denied"
    assert answers[1]["outcome"] == "created"


def test_a_client_without_write_permission_is_refused_before_any_line(index):
    with calling(create_app(index), add_key(index, "bulk-reader", {Action.RECORD_READ})) as reader:
        problem(reader.post("/v1/records:bulk", content=json_line("x")), 403, "access-denied")


def test_a_key_revoked_between_two_lines_accepts_no_further_line(index):
    key = add_key(index, "bulk-revoked", {Action.RECORD_WRITE}, {"D01"})

    def is_stored(local_id):
        return ("D01", local_id) in crosswalk(index)

    def send_lines():
        yield f"{json_line('in-time', first_name='Intima')}\n".encode()
        until(lambda: is_stored("in-time"))
        revoke_client(index, make_operator(), "bulk-revoked")
        yield f"{json_line('too-late', first_name='Latetia')}\n{{broken\n".encode()

    with calling(create_app(index), key) as client:
        accepted, *refusals = send(client, send_lines())
    assert accepted["record"] == "created"
    assert [each["line"] for each in refusals] == [2, 3]
    assert {each["problem"]["type"] for each in refusals} == {"urn:mpi:problem:not-authenticated"}
    assert not is_stored("too-late")


@given(st.lists(st.binary(max_size=12), max_size=8), st.integers(1, 7))
def test_lines_are_the_same_however_the_body_arrives(texts, size):
    data = b"\n".join(texts)
    expected = [
        (number, each if len(each) <= 8 else None)
        for number, each in enumerate(data.split(b"\n"), 1)
        if each.strip() or len(each) > 8
    ]

    async def body_chunks():
        for start in range(0, len(data), size):
            yield data[start : start + size]

    async def read_lines():
        return [(each.number, each.data) async for each in record_body.iterate_lines(body_chunks())]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(record_body, "MAX_RECORD_BYTES", 8)
        assert asyncio.run(read_lines()) == expected
