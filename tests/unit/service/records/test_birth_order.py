import pytest

from mpi.service.records.birth_order import TwinRelation, needs_birth_order, relate

AMARA = {"first_name": "Amara", "last_name": "Okonkwo", "birth_date": "2014-03-09"}
OBI = {**AMARA, "first_name": "Obi"}


def of_order(values, order):
    return {**values, "birth_order": order}


@pytest.mark.parametrize(
    ("sent", "person", "relation"),
    [
        (of_order(AMARA, "1"), of_order(AMARA, "2"), TwinRelation.TWIN),
        (of_order(AMARA, "1"), of_order(OBI, "2"), TwinRelation.TWIN),
        (of_order(AMARA, "1"), of_order(AMARA, "1"), TwinRelation.NONE),
        (AMARA, OBI, TwinRelation.UNCERTAIN),
        (AMARA, of_order(OBI, "2"), TwinRelation.UNCERTAIN),
        (of_order(AMARA, "1"), OBI, TwinRelation.NONE),
        (AMARA, AMARA, TwinRelation.NONE),
        (AMARA, {**OBI, "last_name": "Quinn"}, TwinRelation.NONE),
        (AMARA, {**OBI, "birth_date": "2014-03-10"}, TwinRelation.NONE),
        ({**AMARA, "birth_date": "2014"}, {**OBI, "birth_date": "2014"}, TwinRelation.NONE),
        ({**AMARA, "first_name": "William"}, {**AMARA, "first_name": "Bill"}, TwinRelation.NONE),
        ({**AMARA, "first_name": "Baby Girl"}, OBI, TwinRelation.UNCERTAIN),
        ({"first_name": "Amara"}, {"first_name": "Obi"}, TwinRelation.NONE),
        (of_order(AMARA, "soon"), of_order(OBI, "2"), TwinRelation.UNCERTAIN),
    ],
)
def test_birth_order_tells_twins_apart(sent, person, relation):
    assert relate(sent, person) is relation


def test_birth_order_is_asked_for_only_where_it_would_tell_twins_apart():
    assert needs_birth_order(AMARA, [OBI])
    assert needs_birth_order(AMARA, [AMARA, OBI])
    assert needs_birth_order(AMARA, [AMARA, of_order(AMARA, "2")])
    assert not needs_birth_order(AMARA, [AMARA])
    assert not needs_birth_order(of_order(AMARA, "1"), [AMARA, OBI])
    assert not needs_birth_order(AMARA, [])
