"""Test the words of every question of a demo: they agree with the table, and name what they speak of."""

import html
import re
from itertools import pairwise

import httpx
import pytest

from mpi.api.app import create_app
from mpi.api.pages.desk.question_view import build_question_page
from mpi.api.pages.rendering.paths import question_path
from mpi.cli.demo.demo_index import SOURCES, build_demo, open_demo_index
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.viewer import Viewer, make_operator
from mpi.service.explanations.evidence_strength import find_likely_answer, grade_strength
from mpi.service.explanations.pair_evidence import FieldVerdict
from mpi.service.explanations.rivals import RIVAL_REASONS
from mpi.service.review.question_view import load_question_view
from mpi.service.review.queue import Filters, load_queue_page
from tests.unit.api.live import calling
from tests.unit.api.pages.desk.test_sign_in import SAME

_RECORDS = 3_000
_MARK_OF_VERDICT = {
    FieldVerdict.SAME: {"equal", "nothing"},
    FieldVerdict.ALIKE: {"close", "nothing"},
    FieldVerdict.DIFFERENT: {"differs", "nothing"},
    FieldVerdict.MISSING: {"unmarked", "nothing"},
    FieldVerdict.NEUTRAL: {"unmarked", "nothing"},
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """An index of a simulated state, with questions of its own."""
    folder = tmp_path_factory.mktemp("words") / "demo"
    build_demo(folder, _RECORDS, lambda *_: None)
    with open_demo_index(folder) as index:
        yield index


def build_pages(index, viewer):
    """Return the contents of the page of every question that a viewer may see."""
    keys, after = [], None
    while True:
        found = load_queue_page(index, viewer, Filters(state=None), 100, after)
        keys += [question.key for question in found.questions]
        after = found.after
        if after is None:
            break
    views = [load_question_view(index, viewer, key) for key in keys]
    return [build_question_page(index, viewer, view, {}) for view in views]


@pytest.fixture(scope="module")
def pages(demo):
    """Every question of the demo with the contents of its page."""
    found = build_pages(demo, make_operator())
    assert len(found) > 20
    return found


def all_pairs(pages):
    return [(page, pair) for page in pages for pair in page.why]


def words_of(pair):
    """Return every sentence that a pair's evidence is told in."""
    return [pair.told.sentence, *pair.told.supports, *pair.told.opposes, *pair.told.cautions]


def test_no_sentence_contradicts_the_mark_of_its_field(pages):
    checked = 0
    for page, pair in all_pairs(pages):
        reference = next((column for column in page.columns if column.anchor == "record-0"), None)
        if not page.rows or reference is None or reference.label not in (pair.left, pair.right):
            continue
        other = pair.right if pair.left == reference.label else pair.left
        position = [column.label for column in page.columns].index(other)
        marks = {row.field: row.cells[position].standing for row in page.rows}
        for item in pair.told.evidence:
            for field in item.fields:
                mark = marks.get(field.field, "nothing")
                assert mark in _MARK_OF_VERDICT[field.verdict], (item, field, mark)
                checked += 1
            verdicts = {field.verdict for field in item.fields}
            if item.is_counted and item.fields and "different" in item.phrase:
                assert FieldVerdict.DIFFERENT in verdicts, item
            if item.is_counted and item.fields and item.phrase.startswith("same"):
                assert FieldVerdict.SAME in verdicts, item
    assert checked > 100


def test_a_chart_has_one_bar_for_each_part_of_the_one_total(pages):
    for _, pair in all_pairs(pages):
        assert [bar.name for bar in pair.chart.bars] == [item.comparison for item in pair.told.evidence]
        assert pair.chart.total == pytest.approx(pair.told.match_weight, abs=1e-6)


def test_no_sentence_says_that_it_would_link_without_what_holds_it(pages):
    for _, pair in all_pairs(pages):
        for sentence in words_of(pair):
            assert "enough to link" not in sentence
            assert not re.search(r"would be linked(?! automatically, except: \w)", sentence)
        if pair.asked.is_enough:
            assert pair.asked.reason not in ("", "band"), pair.left


def test_every_rival_is_named_and_on_the_page(pages):
    contested = [(page, pair) for page, pair in all_pairs(pages) if pair.asked.reason in RIVAL_REASONS]
    assert contested
    for page, pair in contested:
        assert pair.asked.rivals, pair.left
        for label in pair.asked.rivals:
            assert page.column_of[label].name
    assert not [pair for _, pair in all_pairs(pages) if pair.asked.reason == "unsaid"]


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


def test_strength_words_follow_the_scale(pages):
    strengths = set()
    for _, pair in all_pairs(pages):
        assert pair.told.strength is grade_strength(pair.told.match_weight)
        assert pair.told.answer is find_likely_answer(pair.told.match_weight)
        assert pair.told.sentence.lower().startswith(f"{pair.told.strength} evidence for ")
        strengths.add(pair.told.strength)
    assert len(strengths) > 1


def test_every_side_of_a_question_has_a_name(pages):
    for page in pages:
        for column in page.columns:
            values = next((card.values for card in page.view.cards if card.label == column.label), {})
            assert column.name or not values.get("first_name")
        assert all(head.name for head in page.heads if head.enterprise_id)


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
            ids = set(re.findall(r'id="(record-\d+)"', answer.text))
            assert set(re.findall(r'href="#(record-\d+)"', answer.text)) <= ids
            for held in re.findall(r"Would be linked automatically, except: ?(.{0,40})", answer.text):
                assert re.match(r"[^.\s]", held)


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
