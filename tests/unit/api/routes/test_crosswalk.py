from dataclasses import asdict

import pytest

from mpi.api.app import create_app
from mpi.client import Client
from mpi.domain.viewer import Action
from tests.index import make_child, open_test_index
from tests.unit.api.live import PLAIN, add_key, calling, problem

CHILD = {"first_name": "Wilhelmina", "last_name": "Oakenfold", "birth_date": "2012-12-01"}
SIMILAR = CHILD | {"first_name": "Wilhelmine", "last_name": "Oakenfeld"}


@pytest.fixture(scope="module")
def feed_client(tmp_path_factory):
    """Client of a separate index, whose feed begins here: two linked, one similar, one withdrawn."""
    with open_test_index(tmp_path_factory.mktemp("feed"), "D01", "CCWIS") as index:
        key = add_key(index, "feed")
        with (
            calling(create_app(index), key) as client,
            Client(str(client.base_url), key, tls=PLAIN) as program,
        ):
            for source, local_id, child in (
                ("D01", "1", CHILD),
                ("CCWIS", "1", CHILD),
                ("D01", "2", SIMILAR),
                ("D01", "3", CHILD | {"first_name": "Bo"}),
            ):
                program.upsert(source, make_child(local_id, **child))
            program.withdraw("D01", "3")
            client.index, client.program = index, program
            yield client


def test_the_crosswalk_answers_both_ways(feed_client):
    by_local_id = feed_client.get("/v1/crosswalk?source=D01&local_id=1").json()
    by_eid = feed_client.get("/v1/crosswalk", params={"enterprise_id": by_local_id["enterprise_id"]}).json()
    assert by_local_id == {"source": "D01", "local_id": "1", "enterprise_id": by_local_id["enterprise_id"]}
    assert {(r["source"], r["local_id"]) for r in by_eid["records"]} == {("D01", "1"), ("CCWIS", "1")}


def test_the_crosswalk_answers_for_a_past_date(feed_client):
    steps = feed_client.get("/v1/events").json()["events"]
    second_step = next(each for each in steps if each["source"] == "CCWIS")
    eid = second_step["after"]
    for source, expected in (("CCWIS", None), ("D01", eid)):
        query = {"source": source, "local_id": "1", "as_of": steps[0]["at"]}
        assert feed_client.get("/v1/crosswalk", params=query).json()["enterprise_id"] == expected
    query = {"enterprise_id": eid, "as_of": steps[0]["at"]}
    assert len(feed_client.get("/v1/crosswalk", params=query).json()["records"]) == 1
    assert feed_client.get("/v1/crosswalk?source=D01&local_id=3").json()["enterprise_id"] is None


@pytest.mark.parametrize(
    "query",
    [
        "",
        "source=D01",
        "local_id=1",
        "source=D01&local_id=1&enterprise_id=x",
        "as_of=2026-01-01",
        "nonsense=1",
    ],
)
def test_an_incomplete_query_is_refused(feed_client, query):
    assert feed_client.get(f"/v1/crosswalk?{query}").status_code == 400


def test_invalid_local_id_is_refused_before_the_store_sees_it(feed_client):
    problem(feed_client.get("/v1/crosswalk?source=D01&local_id=a%00b"), 422, "invalid-record")
    problem(feed_client.get("/v1/crosswalk?source=D01&local_id=nobody"), 404, "not-found")


def test_the_feed_gives_every_change_once_in_order(feed_client):
    events = [asdict(event) for page in feed_client.program.follow(limit=1) for event in page.events]
    positions = [(each["commit"], each["seq"]) for each in events]
    assert positions == sorted(set(positions))
    assert events == feed_client.get("/v1/events").json()["events"]
    assert [(e["source"], e["local_id"], e["cause"]) for e in events][-1] == ("D01", "3", "withdraw")
    assert events[-1]["after"] is None


def test_a_cursor_beyond_the_index_is_a_conflict_and_no_empty_page(feed_client):
    problem(feed_client.get("/v1/events?after=999999"), 409, "conflict")


@pytest.mark.parametrize(
    "query", ["after=-1", "after=x", "after=99999999999999999999", "limit=0", "limit=1001"]
)
def test_a_cursor_or_limit_out_of_range_is_refused(feed_client, query):
    problem(feed_client.get(f"/v1/events?{query}"), 400, "invalid-parameter")


def test_review_tasks_name_the_two_records_and_the_reason(feed_client):
    tasks = feed_client.get("/v1/review-tasks").json()
    assert tasks
    assert {"source": "D01", "local_id": "2"} in tasks[0]["records"]
    assert tasks[0]["reason"]
    assert len(feed_client.get("/v1/review-tasks?limit=1").json()) == 1


def test_a_client_of_one_source_is_answered_as_if_there_were_no_other(feed_client):
    key = add_key(feed_client.index, "d01-only", set(Action), {"D01"})
    eid = feed_client.get("/v1/crosswalk?source=D01&local_id=1").json()["enterprise_id"]
    feed_client.put(
        "/v1/sources/CCWIS/records/alone", json=make_child("alone", first_name="Secret", last_name="Keeper")
    )
    hidden_eid = feed_client.get("/v1/crosswalk?source=CCWIS&local_id=alone").json()["enterprise_id"]
    with calling(create_app(feed_client.index), key) as d01:
        assert d01.get(f"/v1/persons/{eid}").json()["records"] == [{"source": "D01", "local_id": "1"}]
        steps = d01.get(f"/v1/persons/{eid}/lineage").json()
        assert {step["record"]["source"] for step in steps} == {"D01"}
        assert {each["source"] for each in d01.get("/v1/events").json()["events"]} == {"D01"}
        for path in (
            f"/v1/persons/{hidden_eid}",
            f"/v1/persons/{hidden_eid}/lineage",
            f"/v1/crosswalk?enterprise_id={hidden_eid}",
        ):
            problem(d01.get(path), 404, "not-found")
        problem(d01.get("/v1/crosswalk?source=CCWIS&local_id=1"), 403, "access-denied")
        problem(d01.get("/v1/sources/CCWIS/records/1"), 403, "access-denied")
        search = d01.post("/v1/persons:search", json=make_child("x", first_name="Secret", last_name="Keeper"))
        assert search.json() == []
        for task in d01.get("/v1/review-tasks").json():
            assert {record["source"] for record in task["records"]} == {"D01"}
