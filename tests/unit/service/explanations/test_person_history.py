"""How a person was built: each step in a sentence, with what it did, who did it and how to undo it."""

from mpi.domain.record_ref import RecordRef
from mpi.service.explanations.person_history import describe_history
from mpi.service.records.upsert import upsert, withdraw
from mpi.service.stewardship.corrections import correct_value
from mpi.service.stewardship.merge import StepOptions, merge, split
from mpi.service.stewardship.undo import undo_step
from tests.index import OPERATOR, a_child, crosswalk, load_rows
from tests.unit.service.persons.test_golden_record import put
from tests.unit.service.stewardship.test_corrections import WHY
from tests.unit.service.stewardship.test_decisions import SIS_ONLY, STRANGER


def sentences(index, eid: str, viewer=OPERATOR) -> list[str]:
    return [step.sentence for step in describe_history(index, viewer, eid)]


def test_a_person_is_told_from_its_first_record_on(index):
    eid = put(index, "sis:1")
    put(index, "ccwis:1")
    withdraw(index, OPERATOR, "ccwis", "1")
    assert sentences(index, eid) == [
        "A record was sent: record 1 of sis began this person.",
        "A record was sent: record 1 of ccwis joined it.",
        "A record was withdrawn: record 1 of ccwis left and belongs to nobody.",
    ]


def test_a_load_of_many_records_is_one_step(index):
    load_rows(index, "sis", *(a_child(str(number)) for number in range(5)))
    eid = crosswalk(index)["sis", "1"]
    assert sentences(index, eid) == ["A file was loaded: 5 records of sis began this person."]


def test_what_people_did_shows_with_what_it_did_and_how_it_is_undone(index):
    first = put(index, "sis:1")
    second = put(index, "ccwis:1", **STRANGER)
    made = merge(index, OPERATOR, [first, second], StepOptions("test"), first)
    undo_step(index, OPERATOR, made.step)
    correct_value(index, OPERATOR, first, "middle_name", "Lou", WHY)
    steps = describe_history(index, OPERATOR, first)
    assert [step.sentence for step in steps] == [
        "A record was sent: record 1 of sis began this person.",
        f"Persons were merged: record 1 of ccwis came from {second}.",
        f"A merge was taken back: record 1 of ccwis went to {second}.",
        "A value was corrected; no record changed person.",
    ]
    assert [step.step == made.step for step in steps] == [False, True, True, False]
    assert {step.client for step in steps} == {OPERATOR.client}


def test_a_split_tells_where_the_records_went(index):
    eid = put(index, "sis:1")
    put(index, "sis:2")
    split(index, OPERATOR, eid, [[RecordRef("sis", "1")], [RecordRef("sis", "2")]], StepOptions("test"))
    links = crosswalk(index)
    [gone] = [name for name in ("1", "2") if links["sis", name] != eid]
    assert sentences(index, eid)[-1] == (
        f"The person was split: record {gone} of sis went to {links['sis', gone]}."
    )


def test_a_reader_of_one_source_is_told_the_steps_of_its_records_alone(index):
    put(index, "ccwis:1")
    eid = put(index, "sis:1")
    assert sentences(index, eid, SIS_ONLY) == ["A record was sent: record 1 of sis began this person."]


def test_a_sealed_records_steps_do_not_show(index):
    eid = put(index, "sis:1")
    put(index, "ccwis:1")
    upsert(index, OPERATOR, "ccwis", a_child("1", restrictions=[{"kind": "sealed"}]))
    assert sentences(index, eid) == ["A record was sent: record 1 of sis began this person."]
