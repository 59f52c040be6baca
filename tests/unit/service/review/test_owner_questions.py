"""Asking the source: its owner sees the one record and a question, and its answer comes in time or late."""

import orjson
import pytest

from mpi.domain.errors import AccessDenied, ClaimedError, ConflictError, InputError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.service.records.upsert import upsert, withdraw
from mpi.service.review.answers import PairVerdict, answer_question, claim, defer, undo_answer
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
    at,
    keys,
    later,
    one_pair,
    the_question,
)
from tests.index import OPERATOR, a_child, all_that_is_stored, load_rows, many_children

OURS = RecordRef("sis", "1")


@pytest.fixture
def asked(index):
    """A question whose record of sis its owner is asked about."""
    one_pair(index)
    key = the_question(index).key
    [number] = ask_owner(index, ANN, key, OURS, "confirm-birth-date", note="ccwis has another day for Amarah")
    return index, key, number


def test_the_owner_sees_that_record_and_the_question_and_nothing_of_the_other_record(asked):
    index, _, number = asked
    [one] = list_owner_questions(index, SIS_OWNER)
    assert (one.number, one.record, one.asks, one.state) == (number, OURS, "confirm-birth-date", "open")
    assert one.values == {"first_name": "Amara", "last_name": "Okonkwo", "birth_date": "2014-03-09"}
    shown = orjson.dumps(one).decode()
    for other in ("ccwis", "Amarah", "Okonkwoh", '"ann"', '"2"', "another day", "q-"):
        assert other not in shown
    assert list_owner_questions(index, CCWIS_OWNER) == ()
    with pytest.raises(NotFoundError):
        answer_owner_question(index, CCWIS_OWNER, number, "right")
    with pytest.raises(AccessDenied):
        list_owner_questions(index, ANN)
    with pytest.raises(AccessDenied):
        load_queue_page(index, SIS_OWNER, Filters())
    with index.database.read(OPERATOR) as unit:
        told = [line for line in unit.disclosures.all() if line.client == "sis-owner"]
        [record] = unit.records.find_by_local_ids(unit.sources.get_by_code("sis").id, ["1"]).values()
    assert {line.record_ids for line in told} == {(record.id,)}
    assert "birth_date" in told[0].fields


def test_the_question_waits_and_is_asked_again_with_the_answer_in_its_history(asked):
    index, key, number = asked
    assert keys(index) == []
    assert keys(index, state="waiting") == [key]
    assert load_question_view(index, ANN, key).pairs[0].verdict == "ask"
    before = load_question_view(index, ANN, key)
    answer_owner_question(index, SIS_OWNER, number, "wrong", "typed a day early")
    assert keys(index) == [key]
    assert [one.key for one in load_landing(index, ANN).mine] == [key]
    after = load_question_view(index, ANN, key)
    assert after.etag != before.etag
    said, answered = after.history
    assert (said.actor, said.action, said.note) == ("ann", "ask", "ccwis has another day for Amarah")
    assert said.detail["record"] == OURS
    assert (answered.actor, answered.action, answered.note) == ("sis-owner", "answered", "typed a day early")
    assert (answered.detail["answer"], answered.detail["record"]) == ("wrong", OURS)
    assert list_owner_questions(index, SIS_OWNER) == ()
    assert [one.answer for one in list_owner_questions(index, SIS_OWNER, answered=True)] == ["wrong"]
    with pytest.raises(ConflictError):
        answer_owner_question(index, SIS_OWNER, number, "right")


def test_what_nobody_answers_in_time_is_shown_to_who_asked_and_the_question_is_open_again(asked):
    index, key, number = asked
    assert load_landing(index, ANN).overdue == ()
    with at(later(days=15)):
        [late] = load_landing(index, ANN).overdue
        assert (late.number, late.question, late.record, late.asks) == (
            number,
            key,
            OURS,
            "confirm-birth-date",
        )
        assert load_landing(index, BEN).overdue == ()
        assert keys(index) == [key]
        assert list_owner_questions(index, SIS_OWNER)[0].overdue


def test_a_steward_of_one_source_asks_about_its_own_records_only_and_sees_no_other_asking(asked):
    index, key, _ = asked
    with pytest.raises(NotFoundError):
        ask_owner(index, SIS_STEWARD, key, OURS, "confirm-name")
    upsert(index, OPERATOR, "sis", a_child("5", first_name="Amaro", last_name="Okonkwu", postal_code=None))
    own = load_queue_page(index, SIS_STEWARD, Filters()).questions
    for one in own:
        assert {label.source for label in one.records} == {"sis"}
        told = load_question_view(index, SIS_STEWARD, one.key)
        assert {card.label.source for card in told.cards} == {"sis"}
        assert [act for act in told.history if act.action == "ask"] == []


def test_each_side_answers_its_half_blind_and_the_question_waits_for_both(index):
    one_pair(index)
    [key] = keys(index)
    ask_owner(index, ANN, key, None, "confirm-birth-date", note="do both agree?")
    for owner, theirs, other in ((SIS_OWNER, OURS, "ccwis"), (CCWIS_OWNER, RecordRef("ccwis", "2"), "sis")):
        [half] = list_owner_questions(index, owner)
        assert half.record == theirs
        for secret in (other, "do both agree?", key, "Amarah" if other == "ccwis" else "Amara'"):
            assert secret not in repr(half)
    assert load_question_view(index, ANN, key).pairs[0].verdict == "ask"
    answer_owner_question(index, SIS_OWNER, list_owner_questions(index, SIS_OWNER)[0].number, "right")
    assert keys(index) == []
    with pytest.raises(ConflictError, match="asked already"):
        ask_owner(index, ANN, key, RecordRef("ccwis", "2"), "confirm-birth-date")
    # Who has answered may be asked again; who has not is not asked twice.
    [again] = ask_owner(index, ANN, key, None, "confirm-birth-date")
    answer_owner_question(index, SIS_OWNER, again, "right")
    answer_owner_question(index, CCWIS_OWNER, list_owner_questions(index, CCWIS_OWNER)[0].number, "wrong")
    assert keys(index) == [key]
    told = [act.detail for act in load_question_view(index, ANN, key).history if act.action == "answered"]
    assert [(each["record"].source, each["answer"]) for each in told] == [
        ("sis", "right"),
        ("sis", "right"),
        ("ccwis", "wrong"),
    ]
    ask_owner(index, ANN, key, None, "confirm-name")
    with pytest.raises(ConflictError, match="all these records"):
        ask_owner(index, ANN, key, None, "confirm-name")


def test_asking_twice_asking_nothing_known_or_of_a_strange_record_is_refused(asked):
    index, key, _ = asked
    with pytest.raises(ConflictError, match="asked already"):
        ask_owner(index, ANN, key, OURS, "confirm-birth-date")
    with pytest.raises(InputError, match="asks: one of"):
        ask_owner(index, ANN, key, OURS, "anything")
    upsert(index, OPERATOR, "sis", a_child("9", first_name="Zoe", last_name="Quist", birth_date="2001-01-01"))
    with pytest.raises(InputError, match="of this question"):
        ask_owner(index, ANN, key, RecordRef("sis", "9"), "confirm-name")
    with pytest.raises(InputError, match="answer: one of"):
        answer_owner_question(index, SIS_OWNER, 1, "yes")
    with pytest.raises(NotFoundError):
        answer_owner_question(index, SIS_OWNER, 99, "right")
    claim(index, BEN, key)
    with pytest.raises(ClaimedError):
        ask_owner(index, ANN, key, OURS, "confirm-name")


def test_the_verdict_ask_asks_both_sources_and_its_undo_asks_them_no_more(index):
    one_pair(index)
    key = the_question(index).key
    [pair] = load_question_view(index, ANN, key).pairs
    done = answer_question(index, ANN, key, [PairVerdict(pair.left, pair.right, "ask")], "not-enough")
    assert (done.step, done.effect.kind) == (None, "ask")
    assert keys(index, state="waiting") == [key]
    assert [len(list_owner_questions(index, owner)) for owner in (SIS_OWNER, CCWIS_OWNER)] == [1, 1]
    for owner in (SIS_OWNER, CCWIS_OWNER):
        assert keys(index) == []
        answer_owner_question(index, owner, list_owner_questions(index, owner)[0].number, "right")
    assert keys(index) == [key]


def test_what_was_asked_with_an_answer_is_withdrawn_with_it(index):
    one_pair(index)
    upsert(index, OPERATOR, "ccwis", a_child("3", first_name="Amaro", last_name="Okonkwu", postal_code=None))
    one = the_question(index)
    pairs = load_question_view(index, ANN, one.key).pairs
    said = [PairVerdict(p.left, p.right, "ask" if n == 0 else "different") for n, p in enumerate(pairs)]
    done = answer_question(index, ANN, one.key, said, "not-enough")
    assert list_owner_questions(index, CCWIS_OWNER)
    undo_answer(index, ANN, one.key, done.step)
    assert list_owner_questions(index, CCWIS_OWNER) == list_owner_questions(index, SIS_OWNER) == ()


def test_what_is_asked_about_a_question_that_is_closed_is_asked_no_more(asked):
    index, key, number = asked
    withdraw(index, OPERATOR, "ccwis", "2")
    assert keys(index, state=None) == []
    assert list_owner_questions(index, SIS_OWNER) == ()
    with pytest.raises(ConflictError, match="withdrawn"):
        answer_owner_question(index, SIS_OWNER, number, "right")
    one_pair(index)
    assert keys(index) == [key]
    ask_owner(index, ANN, key, OURS, "confirm-name")
    [pair] = load_question_view(index, ANN, key).pairs
    answer_question(index, ANN, key, [PairVerdict(pair.left, pair.right, "same")], "typo")
    assert list_owner_questions(index, SIS_OWNER) == ()


def test_what_people_wrote_about_a_record_goes_when_it_is_expunged(asked):
    index, key, number = asked
    answer_owner_question(index, SIS_OWNER, number, "wrong", "Amara is her cousin")
    defer(index, ANN, key, later(days=3).date().isoformat(), "ask Amara's school")
    upsert(index, OPERATOR, "sis", a_child("1", restrictions=[{"kind": "expunged"}]))
    assert keys(index, state=None) == []
    kept = all_that_is_stored(index)
    for written in (b"her cousin", b"Amara's school", b"another day for Amarah"):
        assert written not in kept
    with index.database.read(OPERATOR) as unit:
        assert [act.action for act in unit.task_work.actions_on(key)][:3] == ["ask", "answered", "defer"]


def test_one_asking_about_a_burst_reaches_the_feeds_owner_record_by_record_and_one_answer_may_do(index):
    load_rows(index, "sis", *many_children(25))
    receipt = load_rows(index, "ccwis", *many_children(25, start=40))
    with index.database.write(OPERATOR, "test") as unit:
        labels = unit.records.labels(unit.records.active_canonical_keys())
        ours = sorted(number for number, label in labels.items() if label.source == "sis")
        theirs = sorted(number for number, label in labels.items() if label.source == "ccwis")
        tasks = [
            Task(f"pair:{lo}:{hi}", "pair", lo, hi, 6.0, "band", question=f"q{lo}", harm=lo,
                 pattern="birth_date: a day off", batch_id=receipt.batch)
            for lo, hi in zip(ours, theirs, strict=True)
        ]  # fmt: skip
        unit.tasks.replace([], tasks, unit.commit_no)
    key = make_burst_key(receipt.batch, "birth_date: a day off")
    assert keys(index) == [key]
    view = load_question_view(index, ANN, key)
    assert (view.shape, view.summary.burst, len(view.pairs)) == ("burst", 25, 10)
    numbers = ask_owner(index, ANN, key, None, "confirm-birth-date")
    assert len(numbers) == 25
    assert (keys(index), keys(index, state="waiting")) == ([], [key])
    assert list_owner_questions(index, SIS_OWNER) == ()
    listed = list_owner_questions(index, CCWIS_OWNER)
    assert {one.alike for one in listed} == {25}
    assert len(answer_owner_question(index, CCWIS_OWNER, listed[3].number, "wrong", alike=True)) == 25
    assert list_owner_questions(index, CCWIS_OWNER) == ()
    assert keys(index) == [key]
    assert [act.action for act in load_question_view(index, ANN, key).history] == ["ask", "answered"]
