"""Test that a client of one source learns only what its own records explain."""

import pytest

from mpi.domain.decision import DecisionKind
from mpi.domain.errors import ConflictError, InputError, NotFoundError
from mpi.domain.snapshot import Snapshot
from mpi.domain.viewer import Action, SecondApprover, Viewer
from mpi.service.loads.load import LoadOptions, load
from mpi.service.persons.lineage import look_up_lineage
from mpi.service.persons.persons import look_up_person
from mpi.service.records.record_reader import read
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.review.task_list import list_review_tasks
from mpi.service.stewardship.approvals import approve
from mpi.service.stewardship.decisions import DecisionRequest, decide, get_decision, list_decisions
from mpi.service.stewardship.merge_split_move import StepOptions, merge
from mpi.service.stewardship.rekey import rekey
from mpi.service.stewardship.undo import undo_step
from tests.index import OPERATOR, crosswalk, make_child, rows, with_settings
from tests.unit.service.stewardship.test_decisions import (
    SIS_ONLY,
    STRANGER,
    make_decision,
    record_refs,
    upsert_record,
)

WELFARE = Viewer("welfare", None, frozenset(Action), frozenset({"ccwis"}))
PREVIEW = StepOptions("x", preview=True)
FIRST = Viewer("first", None, frozenset(Action), None)
NEVER_GIVEN = "T7K3-M92Q-X0HN"


@pytest.fixture(params=[False, True], ids=["alone", "shared"])
def shared(request, index):
    """An index in which a hidden source holds the same child, or does not."""
    if request.param:
        upsert_record(index, "ccwis:1")
    upsert_record(index, "sis:1")
    upsert_record(index, "sis:2", **STRANGER)
    return index


def both_eids(index) -> list[str]:
    links = crosswalk(index)
    return [links["sis", "1"], links["sis", "2"]]


def change_into_stranger(index, viewer, source, born):
    """Change a record in two steps, since one large change would be held as an overlay."""
    for birth_date in (born, STRANGER["birth_date"]):
        upsert(index, viewer, source, make_child("1", **STRANGER | {"birth_date": birth_date}))


def test_person_without_visible_records_is_empty(shared):
    amara, bo = both_eids(shared)
    withdraw(shared, SIS_ONLY, "sis", "1")
    person = look_up_person(shared, SIS_ONLY, amara)
    assert (person.status, person.now, person.records) == ("empty", (amara,), ())
    with pytest.raises(ConflictError, match="is empty"):
        merge(shared, SIS_ONLY, [amara, bo], PREVIEW)


def test_person_whose_visible_records_moved_is_retired(shared):
    amara, bo = both_eids(shared)
    for name in ("sis:3", "sis:4"):
        upsert_record(shared, name, **STRANGER)
    change_into_stranger(shared, SIS_ONLY, "sis", born="2014-03-09")
    person = look_up_person(shared, SIS_ONLY, amara)
    assert (person.status, person.now, person.records) == ("retired", (bo,), ())
    with pytest.raises(ConflictError, match="is retired"):
        merge(shared, SIS_ONLY, [amara, bo], PREVIEW)


def test_person_is_as_old_as_its_first_visible_record(shared):
    amara, bo = both_eids(shared)
    assert look_up_person(shared, SIS_ONLY, amara).since < look_up_person(shared, SIS_ONLY, bo).since
    with shared.database.read(OPERATOR) as unit:
        person = unit.persons.find_by_eid(amara)
        first = min(
            event.commit_no
            for event in unit.identity_events.events_of([person.id])
            if event.record_id in school_record_ids(unit)
        )
        assert look_up_person(shared, SIS_ONLY, amara).since == unit.commit_info({first})[first][0]


def school_record_ids(unit) -> set[int]:
    return {number for number, label in unit.records.iterate_labels() if label.source == "sis"}


def test_preview_shows_only_effects_on_visible_records(shared):
    request = DecisionRequest(DecisionKind.SAME, (record_refs("sis:1", "sis:2"),), "x")
    previewed = decide(shared, SIS_ONLY, request, preview=True)
    assert sorted(person.change for person in previewed.persons) == ["kept", "retired"]
    assert "ccwis" not in str(previewed)


def test_survivor_outside_the_merge_reveals_nothing(index):
    hidden, bo = upsert_record(index, "ccwis:1"), upsert_record(index, "sis:2", **STRANGER)
    other_eid = upsert_record(index, "sis:3", first_name="Ulf", last_name="Quist", birth_date="2001-05-06")
    for eid in (hidden, NEVER_GIVEN):
        with pytest.raises(InputError, match="survivor"):
            merge(index, SIS_ONLY, [eid, bo], PREVIEW, survivor=other_eid)


def test_rekey_of_another_source_is_hidden_from_the_viewer(index):
    upsert_record(index, "ccwis:1")
    step = rekey(index, WELFARE, "ccwis", {"1": "2"}).step
    with pytest.raises(NotFoundError):
        undo_step(index, SIS_ONLY, step)
    undo_step(index, WELFARE, step)
    with pytest.raises(NotFoundError):
        undo_step(index, SIS_ONLY, step)
    with pytest.raises(ConflictError, match="undone before"):
        undo_step(index, WELFARE, step)


@pytest.mark.parametrize(
    ("order", "names"),
    [((0, 1, 2), "441"), ((2, 1, 0), "321"), ((1, 0, 2), "441"), ((1, 2, 0), "421"), ((2, 0, 1), "331")],
)
def test_rekeys_are_undone_in_any_order(index, order, names):
    """A record has the local ID of the latest re-key in force, or else its first one."""
    upsert_record(index, "ccwis:1")
    steps = [rekey(index, WELFARE, "ccwis", {old: new}).step for old, new in ("12", "23", "34")]
    eid = crosswalk(index)["ccwis", "4"]
    for position, name in zip(order, names, strict=True):
        undo_step(index, WELFARE, steps[position])
        assert crosswalk(index) == {("ccwis", name): eid}
        with pytest.raises(ConflictError, match="undone before"):
            undo_step(index, WELFARE, steps[position])


def test_rekey_is_not_undone_to_the_local_id_of_another_record(index):
    upsert_record(index, "ccwis:1")
    step = rekey(index, WELFARE, "ccwis", {"1": "2"}).step
    upsert_record(index, "ccwis:1", **STRANGER)
    with pytest.raises(ConflictError, match="another record has"):
        undo_step(index, WELFARE, step)


def test_undo_of_a_rekey_gives_no_sealed_record_another_id(index):
    """An expunged record stays refused under its local ID."""
    upsert_record(index, "ccwis:1")
    step = rekey(index, WELFARE, "ccwis", {"1": "2"}).step
    upsert(index, WELFARE, "ccwis", make_child("2", restrictions=[{"kind": "expunged"}]))
    with pytest.raises(NotFoundError):
        undo_step(index, WELFARE, step)
    assert upsert(index, WELFARE, "ccwis", make_child("2")).outcome == "refused"


def test_expunged_record_stays_refused_under_its_earlier_local_id(index):
    upsert_record(index, "ccwis:1")
    upsert_record(index, "ccwis:9", **STRANGER)
    rekey(index, WELFARE, "ccwis", {"1": "2"})
    upsert(index, WELFARE, "ccwis", make_child("2", restrictions=[{"kind": "expunged"}]))
    assert upsert(index, WELFARE, "ccwis", make_child("1")).outcome == "refused"
    with pytest.raises(NotFoundError):
        read(index, WELFARE, "ccwis", "1")
    sent = rows(make_child("1"), make_child("9", **STRANGER))
    assert load(index, WELFARE, "ccwis", sent, LoadOptions(Snapshot.FULL)).counts["rejected"] == 1
    assert set(crosswalk(index)) == {("ccwis", "9")}


@pytest.mark.parametrize("restriction", ["sealed", "expunged"])
@pytest.mark.parametrize("others", [{}, {"9": "8"}])
def test_sealed_record_stays_refused_under_the_local_id_that_its_source_gives_it(index, restriction, others):
    upsert_record(index, "ccwis:9", **STRANGER)
    upsert(index, WELFARE, "ccwis", make_child("1", restrictions=[{"kind": restriction}]))
    if others:
        assert rekey(index, WELFARE, "ccwis", {"1": "2", **others}).unknown == ("1",)
    else:
        with pytest.raises(NotFoundError):
            rekey(index, WELFARE, "ccwis", {"1": "2"})
    for local_id in ("1", "2"):
        assert upsert(index, WELFARE, "ccwis", make_child(local_id)).outcome == "refused"
    assert len(crosswalk(index)) == 1


def test_local_id_of_another_record_is_not_taken_by_a_sealed_one(index):
    upsert_record(index, "ccwis:9", **STRANGER)
    upsert(index, WELFARE, "ccwis", make_child("1", restrictions=[{"kind": "sealed"}]))
    with pytest.raises(NotFoundError):
        rekey(index, WELFARE, "ccwis", {"1": "9"})
    assert upsert(index, WELFARE, "ccwis", make_child("9", **STRANGER)).outcome != "refused"


def test_local_id_given_up_by_an_active_record_is_free(index):
    upsert_record(index, "ccwis:1")
    rekey(index, WELFARE, "ccwis", {"1": "2"})
    assert upsert(index, WELFARE, "ccwis", make_child("1")).outcome != "refused"


def test_upsert_answer_depends_only_on_visible_records(index):
    """A review question about a hidden source's record must not show in the answer."""
    upsert_record(index, "ccwis:1")
    upsert_record(index, "ccwis:2", first_name="Ulf", last_name="Quist", birth_date="2001-05-06")
    linked, similar = (
        upsert(index, SIS_ONLY, "sis", make_child("1")),
        upsert(
            index,
            SIS_ONLY,
            "sis",
            make_child("2", first_name="Ulf", last_name="Quest", birth_date="2001-06-05", postal_code=None),
        ),
    )
    assert crosswalk(index)["ccwis", "1"] == linked.enterprise_id
    for answer in (linked, similar):
        assert (answer.outcome, answer.provisional, answer.tasks) == ("created", False, ())
    assert upsert(index, SIS_ONLY, "sis", make_child("3")).outcome == "linked"


def test_lineage_names_no_client_of_another_source(index):
    """The client of another source would reveal which agency holds the child."""
    upsert_record(index, "sis:1", **STRANGER | {"birth_date": None})
    upsert_record(index, "sis:2", **STRANGER)
    upsert_record(index, "ccwis:1", first_name="Ulf", last_name="Quist", birth_date="2001-05-06")
    make_decision(index, "SAME", ["sis:1", "ccwis:1"])
    change_into_stranger(index, WELFARE, "ccwis", born="2001-05-06")
    amara, bo = both_eids(index)
    assert amara == bo
    assert WELFARE.client in {step.client for step in look_up_lineage(index, OPERATOR, amara)}
    steps = look_up_lineage(index, SIS_ONLY, amara)
    assert {step.client for step in steps} == {None}


def test_decision_suspended_by_a_hidden_one_shows_as_in_force(index):
    """Its conflict task is hidden too."""
    upsert_record(index, "sis:1")
    upsert_record(index, "sis:2", **STRANGER)
    upsert_record(index, "ccwis:1", first_name="Ulf", last_name="Quist", birth_date="2001-05-06")
    make_decision(index, "SAME", ["sis:1", "ccwis:1"])
    make_decision(index, "DIFFERENT", ["ccwis:1"], ["sis:2"])
    number = make_decision(index, "SAME", ["sis:1", "sis:2"], viewer=SIS_ONLY)
    suspended = [decision.id for decision in list_decisions(index, OPERATOR) if decision.suspended]
    assert suspended == [number]
    assert [decision.id for decision in list_decisions(index, SIS_ONLY)] == [number]
    assert not get_decision(index, SIS_ONLY, number).suspended


def test_waiting_decision_is_hidden_from_viewers_of_a_part_of_it(index):
    """A part of it would reveal that another agency is involved."""
    approval_index = with_settings(index, second_approver=SecondApprover.CROSS_AGENCY)
    for name in ("sis:1", "sis:2", "ccwis:1"):
        upsert_record(approval_index, name)
    effect = decide(
        approval_index,
        FIRST,
        DecisionRequest(DecisionKind.SAME, (record_refs("sis:1", "sis:2", "ccwis:1"),), "x"),
    )
    assert effect.awaiting
    with pytest.raises(NotFoundError):
        get_decision(approval_index, SIS_ONLY, effect.decisions[0])
    assert list_decisions(approval_index, SIS_ONLY) == []
    assert list_review_tasks(approval_index, SIS_ONLY) == []
    approve(approval_index, OPERATOR, effect.step)
    assert len(get_decision(approval_index, SIS_ONLY, effect.decisions[0]).groups[0]) == 2
