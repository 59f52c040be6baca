"""Whoever parts a wrong link sees at once who received what because of it, if the policy lets them."""

from dataclasses import replace

import pytest

from mpi.domain.decision import DecisionKind
from mpi.domain.viewer import Action, OnceOnly, SecondApprover, Viewer
from mpi.service import received
from mpi.service.approving import approve
from mpi.service.clients import add_client
from mpi.service.decisions import Asked, decide
from mpi.service.export import export_crosswalk
from mpi.service.merging import Why, merge, move, split
from mpi.service.persons import person
from mpi.service.records import read
from mpi.service.undo import undo_step
from tests.index import OPERATOR, crosswalk
from tests.unit.service.test_decisions import labels, put

BO = {"first_name": "Bo", "last_name": "Zwart", "birth_date": "2009-01-02", "postal_code": "44444"}
OFFICER = Viewer("officer", "data_quality", frozenset({Action.DECIDE, Action.DISCLOSURE_READ}), None)
STEWARD = Viewer("steward", "data_quality", frozenset({Action.DECIDE}), None)
SCHOOL = Viewer("school", "school_stability", frozenset({Action.PERSON_READ, Action.RECORD_READ}), None)
WHY = Why("two-children")
PREVIEW = replace(WHY, preview=True)


def links(index) -> dict[str, str]:
    """Who is who, told without a line on the ledger."""
    with index.database.read(OPERATOR) as unit:
        shown = dict(unit.records.every_label())
        eids = {one.id: one.eid for one in unit.persons.every()}
        return {
            f"{shown[record].source}:{shown[record].local_id}": eids[person]
            for record, person in unit.persons.all_current().items()
        }


@pytest.fixture
def one(index):
    """One child's records in two sources, one person by the model."""
    put(index, "sis:1")
    put(index, "ccwis:1")
    return index


def parted(index, viewer=OFFICER, why=PREVIEW):
    return split(index, viewer, links(index)["sis:1"], [labels("ccwis:1")], why)


def clients(effect) -> list[str]:
    return [line.client for line in effect.disclosures]


def test_who_read_the_person_is_listed_with_purpose_time_fields_and_records(one):
    person(one, SCHOOL, links(one)["sis:1"])
    seen = parted(one)
    [line] = seen.disclosures
    assert (line.client, line.purpose, line.action) == ("school", "school_stability", "person.read")
    assert (line.fields, line.handle) == (("now", "records"), None)
    assert line.records == (*labels("ccwis:1"), *labels("sis:1"))
    assert line.at.endswith("Z")
    assert seen.disclosed == 1


def test_the_step_lists_what_its_preview_listed_and_the_preview_itself(one):
    person(one, SCHOOL, links(one)["sis:1"])
    seen = parted(one)
    done = parted(one, why=WHY)
    assert clients(done) == ["officer", "school"]
    assert done.disclosures[1:] == seen.disclosures
    assert done.disclosures[0].fields[-1] == "disclosures"


def test_who_read_one_record_only_is_not_listed_and_who_read_both_apart_is(one):
    read(one, SCHOOL, "sis", "1")
    assert parted(one, STEWARD).disclosed == 0
    read(one, SCHOOL, "ccwis", "1")
    assert clients(parted(one)).count("school") == 2


def test_what_was_read_before_they_were_one_person_is_not_listed(index):
    put(index, "sis:1")
    read(index, SCHOOL, "sis", "1")
    put(index, "ccwis:1")
    read(index, SCHOOL, "ccwis", "1")
    assert parted(index).disclosed == 0
    read(index, SCHOOL, "sis", "1")
    assert [line.records for line in parted(index).disclosures if line.client == "school"] == [
        labels("sis:1"),
        labels("ccwis:1"),
    ]


def test_each_two_records_count_from_when_they_themselves_were_one_person(one):
    put(one, "sis:2", **BO)
    read(one, SCHOOL, "sis", "2")
    made = merge(one, OFFICER, [links(one)["sis:1"], links(one)["sis:2"]], WHY)
    read(one, SCHOOL, "sis", "1")
    three = [labels("sis:1"), labels("ccwis:1"), labels("sis:2")]
    why = replace(PREVIEW, supersedes=made.decisions)
    assert "school" not in clients(split(one, OFFICER, links(one)["sis:1"], three, why))
    read(one, SCHOOL, "sis", "2")
    assert clients(split(one, OFFICER, links(one)["sis:1"], three, why)).count("school") == 2


def test_they_were_one_person_through_a_merge_that_gave_them_another_id(one):
    person(one, SCHOOL, links(one)["sis:1"])
    put(one, "sis:2", **BO)
    both = [links(one)["sis:1"], links(one)["sis:2"]]
    made = merge(one, OFFICER, both, WHY, survivor=both[1])
    assert "school" in clients(parted(one, why=replace(PREVIEW, supersedes=made.decisions)))


def test_a_move_a_decision_and_the_undo_of_a_merge_list_it_too(one):
    put(one, "sis:2", **BO)
    made = merge(one, OFFICER, [links(one)["sis:1"], links(one)["sis:2"]], WHY)
    assert made.disclosures == ()
    person(one, SCHOOL, links(one)["sis:1"])
    undone = undo_step(one, OFFICER, made.step, preview=True)
    assert clients(undone) == ["school", "officer"]  # the merge itself told its steward of both
    put(one, "sis:3", **{**BO, "first_name": "Cleo", "birth_date": "2001-07-30"})
    different = Asked(DecisionKind.DIFFERENT, (labels("sis:1"), labels("ccwis:1")), "sibling")
    undo_step(one, OFFICER, made.step)
    assert "school" in clients(decide(one, OFFICER, different, preview=True))
    moved = move(one, OFFICER, links(one)["sis:1"], labels("ccwis:1"), links(one)["sis:3"], PREVIEW)
    assert "school" in clients(moved)


def test_an_export_is_listed_by_its_handle_for_whoever_could_see_both(one):
    add_client(one, OPERATOR, "district", ["crosswalk.export"], ["sis"])
    district = Viewer("district", None, frozenset({Action.CROSSWALK_EXPORT}), frozenset({"sis"}))
    list(export_crosswalk(one, district))
    assert parted(one, STEWARD).disclosed == 0
    crosswalk(one)
    [export] = [line for line in parted(one).disclosures if line.client == "operator"]
    assert export.handle.startswith("all@")
    assert export.records == (*labels("ccwis:1"), *labels("sis:1"))


def test_without_the_right_to_the_ledger_a_steward_gets_the_number_alone(one):
    person(one, SCHOOL, links(one)["sis:1"])
    seen = parted(one, STEWARD)
    assert (seen.disclosed, seen.disclosures) == (1, ())


def test_a_client_of_certain_sources_learns_nothing_even_with_the_right(one):
    put(one, "sis:2")
    person(one, SCHOOL, links(one)["sis:1"])
    mine = Viewer("district", None, frozenset(Action), frozenset({"sis"}))
    seen = split(one, mine, links(one)["sis:1"], [labels("sis:2")], PREVIEW)
    assert seen.moved
    assert (seen.disclosed, seen.disclosures) == (None, ())


def test_a_repeated_call_is_not_shown_what_its_client_may_no_longer_read(one):
    person(one, SCHOOL, links(one)["sis:1"])
    eid, once = links(one)["sis:1"], OnceOnly("key", b"split")
    first = split(one, replace(OFFICER, once=once), eid, [labels("ccwis:1")], WHY)
    assert first.disclosures
    again = replace(OFFICER, actions=frozenset({Action.DECIDE}), once=once)
    assert split(one, again, eid, [labels("ccwis:1")], WHY).disclosures == ()
    again = replace(OFFICER, sources=frozenset({"sis", "ccwis"}), once=once)
    narrowed = split(one, again, eid, [labels("ccwis:1")], WHY)
    assert (narrowed.disclosed, narrowed.disclosures) == (None, ())


def test_the_list_comes_when_a_step_takes_effect_not_when_it_begins_to_wait(one):
    careful = replace(one, second_approver=SecondApprover.ALWAYS)
    person(careful, SCHOOL, links(one)["sis:1"])
    waiting = parted(careful, why=WHY)
    assert (waiting.awaiting, waiting.disclosed) == (True, 0)
    second = Viewer("second", None, OFFICER.actions, None)
    assert "school" in clients(approve(careful, second, waiting.step))


def test_a_long_list_is_cut_to_the_latest_and_counted_whole(one, monkeypatch):
    monkeypatch.setattr(received, "MOST_LISTED", 2)
    for purpose in ("case_planning", "transport", "court_report"):
        person(one, replace(SCHOOL, purpose=purpose), links(one)["sis:1"])
    seen = parted(one)
    assert [line.purpose for line in seen.disclosures] == ["court_report", "transport"]
    assert seen.disclosed == 3
