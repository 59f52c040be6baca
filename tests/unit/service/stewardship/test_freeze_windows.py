"""Test freeze windows: decided steps wait for the window to end or be lifted."""

from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mpi.composition.models import open_matcher
from mpi.domain import clock
from mpi.domain.decision import DecisionKind
from mpi.domain.errors import AccessDenied, ConflictError, InputError, NotFoundError
from mpi.domain.viewer import Action, SecondApprover, Viewer
from mpi.service.gates.holds import list_holds, release_hold
from mpi.service.maintenance.verify import verify
from mpi.service.recluster.proposal_application import apply_proposal
from mpi.service.recluster.proposals import get_proposal, propose
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.stewardship.approvals import approve
from mpi.service.stewardship.decisions import DecisionRequest, decide, get_decision
from mpi.service.stewardship.deferred_steps import apply_due_decisions
from mpi.service.stewardship.freeze_windows import add_freeze_window, lift_freeze_window, list_freeze_windows
from mpi.service.stewardship.merge_split_move import StepOptions, merge, move, split
from mpi.service.stewardship.undo import undo_step
from tests.index import OPERATOR, crosswalk, with_settings
from tests.models import tiny_model
from tests.unit.service.stewardship.test_decisions import record_refs, upsert_record

BO = {"first_name": "Bo", "last_name": "Zwart", "birth_date": "2009-01-02", "postal_code": "44444"}
CLEO = {"first_name": "Cleo", "last_name": "Ruiz", "birth_date": "2008-08-08", "postal_code": "45555"}
WHY = StepOptions("one-child")
SECOND = Viewer("second", None, frozenset(Action), None)


@contextmanager
def clock_at(day: str):
    """Set every clock to noon of a day."""
    moment = datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=UTC)
    with clock.fixed_clock(moment):
        yield


@pytest.fixture
def frozen_index(index):
    """An index with a child in each source, and a school freeze window in March."""
    with clock_at("2030-03-01"):
        upsert_record(index, "sis:1")
        upsert_record(index, "ccwis:9", **BO)
        add_freeze_window(index, OPERATOR, "sis", "2030-03-03", "2030-03-06", "count-day")
    return index


def both_eids(index) -> list[str]:
    links = crosswalk(index)
    return [links["sis", "1"], links["ccwis", "9"]]


def are_merged(index) -> bool:
    return len(set(both_eids(index))) == 1


def test_merge_in_a_window_applies_on_the_first_day_after_it_with_its_survivor(frozen_index):
    before = both_eids(frozen_index)
    with clock_at("2030-03-04"):
        merge_effect = merge(frozen_index, OPERATOR, before, WHY, survivor=before[1])
        assert (merge_effect.held_until, merge_effect.moved) == ("2030-03-06", ())
        assert apply_due_decisions(frozen_index, OPERATOR) == 0
    assert not are_merged(frozen_index)
    with clock_at("2030-03-06"):
        assert apply_due_decisions(frozen_index, OPERATOR) == 1
    assert both_eids(frozen_index) == [before[1], before[1]]
    assert verify(frozen_index, OPERATOR) == []


def test_preview_shows_the_effect_and_the_hold_date(frozen_index):
    with clock_at("2030-03-04"):
        previewed = merge(frozen_index, OPERATOR, both_eids(frozen_index), replace(WHY, preview=True))
    assert len(previewed.moved) == 1
    assert previewed.held_until == "2030-03-06"
    assert not are_merged(frozen_index)


def test_steps_outside_the_window_or_of_other_sources_do_not_wait(frozen_index):
    upsert_record(frozen_index, "ccwis:8", first_name="Cleo", last_name="Ruiz", birth_date="2008-08-08")
    with clock_at("2030-03-04"):
        request = DecisionRequest(DecisionKind.SAME, (record_refs("ccwis:8", "ccwis:9"),), "same-child")
        assert decide(frozen_index, OPERATOR, request).held_until is None
    with clock_at("2030-03-02"):
        assert merge(frozen_index, OPERATOR, both_eids(frozen_index), WHY).held_until is None
    assert are_merged(frozen_index)


def test_decision_waits_if_its_person_has_another_record_of_the_frozen_source(frozen_index):
    with clock_at("2030-03-02"):
        merge(frozen_index, OPERATOR, both_eids(frozen_index), WHY)
        upsert_record(frozen_index, "ccwis:8", first_name="Cleo", last_name="Ruiz", birth_date="2008-08-08")
    with clock_at("2030-03-04"):
        request = DecisionRequest(DecisionKind.SAME, (record_refs("ccwis:8", "ccwis:9"),), "same-child")
        assert decide(frozen_index, OPERATOR, request).held_until == "2030-03-06"
        welfare_viewer = Viewer("agency", None, frozenset(Action), frozenset({"ccwis"}))
        previewed = decide(frozen_index, welfare_viewer, request, preview=True)
    assert previewed.held_until is None, "a hold date would reveal a record of another source"


def test_adjacent_windows_hold_as_one_and_an_effective_date_counts(frozen_index):
    add_freeze_window(frozen_index, OPERATOR, "ccwis", "2030-03-06", "2030-03-08", "reporting-period")
    with clock_at("2030-03-02"):
        request = DecisionRequest(
            DecisionKind.SAME, (record_refs("sis:1", "ccwis:9"),), "same-child", "2030-03-05"
        )
        assert decide(frozen_index, OPERATOR, request).held_until == "2030-03-08"
        later_request = replace(request, effective_from="2030-03-09")
        assert decide(frozen_index, OPERATOR, later_request, preview=True).held_until is None


def test_lifting_a_window_applies_what_waits_for_it_alone(frozen_index):
    with clock_at("2030-03-04"):
        merge(frozen_index, OPERATOR, both_eids(frozen_index), WHY)
        assert not are_merged(frozen_index)
        ended = lift_freeze_window(frozen_index, OPERATOR, 1)
        assert (ended.state, are_merged(frozen_index)) == ("lifted", True)
        with pytest.raises(ConflictError, match="lifted"):
            lift_freeze_window(frozen_index, OPERATOR, 1)


def test_window_added_later_holds_steps_due_in_it(frozen_index):
    with clock_at("2030-03-04"):
        merge_effect = merge(frozen_index, OPERATOR, both_eids(frozen_index), WHY)
        add_freeze_window(frozen_index, OPERATOR, "sis", "2030-03-06", "2030-03-10", "testing")
    with clock_at("2030-03-07"):
        assert apply_due_decisions(frozen_index, OPERATOR) == 0
        assert get_decision(frozen_index, OPERATOR, merge_effect.decisions[0]).effective_from == "2030-03-10"
    with clock_at("2030-03-10"):
        assert apply_due_decisions(frozen_index, OPERATOR) == 1
    assert are_merged(frozen_index)


def test_waiting_step_can_be_taken_back_and_applied_step_only_after_the_window(frozen_index):
    with clock_at("2030-03-02"):
        applied = merge(frozen_index, OPERATOR, both_eids(frozen_index), WHY)
    with clock_at("2030-03-04"):
        waiting = split(
            frozen_index,
            OPERATOR,
            both_eids(frozen_index)[0],
            [record_refs("sis:1")],
            StepOptions("two", supersedes=applied.decisions),
        )
        assert waiting.held_until == "2030-03-06"
        with pytest.raises(ConflictError, match="frozen until 2030-03-06"):
            undo_step(frozen_index, OPERATOR, applied.step)
        undo_step(frozen_index, OPERATOR, waiting.step)
    with clock_at("2030-03-06"):
        assert apply_due_decisions(frozen_index, OPERATOR) == 0
        undo_step(frozen_index, OPERATOR, applied.step)
    assert not are_merged(frozen_index)


def test_step_approved_in_a_window_waits_for_its_end(frozen_index):
    approval_index = with_settings(frozen_index, second_approver=SecondApprover.ALWAYS)
    with clock_at("2030-03-02"):
        waiting = merge(approval_index, OPERATOR, both_eids(frozen_index), WHY)
    with clock_at("2030-03-04"):
        approve(approval_index, SECOND, waiting.step)
        assert not are_merged(frozen_index)
    with clock_at("2030-03-06"):
        assert apply_due_decisions(frozen_index, OPERATOR) == 1
    assert are_merged(frozen_index)


@pytest.fixture
def approval_index(frozen_index):
    """The frozen index with approval of every step, and a child with two records."""
    with clock_at("2030-03-01"):
        upsert_record(frozen_index, "ccwis:1", **CLEO)
        upsert_record(frozen_index, "ccwis:2", **CLEO)
    return with_settings(frozen_index, second_approver=SecondApprover.ALWAYS)


def decision_statuses(index, effect) -> set[tuple[str, str | None]]:
    decisions = [get_decision(index, OPERATOR, number) for number in effect.decisions]
    return {(decision.status, decision.effective_from) for decision in decisions}


def move_record(index):
    """Move one of a child's two records to a child of the frozen source."""
    links = crosswalk(index)
    return move(index, OPERATOR, links["ccwis", "1"], record_refs("ccwis:2"), links["sis", "1"], WHY)


@pytest.mark.parametrize("lifted", [False, True])
def test_move_approved_in_a_window_applies_completely_after_it(approval_index, lifted):
    with clock_at("2030-03-01"):
        waiting = move_record(approval_index)
        before = crosswalk(approval_index)
    with clock_at("2030-03-04"):
        approve(approval_index, SECOND, waiting.step)
        assert decision_statuses(approval_index, waiting) == {("pending", "2030-03-06")}
        assert (apply_due_decisions(approval_index, OPERATOR), crosswalk(approval_index)) == (0, before)
        if lifted:
            lift_freeze_window(approval_index, OPERATOR, 1)
    with clock_at("2030-03-06"):
        assert apply_due_decisions(approval_index, OPERATOR) == (0 if lifted else 2)
    after = crosswalk(approval_index)
    assert after == before | {("ccwis", "2"): before["sis", "1"]}
    assert verify(approval_index, OPERATOR) == []


def test_approved_decision_waits_for_the_window_of_another_record_of_its_person(approval_index):
    with clock_at("2030-03-01"):
        upsert_record(approval_index, "ccwis:3")  # the child of the school's record
        waiting = decide(
            approval_index,
            OPERATOR,
            DecisionRequest(DecisionKind.SAME, (record_refs("ccwis:3", "ccwis:9"),), "same-child"),
        )
        welfare_viewer = Viewer("agency", None, frozenset(Action), frozenset({"ccwis"}))
        limited_step = decide(
            approval_index,
            welfare_viewer,
            DecisionRequest(
                DecisionKind.DIFFERENT, (record_refs("ccwis:3"), record_refs("ccwis:1")), "namesake"
            ),
        )
    with clock_at("2030-03-04"):
        approve(approval_index, SECOND, waiting.step)
        assert decision_statuses(approval_index, waiting) == {("pending", "2030-03-06")}
        approve(approval_index, SECOND, limited_step.step)
        assert decision_statuses(approval_index, limited_step) == {("in_force", None)}, (
            "a hold would reveal the other record to its author"
        )


def test_undo_is_approved_only_after_the_window_or_its_lifting(approval_index):
    with clock_at("2030-03-01"):
        merge_effect = merge(approval_index, OPERATOR, both_eids(approval_index), WHY)
        approve(approval_index, SECOND, merge_effect.step)
        undo = undo_step(approval_index, OPERATOR, merge_effect.step)
    assert undo.awaiting
    with clock_at("2030-03-04"):
        with pytest.raises(ConflictError, match="frozen until 2030-03-06"):
            approve(approval_index, SECOND, undo.step)
        assert are_merged(approval_index)
        lift_freeze_window(approval_index, OPERATOR, 1)
        assert are_merged(approval_index)
        approve(approval_index, SECOND, undo.step)
    assert not are_merged(approval_index)


def test_approval_ignores_a_window_that_was_lifted(approval_index):
    with clock_at("2030-03-04"):
        waiting = merge(approval_index, OPERATOR, both_eids(approval_index), WHY)
        assert (waiting.held_until, are_merged(approval_index)) == ("2030-03-06", False)
        lift_freeze_window(approval_index, OPERATOR, 1)
        approve(approval_index, SECOND, waiting.step)
    assert are_merged(approval_index)


def test_approved_proposal_item_is_held_until_its_date_or_its_release(index, tmp_path):
    with clock_at("2030-03-01"):
        for source in ("sis:1", "ccwis:1"):
            upsert_record(index, source, postal_code=None)
        add_freeze_window(index, OPERATOR, "sis", "2030-03-01", "2030-03-06", "count-day")
        stricter = open_matcher(str(tiny_model(tmp_path / "stricter", version="2", link=17.0)))
        proposal = propose(index, OPERATOR, stricter)
        application = apply_proposal(index, OPERATOR, stricter, proposal.id)
        new_index = replace(index, matcher=stricter)
        links = crosswalk(new_index)
        assert (application.applied, application.held) == (0, 1)
        assert [item.status for item in get_proposal(new_index, OPERATOR, proposal.id).items] == ["held"]
        assert links["sis", "1"] == links["ccwis", "1"]
        [held] = list_holds(new_index, OPERATOR)
        assert held.held_until == "2030-03-06"
        assert recluster(new_index, OPERATOR, stricter, apply=False).is_empty
        assert apply_due_decisions(new_index, OPERATOR) == 0
    with clock_at("2030-03-06"):
        assert apply_due_decisions(new_index, OPERATOR) == 1
        links = crosswalk(new_index)
        assert links["sis", "1"] != links["ccwis", "1"]
        with pytest.raises(NotFoundError):
            release_hold(new_index, OPERATOR, held.id)
        assert verify(new_index, OPERATOR) == []


def test_windows_are_listed_by_source_access_and_invalid_windows_refused(frozen_index):
    with clock_at("2030-03-03"):
        add_freeze_window(frozen_index, OPERATOR, "ccwis", "2030-04-01", "2030-04-02", "testing")
        assert [
            (freeze_window.source, freeze_window.state, freeze_window.by)
            for freeze_window in list_freeze_windows(frozen_index, OPERATOR)
        ] == [
            ("sis", "open", "operator"),
            ("ccwis", "coming", "operator"),
        ]
        school_viewer = Viewer("school", None, frozenset({Action.SOURCE_ADMIN}), frozenset({"sis"}))
        assert [window.source for window in list_freeze_windows(frozen_index, school_viewer)] == ["sis"]
        with pytest.raises(NotFoundError):
            lift_freeze_window(frozen_index, school_viewer, 2)
        with pytest.raises(AccessDenied):
            add_freeze_window(frozen_index, school_viewer, "ccwis", "2030-04-01", "2030-04-02", "testing")
        with pytest.raises(AccessDenied):
            list_freeze_windows(frozen_index, replace(school_viewer, actions=frozenset({Action.DECIDE})))
        for days in (("2030-03-09", "2030-03-09"), ("2030-01-01", "2030-02-01"), ("soon", "2030-04-01")):
            with pytest.raises(InputError):
                add_freeze_window(frozen_index, OPERATOR, "sis", *days, "testing")
        with pytest.raises(InputError, match="366"):
            add_freeze_window(frozen_index, OPERATOR, "sis", "2030-03-09", "2031-03-11", "testing")
    with clock_at("2030-03-06"):
        assert list_freeze_windows(frozen_index, OPERATOR)[0].state == "over"
        with pytest.raises(ConflictError, match="over"):
            lift_freeze_window(frozen_index, OPERATOR, 1)
