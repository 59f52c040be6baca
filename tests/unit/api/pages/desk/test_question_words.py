"""Test the words of every question of a demo: they agree with the table, and name what they speak of."""

import html
import re
from itertools import pairwise

import httpx
import pytest

from mpi.api.app import create_app
from mpi.api.pages.rendering.paths import question_path
from mpi.cli.demo.demo_index import SOURCES, build_demo, open_demo_index, read_truth
from mpi.domain.record_ref import RecordRef
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.viewer import Viewer, make_operator
from mpi.service.explanations.question_evidence import UNSAID
from mpi.service.explanations.rivals import RIVAL_REASONS
from mpi.service.review.question_view import load_question_view
from tests.question_checks import CHECKS, build_pages, check_html, count_answers
from tests.unit.api.live import calling
from tests.unit.api.pages.desk.test_sign_in import SAME

_RECORDS = 3_000
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """An index of a simulated state, with questions of its own."""
    folder = tmp_path_factory.mktemp("words") / "demo"
    build_demo(folder, _RECORDS, lambda *_: None)
    with open_demo_index(folder) as index:
        yield index


@pytest.fixture(scope="module")
def person_of(demo):
    """The true person of each record of the demo."""
    return {RecordRef(*record): person for record, person in read_truth(demo.home.parent).person.items()}


@pytest.fixture(scope="module")
def pages(demo):
    """Every question of the demo with the contents of its page."""
    found = list(build_pages(demo, make_operator()))
    assert len(found) > 20
    return found


def all_pairs(pages):
    return [(page, pair) for page in pages for pair in page.why]


@pytest.mark.parametrize("check", CHECKS)
def test_every_page_passes_the_checks_of_all_questions(pages, check):
    assert [detail for page in pages for detail in CHECKS[check](page)] == []


def test_the_checks_see_what_they_are_for(pages):
    pairs = all_pairs(pages)
    assert sum(len(pair.told.evidence) for _, pair in pairs) > 100
    assert any(pair.asked.reason in RIVAL_REASONS for _, pair in pairs)
    assert any(pair.asked.is_enough for _, pair in pairs)
    assert len({pair.told.strength for _, pair in pairs}) > 1
    assert not [pair for _, pair in pairs if pair.asked.reason == UNSAID]


def test_a_chart_has_one_bar_for_each_part_of_the_one_total(pages):
    for _, pair in all_pairs(pages):
        assert [bar.name for bar in pair.chart.bars] == [item.comparison for item in pair.told.evidence]
        assert pair.chart.total == pytest.approx(pair.told.match_weight, abs=1e-6)


def test_a_reader_of_some_sources_is_asked_about_no_pair_that_a_hidden_record_may_hold(demo, pages):
    asked = 0
    for hidden in SOURCES:
        visible = frozenset(str(source) for source in SOURCES if source != hidden)
        viewer = Viewer("ann", None, ACTIONS_BY_ROLE[Role.STEWARD], visible)
        for page in build_pages(demo, viewer):
            assert all(column.label.source in visible for column in page.columns)
            for pair in page.why:
                asked += 1
                assert pair.asked.rivals == ()
                assert pair.asked.reason in ("band", "caution")
    assert asked > 0


def test_every_child_of_a_question_has_a_name(pages):
    assert all(head.name for page in pages for head in page.heads if head.enterprise_id)


def test_the_questions_take_at_most_1_05_answers_each(demo, pages, person_of):
    answers = [count_answers(page, person_of) for page in pages]
    assert sum(answers) / len(answers) <= 1.05


def test_a_question_about_two_children_asks_once(pages):
    about_two = [page for page in pages if page.heads and len(page.pairs) > 1]
    assert about_two
    assert all(len(page.asked) == 1 for page in about_two)
    for page in about_two:
        children = {head.enterprise_id for head in page.heads if head.enterprise_id}
        asked = [column.enterprise_id for column in page.columns if column.role != "rival"]
        assert set(asked) == children
        # Records of one child stand together.
        assert len([1 for left, right in pairwise(asked) if left != right]) == 1


def test_every_page_shows_what_its_parts_say(demo, pages):
    with calling(create_app(demo, open_pages=True), None) as client:
        client.cookies.set("mpi-acting-as", "steward")
        for page in pages[:40]:
            answer = client.get(question_path(page.view.summary.key))
            assert answer.status_code == httpx.codes.OK
            assert check_html(page.view.summary.key, answer.text) == []


def read_answer_form(text):
    """Return the hidden fields of the form that answers a question."""
    form = re.search(r"<form[^>]*data-answers.*?</form>", text, re.DOTALL)[0]
    fields = {}
    for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form):
        fields.setdefault(name, []).append(html.unescape(value))
    return fields


def test_one_answer_settles_every_pair_of_two_children(demo, pages):
    page = next(page for page in pages if len(page.asked) == 1 and len(page.pairs) > 1 and page.view.pairs)
    path = question_path(page.view.summary.key)
    with calling(create_app(demo, open_pages=True), None) as client:
        client.cookies.set("mpi-acting-as", "steward")
        csrf = {"csrf": re.search(r'name="csrf" value="(\w+)"', client.get("/find").text)[1]}
        assert client.post(f"{path}/claim", data=csrf, headers=SAME).status_code == httpx.codes.SEE_OTHER
        by_pair = client.get(path, params={"by": "pair"}).text
        assert by_pair.count("<fieldset") >= len(page.pairs)
        text = client.get(path).text
        assert len(re.findall("<fieldset[^>]*data-pair", text)) == 1
        form = {**read_answer_form(text), "verdict-0": "different"}
        answer = client.post(f"{path}/answer", data=form, headers=SAME)
        assert answer.status_code == httpx.codes.SEE_OTHER, answer.text
    [action] = [
        action
        for action in load_question_view(demo, make_operator(), page.view.summary.key).history
        if action.action == "answer"
    ]
    kinds = [verdict["kind"] for verdict in action.detail["verdicts"]]
    assert kinds == ["different"] * len(page.pairs)
