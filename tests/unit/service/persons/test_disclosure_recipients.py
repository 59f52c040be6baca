"""Test that undoing a wrong link lists who received data because of it."""

from dataclasses import replace

import pytest

from mpi.composition.models import open_matcher
from mpi.domain.decision import DecisionKind
from mpi.domain.viewer import Action, IdempotentCall, SecondApprover, Viewer
from mpi.service.access.clients import add_client
from mpi.service.loads.load_undo import undo_load
from mpi.service.persons.crosswalk_export import export_crosswalk
from mpi.service.persons.persons import look_up_person
from mpi.service.recluster.proposal_application import apply_proposal, roll_back_proposal
from mpi.service.recluster.proposals import propose
from mpi.service.records.record_reader import read
from mpi.service.records.withdrawal import withdraw
from mpi.service.stewardship.approvals import approve
from mpi.service.stewardship.decisions import DecisionRequest, decide
from mpi.service.stewardship.merge_split_move import StepOptions, merge, move, split
from mpi.service.stewardship.undo import undo_step
from tests.index import OPERATOR, crosswalk, load_rows, make_child, reopen_database, with_settings
from tests.models import tiny_model
from tests.unit.service.stewardship.test_decisions import record_refs, upsert_record

BO = {"first_name": "Bo", "last_name": "Zwart", "birth_date": "2009-01-02", "postal_code": "44444"}
OFFICER = Viewer("officer", "data_quality", frozenset({Action.DECIDE, Action.DISCLOSURE_READ}), None)
STEWARD = Viewer("steward", "data_quality", frozenset({Action.DECIDE}), None)
SCHOOL = Viewer("school", "school_stability", frozenset({Action.PERSON_READ, Action.RECORD_READ}), None)
WHY = StepOptions("two-children")
PREVIEW = replace(WHY, preview=True)


def read_links(index) -> dict[str, str]:
    """Return each record's enterprise ID without writing to the disclosure log."""
    with index.database.read(OPERATOR) as unit:
        labels = dict(unit.records.iterate_labels())
        eids = {row.id: row.eid for row in unit.persons.all()}
        return {
            f"{labels[record].source}:{labels[record].local_id}": eids[person]
            for record, person in unit.persons.all_current_persons().items()
        }


@pytest.fixture
def linked_index(index):
    """An index with one person of two records, linked by the model."""
    upsert_record(index, "sis:1")
    upsert_record(index, "ccwis:1")
    return index


def split_off(index, viewer=OFFICER, why=PREVIEW):
    return split(index, viewer, read_links(index)["sis:1"], [record_refs("ccwis:1")], why)


def recipient_clients(effect) -> list[str]:
    return [line.client for line in effect.disclosures]


def test_reader_of_the_person_is_listed_with_purpose_time_fields_and_records(linked_index):
    look_up_person(linked_index, SCHOOL, read_links(linked_index)["sis:1"])
    effect = split_off(linked_index)
    [line] = effect.disclosures
    assert (line.client, line.purpose, line.action) == ("school", "school_stability", "person.read")
    assert (line.fields, line.handle) == (("now", "records"), None)
    assert line.records == (*record_refs("ccwis:1"), *record_refs("sis:1"))
    assert line.at.endswith("Z")
    assert effect.disclosed == 1


def test_step_lists_what_its_preview_listed_and_the_preview(linked_index):
    look_up_person(linked_index, SCHOOL, read_links(linked_index)["sis:1"])
    previewed = split_off(linked_index)
    applied = split_off(linked_index, why=WHY)
    assert recipient_clients(applied) == ["officer", "school"]
    assert applied.disclosures[1:] == previewed.disclosures
    assert applied.disclosures[0].fields[-1] == "disclosures"


def test_reader_of_one_record_is_not_listed_and_of_both_records_is(linked_index):
    read(linked_index, SCHOOL, "sis", "1")
    assert split_off(linked_index, STEWARD).disclosed == 0
    read(linked_index, SCHOOL, "ccwis", "1")
    assert recipient_clients(split_off(linked_index)).count("school") == 2


def test_reads_before_the_records_were_one_person_are_not_listed(index):
    upsert_record(index, "sis:1")
    read(index, SCHOOL, "sis", "1")
    upsert_record(index, "ccwis:1")
    read(index, SCHOOL, "ccwis", "1")
    assert split_off(index).disclosed == 0
    read(index, SCHOOL, "sis", "1")
    assert [line.records for line in split_off(index).disclosures if line.client == "school"] == [
        record_refs("sis:1"),
        record_refs("ccwis:1"),
    ]


def test_each_pair_of_records_counts_from_its_own_link(linked_index):
    upsert_record(linked_index, "sis:2", **BO)
    read(linked_index, SCHOOL, "sis", "2")
    merge_effect = merge(
        linked_index, OFFICER, [read_links(linked_index)["sis:1"], read_links(linked_index)["sis:2"]], WHY
    )
    read(linked_index, SCHOOL, "sis", "1")
    groups = [record_refs("sis:1"), record_refs("ccwis:1"), record_refs("sis:2")]
    options = replace(PREVIEW, supersedes=merge_effect.decisions)
    assert "school" not in recipient_clients(
        split(linked_index, OFFICER, read_links(linked_index)["sis:1"], groups, options)
    )
    read(linked_index, SCHOOL, "sis", "2")
    assert (
        recipient_clients(
            split(linked_index, OFFICER, read_links(linked_index)["sis:1"], groups, options)
        ).count("school")
        == 2
    )


def test_records_stay_one_person_through_a_merge_with_another_id(linked_index):
    look_up_person(linked_index, SCHOOL, read_links(linked_index)["sis:1"])
    upsert_record(linked_index, "sis:2", **BO)
    eids = [read_links(linked_index)["sis:1"], read_links(linked_index)["sis:2"]]
    merge_effect = merge(linked_index, OFFICER, eids, WHY, survivor=eids[1])
    assert "school" in recipient_clients(
        split_off(linked_index, why=replace(PREVIEW, supersedes=merge_effect.decisions))
    )


def test_move_decision_and_undo_of_a_merge_list_recipients_too(linked_index):
    upsert_record(linked_index, "sis:2", **BO)
    merge_effect = merge(
        linked_index, OFFICER, [read_links(linked_index)["sis:1"], read_links(linked_index)["sis:2"]], WHY
    )
    assert merge_effect.disclosures == ()
    look_up_person(linked_index, SCHOOL, read_links(linked_index)["sis:1"])
    undone = undo_step(linked_index, OFFICER, merge_effect.step, preview=True)
    assert recipient_clients(undone) == [
        "school",
        "officer",
    ]  # the merge itself disclosed both to its steward
    upsert_record(linked_index, "sis:3", **{**BO, "first_name": "Cleo", "birth_date": "2001-07-30"})
    different = DecisionRequest(
        DecisionKind.DIFFERENT, (record_refs("sis:1"), record_refs("ccwis:1")), "sibling"
    )
    undo_step(linked_index, OFFICER, merge_effect.step)
    assert "school" in recipient_clients(decide(linked_index, OFFICER, different, preview=True))
    move_effect = move(
        linked_index,
        OFFICER,
        read_links(linked_index)["sis:1"],
        record_refs("ccwis:1"),
        read_links(linked_index)["sis:3"],
        PREVIEW,
    )
    assert "school" in recipient_clients(move_effect)


def test_export_is_listed_by_its_handle_for_viewers_of_both_sources(linked_index):
    add_client(linked_index, OPERATOR, "district", ["crosswalk.export"], ["sis"])
    district = Viewer("district", None, frozenset({Action.CROSSWALK_EXPORT}), frozenset({"sis"}))
    list(export_crosswalk(linked_index, district))
    assert split_off(linked_index, STEWARD).disclosed == 0
    crosswalk(linked_index)
    by_operator = [line for line in split_off(linked_index).disclosures if line.client == "operator"]
    # The others are answers to the records that the operator has sent itself.
    [export] = [line for line in by_operator if line.action != Action.RECORD_WRITE]
    assert export.handle.startswith("all@")
    assert export.records == (*record_refs("ccwis:1"), *record_refs("sis:1"))


def test_steward_without_disclosure_read_gets_only_the_count(linked_index):
    look_up_person(linked_index, SCHOOL, read_links(linked_index)["sis:1"])
    previewed = split_off(linked_index, STEWARD)
    assert (previewed.disclosed, previewed.disclosures) == (1, ())


def test_client_of_some_sources_gets_no_recipients(linked_index):
    upsert_record(linked_index, "sis:2")
    look_up_person(linked_index, SCHOOL, read_links(linked_index)["sis:1"])
    district = Viewer("district", None, frozenset(Action), frozenset({"sis"}))
    previewed = split(
        linked_index, district, read_links(linked_index)["sis:1"], [record_refs("sis:2")], PREVIEW
    )
    assert previewed.moved
    assert (previewed.disclosed, previewed.disclosures) == (None, ())


def test_repeated_call_shows_only_what_its_client_may_still_read(linked_index):
    look_up_person(linked_index, SCHOOL, read_links(linked_index)["sis:1"])
    eid, call = read_links(linked_index)["sis:1"], IdempotentCall("key", b"split")
    first = split(linked_index, replace(OFFICER, idempotent_call=call), eid, [record_refs("ccwis:1")], WHY)
    assert first.disclosures
    caller = replace(OFFICER, actions=frozenset({Action.DECIDE}), idempotent_call=call)
    assert split(linked_index, caller, eid, [record_refs("ccwis:1")], WHY).disclosures == ()
    caller = replace(OFFICER, sources=frozenset({"sis", "ccwis"}), idempotent_call=call)
    narrowed = split(linked_index, caller, eid, [record_refs("ccwis:1")], WHY)
    assert (narrowed.disclosed, narrowed.disclosures) == (None, ())


def test_recipients_are_listed_when_a_step_takes_effect(linked_index):
    approval_index = with_settings(linked_index, second_approver=SecondApprover.ALWAYS)
    look_up_person(approval_index, SCHOOL, read_links(linked_index)["sis:1"])
    waiting = split_off(approval_index, why=WHY)
    assert (waiting.awaiting, waiting.disclosed) == (True, 0)
    second = Viewer("second", None, OFFICER.actions | {Action.APPROVE}, None)
    assert "school" in recipient_clients(approve(approval_index, second, waiting.step))


def test_long_list_shows_the_latest_and_the_full_count(linked_index):
    for purpose in ("case_planning", "transport", "court_report"):
        look_up_person(linked_index, replace(SCHOOL, purpose=purpose), read_links(linked_index)["sis:1"])
    with reopen_database(linked_index, listed_disclosures=2) as limited_index:
        previewed = split_off(limited_index)
    assert [line.purpose for line in previewed.disclosures] == ["court_report", "transport"]
    assert previewed.disclosed == 3


LOADER = Viewer("loader", "data_quality", frozenset({Action.LOAD, Action.DISCLOSURE_READ}), None)


def test_undo_of_a_load_lists_recipients_of_removed_records(index):
    upsert_record(index, "sis:1")
    wrong_load = load_rows(index, "ccwis", make_child("1"))
    look_up_person(index, SCHOOL, read_links(index)["sis:1"])
    previewed = undo_load(index, LOADER, wrong_load.batch, preview=True)
    applied = undo_load(index, LOADER, wrong_load.batch)
    assert [line.client for line in previewed.disclosures] == ["school"]
    assert (applied.removed, applied.disclosed, [line.client for line in applied.disclosures]) == (
        1,
        2,
        ["loader", "school"],
    )
    assert applied.disclosures[1].records == (*record_refs("ccwis:1"), *record_refs("sis:1"))


def test_undo_of_a_load_lists_only_what_its_viewer_may_know(index):
    upsert_record(index, "sis:1")
    wrong_load = load_rows(index, "ccwis", make_child("1"))
    look_up_person(index, SCHOOL, read_links(index)["sis:1"])
    loader = Viewer("loader", None, frozenset({Action.LOAD}), None)
    previewed = undo_load(index, loader, wrong_load.batch, preview=True)
    assert (previewed.disclosed, previewed.disclosures) == (1, ())
    welfare_viewer = Viewer("ccwis", None, frozenset(Action), frozenset({"ccwis"}))
    previewed = undo_load(index, welfare_viewer, wrong_load.batch, preview=True)
    assert (previewed.disclosed, previewed.disclosures) == (None, ())


def test_repeated_undo_of_a_load_gets_only_the_count(index):
    upsert_record(index, "sis:1")
    wrong_load = load_rows(index, "ccwis", make_child("1"))
    look_up_person(index, SCHOOL, read_links(index)["sis:1"])
    caller = replace(LOADER, idempotent_call=IdempotentCall("key", b"undo"))
    assert undo_load(index, caller, wrong_load.batch).disclosures
    repeated = undo_load(index, caller, wrong_load.batch)
    assert (repeated.disclosed, repeated.disclosures) == (1, ())
    narrowed = replace(caller, sources=frozenset({"ccwis"}))
    assert undo_load(index, narrowed, wrong_load.batch).disclosed is None


def test_proposal_that_splits_persons_lists_recipients_and_its_rollback_none(index, tmp_path):
    doubtful = {"postal_code": None}
    upsert_record(index, "sis:1", **doubtful)
    upsert_record(index, "ccwis:1", **doubtful)
    look_up_person(index, SCHOOL, read_links(index)["sis:1"])
    stricter = open_matcher(str(tiny_model(tmp_path / "stricter", version="2", link=17.0)))
    proposal = propose(index, OPERATOR, stricter)
    applied = apply_proposal(index, OPERATOR, stricter, proposal.id)
    assert "school" in [line.client for line in applied.disclosures]
    assert applied.disclosed == len(applied.disclosures)
    rollback = roll_back_proposal(replace(index, matcher=stricter), OPERATOR, index.matcher, proposal.id)
    assert (rollback.disclosed, rollback.disclosures) == (0, ()), (
        "the rollback joins records and separates none"
    )


def test_rollback_of_a_merge_lists_who_received_both(index, tmp_path):
    upsert_record(index, "sis:1", postal_code=None)
    upsert_record(index, "ccwis:1", postal_code=None, first_name="Amarra")
    looser = open_matcher(str(tiny_model(tmp_path / "looser", version="2", link=6.0)))
    proposal = propose(index, OPERATOR, looser)
    assert apply_proposal(index, OPERATOR, looser, proposal.id).disclosures == ()
    new_index = replace(index, matcher=looser)
    look_up_person(new_index, SCHOOL, read_links(index)["sis:1"])
    rollback = roll_back_proposal(new_index, OPERATOR, index.matcher, proposal.id)
    assert [line.client for line in rollback.disclosures] == ["school"]


def test_withdrawal_lists_recipients_of_the_record_and_its_person(linked_index):
    look_up_person(linked_index, SCHOOL, read_links(linked_index)["sis:1"])
    caller = Viewer(
        "data-office",
        None,
        frozenset({Action.RECORD_WRITE, Action.DISCLOSURE_READ}),
        None,
        IdempotentCall("k", b""),
    )
    effect = withdraw(linked_index, caller, "ccwis", "1")
    assert [line.client for line in effect.disclosures] == ["school"]
    repeated = withdraw(linked_index, caller, "ccwis", "1")
    assert (repeated.disclosed, repeated.disclosures) == (1, ())


def test_source_withdrawing_its_own_record_gets_no_recipients(linked_index):
    look_up_person(linked_index, SCHOOL, read_links(linked_index)["sis:1"])
    effect = withdraw(
        linked_index, Viewer("ccwis", None, frozenset(Action), frozenset({"ccwis"})), "ccwis", "1"
    )
    assert (effect.disclosed, effect.disclosures) == (None, ())
