import pytest

from mpi.api.app import create_app
from mpi.domain.viewer import Action
from tests.index import make_child, open_test_index
from tests.unit.api.live import a_key, calling, problem

CHILD = {"first_name": "Wilhelmina", "last_name": "Oakenfold", "birth_date": "2012-12-01"}
ALIKE = CHILD | {"first_name": "Wilhelmine", "last_name": "Oakenfeld"}


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """An index of its own, whose feed begins here: two records linked, one alike, one withdrawn."""
    with open_test_index(tmp_path_factory.mktemp("feed"), "D01", "CCWIS") as made:
        with calling(create_app(made), a_key(made, "feed")) as client:
            for source, local_id, child in (
                ("D01", "1", CHILD),
                ("CCWIS", "1", CHILD),
                ("D01", "2", ALIKE),
                ("D01", "3", CHILD | {"first_name": "Bo"}),
            ):
                client.put(f"/v1/sources/{source}/records/{local_id}", json=make_child(local_id, **child))
            client.delete("/v1/sources/D01/records/3")
            client.index = made
            yield client


def test_the_crosswalk_answers_both_ways(own):
    there = own.get("/v1/crosswalk?source=D01&local_id=1").json()
    back = own.get("/v1/crosswalk", params={"enterprise_id": there["enterprise_id"]}).json()
    assert there == {"source": "D01", "local_id": "1", "enterprise_id": there["enterprise_id"]}
    assert {(r["source"], r["local_id"]) for r in back["records"]} == {("D01", "1"), ("CCWIS", "1")}


def test_the_crosswalk_answers_for_a_past_moment(own):
    steps = own.get("/v1/events").json()["events"]
    second = next(each for each in steps if each["source"] == "CCWIS")
    eid = second["after"]
    for source, before in (("CCWIS", None), ("D01", eid)):
        asked = {"source": source, "local_id": "1", "as_of": steps[0]["at"]}
        assert own.get("/v1/crosswalk", params=asked).json()["enterprise_id"] == before
    asked = {"enterprise_id": eid, "as_of": steps[0]["at"]}
    assert len(own.get("/v1/crosswalk", params=asked).json()["records"]) == 1
    assert own.get("/v1/crosswalk?source=D01&local_id=3").json()["enterprise_id"] is None


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
def test_a_question_that_is_not_whole_is_refused(own, query):
    assert own.get(f"/v1/crosswalk?{query}").status_code == 400


def test_a_local_id_that_can_be_none_is_refused_before_the_store_sees_it(own):
    problem(own.get("/v1/crosswalk?source=D01&local_id=a%00b"), 422, "invalid-record")
    problem(own.get("/v1/crosswalk?source=D01&local_id=nobody"), 404, "not-found")


def test_the_feed_gives_every_change_once_in_order(own):
    seen, after = [], 0
    while True:
        page = own.get("/v1/events", params={"after": after, "limit": 1}).json()
        if page["cursor"] == after:
            break
        seen += page["events"]
        after = page["cursor"]
    places = [(each["commit"], each["seq"]) for each in seen]
    assert places == sorted(set(places))
    assert seen == own.get("/v1/events").json()["events"]
    assert [(e["source"], e["local_id"], e["cause"]) for e in seen][-1] == ("D01", "3", "withdraw")
    assert seen[-1]["after"] is None


def test_a_cursor_ahead_of_the_index_is_a_conflict_not_an_empty_page(own):
    problem(own.get("/v1/events?after=999999"), 409, "conflict")


@pytest.mark.parametrize(
    "query", ["after=-1", "after=x", "after=99999999999999999999", "limit=0", "limit=1001"]
)
def test_a_cursor_or_limit_out_of_bounds_is_refused(own, query):
    problem(own.get(f"/v1/events?{query}"), 400, "invalid-parameter")


def test_review_tasks_name_the_two_records_and_the_reason(own):
    tasks = own.get("/v1/review-tasks").json()
    assert tasks
    assert {"source": "D01", "local_id": "2"} in tasks[0]["records"]
    assert tasks[0]["reason"]
    assert len(own.get("/v1/review-tasks?limit=1").json()) == 1


def test_a_client_of_one_source_is_answered_as_if_there_were_no_other(own):
    key = a_key(own.index, "d01-only", set(Action), {"D01"})
    eid = own.get("/v1/crosswalk?source=D01&local_id=1").json()["enterprise_id"]
    own.put("/v1/sources/CCWIS/records/alone", json=make_child("alone", first_name="Secret", last_name="Keeper"))
    foreign = own.get("/v1/crosswalk?source=CCWIS&local_id=alone").json()["enterprise_id"]
    with calling(create_app(own.index), key) as d01:
        assert d01.get(f"/v1/persons/{eid}").json()["records"] == [{"source": "D01", "local_id": "1"}]
        steps = d01.get(f"/v1/persons/{eid}/lineage").json()
        assert {step["record"]["source"] for step in steps} == {"D01"}
        assert {each["source"] for each in d01.get("/v1/events").json()["events"]} == {"D01"}
        for path in (
            f"/v1/persons/{foreign}",
            f"/v1/persons/{foreign}/lineage",
            f"/v1/crosswalk?enterprise_id={foreign}",
        ):
            problem(d01.get(path), 404, "not-found")
        problem(d01.get("/v1/crosswalk?source=CCWIS&local_id=1"), 403, "access-denied")
        problem(d01.get("/v1/sources/CCWIS/records/1"), 403, "access-denied")
        searched = d01.post("/v1/persons:search", json=make_child("x", first_name="Secret", last_name="Keeper"))
        assert searched.json() == []
        for task in d01.get("/v1/review-tasks").json():
            assert {record["source"] for record in task["records"]} == {"D01"}
