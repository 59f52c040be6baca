"""The page that unlinks records: names in its preview, and a form that is sent twice."""

from mpi.service.stewardship.decisions import list_decisions
from tests.index import OPERATOR
from tests.unit.api.pages.corrections.conftest import LINA, put, read_hidden_fields


def preview(steward):
    lina = steward.eid("D01", "lina-1")
    put(steward.index, "CCWIS", "lina-2", **{**LINA, "middle_name": "Rosamund"})
    form = {"record": "CCWIS\tlina-2", "reason": "twin", "rest": "1"}
    fields = read_hidden_fields(steward.get(f"/people/{lina}/unlink").text)
    shown = steward.send(f"/people/{lina}/unlink", {**fields, **form})
    return lina, shown, {**read_hidden_fields(shown.text), **form, "confirm": "1"}


def test_the_preview_names_the_child_and_each_record_by_its_own_name(steward):
    lina, shown, _ = preview(steward)
    assert shown.status_code == 200
    assert f'<a href="/people/{lina}">Lina' in shown.text
    assert "Lina Rosamund Quarterly, May 17, 2012 <small" in shown.text
    assert "Lina Quarterly, May 17, 2012 <small" in shown.text


def test_the_preview_of_an_undo_has_names_too(steward):
    lina, _, confirm = preview(steward)
    step = steward.send(f"/people/{lina}/unlink", confirm).headers["location"].partition("step=")[2]
    shown = steward.send(f"/steps/{step}/undo", {"eid": lina})
    assert "Lina Rosamund Quarterly, May 17, 2012 <small" in shown.text


def test_a_form_sent_twice_unlinks_once(steward):
    lina, _, confirm = preview(steward)
    first, second = (steward.send(f"/people/{lina}/unlink", confirm) for _ in range(2))
    assert first.status_code == second.status_code == 303
    assert first.headers["location"] == second.headers["location"]
    assert {decision.step for decision in list_decisions(steward.index, OPERATOR)} == {1}
