"""The page that moves records to another child: marks, choice, preview, move and undo."""

import re

from mpi.service.stewardship.decisions import list_decisions
from tests.index import OPERATOR
from tests.unit.api.pages.corrections.conftest import LINA, MARLON, put, read_hidden_fields


def preview(steward, to, *records, **form):
    """Mark records of Lina, choose a child and preview; return the page and the form to confirm."""
    lina = steward.eid("D01", "lina-1")
    chosen = {"record": [f"{source}\t{local_id}" for source, local_id in records], "to": to}
    fields = read_hidden_fields(steward.get(f"/people/{lina}/move").text)
    shown = steward.send(f"/people/{lina}/move", {**fields, **chosen, "reason": "wrong-link", **form})
    confirm = {**read_hidden_fields(shown.text), **chosen, "reason": "wrong-link", **form, "confirm": "1"}
    return shown, confirm


def undo(steward, done):
    step = re.search(r"step=(\d+)", done.headers["location"])[1]
    assert steward.send(f"/steps/{step}/undo", {"confirm": "1"}).status_code == 303


def test_a_record_is_moved_to_a_child_found_by_name_and_moved_back(steward):
    lina, marlon = steward.eid("D01", "lina-1"), steward.eid("CCWIS", "marlon-1")
    assert f'href="/people/{lina}/move"' in steward.get(f"/people/{lina}").text
    form = {"do": "search", "record": "CCWIS\tlina-2", **MARLON}
    found = steward.send(f"/people/{lina}/move", form)
    assert found.status_code == 200
    assert f'name="to" value="{marlon}"' in found.text
    assert re.search(r'value="CCWIS\tlina-2" checked', found.text)
    shown, confirm = preview(steward, marlon, ("CCWIS", "lina-2"))
    assert shown.status_code == 200
    assert "What would change" in shown.text
    assert re.search(r">Marlon Overbrook</a><small", shown.text)
    assert "Lina Quarterly, May 17, 2012 <small" in shown.text
    assert "Side by side" in shown.text
    assert steward.eid("CCWIS", "lina-2") == lina
    done = steward.send(f"/people/{lina}/move", confirm)
    assert done.headers["location"].startswith(f"/people/{lina}?done=moved&step=")
    assert (steward.eid("CCWIS", "lina-2"), steward.eid("D01", "lina-1")) == (marlon, lina)
    assert "Moved." in steward.get(done.headers["location"]).text
    undo(steward, done)
    assert steward.eid("CCWIS", "lina-2") == lina


def test_several_records_become_one_new_child_and_the_others_keep_the_id(steward):
    lina = steward.eid("D01", "lina-1")
    for local_id in ("lina-3", "lina-4"):
        put(steward.index, "CCWIS", local_id, **LINA)
    moved = ("CCWIS", "lina-2"), ("CCWIS", "lina-3"), ("CCWIS", "lina-4")
    shown, confirm = preview(steward, "new", *moved)
    assert "a new ID" in shown.text
    done = steward.send(f"/people/{lina}/move", confirm)
    assert done.status_code == 303
    [new] = {steward.eid(*record) for record in moved}
    assert new != lina
    assert steward.eid("D01", "lina-1") == lina
    undo(steward, done)
    assert {steward.eid(*record) for record in moved} == {lina}


def test_a_typed_id_chooses_the_child(steward):
    lina, marlon = steward.eid("D01", "lina-1"), steward.eid("CCWIS", "marlon-1")
    shown, confirm = preview(steward, "other", ("CCWIS", "lina-2"), other=marlon.lower())
    assert shown.status_code == 200
    assert steward.send(f"/people/{lina}/move", confirm).status_code == 303
    assert steward.eid("CCWIS", "lina-2") == marlon


def test_a_form_that_lacks_something_says_what_and_keeps_the_rest(steward):
    marlon = steward.eid("CCWIS", "marlon-1")
    both = ("D01", "lina-1"), ("CCWIS", "lina-2")
    for to, records, text in (
        (marlon, [], "Mark at least one record"),
        ("", [both[0]], "Choose the child that the records belong to"),
        (marlon, both, "link the two children instead"),
        ("new", both, "link the two children instead"),
        (steward.eid("D01", "lina-1"), [both[0]], "This is the same child"),
        ("T7K3-M92Q-X0HN", [both[0]], "never gave out"),
        ("nonsense", [both[0]], "like 7K3M-92QX-0HTV"),
    ):
        shown, _ = preview(steward, to, *records, note="kept")
        assert shown.status_code in (400, 404), to
        assert text in shown.text
        assert "kept" in shown.text
        assert 'name="confirm"' not in shown.text


def test_the_enter_key_searches_and_never_moves(steward):
    lina, marlon = steward.eid("D01", "lina-1"), steward.eid("CCWIS", "marlon-1")
    shown, confirm = preview(steward, marlon, ("CCWIS", "lina-2"))
    form = shown.text.partition(f'action="/people/{lina}/move"')[2]
    assert re.search(r"<button[^>]*>", form)[0].startswith('<button class="hidden" name="do" value="enter"')
    pressed = {
        **{name: value for name, value in confirm.items() if name != "confirm"},
        "do": "enter",
        **MARLON,
    }
    page = steward.send(f"/people/{lina}/move", pressed).text
    assert "Marlon Overbrook" in page
    assert "What would change" not in page
    assert steward.eid("CCWIS", "lina-2") == lina


def test_a_form_sent_twice_moves_once(steward):
    lina, marlon = steward.eid("D01", "lina-1"), steward.eid("CCWIS", "marlon-1")
    _, confirm = preview(steward, marlon, ("CCWIS", "lina-2"))
    first, second = (steward.send(f"/people/{lina}/move", confirm) for _ in range(2))
    assert first.status_code == second.status_code == 303
    assert first.headers["location"] == second.headers["location"]
    assert {decision.step for decision in list_decisions(steward.index, OPERATOR)} == {1}


def test_each_child_that_changed_since_the_preview_stops_the_move(steward):
    lina, marlon = steward.eid("D01", "lina-1"), steward.eid("CCWIS", "marlon-1")
    for local_id, child in (("marlon-1", MARLON), ("lina-2", LINA)):
        _, confirm = preview(steward, marlon, ("CCWIS", "lina-2"))
        put(steward.index, "CCWIS", local_id, **{**child, "middle_name": "Zebediah"})
        answer = steward.send(f"/people/{lina}/move", confirm)
        assert answer.status_code == 412, local_id
        assert "Somebody has changed one of these children" in answer.text
        assert "Zebediah" in answer.text
        assert steward.eid("CCWIS", "lina-2") == lina


def test_a_move_that_needs_a_second_person_is_proposed(steward_with_approval):
    steward = steward_with_approval
    lina, marlon = steward.eid("D01", "lina-1"), steward.eid("CCWIS", "marlon-1")
    shown, confirm = preview(steward, marlon, ("CCWIS", "lina-2"))
    assert "Propose the move" in shown.text
    done = steward.send(f"/people/{lina}/move", confirm)
    assert done.headers["location"] == f"/people/{lina}?done=awaiting"
    assert steward.eid("CCWIS", "lina-2") == lina
