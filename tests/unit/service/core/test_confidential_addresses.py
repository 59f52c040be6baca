"""Test that one agency's confidential address is not shown by another agency's record."""

import pytest

from mpi.domain.viewer import Action, Viewer
from mpi.service.core.confidential_addresses import WITHHELD_FIELDS, has_confidential_address
from mpi.service.records.upsert import read, withdraw
from mpi.service.review.question_view import build_cards
from mpi.service.stewardship.corrections import correct_value
from mpi.service.stewardship.merge_split_move import StepOptions
from tests.index import OPERATOR, crosswalk, load_rows, make_child, open_test_index

CHILD = make_child(
    "1", first_name="Zuleika", last_name="Abernathy", address_line1="12 Elm St", phone="5551234567"
)
CONFIDENTIAL = {**CHILD, "restrictions": [{"kind": "address_confidential"}]}


@pytest.fixture
def confidential_index(tmp_path):
    """One child in two sources; child welfare keeps the address confidential."""
    with open_test_index(tmp_path, "sis", "ccwis") as confidential_index:
        load_rows(confidential_index, "sis", CHILD)
        load_rows(confidential_index, "ccwis", CONFIDENTIAL)
        assert len(set(crosswalk(confidential_index).values())) == 1
        yield confidential_index


def find_school_record(unit) -> int:
    return unit.records.find_by_local_ids(unit.sources.get_by_code("sis").id, ["1"])["1"].id


def test_question_withholds_the_address_on_every_record_of_the_child(confidential_index):
    with confidential_index.database.read(OPERATOR) as unit:
        [card] = build_cards(unit, confidential_index, [find_school_record(unit)])
    assert not WITHHELD_FIELDS & card.values.keys()
    assert {"address_line1", "phone"} <= set(card.withheld)
    assert card.values["first_name"] == "Zuleika"


def test_withheld_fields_do_not_reveal_a_confidential_record_to_a_viewer_without_access(
    confidential_index,
):
    school = Viewer("school", None, OPERATOR.actions, frozenset({"sis"}))
    with confidential_index.database.read(school) as unit:
        assert not has_confidential_address(unit, [find_school_record(unit)])
    with confidential_index.database.read(OPERATOR) as unit:
        assert has_confidential_address(unit, [find_school_record(unit)])


def test_viewer_not_named_for_a_source_reads_no_address_of_the_child(confidential_index):
    for source in ("sis", "ccwis"):
        answer = read(confidential_index, OPERATOR, source, "1")
        assert not WITHHELD_FIELDS & answer["record"].keys()
        assert {"addresses", "address_line1", "phone"} <= set(answer["withheld"])
        assert answer["record"]["first_name"] == "Zuleika"
        assert not {"12 Elm St", "5551234567"} & set(map(str, answer["record"].values()))
    with confidential_index.database.read(OPERATOR) as unit:
        lines = [line for line in unit.disclosures.all() if line.action == Action.RECORD_READ]
    assert [WITHHELD_FIELDS & set(line.fields) for line in lines] == [set(), set()]


def test_viewer_named_for_the_source_reads_the_address_of_its_record(confidential_index):
    for source in ("sis", "ccwis"):
        viewer = Viewer("agency", None, OPERATOR.actions, frozenset({source}))
        answer = read(confidential_index, viewer, source, "1")
        assert (answer["record"]["address_line1"], answer["withheld"]) == ("12 Elm St", [])


def test_address_is_readable_when_no_record_of_the_child_is_confidential(confidential_index):
    load_rows(
        confidential_index,
        "sis",
        {**CHILD, "local_id": "2", "first_name": "Bo", "last_name": "Zwart"},
    )
    assert read(confidential_index, OPERATOR, "sis", "2")["record"]["address_line1"] == "12 Elm St"


def test_correction_withholds_what_its_corrected_record_withholds(confidential_index):
    eid = crosswalk(confidential_index)["sis", "1"]
    correction = correct_value(
        confidential_index, OPERATOR, eid, "phone", "6145550123", StepOptions("x", "call")
    )
    with confidential_index.database.read(OPERATOR) as unit:
        number = unit.steps.get(correction.step).detail["record"]
    answer = read(confidential_index, OPERATOR, "STEWARD", f"correction-{number}")
    assert "phone" not in answer["record"]
    assert answer["withheld"] == ["phone"]


def test_withdrawn_confidential_record_keeps_its_address_withheld(confidential_index):
    withdraw(confidential_index, OPERATOR, "ccwis", "1")
    assert not WITHHELD_FIELDS & read(confidential_index, OPERATOR, "ccwis", "1")["record"].keys()
