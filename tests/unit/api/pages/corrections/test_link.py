"""The page that links two children: search, comparison, preview, link and undo."""

import re
from datetime import date, timedelta

from mpi.domain import clock
from mpi.domain.decision import DecisionKind
from mpi.domain.record_ref import RecordRef
from mpi.service.stewardship.decisions import DecisionRequest, decide, list_decisions
from mpi.service.stewardship.freeze_windows import add_freeze_window
from mpi.service.stewardship.merge_split_move import StepOptions, merge
from tests.index import OPERATOR
from tests.unit.api.pages.corrections.conftest import LINA, MARLON, put, read_hidden_fields

UNKNOWN = "T7K3-M92Q-X0HN"


def eids_of(steward):
    return steward.eid("D01", "lina-1"), steward.eid("CCWIS", "marlon-1")


def preview(steward, **form):
    """Open the pair of Lina and Marlon and preview its link; return the page and the form to confirm."""
    lina, marlon = eids_of(steward)
    fields = read_hidden_fields(steward.get(f"/people/{lina}/link?other={marlon}").text)
    shown = steward.send(f"/people/{lina}/link", {**fields, "reason": "name-change", **form})
    confirm = {**read_hidden_fields(shown.text), "reason": "name-change", **form, "confirm": "1"}
    return shown, confirm


def confirm_link(steward, **form):
    lina, _ = eids_of(steward)
    _, confirm = preview(steward, **form)
    return steward.send(f"/people/{lina}/link", confirm)


def test_a_child_is_found_by_name_compared_previewed_linked_and_unlinked(steward):
    lina, marlon = eids_of(steward)
    page = steward.get(f"/people/{lina}").text
    assert f'href="/people/{lina}/link"' in page
    search = steward.get(f"/people/{lina}/link").text
    assert 'value="Quarterly"' in search
    found = steward.send(f"/people/{lina}/link", {"do": "search", **MARLON})
    assert "Marlon Overbrook" in found.text
    assert "Marlon" not in str(found.url)
    [href] = re.findall(rf'href="(/people/{lina}/link\?other=[^"]+)"', found.text)
    pair = steward.get(href)
    assert "Are Lina Quarterly and Marlon Overbrook the same child?" in pair.text
    assert "Nov 2, 2009" in pair.text
    assert "evidence against" in pair.text.lower() or "different" in pair.text.lower()
    shown, confirm = preview(steward)
    assert shown.status_code == 200
    assert "What would change" in shown.text
    assert re.search(r">Marlon Overbrook</a><small", shown.text)
    assert eids_of(steward) == (lina, marlon)
    done = steward.send(f"/people/{lina}/link", confirm)
    assert done.status_code == 303
    survivor = steward.eid("CCWIS", "marlon-1")
    assert steward.eid("D01", "lina-1") == survivor
    after = steward.get(done.headers["location"])
    assert done.headers["location"].startswith(f"/people/{survivor}?done=linked&step=")
    assert "Linked." in after.text
    step = re.search(r'action="(/steps/\d+/undo)"', after.text)[1]
    assert steward.send(step, {"confirm": "1", "eid": survivor}).status_code == 303
    assert eids_of(steward) == (lina, marlon)


def test_two_results_of_a_search_are_marked_and_compared(steward):
    apart = [[RecordRef("D01", "lina-1")], [RecordRef("CCWIS", "lina-2")]]
    decide(steward.index, OPERATOR, DecisionRequest(DecisionKind.DIFFERENT, apart, "twin"))
    results = steward.send("/find", LINA)
    marked = re.findall(r'name="child" value="([^"]+)"', results.text)
    assert len(marked) == 2
    pair = steward.get(f"/link?child={marked[0]}&child={marked[1]}")
    assert pair.headers["location"] == f"/people/{marked[0]}/link?other={marked[1]}"
    assert steward.get(f"/link?child={marked[0]}").headers["location"] == f"/people/{marked[0]}/link"
    assert steward.get("/link").status_code == 400


def test_the_search_leaves_out_the_child_itself(steward):
    lina, _ = eids_of(steward)
    found = steward.send(f"/people/{lina}/link", {"do": "search", **LINA})
    assert "No child matches" in found.text
    assert steward.send(f"/people/{lina}/link", {"do": "search", "first_name": "L"}).status_code == 422


def test_the_chosen_id_stays(steward):
    for stays in eids_of(steward):
        lina, _ = eids_of(steward)
        done = confirm_link(steward, survivor=stays)
        assert steward.eid("D01", "lina-1") == stays
        step = re.search(r"step=(\d+)", done.headers["location"])[1]
        steward.send(f"/steps/{step}/undo", {"confirm": "1"})
        assert steward.eid("D01", "lina-1") == lina


def test_a_form_sent_twice_links_once_and_leads_to_the_same_page(steward):
    lina, _ = eids_of(steward)
    _, confirm = preview(steward)
    first, second = (steward.send(f"/people/{lina}/link", confirm) for _ in range(2))
    assert (first.status_code, first.headers["location"]) == (second.status_code, second.headers["location"])
    assert len(list_decisions(steward.index, OPERATOR)) == 1


def test_the_same_link_after_an_undo_is_made_again(steward):
    for _ in range(2):
        done = confirm_link(steward)
        assert steward.eid("D01", "lina-1") == steward.eid("CCWIS", "marlon-1")
        step = re.search(r"step=(\d+)", done.headers["location"])[1]
        steward.send(f"/steps/{step}/undo", {"confirm": "1"})
        assert steward.eid("D01", "lina-1") != steward.eid("CCWIS", "marlon-1")


def test_a_child_that_changed_since_the_preview_is_shown_as_it_is_now(steward):
    lina, marlon = eids_of(steward)
    _, confirm = preview(steward)
    put(steward.index, "CCWIS", "marlon-1", **{**MARLON, "middle_name": "Zebediah"})
    answer = steward.send(f"/people/{lina}/link", {**confirm, "note": "kept"})
    assert answer.status_code == 412
    assert "Somebody has changed one of these children" in answer.text
    assert "Zebediah" in answer.text
    assert "kept" in answer.text
    assert 'name="confirm"' not in answer.text
    assert eids_of(steward) == (lina, marlon)


def test_a_child_linked_by_somebody_else_is_answered_with_where_the_records_are(steward):
    lina, marlon = eids_of(steward)
    third = put(
        steward.index, "D01", "third", first_name="Ottoline", last_name="Grey", birth_date="2008-01-01"
    )
    _, confirm = preview(steward)
    merge(steward.index, OPERATOR, [marlon, third], StepOptions("same-child"), survivor=third)
    answer = steward.send(f"/people/{lina}/link", confirm)
    assert answer.status_code == 400
    assert f"Its records now belong to {third}" in answer.text
    assert steward.eid("D01", "lina-1") == lina


def test_decisions_against_the_link_are_named_and_can_be_replaced(steward):
    lina, _ = eids_of(steward)
    apart = [[RecordRef("D01", "lina-1")], [RecordRef("CCWIS", "marlon-1")]]
    [decision] = decide(
        steward.index, OPERATOR, DecisionRequest(DecisionKind.DIFFERENT, apart, "twin")
    ).decisions
    shown, _ = preview(steward)
    assert shown.status_code == 409
    assert f"Decisions keep these children apart: {decision}." in shown.text
    done = confirm_link(steward, supersedes=str(decision))
    assert done.status_code == 303
    assert steward.eid("CCWIS", "marlon-1") == steward.eid("D01", "lina-1")
    assert lina


def test_an_unknown_a_wrong_and_the_same_id_are_answered_on_the_form(steward):
    lina, _ = eids_of(steward)
    for other, text in (
        (UNKNOWN, "never gave out"),
        ("nonsense", "like 7K3M-92QX-0HTV"),
        (lina, "This is the same child"),
    ):
        page = steward.get(f"/people/{lina}/link?other={other}")
        assert page.status_code == 400, page.text
        assert text in page.text
        assert f'value="{other}"' in page.text


def test_a_frozen_source_lets_the_link_wait(steward):
    today = date.fromisoformat(clock.today())
    add_freeze_window(steward.index, OPERATOR, "D01", str(today), str(today + timedelta(days=9)), "count-day")
    done = confirm_link(steward)
    assert f"done=frozen&until={today + timedelta(days=9)}" in done.headers["location"]
    assert steward.eid("D01", "lina-1") != steward.eid("CCWIS", "marlon-1")


def test_an_id_without_records_offers_no_link(steward):
    lina, marlon = eids_of(steward)
    merge(steward.index, OPERATOR, [lina, marlon], StepOptions("same-child"), survivor=marlon)
    page = steward.get(f"/people/{lina}/link")
    assert "Nothing can be linked or moved" in page.text
    assert "<form" not in page.text.partition("<main")[2].partition("</main>")[0]


def test_whereabouts_that_one_child_withholds_are_shown_of_neither(steward):
    secret = {"address_line1": "1 Hidden Lane", "city": "Nowhere"}
    restriction = {"kind": "address_confidential", "begin": "2020-01-01"}
    # More records than are shown: the one that withholds is not among them.
    for local_id in ("lina-3", "lina-4", "lina-5"):
        put(steward.index, "D01", local_id, **LINA)
    put(steward.index, "D01", "lina-6", **LINA, **secret, restrictions=[restriction])
    put(steward.index, "CCWIS", "marlon-1", **{**MARLON, **secret})
    lina, marlon = eids_of(steward)
    page = steward.get(f"/people/{lina}/link?other={marlon}")
    assert "lina-6" not in page.text
    assert "Hidden Lane" not in page.text


def test_a_link_that_needs_a_second_person_is_proposed(steward_with_approval):
    steward = steward_with_approval
    lina, marlon = eids_of(steward)
    shown, confirm = preview(steward)
    assert "This waits for a second person to approve it." in shown.text
    assert "Propose the link" in shown.text
    done = steward.send(f"/people/{lina}/link", confirm)
    assert done.headers["location"] == f"/people/{lina}?done=awaiting"
    assert eids_of(steward) == (lina, marlon)
