"""Checks of a question's page: its sentences agree with its table, and name what they speak of.

``test_question_words.py`` makes them on a small demo, and ``scripts/prove-questions`` on all questions of two
indexes.
"""

import re
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass

from mpi.api.pages.desk.question_view import ExplainedPair, QuestionPage, build_question_page
from mpi.api.pages.rendering.answer_groups import AskedChildren, read_group_verdict
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.service.explanations.evidence_strength import find_likely_answer, grade_strength
from mpi.service.explanations.pair_evidence import FieldVerdict
from mpi.service.explanations.rivals import RIVAL_REASONS
from mpi.service.review.question_view import BURST, load_question_view
from mpi.service.review.queue import Filters, QuestionSummary, load_queue_page

MARKS_OF_VERDICT = {
    FieldVerdict.SAME: {"equal", "nothing"},
    FieldVerdict.ALIKE: {"close", "nothing"},
    FieldVerdict.DIFFERENT: {"differs", "nothing"},
    FieldVerdict.MISSING: {"unmarked", "nothing"},
    FieldVerdict.NEUTRAL: {"unmarked", "nothing"},
}
_VERDICT_OF_WORD = {"same": FieldVerdict.SAME, "different": FieldVerdict.DIFFERENT}
"""What a field must be of which a phrase says that it is so."""
_PLAIN_FIELDS = ("first_name", "last_name", "birth_date", "sex")
"""Fields of one value, of which the page shows what the model compares."""
_HOLD = "would be linked automatically"
_NAMED_HOLD = re.compile(rf"{_HOLD}, except: ?(?:<[^>]+>)*[^.\s<]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Fault:
    """What a page says wrongly; it names no child and no value."""

    check: str
    question: str
    detail: str


def list_question_keys(index: Index, viewer: Viewer) -> list[str]:
    """Return the keys of all open questions: bursts, and the questions of each."""
    questions = list(_list_questions(index, viewer, Filters(state=None)))
    bursts = [question.key for question in questions if question.burst]
    keys = [question.key for question in questions]
    for burst in bursts:
        found = _list_questions(index, viewer, Filters(state=None, burst=burst))
        keys += [question.key for question in found]
    return keys


def _list_questions(index: Index, viewer: Viewer, filters: Filters) -> Iterator[QuestionSummary]:
    """Yield all questions of the queue that match filters."""
    after = None
    while True:
        page = load_queue_page(index, viewer, filters, 200, after)
        yield from page.questions
        after = page.after
        if after is None:
            return


def build_pages(index: Index, viewer: Viewer) -> Iterator[QuestionPage]:
    """Yield the contents of the page of every question that a viewer may see."""
    for key in list_question_keys(index, viewer):
        yield build_question_page(index, viewer, load_question_view(index, viewer, key), {})


def words_of(pair: ExplainedPair) -> list[str]:
    """Return every sentence that a pair's evidence is told in."""
    return [pair.told.sentence, *pair.told.supports, *pair.told.opposes, *pair.told.cautions]


def check_page(page: QuestionPage) -> list[Fault]:
    """Return the faults of one page."""
    return [
        Fault(name, page.view.summary.key, detail) for name, check in CHECKS.items() for detail in check(page)
    ]


def check_marks(page: QuestionPage) -> Iterator[str]:
    """Yield sentences that contradict the mark of their field in the table."""
    reference = next((column.label for column in page.columns if column.anchor == "record-0"), None)
    labels = [column.label for column in page.columns]
    for pair in page.why if page.rows else ():
        if reference not in (pair.left, pair.right) or reference is None:
            continue
        position = labels.index(pair.right if pair.left == reference else pair.left)
        marks = {row.field: row.cells[position].standing for row in page.rows}
        for item in pair.told.evidence:
            for field in item.fields:
                if marks.get(field.field, "nothing") not in MARKS_OF_VERDICT[field.verdict]:
                    yield f"{field.field} is {field.verdict}, marked {marks.get(field.field)}"
            verdicts = {field.verdict for field in item.fields}
            for word, verdict in _VERDICT_OF_WORD.items():
                if item.is_counted and verdicts and item.phrase.startswith(word) and verdict not in verdicts:
                    yield f"{item.comparison}: {item.phrase}"


def check_values(page: QuestionPage) -> Iterator[str]:
    """Yield fields whose mark contradicts the two values beside it."""
    for row in page.rows:
        if row.field not in _PLAIN_FIELDS or not page.columns:
            continue
        reference = _plain(next((str(c.shown) for c in row.cells if c.standing == "subject"), ""))
        for cell in row.cells:
            value = _plain(str(cell.shown))
            if cell.standing == "differs" and value == reference:
                yield f"{row.field}: equal values are marked as different"
            if cell.standing == "equal" and reference and not set(value) & set(reference):
                yield f"{row.field}: values without a common letter are marked as the same"


def _plain(value: str) -> str:
    """Return a shown value without marks, case, spaces and punctuation."""
    return re.sub(r"[\W_]+", "", re.sub(r"<[^>]+>", "", value).casefold())


def check_holds(page: QuestionPage) -> Iterator[str]:
    """Yield pairs that are said to be linked without what holds them."""
    for pair in page.why:
        for sentence in words_of(pair):
            if "enough to link" in sentence:
                yield "a sentence says enough to link"
            if _HOLD in sentence.lower() and not _NAMED_HOLD.search(sentence):
                yield "a sentence does not say what holds the pair"
        if pair.asked is not None and pair.asked.is_enough and pair.asked.reason in ("", "band"):
            yield "nothing is said to hold a pair that weighs enough"


def check_rivals(page: QuestionPage) -> Iterator[str]:
    """Yield rivals that are not named on the page."""
    for pair in page.why:
        if pair.asked is None:
            continue
        if pair.asked.reason in RIVAL_REASONS and not pair.asked.rivals:
            yield f"{pair.asked.reason}: no rival is named"
        for label in pair.asked.rivals:
            if label not in page.column_of:
                yield f"{pair.asked.reason}: a rival is not on the page"
            elif not page.column_of[label].name:
                yield f"{pair.asked.reason}: a rival has no name"


def check_names(page: QuestionPage) -> Iterator[str]:
    """Yield sides without a name, though their records state one."""
    values = {card.label: card.values for card in page.view.cards}
    for column in page.columns:
        stated = values.get(column.label, {})
        if not column.name and (stated.get("first_name") or stated.get("last_name")):
            yield "a record has no name"
    for head in page.heads:
        if (
            head.enterprise_id
            and not head.name
            and any(column.name for column in page.columns if column.enterprise_id == head.enterprise_id)
        ):
            yield "a child has no name"
    for pair in page.pairs if page.view.shape != BURST else ():
        if pair.left not in page.column_of or pair.right not in page.column_of:
            yield "a side of an asked pair is not on the page"


def check_strength(page: QuestionPage) -> Iterator[str]:
    """Yield pairs whose strength is not that of the documented scale."""
    for pair in page.why:
        told = pair.told
        if told.strength is not grade_strength(told.match_weight):
            yield f"strength {told.strength} for {told.match_weight} bits"
        if told.answer is not find_likely_answer(told.match_weight):
            yield f"answer {told.answer} for {told.match_weight} bits"
        if not told.sentence.lower().startswith(f"{told.strength} evidence for "):
            yield f"the sentence does not begin with {told.strength}"
        if abs(pair.chart.total - told.match_weight) > 1e-6:
            yield "the chart has another total"


CHECKS: Mapping[str, Callable[[QuestionPage], Iterator[str]]] = {
    "no sentence contradicts its table": check_marks,
    "no mark contradicts the values beside it": check_values,
    "none says that it would link without naming what holds it": check_holds,
    "every rival named is on the page": check_rivals,
    "the sides of every question have names": check_names,
    "strength words follow one scale": check_strength,
}
"""Checks of a page by what must hold."""


def check_html(key: str, text: str) -> list[Fault]:
    """Return the faults of a page's text as it is sent."""
    ids = set(re.findall(r'id="(record-\d+)"', text))
    dangling = set(re.findall(r'href="#(record-\d+)"', text)) - ids
    faults = [Fault("every rival named is on the page", key, f"no {anchor}") for anchor in sorted(dangling)]
    holds = len(re.findall(_HOLD, text, re.IGNORECASE))
    if holds != len(_NAMED_HOLD.findall(text)):
        faults.append(Fault("none says that it would link without naming what holds it", key, "its text"))
    return faults


def count_answers(page: QuestionPage, person_of: Mapping[RecordRef, Hashable]) -> int:
    """Return how many answers a steward gives who knows whose record is whose.

    One answer is enough if one of its choices is the truth. Else each two children are answered. A burst is
    opened question by question, and takes none.
    """
    if page.view.shape == BURST:
        return 0
    truth = {
        pair.no: "same" if person_of[pair.left] == person_of[pair.right] else "different"
        for pair in page.pairs
    }
    return max(sum(_count_group(group, truth) for group in page.asked), 1)


def _count_group(group: AskedChildren, truth: Mapping[int, str]) -> int:
    """Return how many answers the pairs of a group take."""
    if not group.choices:
        return 1
    group_of = group.group_of or {}
    for choice in group.choices:
        verdicts = {no: read_group_verdict(choice.value, str(first)) for no, first in group_of.items()}
        if all(verdicts[pair.no] == truth[pair.no] for pair in group.pairs):
            return 1
    return len(set(group_of.values()))
