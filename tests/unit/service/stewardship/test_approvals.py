"""A second approver: what waits for one binds nothing until somebody else says so."""

from dataclasses import replace

import pytest

from mpi.domain.decision import DecisionKind
from mpi.domain.errors import AccessDenied, ConflictError, DecisionConflict, NotFoundError
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.viewer import Action, IdempotentCall, SecondApprover, Viewer
from mpi.service.maintenance.verify import verify
from mpi.service.review.tasks import list_review_tasks
from mpi.service.stewardship.approvals import approve
from mpi.service.stewardship.decisions import DecisionRequest, decide, get_decision
from mpi.service.stewardship.merge import StepOptions, merge, move
from mpi.service.stewardship.pending_steps import list_pending_steps
from mpi.service.stewardship.undo import undo_decision, undo_step
from tests.index import OPERATOR, crosswalk, with_settings
from tests.unit.service.stewardship.test_decisions import SIS_ONLY, record_refs, upsert_record, make_decision, are_same_person

FIRST = Viewer("first", None, frozenset(Action), None)
SECOND = Viewer("second", None, frozenset(Action), None)
BO = {"first_name": "Bo", "last_name": "Zwart", "birth_date": "2009-01-02", "postal_code": "44444"}


@pytest.fixture
def careful(index):
    """An index where what concerns two agencies waits, and a child of each."""
    made = with_settings(index, second_approver=SecondApprover.CROSS_AGENCY)
    upsert_record(made, "sis:1")
    upsert_record(made, "ccwis:1", **BO)
    return made


def both(index) -> list[str]:
    links = crosswalk(index)
    return [links["sis", "1"], links["ccwis", "1"]]


def test_a_step_across_agencies_waits_until_somebody_else_approves_it(careful):
    eids = both(careful)
    seen = merge(careful, FIRST, eids, StepOptions("x", preview=True), survivor=eids[1])
    made = merge(careful, FIRST, eids, StepOptions("x"), survivor=eids[1])
    assert (seen.awaiting, made.awaiting, made.moved) == (True, True, ())
    assert both(careful) == eids
    [task] = list_review_tasks(careful, OPERATOR)
    assert (task.kind, task.decisions) == ("approval", made.decisions)
    assert get_decision(careful, FIRST, made.decisions[0]).status == "awaiting"
    with pytest.raises(ConflictError, match="your own"):
        approve(careful, FIRST, made.step)
    done = approve(careful, SECOND, made.step)
    assert (done.persons, done.moved) == (seen.persons, seen.moved)
    assert set(both(careful)) == {eids[1]}
    assert list_review_tasks(careful, OPERATOR) == []
    with pytest.raises(ConflictError, match="does not wait"):
        approve(careful, SECOND, made.step)
    assert verify(careful, OPERATOR) == []


def test_the_second_word_is_a_right_of_its_own(careful):
    made = merge(careful, FIRST, both(careful), StepOptions("x"))
    for actions in (frozenset({Action.DECIDE}), frozenset(Action) - {Action.APPROVE}, ACTIONS_BY_ROLE[Role.STEWARD]):
        with pytest.raises(AccessDenied):
            approve(careful, Viewer("second", None, actions, None), made.step)
    approve(careful, Viewer("second", None, ACTIONS_BY_ROLE[Role.APPROVER], None), made.step)
    assert len(set(both(careful))) == 1


def test_the_undo_of_what_needed_two_needs_two(careful):
    eids = both(careful)
    made = merge(careful, FIRST, eids, StepOptions("x"))
    approve(careful, SECOND, made.step)
    undoing = undo_step(careful, SECOND, made.step)
    assert (undoing.awaiting, len(set(both(careful)))) == (True, 1)
    with pytest.raises(ConflictError, match="your own"):
        approve(careful, SECOND, undoing.step)
    approve(careful, FIRST, undoing.step)
    assert both(careful) == eids
    assert verify(careful, OPERATOR) == []


def test_what_waits_is_taken_back_by_its_maker_alone(careful):
    made = merge(careful, FIRST, both(careful), StepOptions("x"))
    undo_decision(careful, FIRST, made.decisions[0])
    assert list_review_tasks(careful, OPERATOR) == []
    with pytest.raises(ConflictError):
        approve(careful, SECOND, made.step)


def test_a_part_that_is_taken_back_meanwhile_is_no_longer_what_waits(careful):
    upsert_record(careful, "sis:2")
    here, there = both(careful)
    assert are_same_person(careful, "sis:1", "sis:2")
    made = move(careful, FIRST, here, record_refs("sis:2"), there, StepOptions("x"))
    kept, taken_back = made.decisions
    undo_decision(careful, FIRST, taken_back)
    [waits] = list_pending_steps(careful, SECOND)
    assert [each.id for each in waits.decisions] == [kept]
    assert approve(careful, SECOND, made.step).decisions == (kept,)
    assert get_decision(careful, OPERATOR, taken_back).status == "revoked"
    assert not are_same_person(careful, "sis:1", "sis:2")
    assert verify(careful, OPERATOR) == []


def test_a_record_between_others_that_a_waiting_step_names_is_sent_anew_and_its_task_stays(careful):
    upsert_record(careful, "sis:3", first_name="Pia", last_name="Berg", birth_date="2003-03-03", postal_code=None)
    made = decide(
        careful, FIRST, DecisionRequest(DecisionKind.SAME, (record_refs("sis:1", "ccwis:1", "sis:3"),), "x")
    )
    [before] = list_review_tasks(careful, OPERATOR)
    upsert_record(careful, "ccwis:1", **{**BO, "postal_code": "55555"})
    assert list_review_tasks(careful, OPERATOR) == [before]
    approve(careful, SECOND, made.step)
    assert are_same_person(careful, "sis:1", "ccwis:1", "sis:3")
    assert list_review_tasks(careful, OPERATOR) == []
    assert verify(careful, OPERATOR) == []


def test_an_approval_that_comes_after_a_contrary_decision_is_refused(careful):
    made = merge(careful, FIRST, both(careful), StepOptions("x"))
    calm = with_settings(careful, second_approver=SecondApprover.NEVER)
    apart = make_decision(calm, "DIFFERENT", ["sis:1"], ["ccwis:1"])
    with pytest.raises(DecisionConflict) as refused:
        approve(careful, SECOND, made.step)
    assert refused.value.chain == (apart,)
    assert not are_same_person(careful, "sis:1", "ccwis:1")


def test_what_it_is_to_supersede_stays_in_force_until_it_is_approved(careful):
    calm = with_settings(careful, second_approver=SecondApprover.NEVER)
    same = make_decision(calm, "SAME", ["sis:1", "ccwis:1"])
    asked = DecisionRequest(
        DecisionKind.DIFFERENT, (record_refs("sis:1"), record_refs("ccwis:1")), "x", supersedes=(same,)
    )
    made = decide(careful, FIRST, asked)
    assert are_same_person(careful, "sis:1", "ccwis:1")
    approve(careful, SECOND, made.step)
    assert not are_same_person(careful, "sis:1", "ccwis:1")
    assert get_decision(careful, OPERATOR, same).status == "superseded"


def test_within_one_agency_nothing_waits_and_a_viewer_approves_only_what_it_sees_whole(careful):
    upsert_record(careful, "sis:2", first_name="Pia", last_name="Berg", birth_date="2003-03-03", postal_code=None)
    asked = DecisionRequest(DecisionKind.SAME, (record_refs("sis:1", "sis:2"),), "x")
    assert not decide(careful, FIRST, asked).awaiting
    made = decide(
        careful, FIRST, DecisionRequest(DecisionKind.SAME, (record_refs("sis:1", "sis:2", "ccwis:1"),), "x")
    )
    assert made.awaiting
    for step in (made.step, 99):
        with pytest.raises(NotFoundError):
            approve(careful, SIS_ONLY, step)
    always = with_settings(careful, second_approver=SecondApprover.ALWAYS)
    assert decide(
        always, SIS_ONLY, DecisionRequest(DecisionKind.UNSURE, (record_refs("sis:1", "sis:2"),), "x")
    ).awaiting


def test_an_undo_that_waits_is_asked_for_once_under_one_key(careful):
    made = merge(careful, FIRST, both(careful), StepOptions("x"))
    approve(careful, SECOND, made.step)
    once = replace(FIRST, idempotent_call=IdempotentCall("k", b"call"))
    asked = [undo_step(careful, once, made.step) for _ in range(2)]
    assert asked[0].awaiting
    assert asked[0].step == asked[1].step
