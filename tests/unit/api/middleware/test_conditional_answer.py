"""Reads that name the answer which the caller has already (``If-None-Match``)."""

import pytest

from mpi.api.entity_tags import add_digest, matches_any, parse_state
from mpi.domain.viewer import Action
from tests.index import make_child
from tests.unit.api.live import add_key, problem


@pytest.fixture(scope="module")
def person(call):
    body = make_child("cond-1", first_name="Condwiramurs", last_name="Belrapeire")
    return call.put("/v1/sources/D01/records/cond-1", json=body).json()["enterprise_id"]


@pytest.mark.parametrize("path", ["/v1/persons/{}", "/v1/persons/{}/golden"])
def test_an_answer_that_the_caller_has_is_not_sent_again(call, person, path):
    address = path.format(person)
    first = call.get(address)
    again = call.get(address, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["cache-control"] == "no-store"
    assert "content-type" not in again.headers
    other = call.get(address, headers={"If-None-Match": '"abc", W/"def"'})
    assert (other.status_code, other.content) == (200, first.content)


def test_a_changed_person_is_sent_whole(call, person):
    tag = call.get(f"/v1/persons/{person}").headers["etag"]
    body = make_child("cond-1", first_name="Condwiramurs", last_name="Belrapeire", postal_code="45402")
    call.put("/v1/sources/D01/records/cond-1", json=body)
    answer = call.get(f"/v1/persons/{person}", headers={"If-None-Match": tag})
    assert answer.status_code == 200
    assert answer.json()["enterprise_id"] == person


def test_an_etag_of_one_purpose_does_not_stand_for_the_answer_of_another(call, person):
    flags = [{"population": "foster_care", "value": "Y", "definition": "ESSA", "begin": "2026-01-02"}]
    body = make_child("cond-1", first_name="Condwiramurs", last_name="Belrapeire", flags=flags)
    assert call.put("/v1/sources/D01/records/cond-1", json=body).status_code == 200
    address = f"/v1/persons/{person}"
    shown = call.get(address, headers={"Purpose-Of-Use": "school_stability"})
    known = {"If-None-Match": shown.headers["etag"]}
    other = call.get(address, headers={"Purpose-Of-Use": "transport"} | known)
    assert (shown.json()["flags"] != [], other.status_code) == (True, 200)
    assert other.json()["flags"] != shown.json()["flags"]


def test_a_read_that_is_answered_304_has_its_line_on_the_ledger(call, index, person):
    tag = call.get(f"/v1/persons/{person}").headers["etag"]
    before = count_lines(index)
    assert call.get(f"/v1/persons/{person}", headers={"If-None-Match": tag}).status_code == 304
    assert count_lines(index) == before + 1


def test_a_caller_without_permission_learns_nothing_from_an_etag(call, index, person):
    tag = call.get(f"/v1/persons/{person}").headers["etag"]
    key = add_key(index, "no-reader", frozenset({Action.RECORD_WRITE}))
    headers = {"Authorization": f"Bearer {key}", "If-None-Match": tag}
    problem(call.get(f"/v1/persons/{person}", headers=headers), 403, "access-denied")


def test_the_etag_of_a_read_is_accepted_by_a_change(call, person):
    tag = call.get(f"/v1/persons/{person}/golden").headers["etag"]
    correction = {
        "attribute": "middle_name",
        "value": "Ampleise",
        "reason": "document-seen",
        "note": "Passport",
    }
    address = f"/v1/persons/{person}/corrections"
    problem(call.post(address, json=correction, headers={"If-Match": '"0-0"'}), 412, "stale")
    assert call.post(address, json=correction, headers={"If-Match": tag}).status_code == 200


def test_a_tag_is_a_state_and_a_digest_of_the_bytes():
    tag = add_digest('"3f0c"', b"{}")
    assert parse_state(tag) == parse_state('W/"3f0c"') == parse_state("3f0c") == "3f0c"
    assert tag != add_digest('"3f0c"', b"[]") != add_digest('"3f0d"', b"[]")
    assert matches_any(tag, f'"x", W/{tag}')
    assert matches_any(tag, "*")
    assert not matches_any(tag, '"3f0c"')


def count_lines(index) -> int:
    with index.database.read(None) as unit:
        return len(unit.disclosures.all())
