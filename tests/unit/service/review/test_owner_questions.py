"""Test questions to source owners: what an owner sees, answers, deadlines and withdrawal."""

import orjson
import pytest

from mpi.domain.errors import AccessDenied, ClaimedError, ConflictError, InputError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.review.answers.answer_undo import undo_answer
from mpi.service.review.answers.pair_answers import PairVerdict, answer_question
from mpi.service.review.assignments import claim, defer
from mpi.service.review.open_questions import make_burst_key
from mpi.service.review.owner_questions import answer_owner_question, ask_owner, list_owner_questions
from mpi.service.review.question_view import load_question_view
from mpi.service.review.queue import Filters, load_landing, load_queue_page
from mpi.storage.repositories.review.tasks import Task
from tests.desk import (
    ANN,
    BEN,
    CCWIS_OWNER,
    SIS_OWNER,
    SIS_STEWARD,
    add_doubtful_pair,
    at,
    later,
    only_question,
    question_keys,
)
from tests.index import OPERATOR, all_stored_bytes, expunge, load_rows, make_child, many_children

OWN_RECORD = RecordRef("sis", "1")


@pytest.fixture
def owner_question(index):
    """An index, a question's key, and the number of the question to the owner of sis."""
    add_doubtful_pair(index)
    key = only_question(index).key
    [number] = ask_owner(
        index, ANN, key, OWN_RECORD, "confirm-birth-date", note="ccwis has another day for Amarah"
    )
    return index, key, number


def test_owner_sees_its_record_and_the_question_and_nothing_of_the_other_record(owner_question):
    index, _, number = owner_question
    [question] = list_owner_questions(index, SIS_OWNER)
    assert (question.number, question.record, question.asks, question.state) == (
        number,
        OWN_RECORD,
        "confirm-birth-date",
        "open",
    )
    assert question.values == {"first_name": "Amara", "last_name": "Okonkwo", "birth_date": "2014-03-09"}
    shown = orjson.dumps(question).decode()
    for hidden_text in ("ccwis", "Amarah", "Okonkwoh", '"ann"', '"2"', "another day", "q-"):
        assert hidden_text not in shown
    assert list_owner_questions(index, CCWIS_OWNER) == ()
    with pytest.raises(NotFoundError):
        answer_owner_question(index, CCWIS_OWNER, number, "right")
    with pytest.raises(AccessDenied):
        list_owner_questions(index, ANN)
    with pytest.raises(AccessDenied):
        load_queue_page(index, SIS_OWNER, Filters())
    with index.database.read(OPERATOR) as unit:
        lines = [line for line in unit.disclosures.all() if line.client == "sis-owner"]
        [record] = unit.records.find_by_local_ids(unit.sources.get_by_code("sis").id, ["1"]).values()
    assert {line.record_ids for line in lines} == {(record.id,)}
    assert "birth_date" in lines[0].fields


def test_question_waits_and_reopens_with_the_owners_answer_in_its_history(owner_question):
    index, key, number = owner_question
    assert question_keys(index) == []
    assert question_keys(index, state="waiting") == [key]
    assert load_question_view(index, ANN, key).pairs[0].verdict == "ask"
    before = load_question_view(index, ANN, key)
    answer_owner_question(index, SIS_OWNER, number, "wrong", "typed a day early")
    assert question_keys(index) == [key]
    assert [question.key for question in load_landing(index, ANN).mine] == [key]
    after = load_question_view(index, ANN, key)
    assert after.etag != before.etag
    ask_action, answer_action = after.history
    assert (ask_action.actor, ask_action.action, ask_action.note) == (
        "ann",
        "ask",
        "ccwis has another day for Amarah",
    )
    assert ask_action.detail["record"] == OWN_RECORD
    assert (answer_action.actor, answer_action.action, answer_action.note) == (
        "sis-owner",
        "answered",
        "typed a day early",
    )
    assert (answer_action.detail["answer"], answer_action.detail["record"]) == ("wrong", OWN_RECORD)
    assert list_owner_questions(index, SIS_OWNER) == ()
    assert [question.answer for question in list_owner_questions(index, SIS_OWNER, answered=True)] == [
        "wrong"
    ]
    with pytest.raises(ConflictError):
        answer_owner_question(index, SIS_OWNER, number, "right")


def test_overdue_owner_question_reopens_and_is_shown_to_its_author(owner_question):
    index, key, number = owner_question
    assert load_landing(index, ANN).overdue == ()
    with at(later(days=15)):
        [overdue] = load_landing(index, ANN).overdue
        assert (overdue.number, overdue.question, overdue.record, overdue.asks) == (
            number,
            key,
            OWN_RECORD,
            "confirm-birth-date",
        )
        assert load_landing(index, BEN).overdue == ()
        assert question_keys(index) == [key]
        assert list_owner_questions(index, SIS_OWNER)[0].overdue


def test_steward_of_one_source_asks_only_about_its_own_records(owner_question):
    index, key, _ = owner_question
    with pytest.raises(NotFoundError):
        ask_owner(index, SIS_STEWARD, key, OWN_RECORD, "confirm-name")
    upsert(index, OPERATOR, "sis", make_child("5", first_name="Amaro", last_name="Okonkwu", postal_code=None))
    questions = load_queue_page(index, SIS_STEWARD, Filters()).questions
    for question in questions:
        assert {label.source for label in question.records} == {"sis"}
        view = load_question_view(index, SIS_STEWARD, question.key)
        assert {card.label.source for card in view.cards} == {"sis"}
        assert [action for action in view.history if action.action == "ask"] == []


def test_each_owner_answers_without_the_other_answer_and_the_question_waits_for_both(index):
    add_doubtful_pair(index)
    [key] = question_keys(index)
    ask_owner(index, ANN, key, None, "confirm-birth-date", note="do both agree?")
    for owner, own_record, other_source in (
        (SIS_OWNER, OWN_RECORD, "ccwis"),
        (CCWIS_OWNER, RecordRef("ccwis", "2"), "sis"),
    ):
        [half] = list_owner_questions(index, owner)
        assert half.record == own_record
        for secret in (
            other_source,
            "do both agree?",
            key,
            "Amarah" if other_source == "ccwis" else "Amara'",
        ):
            assert secret not in repr(half)
    assert load_question_view(index, ANN, key).pairs[0].verdict == "ask"
    answer_owner_question(index, SIS_OWNER, list_owner_questions(index, SIS_OWNER)[0].number, "right")
    assert question_keys(index) == []
    with pytest.raises(ConflictError, match="asked already"):
        ask_owner(index, ANN, key, RecordRef("ccwis", "2"), "confirm-birth-date")
    # An owner who has answered may be asked again, but not one who has not.
    [number] = ask_owner(index, ANN, key, None, "confirm-birth-date")
    answer_owner_question(index, SIS_OWNER, number, "right")
    answer_owner_question(index, CCWIS_OWNER, list_owner_questions(index, CCWIS_OWNER)[0].number, "wrong")
    assert question_keys(index) == [key]
    answers = [
        action.detail for action in load_question_view(index, ANN, key).history if action.action == "answered"
    ]
    assert [(answer["record"].source, answer["answer"]) for answer in answers] == [
        ("sis", "right"),
        ("sis", "right"),
        ("ccwis", "wrong"),
    ]
    ask_owner(index, ANN, key, None, "confirm-name")
    with pytest.raises(ConflictError, match="all these records"):
        ask_owner(index, ANN, key, None, "confirm-name")


def test_repeated_or_invalid_owner_question_is_refused(owner_question):
    index, key, _ = owner_question
    with pytest.raises(ConflictError, match="asked already"):
        ask_owner(index, ANN, key, OWN_RECORD, "confirm-birth-date")
    with pytest.raises(InputError, match="asks: one of"):
        ask_owner(index, ANN, key, OWN_RECORD, "anything")
    upsert(
        index, OPERATOR, "sis", make_child("9", first_name="Zoe", last_name="Quist", birth_date="2001-01-01")
    )
    with pytest.raises(InputError, match="of this question"):
        ask_owner(index, ANN, key, RecordRef("sis", "9"), "confirm-name")
    with pytest.raises(InputError, match="answer: one of"):
        answer_owner_question(index, SIS_OWNER, 1, "yes")
    with pytest.raises(NotFoundError):
        answer_owner_question(index, SIS_OWNER, 99, "right")
    claim(index, BEN, key)
    with pytest.raises(ClaimedError):
        ask_owner(index, ANN, key, OWN_RECORD, "confirm-name")


def test_verdict_ask_asks_both_owners(index):
    add_doubtful_pair(index)
    key = only_question(index).key
    [pair] = load_question_view(index, ANN, key).pairs
    result = answer_question(index, ANN, key, [PairVerdict(pair.left, pair.right, "ask")], "not-enough")
    assert (result.step, result.effect.kind) == (None, "ask")
    assert question_keys(index, state="waiting") == [key]
    assert [len(list_owner_questions(index, owner)) for owner in (SIS_OWNER, CCWIS_OWNER)] == [1, 1]
    for owner in (SIS_OWNER, CCWIS_OWNER):
        assert question_keys(index) == []
        answer_owner_question(index, owner, list_owner_questions(index, owner)[0].number, "right")
    assert question_keys(index) == [key]


def test_undo_of_an_answer_withdraws_its_owner_questions(index):
    add_doubtful_pair(index)
    upsert(
        index, OPERATOR, "ccwis", make_child("3", first_name="Amaro", last_name="Okonkwu", postal_code=None)
    )
    question = only_question(index)
    pairs = load_question_view(index, ANN, question.key).pairs
    answers = [
        PairVerdict(pair.left, pair.right, "ask" if n == 0 else "different") for n, pair in enumerate(pairs)
    ]
    result = answer_question(index, ANN, question.key, answers, "not-enough")
    assert list_owner_questions(index, CCWIS_OWNER)
    undo_answer(index, ANN, question.key, result.step)
    assert list_owner_questions(index, CCWIS_OWNER) == list_owner_questions(index, SIS_OWNER) == ()


def test_closing_a_question_withdraws_its_owner_questions(owner_question):
    index, key, number = owner_question
    withdraw(index, OPERATOR, "ccwis", "2")
    assert question_keys(index, state=None) == []
    assert list_owner_questions(index, SIS_OWNER) == ()
    with pytest.raises(ConflictError, match="withdrawn"):
        answer_owner_question(index, SIS_OWNER, number, "right")
    add_doubtful_pair(index)
    assert question_keys(index) == [key]
    ask_owner(index, ANN, key, OWN_RECORD, "confirm-name")
    [pair] = load_question_view(index, ANN, key).pairs
    answer_question(index, ANN, key, [PairVerdict(pair.left, pair.right, "same")], "typo")
    assert list_owner_questions(index, SIS_OWNER) == ()


def test_notes_about_an_expunged_record_are_destroyed(owner_question):
    index, key, number = owner_question
    answer_owner_question(index, SIS_OWNER, number, "wrong", "Amara is her cousin")
    defer(index, ANN, key, later(days=3).date().isoformat(), "ask Amara's school")
    expunge(index, "sis", make_child("1"))
    assert question_keys(index, state=None) == []
    stored = all_stored_bytes(index)
    for note in (b"her cousin", b"Amara's school", b"another day for Amarah"):
        assert note not in stored
    with index.database.read(OPERATOR) as unit:
        assert [action.action for action in unit.task_work.actions_on(key)][:3] == [
            "ask",
            "answered",
            "defer",
        ]


def test_owner_question_about_a_burst_lists_every_record_and_accepts_one_answer(index):
    load_rows(index, "sis", *many_children(25))
    receipt = load_rows(index, "ccwis", *many_children(25, start=40))
    with index.database.write(OPERATOR, "test") as unit:
        labels = unit.records.labels(unit.records.active_canonical_keys())
        sis_records = sorted(number for number, label in labels.items() if label.source == "sis")
        ccwis_records = sorted(number for number, label in labels.items() if label.source == "ccwis")
        tasks = [
            Task(f"pair:{lo}:{hi}", "pair", lo, hi, 6.0, "band", question=f"q{lo}", harm=lo,
                 pattern="birth_date: a day off", batch_id=receipt.batch)
            for lo, hi in zip(sis_records, ccwis_records, strict=True)
        ]  # fmt: skip
        unit.tasks.replace([], tasks, unit.commit_no)
    key = make_burst_key(receipt.batch, "birth_date: a day off")
    assert question_keys(index) == [key]
    view = load_question_view(index, ANN, key)
    assert (view.shape, view.summary.burst, len(view.pairs)) == ("burst", 25, 10)
    numbers = ask_owner(index, ANN, key, None, "confirm-birth-date")
    assert len(numbers) == 25
    assert (question_keys(index), question_keys(index, state="waiting")) == ([], [key])
    assert list_owner_questions(index, SIS_OWNER) == ()
    listed = list_owner_questions(index, CCWIS_OWNER)
    assert {owner_question.alike for owner_question in listed} == {25}
    assert len(answer_owner_question(index, CCWIS_OWNER, listed[3].number, "wrong", alike=True)) == 25
    assert list_owner_questions(index, CCWIS_OWNER) == ()
    assert question_keys(index) == [key]
    assert [action.action for action in load_question_view(index, ANN, key).history] == ["ask", "answered"]
