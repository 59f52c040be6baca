"""Test refused steps, escalations and own reports: work comes back to the right person."""

from dataclasses import replace

import pytest

from mpi.domain.decision import DecisionKind
from mpi.domain.errors import ConflictError, InputError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.roles import ACTIONS_BY_ROLE, APPROVER_ASSIGNEE, Role
from mpi.domain.viewer import SecondApprover, Viewer
from mpi.service.access.accounts.account_end import end_account
from mpi.service.access.accounts.account_rights import change_account
from mpi.service.maintenance.verify import verify
from mpi.service.notices.returned_answers import dismiss_all, dismiss_answers, list_returned_answers
from mpi.service.records.upsert import upsert
from mpi.service.review.answers.pair_answers import PairVerdict, answer_question
from mpi.service.review.answers.responses import ResponseOptions, respond_to_question
from mpi.service.review.assignments import assign, claim, escalate, release, reply
from mpi.service.review.question_view import load_question_view
from mpi.service.review.queue import load_landing
from mpi.service.stewardship.approvals import approve, send_back
from mpi.service.stewardship.decisions import DecisionRequest, decide, report_link
from mpi.service.stewardship.merge_split_move import StepOptions, merge
from mpi.service.stewardship.owner_consent import give_consent, refuse_consent, set_consent_required
from mpi.service.stewardship.pending_steps import list_pending_steps
from mpi.service.stewardship.undo import undo_step
from tests.accounts import add_person, cheap_password_hashing
from tests.desk import (
    ANN,
    BEN,
    CCWIS_OWNER,
    SIS_STEWARD,
    add_doubtful_pair,
    at,
    later,
    load_doubtful_pairs,
    only_question,
    question_keys,
)
from tests.index import OPERATOR, crosswalk, make_child, with_settings

CLEO = Viewer("cleo", None, ACTIONS_BY_ROLE[Role.APPROVER], None)
DORA = Viewer("dora", None, ACTIONS_BY_ROLE[Role.APPROVER], None)


@pytest.fixture
def asking_index(index):
    """An index with one doubtful pair, in which child welfare requires consent."""
    set_consent_required(index, OPERATOR, "ccwis", asks=True)
    add_doubtful_pair(index)
    return index


def answer(index, viewer, kind: str, key: str | None = None):
    """Give the same verdict on every pair of a question."""
    key = key or only_question(index).key
    view = load_question_view(index, viewer, key)
    verdicts = [PairVerdict(pair.left, pair.right, kind) for pair in view.pairs]
    reason = "not-enough" if kind == "unsure" else "same-child"
    return answer_question(index, viewer, key, verdicts, reason)


def test_refusal_reopens_the_question_at_once_on_the_desk_of_who_asked(asking_index):
    key = only_question(asking_index).key
    result = answer(asking_index, ANN, "same")
    assert load_question_view(asking_index, ANN, key).summary.state == "waiting"
    refuse_consent(asking_index, CCWIS_OWNER, result.step, "not-our-child", "another child of that name")
    view = load_question_view(asking_index, ANN, key)
    assert (view.summary.state, view.summary.assigned_to) == ("open", "ann")
    refusal = view.history[-1]
    assert (refusal.action, refusal.actor, refusal.note) == (
        "sent-back",
        "ccwis-owner",
        "another child of that name",
    )
    assert refusal.detail["reason"] == "not-our-child"
    assert [question.key for question in load_landing(asking_index, ANN).mine] == [key]
    [returned] = list_returned_answers(asking_index, ANN)
    assert (returned.outcome, returned.question, returned.note) == ("refused", key, refusal.note)
    assert returned.reason == "not-our-child"
    assert list_returned_answers(asking_index, BEN) == []
    assert verify(asking_index, OPERATOR) == []
    dismiss_answers(asking_index, ANN, [returned.key])
    assert list_returned_answers(asking_index, ANN) == []


def test_preview_of_a_refusal_reopens_nothing(asking_index):
    key = only_question(asking_index).key
    result = answer(asking_index, ANN, "same")
    refuse_consent(asking_index, CCWIS_OWNER, result.step, preview=True)
    assert load_question_view(asking_index, ANN, key).summary.state == "waiting"
    assert list_returned_answers(asking_index, ANN) == []


def test_steward_of_one_source_learns_nothing_of_a_refusal_by_another(asking_index):
    upsert(asking_index, OPERATOR, "sis", make_child("9"))
    key = only_question(asking_index).key
    result = answer(asking_index, ANN, "same")
    refuse_consent(asking_index, CCWIS_OWNER, result.step, note="ccwis says no")
    with pytest.raises(NotFoundError):
        load_question_view(asking_index, SIS_STEWARD, key)
    assert list_returned_answers(asking_index, replace(SIS_STEWARD, client="ann")) == []


@pytest.fixture
def approval_index(index):
    """An index that requires a second approver, with one doubtful pair."""
    careful = with_settings(index, second_approver=SecondApprover.ALWAYS)
    add_doubtful_pair(careful)
    return careful


def test_approver_sends_a_step_back_with_a_reason(approval_index):
    key = only_question(approval_index).key
    result = answer(approval_index, ANN, "same")
    with pytest.raises(ConflictError, match="your own"):
        send_back(approval_index, Viewer("ann", None, CLEO.actions, None), result.step)
    effect = send_back(approval_index, CLEO, result.step, "look-again", "compare the schools")
    assert (effect.kind, effect.moved) == ("refusal", ())
    view = load_question_view(approval_index, ANN, key)
    assert (view.summary.state, view.summary.assigned_to) == ("open", "ann")
    assert view.history[-1].note == "compare the schools"
    assert list_pending_steps(approval_index, CLEO) == []
    with pytest.raises(ConflictError, match="does not wait"):
        send_back(approval_index, CLEO, result.step)
    assert verify(approval_index, OPERATOR) == []


def test_note_of_a_refusal_is_read_by_its_addressee_of_one_source_and_by_no_other(index):
    careful = with_settings(index, second_approver=SecondApprover.ALWAYS)
    upsert(careful, OPERATOR, "sis", make_child("1"))
    upsert(
        careful, OPERATOR, "sis", make_child("2", first_name="Amarah", last_name="Okonkwoh", postal_code=None)
    )
    key = only_question(careful, SIS_STEWARD).key
    result = answer(careful, SIS_STEWARD, "same", key)
    send_back(careful, CLEO, result.step, note="ask the school")
    [returned] = list_returned_answers(careful, SIS_STEWARD)
    assert (returned.outcome, returned.note) == ("sent_back", "ask the school")
    notes = [
        load_question_view(careful, viewer, key).history[-1].note
        for viewer in (SIS_STEWARD, replace(SIS_STEWARD, client="another"))
    ]
    assert notes == ["ask the school", None]


def test_revoking_a_step_from_the_queue_tells_its_maker_too(approval_index):
    key = only_question(approval_index).key
    answer(approval_index, ANN, "same")
    approval_key = only_question(approval_index, CLEO, kind="approval").key
    respond_to_question(approval_index, CLEO, approval_key, "revoke", ResponseOptions("other", "not so"))
    assert load_question_view(approval_index, ANN, key).summary.assigned_to == "ann"
    [returned] = list_returned_answers(approval_index, ANN)
    assert (returned.outcome, returned.actor, returned.note) == ("sent_back", "cleo", "not so")


def test_step_that_answered_no_question_comes_back_by_its_number(approval_index):
    links = crosswalk(approval_index)
    effect = merge(approval_index, ANN, [links["sis", "1"], links["ccwis", "2"]], StepOptions("x"))
    send_back(approval_index, CLEO, effect.step, note="two children")
    [returned] = list_returned_answers(approval_index, ANN)
    assert (returned.question, returned.step, returned.note) == (None, effect.step, "two children")


def test_an_undo_that_was_sent_back_comes_back_with_its_reason(approval_index):
    merged = merge(approval_index, ANN, list(crosswalk(approval_index).values()), StepOptions("x"))
    approve(approval_index, CLEO, merged.step)
    dismiss_all(approval_index, ANN)
    undone = undo_step(approval_index, ANN, merged.step)
    assert undone.awaiting
    send_back(approval_index, CLEO, undone.step, "not-two-children", "it was right")
    [returned] = list_returned_answers(approval_index, ANN)
    assert (returned.outcome, returned.step, returned.note) == ("sent_back", undone.step, "it was right")
    assert returned.reason == "not-two-children"


def test_a_consent_does_not_carry_the_reason_of_a_later_refusal(asking_index):
    careful = with_settings(asking_index, second_approver=SecondApprover.ALWAYS)
    result = answer(careful, ANN, "same")
    give_consent(careful, CCWIS_OWNER, result.step)
    send_back(careful, CLEO, result.step, "not-one-child", "cousins")
    told = {each.outcome: (each.actor, each.note) for each in list_returned_answers(careful, ANN)}
    assert told == {"given": ("ccwis-owner", None), "sent_back": ("cleo", "cousins")}


def test_cannot_tell_needs_neither_consent_nor_approval(asking_index):
    careful = with_settings(asking_index, second_approver=SecondApprover.ALWAYS)
    key = only_question(careful).key
    result = answer(careful, ANN, "unsure")
    assert (result.effect.awaiting, list_pending_steps(careful, CLEO)) == (False, [])
    assert load_question_view(careful, ANN, key).summary.state == "asleep"


def test_cannot_tell_that_replaces_a_link_needs_consent(asking_index):
    same = answer(asking_index, ANN, "same")
    give_consent(asking_index, CCWIS_OWNER, same.step)
    view_records = list_records(asking_index)
    request = DecisionRequest(DecisionKind.UNSURE, (view_records,), "x", supersedes=same.effect.decisions)
    assert decide(asking_index, ANN, request, preview=True).consent_of == ("ccwis",)


def list_records(index):
    return tuple(RecordRef(source, local_id) for source, local_id in sorted(crosswalk(index)))


def test_escalated_question_is_not_offered_to_who_passed_it_on(index):
    add_doubtful_pair(index)
    key = only_question(index).key
    claim(index, CLEO, key)
    escalate(index, CLEO, key, "please look")
    assert question_keys(index, CLEO) == []
    assert load_landing(index, CLEO).mine == ()
    assert [question.key for question in load_landing(index, DORA).mine] == [key]
    assert question_keys(index, DORA) == [key]
    claim(index, DORA, key)
    answer(index, DORA, "same", key)
    [returned] = list_returned_answers(index, CLEO)
    assert (returned.outcome, returned.actor, returned.question) == ("answer", "dora", key)
    assert list_returned_answers(index, DORA) == []


def test_escalated_burst_is_not_offered_to_who_passed_it_on(sqlite_index):
    load_doubtful_pairs(sqlite_index, 21)
    [key] = [key for key in question_keys(sqlite_index, CLEO) if key.startswith("burst:")]
    escalate(sqlite_index, CLEO, key)
    assert key not in question_keys(sqlite_index, CLEO)
    assert key in question_keys(sqlite_index, DORA)


def test_only_approver_cannot_pass_a_question_on_to_nobody(index):
    add_doubtful_pair(index)
    key = only_question(index).key
    with cheap_password_hashing():
        add_person(index, "cleo", Role.APPROVER)
        add_person(index, "ann", Role.STEWARD)
        add_person(index, "district", Role.APPROVER, frozenset({"sis"}))
        with pytest.raises(ConflictError, match="no other approver"):
            escalate(index, CLEO, key)
        assert only_question(index).assigned_to is None
        add_person(index, "dora", Role.APPROVER)
    assert escalate(index, CLEO, key).assigned_to == APPROVER_ASSIGNEE


def test_reply_brings_the_question_back_to_who_passed_it_on(index):
    add_doubtful_pair(index)
    key = only_question(index).key
    with pytest.raises(ConflictError, match="nobody else"):
        reply(index, CLEO, key, "ask the school")
    assert escalate(index, ANN, key).assigned_to == APPROVER_ASSIGNEE
    with pytest.raises(InputError, match="note"):
        reply(index, CLEO, key, "  ")
    with pytest.raises(ConflictError, match="nobody else"):
        reply(index, ANN, key, "to myself")
    assert reply(index, CLEO, key, "ask the school").assigned_to == "ann"
    [returned] = list_returned_answers(index, ANN)
    assert (returned.outcome, returned.actor, returned.note) == ("reply", "cleo", "ask the school")
    assert question_keys(index, ANN) == [key]


def test_a_reply_comes_back_to_its_addressee_and_not_to_who_escalated_before(index):
    add_doubtful_pair(index)
    key = only_question(index).key
    escalate(index, ANN, key)
    claim(index, ANN, key)
    release(index, ANN, key)
    escalate(index, BEN, key)
    reply(index, CLEO, key, "for ben alone")
    assert list_returned_answers(index, ANN) == []
    assert [returned.note for returned in list_returned_answers(index, BEN)] == ["for ben alone"]


def test_a_reply_comes_back_however_long_ago_the_question_was_escalated(index):
    add_doubtful_pair(index)
    key = only_question(index).key
    escalate(index, ANN, key)
    with at(later(days=100)):
        reply(index, CLEO, key, "at last")
        assert [returned.outcome for returned in list_returned_answers(index, ANN)] == ["reply"]
    with at(later(days=191)):
        assert list_returned_answers(index, ANN) == []


def test_who_passed_a_question_on_takes_it_back_with_a_claim(index):
    add_doubtful_pair(index)
    key = only_question(index).key
    escalate(index, ANN, key)
    taken = claim(index, ANN, key)
    assert (taken.claimed_by, taken.assigned_to) == ("ann", None)
    release(index, ANN, key)
    assert question_keys(index, ANN) == [key]


def test_nobody_confirms_their_own_report(index):
    upsert(index, OPERATOR, "sis", make_child("1"))
    upsert(index, OPERATOR, "ccwis", make_child("2"))
    pair = list_records(index)
    report_link(index, ANN, DecisionRequest(DecisionKind.DIFFERENT, ((pair[0],), (pair[1],)), "wrong-link"))
    key = only_question(index, kind="claim").key
    with pytest.raises(ConflictError, match="you reported this"):
        claim(index, ANN, key)
    with pytest.raises(ConflictError, match="you reported this"):
        respond_to_question(index, ANN, key, "confirm", ResponseOptions("other"))
    claim(index, BEN, key)
    respond_to_question(index, BEN, key, "confirm", ResponseOptions("other"))
    assert len(set(crosswalk(index).values())) == 2


def leave(index):
    end_account(index, OPERATOR, "ann")


def change_to_auditor(index):
    change_account(index, OPERATOR, "ann", Role.AUDITOR, None)


@pytest.fixture
def ann_signs_in(index):
    """An account of Ann, who else acts without one."""
    with cheap_password_hashing():
        add_person(index, "ann", Role.STEWARD)


@pytest.mark.parametrize("change", [leave, change_to_auditor])
def test_a_step_of_somebody_who_may_not_work_any_more_comes_back_to_all(approval_index, ann_signs_in, change):
    key = only_question(approval_index).key
    result = answer(approval_index, ANN, "same")
    change(approval_index)
    send_back(approval_index, CLEO, result.step, note="two children")
    summary = load_question_view(approval_index, BEN, key).summary
    assert (summary.state, summary.assigned_to) == ("open", None)
    assert question_keys(approval_index, BEN) == [key]


def test_a_step_of_somebody_who_may_work_comes_back_to_them(approval_index, ann_signs_in):
    key = only_question(approval_index).key
    send_back(approval_index, CLEO, answer(approval_index, ANN, "same").step, note="two children")
    assert load_question_view(approval_index, BEN, key).summary.assigned_to == "ann"


@pytest.mark.parametrize(("change", "assignee"), [(leave, None), (change_to_auditor, None), (len, "ann")])
def test_a_reply_goes_to_who_may_work_on_it_or_to_all(sqlite_index, change, assignee):
    index = sqlite_index
    with cheap_password_hashing():
        add_person(index, "ann", Role.STEWARD)
    add_doubtful_pair(index)
    key = only_question(index).key
    escalate(index, ANN, key)
    if change is not len:
        change(index)
    assert reply(index, CLEO, key, "ask the school").assigned_to == assignee


def test_the_end_of_an_account_returns_its_questions_and_it_is_assigned_no_more(index, ann_signs_in):
    add_doubtful_pair(index)
    key = only_question(index).key
    assert assign(index, BEN, key, "ann").assigned_to == "ann"
    claim(index, ANN, key)
    leave(index)
    summary = load_question_view(index, BEN, key).summary
    assert (summary.assigned_to, summary.claimed_by) == (None, None)
    with pytest.raises(NotFoundError, match="no account"):
        assign(index, BEN, key, "ann")
