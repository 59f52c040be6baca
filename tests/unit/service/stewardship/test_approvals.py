"""Test second approval: a waiting step has no effect until another person approves it."""

from dataclasses import replace

import pytest

from mpi.domain.decision import DecisionKind
from mpi.domain.errors import AccessDenied, ConflictError, DecisionConflict, NotFoundError
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.viewer import Action, IdempotentCall, SecondApprover, Viewer
from mpi.service.maintenance.verify import verify
from mpi.service.review.task_list import list_review_tasks
from mpi.service.stewardship.approvals import approve
from mpi.service.stewardship.decisions import DecisionRequest, decide, get_decision
from mpi.service.stewardship.merge_split_move import StepOptions, merge, move
from mpi.service.stewardship.pending_steps import list_pending_steps
from mpi.service.stewardship.undo import undo_decision, undo_step
from tests.index import OPERATOR, crosswalk, with_settings
from tests.unit.service.stewardship.test_decisions import (
    SIS_ONLY,
    are_same_person,
    make_decision,
    record_refs,
    upsert_record,
)

FIRST = Viewer("first", None, frozenset(Action), None)
SECOND = Viewer("second", None, frozenset(Action), None)
BO = {"first_name": "Bo", "last_name": "Zwart", "birth_date": "2009-01-02", "postal_code": "44444"}


@pytest.fixture
def approval_index(index):
    """An index that requires approval across agencies, with a child of each agency."""
    careful = with_settings(index, second_approver=SecondApprover.CROSS_AGENCY)
    upsert_record(careful, "sis:1")
    upsert_record(careful, "ccwis:1", **BO)
    return careful


def both_eids(index) -> list[str]:
    links = crosswalk(index)
    return [links["sis", "1"], links["ccwis", "1"]]


def test_cross_agency_step_waits_for_approval_by_another_person(approval_index):
    eids = both_eids(approval_index)
    previewed = merge(approval_index, FIRST, eids, StepOptions("x", preview=True), survivor=eids[1])
    effect = merge(approval_index, FIRST, eids, StepOptions("x"), survivor=eids[1])
    assert (previewed.awaiting, effect.awaiting, effect.moved) == (True, True, ())
    assert both_eids(approval_index) == eids
    [task] = list_review_tasks(approval_index, OPERATOR)
    assert (task.kind, task.decisions) == ("approval", effect.decisions)
    assert get_decision(approval_index, FIRST, effect.decisions[0]).status == "awaiting"
    with pytest.raises(ConflictError, match="your own"):
        approve(approval_index, FIRST, effect.step)
    approved = approve(approval_index, SECOND, effect.step)
    assert (approved.persons, approved.moved) == (previewed.persons, previewed.moved)
    assert set(both_eids(approval_index)) == {eids[1]}
    assert list_review_tasks(approval_index, OPERATOR) == []
    with pytest.raises(ConflictError, match="does not wait"):
        approve(approval_index, SECOND, effect.step)
    assert verify(approval_index, OPERATOR) == []


def test_approval_needs_its_own_right(approval_index):
    effect = merge(approval_index, FIRST, both_eids(approval_index), StepOptions("x"))
    for actions in (
        frozenset({Action.DECIDE}),
        frozenset(Action) - {Action.APPROVE},
        ACTIONS_BY_ROLE[Role.STEWARD],
    ):
        with pytest.raises(AccessDenied):
            approve(approval_index, Viewer("second", None, actions, None), effect.step)
    approve(approval_index, Viewer("second", None, ACTIONS_BY_ROLE[Role.APPROVER], None), effect.step)
    assert len(set(both_eids(approval_index))) == 1


def test_undo_of_an_approved_step_needs_approval_too(approval_index):
    eids = both_eids(approval_index)
    effect = merge(approval_index, FIRST, eids, StepOptions("x"))
    approve(approval_index, SECOND, effect.step)
    undo = undo_step(approval_index, SECOND, effect.step)
    assert (undo.awaiting, len(set(both_eids(approval_index)))) == (True, 1)
    with pytest.raises(ConflictError, match="your own"):
        approve(approval_index, SECOND, undo.step)
    approve(approval_index, FIRST, undo.step)
    assert both_eids(approval_index) == eids
    assert verify(approval_index, OPERATOR) == []


def test_only_its_author_takes_back_a_waiting_step(approval_index):
    effect = merge(approval_index, FIRST, both_eids(approval_index), StepOptions("x"))
    undo_decision(approval_index, FIRST, effect.decisions[0])
    assert list_review_tasks(approval_index, OPERATOR) == []
    with pytest.raises(ConflictError):
        approve(approval_index, SECOND, effect.step)


def test_decision_taken_back_while_its_step_waits_is_not_approved(approval_index):
    upsert_record(approval_index, "sis:2")
    school_eid, welfare_eid = both_eids(approval_index)
    assert are_same_person(approval_index, "sis:1", "sis:2")
    effect = move(approval_index, FIRST, school_eid, record_refs("sis:2"), welfare_eid, StepOptions("x"))
    remaining, revoked = effect.decisions
    undo_decision(approval_index, FIRST, revoked)
    [pending] = list_pending_steps(approval_index, SECOND)
    assert [decision.id for decision in pending.decisions] == [remaining]
    assert approve(approval_index, SECOND, effect.step).decisions == (remaining,)
    assert get_decision(approval_index, OPERATOR, revoked).status == "revoked"
    assert not are_same_person(approval_index, "sis:1", "sis:2")
    assert verify(approval_index, OPERATOR) == []


def test_resent_record_of_a_waiting_step_keeps_the_task(approval_index):
    upsert_record(
        approval_index, "sis:3", first_name="Pia", last_name="Berg", birth_date="2003-03-03", postal_code=None
    )
    effect = decide(
        approval_index,
        FIRST,
        DecisionRequest(DecisionKind.SAME, (record_refs("sis:1", "ccwis:1", "sis:3"),), "x"),
    )
    [before] = list_review_tasks(approval_index, OPERATOR)
    upsert_record(approval_index, "ccwis:1", **{**BO, "postal_code": "55555"})
    assert list_review_tasks(approval_index, OPERATOR) == [before]
    approve(approval_index, SECOND, effect.step)
    assert are_same_person(approval_index, "sis:1", "ccwis:1", "sis:3")
    assert list_review_tasks(approval_index, OPERATOR) == []
    assert verify(approval_index, OPERATOR) == []


def test_approval_after_a_contradicting_decision_is_refused(approval_index):
    effect = merge(approval_index, FIRST, both_eids(approval_index), StepOptions("x"))
    no_approval_index = with_settings(approval_index, second_approver=SecondApprover.NEVER)
    different = make_decision(no_approval_index, "DIFFERENT", ["sis:1"], ["ccwis:1"])
    with pytest.raises(DecisionConflict) as error:
        approve(approval_index, SECOND, effect.step)
    assert error.value.chain == (different,)
    assert not are_same_person(approval_index, "sis:1", "ccwis:1")


def test_superseded_decision_stays_in_force_until_approval(approval_index):
    no_approval_index = with_settings(approval_index, second_approver=SecondApprover.NEVER)
    same = make_decision(no_approval_index, "SAME", ["sis:1", "ccwis:1"])
    request = DecisionRequest(
        DecisionKind.DIFFERENT, (record_refs("sis:1"), record_refs("ccwis:1")), "x", supersedes=(same,)
    )
    effect = decide(approval_index, FIRST, request)
    assert are_same_person(approval_index, "sis:1", "ccwis:1")
    approve(approval_index, SECOND, effect.step)
    assert not are_same_person(approval_index, "sis:1", "ccwis:1")
    assert get_decision(approval_index, OPERATOR, same).status == "superseded"


def test_step_within_one_agency_needs_no_approval_and_hidden_steps_cannot_be_approved(approval_index):
    upsert_record(
        approval_index, "sis:2", first_name="Pia", last_name="Berg", birth_date="2003-03-03", postal_code=None
    )
    request = DecisionRequest(DecisionKind.SAME, (record_refs("sis:1", "sis:2"),), "x")
    assert not decide(approval_index, FIRST, request).awaiting
    effect = decide(
        approval_index,
        FIRST,
        DecisionRequest(DecisionKind.SAME, (record_refs("sis:1", "sis:2", "ccwis:1"),), "x"),
    )
    assert effect.awaiting
    for step in (effect.step, 99):
        with pytest.raises(NotFoundError):
            approve(approval_index, SIS_ONLY, step)
    always_index = with_settings(approval_index, second_approver=SecondApprover.ALWAYS)
    assert decide(
        always_index, SIS_ONLY, DecisionRequest(DecisionKind.SAME, (record_refs("sis:1", "sis:2"),), "x")
    ).awaiting


def test_waiting_undo_is_requested_once_per_idempotency_key(approval_index):
    effect = merge(approval_index, FIRST, both_eids(approval_index), StepOptions("x"))
    approve(approval_index, SECOND, effect.step)
    caller = replace(FIRST, idempotent_call=IdempotentCall("k", b"call"))
    undos = [undo_step(approval_index, caller, effect.step) for _ in range(2)]
    assert undos[0].awaiting
    assert undos[0].step == undos[1].step
