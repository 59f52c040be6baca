"""An owner's consent over HTTP and on the page: requested, listed, given and refused."""

import re

import pytest

from mpi.api.app import create_app
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.viewer import Action
from tests.index import make_child
from tests.unit.api.live import add_key, calling
from tests.unit.api.pages.desk.test_sign_in import SAME

BO = {"first_name": "Bo", "last_name": "Zwart", "birth_date": "2009-01-02"}


@pytest.fixture
def steward(fresh_index):
    with calling(create_app(fresh_index), add_key(fresh_index, "steward")) as client:
        for path, child in (("D01/records/1", {}), ("CCWIS/records/1", BO)):
            assert client.put(f"/v1/sources/{path}", json=make_child(None, **child)).status_code == 200
        asking = client.post("/v1/sources/CCWIS:ask-consent", json={"asks": True, "reason": "agreement"})
        assert asking.json() == {"source": "CCWIS", "asks_consent": True}
        yield client


@pytest.fixture
def owner(fresh_index):
    key = add_key(fresh_index, "owner", ACTIONS_BY_ROLE[Role.SOURCE_OWNER], {"CCWIS"})
    with calling(create_app(fresh_index), key) as client:
        yield client


def eids(client) -> list[str]:
    queries = [{"source": source, "local_id": "1"} for source in ("D01", "CCWIS")]
    return [client.get("/v1/crosswalk", params=each).json()["enterprise_id"] for each in queries]


def merge(client, **members):
    return client.post(
        "/v1/persons:merge", json={"eids": eids(client), "reason": "same-child", **members}
    ).json()


def test_a_merge_waits_until_the_owner_consents(steward, owner):
    effect = merge(steward)
    assert (effect["awaiting"], effect["approval"], effect["consent_of"]) == (True, False, ["CCWIS"])
    [listed] = steward.get("/v1/waiting-steps").json()
    assert (listed["step"], listed["kind"], listed["by"]) == (effect["step"], "merge", "steward")
    [request] = owner.get("/v1/waiting-steps").json()
    assert (request["kind"], request["by"], request["may_consent"]) == ("change", None, ["CCWIS"])
    assert request["records"] == [{"source": "CCWIS", "local_id": "1"}]
    assert "D01" not in str(request)
    path = f"/v1/steps/{effect['step']}"
    assert steward.post(f"{path}:consent", json={}).status_code == 404
    preview = owner.post(f"{path}:consent", json={"preview": True}).json()
    assert (preview["kind"], preview["preview"], len(preview["moved"])) == ("consent", True, 1)
    assert len(set(eids(steward))) == 2
    assert owner.post(f"{path}:consent", json={}).status_code == 200
    assert len(set(eids(steward))) == 1
    assert owner.post(f"{path}:consent", json={}).status_code == 409
    consents = steward.get(f"/v1/decisions/{effect['decisions'][0]}").json()["consents"]
    assert [(consent["source"], consent["status"], consent["by"]) for consent in consents] == [
        ("CCWIS", "given", "owner")
    ]


def test_a_refusal_ends_the_step_and_shows_its_reason(steward, owner):
    effect = merge(steward)
    answer = owner.post(f"/v1/steps/{effect['step']}:refuse", json={"reason": "not-our-child"})
    assert answer.json()["kind"] == "refusal"
    assert steward.get("/v1/waiting-steps").json() == []
    decision = steward.get(f"/v1/decisions/{effect['decisions'][0]}").json()
    assert (decision["status"], decision["consents"][0]["reason"]) == ("revoked", "not-our-child")


def test_invalid_calls_are_refused(steward, owner, fresh_index):
    for body in ({}, {"asks": "yes"}, {"asks": 1}, {"asks": True, "more": 1}):
        assert steward.post("/v1/sources/CCWIS:ask-consent", json=body).status_code == 400
    assert steward.post("/v1/sources/NONE:ask-consent", json={"asks": True}).status_code == 404
    assert owner.post("/v1/sources/CCWIS:ask-consent", json={"asks": False}).status_code == 403
    assert owner.post("/v1/steps/99:consent", json={}).status_code == 404
    with calling(
        create_app(fresh_index), add_key(fresh_index, "reader", frozenset({Action.RECORD_READ}), {"CCWIS"})
    ) as reader:
        assert reader.get("/v1/waiting-steps").status_code == 403
        assert reader.post("/v1/steps/1:refuse", json={}).status_code == 403


@pytest.mark.parametrize(("answer_kind", "is_merged"), [("consent", True), ("refuse", False)])
def test_the_page_lists_waiting_steps_and_takes_the_owners_answer(
    steward, fresh_index, answer_kind, is_merged
):
    done = "approved" if is_merged else "sent_back"
    effect = merge(steward)
    with calling(create_app(fresh_index, open_pages=True), None) as desk:
        listed = desk.get("/waiting").text
        assert f'href="/waiting/{effect["step"]}"' in listed
        assert "the owner of CCWIS" in listed
        assert "D01" in listed
        # The children are named, with their age, before any ID.
        assert re.search(r"<b>[A-Z][a-z]+ [A-Z][a-z]+</b>.*years old", listed)
        whole_page = desk.get(f"/waiting/{effect['step']}").text
        assert 'name="word"' not in whole_page
        # The evidence of the question is on the page, as the steward saw it.
        assert 'id="evidence"' in whole_page
        desk.cookies.set("mpi-acting-as", "source-owner")
        own_page = desk.get(f"/waiting/{effect['step']}").text
        assert "Do you agree to a change of your records?" in own_page
        assert "D01" not in own_page
        token = re.search(r'name="csrf" value="(\w+)"', own_page)[1]
        shown = re.search(r'name="shown" value="(\w+)"', own_page)[1]
        form = {
            "csrf": token,
            "word": answer_kind,
            "shown": shown,
            "reason": "wrong-record",
            "note": "not ours",
        }
        answer = desk.post(f"/waiting/{effect['step']}", data=form, headers=SAME)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/waiting?done={done}")
        assert "Nothing is waiting." in desk.get(f"/waiting?done={done}").text
        # A double click is no error to who has answered; to others the step does not exist.
        again = desk.post(f"/waiting/{effect['step']}", data=form, headers=SAME)
        assert (again.status_code, again.headers["location"]) == (303, "/waiting")
        assert own_page.count("data-once") == 2
        desk.cookies.set("mpi-acting-as", "approver")
        assert desk.post(f"/waiting/{effect['step']}", data=form, headers=SAME).status_code in {403, 404}
        desk.cookies.set("mpi-acting-as", "source-owner")
        assert desk.get(f"/waiting/{effect['step']}").status_code == 404
    assert (len(set(eids(steward))) == 1) is is_merged


def test_the_page_refuses_an_answer_to_another_effect_than_it_showed(steward, fresh_index):
    effect = merge(steward)
    path = f"/waiting/{effect['step']}"
    with calling(create_app(fresh_index, open_pages=True), None) as desk:
        desk.cookies.set("mpi-acting-as", "source-owner")
        page = desk.get(path).text
        form = dict(re.findall(r'name="(csrf|shown)" value="(\w+)"', page)) | {"word": "consent"}
        assert f'name="shown" value="{form["shown"]}"' in desk.get(path).text
        for stale in ("", "0" * 32):
            answer = desk.post(path, data=form | {"shown": stale}, headers=SAME)
            assert answer.status_code == 412
            assert "another than you were shown" in answer.text
            assert f'name="shown" value="{form["shown"]}"' in answer.text
        assert len(set(eids(steward))) == 2
        # Another record of the child would now move too.
        assert steward.put("/v1/sources/CCWIS/records/2", json=make_child(None, **BO)).status_code == 200
        assert desk.post(path, data=form, headers=SAME).status_code == 412
        form["shown"] = re.search(r'name="shown" value="(\w+)"', desk.get(path).text)[1]
        assert desk.post(path, data=form, headers=SAME).status_code == 303
    assert len(set(eids(steward))) == 1
