"""Which answers are compressed, and which never are."""

import gzip

import pytest

from mpi.api.middleware.gzip_answer import COMPRESSED_ROUTES, MIN_BYTES, accepts_gzip
from mpi.policy.route_table import ROUTES
from tests.index import make_child

GZIP = {"Accept-Encoding": "gzip"}


def read_raw(call, path: str, headers: dict) -> tuple[dict, bytes]:
    with call.stream("GET", path, headers=headers) as answer:
        return answer.headers, b"".join(answer.iter_raw())


@pytest.mark.parametrize("path", ["/openapi.json", "/style.css", "/fhir/metadata", "/v1/purposes"])
def test_a_listed_answer_is_compressed_if_the_caller_accepts_it(call, path):
    plain_headers, plain = read_raw(call, path, {"Accept-Encoding": "identity"})
    headers, compressed = read_raw(call, path, GZIP)
    assert "content-encoding" not in plain_headers
    assert headers["content-encoding"] == "gzip"
    assert headers["vary"] == "Accept-Encoding"
    assert gzip.decompress(compressed) == plain
    assert len(compressed) < len(plain) / 2
    assert int(headers["content-length"]) == len(compressed)
    assert headers["content-security-policy"]


def test_a_long_page_of_the_change_feed_is_compressed(call):
    for number in range(8):
        body = make_child(
            f"gz{number}", first_name=f"Gzip{number}", last_name=f"Feedx{number}", birth_date="2009-01-02"
        )
        call.put(f"/v1/sources/D01/records/gz{number}", json=body)
    headers, compressed = read_raw(call, "/v1/events?limit=1000", GZIP)
    assert headers["content-encoding"] == "gzip"
    assert gzip.decompress(compressed) == call.get("/v1/events?limit=1000").content


def test_answers_to_what_a_caller_typed_and_pages_are_never_compressed(call, people):
    child = make_child(None, first_name="x" * 3 * MIN_BYTES)
    assert "content-encoding" not in call.post("/v1/persons:search", json=child, headers=GZIP).headers
    page, _ = read_raw(people, "/queue", GZIP)
    assert "content-encoding" not in page
    assert len(people.get("/queue").content) > MIN_BYTES


def test_a_short_answer_and_an_error_are_sent_as_they_are(call):
    for path in ("/v1/jobs", "/v1/holds?nope=1", "/v1/agreements/nope"):
        headers, _ = read_raw(call, path, GZIP)
        assert "content-encoding" not in headers


def test_only_reads_without_typed_text_are_listed():
    assert {f"GET {path}" for path in COMPRESSED_ROUTES} <= set(ROUTES)
    for path in COMPRESSED_ROUTES:
        assert path.startswith(("/v1/", "/fhir/metadata")) or ROUTES[f"GET {path}"].is_public, path


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("deflate, gzip;q=0.5", True),
        ("*", True),
        ("br, *;q=0.1", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("*, gzip;q=0", False),
        ("*;q=0", False),
        ("identity", False),
        ("gzipped", False),
        ("", False),
        (";;,q=", False),
    ],
)
def test_accept_encoding_is_read_by_the_standard(header, accepted):
    assert accepts_gzip(header) is accepted
