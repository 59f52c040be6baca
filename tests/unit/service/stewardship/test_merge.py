"""Merge, split and move: previewed, applied on what was read, and undone."""

import pytest

from mpi.domain.decision import DecisionKind
from mpi.domain.errors import ConflictError, DecisionConflict, EidError, InputError, NotFoundError, StaleError
from mpi.service.maintenance.verify import verify
from mpi.service.persons.persons import look_up_lineage, look_up_person
from mpi.service.records.upsert import upsert, withdraw
from mpi.service.stewardship.decisions import DecisionRequest, decide, get_decision
from mpi.service.stewardship.merge import StepOptions, merge, move, split
from mpi.service.stewardship.undo import undo_decision, undo_step
from tests.index import OPERATOR, a_child, crosswalk, partition_of
from tests.unit.service.stewardship.test_decisions import SIS_ONLY, STRANGER, record_refs, upsert_record, make_decision

WHY = StepOptions("same-child")
PREVIEW = StepOptions("same-child", preview=True)
FOUR = ("sis:1", "sis:2", "ccwis:1", "ccwis:2")
FLAG = {"population": "foster_care", "value": "Y", "definition": "ESSA"}


def other(local_id: str, number: int, **changes) -> dict[str, object]:
    """A child that is nobody else."""
    return a_child(
        local_id,
        first_name="Bcdf"[number] * 5,
        last_name="Ghjk"[number] * 5,
        birth_date=f"200{number}-01-02",
        postal_code=None,
        **changes,
    )


@pytest.fixture
def two(index):
    """Two persons: two records of one child, and one of another."""
    upsert_record(index, "sis:1")
    upsert_record(index, "ccwis:1", flags=[FLAG])
    upsert(index, OPERATOR, "sis", other("9", 1))
    return index


@pytest.fixture
def four(index):
    """Four records of one child."""
    for name in FOUR:
        upsert_record(index, name)
    return index


def eid_of(index, name: str) -> str:
    return crosswalk(index)[tuple(name.split(":"))]


def both(index, *names: str) -> list[str]:
    return [eid_of(index, name) for name in names]


def bare(effect) -> tuple[object, ...]:
    """What an effect says of people, with IDs that it mints left open."""
    new = {one.enterprise_id for one in effect.persons if one.change == "new"}

    def known(eid):
        return None if eid in new else eid

    return (
        sorted(
            ((known(p.enterprise_id), p.change, p.before, p.after, p.flags) for p in effect.persons), key=str
        ),
        [(m.source, m.local_id, known(m.before), known(m.after)) for m in effect.moved],
        effect.told,
        effect.etag,
    )


def test_a_merge_retires_the_one_id_and_the_other_holds_all_records(two):
    larger, smaller = both(two, "sis:1", "sis:9")
    effect = merge(two, OPERATOR, [smaller, larger], WHY)
    assert set(crosswalk(two).values()) == {larger}
    view = look_up_person(two, OPERATOR, smaller)
    assert (view.status, view.now) == ("retired", (larger,))
    assert {p.enterprise_id: p.change for p in effect.persons} == {larger: "kept", smaller: "retired"}
    assert [(m.local_id, m.before, m.after) for m in effect.moved] == [("9", smaller, larger)]
    assert {p.enterprise_id: p.flags for p in effect.persons}[larger] == ("foster_care",)
    assert effect.told == ("init",)
    [number] = effect.decisions
    assert get_decision(two, OPERATOR, number).kind is DecisionKind.SAME
    assert len(get_decision(two, OPERATOR, number).groups[0]) == 3
    assert verify(two, OPERATOR) == []


def test_the_survivor_is_the_id_with_an_open_enrolment_then_of_most_records_then_the_oldest(index):
    upsert(index, OPERATOR, "sis", other("1", 0))
    upsert(index, OPERATOR, "sis", other("2", 1))
    oldest, younger = both(index, "sis:1", "sis:2")
    merge(index, OPERATOR, [younger, oldest], WHY)
    assert set(crosswalk(index).values()) == {oldest}
    for name in ("3", "4"):
        upsert(index, OPERATOR, "ccwis", other(name, 2))
    upsert(index, OPERATOR, "ccwis", other("5", 3))
    larger, smaller = both(index, "ccwis:3", "ccwis:5")
    upsert(
        index, OPERATOR, "ccwis", other("5", 3, enrollments=[{"school_id": "1", "entry_date": "2001-01-01"}])
    )
    merge(index, OPERATOR, [larger, smaller], WHY)
    assert eid_of(index, "ccwis:3") == smaller


def test_a_steward_may_choose_the_survivor(two):
    larger, smaller = both(two, "sis:1", "sis:9")
    with pytest.raises(InputError, match="survivor"):
        merge(two, OPERATOR, [larger, smaller], WHY, survivor="T7K3-M92Q-X0HN")
    seen = merge(two, OPERATOR, [larger, smaller], PREVIEW, survivor=smaller)
    done = merge(two, OPERATOR, [larger, smaller], WHY, survivor=smaller)
    assert bare(seen) == bare(done)
    assert set(crosswalk(two).values()) == {smaller}
    assert verify(two, OPERATOR) == []


def test_a_merge_undone_gives_both_ids_back_and_the_lineage_shows_both_steps(two):
    larger, smaller = both(two, "sis:1", "sis:9")
    before = crosswalk(two)
    done = merge(two, OPERATOR, [larger, smaller], WHY)
    undo_step(two, OPERATOR, done.step)
    assert crosswalk(two) == before
    assert [step.cause for step in look_up_lineage(two, OPERATOR, smaller)] == ["upsert", "merge", "undo merge"]
    with pytest.raises(ConflictError, match="undone before"):
        undo_step(two, OPERATOR, done.step)


def test_a_merge_on_monday_and_a_newcomer_on_tuesday(two):
    """A child under a new surname: the newcomer follows by its evidence, and stays after the undo."""
    # In two steps: all at once it would be another child under the local ID, and wait.
    upsert_record(two, "sis:9", first_name=other("9", 1)["first_name"], last_name="Zwart", postal_code=None)
    upsert_record(two, "sis:9", last_name="Zwart", postal_code=None)
    larger, smaller = both(two, "sis:1", "sis:9")
    done = merge(two, OPERATOR, [larger, smaller], WHY)
    upsert_record(two, "ccwis:9", last_name="Zwart", postal_code=None)
    assert set(crosswalk(two).values()) == {larger}
    undo_decision(two, OPERATOR, done.decisions[0])
    assert partition_of(two) == {
        frozenset({("sis", "1"), ("ccwis", "1")}),
        frozenset({("sis", "9"), ("ccwis", "9")}),
    }
    assert eid_of(two, "sis:9") == smaller
    assert verify(two, OPERATOR) == []


def test_a_split_of_four_into_two_and_two(four):
    eid = eid_of(four, "sis:1")
    done = split(four, OPERATOR, eid, [record_refs("sis:1", "ccwis:2"), record_refs("sis:2", "ccwis:1")], WHY)
    assert partition_of(four) == {
        frozenset({("sis", "1"), ("ccwis", "2")}),
        frozenset({("sis", "2"), ("ccwis", "1")}),
    }
    assert eid in crosswalk(four).values()
    assert {p.change for p in done.persons} == {"kept", "new"}
    undo_step(four, OPERATOR, done.step)
    assert set(crosswalk(four).values()) == {eid}
    assert verify(four, OPERATOR) == []


@pytest.mark.parametrize("enrolled", FOUR)
@pytest.mark.parametrize("keep", [0, 1])
def test_a_split_that_is_undone_at_once_leaves_every_id_as_it_was(four, enrolled, keep):
    upsert_record(four, enrolled, enrollments=[{"school_id": "1", "entry_date": "2020-08-01"}])
    before = crosswalk(four)
    parts = [record_refs("sis:1", "sis:2", "ccwis:1"), record_refs("ccwis:2")]
    done = split(four, OPERATOR, eid_of(four, "sis:1"), parts, WHY, keep=keep)
    assert crosswalk(four) != before
    undo_step(four, OPERATOR, done.step)
    assert crosswalk(four) == before
    assert verify(four, OPERATOR) == []


@pytest.mark.parametrize("keep", [1, record_refs("ccwis:2")[0]])
def test_a_steward_may_choose_which_part_keeps_the_id(four, keep):
    eid = eid_of(four, "sis:1")
    groups = [record_refs("sis:1", "sis:2", "ccwis:1"), record_refs("ccwis:2")]
    seen = split(four, OPERATOR, eid, groups, PREVIEW, keep=keep)
    done = split(four, OPERATOR, eid, groups, WHY, keep=keep)
    assert bare(seen) == bare(done)
    assert eid_of(four, "ccwis:2") == eid
    assert eid_of(four, "sis:1") != eid
    assert verify(four, OPERATOR) == []


@pytest.mark.parametrize("one_child", [(), (1,)])
def test_what_is_said_to_be_one_child_stays_so_whatever_its_records_come_to_say(four, one_child):
    split(four, OPERATOR, eid_of(four, "sis:1"), [record_refs("sis:1")], WHY, one_child=one_child)
    # Step by step: all at once it would be another child under the local ID, and wait.
    make_decision = {"postal_code": None}
    for change in ({"last_name": "Zwart"}, {"first_name": "Quirin"}, {"birth_date": "2001-07-08"}):
        make_decision |= change
        upsert_record(four, "ccwis:2", **make_decision)
    assert (eid_of(four, "ccwis:2") == eid_of(four, "sis:2")) == bool(one_child)
    assert verify(four, OPERATOR) == []


def test_a_part_that_is_not_there_cannot_be_said_to_be_one_child(four):
    with pytest.raises(InputError, match="one_child"):
        split(four, OPERATOR, eid_of(four, "sis:1"), [record_refs("sis:1")], WHY, one_child=(2,))


def test_one_part_alone_is_split_from_the_rest(four):
    split(four, OPERATOR, eid_of(four, "sis:1"), [record_refs("sis:1")], WHY)
    assert partition_of(four) == {
        frozenset({("sis", "1")}),
        frozenset({("sis", "2"), ("ccwis", "1"), ("ccwis", "2")}),
    }


def test_a_split_of_what_a_merge_joined_is_refused_unless_it_supersedes_it_and_keeps_the_rest_of_it(index):
    for number, name in enumerate(("1", "2", "3")):
        upsert(index, OPERATOR, "sis", other(name, number))
    merged = merge(index, OPERATOR, both(index, "sis:1", "sis:2", "sis:3"), WHY)
    eid, parts = eid_of(index, "sis:1"), [record_refs("sis:1", "sis:2"), record_refs("sis:3")]
    with pytest.raises(DecisionConflict) as refused:
        split(index, OPERATOR, eid, parts, WHY)
    assert refused.value.chain == merged.decisions
    done = split(index, OPERATOR, eid, parts, StepOptions("wrong", supersedes=merged.decisions))
    assert partition_of(index) == {frozenset({("sis", "1"), ("sis", "2")}), frozenset({("sis", "3")})}
    undo_step(index, OPERATOR, done.step)
    assert len(partition_of(index)) == 1
    assert verify(index, OPERATOR) == []


def test_a_move_takes_records_from_one_person_to_another_and_holds(two):
    leaving, joining = both(two, "sis:1", "sis:9")
    seen = move(two, OPERATOR, leaving, record_refs("ccwis:1"), joining, PREVIEW)
    done = move(two, OPERATOR, leaving, record_refs("ccwis:1"), joining, WHY)
    assert bare(seen) == bare(done)
    assert crosswalk(two) == {("sis", "1"): leaving, ("ccwis", "1"): joining, ("sis", "9"): joining}
    assert sorted(get_decision(two, OPERATOR, n).kind for n in done.decisions) == ["DIFFERENT", "SAME"]
    upsert_record(two, "ccwis:1", flags=[FLAG], grade="04")
    assert eid_of(two, "ccwis:1") == joining
    undo_step(two, OPERATOR, done.step)
    assert eid_of(two, "ccwis:1") == leaving
    assert verify(two, OPERATOR) == []


def test_a_step_on_what_was_read_is_refused_once_it_has_changed(two):
    larger, smaller = both(two, "sis:1", "sis:9")
    seen = merge(two, OPERATOR, [larger, smaller], PREVIEW)
    tags = tuple(look_up_person(two, OPERATOR, eid).etag for eid in (larger, smaller))
    upsert_record(two, "sis:2")
    for expected in ((seen.etag,), tags, ("anything",), ()):
        with pytest.raises(StaleError, match="changed since"):
            merge(two, OPERATOR, [larger, smaller], StepOptions("same-child", expected_etags=expected))
    assert len(set(crosswalk(two).values())) == 2
    fresh = merge(two, OPERATOR, [larger, smaller], PREVIEW).etag
    merge(two, OPERATOR, [larger, smaller], StepOptions("same-child", expected_etags=(fresh,)))


def test_the_tags_of_the_persons_read_one_by_one_do_as_well(two):
    eids = both(two, "sis:1", "sis:9")
    tags = tuple(look_up_person(two, OPERATOR, eid).etag for eid in eids)
    merge(two, OPERATOR, eids, StepOptions("same-child", expected_etags=tags))
    assert len(set(crosswalk(two).values())) == 1


def test_two_stewards_contradicting_each_other(two):
    """Both read the same two persons; the second is told by what the first said."""
    larger, smaller = both(two, "sis:1", "sis:9")
    apart = make_decision(two, "DIFFERENT", ["sis:1", "ccwis:1"], ["sis:9"])
    with pytest.raises(DecisionConflict) as refused:
        merge(two, OPERATOR, [larger, smaller], WHY)
    assert refused.value.chain == (apart,)
    merge(two, OPERATOR, [larger, smaller], StepOptions("looked-again", supersedes=(apart,)))
    assert len(set(crosswalk(two).values())) == 1


def test_a_retired_id_after_a_later_split_answers_with_all_who_hold_its_records(two):
    larger, smaller = both(two, "sis:1", "sis:9")
    merged = merge(two, OPERATOR, [larger, smaller], WHY, survivor=smaller)
    split(two, OPERATOR, smaller, [record_refs("sis:1")], StepOptions("wrong", supersedes=merged.decisions))
    view = look_up_person(two, OPERATOR, larger)
    assert (view.status, set(view.now)) == ("retired", {eid_of(two, "sis:1"), smaller})
    assert len(view.now) == 2


def test_a_preview_of_a_merge_changes_nothing_and_says_what_applying_does(two):
    eids = both(two, "sis:1", "sis:9")
    before = crosswalk(two)
    seen = merge(two, OPERATOR, eids, PREVIEW)
    assert crosswalk(two) == before
    assert (seen.preview, seen.step, seen.decisions) == (True, None, ())
    done = merge(two, OPERATOR, eids, WHY)
    assert bare(seen) == bare(done)


def test_what_is_not_well_formed_is_refused(four):
    eid = eid_of(four, "sis:1")
    upsert(four, OPERATOR, "sis", other("9", 1))
    for wrong in (
        [record_refs(*FOUR)],
        [record_refs("sis:1"), record_refs("sis:1")],
        [record_refs("sis:9"), record_refs("sis:1")],
        [],
    ):
        with pytest.raises(InputError):
            split(four, OPERATOR, eid, wrong, WHY)
    with pytest.raises(InputError):
        merge(four, OPERATOR, [eid, eid.lower()], WHY)
    with pytest.raises(InputError):
        split(four, OPERATOR, eid, [record_refs("sis:1")], WHY, keep=2)
    with pytest.raises(InputError, match="reason"):
        merge(four, OPERATOR, [eid, eid_of(four, "sis:9")], StepOptions(" "))


def test_a_mistyped_and_a_retired_id_are_refused_and_never_merged(two):
    larger, smaller = both(two, "sis:1", "sis:9")
    with pytest.raises(EidError):
        merge(two, OPERATOR, [larger, "T7K3-M92Q-X0HA"], WHY)
    with pytest.raises(NotFoundError):
        merge(two, OPERATOR, [larger, "T7K3-M92Q-X0HN"], WHY)
    merge(two, OPERATOR, [larger, smaller], WHY)
    with pytest.raises(ConflictError, match="retired"):
        merge(two, OPERATOR, [larger, smaller], WHY)


def test_a_viewer_merges_what_it_may_see_and_learns_of_nothing_else(two):
    upsert(two, OPERATOR, "ccwis", other("8", 2))
    larger, smaller, hidden = both(two, "sis:1", "sis:9", "ccwis:8")
    refusals = []
    for unknown in (hidden, "T7K3-M92Q-X0HN"):
        with pytest.raises(NotFoundError) as refused:
            merge(two, SIS_ONLY, [larger, unknown], WHY)
        refusals.append(str(refused.value))
    assert len(set(refusals)) == 1
    with pytest.raises(NotFoundError):
        split(two, SIS_ONLY, larger, [record_refs("ccwis:1")], WHY)
    done = merge(two, SIS_ONLY, [larger, smaller], WHY)
    shown = {label for p in done.persons for label in (*p.before, *p.after)}
    assert shown == set(record_refs("sis:1", "sis:9"))
    assert {p.flags for p in done.persons} == {()}
    assert get_decision(two, SIS_ONLY, done.decisions[0]).groups == (record_refs("sis:1", "sis:9"),)
    assert eid_of(two, "ccwis:1") == larger


def test_the_tag_of_a_person_does_not_tell_of_records_that_the_viewer_may_not_see(two):
    eid = eid_of(two, "sis:1")
    before = look_up_person(two, SIS_ONLY, eid).etag
    upsert_record(two, "ccwis:2")
    assert eid_of(two, "ccwis:2") == eid
    assert look_up_person(two, SIS_ONLY, eid).etag == before
    upsert_record(two, "sis:3")
    assert look_up_person(two, SIS_ONLY, eid).etag != before


def test_same_same_then_the_middle_record_withdrawn_and_returned(index):
    """A withdrawn record keeps its place in the chain and is a member of nobody."""
    for number, name in enumerate(("1", "2", "3")):
        upsert(index, OPERATOR, "sis", other(name, number))
    decide(index, OPERATOR, DecisionRequest(DecisionKind.SAME, (record_refs("sis:1", "sis:2"),), "test"))
    decide(index, OPERATOR, DecisionRequest(DecisionKind.SAME, (record_refs("sis:2", "sis:3"),), "test"))
    eid = eid_of(index, "sis:1")
    withdraw(index, OPERATOR, "sis", "2")
    assert crosswalk(index) == {("sis", "1"): eid, ("sis", "3"): eid}
    upsert(index, OPERATOR, "sis", other("2", 1))
    assert set(crosswalk(index).values()) == {eid}
    assert len(crosswalk(index)) == 3
    assert verify(index, OPERATOR) == []


def test_a_merge_of_very_many_records_weighs_no_pair_anew_while_others_wait(index, monkeypatch):
    for name in ("sis:1", "ccwis:1"):
        upsert_record(index, name)
    upsert_record(index, "sis:2", **STRANGER)
    links = crosswalk(index)
    pair = [links["sis", "1"], links["sis", "2"]]
    whole = merge(index, OPERATOR, pair, StepOptions("x"))
    seen = get_decision(index, OPERATOR, whole.decisions[0]).evidence["pairs"]
    undo_step(index, OPERATOR, whole.step)
    monkeypatch.setattr("mpi.service.decisions.evidence.MAX_PAIRS_SCORED", 2)
    parted = split(index, OPERATOR, pair[0], [record_refs("sis:1"), record_refs("ccwis:1")], StepOptions("x"))
    undo_step(index, OPERATOR, parted.step)
    again = merge(index, OPERATOR, pair, StepOptions("x"))
    kept = get_decision(index, OPERATOR, again.decisions[0]).evidence["pairs"]
    assert kept == seen[: len(kept)]
    assert [len(seen), len(kept)] == [3, 1]
