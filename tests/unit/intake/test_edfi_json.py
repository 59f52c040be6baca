import json

import pytest

from mpi.domain.errors import FileError
from mpi.intake.reader import open_file
from mpi.intake.rows import CanonicalRow, RejectedRow
from tests.unit.intake.test_edfi_file import interchange, student, student_association

D = "uri://ed-fi.org/"
ANA = {
    "id": "0a", "studentUniqueId": "1", "firstName": "Ana", "lastSurname": "Ek", "birthDate": "2014-11-13",
    "birthSexDescriptor": f"{D}SexDescriptor#Female", "multipleBirthStatus": True, "_etag": "5",
    "birthCountryDescriptor": "uri://state.example/CountryDescriptor#US",
    "otherNames": [{"otherNameTypeDescriptor": f"{D}OtherNameTypeDescriptor#Nickname #2",
                    "firstName": "Annie", "lastSurname": "Ek"}],
}  # fmt: skip
STUDENT = {"studentReference": {"studentUniqueId": "1", "link": {"rel": "Student"}}}
ORGANIZATION = {"educationOrganizationReference": {"educationOrganizationId": 255901}}
ADDRESS = {
    "streetNumberName": "2 Elm St", "city": "Lima", "stateAbbreviationDescriptor": f"{D}x#OH",
    "periods": [{"beginDate": "2020-01-01"}],
}  # fmt: skip
CODE = {"studentIdentificationSystemDescriptor": f"{D}x#State", "identificationCode": "S1"}


@pytest.fixture
def read(tmp_path):
    def write(**files):
        for name, items in files.items():
            (tmp_path / f"{name}.json").write_text(json.dumps(items, indent=1), encoding="utf-8")
        return list(open_file(tmp_path, None, None))

    return write


@pytest.mark.parametrize("suffix", ["json", "ndjson"])
def test_students_in_the_form_of_the_api_become_canonical_rows(tmp_path, suffix):
    path = tmp_path / f"export.{suffix}"
    text = json.dumps([ANA, ANA | {"studentUniqueId": "2"}]) if suffix == "json" else f"\n{json.dumps(ANA)}\n"
    path.write_text(text, encoding="utf-8")
    row = next(iter(open_file(path, None, "edfi")))
    assert row.fields == {
        "local_id": "1", "first_name": "Ana", "last_name": "Ek", "birth_date": "2014-11-13", "sex": "Female",
        "multiple_birth": "true", "birth_country": "US",
        "other_names": [{"first_name": "Annie", "last_name": "Ek", "type": "Nickname #2"}],
    }  # fmt: skip
    assert row.line == (1 if suffix == "json" else 2)


@pytest.mark.parametrize(("contact", "contacts", "associations"), [
    ("contact", "contacts", "studentContactAssociations"), ("parent", "parents", "studentParentAssociations"),
])  # fmt: skip
def test_contacts_are_parents_before_data_standard_5(read, contact, contacts, associations):
    rows = read(**{
        "students": [ANA],
        contacts: [{
            f"{contact}UniqueId": "7", "firstName": "Bo", "lastSurname": "Ek", "addresses": [ADDRESS],
        }],
        associations: [STUDENT | {
            f"{contact}Reference": {f"{contact}UniqueId": "7"}, "relationDescriptor": f"{D}x#Mother",
            "livesWith": True,
        }],
    })  # fmt: skip
    assert rows[0].fields["guardians"] == [
        {"guardian_first_name": "Bo", "guardian_last_name": "Ek", "guardian_relationship": "Mother"}
    ]
    assert rows[0].fields["addresses"] == [{"address_line1": "2 Elm St", "city": "Lima", "state": "OH"}]


def test_data_standards_5_and_6_say_the_same_in_other_resources(tmp_path):
    described = {
        "sexDescriptor": f"{D}x#Male", "limitedEnglishProficiencyDescriptor": f"{D}x#Limited",
        "studentCharacteristics": [{"studentCharacteristicDescriptor": f"{D}x#Foster Care"}],
    }  # fmt: skip
    reached = {"addresses": [ADDRESS], "telephones": [{"telephoneNumber": "555-0100"}],
               "electronicMails": [{"electronicMailAddress": "a@example.org"}]}  # fmt: skip
    code = CODE | {"assigningOrganizationIdentificationCode": "255901"}
    common = {
        "students": [ANA],
        "studentSchoolAssociations": [STUDENT | {
            "schoolReference": {"schoolId": 255901001}, "entryDate": "2025-08-20",
            "entryGradeLevelDescriptor": f"{D}x#Fifth grade",
        }],
    }  # fmt: skip
    standards = {
        "5.2": {"studentEducationOrganizationAssociations":
                [STUDENT | ORGANIZATION | described | reached | {"studentIdentificationCodes": [code]}]},
        "6.1": {"studentEducationOrganizationAssociations": [STUDENT | ORGANIZATION],
                "studentDemographics": [STUDENT | ORGANIZATION | described],
                "studentDirectories": [STUDENT | ORGANIZATION | reached],
                "studentIdentificationCodes": [STUDENT | ORGANIZATION | CODE]},
    }  # fmt: skip
    results = {}
    for standard, files in standards.items():
        folder = tmp_path / standard
        folder.mkdir()
        for name, items in (common | files).items():
            (folder / f"{name}_1.jsonl").write_text("\n".join(map(json.dumps, items)), encoding="utf-8")
        (results[standard],) = [row.fields for row in open_file(folder, None, None)]
    fields = results["5.2"]
    assert fields == results["6.1"]
    assert fields["identifiers"] == [{"system": "state_student_id", "assigner": "255901", "value": "S1"}]
    assert (fields["phone"], fields["email"]) == ("555-0100", "a@example.org")
    assert fields["addresses"][0]["begin"] == "2020-01-01"
    assert {flag["population"] for flag in fields["flags"]} == {"foster_care", "english_learner"}
    assert fields["enrollments"] == [
        {"school_id": "255901001", "grade": "Fifth grade", "entry_date": "2025-08-20"}
    ]


def test_xml_and_json_of_one_folder_are_read_together_and_other_resources_are_left(tmp_path, read):
    period = "<BeginDate>2024-09-01</BeginDate>"
    homeless = student_association("StudentHomelessProgramAssociation", "1", period)
    (tmp_path / "students.xml").write_text(interchange("Student", student("2")), encoding="utf-8")
    (tmp_path / "programs.xml").write_text(interchange("StudentProgram", homeless), encoding="utf-8")
    migrant = STUDENT | {"beginDate": "2024-10-01"}
    rows = read(
        students=[ANA], studentMigrantEducationProgramAssociations=[migrant], staffs=[{"staffUniqueId": "9"}]
    )
    assert [row.fields["local_id"] for row in rows] == ["2", "1"]
    assert [(flag["population"], flag["begin"]) for flag in rows[1].fields["flags"]] == [
        ("homeless", "2024-09-01"), ("migrant", "2024-10-01"),
    ]  # fmt: skip


def test_values_of_another_kind_than_the_standard_says_are_read_as_missing(read):
    hostile = ANA | {
        "firstName": {"x": 1},
        "otherNames": "no",
        "birthSexDescriptor": ["#Male"],
        "sexDescriptor": 7,
    }
    (row,) = read(students=[hostile], studentSchoolAssociations=[{"studentReference": "1"}, STUDENT])
    assert "first_name" not in row.fields
    assert row.fields["sex"] == "7"


@pytest.mark.parametrize(("text", "fault"), [
    ('[{"studentUniqueId": "1"}', "cut short"),
    ('[{"studentUniqueId": "1"} {"studentUniqueId": "2"}]', "lacks a comma"),
    ('[{"studentUniqueId": "1"},]', "no JSON"),
    ('[{"studentUniqueId": NaN}]', "no JSON"),
    ('[{"studentUniqueId": "1"}]\n[]', "something follows"),
    ('[{"studentUniqueId": "1"},\n{"firstName": "' + "x" * 2_100_000 + '"}]', "line 2: an object"),
    ("[" + "[" * 100_000, "no JSON"),
    ('[{"studentUniqueId": "\u00ff', "cut short"),
])  # fmt: skip
def test_a_broken_array_is_refused_with_its_line(tmp_path, text, fault):
    path = tmp_path / "students.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FileError, match=fault):
        list(open_file(path, None, "edfi"))


def test_objects_that_are_none_are_rejected_one_by_one(tmp_path):
    deep = json.dumps({"a": [[[[[[[[[[1]]]]]]]]]]})
    (tmp_path / "students.jsonl").write_text(f'{json.dumps(ANA)}\n{{"a"\n[1]\n{deep}\n', encoding="utf-8")
    (tmp_path / "contacts.json").write_text('[7, {"contactUniqueId": "1"}]', encoding="utf-8")
    rows = list(open_file(tmp_path, None, None))
    assert [row.reason for row in rows if isinstance(row, RejectedRow)] == [
        "not-an-object", "malformed-json", "not-an-object", "malformed-json",
    ]  # fmt: skip
    assert sum(isinstance(row, CanonicalRow) for row in rows) == 1


def test_a_large_array_is_read_piece_by_piece(tmp_path):
    path = tmp_path / "students.json"
    items = [ANA | {"studentUniqueId": str(number), "firstName": "É" * 500} for number in range(2_000)]
    path.write_text("[ " + " ,\r\n".join(map(json.dumps, items)) + "\n" * 1_100_000 + "]", encoding="utf-8")
    rows = list(open_file(path, None, "edfi"))
    assert [row.fields["local_id"] for row in rows] == [str(number) for number in range(2_000)]
    assert [row.line for row in rows] == list(range(1, 2_001))


def test_a_folder_without_students_is_refused(read):
    with pytest.raises(FileError, match="no JSON file is named students"):
        read(contacts=[])
