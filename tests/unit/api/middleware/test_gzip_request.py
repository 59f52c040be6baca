"""Compressed request bodies, within the limits of plain ones."""

import asyncio
import gzip
import json
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi.api.middleware.gzip_request import FREE_BYTES, MAX_RATIO, decompress_request
from mpi.api.request.problems import TooLargeError
from mpi.api.request.record_body import MAX_RECORD_BYTES
from mpi.domain.errors import InputError
from mpi.domain.viewer import Action
from tests.index import make_child
from tests.unit.api.live import add_key, problem

GZIP = {"Content-Encoding": "gzip"}


def put(call, local_id: str, body: bytes, headers=GZIP):
    return call.put(f"/v1/sources/D01/records/{local_id}", content=body, headers=headers)


def make_record(local_id: str, **changes) -> dict:
    names = {"first_name": f"Zip{local_id}", "last_name": "Zipfeldt", "birth_date": "2009-07-08"}
    return make_child(local_id, **{**names, **changes})


def encode(local_id: str, **changes) -> bytes:
    return json.dumps(make_record(local_id, **changes)).encode()


def test_a_compressed_record_is_the_same_record(call):
    body = encode("gz-a")
    first = put(call, "gz-a", gzip.compress(body))
    assert (first.status_code, first.json()["outcome"]) == (200, "created")
    assert put(call, "gz-a", body, {}).json()["outcome"] == "unchanged"
    assert put(call, "gz-a", body, {"Content-Encoding": "identity"}).json()["outcome"] == "unchanged"


def test_an_idempotency_key_covers_the_decompressed_body(call):
    body, headers = encode("gz-i"), {"Idempotency-Key": "gz-i"}
    first = put(call, "gz-i", gzip.compress(body, 9), GZIP | headers)
    assert put(call, "gz-i", gzip.compress(body, 1), GZIP | headers).json() == first.json()
    assert put(call, "gz-i", body, headers).json() == first.json()


def test_compressed_lines_are_answered_one_by_one(call):
    lines = [{"source": "D01", **make_record(f"gzl{n}")} for n in range(3)]
    body = b"".join(gzip.compress(json.dumps(line).encode() + b"\n") for line in lines)
    answer = call.post("/v1/records:bulk", content=body, headers=GZIP)
    assert [json.loads(line)["local_id"] for line in answer.text.splitlines()] == ["gzl0", "gzl1", "gzl2"]


def test_a_damaged_tail_is_answered_and_keeps_what_came_before(call):
    line = json.dumps({"source": "D01", **make_record("gzt")}).encode() + b"\n"
    answer = call.post("/v1/records:bulk", content=gzip.compress(line) + b"tail", headers=GZIP)
    kept, broken = [json.loads(each) for each in answer.text.splitlines()]
    assert (kept["local_id"], kept["line"]) == ("gzt", 1)
    assert (broken["line"], broken["problem"]["status"]) == (2, 400)


def test_the_limit_of_a_record_counts_decompressed_bytes(call):
    body = encode("gz-big", first_name="x" * MAX_RECORD_BYTES)
    assert len(gzip.compress(body)) < 10_000
    problem(put(call, "gz-big", gzip.compress(body)), 413, "too-large")


def test_a_bomb_is_refused_before_it_is_read(call):
    bomb = gzip.compress(b"\n" * 200_000_000, 9)
    answer = call.post("/v1/records:bulk", content=bomb, headers=GZIP)
    [line] = [json.loads(each) for each in answer.text.splitlines()]
    assert line["problem"]["type"] == "urn:mpi:problem:too-large"


@pytest.mark.parametrize(
    "body",
    [
        b"no gzip",
        gzip.compress(b"{}", mtime=0)[:-4],
        gzip.compress(b"{}", mtime=0) + b"more",
        b"\x1f\x8b",
        b"\0" * 40,
    ],
)
def test_data_that_is_not_whole_gzip_is_refused(call, body):
    assert "gzip" in problem(put(call, "gz-bad", body), 400, "invalid-input")["detail"]


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, gzip", "x" * 200])
def test_another_encoding_is_refused_with_what_is_accepted(call, encoding):
    answer = put(call, "gz-enc", b"{}", {"Content-Encoding": encoding})
    problem(answer, 415, "unsupported-encoding")
    assert answer.headers["accept-encoding"] == "gzip"


def test_who_may_not_write_learns_nothing_of_the_body(call, index):
    key = add_key(index, "gz-reader", frozenset({Action.PERSON_READ}))
    for headers in (GZIP, {"Content-Encoding": "br"}):
        answer = put(call, "gz-no", b"no gzip", headers | {"Authorization": f"Bearer {key}"})
        assert answer.status_code in {400, 403, 415}


@given(
    parts=st.lists(st.binary(max_size=300), max_size=4),
    cuts=st.lists(st.integers(0, 400), max_size=5),
    factor=st.sampled_from([1, 700]),
)
def test_any_parts_in_any_chunks_come_out_as_they_went_in(parts, cuts, factor):
    parts = [part * factor for part in parts]
    body = b"".join(gzip.compress(part) for part in parts)
    assert read_all(body, cuts) == b"".join(parts)


@given(data=st.binary(max_size=400), cuts=st.lists(st.integers(0, 400), max_size=3))
def test_any_other_bytes_are_refused_or_read_and_never_crash(data, cuts):
    try:
        read_all(data, cuts)
    except InputError:
        return
    assert zlib.decompress(data, 16 + zlib.MAX_WBITS) is not None if data else True


def test_the_ratio_is_bounded_and_a_small_body_is_free():
    free = gzip.compress(b"0" * FREE_BYTES)
    assert len(read_all(free, [])) == FREE_BYTES
    with pytest.raises(TooLargeError, match=str(MAX_RATIO)):
        read_all(gzip.compress(b"0" * (FREE_BYTES + 65_536)), [])


def read_all(body: bytes, cuts: list[int]) -> bytes:
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    chunks = [body[start:end] for start, end in pairwise(places)]

    async def read() -> bytes:
        waiting = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
        waiting.append({"type": "http.request", "body": b"", "more_body": False})

        async def receive():
            return waiting.pop(0)

        scope = {"type": "http", "headers": [(b"content-encoding", b"gzip")]}
        channel, data = decompress_request(scope, receive), b""
        while (message := await channel())["more_body"]:
            data += message["body"]
        return data

    return asyncio.run(read())
