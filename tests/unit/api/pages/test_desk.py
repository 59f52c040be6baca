"""The desk's pages over HTTP, on open pages of a test index: what they let through, and what they do not."""

import re
from contextlib import contextmanager
from datetime import timedelta

import httpx
import pytest

from mpi.api.pages.desk.person_view import build_person_page
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.page_context import Visit
from mpi.domain import clock
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.viewer import Viewer, make_operator
from mpi.service.core.block_limits import queue_large_blocks
from mpi.service.review.queue import Filters, load_queue_page
from mpi.service.stewardship.freeze_windows import add_freeze_window, lift_freeze_window
from mpi.storage.repositories.review.task_work import QuestionWork
from tests.index import make_child
from tests.unit.api.pages.desk.test_sign_in import SAME

CHILD = {"first_name": "Deskine", "last_name": "Pageworth", "birth_date": "2011-03-04"}


@pytest.fixture
def acting(people):
    """A client at open pages in a role; ``send`` sends the form of a page."""

    @contextmanager
    def make(role):
        with httpx.Client(base_url=people.base_url, timeout=30, cookies={"mpi-acting-as": role}) as client:
            yield client

    return make


def send(client, path, **fields):
    page = client.get("/find" if client.cookies["mpi-acting-as"] != "source-owner" else "/asked")
    token = re.search(r'name="csrf" value="(\w+)"', page.text)[1]
    return client.post(path, data={"csrf": token, **fields}, headers=SAME)


def put(call, source, local_id, **changes):
    answer = call.put(f"/v1/sources/{source}/records/{local_id}", json=make_child(None, **changes))
    assert answer.status_code == 200, answer.text
    return answer.json()["enterprise_id"]


def in_doubt(index, call, name, birth_date="2011-03-04"):
    """Two records that may be one child; returns their question's key."""
    child = {"last_name": name, "birth_date": birth_date}
    put(call, "D01", f"{name}-1", first_name="Philippa", **child)
    put(call, "CCWIS", f"{name}-2", first_name="Philippe", **{**child, "last_name": f"{name}e"})
    [one] = load_queue_page(index, make_operator(), Filters(text=f"{name}-1")).questions
    return one.key


@pytest.mark.parametrize(
    ("role", "path"),
    [
        ("steward", "/runs"),
        ("steward", "/accounts"),
        ("steward", "/asked"),
        ("source-owner", "/queue"),
        ("source-owner", "/quality"),
        ("source-owner", "/find"),
        ("operator", "/queue"),
        ("operator", "/runs"),
        ("operator", "/blind"),
        ("approver", "/accounts"),
    ],
)
def test_a_page_that_a_role_may_not_see_says_so_and_nothing_else(acting, role, path):
    with acting(role) as client:
        page = client.get(path)
    assert page.status_code == 403
    assert "Not yours to see" in page.text
    assert "may not do" not in page.text
    assert f'href="{path}"' not in page.text


def test_an_address_that_leads_nowhere_is_told_in_words(acting):
    with acting("steward") as client:
        for path in ("/queue/q-0000000000000000", "/runs/nonsense", "/people/T7K3-M92Q-X0HN/unlink"):
            page = client.get(path)
            assert page.headers["content-type"].startswith("text/html"), path
            assert page.status_code in (403, 404), path


def test_a_mistyped_address_is_a_page_to_a_person_and_a_problem_to_a_program(people):
    person = people.get("/peple", headers={"Accept": "text/html,*/*"})
    assert person.status_code == 404
    assert "Not found" in person.text
    assert people.get("/peple").headers["content-type"] == "application/problem+json"


def test_search_takes_its_fields_in_the_body_and_says_why(call, acting, caplog):
    eid = put(call, "D01", "find-1", **CHILD)
    with acting("steward") as client:
        page = send(client, "/find", **CHILD)
    assert page.status_code == 200
    assert f'href="/people/{eid}"' in page.text
    assert "likely the same child" in page.text
    assert "Pageworth" not in str(page.url)
    assert "Pageworth" not in caplog.text


def test_search_with_too_little_keeps_what_was_typed_and_points_at_the_field(acting):
    with acting("steward") as client:
        page = send(client, "/find", first_name="Onlya")
        assert page.status_code == 422
        assert 'value="Onlya"' in page.text
        assert 'href="#first_name"' in page.text


def test_a_local_id_is_looked_up_from_the_body(call, acting):
    eid = put(call, "D01", "find-2", first_name="Keyla", last_name="Lookups", birth_date="2012-12-01")
    with acting("steward") as client:
        answer = send(client, "/find/key", source="D01", local_id="find-2")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/people/{eid}")
        assert send(client, "/find/key", source="D01", local_id="nobody").status_code == 404


def test_no_form_is_taken_without_the_token_of_its_page(call, acting):
    eid = put(call, "D01", "csrf-1", first_name="Forgetta", last_name="Tokens", birth_date="2013-01-09")
    with acting("steward") as client:
        for path in ("/find", f"/people/{eid}/unlink", "/queue/next", "/views", "/steps/1/undo", "/why"):
            for headers in (SAME, {}):
                refused = client.post(path, data={"record": "x"}, headers=headers)
                assert refused.status_code == 400, path
                assert "nothing was done" in refused.text


def test_an_answer_is_previewed_kept_and_taken_back(index, call, acting):
    key = in_doubt(index, call, "Answerley")
    with acting("steward") as client:
        assert send(client, f"/queue/{key}/claim").status_code == 303
        page = client.get(f"/queue/{key}").text
        etag = re.search(r'name="etag" value="([^"]+)"', page)[1]
        pair = re.search(r'name="pair" value="([^"]+)"', page)[1]
        said = {"etag": etag, "pair": pair, "verdict-0": "same"}
        preview = send(client, f"/queue/{key}/answer", **said, preview="1")
        assert preview.status_code == 200
        assert "What would change" in preview.text
        assert "checked" in preview.text
        done = send(client, f"/queue/{key}/answer", **said)
        assert done.status_code == 303
        step = re.search(r"step=(\d+)", done.headers["location"])[1]
        assert (
            call.get("/v1/crosswalk", params={"source": "D01", "local_id": "Answerley-1"}).json()[
                "enterprise_id"
            ]
            == call.get("/v1/crosswalk", params={"source": "CCWIS", "local_id": "Answerley-2"}).json()[
                "enterprise_id"
            ]
        )
        undone = send(client, f"/queue/{key}/undo", step=step)
        assert undone.headers["location"] == f"/queue/{key}?done=undone"
        assert "answer taken back" in client.get(f"/queue/{key}").text


def test_an_answer_in_a_freeze_window_says_from_which_day_it_takes_effect(index, call, acting):
    key = in_doubt(index, call, "Frozenley", "2011-04-04")
    after = (clock.now() + timedelta(days=3)).date().isoformat()
    window = add_freeze_window(index, make_operator(), "D01", clock.today(), after, "count-day")
    try:
        with acting("steward") as client:
            send(client, f"/queue/{key}/claim")
            page = client.get(f"/queue/{key}").text
            etag = re.search(r'name="etag" value="([^"]+)"', page)[1]
            pair = re.search(r'name="pair" value="([^"]+)"', page)[1]
            said = {"etag": etag, "pair": pair, "verdict-0": "same"}
            assert (
                f"takes effect from {after} on"
                in send(client, f"/queue/{key}/answer", **said, preview="1").text
            )
            done = send(client, f"/queue/{key}/answer", **said).headers["location"]
            assert f"takes effect from {after} on" in client.get(done).text
            for until in ("", "tomorrow", "<b>", "2026-99-01"):
                assert "takes effect" not in client.get("/", params={"done": "frozen", "until": until}).text
            step = re.search(r"step=(\d+)", done)[1]
            assert send(client, f"/queue/{key}/undo", step=step).status_code == 303
    finally:
        lift_freeze_window(index, make_operator(), window.id, "count-over")


def test_an_answer_without_a_verdict_is_asked_for_again(index, call, acting):
    key = in_doubt(index, call, "Emptyley", "2011-05-05")
    with acting("steward") as client:
        send(client, f"/queue/{key}/claim")
        page = client.get(f"/queue/{key}").text
        etag = re.search(r'name="etag" value="([^"]+)"', page)[1]
        again = send(client, f"/queue/{key}/answer", etag=etag, note="typed before")
    assert again.status_code == 400
    assert 'href="#pair-0"' in again.text
    assert "typed before" in again.text


def test_the_owner_of_a_record_sees_it_and_nothing_of_the_others(index, call, acting):
    key = in_doubt(index, call, "Ownerley", "2011-06-06")
    with acting("steward") as client:
        send(client, f"/queue/{key}/claim")
        answer = send(
            client,
            f"/queue/{key}/ask",
            record="CCWIS\tOwnerley-2",
            asks="confirm-name",
            note="is it the child of C?",
        )
        assert answer.headers["location"] == "/?done=asked"
    with acting("source-owner") as owner:
        page = owner.get("/asked").text
        assert "Philippe" in page
        assert "Is the name right?" in page
        for secret in ("Philippa", "Ownerley-1", "D01", "is it the child of C?", key):
            assert secret not in page
        number = re.search(r'action="/asked/(\d+)"', page)[1]
        assert send(owner, f"/asked/{number}", answer="right").status_code == 303
    with acting("steward") as client:
        page = client.get(f"/queue/{key}").text
        assert "source answered" in page
        assert "the record is right" in page


def test_what_is_marked_is_put_off_at_once_and_no_answer_is_given_in_bulk(index, call, acting):
    keys = [
        in_doubt(index, call, name, f"2008-0{n}-15") for n, name in enumerate(("Bulkley", "Bulkworth"), 1)
    ]
    with acting("steward") as client:
        assert send(client, "/queue/bulk", do="defer", until="2027-01-01").status_code == 409
        past = send(client, "/queue/bulk", do="defer", until="2001-01-01", key=keys)
        assert past.status_code == 409
        assert past.text.count("checked") >= len(keys)
        done = send(client, "/queue/bulk", do="defer", until="2027-01-01", key=keys)
        assert done.status_code == 303
        assert "Done, with all" in client.get(done.headers["location"]).text
        asleep = client.get("/queue?state=asleep").text
        assert all(f'href="/queue/{key}"' in asleep for key in keys)
        refused = send(client, "/queue/bulk", do="assign", to="nobody-here", key=keys)
        assert refused.status_code == 409
        assert "2 questions were left as they are" in refused.text


def test_a_report_is_shown_with_who_made_it_and_why_and_is_confirmed(index, call, acting):
    child = {"first_name": "Reporta", "last_name": "Wronglink", "birth_date": "2010-12-12"}
    eid = put(call, "D01", "report-1", **child)
    put(call, "CCWIS", "report-2", **child)
    groups = [[{"source": "D01", "local_id": "report-1"}], [{"source": "CCWIS", "local_id": "report-2"}]]
    told = {"kind": "DIFFERENT", "groups": groups, "reason": "wrong-link", "note": "two of one name"}
    assert call.post("/v1/link-reports", json=told).status_code == 200
    [one] = load_queue_page(index, make_operator(), Filters(kind="claim", text="report-1")).questions
    with acting("steward") as client:
        send(client, f"/queue/{one.key}/claim")
        page = client.get(f"/queue/{one.key}").text
        assert "two of one name" in page
        assert "two children were taken for one" in page
        etag = re.search(r'name="etag" value="([^"]+)"', page)[1]
        assert send(client, f"/queue/{one.key}/respond", etag=etag).status_code == 400
        preview = send(client, f"/queue/{one.key}/respond", etag=etag, response="confirm", preview="1")
        assert "Who received what because of this link" in preview.text
        assert send(client, f"/queue/{one.key}/respond", etag=etag, response="confirm").status_code == 303
    apart = call.get("/v1/crosswalk", params={"source": "CCWIS", "local_id": "report-2"}).json()
    together = call.get("/v1/crosswalk", params={"source": "D01", "local_id": "report-1"}).json()
    assert apart["enterprise_id"] != together["enterprise_id"]
    assert eid in (apart["enterprise_id"], together["enterprise_id"])


def test_a_child_linked_to_another_under_the_readers_feet_is_told_as_such(call, acting):
    eid = put(call, "D01", "feet-1", first_name="Featherly", last_name="Undermoved", birth_date="2007-01-20")
    other = put(call, "D01", "feet-2", first_name="Zorro", last_name="Elsewhere", birth_date="2003-10-02")
    with acting("steward") as client:
        etag = re.search(r'name="etag" value="([^"]+)"', client.get(f"/people/{other}/unlink").text)[1]
        merged = {"eids": [eid, other], "survivor": eid, "reason": "same-child"}
        assert call.post("/v1/persons:merge", json=merged).status_code == 200
        late = send(
            client, f"/people/{other}/unlink", etag=etag, record="D01\tfeet-2", reason="twin", note="kept"
        )
        assert late.status_code == 412
        assert "somebody has changed this child since you read it" in late.text
        assert "kept" in late.text
        page = client.get(f"/people/{other}").text
        assert "This ID is retired. Its records are now held by" in page
        assert f'href="/people/{eid}"' in page
        assert f"/people/{other}/unlink" not in page


def test_a_steward_of_certain_sources_meets_no_trace_of_the_others(index, call):
    child = {"first_name": "Narrowa", "last_name": "Sightline", "birth_date": "2009-08-07"}
    eid = put(call, "D01", "narrow-1", **child)
    assert put(call, "CCWIS", "narrow-2", **child, phone="614-555-0123") == eid
    viewer = Viewer("narrow", "data_quality", ACTIONS_BY_ROLE[Role.STEWARD], frozenset({"D01"}))
    card = build_person_page(index, viewer, eid)
    assert [one.label.local_id for one in card.cards] == ["narrow-1"]
    assert card.links == ()
    shown = render_page(
        "person.html", visit=Visit(viewer), card=card, may_decide=True, links_to=str
    ).body.decode()
    assert "Narrowa" in shown
    for trace in ("narrow-2", "CCWIS", "0123", "2 records"):
        assert trace not in shown


def test_a_view_of_the_queue_is_kept_and_forgotten(acting):
    with acting("steward") as client:
        assert send(client, "/views", name="School matters", state="open", source="D01").status_code == 303
        page = client.get("/queue?source=D01").text
        assert "School matters" in page
        assert 'aria-current="page">School matters' in page
        send(client, "/views", forget="School matters")
        assert "School matters" not in client.get("/queue").text


def test_a_run_is_made_read_and_rejected_by_an_approver(acting):
    with acting("approver") as client:
        made = send(client, "/runs")
        path = made.headers["location"].partition("?")[0]
        assert "open" in client.get(path).text
        assert send(client, path, do="apply").status_code == 400
        assert send(client, path, do="reject").status_code == 303
        assert "rejected" in client.get(path).text


def test_keys_that_many_records_share_are_shown_to_who_may_re_cluster(index, acting):
    with index.database.write(make_operator(), "probe") as unit:
        queue_large_blocks(unit, index.config_id(unit), {-5: 4_321})
    with acting("approver") as client:
        page = client.get("/runs").text
    assert "fffffffffffffffb" in page
    assert "4,321" in page


def test_a_value_is_corrected_with_what_it_rests_on_and_undone(call, acting):
    eid = put(
        call, "D01", "correct-1", first_name="Wrongname", last_name="Correctable", birth_date="2012-02-02"
    )
    with acting("steward") as client:
        etag = re.search(r'name="etag" value="([^"]+)"', client.get(f"/people/{eid}/correct").text)[1]
        said = {"etag": etag, "attribute": "first_name", "value": "Rightname", "reason": "source-mistake"}
        missing = send(client, f"/people/{eid}/correct", **said)
        assert missing.status_code == 400
        assert 'href="#note"' in missing.text
        done = send(client, f"/people/{eid}/correct", **said, note="birth certificate seen")
        assert done.status_code == 303
        page = client.get(done.headers["location"]).text
        assert "Rightname" in page
        assert "a steward said so" in page
        step = re.search(r"step=(\d+)", done.headers["location"])[1]
        send(client, f"/steps/{step}/undo", confirm="1", eid=eid)
        assert "Rightname" not in client.get(f"/people/{eid}").text


def test_what_an_address_says_was_done_is_one_of_our_sentences_only(acting):
    with acting("steward") as client:
        page = client.get("/find?done=Your+account+is+locked,+call+0900&step=1").text
        assert "0900" not in page
        assert "data-undo" not in page
        assert "Undone." in client.get("/find?done=undone").text


def test_why_two_records_are_one_child_is_told_without_their_keys_in_an_address(call, acting):
    put(call, "D01", "why-1", first_name="Whyla", last_name="Becauseton", birth_date="2010-10-10")
    put(call, "CCWIS", "why-2", first_name="Whyla", last_name="Becauseton", birth_date="2010-10-10")
    with acting("steward") as client:
        page = send(client, "/why", pair="D01\twhy-1\tCCWIS\twhy-2")
    assert page.status_code == 200
    assert "What would change the answer" in page.text
    assert "In all" in page.text


def test_pages_say_that_somebody_has_a_question_where_who_it_is_is_not_to_be_told(acting, call, index):
    key = in_doubt(index, call, "Withsomebody")
    with index.database.write(make_operator(), "test") as unit:
        until = clock.format_timestamp(clock.now() + timedelta(minutes=20))
        what = {"records": [2**40], "decisions": {}}
        unit.task_work.save(
            QuestionWork(key, "open", until, claimed_by="secret-name", lease_until=until, about=what)
        )
    with acting("steward") as client:
        for path in (f"/queue/{key}", "/queue?state=claimed"):
            page = client.get(path)
            assert page.status_code == 200
            assert "with somebody" in page.text or "You can read it meanwhile." in page.text
            assert "secret-name" not in page.text
        refused = send(client, f"/queue/{key}/claim")
        assert refused.status_code == 409
        assert "secret-name" not in refused.text
