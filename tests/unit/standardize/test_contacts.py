"""Standardized phones, email addresses, guardians, identifiers and households."""

import random
import re

import phonenumbers
import pytest
from phonenumbers.phonenumberutil import PhoneMetadata, region_codes_for_country_code

from mpi.standardize.phones import parse_phones
from tests.unit.standardize.record_factory import SEAL, features_of


def alternatives(pattern):
    """Return the alternatives of a regular expression outside of brackets."""
    parts, depth = [""], 0
    for character in pattern:
        depth += (character == "(") - (character == ")")
        if character == "|" and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts


class TestPhones:
    @pytest.mark.parametrize(
        "text",
        [
            "(614) 555-0134",
            "614-555-0134",
            "6145550134",
            "1 614 555 0134",
            "+1 614.555.0134",
            "614-555-0134 x12",
        ],
    )
    def test_each_way_to_write_a_number_gives_one_number(self, text):
        assert features_of(phone=text).phones == ("+16145550134",)

    def test_several_numbers_in_a_field_are_parsed_and_sorted(self):
        assert features_of(phone="614-555-0199; 614-555-0134|bad").phones == ("+16145550134", "+16145550199")

    @pytest.mark.parametrize(
        "text", ["000-000-0000", "9999999999", "1234567890", "555-0134", "none", "", "6" * 9000]
    )
    def test_an_impossible_number_is_missing(self, text):
        assert features_of(phone=text).phones == ()

    def test_a_foreign_number_keeps_its_country(self):
        assert parse_phones("+52 55 5345 6789") == ("+525553456789",)

    @pytest.mark.parametrize("text", ["020 7946 0018", "(020) 7946 0018", "020-7946-0018", "02079460018"])
    def test_a_number_with_a_trunk_prefix_is_its_digits(self, text):
        assert parse_phones(text) == ("02079460018",)

    @pytest.mark.parametrize(
        "text", ["012-345-6789", "(012) 345-6789", "0000000000", "0101010101", "0123", "00"]
    )
    def test_a_mistyped_us_number_or_a_filler_is_no_foreign_number(self, text):
        assert parse_phones(text) == ()

    def test_the_international_prefix_may_be_written_with_zeros(self):
        assert parse_phones("00 44 20 7946 0018") == parse_phones("+44 20 7946 0018") == ("+442079460018",)

    def test_no_pattern_of_the_plan_depends_on_the_last_three_digits(self):
        for region in region_codes_for_country_code(1):
            metadata = PhoneMetadata.metadata_for_region(region)
            for kind in ("general_desc", "fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost",
                         "personal_number", "voip", "pager", "uan", "voicemail"):  # fmt: skip
                pattern = getattr(getattr(metadata, kind), "national_number_pattern", None) or r"\d{3}"
                assert all(
                    re.search(r"\\d\{[3-9]\}\Z", alternative) for alternative in alternatives(pattern)
                ), (region, kind)

    def test_a_plainly_written_number_is_parsed_like_the_library_does(self):
        rng = random.Random(5)
        formats = ("{0}-{1}-{2}", "({0}) {1}-{2}", "({0}){1}{2}", "{0}{1}{2}", "{0}.{1}.{2}", "{0} {1} {2}")
        valid = 0
        for _ in range(1_500):
            area = rng.choice((f"{rng.randrange(200, 1000)}", "614", "246", "876", "523", "800", "983"))
            text = rng.choice(formats).format(
                area, f"{rng.randrange(1000):03}", f"{rng.randrange(10_000):04}"
            )
            number = phonenumbers.parse(text, "US")
            valid += phonenumbers.is_valid_number(number)
            expected = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
            assert parse_phones(text) == ((expected,) if phonenumbers.is_valid_number(number) else ()), text
        assert 300 < valid < 1_400

    def test_parsing_a_parsed_number_changes_nothing(self):
        assert parse_phones("+16145550134") == ("+16145550134",)


class TestEmail:
    def test_an_email_address_is_lowercased_and_otherwise_unchanged(self):
        assert features_of(email=" Dana.Diaz+School@Example.ORG ").email == "dana.diaz+school@example.org"

    @pytest.mark.parametrize(
        "text",
        [
            "none",
            "none@none.com",
            "unknown@example.org",
            "a@b",
            "a b@c.org",
            "a@b@c.org",
            "@b.org",
            "a@b.org;c@d.org",
            "a" * 300 + "@b.org",
        ],
    )
    def test_an_invalid_email_address_is_missing(self, text):
        assert features_of(email=text).email is None


class TestGuardians:
    def test_each_guardian_with_both_names_is_written_given_name_first(self):
        rows = [
            {
                "guardian_first_name": "Rosa María",
                "guardian_last_name": "de la Cruz",
                "guardian_relationship": "Mother",
            },
            {"guardian_first_name": "Robert", "guardian_last_name": "Hayes Sr"},
            {"guardian_last_name": "Diaz"},
            {"guardian_first_name": "Unknown", "guardian_last_name": "Diaz"},
        ]
        features = features_of(guardians=rows)
        assert {"ROBERT HAYES", "ROSAMARIA DELACRUZ"} < set(features.guardians)
        assert not any("DIAZ" in name for name in features.guardians)
        assert features.guardian_surnames == ("DELACRUZ", "HAYES")

    def test_a_nickname_is_listed_with_its_formal_name_so_that_both_match(self):
        danny, daniel = (
            features_of(guardian_first_name=name, guardian_last_name="Hayes") for name in ("Danny", "Daniel")
        )
        assert "DANIEL HAYES" in set(danny.guardians) & set(daniel.guardians)

    @pytest.mark.parametrize("field", ["guardian_first_name", "guardian_last_name"])
    @pytest.mark.parametrize("text", ["Dana Thompson", "Thompson, Dana"])
    def test_a_full_name_in_one_field_is_split(self, field, text):
        assert features_of(**{field: text}).guardians == ("DANA THOMPSON",)

    @pytest.mark.parametrize(
        "relation",
        [
            "Foster Parent", "foster mother", "FOSTER-FATHER", "Resource Parent", "Caregiver", "Case Worker",
            "caseworker", "Social worker", "Agency", "Group Home", "group_home", "Shelter staff",
            "Probation Officer",
            "Guardian ad litem", "CASA", "Emergency contact",
        ],
    )  # fmt: skip
    def test_placement_adults_and_professionals_are_no_evidence(self, relation):
        guardian = {
            "guardian_first_name": "P",
            "guardian_last_name": "Ortiz",
            "guardian_relationship": relation,
        }
        assert features_of(**guardian).guardians == ()

    @pytest.mark.parametrize(
        "relation", ["Mother", "father", "Grandmother", "Legal guardian", "Stepfather", "", None]
    )
    def test_family_members_are_evidence(self, relation):
        guardian = {
            "guardian_first_name": "P",
            "guardian_last_name": "Foster",
            "guardian_relationship": relation,
        }
        assert features_of(**guardian).guardians == ("P FOSTER",)


def identifier(system: str, value: str, assigner: str = "OH") -> dict[str, str]:
    return {"system": system, "assigner": assigner, "value": value}


class TestIdentifiers:
    def test_each_identifier_is_a_keyed_token_of_system_assigner_and_value(self):
        assert features_of(identifiers=[identifier("state id", "9-01")]).identifiers == (
            SEAL.to_token("identifier", "STATEID|OH|901"),
        )

    def test_case_and_punctuation_do_not_matter(self):
        features = features_of(
            identifiers=[identifier("state_id", "ab-12"), identifier("State ID", "AB12", "oh")]
        )
        assert len(features.identifiers) == 1

    def test_one_number_from_two_districts_is_two_identifiers(self):
        first = features_of(identifiers=[identifier("local", "12345", "D01")])
        second = features_of(identifiers=[identifier("local", "12345", "D02")])
        assert not set(first.identifiers) & set(second.identifiers)

    @pytest.mark.parametrize("system", ["ccwis_case_id", "Court Case No", "Family", "household number"])
    def test_a_case_or_family_number_is_no_personal_identifier(self, system):
        assert features_of(identifiers=[identifier(system, "77")]).identifiers == ()

    @pytest.mark.parametrize("value", ["0", "00000", "9999", "999999999", "N/A", "unknown", "pending", "--"])
    def test_a_filler_value_is_missing(self, value):
        assert features_of(identifiers=[identifier("local", value)]).identifiers == ()

    def test_the_local_id_is_no_identifier(self):
        assert features_of(local_id="12345") == features_of(local_id="54321")


class TestHouseholds:
    def test_household_ids_are_namespaced_by_source_and_sorted(self):
        assert features_of(household_ids="h2|H1| h1 |N/A|0").household_ids == ("sis|H1", "sis|H2")
