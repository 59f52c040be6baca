"""Names of children in lists: one record's name, and only what the viewer's policy carries."""

from dataclasses import replace

from mpi.domain import clock
from mpi.domain.record_ref import RecordRef
from mpi.domain.roles import Role
from mpi.domain.viewer import Action, Viewer
from mpi.policy.parties import ALL
from mpi.service.access.viewers import Caller, build_viewer
from mpi.service.agreements.house import build_house_agreement
from mpi.service.persons.child_names import ChildName, look_up_child_names
from mpi.service.persons.golden_record import look_up_golden_record
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.statements.correction_records import find_corrections
from mpi.service.stewardship.corrections import correct_value
from mpi.service.stewardship.merge_split_move import StepOptions
from tests.desk import ANN, SIS_STEWARD
from tests.index import OPERATOR, make_child

SIS, CCWIS = RecordRef("sis", "1"), RecordRef("ccwis", "1")
NUMBER = {"identifiers": [{"system": "state_student_id", "assigner": "OH", "value": "9100000038"}]}


def store_child(index, first_names=("Amara", "AMARA", "Amarra"), **changes) -> str:
    """Store one child's records, of the school and of child welfare in turn; return the ID."""
    eid = ""
    for number, first_name in enumerate(first_names):
        source, local_id = ("sis", "ccwis")[number % 2], str(number // 2 + 1)
        child = make_child(local_id, first_name=first_name, **NUMBER, **changes)
        eid = upsert(index, OPERATOR, source, child).enterprise_id
    return eid


def name_of(index, record, viewer=ANN, action=Action.TASK_READ):
    return look_up_child_names(index, viewer, action, [record]).by_record.get(record)


def test_a_child_has_the_name_of_its_golden_record_for_each_of_its_records(index):
    eid = store_child(index)
    names = look_up_child_names(index, ANN, Action.TASK_READ, [SIS, CCWIS], [eid])
    golden = {value.attribute: value.value for value in look_up_golden_record(index, ANN, eid).values}
    child = names.by_id[eid]
    assert names.by_record == {SIS: child, CCWIS: child}
    assert child.enterprise_id == eid
    assert (child.first_name, child.last_name) == (golden["first_name"], golden["last_name"])
    assert child.first_name.casefold() == "amara"
    assert child.birth_date == "2014-03-09"


def test_a_stewards_correction_of_the_name_is_shown(index):
    eid = store_child(index)
    options = StepOptions(reason="typo", note="birth certificate seen")
    correct_value(index, OPERATOR, eid, "first_name", "Amahra", options)
    assert name_of(index, SIS).first_name == "Amahra"


def test_a_steward_of_one_source_sees_the_name_of_its_own_records_alone(index):
    store_child(index, ("Amara", "Amarah", "Amara", "Amarah", "Amara"))
    assert name_of(index, SIS, SIS_STEWARD).first_name == "Amara"
    assert name_of(index, CCWIS, SIS_STEWARD) is None
    assert "Amarah" not in repr(look_up_child_names(index, SIS_STEWARD, Action.TASK_READ, [SIS, CCWIS]))


def test_an_id_whose_records_are_hidden_or_withdrawn_has_no_name(index):
    hidden = upsert(index, OPERATOR, "ccwis", make_child("9", first_name="Hidda")).enterprise_id
    gone = upsert(index, OPERATOR, "sis", make_child("8", first_name="Gonna", birth_date="2010-01-02"))
    withdraw(index, OPERATOR, "sis", "8")
    names = look_up_child_names(
        index, SIS_STEWARD, Action.TASK_READ, [RecordRef("sis", "8")], [hidden, gone.enterprise_id]
    )
    assert names.by_id == names.by_record == {}


def test_nobody_gets_a_name_by_an_action_that_they_may_not_do(index):
    store_child(index)
    assert name_of(index, SIS, Viewer("nobody", None, frozenset(), None)) is None
    assert name_of(index, SIS, replace(ANN, actions=ANN.actions - {Action.TASK_READ})) is None


def viewer_under(output_fields):
    """Return a steward of all sources whose agreement discloses certain fields for review."""
    [grant] = build_house_agreement().grants
    named = replace(grant, output_fields=frozenset(output_fields))
    agreement = replace(build_house_agreement(), grants=(named,), is_approved=True)
    caller = Caller("ann", frozenset(), None, agreement.code, 1, Role.STEWARD)
    return build_viewer(caller, "data_quality", agreement, clock.now().date())


def test_a_list_holds_only_the_fields_that_the_agreement_names(index):
    store_child(index)
    assert name_of(index, SIS, viewer_under({ALL})).first_name.casefold() == "amara"
    assert name_of(index, SIS, viewer_under({"last_name"})) == ChildName(
        name_of(index, SIS).enterprise_id, last_name="Okonkwo"
    )


def test_a_search_shows_no_name_of_a_record_that_is_opted_out(index):
    opted_out = {"restrictions": [{"kind": "opt_out", "begin": "2026-01-01"}]}
    upsert(index, OPERATOR, "sis", make_child("1", **NUMBER))
    upsert(index, OPERATOR, "ccwis", make_child("1", first_name="Amarah", **NUMBER, **opted_out))
    upsert(index, OPERATOR, "ccwis", make_child("2", first_name="Amarah", **NUMBER, **opted_out))
    assert name_of(index, SIS).first_name == "Amarah"
    found = look_up_child_names(index, ANN, Action.PERSON_READ, [SIS], in_search=True)
    assert found.by_record[SIS].first_name == "Amara"


def test_a_search_shows_no_correction_of_a_record_that_is_opted_out(index):
    opted_out = {"restrictions": [{"kind": "opt_out", "begin": "2026-01-01"}]}
    eid = upsert(index, OPERATOR, "sis", make_child("1", **NUMBER)).enterprise_id
    upsert(index, OPERATOR, "ccwis", make_child("1", first_name="Amarah", **NUMBER))
    options = StepOptions(reason="typo", note="birth certificate seen")
    correct_value(index, OPERATOR, eid, "first_name", "Zuri", options)
    with index.database.read(OPERATOR) as unit:
        [correction] = find_corrections(unit, [1, 2])
        corrected = unit.records.labels([correction.corrected])[correction.corrected]
    first_names = {SIS: "Amara", CCWIS: "Amarah"}
    upsert(
        index, OPERATOR, corrected.source,
        make_child("1", first_name=first_names.pop(corrected), **NUMBER, **opted_out),
    )  # fmt: skip
    assert name_of(index, SIS).first_name == "Zuri"
    found = look_up_child_names(index, ANN, Action.PERSON_READ, [SIS], in_search=True)
    assert [found.by_record[SIS].first_name] == list(first_names.values())


def test_the_ledger_names_the_fields_and_the_records_they_come_from(index):
    store_child(index, ("Amara", "Amarah", "Amara"))
    look_up_child_names(index, ANN, Action.TASK_READ, [SIS, CCWIS])
    with index.database.read(OPERATOR) as unit:
        [line] = [line for line in unit.disclosures.all() if line.client == "ann"]
        shown = unit.records.labels(line.record_ids).values()
    assert line.action == Action.TASK_READ
    assert set(line.fields) == {"first_name", "last_name", "birth_date"}
    assert 1 <= len(shown) <= 2
