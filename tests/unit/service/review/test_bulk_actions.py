"""Bulk acts: what is snoozed or assigned at once can be undone at once."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mpi.domain import clock
from mpi.domain.errors import ConflictError, InputError
from mpi.service.records.upsert import upsert
from mpi.service.review.assignments import assign, claim, defer
from mpi.service.review.bulk_actions import assign_questions, snooze_questions, undo_bulk
from mpi.service.review.question_view import load_question_view
from mpi.service.review.queue import Filters, load_queue_page
from tests.desk import ANN, BEN, add_doubtful_pair, load_doubtful_pairs, only_question, question_keys
from tests.index import OPERATOR, make_child, open_test_index

LEE = replace(ANN, client="lee", sources=frozenset({"sis", "ccwis"}))


@pytest.fixture
def keys(index):
    load_doubtful_pairs(index, 3)
    return question_keys(index)


def in_days(days: int) -> str:
    return (clock.now() + timedelta(days=days)).date().isoformat()


def assignees(index) -> dict[str, str | None]:
    page = load_queue_page(index, ANN, Filters(state=None))
    return {question.key: question.assigned_to for question in page.questions}


def test_snoozed_questions_come_back_at_once_when_it_is_undone(index, keys):
    result = snooze_questions(index, ANN, keys[:2], in_days(9))
    assert result.errors == dict.fromkeys(keys[:2])
    assert question_keys(index) == keys[2:]
    assert undo_bulk(index, ANN, result.token) == dict.fromkeys(keys[:2])
    assert question_keys(index) == keys
    assert question_keys(index, state="asleep") == []


def test_each_question_returns_to_whom_it_was_assigned_before(index, keys):
    assign(index, ANN, keys[0], "ann")
    result = assign_questions(index, BEN, keys, "ben")
    assert set(assignees(index).values()) == {"ben"}
    undo_bulk(index, BEN, result.token)
    assert assignees(index) == {keys[0]: "ann", keys[1]: None, keys[2]: None}


def test_an_undo_twice_changes_nothing_more(index, keys):
    result = snooze_questions(index, ANN, keys, in_days(9))
    undo_bulk(index, ANN, result.token)
    errors = undo_bulk(index, ANN, result.token)
    assert all(isinstance(error, ConflictError) for error in errors.values())
    assert question_keys(index) == keys


def test_a_question_on_which_somebody_has_worked_since_stays_as_it_is(index, keys):
    result = assign_questions(index, ANN, keys, "ann")
    claim(index, BEN, keys[1])
    errors = undo_bulk(index, ANN, result.token)
    assert {key for key, error in errors.items() if error is not None} == {keys[1]}
    assert assignees(index) == {keys[0]: None, keys[1]: "ann", keys[2]: None}


def test_nobody_undoes_what_somebody_else_did(index, keys):
    result = snooze_questions(index, ANN, keys, in_days(9))
    for viewer, token in ((BEN, result.token), (ANN, "nothing")):
        with pytest.raises(InputError, match="nothing to undo"):
            undo_bulk(index, viewer, token)
    assert question_keys(index) == []


def test_the_history_tells_of_the_undo_and_shows_no_internal_state(index, keys):
    result = snooze_questions(index, ANN, keys[:1], in_days(9))
    undo_bulk(index, ANN, result.token)
    history = load_question_view(index, ANN, keys[0]).history
    assert [act.action for act in history] == ["defer", "restore"]
    assert [dict(act.detail) for act in history] == [{"until": in_days(9)}, {}]


@pytest.fixture
def partly_hidden(tmp_path, database_url):
    """An index with a question of which a steward of two sources sees a part, and the question's key."""
    with open_test_index(tmp_path, "sis", "ccwis", "state", database_url=database_url) as index:
        add_doubtful_pair(index)
        candidate = make_child("3", first_name="Amaro", last_name="Okonkwu", postal_code=None)
        upsert(index, OPERATOR, "state", candidate)
        yield index, only_question(index, LEE).key


def test_an_undo_does_not_tell_that_somebody_worked_on_a_hidden_part(partly_hidden):
    index, key = partly_hidden
    snoozed = snooze_questions(index, LEE, [key], in_days(9))
    assign(index, BEN, key, "ben")
    assert [act.action for act in load_question_view(index, LEE, key).history] == ["defer"]
    assert undo_bulk(index, LEE, snoozed.token) == {key: None}
    assert assignees(index)[key] == "ben"
    assigned = assign_questions(index, LEE, [key], "lee")
    defer(index, BEN, key, in_days(5))
    assert undo_bulk(index, LEE, assigned.token) == {key: None}
    question = only_question(index, ANN, state=None)
    assert (question.state, question.asleep_until) == ("asleep", in_days(5)), "hidden work stays"
    assert question.assigned_to == "ben"
