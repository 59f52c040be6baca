"""One answer for a question about three or more children, over HTTP."""

import html
import re

import httpx
import pytest

from mpi.api.app import create_app
from mpi.api.pages.rendering.paths import question_path
from mpi.service.review.question_view import load_question_view
from tests.desk import ANN, add_doubtful_group, only_question
from tests.index import open_test_index
from tests.unit.api.live import calling
from tests.unit.api.pages.desk.test_sign_in import SAME


@pytest.fixture
def index(tmp_path):
    """An index with one question about four children."""
    with open_test_index(tmp_path, "sis", "ccwis") as new_index:
        add_doubtful_group(new_index)
        yield new_index


@pytest.fixture
def desk(index):
    """A steward on open pages, who has claimed the question."""
    with calling(create_app(index, open_pages=True), None) as client:
        client.cookies.set("mpi-acting-as", "steward")
        client.csrf = re.search(r'name="csrf" value="(\w+)"', client.get("/find").text)[1]
        client.path = question_path(only_question(index).key)
        claimed = client.post(f"{client.path}/claim", data={"csrf": client.csrf}, headers=SAME)
        assert claimed.status_code == httpx.codes.SEE_OTHER
        yield client


def read_form(text):
    """Return the hidden fields of the form that answers a question, and its radio values."""
    form = re.search(r"<form[^>]*data-answers.*?</form>", text, re.DOTALL)[0]
    fields = {}
    for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form):
        fields.setdefault(name, []).append(html.unescape(value))
    return fields, re.findall(r'type="radio" name="verdict-0" value="([^"]+)"', form)


def post_answer(client, fields, **chosen):
    return client.post(f"{client.path}/answer", data={**fields, **chosen}, headers=SAME)


def read_verdicts(index, client):
    """Return the kind of verdict on each pair, as the answer stored it."""
    key = client.path.rpartition("/")[2].replace("%3A", ":")
    [answer] = [act for act in load_question_view(index, ANN, key).history if act.action == "answer"]
    return [verdict["kind"] for verdict in answer.detail["verdicts"]]


@pytest.mark.parametrize("verdict", ["same", "different"])
def test_one_answer_counts_for_every_pair(index, desk, verdict):
    text = desk.get(desk.path).text
    assert len(re.findall("<fieldset[^>]*data-pair", text)) == 1
    fields, values = read_form(text)
    assert len(fields["pair"]) > 2
    assert {"same", "different", "unsure", "ask"} <= set(values)
    answer = post_answer(desk, fields, **{"verdict-0": verdict})
    assert answer.status_code == httpx.codes.SEE_OTHER, answer.text
    assert read_verdicts(index, desk) == [verdict] * len(fields["pair"])


def test_each_two_children_and_each_pair_can_be_answered_alone(desk):
    fieldsets = []
    for level in ("", "child", "pair"):
        text = desk.get(desk.path, params={"by": level}).text
        fieldsets.append(len(re.findall("<fieldset[^>]*data-pair", text)))
        assert read_form(text)[0].get("by", [""]) == [level]
    assert fieldsets[0] == 1 < fieldsets[1] <= fieldsets[2]


def test_an_answer_that_is_refused_is_shown_again_as_chosen(desk):
    fields, values = read_form(desk.get(desk.path).text)
    choice = next((value for value in values if value.startswith("only-")), "different")
    refused = post_answer(desk, fields, **{"verdict-0": choice, "reason": "nonsense"})
    assert refused.status_code == httpx.codes.BAD_REQUEST, refused.status_code
    assert re.search(rf'name="verdict-0" value="{choice}" checked', refused.text)


def test_an_unknown_level_is_that_of_the_whole_question(desk):
    text = desk.get(desk.path, params={"by": "<script>"}).text
    assert len(re.findall("<fieldset[^>]*data-pair", text)) == 1
    assert "<script>" not in re.search(r"<form[^>]*data-answers.*?</form>", text, re.DOTALL)[0]
