"""Pages of the activity list: what they tell, open and mail, and what they refuse."""

import re
from contextlib import contextmanager

import httpx
import pytest

from mpi.api.app import create_app
from mpi.api.pages.rendering.paths import question_path
from mpi.domain.decision import DecisionKind
from mpi.domain.record_ref import RecordRef
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.viewer import SecondApprover, Viewer
from mpi.service.records.upsert import upsert
from mpi.service.review.assignments import assign, claim
from mpi.service.review.queue import Filters, load_queue_page
from mpi.service.stewardship.approvals import approve
from mpi.service.stewardship.decisions import DecisionRequest, decide
from tests.accounts import PASSWORD, add_person, cheap_password_hashing
from tests.desk import ANN
from tests.index import OPERATOR, make_child, with_settings
from tests.unit.api.live import PLAIN, serving
from tests.unit.api.pages.desk.test_sign_in import SAME

APPROVER = Viewer("ada", None, ACTIONS_BY_ROLE[Role.APPROVER], None)
BO = {"first_name": "Bo", "last_name": "Zwart", "birth_date": "2009-01-02", "postal_code": "44444"}
TOLD = '<a href="/activity">Answers came back to you. Read them under Activity.</a>'


@contextmanager
def sign_in(url, name):
    """Sign a person in; the client follows redirects."""
    with httpx.Client(base_url=url, timeout=30, headers=SAME, follow_redirects=True, verify=PLAIN) as client:
        token = re.search(r'name="csrf" value="([\w-]+)"', client.get("/sign-in").text)[1]
        page = client.post("/sign-in", data={"csrf": token, "name": name, "password": PASSWORD})
        assert page.status_code == 200, page.text
        yield client


def send(client, path, **fields):
    token = re.search(r'name="csrf" value="(\w+)"', client.get("/activity").text)[1]
    return client.post(path, data={"csrf": token, **fields})


@pytest.fixture
def staffed(fresh_index):
    """An index with a doubtful pair, and Ann, Ben and a steward of the district."""
    with cheap_password_hashing():
        add_person(fresh_index, "ann", full_name="Ann Zeller")
        add_person(fresh_index, "ben", full_name="Ben Adams")
        add_person(fresh_index, "dan", Role.STEWARD, {"D01"}, "Dan Moss")
        upsert(fresh_index, OPERATOR, "D01", make_child("1"))
        similar = {"first_name": "Amarah", "last_name": "Okonkwoh", "postal_code": None}
        upsert(fresh_index, OPERATOR, "CCWIS", make_child("2", **similar))
        yield fresh_index


@pytest.fixture
def site(staffed):
    with serving(create_app(with_settings(staffed, sends_mail=True))) as url:
        yield url


def only_key(index):
    [question] = load_queue_page(index, ANN, Filters(state=None)).questions
    return question.key


def test_the_menu_counts_what_waits_and_the_list_names_the_child(staffed, site):
    key = only_key(staffed)
    claim(staffed, ANN, key)
    with sign_in(site, "ann") as client:
        page = client.get("/activity").text
        assert ", 1 of your questions open" in page
        assert "claimed a question" in page
        assert f'href="{question_path(key)}"' in page
        assert "Amara Okonkwo" in page
        assert "data-local" in page
    with sign_in(site, "dan") as client:
        for tab in ("mine", "team"):
            page = client.get(f"/activity?tab={tab}").text
            assert "Amara" not in page
            assert "question" not in re.search(r'id="list".*', page, re.DOTALL)[0].split("<footer")[0]


def test_an_approval_is_opened_or_dismissed(staffed, site):
    upsert(staffed, OPERATOR, "D01", make_child("8", **BO))
    upsert(staffed, OPERATOR, "CCWIS", make_child("9", **{**BO, "first_name": "Ole"}))
    approving = with_settings(staffed, second_approver=SecondApprover.ALWAYS)
    groups = [[RecordRef("D01", "8"), RecordRef("CCWIS", "9")]]
    for kind in ("same-child", "other"):
        step = decide(approving, ANN, DecisionRequest(DecisionKind.SAME, groups, kind)).step
        if kind == "same-child":
            with sign_in(site, "ben") as client:
                for path in ("/waiting", f"/waiting/{step}"):
                    page = client.get(path).text
                    assert "<summary>Ann Zeller</summary>Account: ann" in page, path
        approve(approving, APPROVER, step)
    with sign_in(site, "ann") as client:
        page = client.get("/activity").text
        assert ", 2 answers unread" in page
        assert page.count("approved your decision") == 2
        assert TOLD in client.get("/waiting").text
        items = re.findall(r'name="item" value="([^"]+)"', page)
        opened = send(client, "/activity", do="open", item=items[0])
        assert re.fullmatch(r"/people/[0-9A-Z-]{14}", opened.url.path)
        assert "Marked as read" in send(client, "/activity", do="dismiss", item=items[1]).text
        assert "Nothing unread" in client.get("/activity").text
        assert TOLD not in client.get("/waiting").text
        for fields in ({"do": "dismiss", "item": "x"}, {"do": "gift"}, {}):
            refused = send(client, "/activity", **fields)
            assert refused.status_code == 400
            assert "item" in fields or "press one of the buttons on this page" in refused.text


@pytest.mark.parametrize(
    "query", ["tab=hers", "before=x", "tab=child&eid=nonsense", "tab=child&eid=T7K3-M92Q-X0HN"]
)
def test_a_wrong_address_says_so(site, query):
    with sign_in(site, "ann") as client:
        page = client.get(f"/activity?{query}")
    assert page.status_code in (400, 404)
    assert "There is a problem" in page.text


def test_a_question_is_assigned_to_a_person_of_the_list(staffed, site):
    key = only_key(staffed)
    with sign_in(site, "ann") as client:
        send(client, f"{question_path(key)}/claim")
        page = client.get(question_path(key)).text
        options = re.search(r'<select id="to".*?</select>', page, re.DOTALL)[0]
        assert re.findall(r'value="(\w*)"', options) == ["", "ann", "ben"]
        assert "Ben Adams (ben)" in options
        assert "Assigned" in send(client, f"{question_path(key)}/assign", to="ben").text
        assert "Dan Moss" in client.get("/queue").text
        rows = client.get("/workload").text
        assert re.search(r"Ben Adams.*?class=\"number\">1<", rows, re.DOTALL)
        assert client.get("/queue?assignee=ben").text.count("data-row") == 1
        assert client.get("/queue?assignee=ann").text.count("data-row") == 0


def test_a_note_tells_a_person_of_the_list_and_refuses_another(staffed, site):
    key = only_key(staffed)
    with sign_in(site, "ann") as client:
        refused = send(client, f"{question_path(key)}/note", note="See it, @dan?", mention="")
        assert refused.status_code == 400
        assert "See it, @dan?" in refused.text
        assert "choose a person of the list" in refused.text
        assert (
            "Note saved" in send(client, f"{question_path(key)}/note", note="Same home.", mention="ben").text
        )
    with sign_in(site, "ben") as client:
        page = client.get("/activity").text
        assert "mentioned you in a note" in page
        assert "Same home. @ben" in page
        item = re.search(r'name="item" value="([^"]+)"', page)[1]
        assert send(client, "/activity", do="open", item=item).url.path == question_path(key)


def test_the_daily_mail_is_turned_on_and_off(site):
    with sign_in(site, "ann") as client:
        assert send(client, "/activity", do="mail_on", address="nonsense").status_code == 400
        assert (
            "Sent to ann@example.org"
            in send(client, "/activity", do="mail_on", address="ann@example.org").text
        )
        assert "Your address is deleted" in send(client, "/activity", do="mail_off").text


def test_the_mail_is_not_offered_without_a_mail_server(staffed):
    with serving(create_app(staffed)) as url, sign_in(url, "ann") as client:
        assert "Daily mail" not in client.get("/activity").text


def test_a_link_from_a_system_opens_the_child_after_the_sign_in(staffed, site):
    from tests.unit.api.live import add_key

    headers = {"Authorization": f"Bearer {add_key(staffed, 'sis-client', sources=['D01'])}"}
    answer = httpx.post(
        f"{site}/v1/links", json={"source": "D01", "local_id": "1"}, headers=headers, verify=PLAIN
    )
    assert answer.status_code == 200, answer.text
    path = answer.json()["path"]
    assert "D01" not in path
    with httpx.Client(base_url=site, timeout=30, verify=PLAIN) as stranger:
        redirect = stranger.get(path)
        assert redirect.status_code == 303
        assert redirect.headers["location"] == f"/sign-in?next={path}"
    with httpx.Client(base_url=site, timeout=30, headers=SAME, follow_redirects=True, verify=PLAIN) as client:
        form = client.get(f"/sign-in?next={path}").text
        token = re.search(r'name="csrf" value="(\w+)"', form)[1]
        page = client.post(
            "/sign-in", data={"csrf": token, "name": "dan", "password": PASSWORD, "next": path}
        )
        assert page.url.path.startswith("/people/")
        unknown = client.get("/go/unknown")
        assert (unknown.status_code, "has expired" in unknown.text) == (404, True)
    for body in ({}, {"source": "D01"}, {"source": "D01", "local_id": "1", "question": "x"}):
        assert httpx.post(f"{site}/v1/links", json=body, headers=headers, verify=PLAIN).status_code == 400
    foreign = httpx.post(
        f"{site}/v1/links", json={"source": "CCWIS", "local_id": "2"}, headers=headers, verify=PLAIN
    )
    assert foreign.status_code == 404
    assign(staffed, ANN, only_key(staffed), "ben")
