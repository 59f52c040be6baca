"""What one agency must keep confidential is not told by another agency's record of the same child."""

import pytest

from mpi.domain.viewer import Action, Viewer
from mpi.service.core.confidential_addresses import WITHHELD_FIELDS, has_confidential_address
from mpi.service.records.upsert import read, withdraw
from mpi.service.review.question import build_cards
from mpi.service.stewardship.corrections import correct_value
from mpi.service.stewardship.merge import StepOptions
from tests.index import OPERATOR, a_child, an_index, crosswalk, load_rows

CHILD = a_child(
    "1", first_name="Zuleika", last_name="Abernathy", address_line1="12 Elm St", phone="5551234567"
)
CONFIDENTIAL = {**CHILD, "restrictions": [{"kind": "address_confidential"}]}


@pytest.fixture
def index(tmp_path):
    """One child in two sources; child welfare keeps the address confidential."""
    with an_index(tmp_path, "sis", "ccwis") as index:
        load_rows(index, "sis", CHILD)
        load_rows(index, "ccwis", CONFIDENTIAL)
        assert len(set(crosswalk(index).values())) == 1
        yield index


def school_record(unit) -> int:
    return unit.records.find_by_local_ids(unit.sources.get_by_code("sis").id, ["1"])["1"].id


def test_a_question_withholds_the_home_on_every_record_of_the_child_though_it_asks_about_another_one(index):
    with index.database.read(OPERATOR) as unit:
        [card] = build_cards(unit, index, [school_record(unit)])
    assert not WITHHELD_FIELDS & card.values.keys()
    assert {"address_line1", "phone"} <= set(card.withheld)
    assert card.values["first_name"] == "Zuleika"


def test_a_reader_who_may_not_see_the_confidential_record_is_not_told_of_it_by_what_is_withheld(index):
    school = Viewer("school", None, OPERATOR.actions, frozenset({"sis"}))
    with index.database.read(school) as unit:
        assert not has_confidential_address(unit, [school_record(unit)])
    with index.database.read(OPERATOR) as unit:
        assert has_confidential_address(unit, [school_record(unit)])


def test_who_is_named_for_no_source_reads_the_home_of_no_record_of_the_child(index):
    for source in ("sis", "ccwis"):
        told = read(index, OPERATOR, source, "1")
        assert not WITHHELD_FIELDS & told["record"].keys()
        assert {"addresses", "address_line1", "phone"} <= set(told["withheld"])
        assert told["record"]["first_name"] == "Zuleika"
        assert not {"12 Elm St", "5551234567"} & set(map(str, told["record"].values()))
    with index.database.read(OPERATOR) as unit:
        lines = [line for line in unit.disclosures.all() if line.action == Action.RECORD_READ]
    assert [WITHHELD_FIELDS & set(line.fields) for line in lines] == [set(), set()]


def test_a_record_reads_its_home_to_who_is_named_for_its_source(index):
    for source in ("sis", "ccwis"):
        named = Viewer("agency", None, OPERATOR.actions, frozenset({source}))
        told = read(index, named, source, "1")
        assert (told["record"]["address_line1"], told["withheld"]) == ("12 Elm St", [])


def test_a_home_is_read_by_anybody_where_none_of_the_childs_records_keeps_it(index):
    load_rows(index, "sis", {**CHILD, "local_id": "2", "first_name": "Bo", "last_name": "Zwart"})
    assert read(index, OPERATOR, "sis", "2")["record"]["address_line1"] == "12 Elm St"


def test_a_correction_does_not_tell_what_the_record_does_not_that_it_corrects(index):
    eid = crosswalk(index)["sis", "1"]
    made = correct_value(index, OPERATOR, eid, "phone", "6145550123", StepOptions("x", "call"))
    with index.database.read(OPERATOR) as unit:
        number = unit.steps.get(made.step).detail["record"]
    told = read(index, OPERATOR, "STEWARD", f"correction-{number}")
    assert "phone" not in told["record"]
    assert told["withheld"] == ["phone"]


def test_a_record_that_takes_no_part_keeps_its_own_home(index):
    withdraw(index, OPERATOR, "ccwis", "1")
    assert not WITHHELD_FIELDS & read(index, OPERATOR, "ccwis", "1")["record"].keys()
