"""Test a person's history: one sentence, author and undo for each step."""

from mpi.domain.record_ref import RecordRef
from mpi.service.explanations.person_history import describe_history
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.stewardship.corrections import correct_value
from mpi.service.stewardship.merge_split_move import StepOptions, merge, split
from mpi.service.stewardship.undo import undo_step
from tests.index import OPERATOR, crosswalk, load_rows, make_child
from tests.unit.service.persons.test_golden_record import upsert_record
from tests.unit.service.stewardship.test_corrections import WHY
from tests.unit.service.stewardship.test_decisions import SIS_ONLY, STRANGER


def history_sentences(index, eid: str, viewer=OPERATOR) -> list[str]:
    return [step.sentence for step in describe_history(index, viewer, eid)]


def test_history_starts_with_the_first_record(index):
    eid = upsert_record(index, "sis:1")
    upsert_record(index, "ccwis:1")
    withdraw(index, OPERATOR, "ccwis", "1")
    assert history_sentences(index, eid) == [
        "A record was sent: record 1 of sis became a new child.",
        "A record was sent: record 1 of ccwis was added.",
        "A record was withdrawn: record 1 of ccwis left and belongs to nobody.",
    ]


def test_load_of_many_records_is_one_step(index):
    load_rows(index, "sis", *(make_child(str(number)) for number in range(5)))
    eid = crosswalk(index)["sis", "1"]
    assert history_sentences(index, eid) == ["A file was loaded: 5 records of sis became a new child."]


def test_steward_steps_show_their_effect_and_their_undo(index):
    first = upsert_record(index, "sis:1")
    second = upsert_record(index, "ccwis:1", **STRANGER)
    merge_effect = merge(index, OPERATOR, [first, second], StepOptions("test"), first)
    undo_step(index, OPERATOR, merge_effect.step)
    correct_value(index, OPERATOR, first, "middle_name", "Lou", WHY)
    steps = describe_history(index, OPERATOR, first)
    assert [step.sentence for step in steps] == [
        "A record was sent: record 1 of sis became a new child.",
        f"Persons were merged: record 1 of ccwis came from {second}.",
        f"A merge was undone: record 1 of ccwis went to {second}.",
        "A value was corrected; no record moved.",
    ]
    assert [step.step == merge_effect.step for step in steps] == [False, True, True, False]
    assert {step.client for step in steps} == {OPERATOR.client}


def test_split_states_where_the_records_went(index):
    eid = upsert_record(index, "sis:1")
    upsert_record(index, "sis:2")
    split(index, OPERATOR, eid, [[RecordRef("sis", "1")], [RecordRef("sis", "2")]], StepOptions("test"))
    links = crosswalk(index)
    [moved_record] = [name for name in ("1", "2") if links["sis", name] != eid]
    assert history_sentences(index, eid)[-1] == (
        f"The person was split: record {moved_record} of sis went to {links['sis', moved_record]}."
    )


def test_reader_of_one_source_sees_only_steps_of_its_records(index):
    upsert_record(index, "ccwis:1")
    eid = upsert_record(index, "sis:1")
    assert history_sentences(index, eid, SIS_ONLY) == [
        "A record was sent: record 1 of sis became a new child."
    ]


def test_steps_of_a_sealed_record_are_hidden(index):
    eid = upsert_record(index, "sis:1")
    upsert_record(index, "ccwis:1")
    upsert(index, OPERATOR, "ccwis", make_child("1", restrictions=[{"kind": "sealed"}]))
    assert history_sentences(index, eid) == ["A record was sent: record 1 of sis became a new child."]
