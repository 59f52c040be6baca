import pytest

from mpi.api.edfi.lists import compute_score
from mpi.api.edfi.mapping import PROPERTIES, to_canonical, to_identity
from mpi.api.edfi.schemas import IdentityCreateRequest
from mpi.domain.record import SENT_FIELDS
from mpi.service.records.birth_order import TwinRelation

WHOLE = {
    "LastSurname": "Okonkwo",
    "FirstName": "Amara",
    "MiddleName": "Grace",
    "GenerationCodeSuffix": "Jr",
    "SexType": "Female",
    "BirthDate": "2014-03-09T00:00:00Z",
    "BirthOrder": 2,
    "BirthLocation": {"City": "Dayton", "StateAbbreviation": "OH", "Country": "US"},
}


def map_request(**changes):
    return to_canonical(IdentityCreateRequest.model_validate({**WHOLE, **changes}))


def test_every_property_becomes_a_canonical_field():
    fields = map_request()
    assert fields.keys() == PROPERTIES.keys()
    assert fields.keys() <= set(SENT_FIELDS)
    assert fields["birth_date"] == "2014-03-09"


@pytest.mark.parametrize(
    ("order", "stated", "is_multiple"), [(0, None, None), (1, "1", None), (3, "3", True)]
)
def test_a_birth_order_of_2_or_more_tells_of_a_multiple_birth(order, stated, is_multiple):
    fields = map_request(BirthOrder=order)
    assert (fields.get("birth_order"), fields.get("multiple_birth")) == (stated, is_multiple)


@pytest.mark.parametrize("day", [None, "2014", "2014-03"])
def test_a_person_of_whom_little_is_known_has_no_null(day):
    assert to_identity({"birth_date": day}, None, 50.0) == {"Score": 50.0, "BirthLocation": {}}


@pytest.mark.parametrize(
    ("probability", "relation", "score"),
    [
        (0.0, TwinRelation.NONE, 0),
        (0.98765, TwinRelation.NONE, 98.76),
        (1.0, TwinRelation.NONE, 99.99),
        (1.0, TwinRelation.UNCERTAIN, 99.99),
        (1.0, TwinRelation.TWIN, 50),
        (0.25, TwinRelation.TWIN, 25),
    ],
)
def test_a_score_is_a_probability_in_percent_below_100(probability, relation, score):
    assert compute_score(probability, relation) == score
