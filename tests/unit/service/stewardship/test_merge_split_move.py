"""Test merge, split and move: preview, effect, stale reads and undo."""

import pytest

from mpi.domain.decision import DecisionKind
from mpi.domain.errors import ConflictError, DecisionConflict, EidError, InputError, NotFoundError, StaleError
from mpi.service.maintenance.verify import verify
from mpi.service.persons.lineage import look_up_lineage
from mpi.service.persons.persons import look_up_person
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.stewardship.decisions import DecisionRequest, decide, get_decision
from mpi.service.stewardship.merge_split_move import StepOptions, merge, move, split
from mpi.service.stewardship.undo import undo_decision, undo_step
from tests.index import OPERATOR, crosswalk, make_child, partition_of, with_tuning
from tests.unit.service.stewardship.test_decisions import (
    SIS_ONLY,
    STRANGER,
    make_decision,
    record_refs,
    upsert_record,
)

WHY = StepOptions("same-child")
PREVIEW = StepOptions("same-child", preview=True)
FOUR = ("sis:1", "sis:2", "ccwis:1", "ccwis:2")
FLAG = {"population": "foster_care", "value": "Y", "definition": "ESSA"}


def unrelated_child(local_id: str, number: int, **changes) -> dict[str, object]:
    """Return a child that matches no other."""
    return make_child(
        local_id,
        first_name="Bcdf"[number] * 5,
        last_name="Ghjk"[number] * 5,
        birth_date=f"200{number}-01-02",
        postal_code=None,
        **changes,
    )


@pytest.fixture
def two_persons(index):
    """An index with two persons: two records of one child, and one of another."""
    upsert_record(index, "sis:1")
    upsert_record(index, "ccwis:1", flags=[FLAG])
    upsert(index, OPERATOR, "sis", unrelated_child("9", 1))
    return index


@pytest.fixture
def four_records(index):
    """An index with four records of one child."""
    for name in FOUR:
        upsert_record(index, name)
    return index


def eid_of(index, name: str) -> str:
    return crosswalk(index)[tuple(name.split(":"))]


def eids_of(index, *names: str) -> list[str]:
    return [eid_of(index, name) for name in names]


def without_new_ids(effect) -> tuple[object, ...]:
    """Return an effect's changes with newly minted IDs left out."""
    new = {person.enterprise_id for person in effect.persons if person.change == "new"}

    def known_eid(eid):
        return None if eid in new else eid

    return (
        sorted(
            (
                (known_eid(person.enterprise_id), person.change, person.before, person.after, person.flags)
                for person in effect.persons
            ),
            key=str,
        ),
        [
            (move.source, move.local_id, known_eid(move.before), known_eid(move.after))
            for move in effect.moved
        ],
        effect.told,
        effect.etag,
    )


def test_merge_retires_one_id_and_the_other_holds_all_records(two_persons):
    larger, smaller = eids_of(two_persons, "sis:1", "sis:9")
    effect = merge(two_persons, OPERATOR, [smaller, larger], WHY)
    assert set(crosswalk(two_persons).values()) == {larger}
    view = look_up_person(two_persons, OPERATOR, smaller)
    assert (view.status, view.now) == ("retired", (larger,))
    assert {person.enterprise_id: person.change for person in effect.persons} == {
        larger: "kept",
        smaller: "retired",
    }
    assert [(move.local_id, move.before, move.after) for move in effect.moved] == [("9", smaller, larger)]
    assert {person.enterprise_id: person.flags for person in effect.persons}[larger] == ("foster_care",)
    assert effect.told == ("init",)
    [number] = effect.decisions
    assert get_decision(two_persons, OPERATOR, number).kind is DecisionKind.SAME
    assert len(get_decision(two_persons, OPERATOR, number).groups[0]) == 3
    assert verify(two_persons, OPERATOR) == []


def test_survivor_has_an_open_enrollment_then_most_records_then_is_oldest(index):
    upsert(index, OPERATOR, "sis", unrelated_child("1", 0))
    upsert(index, OPERATOR, "sis", unrelated_child("2", 1))
    oldest, younger = eids_of(index, "sis:1", "sis:2")
    merge(index, OPERATOR, [younger, oldest], WHY)
    assert set(crosswalk(index).values()) == {oldest}
    for name in ("3", "4"):
        upsert(index, OPERATOR, "ccwis", unrelated_child(name, 2))
    upsert(index, OPERATOR, "ccwis", unrelated_child("5", 3))
    larger, smaller = eids_of(index, "ccwis:3", "ccwis:5")
    upsert(
        index,
        OPERATOR,
        "ccwis",
        unrelated_child("5", 3, enrollments=[{"school_id": "1", "entry_date": "2001-01-01"}]),
    )
    merge(index, OPERATOR, [larger, smaller], WHY)
    assert eid_of(index, "ccwis:3") == smaller


def test_steward_may_choose_the_survivor(two_persons):
    larger, smaller = eids_of(two_persons, "sis:1", "sis:9")
    with pytest.raises(InputError, match="survivor"):
        merge(two_persons, OPERATOR, [larger, smaller], WHY, survivor="T7K3-M92Q-X0HN")
    previewed = merge(two_persons, OPERATOR, [larger, smaller], PREVIEW, survivor=smaller)
    applied = merge(two_persons, OPERATOR, [larger, smaller], WHY, survivor=smaller)
    assert without_new_ids(previewed) == without_new_ids(applied)
    assert set(crosswalk(two_persons).values()) == {smaller}
    assert verify(two_persons, OPERATOR) == []


def test_undo_of_a_merge_restores_both_ids_and_the_lineage_shows_both_steps(two_persons):
    larger, smaller = eids_of(two_persons, "sis:1", "sis:9")
    before = crosswalk(two_persons)
    applied = merge(two_persons, OPERATOR, [larger, smaller], WHY)
    undo_step(two_persons, OPERATOR, applied.step)
    assert crosswalk(two_persons) == before
    assert [step.cause for step in look_up_lineage(two_persons, OPERATOR, smaller)] == [
        "upsert",
        "merge",
        "undo merge",
    ]
    with pytest.raises(ConflictError, match="undone before"):
        undo_step(two_persons, OPERATOR, applied.step)


def test_record_that_joined_after_a_merge_follows_its_evidence_on_undo(two_persons):
    """A record with the new last name joins by its evidence and stays after the undo."""
    # In two steps, since one large change would be held as another child under the local ID.
    upsert_record(
        two_persons,
        "sis:9",
        first_name=unrelated_child("9", 1)["first_name"],
        last_name="Zwart",
        postal_code=None,
    )
    upsert_record(two_persons, "sis:9", last_name="Zwart", postal_code=None)
    larger, smaller = eids_of(two_persons, "sis:1", "sis:9")
    applied = merge(two_persons, OPERATOR, [larger, smaller], WHY)
    upsert_record(two_persons, "ccwis:9", last_name="Zwart", postal_code=None)
    assert set(crosswalk(two_persons).values()) == {larger}
    undo_decision(two_persons, OPERATOR, applied.decisions[0])
    assert partition_of(two_persons) == {
        frozenset({("sis", "1"), ("ccwis", "1")}),
        frozenset({("sis", "9"), ("ccwis", "9")}),
    }
    assert eid_of(two_persons, "sis:9") == smaller
    assert verify(two_persons, OPERATOR) == []


def test_split_of_four_records_into_two_and_two(four_records):
    eid = eid_of(four_records, "sis:1")
    applied = split(
        four_records, OPERATOR, eid, [record_refs("sis:1", "ccwis:2"), record_refs("sis:2", "ccwis:1")], WHY
    )
    assert partition_of(four_records) == {
        frozenset({("sis", "1"), ("ccwis", "2")}),
        frozenset({("sis", "2"), ("ccwis", "1")}),
    }
    assert eid in crosswalk(four_records).values()
    assert {p.change for p in applied.persons} == {"kept", "new"}
    undo_step(four_records, OPERATOR, applied.step)
    assert set(crosswalk(four_records).values()) == {eid}
    assert verify(four_records, OPERATOR) == []


@pytest.mark.parametrize("enrolled", FOUR)
@pytest.mark.parametrize("keep", [0, 1])
def test_immediate_undo_of_a_split_restores_every_id(four_records, enrolled, keep):
    upsert_record(four_records, enrolled, enrollments=[{"school_id": "1", "entry_date": "2020-08-01"}])
    before = crosswalk(four_records)
    parts = [record_refs("sis:1", "sis:2", "ccwis:1"), record_refs("ccwis:2")]
    applied = split(four_records, OPERATOR, eid_of(four_records, "sis:1"), parts, WHY, keep=keep)
    assert crosswalk(four_records) != before
    undo_step(four_records, OPERATOR, applied.step)
    assert crosswalk(four_records) == before
    assert verify(four_records, OPERATOR) == []


@pytest.mark.parametrize("keep", [1, record_refs("ccwis:2")[0]])
def test_steward_may_choose_which_part_keeps_the_id(four_records, keep):
    eid = eid_of(four_records, "sis:1")
    groups = [record_refs("sis:1", "sis:2", "ccwis:1"), record_refs("ccwis:2")]
    previewed = split(four_records, OPERATOR, eid, groups, PREVIEW, keep=keep)
    applied = split(four_records, OPERATOR, eid, groups, WHY, keep=keep)
    assert without_new_ids(previewed) == without_new_ids(applied)
    assert eid_of(four_records, "ccwis:2") == eid
    assert eid_of(four_records, "sis:1") != eid
    assert verify(four_records, OPERATOR) == []


@pytest.mark.parametrize("one_child", [(), (1,)])
def test_part_declared_one_child_stays_together_when_its_records_change(four_records, one_child):
    split(
        four_records,
        OPERATOR,
        eid_of(four_records, "sis:1"),
        [record_refs("sis:1")],
        WHY,
        one_child=one_child,
    )
    # In steps, since one large change would be held as another child under the local ID.
    statement = {"postal_code": None}
    for change in ({"last_name": "Zwart"}, {"first_name": "Quirin"}, {"birth_date": "2001-07-08"}):
        statement |= change
        upsert_record(four_records, "ccwis:2", **statement)
    assert (eid_of(four_records, "ccwis:2") == eid_of(four_records, "sis:2")) == bool(one_child)
    assert verify(four_records, OPERATOR) == []


def test_unknown_part_cannot_be_declared_one_child(four_records):
    with pytest.raises(InputError, match="one_child"):
        split(
            four_records, OPERATOR, eid_of(four_records, "sis:1"), [record_refs("sis:1")], WHY, one_child=(2,)
        )


def test_single_part_is_split_from_the_rest(four_records):
    split(four_records, OPERATOR, eid_of(four_records, "sis:1"), [record_refs("sis:1")], WHY)
    assert partition_of(four_records) == {
        frozenset({("sis", "1")}),
        frozenset({("sis", "2"), ("ccwis", "1"), ("ccwis", "2")}),
    }


def test_split_of_a_merge_must_supersede_it_and_keeps_its_other_records_together(index):
    for number, name in enumerate(("1", "2", "3")):
        upsert(index, OPERATOR, "sis", unrelated_child(name, number))
    merged = merge(index, OPERATOR, eids_of(index, "sis:1", "sis:2", "sis:3"), WHY)
    eid, parts = eid_of(index, "sis:1"), [record_refs("sis:1", "sis:2"), record_refs("sis:3")]
    with pytest.raises(DecisionConflict) as error:
        split(index, OPERATOR, eid, parts, WHY)
    assert error.value.chain == merged.decisions
    applied = split(index, OPERATOR, eid, parts, StepOptions("wrong", supersedes=merged.decisions))
    assert partition_of(index) == {frozenset({("sis", "1"), ("sis", "2")}), frozenset({("sis", "3")})}
    undo_step(index, OPERATOR, applied.step)
    assert len(partition_of(index)) == 1
    assert verify(index, OPERATOR) == []


def test_move_takes_records_from_one_person_to_another_for_good(two_persons):
    leaving, joining = eids_of(two_persons, "sis:1", "sis:9")
    previewed = move(two_persons, OPERATOR, leaving, record_refs("ccwis:1"), joining, PREVIEW)
    applied = move(two_persons, OPERATOR, leaving, record_refs("ccwis:1"), joining, WHY)
    assert without_new_ids(previewed) == without_new_ids(applied)
    assert crosswalk(two_persons) == {("sis", "1"): leaving, ("ccwis", "1"): joining, ("sis", "9"): joining}
    assert sorted(get_decision(two_persons, OPERATOR, n).kind for n in applied.decisions) == [
        "DIFFERENT",
        "SAME",
    ]
    upsert_record(two_persons, "ccwis:1", flags=[FLAG], grade="04")
    assert eid_of(two_persons, "ccwis:1") == joining
    undo_step(two_persons, OPERATOR, applied.step)
    assert eid_of(two_persons, "ccwis:1") == leaving
    assert verify(two_persons, OPERATOR) == []


def test_step_on_an_outdated_read_is_refused(two_persons):
    larger, smaller = eids_of(two_persons, "sis:1", "sis:9")
    previewed = merge(two_persons, OPERATOR, [larger, smaller], PREVIEW)
    tags = tuple(look_up_person(two_persons, OPERATOR, eid).etag for eid in (larger, smaller))
    upsert_record(two_persons, "sis:2")
    for expected in ((previewed.etag,), tags, ("anything",), ()):
        with pytest.raises(StaleError, match="changed since"):
            merge(
                two_persons, OPERATOR, [larger, smaller], StepOptions("same-child", expected_etags=expected)
            )
    assert len(set(crosswalk(two_persons).values())) == 2
    fresh = merge(two_persons, OPERATOR, [larger, smaller], PREVIEW).etag
    merge(two_persons, OPERATOR, [larger, smaller], StepOptions("same-child", expected_etags=(fresh,)))


def test_etags_of_the_single_persons_are_accepted_too(two_persons):
    eids = eids_of(two_persons, "sis:1", "sis:9")
    tags = tuple(look_up_person(two_persons, OPERATOR, eid).etag for eid in eids)
    merge(two_persons, OPERATOR, eids, StepOptions("same-child", expected_etags=tags))
    assert len(set(crosswalk(two_persons).values())) == 1


def test_second_steward_contradicting_the_first_is_refused(two_persons):
    """Both stewards read the same two persons; the error names the first decision."""
    larger, smaller = eids_of(two_persons, "sis:1", "sis:9")
    different = make_decision(two_persons, "DIFFERENT", ["sis:1", "ccwis:1"], ["sis:9"])
    with pytest.raises(DecisionConflict) as error:
        merge(two_persons, OPERATOR, [larger, smaller], WHY)
    assert error.value.chain == (different,)
    merge(two_persons, OPERATOR, [larger, smaller], StepOptions("looked-again", supersedes=(different,)))
    assert len(set(crosswalk(two_persons).values())) == 1


def test_retired_id_after_a_later_split_names_all_holders_of_its_records(two_persons):
    larger, smaller = eids_of(two_persons, "sis:1", "sis:9")
    merged = merge(two_persons, OPERATOR, [larger, smaller], WHY, survivor=smaller)
    split(
        two_persons,
        OPERATOR,
        smaller,
        [record_refs("sis:1")],
        StepOptions("wrong", supersedes=merged.decisions),
    )
    view = look_up_person(two_persons, OPERATOR, larger)
    assert (view.status, set(view.now)) == ("retired", {eid_of(two_persons, "sis:1"), smaller})
    assert len(view.now) == 2


def test_preview_of_a_merge_equals_its_effect_and_changes_nothing(two_persons):
    eids = eids_of(two_persons, "sis:1", "sis:9")
    before = crosswalk(two_persons)
    previewed = merge(two_persons, OPERATOR, eids, PREVIEW)
    assert crosswalk(two_persons) == before
    assert (previewed.preview, previewed.step, previewed.decisions) == (True, None, ())
    applied = merge(two_persons, OPERATOR, eids, WHY)
    assert without_new_ids(previewed) == without_new_ids(applied)


def test_malformed_step_is_refused(four_records):
    eid = eid_of(four_records, "sis:1")
    upsert(four_records, OPERATOR, "sis", unrelated_child("9", 1))
    for groups in (
        [record_refs(*FOUR)],
        [record_refs("sis:1"), record_refs("sis:1")],
        [record_refs("sis:9"), record_refs("sis:1")],
        [],
    ):
        with pytest.raises(InputError):
            split(four_records, OPERATOR, eid, groups, WHY)
    with pytest.raises(InputError):
        merge(four_records, OPERATOR, [eid, eid.lower()], WHY)
    with pytest.raises(InputError):
        split(four_records, OPERATOR, eid, [record_refs("sis:1")], WHY, keep=2)
    with pytest.raises(InputError, match="reason"):
        merge(four_records, OPERATOR, [eid, eid_of(four_records, "sis:9")], StepOptions(" "))


def test_mistyped_and_retired_ids_are_never_merged(two_persons):
    larger, smaller = eids_of(two_persons, "sis:1", "sis:9")
    with pytest.raises(EidError):
        merge(two_persons, OPERATOR, [larger, "T7K3-M92Q-X0HA"], WHY)
    with pytest.raises(NotFoundError):
        merge(two_persons, OPERATOR, [larger, "T7K3-M92Q-X0HN"], WHY)
    merge(two_persons, OPERATOR, [larger, smaller], WHY)
    with pytest.raises(ConflictError, match="retired"):
        merge(two_persons, OPERATOR, [larger, smaller], WHY)


def test_viewer_merges_what_it_sees_and_learns_nothing_else(two_persons):
    upsert(two_persons, OPERATOR, "ccwis", unrelated_child("8", 2))
    larger, smaller, hidden = eids_of(two_persons, "sis:1", "sis:9", "ccwis:8")
    refusals = []
    for unknown in (hidden, "T7K3-M92Q-X0HN"):
        with pytest.raises(NotFoundError) as error:
            merge(two_persons, SIS_ONLY, [larger, unknown], WHY)
        refusals.append(str(error.value))
    assert len(set(refusals)) == 1
    with pytest.raises(NotFoundError):
        split(two_persons, SIS_ONLY, larger, [record_refs("ccwis:1")], WHY)
    applied = merge(two_persons, SIS_ONLY, [larger, smaller], WHY)
    shown = {label for person in applied.persons for label in (*person.before, *person.after)}
    assert shown == set(record_refs("sis:1", "sis:9"))
    assert {person.flags for person in applied.persons} == {()}
    assert get_decision(two_persons, SIS_ONLY, applied.decisions[0]).groups == (
        record_refs("sis:1", "sis:9"),
    )
    assert eid_of(two_persons, "ccwis:1") == larger


def test_etag_does_not_depend_on_records_hidden_from_the_viewer(two_persons):
    eid = eid_of(two_persons, "sis:1")
    before = look_up_person(two_persons, SIS_ONLY, eid).etag
    upsert_record(two_persons, "ccwis:2")
    assert eid_of(two_persons, "ccwis:2") == eid
    assert look_up_person(two_persons, SIS_ONLY, eid).etag == before
    upsert_record(two_persons, "sis:3")
    assert look_up_person(two_persons, SIS_ONLY, eid).etag != before


def test_withdrawn_middle_record_keeps_a_chain_of_same_decisions(index):
    """A withdrawn record keeps its place in the chain and belongs to no person."""
    for number, name in enumerate(("1", "2", "3")):
        upsert(index, OPERATOR, "sis", unrelated_child(name, number))
    decide(index, OPERATOR, DecisionRequest(DecisionKind.SAME, (record_refs("sis:1", "sis:2"),), "test"))
    decide(index, OPERATOR, DecisionRequest(DecisionKind.SAME, (record_refs("sis:2", "sis:3"),), "test"))
    eid = eid_of(index, "sis:1")
    withdraw(index, OPERATOR, "sis", "2")
    assert crosswalk(index) == {("sis", "1"): eid, ("sis", "3"): eid}
    upsert(index, OPERATOR, "sis", unrelated_child("2", 1))
    assert set(crosswalk(index).values()) == {eid}
    assert len(crosswalk(index)) == 3
    assert verify(index, OPERATOR) == []


def test_merge_of_very_many_records_scores_no_pair_inside_the_transaction(index):
    for name in ("sis:1", "ccwis:1"):
        upsert_record(index, name)
    upsert_record(index, "sis:2", **STRANGER)
    links = crosswalk(index)
    pair = [links["sis", "1"], links["sis", "2"]]
    full_merge = merge(index, OPERATOR, pair, StepOptions("x"))
    all_pairs = get_decision(index, OPERATOR, full_merge.decisions[0]).evidence["pairs"]
    undo_step(index, OPERATOR, full_merge.step)
    index = with_tuning(index, review={"evidence_pairs": 2})
    split_effect = split(
        index, OPERATOR, pair[0], [record_refs("sis:1"), record_refs("ccwis:1")], StepOptions("x")
    )
    undo_step(index, OPERATOR, split_effect.step)
    limited_merge = merge(index, OPERATOR, pair, StepOptions("x"))
    scored_pairs = get_decision(index, OPERATOR, limited_merge.decisions[0]).evidence["pairs"]
    assert scored_pairs == all_pairs[: len(scored_pairs)]
    assert [len(all_pairs), len(scored_pairs)] == [3, 1]
