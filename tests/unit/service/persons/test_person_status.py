"""What a client of one source may tell of persons: nothing that only records of another source explain."""

import pytest

from mpi.domain.decision import DecisionKind
from mpi.domain.errors import ConflictError, InputError, NotFoundError
from mpi.domain.snapshot import Snapshot
from mpi.domain.viewer import Action, SecondApprover, Viewer
from mpi.service.loads.load import LoadOptions, load
from mpi.service.persons.persons import look_up_lineage, look_up_person
from mpi.service.records.upsert import read, upsert, withdraw
from mpi.service.review.task_list import list_review_tasks
from mpi.service.stewardship.approvals import approve
from mpi.service.stewardship.decisions import DecisionRequest, decide, get_decision, list_decisions
from mpi.service.stewardship.merge_split_move import StepOptions, merge
from mpi.service.stewardship.rekey import rekey
from mpi.service.stewardship.undo import undo_step
from tests.index import OPERATOR, a_child, crosswalk, rows, with_settings
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
    """Whether another source, which the viewer may not see, holds the same child, and did so before."""
    if request.param:
        upsert_record(index, "ccwis:1")
    upsert_record(index, "sis:1")
    upsert_record(index, "sis:2", **STRANGER)
    return index


def eids(index) -> list[str]:
    links = crosswalk(index)
    return [links["sis", "1"], links["sis", "2"]]


def becomes_the_stranger(index, viewer, source, born):
    """One thing after the other: all at once would be another child under the local ID, and wait."""
    for birth_date in (born, STRANGER["birth_date"]):
        upsert(index, viewer, source, a_child("1", **STRANGER | {"birth_date": birth_date}))


def test_a_person_whose_visible_records_are_withdrawn_is_empty_whoever_else_it_holds(shared):
    amara, bo = eids(shared)
    withdraw(shared, SIS_ONLY, "sis", "1")
    seen = look_up_person(shared, SIS_ONLY, amara)
    assert (seen.status, seen.now, seen.records) == ("empty", (amara,), ())
    with pytest.raises(ConflictError, match="is empty"):
        merge(shared, SIS_ONLY, [amara, bo], PREVIEW)


def test_a_person_whose_visible_records_moved_on_is_retired_whoever_else_it_holds(shared):
    amara, bo = eids(shared)
    for name in ("sis:3", "sis:4"):
        upsert_record(shared, name, **STRANGER)
    becomes_the_stranger(shared, SIS_ONLY, "sis", born="2014-03-09")
    seen = look_up_person(shared, SIS_ONLY, amara)
    assert (seen.status, seen.now, seen.records) == ("retired", (bo,), ())
    with pytest.raises(ConflictError, match="is retired"):
        merge(shared, SIS_ONLY, [amara, bo], PREVIEW)


def test_a_person_is_no_older_than_the_first_record_that_the_viewer_may_see(shared):
    amara, bo = eids(shared)
    assert look_up_person(shared, SIS_ONLY, amara).since < look_up_person(shared, SIS_ONLY, bo).since
    with shared.database.read(OPERATOR) as unit:
        found = unit.persons.find_by_eid(amara)
        first = min(e.commit_no for e in unit.persons.events_of([found.id]) if e.record_id in of_sis(unit))
        assert look_up_person(shared, SIS_ONLY, amara).since == unit.commit_info({first})[first][0]


def of_sis(unit) -> set[int]:
    return {number for number, label in unit.records.iterate_labels() if label.source == "sis"}


def test_a_preview_tells_of_the_fate_of_visible_records_alone(shared):
    asked = DecisionRequest(DecisionKind.SAME, (record_refs("sis:1", "sis:2"),), "x")
    seen = decide(shared, SIS_ONLY, asked, preview=True)
    assert sorted(each.change for each in seen.persons) == ["kept", "retired"]
    assert "ccwis" not in str(seen)


def test_a_survivor_that_is_not_merged_tells_nothing_of_who_is(index):
    hidden, bo = upsert_record(index, "ccwis:1"), upsert_record(index, "sis:2", **STRANGER)
    other = upsert_record(index, "sis:3", first_name="Ulf", last_name="Quist", birth_date="2001-05-06")
    for eid in (hidden, NEVER_GIVEN):
        with pytest.raises(InputError, match="survivor"):
            merge(index, SIS_ONLY, [eid, bo], PREVIEW, survivor=other)


def test_a_rekey_of_another_source_is_no_step_of_the_viewer_before_and_after_its_undo(index):
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
    """A record bears what the latest re-key that stands gave it, and without any what it was called first."""
    upsert_record(index, "ccwis:1")
    steps = [rekey(index, WELFARE, "ccwis", {a: b}).step for a, b in ("12", "23", "34")]
    eid = crosswalk(index)["ccwis", "4"]
    for place, name in zip(order, names, strict=True):
        undo_step(index, WELFARE, steps[place])
        assert crosswalk(index) == {("ccwis", name): eid}
        with pytest.raises(ConflictError, match="undone before"):
            undo_step(index, WELFARE, steps[place])


def test_a_rekey_is_not_undone_into_the_local_id_of_another_record(index):
    upsert_record(index, "ccwis:1")
    step = rekey(index, WELFARE, "ccwis", {"1": "2"}).step
    upsert_record(index, "ccwis:1", **STRANGER)
    with pytest.raises(ConflictError, match="another record has"):
        undo_step(index, WELFARE, step)


def test_the_undo_of_a_rekey_gives_no_sealed_record_another_id(index):
    """What was expunged stays refused under the ID under which it was."""
    upsert_record(index, "ccwis:1")
    step = rekey(index, WELFARE, "ccwis", {"1": "2"}).step
    upsert(index, WELFARE, "ccwis", a_child("2", restrictions=[{"kind": "expunged"}]))
    with pytest.raises(NotFoundError):
        undo_step(index, WELFARE, step)
    assert upsert(index, WELFARE, "ccwis", a_child("2")).outcome == "refused"


def test_an_expunged_record_never_comes_back_under_an_id_that_it_had(index):
    upsert_record(index, "ccwis:1")
    upsert_record(index, "ccwis:9", **STRANGER)
    rekey(index, WELFARE, "ccwis", {"1": "2"})
    upsert(index, WELFARE, "ccwis", a_child("2", restrictions=[{"kind": "expunged"}]))
    assert upsert(index, WELFARE, "ccwis", a_child("1")).outcome == "refused"
    with pytest.raises(NotFoundError):
        read(index, WELFARE, "ccwis", "1")
    sent = rows(a_child("1"), a_child("9", **STRANGER))
    assert load(index, WELFARE, "ccwis", sent, LoadOptions(Snapshot.FULL)).counts["rejected"] == 1
    assert set(crosswalk(index)) == {("ccwis", "9")}


def test_an_id_that_a_living_record_gave_up_is_free(index):
    upsert_record(index, "ccwis:1")
    rekey(index, WELFARE, "ccwis", {"1": "2"})
    assert upsert(index, WELFARE, "ccwis", a_child("1")).outcome != "refused"


def test_an_upsert_answers_as_if_the_viewers_records_were_all_there_are(index):
    """Not even that somebody is asked whether the record is one of another source's."""
    upsert_record(index, "ccwis:1")
    upsert_record(index, "ccwis:2", first_name="Ulf", last_name="Quist", birth_date="2001-05-06")
    same, like = (
        upsert(index, SIS_ONLY, "sis", a_child("1")),
        upsert(
            index,
            SIS_ONLY,
            "sis",
            a_child("2", first_name="Ulf", last_name="Quest", birth_date="2001-06-05", postal_code=None),
        ),
    )
    assert crosswalk(index)["ccwis", "1"] == same.enterprise_id
    for answer in (same, like):
        assert (answer.outcome, answer.provisional, answer.tasks) == ("created", False, ())
    assert upsert(index, SIS_ONLY, "sis", a_child("3")).outcome == "linked"


def test_a_lineage_names_no_client_of_another_source(index):
    """The name of who sent another source's record would tell which agency holds the child."""
    upsert_record(index, "sis:1", **STRANGER | {"birth_date": None})
    upsert_record(index, "sis:2", **STRANGER)
    upsert_record(index, "ccwis:1", first_name="Ulf", last_name="Quist", birth_date="2001-05-06")
    make_decision(index, "SAME", ["sis:1", "ccwis:1"])
    becomes_the_stranger(index, WELFARE, "ccwis", born="2001-05-06")
    amara, bo = eids(index)
    assert amara == bo
    assert WELFARE.client in {step.client for step in look_up_lineage(index, OPERATOR, amara)}
    told = look_up_lineage(index, SIS_ONLY, amara)
    assert {step.client for step in told} == {None}


def test_a_decision_that_gave_way_to_an_unseen_one_shows_as_any_in_force(index):
    """So does its task, which is not asked."""
    upsert_record(index, "sis:1")
    upsert_record(index, "sis:2", **STRANGER)
    upsert_record(index, "ccwis:1", first_name="Ulf", last_name="Quist", birth_date="2001-05-06")
    make_decision(index, "SAME", ["sis:1", "ccwis:1"])
    make_decision(index, "DIFFERENT", ["ccwis:1"], ["sis:2"])
    number = make_decision(index, "SAME", ["sis:1", "sis:2"], viewer=SIS_ONLY)
    suspended = [one.id for one in list_decisions(index, OPERATOR) if one.suspended]
    assert suspended == [number]
    assert [one.id for one in list_decisions(index, SIS_ONLY)] == [number]
    assert not get_decision(index, SIS_ONLY, number).suspended


def test_a_decision_that_waits_shows_only_to_who_may_see_all_of_it(index):
    """In part it would tell that there is an agency more, for which it waits."""
    made = with_settings(index, second_approver=SecondApprover.CROSS_AGENCY)
    for name in ("sis:1", "sis:2", "ccwis:1"):
        upsert_record(made, name)
    effect = decide(
        made, FIRST, DecisionRequest(DecisionKind.SAME, (record_refs("sis:1", "sis:2", "ccwis:1"),), "x")
    )
    assert effect.awaiting
    with pytest.raises(NotFoundError):
        get_decision(made, SIS_ONLY, effect.decisions[0])
    assert list_decisions(made, SIS_ONLY) == []
    assert list_review_tasks(made, SIS_ONLY) == []
    approve(made, OPERATOR, effect.step)
    assert len(get_decision(made, SIS_ONLY, effect.decisions[0]).groups[0]) == 2
