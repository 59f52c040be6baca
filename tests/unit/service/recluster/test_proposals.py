"""A re-cluster as a proposal: read, applied in part, held, released, refused, rolled back."""

from dataclasses import replace

import pytest

from mpi.bootstrap import open_matcher
from mpi.domain.errors import AccessDenied, ConflictError, DecisionConflict, InputError, NotFoundError
from mpi.domain.viewer import Action, Viewer
from mpi.service.gates.holds import list_holds, refuse_hold, release_hold
from mpi.service.maintenance.verify import verify
from mpi.service.recluster.proposals import (
    apply_proposal,
    get_proposal,
    list_proposals,
    propose,
    reject_proposal,
    roll_back_proposal,
)
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.records.upsert import upsert
from mpi.service.review.task_list import list_review_tasks
from mpi.service.stewardship.decisions import list_decisions
from mpi.service.stewardship.undo import undo_decision, undo_step
from tests.index import OPERATOR, a_child, crosswalk, partition_of
from tests.models import tiny_model
from tests.unit.service.stewardship.test_decisions import make_decision


@pytest.fixture
def stricter(tmp_path):
    return open_matcher(str(tiny_model(tmp_path / "stricter", version="2", link=17.0)))


def pair(index, number: int, sources=("sis", "ccwis"), enrolled: str | None = None) -> None:
    """Two records of 16.1 bits: one child by the tiny model, two by a stricter one."""
    for source in sources:
        child = a_child(
            str(number),
            first_name="Bcdf"[number] * 5,
            last_name="Ghjk"[number] * 5,
            birth_date=f"201{number}-03-09",
            postal_code=None,
        )
        if source == enrolled:
            child["enrollments"] = [{"school_id": "1", "entry_date": "2020-08-01"}]
        upsert(index, OPERATOR, source, child)


@pytest.fixture
def three(index):
    """Three children with a doubtful link each."""
    for number in range(3):
        pair(index, number)
    assert len(partition_of(index)) == 3
    return index


def apart(index, number: int) -> bool:
    links = crosswalk(index)
    return links["sis", str(number)] != links["ccwis", str(number)]


def test_a_proposal_says_what_it_would_change_and_changes_nothing(three, stricter):
    before = crosswalk(three)
    made = propose(three, OPERATOR, stricter)
    assert crosswalk(three) == before
    assert (made.status, made.merge, made.split, made.move) == ("open", 0, 3, 0)
    assert (made.moved, made.ids_new, made.ids_retired) == (3, 3, 0)
    assert made.tasks == 3
    assert [item.no for item in made.items] == [1, 2, 3]
    for item in made.items:
        [person] = item.before
        assert {group.enterprise_id for group in item.after} == {person.enterprise_id, None}
    assert get_proposal(three, OPERATOR, made.id) == made
    assert [one.id for one in list_proposals(three, OPERATOR)] == [made.id]


def test_a_proposal_applied_whole_gives_the_ids_that_were_read(three, stricter):
    made = propose(three, OPERATOR, stricter)
    done = apply_proposal(three, OPERATOR, stricter, made.id)
    assert (done.status, done.applied, done.held, done.changed, done.model) == ("applied", 3, 0, 0, "tiny/2")
    now = replace(three, matcher=stricter)
    links = crosswalk(now)
    for item in made.items:
        for group in item.after:
            if group.enterprise_id is not None:
                assert {links[r.source, r.local_id] for r in group.records} == {group.enterprise_id}
    assert all(apart(now, number) for number in range(3))
    assert list_holds(now, OPERATOR) == []
    assert verify(now, OPERATOR) == []


def test_a_new_model_with_half_its_items_approved_then_rolled_back(three, stricter):
    before = crosswalk(three)
    made = propose(three, OPERATOR, stricter)
    done = apply_proposal(three, OPERATOR, stricter, made.id, [made.items[0].no])
    assert (done.applied, done.held) == (1, 2)
    now = replace(three, matcher=stricter)
    assert [apart(now, number) for number in range(3)].count(True) == 1
    assert len(list_holds(now, OPERATOR)) == 2
    assert recluster(now, OPERATOR, stricter, apply=True).is_empty
    assert verify(now, OPERATOR) == []
    assert [item.status for item in get_proposal(now, OPERATOR, made.id).items] == ["applied", "held", "held"]
    rolled = roll_back_proposal(now, OPERATOR, three.matcher, made.id)
    assert rolled.status == "rolled_back"
    assert crosswalk(three) == before
    assert list_holds(three, OPERATOR) == []
    assert verify(three, OPERATOR) == []
    with pytest.raises(ConflictError, match="nothing to roll back"):
        roll_back_proposal(three, OPERATOR, three.matcher, made.id)


@pytest.mark.parametrize("enrolled", ["sis", "ccwis"])
@pytest.mark.parametrize("first", [("sis", "ccwis"), ("ccwis", "sis")])
def test_a_proposal_that_is_rolled_back_at_once_leaves_every_id_as_it_was(index, stricter, enrolled, first):
    for number in range(3):
        pair(index, number, first, enrolled)
    before = crosswalk(index)
    made = propose(index, OPERATOR, stricter)
    apply_proposal(index, OPERATOR, stricter, made.id)
    now = replace(index, matcher=stricter)
    assert len(partition_of(now)) == 6
    roll_back_proposal(now, OPERATOR, index.matcher, made.id)
    assert crosswalk(index) == before
    assert verify(index, OPERATOR) == []


@pytest.fixture
def strictest(tmp_path):
    return open_matcher(str(tiny_model(tmp_path / "strictest", version="3", link=18.0)))


def model_in_force(index) -> str:
    with index.database.read(OPERATOR) as unit:
        active = unit.configs.active_config()
        return f"{active.model_name}/{active.model_version}"


def test_proposals_are_rolled_back_the_last_one_first(three, stricter, strictest):
    before = crosswalk(three)
    one = propose(three, OPERATOR, stricter)
    apply_proposal(three, OPERATOR, stricter, one.id)
    now = replace(three, matcher=stricter)
    parted = crosswalk(now)
    two = propose(now, OPERATOR, strictest)
    apply_proposal(now, OPERATOR, strictest, two.id)
    now = replace(three, matcher=strictest)
    with pytest.raises(ConflictError, match=f"proposal {two.id} was applied after proposal {one.id}"):
        roll_back_proposal(now, OPERATOR, three.matcher, one.id)
    assert (model_in_force(now), crosswalk(now)) == ("tiny/3", parted)
    roll_back_proposal(now, OPERATOR, stricter, two.id)
    now = replace(three, matcher=stricter)
    assert (model_in_force(now), crosswalk(now)) == ("tiny/2", parted)
    roll_back_proposal(now, OPERATOR, three.matcher, one.id)
    assert (model_in_force(three), crosswalk(three)) == ("tiny/1", before)
    assert verify(three, OPERATOR) == []


def test_a_proposal_is_not_rolled_back_past_a_later_recluster(three, stricter, strictest):
    made = propose(three, OPERATOR, stricter)
    apply_proposal(three, OPERATOR, stricter, made.id)
    recluster(replace(three, matcher=stricter), OPERATOR, strictest, apply=True)
    now = replace(three, matcher=strictest)
    with pytest.raises(ConflictError, match="run 2 has put a configuration of model tiny/3 in force since"):
        roll_back_proposal(now, OPERATOR, three.matcher, made.id)
    assert model_in_force(now) == "tiny/3"
    recluster(now, OPERATOR, stricter, apply=True)
    now = replace(three, matcher=stricter)
    assert roll_back_proposal(now, OPERATOR, three.matcher, made.id).status == "rolled_back"
    assert model_in_force(three) == "tiny/1"


def test_a_rollback_puts_the_model_in_force_that_was_so_just_before_the_proposal(three, stricter, strictest):
    made = propose(three, OPERATOR, stricter)
    recluster(three, OPERATOR, strictest, apply=True)
    now = replace(three, matcher=strictest)
    before = crosswalk(now)
    apply_proposal(now, OPERATOR, stricter, made.id)
    now = replace(three, matcher=stricter)
    assert get_proposal(now, OPERATOR, made.id).model_before == "tiny/3"
    with pytest.raises(ConflictError, match="before proposal 1 model tiny/3 was in force"):
        roll_back_proposal(now, OPERATOR, three.matcher, made.id)
    roll_back_proposal(now, OPERATOR, strictest, made.id)
    now = replace(three, matcher=strictest)
    assert (model_in_force(now), crosswalk(now)) == ("tiny/3", before)
    assert verify(now, OPERATOR) == []


def test_a_proposal_read_on_monday_and_applied_on_friday_with_one_item_changed(three, stricter):
    """The changed item goes back to the reader as a hold; the others are applied as read."""
    made = propose(three, OPERATOR, stricter)
    upsert(
        three,
        OPERATOR,
        "sis",
        a_child("9", first_name="BBBBB", last_name="GGGGG", birth_date="2010-03-09", postal_code=None),
    )
    done = apply_proposal(three, OPERATOR, stricter, made.id)
    assert (done.applied, done.held, done.changed) == (2, 0, 1)
    now = replace(three, matcher=stricter)
    assert [apart(now, number) for number in range(3)] == [False, True, True]
    [held] = list_holds(now, OPERATOR)
    assert len(held.before[0].records) == 3
    assert [item.status for item in get_proposal(now, OPERATOR, made.id).items].count("changed") == 1
    assert verify(now, OPERATOR) == []


def test_a_hold_is_released_or_refused_by_a_person(three, stricter):
    made = propose(three, OPERATOR, stricter)
    apply_proposal(three, OPERATOR, stricter, made.id, [])
    now = replace(three, matcher=stricter)
    first, second, _ = list_holds(now, OPERATOR)
    assert release_hold(now, OPERATOR, first.id) == 1
    assert [apart(now, number) for number in range(3)] == [True, False, False]
    assert refuse_hold(now, OPERATOR, second.id) == 0
    [word] = list_decisions(now, OPERATOR)
    assert (word.kind, word.authority, word.reason) == ("SAME", "steward", "hold-refused")
    assert len(list_holds(now, OPERATOR)) == 1
    for ended in (first.id, second.id, 99):
        with pytest.raises(NotFoundError):
            release_hold(now, OPERATOR, ended)
    assert verify(now, OPERATOR) == []


@pytest.mark.parametrize("whole", [True, False], ids=["the step", "its decision"])
def test_a_refusal_that_is_undone_leaves_the_hold_waiting_and_every_id_as_it_was(three, stricter, whole):
    made = propose(three, OPERATOR, stricter)
    apply_proposal(three, OPERATOR, stricter, made.id, [])
    now = replace(three, matcher=stricter)
    before, held = crosswalk(now), list_holds(now, OPERATOR)
    refuse_hold(now, OPERATOR, held[0].id)
    [word] = list_decisions(now, OPERATOR)
    if whole:
        seen = undo_step(now, OPERATOR, word.step, preview=True)
        assert (seen.moved, list_holds(now, OPERATOR)) == ((), held[1:])
        undo_step(now, OPERATOR, word.step)
    else:
        undo_decision(now, OPERATOR, word.id)
    assert (crosswalk(now), list_holds(now, OPERATOR)) == (before, held)
    assert verify(now, OPERATOR) == []
    assert release_hold(now, OPERATOR, held[0].id) == 1


def test_a_refusal_that_is_undone_after_its_proposal_was_rolled_back_leaves_nothing_waiting(three, stricter):
    made = propose(three, OPERATOR, stricter)
    apply_proposal(three, OPERATOR, stricter, made.id, [])
    now = replace(three, matcher=stricter)
    before = crosswalk(now)
    refuse_hold(now, OPERATOR, list_holds(now, OPERATOR)[0].id)
    [word] = list_decisions(now, OPERATOR)
    roll_back_proposal(now, OPERATOR, three.matcher, made.id)
    undo_step(three, OPERATOR, word.step)
    assert (crosswalk(three), list_holds(three, OPERATOR)) == (before, [])
    assert verify(three, OPERATOR) == []


def test_a_hold_is_not_refused_against_what_a_steward_has_said_since(three, stricter):
    """A steward's word is not contradicted by another's without their being told."""
    made = propose(three, OPERATOR, stricter)
    apply_proposal(three, OPERATOR, stricter, made.id, [])
    now = replace(three, matcher=stricter)
    word = make_decision(now, "DIFFERENT", ["sis:0"], ["ccwis:0"])
    held = next(h for h in list_holds(now, OPERATOR) if any(r.local_id == "0" for r in h.before[0].records))
    with pytest.raises(DecisionConflict) as refused:
        refuse_hold(now, OPERATOR, held.id)
    assert refused.value.chain == (word,)
    assert held.id in {hold.id for hold in list_holds(now, OPERATOR)}


def test_a_held_merge_keeps_its_people_apart_and_a_steward_s_word_goes_before_it(three, stricter, tmp_path):
    recluster(three, OPERATOR, stricter, apply=True)
    now = replace(three, matcher=stricter)
    made = propose(now, OPERATOR, three.matcher)
    assert made.merge == 3
    apply_proposal(now, OPERATOR, three.matcher, made.id, [])
    assert all(apart(three, number) for number in range(3))
    assert verify(three, OPERATOR) == []
    make_decision(three, "SAME", ["sis:0", "ccwis:0"])
    assert not apart(three, 0)
    assert list_review_tasks(three, OPERATOR) == []
    assert verify(three, OPERATOR) == []


def test_a_rejected_proposal_leaves_nothing_behind(three, stricter):
    made = propose(three, OPERATOR, stricter)
    reject_proposal(three, OPERATOR, made.id)
    assert (list_holds(three, OPERATOR), len(partition_of(three))) == ([], 3)
    with pytest.raises(ConflictError, match="rejected"):
        apply_proposal(three, OPERATOR, stricter, made.id)


def test_what_cannot_be_applied_is_refused_and_nothing_changes(three, stricter):
    made = propose(three, OPERATOR, stricter)
    before = crosswalk(three)
    with pytest.raises(InputError):
        apply_proposal(three, OPERATOR, stricter, made.id, [4])
    with pytest.raises(ConflictError, match="tiny/2"):
        apply_proposal(three, OPERATOR, three.matcher, made.id)
    with pytest.raises(NotFoundError):
        apply_proposal(three, OPERATOR, stricter, 99)
    with pytest.raises(ConflictError):
        roll_back_proposal(three, OPERATOR, three.matcher, made.id)
    assert crosswalk(three) == before
    for viewer in (
        Viewer("district", None, frozenset(Action), frozenset({"sis"})),
        Viewer("reader", None, frozenset(Action) - {Action.RECLUSTER}, None),
    ):
        for asked in (
            lambda v: propose(three, v, stricter),
            lambda v: get_proposal(three, v, made.id),
            lambda v: list_proposals(three, v),
            lambda v: list_holds(three, v),
            lambda v: apply_proposal(three, v, stricter, made.id),
            lambda v: reject_proposal(three, v, made.id),
        ):
            with pytest.raises(AccessDenied):
                asked(viewer)
