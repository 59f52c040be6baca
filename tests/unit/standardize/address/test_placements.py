"""Which of a child's addresses are those of a placement."""

import pytest

from tests.unit.standardize.making import features_of

OWN = {"address_line1": "12 Oak St", "postal_code": "45402"}
PLACED = {"address_line1": "61 Lake Dr", "postal_code": "43011"}
PLACED_KEY = "61 LAKE DR|43011"


@pytest.mark.parametrize(
    "kind",
    ["placement", "Placement address", "foster_family_home", "relative_foster_home", "relative home",
     "kinship", "Group Home", "pre-adoptive home", "resource family", "residential treatment",
     "former placement"],
)  # fmt: skip
def test_an_address_of_a_placements_type_is_a_placement_home_and_stays_an_address(kind):
    features = features_of(addresses=[OWN, {**PLACED, "type": kind}])
    assert features.placement_homes == (PLACED_KEY,)
    assert features.addresses == ("12 OAK ST|45402", PLACED_KEY)


@pytest.mark.parametrize(
    "kind",
    [None, "home", "removal_home", "mailing", "residential", "temporary", "trial_home_visit", "pre-placement",
     "Shelter, Transitional housing, Awaiting Foster", "Doubled - up (i.e., living with another family)"],
)  # fmt: skip
def test_an_address_of_another_type_is_none(kind):
    assert features_of(addresses=[{**PLACED, "type": kind}]).placement_homes == ()


@pytest.mark.parametrize(
    "relation", ["foster parent", "FosterMother", "Kinship caregiver", "resource parent", "group home staff"]
)
def test_an_address_without_a_type_is_one_where_the_first_guardian_is_the_placements(relation):
    sent = {"guardian_last_name": "Ortiz", "guardian_relationship": relation}
    assert features_of(**PLACED, **sent).placement_homes == (PLACED_KEY,)


@pytest.mark.parametrize("relation", [None, "Mother", "grandmother", "caseworker", "Relative"])
def test_family_and_professionals_make_no_home_a_placement(relation):
    sent = {"guardian_last_name": "Ortiz", "guardian_relationship": relation}
    assert features_of(**PLACED, **sent).placement_homes == ()


def test_a_guardian_speaks_only_for_the_first_address_and_its_own_type_comes_first():
    carer = {"guardian_last_name": "Ortiz", "guardian_relationship": "foster parent"}
    assert features_of(addresses=[PLACED, OWN], **carer).placement_homes == (PLACED_KEY,)
    assert features_of(addresses=[{**OWN, "type": "removal_home"}, PLACED], **carer).placement_homes == ()


def test_a_confidential_record_has_none():
    sent = {
        "addresses": [{**PLACED, "type": "placement"}],
        "restrictions": [{"kind": "address_confidential"}],
    }
    assert features_of(**sent).placement_homes == ()
