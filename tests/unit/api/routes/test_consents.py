"""An owner's consent over HTTP and on the page: asked, seen by whom, given, refused."""

import re

import pytest

from mpi.api.app import create_app
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.viewer import Action
from tests.index import make_child, open_test_index
from tests.unit.api.live import a_key, calling
from tests.unit.api.pages.desk.test_sign_in import SAME

BO = {"first_name": "Bo", "last_name": "Zwart", "birth_date": "2009-01-02"}


@pytest.fixture
def fresh(tmp_path):
    with open_test_index(tmp_path, "D01", "CCWIS") as index:
        yield index


@pytest.fixture
def steward(fresh):
    with calling(create_app(fresh), a_key(fresh, "steward")) as client:
        for path, child in (("D01/records/1", {}), ("CCWIS/records/1", BO)):
            assert client.put(f"/v1/sources/{path}", json=make_child(None, **child)).status_code == 200
        asking = client.post("/v1/sources/CCWIS:ask-consent", json={"asks": True, "reason": "agreement"})
        assert asking.json() == {"source": "CCWIS", "asks_consent": True}
        yield client


@pytest.fixture
def owner(fresh):
    key = a_key(fresh, "owner", ACTIONS_BY_ROLE[Role.SOURCE_OWNER], {"CCWIS"})
    with calling(create_app(fresh), key) as client:
        yield client


def eids(client) -> list[str]:
    asked = [{"source": source, "local_id": "1"} for source in ("D01", "CCWIS")]
    return [client.get("/v1/crosswalk", params=each).json()["enterprise_id"] for each in asked]


def merged(client, **more):
    return client.post(
        "/v1/persons:merge", json={"eids": eids(client), "reason": "same-child", **more}
    ).json()


def test_a_merge_waits_until_the_owner_consents(steward, owner):
    made = merged(steward)
    assert (made["awaiting"], made["approval"], made["consent_of"]) == (True, False, ["CCWIS"])
    [shown] = steward.get("/v1/waiting-steps").json()
    assert (shown["step"], shown["kind"], shown["by"]) == (made["step"], "merge", "steward")
    [asked] = owner.get("/v1/waiting-steps").json()
    assert (asked["kind"], asked["by"], asked["may_consent"]) == ("change", None, ["CCWIS"])
    assert asked["records"] == [{"source": "CCWIS", "local_id": "1"}]
    assert "D01" not in str(asked)
    path = f"/v1/steps/{made['step']}"
    assert steward.post(f"{path}:consent", json={}).status_code == 404
    seen = owner.post(f"{path}:consent", json={"preview": True}).json()
    assert (seen["kind"], seen["preview"], len(seen["moved"])) == ("consent", True, 1)
    assert len(set(eids(steward))) == 2
    assert owner.post(f"{path}:consent", json={}).status_code == 200
    assert len(set(eids(steward))) == 1
    assert owner.post(f"{path}:consent", json={}).status_code == 409
    given = steward.get(f"/v1/decisions/{made['decisions'][0]}").json()["consents"]
    assert [(one["source"], one["status"], one["by"]) for one in given] == [("CCWIS", "given", "owner")]


def test_a_refusal_ends_it_and_tells_why(steward, owner):
    made = merged(steward)
    refused = owner.post(f"/v1/steps/{made['step']}:refuse", json={"reason": "not-our-child"})
    assert refused.json()["kind"] == "refusal"
    assert steward.get("/v1/waiting-steps").json() == []
    told = steward.get(f"/v1/decisions/{made['decisions'][0]}").json()
    assert (told["status"], told["consents"][0]["reason"]) == ("revoked", "not-our-child")


def test_bad_calls_are_told_what_is_wrong(steward, owner, fresh):
    for body in ({}, {"asks": "yes"}, {"asks": 1}, {"asks": True, "more": 1}):
        assert steward.post("/v1/sources/CCWIS:ask-consent", json=body).status_code == 400
    assert steward.post("/v1/sources/NONE:ask-consent", json={"asks": True}).status_code == 404
    assert owner.post("/v1/sources/CCWIS:ask-consent", json={"asks": False}).status_code == 403
    assert owner.post("/v1/steps/99:consent", json={}).status_code == 404
    with calling(
        create_app(fresh), a_key(fresh, "reader", frozenset({Action.RECORD_READ}), {"CCWIS"})
    ) as reader:
        assert reader.get("/v1/waiting-steps").status_code == 403
        assert reader.post("/v1/steps/1:refuse", json={}).status_code == 403


@pytest.mark.parametrize(("word", "together"), [("consent", True), ("refuse", False)])
def test_the_page_lists_what_waits_and_takes_the_owners_word(steward, fresh, word, together):
    made = merged(steward)
    with calling(create_app(fresh, open_pages=True), None) as desk:
        listed = desk.get("/waiting").text
        assert f'href="/waiting/{made["step"]}"' in listed
        assert "the owner of CCWIS" in listed
        assert "D01" in listed
        assert 'name="word"' not in desk.get(f"/waiting/{made['step']}").text
        desk.cookies.set("mpi-acting-as", "source-owner")
        mine = desk.get(f"/waiting/{made['step']}").text
        assert "a change that touches your records" in mine
        assert "D01" not in mine
        token = re.search(r'name="csrf" value="(\w+)"', mine)[1]
        said = {"csrf": token, "word": word, "reason": "not-ours"}
        answer = desk.post(f"/waiting/{made['step']}", data=said, headers=SAME)
        assert (answer.status_code, answer.headers["location"]) == (303, "/waiting?done=said_so")
        assert "Nothing waits." in desk.get("/waiting?done=said_so").text
        assert desk.get(f"/waiting/{made['step']}").status_code == 404
    assert (len(set(eids(steward))) == 1) is together
