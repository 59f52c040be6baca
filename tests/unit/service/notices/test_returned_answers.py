"""What came back for whom: approvals, refusals, owners' answers, answered escalations."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mpi.domain import clock
from mpi.domain.decision import DecisionKind
from mpi.domain.errors import InputError
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.viewer import SecondApprover, Viewer
from mpi.service.notices.returned_answers import (
    ReturnKey,
    ReturnKind,
    dismiss_all,
    dismiss_answers,
    list_returned_answers,
    parse_key,
)
from mpi.service.records.upsert import upsert
from mpi.service.review.answers.pair_answers import PairVerdict, answer_question
from mpi.service.review.assignments import claim, escalate, release
from mpi.service.review.owner_questions import answer_owner_question, ask_owner
from mpi.service.review.question_view import load_question_view
from mpi.service.stewardship.approvals import approve, send_back
from mpi.service.stewardship.decisions import DecisionRequest, decide
from mpi.service.stewardship.owner_consent import give_consent, refuse_consent, set_consent_required
from mpi.service.stewardship.undo import undo_step
from tests.desk import ANN, BEN, CCWIS_OWNER, SIS_OWNER, add_doubtful_pair, only_question
from tests.index import OPERATOR, make_child, with_settings
from tests.unit.service.stewardship.test_decisions import record_refs, upsert_record

APPROVER = Viewer("ada", None, ACTIONS_BY_ROLE[Role.APPROVER], None)
BO = {"first_name": "Bo", "last_name": "Zwart", "birth_date": "2009-01-02", "postal_code": "44444"}


@pytest.fixture
def approving(index):
    """An index with a child of each agency, in which every step needs a second person."""
    upsert_record(index, "sis:1")
    upsert_record(index, "ccwis:1", **BO)
    return with_settings(index, second_approver=SecondApprover.ALWAYS)


def link(index, viewer=ANN, *records):
    """Decide that two records are one child; return the number of the step."""
    groups = [record_refs(*(records or ("sis:1", "ccwis:1")))]
    return decide(index, viewer, DecisionRequest(DecisionKind.SAME, groups, "same-child")).step


def outcomes(index, viewer=ANN):
    return [answer.outcome for answer in list_returned_answers(index, viewer)]


def test_an_approval_comes_back_to_who_asked_until_it_is_dismissed(approving):
    step = link(approving)
    assert outcomes(approving) == []
    approve(approving, APPROVER, step)
    [answer] = list_returned_answers(approving, ANN)
    assert (answer.outcome, answer.actor, answer.step) == ("approved", "ada", step)
    assert [f"{label.source}:{label.local_id}" for label in answer.records] == ["sis:1", "ccwis:1"]
    assert outcomes(approving, BEN) == outcomes(approving, APPROVER) == []
    dismiss_answers(approving, BEN, [answer.key])
    assert outcomes(approving) == ["approved"]
    dismiss_answers(approving, ANN, [answer.key])
    dismiss_answers(approving, ANN, [answer.key])
    assert outcomes(approving) == []


def test_a_step_that_was_sent_back_comes_back_with_its_reason(approving):
    step = link(approving)
    undo_step(approving, APPROVER, step, "other-child")
    [answer] = list_returned_answers(approving, ANN)
    assert (answer.outcome, answer.actor, answer.reason) == ("sent_back", "ada", "other-child")


def test_the_history_tells_why_a_step_was_refused(approving):
    step = link(approving)
    send_back(approving, APPROVER, step, "other-child", "Another school.")
    [answer] = list_returned_answers(approving, ANN)
    assert (answer.outcome, answer.reason, answer.note) == ("sent_back", "other-child", "Another school.")


def test_a_decision_that_somebody_undid_comes_back_and_ones_own_undo_does_not(index):
    upsert_record(index, "sis:1")
    upsert_record(index, "ccwis:1", **BO)
    undo_step(index, ANN, link(index))
    assert outcomes(index) == []
    undo_step(index, BEN, link(index))
    assert outcomes(index) == ["undone"]
    assert outcomes(index, BEN) == []


@pytest.mark.parametrize(("call", "outcome"), [(give_consent, "given"), (refuse_consent, "refused")])
def test_an_owners_consent_comes_back_once(index, call, outcome):
    set_consent_required(index, OPERATOR, "ccwis", asks=True)
    upsert_record(index, "sis:1")
    upsert_record(index, "ccwis:1", **BO)
    call(index, CCWIS_OWNER, link(index), "as-known")
    [answer] = list_returned_answers(index, ANN)
    assert (answer.outcome, answer.actor, answer.reason) == (outcome, "ccwis-owner", "as-known")


def test_what_a_hidden_owner_answered_does_not_come_back(index):
    """Whoever may see only the school's records now learns nothing of the other agency's consent."""
    upsert_record(index, "sis:1")
    upsert_record(index, "sis:2", **BO)
    upsert_record(index, "ccwis:1")
    set_consent_required(index, OPERATOR, "ccwis", asks=True)
    refuse_consent(index, CCWIS_OWNER, link(index, ANN, "sis:1", "sis:2"))
    assert outcomes(index) == ["refused"]
    assert outcomes(index, replace(ANN, sources=frozenset({"sis"}))) == []


def test_a_sealed_record_takes_its_answers_away(approving):
    approve(approving, APPROVER, link(approving))
    assert outcomes(approving) == ["approved"]
    upsert(approving, OPERATOR, "sis", {**make_child("1"), "restrictions": [{"kind": "sealed"}]})
    assert outcomes(approving) == []


def test_an_owners_answer_comes_back_to_who_asked(index):
    add_doubtful_pair(index)
    question = only_question(index)
    record = next(label for label in question.records if label.source == "sis")
    [number] = ask_owner(index, ANN, question.key, record, "confirm-name")
    answer_owner_question(index, SIS_OWNER, number, "wrong", "It is Amara.")
    [answer] = list_returned_answers(index, ANN)
    assert (answer.outcome, answer.question, answer.records) == ("wrong", question.key, (record,))
    assert answer.note == "It is Amara."
    assert outcomes(index, BEN) == []


def test_an_answered_escalation_comes_back_and_a_claim_of_it_does_not(index):
    add_doubtful_pair(index)
    key = only_question(index).key
    escalate(index, ANN, key, "Which Amara?")
    claim(index, APPROVER, key)
    assert outcomes(index) == []
    view = load_question_view(index, APPROVER, key)
    verdict = PairVerdict(view.pairs[0].left, view.pairs[0].right, "different")
    answer_question(index, APPROVER, key, [verdict], "other", "Two homes")
    [answer] = list_returned_answers(index, ANN)
    assert (answer.outcome, answer.actor, answer.note) == ("answer", "ada", "Two homes")
    assert outcomes(index, BEN) == []


def test_what_was_done_before_the_escalation_does_not_come_back(index):
    add_doubtful_pair(index)
    key = only_question(index).key
    claim(index, BEN, key)
    release(index, BEN, key)
    escalate(index, ANN, key, "Which Amara?")
    assert outcomes(index) == []
    claim(index, BEN, key)
    release(index, BEN, key)
    assert outcomes(index) == ["release"]


def test_answers_are_dismissed_together_and_forgotten_after_90_days(approving):
    steps = [link(approving)]
    undo_step(approving, APPROVER, steps[0])
    approve(approving, APPROVER, link(approving))
    assert sorted(outcomes(approving)) == ["approved", "sent_back"]
    with clock.fixed_clock(clock.now() + timedelta(days=91)):
        assert outcomes(approving) == []
    dismiss_all(approving, ANN)
    assert outcomes(approving) == []


@pytest.mark.parametrize(
    "text",
    ["", "approval", "approval:1", "approval:1:x", "approval:-1:2", "gift:1:2", f"approval:{'9' * 30}:1"],
)
def test_an_item_that_is_none_is_refused(text):
    with pytest.raises(InputError, match="item"):
        parse_key(text)


def test_a_key_is_read_from_a_form():
    assert parse_key("approval:12:345") == ReturnKey(ReturnKind.APPROVAL, 12, 345)


def test_what_never_came_back_is_not_stored_as_read(approving):
    step = link(approving)
    with approving.database.read(OPERATOR) as unit:
        next_commit = unit.last_commit() + 1
    dismiss_answers(approving, ANN, [ReturnKey(ReturnKind.APPROVAL, step, next_commit)])
    approve(approving, APPROVER, step)
    assert outcomes(approving) == ["approved"]
