"""Test re-cluster proposals: apply, hold, release, refuse, reject and roll back."""

from dataclasses import replace

import pytest

from mpi.composition.models import open_matcher
from mpi.domain.errors import AccessDenied, ConflictError, DecisionConflict, InputError, NotFoundError
from mpi.domain.viewer import Action, Viewer
from mpi.service.gates.holds import list_holds, refuse_hold, release_hold
from mpi.service.maintenance.verify import verify
from mpi.service.recluster.proposal_application import apply_proposal, roll_back_proposal
from mpi.service.recluster.proposals import get_proposal, list_proposals, propose, reject_proposal
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.records.upsert import upsert
from mpi.service.review.task_list import list_review_tasks
from mpi.service.stewardship.decisions import list_decisions
from mpi.service.stewardship.undo import undo_decision, undo_step
from tests.index import OPERATOR, crosswalk, make_child, partition_of
from tests.models import tiny_model
from tests.unit.service.stewardship.test_decisions import make_decision


def upsert_doubtful_pair(index, number: int, sources=("sis", "ccwis"), enrolled: str | None = None) -> None:
    """Upsert two records of 16.1 bits, which only the stricter model separates."""
    for source in sources:
        child = make_child(
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
def three_children(index):
    """An index with three children with a doubtful link each."""
    for number in range(3):
        upsert_doubtful_pair(index, number)
    assert len(partition_of(index)) == 3
    return index


def are_separate(index, number: int) -> bool:
    links = crosswalk(index)
    return links["sis", str(number)] != links["ccwis", str(number)]


def test_proposal_states_its_changes_and_changes_nothing(three_children, stricter):
    before = crosswalk(three_children)
    proposal = propose(three_children, OPERATOR, stricter)
    assert crosswalk(three_children) == before
    assert (proposal.status, proposal.merge, proposal.split, proposal.move) == ("open", 0, 3, 0)
    assert (proposal.moved, proposal.ids_new, proposal.ids_retired) == (3, 3, 0)
    assert proposal.tasks == 3
    assert [item.no for item in proposal.items] == [1, 2, 3]
    for item in proposal.items:
        [person] = item.before
        assert {group.enterprise_id for group in item.after} == {person.enterprise_id, None}
    assert get_proposal(three_children, OPERATOR, proposal.id) == proposal
    assert [listed.id for listed in list_proposals(three_children, OPERATOR)] == [proposal.id]


def test_fully_applied_proposal_gives_the_proposed_ids(three_children, stricter):
    proposal = propose(three_children, OPERATOR, stricter)
    application = apply_proposal(three_children, OPERATOR, stricter, proposal.id)
    assert (
        application.status,
        application.applied,
        application.held,
        application.changed,
        application.model,
    ) == ("applied", 3, 0, 0, "tiny/2")
    stricter_index = replace(three_children, matcher=stricter)
    links = crosswalk(stricter_index)
    for item in proposal.items:
        for group in item.after:
            if group.enterprise_id is not None:
                assert {links[record.source, record.local_id] for record in group.records} == {
                    group.enterprise_id
                }
    assert all(are_separate(stricter_index, number) for number in range(3))
    assert list_holds(stricter_index, OPERATOR) == []
    assert verify(stricter_index, OPERATOR) == []


def test_partly_applied_proposal_is_rolled_back(three_children, stricter):
    before = crosswalk(three_children)
    proposal = propose(three_children, OPERATOR, stricter)
    application = apply_proposal(three_children, OPERATOR, stricter, proposal.id, [proposal.items[0].no])
    assert (application.applied, application.held) == (1, 2)
    stricter_index = replace(three_children, matcher=stricter)
    assert [are_separate(stricter_index, number) for number in range(3)].count(True) == 1
    assert len(list_holds(stricter_index, OPERATOR)) == 2
    assert recluster(stricter_index, OPERATOR, stricter, apply=True).is_empty
    assert verify(stricter_index, OPERATOR) == []
    assert [item.status for item in get_proposal(stricter_index, OPERATOR, proposal.id).items] == [
        "applied",
        "held",
        "held",
    ]
    rollback = roll_back_proposal(stricter_index, OPERATOR, three_children.matcher, proposal.id)
    assert rollback.status == "rolled_back"
    assert crosswalk(three_children) == before
    assert list_holds(three_children, OPERATOR) == []
    assert verify(three_children, OPERATOR) == []
    with pytest.raises(ConflictError, match="nothing to roll back"):
        roll_back_proposal(three_children, OPERATOR, three_children.matcher, proposal.id)


@pytest.mark.parametrize("enrolled", ["sis", "ccwis"])
@pytest.mark.parametrize("first", [("sis", "ccwis"), ("ccwis", "sis")])
def test_immediate_rollback_of_a_proposal_restores_every_id(index, stricter, enrolled, first):
    for number in range(3):
        upsert_doubtful_pair(index, number, first, enrolled)
    before = crosswalk(index)
    proposal = propose(index, OPERATOR, stricter)
    apply_proposal(index, OPERATOR, stricter, proposal.id)
    stricter_index = replace(index, matcher=stricter)
    assert len(partition_of(stricter_index)) == 6
    roll_back_proposal(stricter_index, OPERATOR, index.matcher, proposal.id)
    assert crosswalk(index) == before
    assert verify(index, OPERATOR) == []


@pytest.fixture
def strictest(tmp_path):
    """A matcher with a still higher link threshold."""
    return open_matcher(str(tiny_model(tmp_path / "strictest", version="3", link=18.0)))


def model_in_force(index) -> str:
    with index.database.read(OPERATOR) as unit:
        active = unit.configs.active_config()
        return f"{active.model_name}/{active.model_version}"


def test_proposals_are_rolled_back_in_reverse_order(three_children, stricter, strictest):
    before = crosswalk(three_children)
    first = propose(three_children, OPERATOR, stricter)
    apply_proposal(three_children, OPERATOR, stricter, first.id)
    current_index = replace(three_children, matcher=stricter)
    separated = crosswalk(current_index)
    second = propose(current_index, OPERATOR, strictest)
    apply_proposal(current_index, OPERATOR, strictest, second.id)
    current_index = replace(three_children, matcher=strictest)
    with pytest.raises(ConflictError, match=f"proposal {second.id} was applied after proposal {first.id}"):
        roll_back_proposal(current_index, OPERATOR, three_children.matcher, first.id)
    assert (model_in_force(current_index), crosswalk(current_index)) == ("tiny/3", separated)
    roll_back_proposal(current_index, OPERATOR, stricter, second.id)
    current_index = replace(three_children, matcher=stricter)
    assert (model_in_force(current_index), crosswalk(current_index)) == ("tiny/2", separated)
    roll_back_proposal(current_index, OPERATOR, three_children.matcher, first.id)
    assert (model_in_force(three_children), crosswalk(three_children)) == ("tiny/1", before)
    assert verify(three_children, OPERATOR) == []


def test_proposal_is_not_rolled_back_past_a_later_recluster(three_children, stricter, strictest):
    proposal = propose(three_children, OPERATOR, stricter)
    apply_proposal(three_children, OPERATOR, stricter, proposal.id)
    recluster(replace(three_children, matcher=stricter), OPERATOR, strictest, apply=True)
    current_index = replace(three_children, matcher=strictest)
    with pytest.raises(ConflictError, match="run 2 has put a configuration of model tiny/3 in force since"):
        roll_back_proposal(current_index, OPERATOR, three_children.matcher, proposal.id)
    assert model_in_force(current_index) == "tiny/3"
    recluster(current_index, OPERATOR, stricter, apply=True)
    current_index = replace(three_children, matcher=stricter)
    assert (
        roll_back_proposal(current_index, OPERATOR, three_children.matcher, proposal.id).status
        == "rolled_back"
    )
    assert model_in_force(three_children) == "tiny/1"


def test_rollback_restores_the_model_in_force_before_the_proposal(three_children, stricter, strictest):
    proposal = propose(three_children, OPERATOR, stricter)
    recluster(three_children, OPERATOR, strictest, apply=True)
    current_index = replace(three_children, matcher=strictest)
    before = crosswalk(current_index)
    apply_proposal(current_index, OPERATOR, stricter, proposal.id)
    current_index = replace(three_children, matcher=stricter)
    assert get_proposal(current_index, OPERATOR, proposal.id).model_before == "tiny/3"
    with pytest.raises(ConflictError, match="before proposal 1 model tiny/3 was in force"):
        roll_back_proposal(current_index, OPERATOR, three_children.matcher, proposal.id)
    roll_back_proposal(current_index, OPERATOR, strictest, proposal.id)
    current_index = replace(three_children, matcher=strictest)
    assert (model_in_force(current_index), crosswalk(current_index)) == ("tiny/3", before)
    assert verify(current_index, OPERATOR) == []


def test_item_that_changed_since_the_proposal_becomes_a_hold(three_children, stricter):
    """The changed item becomes a hold, and the others are applied as proposed."""
    proposal = propose(three_children, OPERATOR, stricter)
    upsert(
        three_children,
        OPERATOR,
        "sis",
        make_child("9", first_name="BBBBB", last_name="GGGGG", birth_date="2010-03-09", postal_code=None),
    )
    application = apply_proposal(three_children, OPERATOR, stricter, proposal.id)
    assert (application.applied, application.held, application.changed) == (2, 0, 1)
    stricter_index = replace(three_children, matcher=stricter)
    assert [are_separate(stricter_index, number) for number in range(3)] == [False, True, True]
    [held] = list_holds(stricter_index, OPERATOR)
    assert len(held.before[0].records) == 3
    assert [item.status for item in get_proposal(stricter_index, OPERATOR, proposal.id).items].count(
        "changed"
    ) == 1
    assert verify(stricter_index, OPERATOR) == []


def test_person_releases_or_refuses_a_hold(three_children, stricter):
    proposal = propose(three_children, OPERATOR, stricter)
    apply_proposal(three_children, OPERATOR, stricter, proposal.id, [])
    stricter_index = replace(three_children, matcher=stricter)
    first, second, _ = list_holds(stricter_index, OPERATOR)
    assert release_hold(stricter_index, OPERATOR, first.id) == 1
    assert [are_separate(stricter_index, number) for number in range(3)] == [True, False, False]
    assert refuse_hold(stricter_index, OPERATOR, second.id) == 0
    [decision] = list_decisions(stricter_index, OPERATOR)
    assert (decision.kind, decision.authority, decision.reason) == ("SAME", "steward", "hold-refused")
    assert len(list_holds(stricter_index, OPERATOR)) == 1
    for ended in (first.id, second.id, 99):
        with pytest.raises(NotFoundError):
            release_hold(stricter_index, OPERATOR, ended)
    assert verify(stricter_index, OPERATOR) == []


@pytest.mark.parametrize("undo_whole_step", [True, False], ids=["step", "decision"])
def test_undo_of_a_refusal_reopens_the_hold_and_restores_every_id(three_children, stricter, undo_whole_step):
    proposal = propose(three_children, OPERATOR, stricter)
    apply_proposal(three_children, OPERATOR, stricter, proposal.id, [])
    stricter_index = replace(three_children, matcher=stricter)
    before, held = crosswalk(stricter_index), list_holds(stricter_index, OPERATOR)
    refuse_hold(stricter_index, OPERATOR, held[0].id)
    [decision] = list_decisions(stricter_index, OPERATOR)
    if undo_whole_step:
        previewed = undo_step(stricter_index, OPERATOR, decision.step, preview=True)
        assert (previewed.moved, list_holds(stricter_index, OPERATOR)) == ((), held[1:])
        undo_step(stricter_index, OPERATOR, decision.step)
    else:
        undo_decision(stricter_index, OPERATOR, decision.id)
    assert (crosswalk(stricter_index), list_holds(stricter_index, OPERATOR)) == (before, held)
    assert verify(stricter_index, OPERATOR) == []
    assert release_hold(stricter_index, OPERATOR, held[0].id) == 1


def test_undo_of_a_refusal_after_the_rollback_leaves_no_hold(three_children, stricter):
    proposal = propose(three_children, OPERATOR, stricter)
    apply_proposal(three_children, OPERATOR, stricter, proposal.id, [])
    stricter_index = replace(three_children, matcher=stricter)
    before = crosswalk(stricter_index)
    refuse_hold(stricter_index, OPERATOR, list_holds(stricter_index, OPERATOR)[0].id)
    [decision] = list_decisions(stricter_index, OPERATOR)
    roll_back_proposal(stricter_index, OPERATOR, three_children.matcher, proposal.id)
    undo_step(three_children, OPERATOR, decision.step)
    assert (crosswalk(three_children), list_holds(three_children, OPERATOR)) == (before, [])
    assert verify(three_children, OPERATOR) == []


def test_hold_is_not_refused_against_a_later_decision(three_children, stricter):
    """A refusal that contradicts a steward's decision reports that decision."""
    proposal = propose(three_children, OPERATOR, stricter)
    apply_proposal(three_children, OPERATOR, stricter, proposal.id, [])
    stricter_index = replace(three_children, matcher=stricter)
    decision = make_decision(stricter_index, "DIFFERENT", ["sis:0"], ["ccwis:0"])
    held = next(
        item
        for item in list_holds(stricter_index, OPERATOR)
        if any(record.local_id == "0" for record in item.before[0].records)
    )
    with pytest.raises(DecisionConflict) as error:
        refuse_hold(stricter_index, OPERATOR, held.id)
    assert error.value.chain == (decision,)
    assert held.id in {hold.id for hold in list_holds(stricter_index, OPERATOR)}


def test_held_merge_keeps_persons_separate_until_a_decision_joins_them(three_children, stricter, tmp_path):
    recluster(three_children, OPERATOR, stricter, apply=True)
    stricter_index = replace(three_children, matcher=stricter)
    proposal = propose(stricter_index, OPERATOR, three_children.matcher)
    assert proposal.merge == 3
    apply_proposal(stricter_index, OPERATOR, three_children.matcher, proposal.id, [])
    assert all(are_separate(three_children, number) for number in range(3))
    assert verify(three_children, OPERATOR) == []
    make_decision(three_children, "SAME", ["sis:0", "ccwis:0"])
    assert not are_separate(three_children, 0)
    assert list_review_tasks(three_children, OPERATOR) == []
    assert verify(three_children, OPERATOR) == []


def test_rejected_proposal_leaves_no_trace(three_children, stricter):
    proposal = propose(three_children, OPERATOR, stricter)
    reject_proposal(three_children, OPERATOR, proposal.id)
    assert (list_holds(three_children, OPERATOR), len(partition_of(three_children))) == ([], 3)
    with pytest.raises(ConflictError, match="rejected"):
        apply_proposal(three_children, OPERATOR, stricter, proposal.id)


def test_invalid_or_forbidden_calls_change_nothing(three_children, stricter):
    proposal = propose(three_children, OPERATOR, stricter)
    before = crosswalk(three_children)
    with pytest.raises(InputError):
        apply_proposal(three_children, OPERATOR, stricter, proposal.id, [4])
    with pytest.raises(ConflictError, match="tiny/2"):
        apply_proposal(three_children, OPERATOR, three_children.matcher, proposal.id)
    with pytest.raises(NotFoundError):
        apply_proposal(three_children, OPERATOR, stricter, 99)
    with pytest.raises(ConflictError):
        roll_back_proposal(three_children, OPERATOR, three_children.matcher, proposal.id)
    assert crosswalk(three_children) == before
    for viewer in (
        Viewer("district", None, frozenset(Action), frozenset({"sis"})),
        Viewer("reader", None, frozenset(Action) - {Action.RECLUSTER}, None),
    ):
        for call in (
            lambda caller: propose(three_children, caller, stricter),
            lambda caller: get_proposal(three_children, caller, proposal.id),
            lambda caller: list_proposals(three_children, caller),
            lambda caller: list_holds(three_children, caller),
            lambda caller: apply_proposal(three_children, caller, stricter, proposal.id),
            lambda caller: reject_proposal(three_children, caller, proposal.id),
        ):
            with pytest.raises(AccessDenied):
                call(viewer)
