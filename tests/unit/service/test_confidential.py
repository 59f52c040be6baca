"""What one agency must keep confidential is not told by another agency's record of the same child."""

import pytest

from mpi.domain.viewer import Viewer
from mpi.service.confidential import any_confidential
from mpi.service.question import WITHHELD, cards
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
    return unit.records.find(unit.sources.by_code("sis").id, ["1"])["1"].id


def test_a_question_withholds_the_home_on_every_record_of_the_child_though_it_asks_about_another_one(index):
    with index.database.read(OPERATOR) as unit:
        [card] = cards(unit, index, [school_record(unit)])
    assert not WITHHELD & card.values.keys()
    assert {"address_line1", "phone"} <= set(card.withheld)
    assert card.values["first_name"] == "Zuleika"


def test_a_reader_who_may_not_see_the_confidential_record_is_not_told_of_it_by_what_is_withheld(index):
    school = Viewer("school", None, OPERATOR.actions, frozenset({"sis"}))
    with index.database.read(school) as unit:
        assert not any_confidential(unit, [school_record(unit)])
    with index.database.read(OPERATOR) as unit:
        assert any_confidential(unit, [school_record(unit)])
