"""Pages of the desk over HTTP, on open pages of a test index: permissions and effects."""

import re
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from mpi.api.app import create_app
from mpi.api.pages.desk.person_view import build_person_page
from mpi.api.pages.desk.shown_values import describe_changes, list_shown_values
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.page_context import Visit
from mpi.composition.models import open_matcher
from mpi.domain import clock
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.viewer import Viewer, make_operator
from mpi.service.core.block_limits import queue_large_blocks
from mpi.service.core.index import SearchLimits
from mpi.service.recluster.proposals import propose
from mpi.service.records.upsert import upsert
from mpi.service.review.question_view import load_question_view
from mpi.service.review.queue import Filters, load_queue_page
from mpi.service.stewardship.freeze_windows import add_freeze_window, lift_freeze_window
from mpi.storage.repositories.review.task_work import QuestionWork
from tests.index import make_child, open_test_index, with_settings
from tests.models import tiny_model
from tests.unit.api.live import PLAIN, calling
from tests.unit.api.pages.desk.test_sign_in import SAME

CHILD = {"first_name": "Deskine", "last_name": "Pageworth", "birth_date": "2011-03-04"}


@pytest.fixture
def acting(people):
    """Client of open pages in a role; ``send`` sends the form of a page."""

    @contextmanager
    def make(role):
        with httpx.Client(
            base_url=people.base_url, timeout=30, verify=PLAIN, cookies={"mpi-acting-as": role}
        ) as client:
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


def add_doubtful_pair(index, call, name, birth_date="2011-03-04"):
    """Add two records that may be one child; return their question's key."""
    child = {"last_name": name, "birth_date": birth_date}
    put(call, "D01", f"{name}-1", first_name="Philippa", **child)
    put(call, "CCWIS", f"{name}-2", first_name="Philippe", **{**child, "last_name": f"{name}e"})
    [question] = load_queue_page(index, make_operator(), Filters(text=f"{name}-1")).questions
    return question.key


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
def test_a_forbidden_page_says_so_and_nothing_else(acting, role, path):
    with acting(role) as client:
        page = client.get(path)
    assert page.status_code == 403
    assert "You may not see this page" in page.text
    assert "may not do" not in page.text
    assert f'href="{path}"' not in page.text


def test_an_unknown_address_is_answered_with_a_page(acting):
    with acting("steward") as client:
        for path in ("/queue/q-0000000000000000", "/runs/nonsense", "/people/T7K3-M92Q-X0HN/unlink"):
            page = client.get(path)
            assert page.headers["content-type"].startswith("text/html"), path
            assert page.status_code in (403, 404), path


def test_an_unknown_address_is_a_page_to_a_person_and_a_problem_to_a_program(people):
    person = people.get("/peple", headers={"Accept": "text/html,*/*"})
    assert person.status_code == 404
    assert "Not found" in person.text
    assert people.get("/peple").headers["content-type"] == "application/problem+json"


def test_search_takes_its_fields_in_the_body_and_explains_its_results(call, acting, caplog):
    eid = put(call, "D01", "find-1", **CHILD)
    with acting("steward") as client:
        page = send(client, "/find", **CHILD)
    assert page.status_code == 200
    assert f'href="/people/{eid}"' in page.text
    assert "likely the same child" in page.text
    # The number is shown on demand, by keyboard and touch too.
    summary = "<summary>Very strong evidence</summary>"
    on_demand = rf'<details class="strength">{summary}[^<]*\+[\d.]+ bits[^<]*</details>'
    assert page.text.count(" bits") == len(re.findall(on_demand, page.text)) == 1
    assert "Pageworth" not in str(page.url)
    assert "Pageworth" not in caplog.text


def test_a_search_with_too_few_fields_keeps_the_input_and_points_at_the_field(acting):
    with acting("steward") as client:
        page = send(client, "/find", first_name="Onlya")
        assert page.status_code == 422
        assert 'value="Onlya"' in page.text
        assert 'href="#first_name"' in page.text


def test_a_search_above_the_limit_keeps_the_input_and_says_when_to_try_again(fresh_index):
    limited_index = with_settings(fresh_index, search_limits=SearchLimits(per_minute=1))
    with calling(create_app(limited_index, open_pages=True), None) as client:
        client.cookies.set("mpi-acting-as", "steward")
        assert send(client, "/find", **CHILD).status_code == 200
        page = send(client, "/find", **CHILD)
        assert page.status_code == 429
        assert 1 <= int(page.headers["retry-after"]) <= 60
        assert 'value="Pageworth"' in page.text
        assert "within a minute" in page.text


def test_a_local_id_is_looked_up_from_the_body(call, acting):
    eid = put(call, "D01", "find-2", first_name="Keyla", last_name="Lookups", birth_date="2012-12-01")
    with acting("steward") as client:
        answer = send(client, "/find/key", source="D01", local_id="find-2")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/people/{eid}")
        assert send(client, "/find/key", source="D01", local_id="nobody").status_code == 404


def test_a_form_without_the_token_of_its_page_is_refused(call, acting):
    eid = put(call, "D01", "csrf-1", first_name="Forgetta", last_name="Tokens", birth_date="2013-01-09")
    with acting("steward") as client:
        for path in ("/find", f"/people/{eid}/unlink", "/queue/next", "/views", "/steps/1/undo", "/why"):
            for headers in (SAME, {}):
                answer = client.post(path, data={"record": "x"}, headers=headers)
                assert answer.status_code == 400, path
                assert "nothing was done" in answer.text


def test_an_answer_is_previewed_saved_and_undone(index, call, acting):
    key = add_doubtful_pair(index, call, "Answerley")
    with acting("steward") as client:
        assert send(client, f"/queue/{key}/claim").status_code == 303
        page = client.get(f"/queue/{key}").text
        etag = re.search(r'name="etag" value="([^"]+)"', page)[1]
        pair = re.search(r'name="pair" value="([^"]+)"', page)[1]
        form = {"etag": etag, "pair": pair, "verdict-0": "same"}
        preview = send(client, f"/queue/{key}/answer", **form, preview="1")
        assert preview.status_code == 200
        assert "What would change" in preview.text
        assert "Philippa Answerley" in preview.text.partition("What would change")[2]
        assert "checked" in preview.text
        saved = send(client, f"/queue/{key}/answer", **form)
        assert saved.status_code == 303
        step = re.search(r"step=(\d+)", saved.headers["location"])[1]
        assert (
            call.get("/v1/crosswalk", params={"source": "D01", "local_id": "Answerley-1"}).json()[
                "enterprise_id"
            ]
            == call.get("/v1/crosswalk", params={"source": "CCWIS", "local_id": "Answerley-2"}).json()[
                "enterprise_id"
            ]
        )
        undo_answer = send(client, f"/queue/{key}/undo", step=step)
        assert undo_answer.headers["location"] == f"/queue/{key}?done=undone"
        assert "answer undone" in client.get(f"/queue/{key}").text


def test_evidence_that_changed_is_told_by_its_strength(index, call):
    view = load_question_view(index, make_operator(), add_doubtful_pair(index, call, "Changely"))
    [pair] = view.pairs
    stronger = replace(view, pairs=(replace(pair, match_weight=-6.0),))
    [change] = describe_changes(stronger, list_shown_values(view))
    assert "has changed. Now there is strong evidence against." in change


def test_an_answer_in_a_freeze_window_shows_its_effective_date(index, call, acting):
    key = add_doubtful_pair(index, call, "Frozenley", "2011-04-04")
    after = (clock.now() + timedelta(days=3)).date().isoformat()
    window = add_freeze_window(index, make_operator(), "D01", clock.today(), after, "count-day")
    try:
        with acting("steward") as client:
            send(client, f"/queue/{key}/claim")
            page = client.get(f"/queue/{key}").text
            etag = re.search(r'name="etag" value="([^"]+)"', page)[1]
            pair = re.search(r'name="pair" value="([^"]+)"', page)[1]
            form = {"etag": etag, "pair": pair, "verdict-0": "same"}
            assert (
                f"takes effect from {after} on"
                in send(client, f"/queue/{key}/answer", **form, preview="1").text
            )
            location = send(client, f"/queue/{key}/answer", **form).headers["location"]
            assert f"takes effect from {after} on" in client.get(location).text
            for date_text in ("", "tomorrow", "<b>", "2026-99-01"):
                assert (
                    "takes effect" not in client.get("/", params={"done": "frozen", "until": date_text}).text
                )
            step = re.search(r"step=(\d+)", location)[1]
            assert send(client, f"/queue/{key}/undo", step=step).status_code == 303
    finally:
        lift_freeze_window(index, make_operator(), window.id, "count-over")


def test_an_answer_without_a_verdict_is_refused_and_keeps_the_input(index, call, acting):
    key = add_doubtful_pair(index, call, "Emptyley", "2011-05-05")
    with acting("steward") as client:
        send(client, f"/queue/{key}/claim")
        page = client.get(f"/queue/{key}").text
        etag = re.search(r'name="etag" value="([^"]+)"', page)[1]
        answer = send(client, f"/queue/{key}/answer", etag=etag, note="typed before")
    assert answer.status_code == 400
    assert 'href="#pair-0"' in answer.text
    assert "typed before" in answer.text


def test_an_owner_sees_the_record_and_nothing_of_the_others(index, call, acting):
    key = add_doubtful_pair(index, call, "Ownerley", "2011-06-06")
    with acting("steward") as client:
        send(client, f"/queue/{key}/claim")
        answer = send(
            client,
            f"/queue/{key}/ask",
            record="CCWIS\tOwnerley-2",
            asks="confirm-name",
            note="is it the child of C?",
        )
        place, _, query = answer.headers["location"].partition("?")
        assert query == "done=asked", "the next question opens, or the desk if there is none"
        assert place == "/" or (place.startswith("/queue/") and key not in place)
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


def test_marked_questions_are_snoozed_at_once_but_never_answered_in_bulk(index, call, acting):
    keys = [
        add_doubtful_pair(index, call, name, f"2008-0{n}-15")
        for n, name in enumerate(("Bulkley", "Bulkworth"), 1)
    ]
    with acting("steward") as client:
        assert send(client, "/queue/bulk", do="defer", until="2027-01-01").status_code == 409
        past_answer = send(client, "/queue/bulk", do="defer", until="2001-01-01", key=keys)
        assert past_answer.status_code == 409
        assert past_answer.text.count("checked") >= len(keys)
        snoozed = send(client, "/queue/bulk", do="defer", until="2027-01-01", key=keys)
        assert snoozed.status_code == 303
        assert "Done for all selected questions" in client.get(snoozed.headers["location"]).text
        snoozed_page = client.get("/queue?state=asleep").text
        assert all(f'href="/queue/{key}"' in snoozed_page for key in keys)
        refused_answer = send(client, "/queue/bulk", do="assign", to="nobody-here", key=keys)
        assert refused_answer.status_code == 409
        assert "2 questions did not change" in refused_answer.text


def test_a_report_is_shown_with_reporter_and_reason_and_is_confirmed(index, call, acting):
    child = {"first_name": "Reporta", "last_name": "Wronglink", "birth_date": "2010-12-12"}
    eid = put(call, "D01", "report-1", **child)
    put(call, "CCWIS", "report-2", **child)
    groups = [[{"source": "D01", "local_id": "report-1"}], [{"source": "CCWIS", "local_id": "report-2"}]]
    report = {"kind": "DIFFERENT", "groups": groups, "reason": "wrong-link", "note": "two of one name"}
    assert call.post("/v1/link-reports", json=report).status_code == 200
    [question] = load_queue_page(index, make_operator(), Filters(kind="claim", text="report-1")).questions
    with acting("steward") as client:
        send(client, f"/queue/{question.key}/claim")
        page = client.get(f"/queue/{question.key}").text
        assert "two of one name" in page
        assert "two children were linked by mistake" in page
        etag = re.search(r'name="etag" value="([^"]+)"', page)[1]
        assert send(client, f"/queue/{question.key}/respond", etag=etag).status_code == 400
        preview = send(client, f"/queue/{question.key}/respond", etag=etag, response="confirm", preview="1")
        assert "Who received data because of this link" in preview.text
        assert (
            send(client, f"/queue/{question.key}/respond", etag=etag, response="confirm").status_code == 303
        )
    second_link = call.get("/v1/crosswalk", params={"source": "CCWIS", "local_id": "report-2"}).json()
    first_link = call.get("/v1/crosswalk", params={"source": "D01", "local_id": "report-1"}).json()
    assert second_link["enterprise_id"] != first_link["enterprise_id"]
    assert eid in (second_link["enterprise_id"], first_link["enterprise_id"])


def test_a_child_merged_by_somebody_else_meanwhile_is_reported(call, acting):
    eid = put(call, "D01", "feet-1", first_name="Featherly", last_name="Undermoved", birth_date="2007-01-20")
    other_eid = put(call, "D01", "feet-2", first_name="Zorro", last_name="Elsewhere", birth_date="2003-10-02")
    with acting("steward") as client:
        etag = re.search(r'name="etag" value="([^"]+)"', client.get(f"/people/{other_eid}/unlink").text)[1]
        merged = {"eids": [eid, other_eid], "survivor": eid, "reason": "same-child"}
        assert call.post("/v1/persons:merge", json=merged).status_code == 200
        stale_answer = send(
            client, f"/people/{other_eid}/unlink", etag=etag, record="D01\tfeet-2", reason="twin", note="kept"
        )
        assert stale_answer.status_code == 412
        assert "somebody has changed this child since you read it" in stale_answer.text
        assert "kept" in stale_answer.text
        page = client.get(f"/people/{other_eid}").text
        assert "This ID is retired. Its records now belong to" in page
        assert f'href="/people/{eid}"' in page
        assert f"/people/{other_eid}/unlink" not in page


def test_a_steward_of_certain_sources_sees_no_trace_of_the_others(index, call):
    child = {"first_name": "Narrowa", "last_name": "Sightline", "birth_date": "2009-08-07"}
    eid = put(call, "D01", "narrow-1", **child)
    assert put(call, "CCWIS", "narrow-2", **child, phone="614-555-0123") == eid
    viewer = Viewer("narrow", "data_quality", ACTIONS_BY_ROLE[Role.STEWARD], frozenset({"D01"}))
    card = build_person_page(index, viewer, eid)
    assert [record_card.label.local_id for record_card in card.cards] == ["narrow-1"]
    assert card.links == ()
    page = render_page(
        "person.html", visit=Visit(viewer), card=card, systems=card.systems, may_decide=True, links_to=str
    ).body.decode()
    assert "Narrowa" in page
    for trace in ("narrow-2", "CCWIS", "0123", "2 records"):
        assert trace not in page


def test_a_view_of_the_queue_is_saved_and_deleted(acting):
    with acting("steward") as client:
        assert send(client, "/views", name="School matters", state="open", source="D01").status_code == 303
        page = client.get("/queue?source=D01").text
        assert "School matters" in page
        assert 'aria-current="page">School matters' in page
        send(client, "/views", forget="School matters")
        assert "School matters" not in client.get("/queue").text


def test_a_run_is_made_read_and_rejected_by_an_approver(acting):
    with acting("approver") as client:
        answer = send(client, "/runs")
        path = answer.headers["location"].partition("?")[0]
        assert "open" in client.get(path).text
        assert send(client, path, do="apply").status_code == 400
        assert send(client, path, do="reject").status_code == 303
        assert "rejected" in client.get(path).text


def test_large_blocks_are_shown_to_those_who_may_recluster(index, acting):
    with index.database.write(make_operator(), "probe") as unit:
        queue_large_blocks(unit, index.config_id(unit), {-5: 4_321})
    with acting("approver") as client:
        page = client.get("/runs").text
    assert "fffffffffffffffb" in page
    assert "4,321" in page


def test_a_value_is_corrected_with_its_evidence_and_undone(call, acting):
    eid = put(
        call, "D01", "correct-1", first_name="Wrongname", last_name="Correctable", birth_date="2012-02-02"
    )
    with acting("steward") as client:
        etag = re.search(r'name="etag" value="([^"]+)"', client.get(f"/people/{eid}/correct").text)[1]
        form = {"etag": etag, "attribute": "first_name", "value": "Rightname", "reason": "source-mistake"}
        refused_answer = send(client, f"/people/{eid}/correct", **form)
        assert refused_answer.status_code == 400
        assert 'href="#note"' in refused_answer.text
        saved = send(client, f"/people/{eid}/correct", **form, note="birth certificate seen")
        assert saved.status_code == 303
        page = client.get(saved.headers["location"]).text
        assert "Rightname" in page
        assert "a steward corrected it" in page
        step = re.search(r"step=(\d+)", saved.headers["location"])[1]
        send(client, f"/steps/{step}/undo", confirm="1", eid=eid)
        assert "Rightname" not in client.get(f"/people/{eid}").text


def test_a_page_shows_only_known_messages_from_its_address(acting):
    with acting("steward") as client:
        page = client.get("/find?done=Your+account+is+locked,+call+0900&step=1").text
        assert "0900" not in page
        assert "data-undo" not in page
        assert "Undone." in client.get("/find?done=undone").text


def test_a_pair_is_explained_without_record_ids_in_the_address(call, acting):
    put(call, "D01", "why-1", first_name="Whyla", last_name="Becauseton", birth_date="2010-10-10")
    put(call, "CCWIS", "why-2", first_name="Whyla", last_name="Becauseton", birth_date="2010-10-10")
    with acting("steward") as client:
        page = send(client, "/why", pair="D01\twhy-1\tCCWIS\twhy-2")
    assert page.status_code == 200
    assert "What would change the answer" in page.text
    assert "Very strong evidence" in page.text


def test_a_question_claimed_by_a_hidden_person_is_shown_without_the_name(acting, call, index):
    key = add_doubtful_pair(index, call, "Withsomebody")
    with index.database.write(make_operator(), "test") as unit:
        lease_until = clock.format_timestamp(clock.now() + timedelta(minutes=20))
        about = {"records": [2**40], "decisions": {}}
        unit.task_work.save(
            QuestionWork(
                key, "open", lease_until, claimed_by="secret-name", lease_until=lease_until, about=about
            )
        )
    with acting("steward") as client:
        for path in (f"/queue/{key}", "/queue?state=claimed"):
            page = client.get(path)
            assert page.status_code == 200
            assert "with somebody" in page.text or "You can still read it." in page.text
            assert "secret-name" not in page.text
        answer = send(client, f"/queue/{key}/claim")
        assert answer.status_code == 409
        assert "secret-name" not in answer.text


def test_lists_and_the_childs_page_show_the_name_before_the_id(index, call, acting):
    key = add_doubtful_pair(index, call, "NAMELEY", "2011-03-07")
    eid = put(call, "D01", "named", first_name="ORLA", last_name="O'NAMELEY", birth_date="2010-09-11")
    with acting("steward") as client:
        queue = client.get("/queue").text
        assert "<b>Philippa Nameley</b>" in queue
        assert queue.index("Philippa Nameley") < queue.index("<code>NAMELEY-1</code>")
        assert "Mar 7, 2011" in queue
        assert "Philippa Nameley" in client.get("/").text
        person = client.get(f"/people/{eid}").text
        assert "<h1>Orla O&#39;Nameley</h1>" in person
        assert "Sep 11, 2010" in person
        found = send(client, "/find", first_name="Orla", last_name="O'Nameley", birth_date="2010-09-11").text
        assert f'<a href="/people/{eid}" data-open>Orla O&#39;Nameley</a>' in found
        filtered = send(client, "/queue", query="", child="namel")
        assert key in filtered.text
        assert "NAMELEY" not in str(filtered.url)
        assert key not in send(client, "/queue", query="", child="zzz").text
        assert key in client.get("/queue?child=zzz").text, "a name in the address filters nothing"
        assert "age: give whole years" in client.get("/queue?min_age=young").text


def test_a_bulk_action_is_undone_from_its_message(index, call, acting):
    key = add_doubtful_pair(index, call, "Undoley", "2011-03-08")
    with acting("steward") as client:
        done = send(client, "/queue/bulk", do="defer", until="2027-01-01", key=key, query="?sort=name")
        assert done.headers["location"].startswith("/queue?sort=name&done=bulk&bulk=")
        page = client.get(done.headers["location"]).text
        token = re.search(r'name="bulk" value="(\w+)"', page)[1]
        assert f'href="/queue/{key}"' not in client.get("/queue").text
        assert send(client, "/queue/bulk/undo", bulk=token).headers["location"] == "/queue?done=bulk_undone"
        assert f'href="/queue/{key}"' in client.get("/queue").text
        assert "nothing to undo" in send(client, "/queue/bulk/undo", bulk="x").text


def test_a_child_of_many_records_has_pages_of_them_and_a_table_of_its_schools(call, acting):
    number = [{"system": "state_student_id", "assigner": "OH", "value": "9100000777"}]
    child = {"first_name": "Manya", "last_name": "Recordson", "birth_date": "2012-02-03"}
    eid = ""
    for n in range(23):
        school = {"school_id": f"S{n}", "grade": "5", "entry_date": f"20{10 + n // 2}-0{1 + n % 2}-01"}
        eid = put(call, "D01", f"many-{n}", **child, identifiers=number, **school)
    with acting("steward") as client:
        first, second = (client.get(f"/people/{eid}?records={n}").text for n in (1, 2))
        beyond = client.get(f"/people/{eid}?records=99").text
    assert first.count('<article class="card"') == 20
    assert second.count('<article class="card"') == beyond.count('<article class="card"') == 3
    assert 'id="record-21"' in second
    assert f'href="/people/{eid}?records=2#record-21"' in first
    assert "school S22, grade 5" in first


def test_a_question_names_the_children_whom_a_record_lives_with(tmp_path):
    home = {"household_ids": ["H77"], "address_line1": "12 Elm St", "city": "Dayton", "state": "OH"}
    sibling = {"first_name": "KOFI", "birth_date": "2010-01-05", "sex": "M"}
    with open_test_index(tmp_path, "sis", "ccwis", birth=("surname:1",)) as index:
        upsert(index, make_operator(), "sis", make_child("1", **home))
        upsert(index, make_operator(), "sis", make_child("2", **home, **sibling))
        child = make_child("3", first_name="Amaro", last_name="Okonkwu", postal_code=None)
        upsert(index, make_operator(), "ccwis", child)
        [question] = load_queue_page(index, make_operator(), Filters()).questions
        with calling(create_app(index, open_pages=True), None) as client:
            client.cookies.set("mpi-acting-as", "steward")
            page = client.get(f"/queue/{question.key}").text
    assert "<b>Kofi Okonkwo</b>" in page
    assert "Jan 5, 2010" in page


def test_an_approver_sees_the_names_of_the_children_of_a_proposal(fresh_index, tmp_path):
    for source in ("D01", "CCWIS"):
        child = make_child("1", first_name="BCDEF", last_name="GHJKL", postal_code=None)
        upsert(fresh_index, make_operator(), source, child)
    stricter = open_matcher(str(tiny_model(tmp_path / "stricter", version="2", link=17.0)))
    proposal = propose(fresh_index, make_operator(), stricter)
    assert proposal.items
    with calling(create_app(fresh_index, open_pages=True), None) as client:
        client.cookies.set("mpi-acting-as", "approver")
        page = client.get(f"/runs/{proposal.id}").text
        # Before as one child, after as two.
        assert page.count("<b>Bcdef Ghjkl</b>") == 3
