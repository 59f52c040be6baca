"""Freeze windows: what is decided waits for the first day after them, or for a person who lifts them."""

from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from unittest.mock import patch

import pytest

from mpi.bootstrap import open_matcher
from mpi.domain import clock
from mpi.domain.decision import DecisionKind
from mpi.domain.errors import AccessDenied, ConflictError, InputError, NotFoundError
from mpi.domain.viewer import Action, SecondApprover, Viewer
from mpi.service.gates.holds import list_holds, release_hold
from mpi.service.maintenance.verify import verify
from mpi.service.recluster.plan import recluster
from mpi.service.recluster.proposals import apply_proposal, get_proposal, propose
from mpi.service.stewardship.approvals import approve
from mpi.service.stewardship.decisions import DecisionRequest, decide, get_decision
from mpi.service.stewardship.deferred_steps import apply_due_decisions
from mpi.service.stewardship.freeze_windows import add_freeze_window, lift_freeze_window, list_freeze_windows
from mpi.service.stewardship.merge import StepOptions, merge, move, split
from mpi.service.stewardship.undo import undo_step
from tests.index import OPERATOR, crosswalk, with_settings
from tests.models import tiny_model
from tests.unit.service.stewardship.test_decisions import record_refs, upsert_record

BO = {"first_name": "Bo", "last_name": "Zwart", "birth_date": "2009-01-02", "postal_code": "44444"}
CLEO = {"first_name": "Cleo", "last_name": "Ruiz", "birth_date": "2008-08-08", "postal_code": "45555"}
WHY = StepOptions("one-child")
SECOND = Viewer("second", None, frozenset(Action), None)


@contextmanager
def on(day: str):
    """Every clock shows noon of a day."""
    moment = datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=UTC)
    with patch.object(clock, "now", lambda: moment), patch.object(clock, "today", lambda: day):
        yield


@pytest.fixture
def two(index):
    """Two children, one in each source, and a count of the school's from the third to the fifth of March."""
    with on("2030-03-01"):
        upsert_record(index, "sis:1")
        upsert_record(index, "ccwis:9", **BO)
        add_freeze_window(index, OPERATOR, "sis", "2030-03-03", "2030-03-06", "count-day")
    return index


def eids(index) -> list[str]:
    links = crosswalk(index)
    return [links["sis", "1"], links["ccwis", "9"]]


def together(index) -> bool:
    return len(set(eids(index))) == 1


def test_a_merge_within_a_window_waits_for_the_first_day_after_it_with_the_survivor_that_was_chosen(two):
    before = eids(two)
    with on("2030-03-04"):
        done = merge(two, OPERATOR, before, WHY, survivor=before[1])
        assert (done.held_until, done.moved) == ("2030-03-06", ())
        assert apply_due_decisions(two, OPERATOR) == 0
    assert not together(two)
    with on("2030-03-06"):
        assert apply_due_decisions(two, OPERATOR) == 1
    assert eids(two) == [before[1], before[1]]
    assert verify(two, OPERATOR) == []


def test_a_preview_shows_what_it_will_do_and_until_when_it_waits(two):
    with on("2030-03-04"):
        seen = merge(two, OPERATOR, eids(two), replace(WHY, preview=True))
    assert len(seen.moved) == 1
    assert seen.held_until == "2030-03-06"
    assert not together(two)


def test_outside_the_window_and_of_other_sources_nothing_waits(two):
    upsert_record(two, "ccwis:8", first_name="Cleo", last_name="Ruiz", birth_date="2008-08-08")
    with on("2030-03-04"):
        free = DecisionRequest(DecisionKind.SAME, (record_refs("ccwis:8", "ccwis:9"),), "same-child")
        assert decide(two, OPERATOR, free).held_until is None
    with on("2030-03-02"):
        assert merge(two, OPERATOR, eids(two), WHY).held_until is None
    assert together(two)


def test_a_decision_waits_too_where_another_record_of_its_person_is_of_the_source(two):
    with on("2030-03-02"):
        merge(two, OPERATOR, eids(two), WHY)
        upsert_record(two, "ccwis:8", first_name="Cleo", last_name="Ruiz", birth_date="2008-08-08")
    with on("2030-03-04"):
        asked = DecisionRequest(DecisionKind.SAME, (record_refs("ccwis:8", "ccwis:9"),), "same-child")
        assert decide(two, OPERATOR, asked).held_until == "2030-03-06"
        mine = Viewer("agency", None, frozenset(Action), frozenset({"ccwis"}))
        told = decide(two, mine, asked, preview=True)
    assert told.held_until is None, "that would tell that the person has a record elsewhere"


def test_windows_that_meet_are_one_wait_and_a_day_that_its_maker_chose_counts(two):
    add_freeze_window(two, OPERATOR, "ccwis", "2030-03-06", "2030-03-08", "reporting-period")
    with on("2030-03-02"):
        later = DecisionRequest(DecisionKind.SAME, (record_refs("sis:1", "ccwis:9"),), "same-child", "2030-03-05")
        assert decide(two, OPERATOR, later).held_until == "2030-03-08"
        free = replace(later, effective_from="2030-03-09")
        assert decide(two, OPERATOR, free, preview=True).held_until is None


def test_lifting_a_window_lets_what_waits_for_it_alone_take_effect(two):
    with on("2030-03-04"):
        merge(two, OPERATOR, eids(two), WHY)
        assert not together(two)
        ended = lift_freeze_window(two, OPERATOR, 1)
        assert (ended.state, together(two)) == ("lifted", True)
        with pytest.raises(ConflictError, match="lifted"):
            lift_freeze_window(two, OPERATOR, 1)


def test_a_window_that_is_added_later_holds_what_would_be_due_in_it(two):
    with on("2030-03-04"):
        done = merge(two, OPERATOR, eids(two), WHY)
        add_freeze_window(two, OPERATOR, "sis", "2030-03-06", "2030-03-10", "testing")
    with on("2030-03-07"):
        assert apply_due_decisions(two, OPERATOR) == 0
        assert get_decision(two, OPERATOR, done.decisions[0]).effective_from == "2030-03-10"
    with on("2030-03-10"):
        assert apply_due_decisions(two, OPERATOR) == 1
    assert together(two)


def test_what_waits_can_be_taken_back_and_what_binds_cannot_until_the_window_is_over(two):
    with on("2030-03-02"):
        bound = merge(two, OPERATOR, eids(two), WHY)
    with on("2030-03-04"):
        waiting = split(
            two, OPERATOR, eids(two)[0], [record_refs("sis:1")], StepOptions("two", supersedes=bound.decisions)
        )
        assert waiting.held_until == "2030-03-06"
        with pytest.raises(ConflictError, match="frozen until 2030-03-06"):
            undo_step(two, OPERATOR, bound.step)
        undo_step(two, OPERATOR, waiting.step)
    with on("2030-03-06"):
        assert apply_due_decisions(two, OPERATOR) == 0
        undo_step(two, OPERATOR, bound.step)
    assert not together(two)


def test_what_a_second_approver_lets_pass_within_a_window_waits_for_its_end(two):
    careful = with_settings(two, second_approver=SecondApprover.ALWAYS)
    with on("2030-03-02"):
        asked = merge(careful, OPERATOR, eids(two), WHY)
    with on("2030-03-04"):
        approve(careful, SECOND, asked.step)
        assert not together(two)
    with on("2030-03-06"):
        assert apply_due_decisions(two, OPERATOR) == 1
    assert together(two)


@pytest.fixture
def careful(two):
    """The same where everything asks for a second word, and a child of two records in the other source."""
    with on("2030-03-01"):
        upsert_record(two, "ccwis:1", **CLEO)
        upsert_record(two, "ccwis:2", **CLEO)
    return with_settings(two, second_approver=SecondApprover.ALWAYS)


def statuses(index, done) -> set[tuple[str, str | None]]:
    found = [get_decision(index, OPERATOR, number) for number in done.decisions]
    return {(one.status, one.effective_from) for one in found}


def a_move(index):
    """One of the two records of a child of one source, to a child of the source that is frozen."""
    links = crosswalk(index)
    return move(index, OPERATOR, links["ccwis", "1"], record_refs("ccwis:2"), links["sis", "1"], WHY)


@pytest.mark.parametrize("lifted", [False, True])
def test_a_move_that_is_approved_within_a_window_takes_effect_wholly_once_it_is_over_or_lifted(
    careful, lifted
):
    with on("2030-03-01"):
        asked = a_move(careful)
        before = crosswalk(careful)
    with on("2030-03-04"):
        approve(careful, SECOND, asked.step)
        assert statuses(careful, asked) == {("pending", "2030-03-06")}
        assert (apply_due_decisions(careful, OPERATOR), crosswalk(careful)) == (0, before)
        if lifted:
            lift_freeze_window(careful, OPERATOR, 1)
    with on("2030-03-06"):
        assert apply_due_decisions(careful, OPERATOR) == (0 if lifted else 2)
    after = crosswalk(careful)
    assert after == before | {("ccwis", "2"): before["sis", "1"]}
    assert verify(careful, OPERATOR) == []


def test_what_is_approved_within_a_window_of_another_record_of_its_person_waits_for_its_end(careful):
    with on("2030-03-01"):
        upsert_record(careful, "ccwis:3")  # the child of the school's record
        asked = decide(
            careful,
            OPERATOR,
            DecisionRequest(DecisionKind.SAME, (record_refs("ccwis:3", "ccwis:9"),), "same-child"),
        )
        mine = Viewer("agency", None, frozenset(Action), frozenset({"ccwis"}))
        untold = decide(
            careful, mine, DecisionRequest(DecisionKind.UNSURE, (record_refs("ccwis:3", "ccwis:1"),), "ask")
        )
    with on("2030-03-04"):
        approve(careful, SECOND, asked.step)
        assert statuses(careful, asked) == {("pending", "2030-03-06")}
        approve(careful, SECOND, untold.step)
        assert statuses(careful, untold) == {("in_force", None)}, "that would tell its maker of the record"


def test_an_undo_is_not_approved_within_a_window_but_after_it_or_once_it_is_lifted(careful):
    with on("2030-03-01"):
        done = merge(careful, OPERATOR, eids(careful), WHY)
        approve(careful, SECOND, done.step)
        undoing = undo_step(careful, OPERATOR, done.step)
    assert undoing.awaiting
    with on("2030-03-04"):
        with pytest.raises(ConflictError, match="frozen until 2030-03-06"):
            approve(careful, SECOND, undoing.step)
        assert together(careful)
        lift_freeze_window(careful, OPERATOR, 1)
        assert together(careful)
        approve(careful, SECOND, undoing.step)
    assert not together(careful)


def test_what_waits_for_others_words_heeds_no_window_that_was_lifted_before_they_came(careful):
    with on("2030-03-04"):
        asked = merge(careful, OPERATOR, eids(careful), WHY)
        assert (asked.held_until, together(careful)) == ("2030-03-06", False)
        lift_freeze_window(careful, OPERATOR, 1)
        approve(careful, SECOND, asked.step)
    assert together(careful)


def test_an_approved_item_of_a_proposal_is_held_and_released_by_its_date_or_by_a_person(index, tmp_path):
    with on("2030-03-01"):
        for source in ("sis:1", "ccwis:1"):
            upsert_record(index, source, postal_code=None)
        add_freeze_window(index, OPERATOR, "sis", "2030-03-01", "2030-03-06", "count-day")
        stricter = open_matcher(str(tiny_model(tmp_path / "stricter", version="2", link=17.0)))
        made = propose(index, OPERATOR, stricter)
        done = apply_proposal(index, OPERATOR, stricter, made.id)
        now = replace(index, matcher=stricter)
        links = crosswalk(now)
        assert (done.applied, done.held) == (0, 1)
        assert [item.status for item in get_proposal(now, OPERATOR, made.id).items] == ["held"]
        assert links["sis", "1"] == links["ccwis", "1"]
        [held] = list_holds(now, OPERATOR)
        assert held.held_until == "2030-03-06"
        assert recluster(now, OPERATOR, stricter, apply=False).is_empty
        assert apply_due_decisions(now, OPERATOR) == 0
    with on("2030-03-06"):
        assert apply_due_decisions(now, OPERATOR) == 1
        links = crosswalk(now)
        assert links["sis", "1"] != links["ccwis", "1"]
        with pytest.raises(NotFoundError):
            release_hold(now, OPERATOR, held.id)
        assert verify(now, OPERATOR) == []


def test_windows_are_listed_for_who_may_see_their_source_and_refused_where_they_make_no_sense(two):
    with on("2030-03-03"):
        add_freeze_window(two, OPERATOR, "ccwis", "2030-04-01", "2030-04-02", "testing")
        assert [(w.source, w.state, w.by) for w in list_freeze_windows(two, OPERATOR)] == [
            ("sis", "open", "operator"),
            ("ccwis", "coming", "operator"),
        ]
        mine = Viewer("school", None, frozenset({Action.SOURCE_ADMIN}), frozenset({"sis"}))
        assert [window.source for window in list_freeze_windows(two, mine)] == ["sis"]
        with pytest.raises(NotFoundError):
            lift_freeze_window(two, mine, 2)
        with pytest.raises(AccessDenied):
            add_freeze_window(two, mine, "ccwis", "2030-04-01", "2030-04-02", "testing")
        with pytest.raises(AccessDenied):
            list_freeze_windows(two, replace(mine, actions=frozenset({Action.DECIDE})))
        for days in (("2030-03-09", "2030-03-09"), ("2030-01-01", "2030-02-01"), ("soon", "2030-04-01")):
            with pytest.raises(InputError):
                add_freeze_window(two, OPERATOR, "sis", *days, "testing")
        with pytest.raises(InputError, match="366"):
            add_freeze_window(two, OPERATOR, "sis", "2030-03-09", "2031-03-11", "testing")
    with on("2030-03-06"):
        assert list_freeze_windows(two, OPERATOR)[0].state == "over"
        with pytest.raises(ConflictError, match="over"):
            lift_freeze_window(two, OPERATOR, 1)
