"""What both clients do with the calls of a live index."""

from datetime import date, datetime, timedelta
from zlib import crc32

import pytest

from mpi.client import (
    AccessDeniedError,
    InvalidRecordError,
    InvalidRequestError,
    NotAuthenticatedError,
    NotFoundError,
    RecordRef,
    ReusedKeyError,
    StaleError,
)
from mpi.domain.viewer import Action
from tests.index import make_child, many_children
from tests.unit.api.live import add_key

ODD_LOCAL_IDS = ["D01/12345", "a%2Fb", "..", ".", "ü 1", "?x=1#y&z", "a+b", ";=,"]


def child(kind, local_id, first_name, **changes):
    """Return a record of a child whose name and birth date no other test has."""
    number = crc32(f"{kind}{first_name}".encode())
    [other] = many_children(1, start=number % 10_000_000)
    names = {"first_name": first_name, "last_name": other["last_name"], "birth_date": other["birth_date"]}
    return make_child(local_id, **names | {"postal_code": other["postal_code"]} | changes)


def test_equal_records_of_two_sources_get_one_enterprise_id(client, kind):
    first = client.upsert("D01", child(kind, f"{kind}-1", "Petronella"))
    second = client.upsert("CCWIS", child(kind, f"{kind}-1", "Petronella"))
    assert (first.outcome, second.outcome) == ("created", "linked")
    assert second.enterprise_id == first.enterprise_id
    assert client.upsert("D01", child(kind, f"{kind}-1", "Petronella")).outcome == "unchanged"

    person = client.look_up(first.enterprise_id)
    assert set(person.records) == {RecordRef("D01", f"{kind}-1"), RecordRef("CCWIS", f"{kind}-1")}
    assert (person.status, person.now) == ("active", (first.enterprise_id,))
    assert client.find_enterprise_id("CCWIS", f"{kind}-1") == first.enterprise_id
    assert set(client.find_records(first.enterprise_id)) == set(person.records)


def test_a_withdrawn_record_takes_no_part_and_can_be_asked_about_in_the_past(client, kind):
    sent = client.upsert("D01", child(kind, f"{kind}-w", "Wilfreda"))
    assert client.withdraw("D01", f"{kind}-w").outcome == "withdrawn"
    assert client.withdraw("D01", f"{kind}-w").enterprise_id is None
    assert client.find_enterprise_id("D01", f"{kind}-w") is None
    assert client.read_record("D01", f"{kind}-w").state == "withdrawn"
    made = datetime.fromisoformat(client.look_up(sent.enterprise_id).since)
    assert client.find_enterprise_id("D01", f"{kind}-w", as_of=made) == sent.enterprise_id
    assert client.find_records(sent.enterprise_id, as_of=made) == (RecordRef("D01", f"{kind}-w"),)
    assert client.look_up(sent.enterprise_id, as_of=made + timedelta(days=1)).etag is None


def test_flags_and_content_are_read_and_not_shown(client, kind):
    flag = {"population": "foster_care", "value": "Y", "definition": "ESSA", "begin": date(2026, 9, 2)}
    sent = client.upsert("CCWIS", child(kind, f"{kind}-f", "Floriana", flags=[flag]))
    person = client.look_up(sent.enterprise_id, purpose="case_planning")
    stored = client.read_record("CCWIS", f"{kind}-f")
    assert [(each.population, each.begin) for each in person.flags] == [("foster_care", "2026-09-02")]
    assert stored.record["first_name"] == "Floriana"
    assert "foster_care" not in repr(person)
    assert "Floriana" not in repr(stored)


def test_a_search_finds_the_person_and_explains_it(client, kind):
    sent = client.upsert("D01", child(kind, f"{kind}-s", "Sidonia"))
    [found] = client.search(child(kind, None, "Sidonia"))
    assert found.enterprise_id == sent.enterprise_id
    assert sum(each.bits for each in found.explanation) == pytest.approx(found.match_weight, abs=0.5)


@pytest.mark.parametrize("local_id", ODD_LOCAL_IDS)
def test_any_local_id_reaches_the_index_as_it_is(client, kind, local_id):
    record = child(kind, local_id, "Odd", birth_date=f"2012-01-{1 + ODD_LOCAL_IDS.index(local_id):02}")
    assert client.upsert("D01", record).local_id == local_id
    assert client.read_record("D01", local_id).local_id == local_id
    assert client.find_enterprise_id("D01", local_id) is not None


def test_quality_issues_are_named(client, kind):
    sent = client.upsert("D01", child(kind, f"{kind}-q", "Quirina", birth_date="2014-02-31"))
    assert [(issue.field, issue.code) for issue in sent.issues] == [("birth_date", "impossible-date")]


def test_a_refused_record_is_an_error_with_field_reason_and_request_id(client, kind):
    with pytest.raises(InvalidRecordError) as caught:
        client.upsert("D01", child(kind, f"{kind}-r", "Rosalinde", favorite="Waldmeister"))
    assert caught.value.code == "invalid-record"
    assert caught.value.reason == "unknown-field"
    assert caught.value.request_id in str(caught.value)
    assert "Rosalinde" not in str(caught.value)
    assert "Waldmeister" not in str(caught.value)


def test_what_is_unknown_mistyped_or_forbidden_has_an_error_of_its_own(
    client, open_one, client_index, client_url, kind
):
    with pytest.raises(NotFoundError):
        client.read_record("D01", "nobody")
    with pytest.raises(InvalidRequestError) as caught:
        client.look_up("T7K3-M92Q-X0HA")
    assert caught.value.code == "invalid-enterprise-id"
    reader = open_one(client_url, add_key(client_index, f"reader-{kind}", {Action.RECORD_READ}))
    with pytest.raises(AccessDeniedError) as denied:
        reader.upsert("D01", child(kind, f"{kind}-d", "Dorothea"))
    assert denied.value.reason
    stranger = open_one(client_url, "mpi_test_stranger")
    with pytest.raises(NotAuthenticatedError):
        stranger.find_enterprise_id("D01", "1")


def test_a_merge_of_a_person_that_has_changed_is_stale(client, kind):
    first = client.upsert("D01", child(kind, f"{kind}-m1", "Mechthild"))
    second = client.upsert("D01", child(kind, f"{kind}-m2", "Brunhilde", birth_date="2011-05-05"))
    etags = [client.look_up(each.enterprise_id).etag for each in (first, second)]
    client.upsert("D01", child(kind, f"{kind}-m1", "Mechthild", sex="M"))
    body = {"eids": [first.enterprise_id, second.enterprise_id], "reason": "documents"}
    with pytest.raises(StaleError):
        client.request("POST", "/v1/persons:merge", body=body, if_match=etags)
    etags[0] = client.look_up(first.enterprise_id).etag
    key = f"merge-{kind}"
    merged = client.request("POST", "/v1/persons:merge", body=body, if_match=etags, idempotency_key=key)
    again = client.request("POST", "/v1/persons:merge", body=body, if_match=etags, idempotency_key=key)
    assert again.body == merged.body
    assert merged.request_id != again.request_id
    retired = client.look_up(second.enterprise_id)
    assert (retired.status, retired.now) == ("retired", (first.enterprise_id,))
    with pytest.raises(ReusedKeyError):
        client.request("POST", "/v1/persons:merge", body=body | {"note": "x"}, idempotency_key=key)


def test_any_route_can_be_called(client):
    answer = client.request("GET", "/v1/review-tasks", params={"limit": "1"})
    assert answer.status == 200
    assert isinstance(answer.body, list)
    with pytest.raises(ValueError, match="/v1/"):
        client.request("GET", "/metrics")


def test_a_wrong_argument_is_refused_before_anything_is_sent(client):
    with pytest.raises(ValueError, match="local_id"):
        client.upsert("D01", {"first_name": "Amara"})
    with pytest.raises(ValueError, match="time zone"):
        client.look_up("T7K3-M92Q-X0HN", as_of=datetime(2026, 1, 1))  # noqa: DTZ001 - it is refused
    with pytest.raises(TypeError, match="type set"):
        client.upsert("D01", {"local_id": "1", "race": {"x"}})
    with pytest.raises(ValueError, match="Purpose-Of-Use"):
        client.find_enterprise_id("D01", "1", purpose="schöne Absicht")
    with pytest.raises(ValueError, match="too long"):
        client.read_record("D01", "x" * 70_000)
    with pytest.raises(ValueError, match="percent-encoded"):
        client.request("GET", "/v1/persons/\x00")
    with pytest.raises(ValueError, match="Idempotency-Key"):
        client.withdraw("D01", "1", idempotency_key="a\r\nX-Evil: 1")
