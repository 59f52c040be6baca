"""Bulk acts: what is snoozed or assigned at once can be undone at once."""

from datetime import timedelta

import pytest

from mpi.domain import clock
from mpi.domain.errors import ConflictError, InputError
from mpi.service.review.answers import assign, claim
from mpi.service.review.bulk_actions import assign_questions, snooze_questions, undo_bulk
from mpi.service.review.question_view import load_question_view
from mpi.service.review.queue import Filters, load_queue_page
from tests.desk import ANN, BEN, load_doubtful_pairs, question_keys


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
