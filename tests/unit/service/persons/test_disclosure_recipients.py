"""Whoever parts a wrong link sees at once who received what because of it, if the policy lets them."""

from dataclasses import replace

import pytest

from mpi.bootstrap import open_matcher
from mpi.domain.decision import DecisionKind
from mpi.domain.viewer import Action, IdempotentCall, SecondApprover, Viewer
from mpi.service.access.clients import add_client
from mpi.service.loads.load_undo import undo_load
from mpi.service.persons import disclosure_recipients
from mpi.service.persons.crosswalk_export import export_crosswalk
from mpi.service.persons.persons import look_up_person
from mpi.service.recluster.proposals import apply_proposal, propose, roll_back_proposal
from mpi.service.records.upsert import read, withdraw
from mpi.service.stewardship.approvals import approve
from mpi.service.stewardship.decisions import DecisionRequest, decide
from mpi.service.stewardship.merge_split_move import StepOptions, merge, move, split
from mpi.service.stewardship.undo import undo_step
from tests.index import OPERATOR, a_child, crosswalk, load_rows, with_settings
from tests.models import tiny_model
from tests.unit.service.stewardship.test_decisions import record_refs, upsert_record

BO = {"first_name": "Bo", "last_name": "Zwart", "birth_date": "2009-01-02", "postal_code": "44444"}
OFFICER = Viewer("officer", "data_quality", frozenset({Action.DECIDE, Action.DISCLOSURE_READ}), None)
STEWARD = Viewer("steward", "data_quality", frozenset({Action.DECIDE}), None)
SCHOOL = Viewer("school", "school_stability", frozenset({Action.PERSON_READ, Action.RECORD_READ}), None)
WHY = StepOptions("two-children")
PREVIEW = replace(WHY, preview=True)


def links(index) -> dict[str, str]:
    """Who is who, told without a line on the ledger."""
    with index.database.read(OPERATOR) as unit:
        shown = dict(unit.records.iterate_labels())
        eids = {one.id: one.eid for one in unit.persons.all()}
        return {
            f"{shown[record].source}:{shown[record].local_id}": eids[person]
            for record, person in unit.persons.all_current_persons().items()
        }


@pytest.fixture
def one(index):
    """One child's records in two sources, one person by the model."""
    upsert_record(index, "sis:1")
    upsert_record(index, "ccwis:1")
    return index


def parted(index, viewer=OFFICER, why=PREVIEW):
    return split(index, viewer, links(index)["sis:1"], [record_refs("ccwis:1")], why)


def clients(effect) -> list[str]:
    return [line.client for line in effect.disclosures]


def test_who_read_the_person_is_listed_with_purpose_time_fields_and_records(one):
    look_up_person(one, SCHOOL, links(one)["sis:1"])
    seen = parted(one)
    [line] = seen.disclosures
    assert (line.client, line.purpose, line.action) == ("school", "school_stability", "person.read")
    assert (line.fields, line.handle) == (("now", "records"), None)
    assert line.records == (*record_refs("ccwis:1"), *record_refs("sis:1"))
    assert line.at.endswith("Z")
    assert seen.disclosed == 1


def test_the_step_lists_what_its_preview_listed_and_the_preview_itself(one):
    look_up_person(one, SCHOOL, links(one)["sis:1"])
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
    upsert_record(index, "sis:1")
    read(index, SCHOOL, "sis", "1")
    upsert_record(index, "ccwis:1")
    read(index, SCHOOL, "ccwis", "1")
    assert parted(index).disclosed == 0
    read(index, SCHOOL, "sis", "1")
    assert [line.records for line in parted(index).disclosures if line.client == "school"] == [
        record_refs("sis:1"),
        record_refs("ccwis:1"),
    ]


def test_each_two_records_count_from_when_they_themselves_were_one_person(one):
    upsert_record(one, "sis:2", **BO)
    read(one, SCHOOL, "sis", "2")
    made = merge(one, OFFICER, [links(one)["sis:1"], links(one)["sis:2"]], WHY)
    read(one, SCHOOL, "sis", "1")
    three = [record_refs("sis:1"), record_refs("ccwis:1"), record_refs("sis:2")]
    why = replace(PREVIEW, supersedes=made.decisions)
    assert "school" not in clients(split(one, OFFICER, links(one)["sis:1"], three, why))
    read(one, SCHOOL, "sis", "2")
    assert clients(split(one, OFFICER, links(one)["sis:1"], three, why)).count("school") == 2


def test_they_were_one_person_through_a_merge_that_gave_them_another_id(one):
    look_up_person(one, SCHOOL, links(one)["sis:1"])
    upsert_record(one, "sis:2", **BO)
    both = [links(one)["sis:1"], links(one)["sis:2"]]
    made = merge(one, OFFICER, both, WHY, survivor=both[1])
    assert "school" in clients(parted(one, why=replace(PREVIEW, supersedes=made.decisions)))


def test_a_move_a_decision_and_the_undo_of_a_merge_list_it_too(one):
    upsert_record(one, "sis:2", **BO)
    made = merge(one, OFFICER, [links(one)["sis:1"], links(one)["sis:2"]], WHY)
    assert made.disclosures == ()
    look_up_person(one, SCHOOL, links(one)["sis:1"])
    undone = undo_step(one, OFFICER, made.step, preview=True)
    assert clients(undone) == ["school", "officer"]  # the merge itself told its steward of both
    upsert_record(one, "sis:3", **{**BO, "first_name": "Cleo", "birth_date": "2001-07-30"})
    different = DecisionRequest(
        DecisionKind.DIFFERENT, (record_refs("sis:1"), record_refs("ccwis:1")), "sibling"
    )
    undo_step(one, OFFICER, made.step)
    assert "school" in clients(decide(one, OFFICER, different, preview=True))
    moved = move(one, OFFICER, links(one)["sis:1"], record_refs("ccwis:1"), links(one)["sis:3"], PREVIEW)
    assert "school" in clients(moved)


def test_an_export_is_listed_by_its_handle_for_whoever_could_see_both(one):
    add_client(one, OPERATOR, "district", ["crosswalk.export"], ["sis"])
    district = Viewer("district", None, frozenset({Action.CROSSWALK_EXPORT}), frozenset({"sis"}))
    list(export_crosswalk(one, district))
    assert parted(one, STEWARD).disclosed == 0
    crosswalk(one)
    [export] = [line for line in parted(one).disclosures if line.client == "operator"]
    assert export.handle.startswith("all@")
    assert export.records == (*record_refs("ccwis:1"), *record_refs("sis:1"))


def test_without_the_right_to_the_ledger_a_steward_gets_the_number_alone(one):
    look_up_person(one, SCHOOL, links(one)["sis:1"])
    seen = parted(one, STEWARD)
    assert (seen.disclosed, seen.disclosures) == (1, ())


def test_a_client_of_certain_sources_learns_nothing_even_with_the_right(one):
    upsert_record(one, "sis:2")
    look_up_person(one, SCHOOL, links(one)["sis:1"])
    mine = Viewer("district", None, frozenset(Action), frozenset({"sis"}))
    seen = split(one, mine, links(one)["sis:1"], [record_refs("sis:2")], PREVIEW)
    assert seen.moved
    assert (seen.disclosed, seen.disclosures) == (None, ())


def test_a_repeated_call_is_not_shown_what_its_client_may_no_longer_read(one):
    look_up_person(one, SCHOOL, links(one)["sis:1"])
    eid, once = links(one)["sis:1"], IdempotentCall("key", b"split")
    first = split(one, replace(OFFICER, idempotent_call=once), eid, [record_refs("ccwis:1")], WHY)
    assert first.disclosures
    again = replace(OFFICER, actions=frozenset({Action.DECIDE}), idempotent_call=once)
    assert split(one, again, eid, [record_refs("ccwis:1")], WHY).disclosures == ()
    again = replace(OFFICER, sources=frozenset({"sis", "ccwis"}), idempotent_call=once)
    narrowed = split(one, again, eid, [record_refs("ccwis:1")], WHY)
    assert (narrowed.disclosed, narrowed.disclosures) == (None, ())


def test_the_list_comes_when_a_step_takes_effect_not_when_it_begins_to_wait(one):
    careful = with_settings(one, second_approver=SecondApprover.ALWAYS)
    look_up_person(careful, SCHOOL, links(one)["sis:1"])
    waiting = parted(careful, why=WHY)
    assert (waiting.awaiting, waiting.disclosed) == (True, 0)
    second = Viewer("second", None, OFFICER.actions | {Action.APPROVE}, None)
    assert "school" in clients(approve(careful, second, waiting.step))


def test_a_long_list_is_cut_to_the_latest_and_counted_whole(one, monkeypatch):
    monkeypatch.setattr(disclosure_recipients, "MAX_LISTED", 2)
    for purpose in ("case_planning", "transport", "court_report"):
        look_up_person(one, replace(SCHOOL, purpose=purpose), links(one)["sis:1"])
    seen = parted(one)
    assert [line.purpose for line in seen.disclosures] == ["court_report", "transport"]
    assert seen.disclosed == 3


LOADER = Viewer("loader", "data_quality", frozenset({Action.LOAD, Action.DISCLOSURE_READ}), None)


def test_the_undo_of_a_load_lists_it_also_of_a_record_that_is_nobodys_any_more(index):
    upsert_record(index, "sis:1")
    bad = load_rows(index, "ccwis", a_child("1"))
    look_up_person(index, SCHOOL, links(index)["sis:1"])
    seen = undo_load(index, LOADER, bad.batch, preview=True)
    done = undo_load(index, LOADER, bad.batch)
    assert [line.client for line in seen.disclosures] == ["school"]
    assert (done.removed, done.disclosed, [line.client for line in done.disclosures]) == (
        1,
        2,
        ["loader", "school"],
    )
    assert done.disclosures[1].records == (*record_refs("ccwis:1"), *record_refs("sis:1"))


def test_the_undo_of_a_load_tells_no_more_than_its_viewer_may_know(index):
    upsert_record(index, "sis:1")
    bad = load_rows(index, "ccwis", a_child("1"))
    look_up_person(index, SCHOOL, links(index)["sis:1"])
    without = Viewer("loader", None, frozenset({Action.LOAD}), None)
    seen = undo_load(index, without, bad.batch, preview=True)
    assert (seen.disclosed, seen.disclosures) == (1, ())
    mine = Viewer("ccwis", None, frozenset(Action), frozenset({"ccwis"}))
    seen = undo_load(index, mine, bad.batch, preview=True)
    assert (seen.disclosed, seen.disclosures) == (None, ())


def test_a_repeated_undo_of_a_load_tells_the_number_alone(index):
    upsert_record(index, "sis:1")
    bad = load_rows(index, "ccwis", a_child("1"))
    look_up_person(index, SCHOOL, links(index)["sis:1"])
    caller = replace(LOADER, idempotent_call=IdempotentCall("key", b"undo"))
    assert undo_load(index, caller, bad.batch).disclosures
    again = undo_load(index, caller, bad.batch)
    assert (again.disclosed, again.disclosures) == (1, ())
    narrowed = replace(caller, sources=frozenset({"ccwis"}))
    assert undo_load(index, narrowed, bad.batch).disclosed is None


def test_a_proposal_that_parts_persons_lists_it_and_its_rollback_that_joins_them_does_not(index, tmp_path):
    doubtful = {"postal_code": None}
    upsert_record(index, "sis:1", **doubtful)
    upsert_record(index, "ccwis:1", **doubtful)
    look_up_person(index, SCHOOL, links(index)["sis:1"])
    stricter = open_matcher(str(tiny_model(tmp_path / "stricter", version="2", link=17.0)))
    made = propose(index, OPERATOR, stricter)
    done = apply_proposal(index, OPERATOR, stricter, made.id)
    assert "school" in [line.client for line in done.disclosures]
    assert done.disclosed == len(done.disclosures)
    back = roll_back_proposal(replace(index, matcher=stricter), OPERATOR, index.matcher, made.id)
    assert (back.disclosed, back.disclosures) == (0, ()), "it joins again, and parts nobody"


def test_rolling_back_what_joined_two_lists_who_was_told_of_both_since(index, tmp_path):
    upsert_record(index, "sis:1", postal_code=None)
    upsert_record(index, "ccwis:1", postal_code=None, first_name="Amarra")
    looser = open_matcher(str(tiny_model(tmp_path / "looser", version="2", link=6.0)))
    made = propose(index, OPERATOR, looser)
    assert apply_proposal(index, OPERATOR, looser, made.id).disclosures == ()
    now = replace(index, matcher=looser)
    look_up_person(now, SCHOOL, links(index)["sis:1"])
    back = roll_back_proposal(now, OPERATOR, index.matcher, made.id)
    assert [line.client for line in back.disclosures] == ["school"]


def test_a_withdrawal_lists_who_was_told_of_the_record_and_of_its_fellows(one):
    look_up_person(one, SCHOOL, links(one)["sis:1"])
    caller = Viewer(
        "data-office",
        None,
        frozenset({Action.RECORD_WRITE, Action.DISCLOSURE_READ}),
        None,
        IdempotentCall("k", b""),
    )
    told = withdraw(one, caller, "ccwis", "1")
    assert [line.client for line in told.disclosures] == ["school"]
    again = withdraw(one, caller, "ccwis", "1")
    assert (again.disclosed, again.disclosures) == (1, ())


def test_a_source_that_withdraws_its_own_record_is_not_told_who_knows_it(one):
    look_up_person(one, SCHOOL, links(one)["sis:1"])
    told = withdraw(one, Viewer("ccwis", None, frozenset(Action), frozenset({"ccwis"})), "ccwis", "1")
    assert (told.disclosed, told.disclosures) == (None, ())
