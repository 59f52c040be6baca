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
from tests.index import make_child, crosswalk
from tests.unit.api.live import a_key, calling, problem


def line(local_id: str, **changes) -> str:
    return json.dumps({"source": "D01", **make_child(local_id, **changes)})


def send(call, text: str | bytes):
    answer = call.post("/v1/records:bulk", content=text)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(each) for each in answer.text.splitlines()]


def test_each_line_is_answered_by_its_key_in_order(call):
    answers = send(call, "\n".join(line(f"b{n}", first_name=f"Bulk{n}x", last_name="Ordo") for n in range(5)))
    assert [(each["line"], each["local_id"]) for each in answers] == [(n + 1, f"b{n}") for n in range(5)]
    assert all(each["source"] == "D01" and each["enterprise_id"] for each in answers)
    for each in answers:
        read = call.get(f"/v1/sources/D01/records/{each['local_id']}").json()
        assert read["enterprise_id"] == each["enterprise_id"]


def test_a_bad_line_is_answered_with_a_problem_and_does_not_stop_the_rest(call):
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
                line("good", first_name="Good"),
            ]
        ),
    )
    assert [each["line"] for each in answers] == [1, 3, 4, 5, 6, 7, 8]
    assert [each["problem"]["status"] for each in answers[:-1]] == [400, 422, 422, 404, 422, 422]
    assert answers[4]["local_id"] == "badflag"
    assert answers[4]["problem"]["field"] == "flags"
    assert answers[-1]["outcome"] == "created"


def test_a_line_that_is_too_long_costs_only_itself(call):
    huge = '{"source":"D01","first_name":"' + "x" * 2_500_000 + '"}'
    answers = send(call, f"{line('before', first_name='Befo')}\n{huge}\n{line('after', first_name='Afte')}\n")
    assert answers[1]["problem"]["type"] == "urn:mpi:problem:too-large"
    assert [answers[0]["local_id"], answers[2]["local_id"]] == ["before", "after"]


def test_a_caller_that_sends_everything_before_it_reads_is_not_kept_waiting(call):
    answers = send(call, b"[]\n" * 8_000)
    assert len(answers) == 8_000
    assert answers[-1]["line"] == 8_000


def test_lines_beyond_the_most_are_refused_once_and_the_body_is_still_read(call, monkeypatch):
    monkeypatch.setattr(bulk, "MAX_LINES", 2)
    answers = send(call, b"[]\n" * 1000)
    assert [each["line"] for each in answers] == [1, 2, 3]
    assert answers[2]["problem"]["reason"] == "too-many"


def test_an_unexpected_failure_of_one_line_does_not_stop_the_rest(call, monkeypatch):
    def failing(*_):
        raise ZeroDivisionError("Xanthippe")

    monkeypatch.setattr(bulk, "upsert", failing)
    answers = send(call, line("boom") + "\n" + line("bang"))
    assert [each["problem"]["status"] for each in answers] == [500, 500]
    assert "Xanthippe" not in json.dumps(answers)


def test_a_client_may_write_only_its_own_sources(index):
    key = a_key(index, "bulk-ccwis", {Action.RECORD_WRITE}, {"CCWIS"})
    with calling(create_app(index), key) as own:
        answers = send(
            own,
            line("foreign")
            + "\n"
            + line("own", first_name="Ownwilla", last_name="Sourcely").replace("D01", "CCWIS"),
        )
    assert answers[0]["problem"]["type"] == "urn:mpi:problem:access-denied"
    assert answers[1]["outcome"] == "created"


def test_who_may_not_write_at_all_is_told_before_any_line(index):
    with calling(create_app(index), a_key(index, "bulk-reader", {Action.RECORD_READ})) as reader:
        problem(reader.post("/v1/records:bulk", content=line("x")), 403, "access-denied")


def test_a_key_that_is_revoked_between_two_lines_takes_no_further_line(index):
    key = a_key(index, "bulk-revoked", {Action.RECORD_WRITE}, {"D01"})

    def is_there(local_id):
        return ("D01", local_id) in crosswalk(index)

    def sending():
        yield f"{line('in-time', first_name='Intima')}\n".encode()
        until(lambda: is_there("in-time"))
        revoke_client(index, make_operator(), "bulk-revoked")
        yield f"{line('too-late', first_name='Latetia')}\n{{broken\n".encode()

    with calling(create_app(index), key) as client:
        taken, *refused = send(client, sending())
    assert taken["record"] == "created"
    assert [each["line"] for each in refused] == [2, 3]
    assert {each["problem"]["type"] for each in refused} == {"urn:mpi:problem:not-authenticated"}
    assert not is_there("too-late")


@given(st.lists(st.binary(max_size=12), max_size=8), st.integers(1, 7))
def test_lines_are_the_same_however_the_body_arrives(texts, size):
    data = b"\n".join(texts)
    expected = [
        (number, each if len(each) <= 8 else None)
        for number, each in enumerate(data.split(b"\n"), 1)
        if each.strip() or len(each) > 8
    ]

    async def arriving():
        for start in range(0, len(data), size):
            yield data[start : start + size]

    async def read():
        return [(each.number, each.data) async for each in record_body.iterate_lines(arriving())]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(record_body, "MAX_RECORD_BYTES", 8)
        assert asyncio.run(read()) == expected
