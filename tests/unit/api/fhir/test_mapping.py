"""A Patient becomes canonical fields, and settings become identifier systems."""

import pytest
from fhir.resources.R4B.patient import Patient

from mpi.api.fhir.patient_input import BIRTH_PLACE_URL, read_patient
from mpi.api.fhir.patient_output import build_patient
from mpi.api.fhir.systems import IdentifierSystems, format_number_system, parse_number_system
from mpi.composition.fhir import read_fhir_settings
from mpi.config import Settings
from mpi.domain.errors import InputError
from mpi.domain.record_ref import RecordRef
from mpi.service.core.index import FhirSettings
from mpi.service.persons.golden_record import GoldenRecord, GoldenValue

MAIDEN_NAME_URL = "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName"
EMAIL = {"system": "email", "value": "a@b.c"}
MOTHER = {"name": {"family": "Okoro"}, "relationship": [{"coding": [{"code": "MTH", "display": "mother"}]}]}
SYSTEMS = IdentifierSystems(["D01", "D 2"], {"D01": "urn:oid:1.2"})


def read(**members):
    return read_patient(Patient.model_validate({"resourceType": "Patient", **members}), SYSTEMS)


def fields_of(**members):
    return read(**members).fields


def test_the_official_name_comes_first_and_the_others_are_other_names():
    names = [
        {"use": "maiden", "family": "Quist", "given": ["Amara"]},
        {"family": "Okafor", "given": ["Amy"]},
        {"use": "official", "family": "Okonkwo", "given": ["Amara", "Grace", "Ada"], "suffix": ["Jr"]},
        {"use": "nickname", "given": ["Mara"]},
        {"use": "official", "family": "Old", "given": ["Amara"], "period": {"end": "2020-01-01"}},
        {"use": "anonymous", "family": "Nobody"},
    ]
    assert fields_of(name=names) == {
        "first_name": "Amara",
        "middle_name": "Grace Ada",
        "last_name": "Okonkwo",
        "suffix": "Jr",
        "preferred_name": "Mara",
        "other_names": [
            {"first_name": "Amy", "last_name": "Okafor"},
            {"first_name": "Amara", "last_name": "Quist", "type": "maiden"},
            {"first_name": "Amara", "last_name": "Old", "type": "official"},
        ],
    }


def test_a_name_in_one_text_is_split():
    assert fields_of(name=[{"text": "Amara Grace Okonkwo"}]) == {
        "first_name": "Amara",
        "middle_name": "Grace",
        "last_name": "Okonkwo",
    }


@pytest.mark.parametrize(
    ("members", "fields"),
    [
        ({"gender": "female"}, {"sex": "F"}),
        ({"gender": "other"}, {"sex": "X"}),
        ({"gender": "unknown"}, {}),
        ({"birthDate": "2014-03-09"}, {"birth_date": "2014-03-09"}),
        ({"birthDate": "2014-03"}, {"birth_date": "2014-03"}),
        ({"multipleBirthInteger": 1}, {"birth_order": "1"}),
        ({"multipleBirthInteger": 2}, {"birth_order": "2", "multiple_birth": True}),
        ({"multipleBirthInteger": 0}, {}),
        ({"multipleBirthBoolean": False}, {"multiple_birth": False}),
        ({"telecom": [{"system": "phone", "value": "1"}, {"system": "sms", "value": "2"}]}, {"phone": "1;2"}),
        ({"telecom": [EMAIL, {**EMAIL, "value": "d@e.f"}]}, {"email": "a@b.c"}),
        ({"telecom": [{"system": "phone", "value": "1", "use": "old"}]}, {}),
        (
            {"contact": [MOTHER]},
            {"guardians": [{"guardian_last_name": "Okoro", "guardian_relationship": "mother"}]},
        ),
        ({"contact": [{"relationship": [{"text": "mother"}]}]}, {}),
        (
            {"extension": [{"url": BIRTH_PLACE_URL, "valueAddress": {"city": "Lagos", "country": "NG"}}]},
            {"birth_city": "Lagos", "birth_country": "NG"},
        ),
        ({"extension": [{"url": MAIDEN_NAME_URL, "valueString": "x"}]}, {}),
    ],
)
def test_elements_become_canonical_fields(members, fields):
    assert fields_of(**members) == fields


def test_addresses_of_a_home_are_taken_current_ones_first():
    addresses = [
        {"use": "old", "city": "Xenia", "period": {"start": "2019-01-01", "end": "2020-02"}},
        {"use": "work", "city": "Troy"},
        {"line": ["12 Elm St", "Apt 3", "Rear"], "city": "Dayton", "district": "Montgomery", "state": "OH"},
        {"text": "somewhere"},
    ]
    assert fields_of(address=addresses)["addresses"] == [
        {
            "address_line1": "12 Elm St",
            "address_line2": "Apt 3 Rear",
            "city": "Dayton",
            "state": "OH",
            "county": "Montgomery",
        },
        {"city": "Xenia", "begin": "2019-01-01"},
    ]


def test_identifiers_are_sorted_by_their_system():
    sent = read(
        identifier=[
            {"system": "urn:oid:1.2", "value": "88"},
            {"system": "urn:mpi:source:D%202", "value": "99"},
            {"system": "urn:mpi:enterprise-id", "value": "T7K3-M92Q-X0HN"},
            {"system": "http://hl7.org/fhir/sid/us-ssn", "value": "412-55-0137"},
            {"system": "http://hl7.org/fhir/sid/us-ssn", "value": "0137"},
            {"system": format_number_system("state id", "O:H"), "value": "S-1"},
            {"system": "urn:oid:1.2"},
        ]
    )
    assert sent.local_ids == {("D01", "88"), ("D 2", "99")}
    assert sent.enterprise_ids == {"T7K3-M92Q-X0HN"}
    number = {"system": "state id", "assigner": "O:H", "value": "S-1"}
    assert sent.fields == {"ssn": "412-55-0137", "ssn_last4": "0137", "identifiers": [number]}
    assert not sent.has_unknown_systems
    for unknown in ("urn:mpi:source:D01", "urn:x", None):
        identifier = {key: value for key, value in (("system", unknown), ("value", "1")) if value}
        assert read(identifier=[identifier]).has_unknown_systems


@pytest.mark.parametrize(
    "uri", [None, "urn:mpi:identifier:", "urn:mpi:identifier:a", "urn:mpi:identifier:a:b:c", "urn:x:a:b"]
)
def test_another_uri_is_no_system_of_a_number(uri):
    assert parse_number_system(uri) is None


@pytest.mark.parametrize(
    ("stated", "answered"),
    [
        ("2014-03-09", "2014-03-09"),
        ("2014-03", "2014-03"),
        ("2014", "2014"),
        *(
            (text, None)
            for text in ("2014-00", "2014-00-00", "2014-02-30", "201403", "2014-W01-1", "0000", "")
        ),
    ],
)
def test_a_birth_date_that_fhir_cannot_hold_is_left_out(stated, answered):
    ref = RecordRef("D01", "1")
    values = (
        GoldenValue("birth_date", stated, ref, "", "only"),
        GoldenValue("phone", "\u00a0", ref, "", "only"),
    )
    record = GoldenRecord("T7K3-M92Q-X0HN", "active", (), values, "")
    patient = build_patient(record, SYSTEMS)
    assert patient.get("birthDate") == answered
    assert "telecom" not in patient
    assert Patient.model_validate(patient)


def test_settings_name_address_systems_and_contact():
    settings = Settings(
        fhir_url="https://mpi.example.gov/fhir/",
        fhir_systems=" D01=urn:oid:1.2 , CCWIS=https://ccwis.example.gov/client,",
        fhir_contact=" +1 614 555 0100 ",
        fhir_organization=" ",
    )
    assert read_fhir_settings(settings) == FhirSettings(
        url="https://mpi.example.gov/fhir",
        systems={"D01": "urn:oid:1.2", "CCWIS": "https://ccwis.example.gov/client"},
        contact="+1 614 555 0100",
    )
    assert read_fhir_settings(Settings()) == FhirSettings()


@pytest.mark.parametrize(
    "wrong",
    [
        {"fhir_url": "mpi.example.gov"},
        {"fhir_url": "https://mpi.example.gov/fhir?x=1"},
        {"fhir_contact": " "},
        {"fhir_systems": "D01"},
        {"fhir_systems": "=urn:oid:1.2"},
        {"fhir_systems": "D01=no URI"},
        {"fhir_systems": "D01=urn:mpi:enterprise-id"},
        {"fhir_systems": "D01=urn:a:1,D01=urn:a:2"},
        {"fhir_systems": "D01=urn:a:1,D02=urn:a:1"},
    ],
)
def test_settings_that_cannot_be_used_are_refused(wrong):
    with pytest.raises(InputError, match=r"^MPI_FHIR_"):
        read_fhir_settings(Settings(**wrong))
