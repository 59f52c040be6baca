"""A pair that is asked about again says what has changed since the last answer."""

from dataclasses import replace
from datetime import timedelta

from mpi.domain import clock
from mpi.domain.roles import Role
from mpi.service.access.viewers import Caller, build_viewer
from mpi.service.agreements.house import build_house_agreement
from mpi.service.explanations.question_evidence import load_question_evidence
from mpi.service.records.upsert import upsert
from mpi.service.review.answers.pair_answers import PairVerdict, answer_question
from mpi.service.review.assignments import claim
from mpi.service.review.question_view import load_question_view
from tests.desk import ANN, BEN, add_doubtful_pair, only_question
from tests.index import OPERATOR, make_child


def answer_unsure(index):
    """Answer the only question with "cannot tell"."""
    question = only_question(index)
    claim(index, BEN, question.key)
    view = load_question_view(index, BEN, question.key)
    verdicts = [PairVerdict(pair.left, pair.right, "unsure") for pair in view.pairs]
    answer_question(index, BEN, question.key, verdicts, "not-enough", None, view.etag)
    return question.key


def compare_names_alone():
    """Return a steward who may see and compare names, and no other field."""
    house = build_house_agreement()
    [grant] = house.grants
    names = frozenset({"first_name", "last_name"})
    grants = (replace(grant, output_fields=names, matching_fields=names),)
    caller = Caller("ann", frozenset(), None, house.code, 1, Role.STEWARD)
    agreement = replace(house, grants=grants, is_approved=True)
    return build_viewer(caller, "data_quality", agreement, clock.now().date())


def past_answer(index, key, viewer=ANN):
    """Return the past answer of the question's only pair."""
    [pair] = load_question_evidence(index, viewer, load_question_view(index, viewer, key)).pairs
    return pair.past


def test_a_new_question_has_no_past_answer(index):
    add_doubtful_pair(index)
    assert past_answer(index, only_question(index).key) is None


def test_a_changed_record_brings_the_question_back_with_what_changed(index):
    add_doubtful_pair(index)
    key = answer_unsure(index)
    same_zip = make_child("1")["postal_code"]
    changed = make_child("2", first_name="Amarah", last_name="Okonkwoh", postal_code=same_zip)
    upsert(index, OPERATOR, "ccwis", changed)
    past = past_answer(index, key)
    assert (past.by, past.is_new_model) == ("ben", False)
    [change] = past.changes
    assert change.comparison == "postal_code"
    assert "" not in (change.before, change.after)
    assert change.before != change.after


def test_a_question_whose_day_has_come_says_that_nothing_changed(index):
    add_doubtful_pair(index)
    key = answer_unsure(index)
    with clock.fixed_clock(clock.now() + timedelta(days=400)):
        past = past_answer(index, key)
    assert past.changes == ()


def test_a_reader_who_may_compare_some_fields_alone_gets_no_past_answer(index):
    add_doubtful_pair(index)
    key = answer_unsure(index)
    with clock.fixed_clock(clock.now() + timedelta(days=400)):
        assert past_answer(index, key) is not None
        assert past_answer(index, key, compare_names_alone()) is None
