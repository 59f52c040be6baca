"""Which of a child's addresses are placement homes."""

import pytest

from tests.unit.standardize.record_factory import features_of

OWN_ADDRESS = {"address_line1": "12 Oak St", "postal_code": "45402"}
PLACEMENT_ADDRESS = {"address_line1": "61 Lake Dr", "postal_code": "43011"}
PLACEMENT_KEY = "61 LAKE DR|43011"


@pytest.mark.parametrize(
    "kind",
    ["placement", "Placement address", "foster_family_home", "relative_foster_home", "relative home",
     "kinship", "Group Home", "pre-adoptive home", "resource family", "residential treatment",
     "former placement"],
)  # fmt: skip
def test_an_address_of_a_placement_type_is_a_placement_home_and_an_address(kind):
    features = features_of(addresses=[OWN_ADDRESS, {**PLACEMENT_ADDRESS, "type": kind}])
    assert features.placement_homes == (PLACEMENT_KEY,)
    assert features.addresses == ("12 OAK ST|45402", PLACEMENT_KEY)


@pytest.mark.parametrize(
    "kind",
    [None, "home", "removal_home", "mailing", "residential", "temporary", "trial_home_visit", "pre-placement",
     "Shelter, Transitional housing, Awaiting Foster", "Doubled - up (i.e., living with another family)"],
)  # fmt: skip
def test_an_address_of_another_type_is_no_placement_home(kind):
    assert features_of(addresses=[{**PLACEMENT_ADDRESS, "type": kind}]).placement_homes == ()


@pytest.mark.parametrize(
    "relation", ["foster parent", "FosterMother", "Kinship caregiver", "resource parent", "group home staff"]
)
def test_an_untyped_address_is_a_placement_home_with_a_placement_guardian(relation):
    guardian = {"guardian_last_name": "Ortiz", "guardian_relationship": relation}
    assert features_of(**PLACEMENT_ADDRESS, **guardian).placement_homes == (PLACEMENT_KEY,)


@pytest.mark.parametrize("relation", [None, "Mother", "grandmother", "caseworker", "Relative"])
def test_family_and_professionals_make_no_placement_home(relation):
    guardian = {"guardian_last_name": "Ortiz", "guardian_relationship": relation}
    assert features_of(**PLACEMENT_ADDRESS, **guardian).placement_homes == ()


def test_a_guardian_affects_only_the_first_address_and_the_type_takes_precedence():
    guardian = {"guardian_last_name": "Ortiz", "guardian_relationship": "foster parent"}
    assert features_of(addresses=[PLACEMENT_ADDRESS, OWN_ADDRESS], **guardian).placement_homes == (
        PLACEMENT_KEY,
    )
    assert (
        features_of(
            addresses=[{**OWN_ADDRESS, "type": "removal_home"}, PLACEMENT_ADDRESS], **guardian
        ).placement_homes
        == ()
    )


def test_a_confidential_record_has_no_placement_home():
    fields = {
        "addresses": [{**PLACEMENT_ADDRESS, "type": "placement"}],
        "restrictions": [{"kind": "address_confidential"}],
    }
    assert features_of(**fields).placement_homes == ()
