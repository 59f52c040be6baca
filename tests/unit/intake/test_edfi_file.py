from pathlib import Path

import pytest

from mpi.domain.errors import FileError, MappingError
from mpi.intake.encoding import BOM
from mpi.intake.mapping_reader import make_canonical_mapping
from mpi.intake.reader import open_file
from mpi.intake.rows import CanonicalRow, RejectedRow

NAMESPACE = 'xmlns="http://ed-fi.org/5.2.0"'
D = "uri://ed-fi.org/"


def interchange(kind, *elements):
    start = f'<?xml version="1.0" encoding="UTF-8"?>\n<Interchange{kind} {NAMESPACE}>\n'
    return start + "\n".join(elements) + f"\n</Interchange{kind}>\n"


def student(key="1", elements="", name="<FirstName>Ana</FirstName><LastSurname>Ek</LastSurname>"):
    return f"<Student><StudentUniqueId>{key}</StudentUniqueId><Name>{name}</Name>{elements}</Student>"


def student_association(tag, key, elements):
    reference = (
        "<StudentReference><StudentIdentity><StudentUniqueId>"
        f"{key}</StudentUniqueId></StudentIdentity></StudentReference>"
    )
    return f"<{tag}>{reference}{elements}</{tag}>"


@pytest.fixture
def read_folder(tmp_path):
    def write(**files):
        for name, content in files.items():
            (tmp_path / f"{name}.xml").write_text(content, encoding="utf-8")
        return list(open_file(tmp_path, None, None))

    return write


def test_a_student_becomes_a_canonical_row_with_its_line(read_folder):
    elements = f"""<OtherName><FirstName>Anna</FirstName><LastSurname>Bok</LastSurname>
        <OtherNameType>{D}OtherNameTypeDescriptor#Previous Legal Name</OtherNameType></OtherName>
        <BirthData><BirthDate>2014-11-13</BirthDate><BirthCity>Lima</BirthCity>
        <BirthSex>{D}SexDescriptor#Female</BirthSex><MultipleBirthStatus>true</MultipleBirthStatus>
        </BirthData>"""
    name = """<FirstName>Ana</FirstName><MiddleName>B</MiddleName><LastSurname>Ek</LastSurname>
        <GenerationCodeSuffix>Jr</GenerationCodeSuffix><PreferredFirstName>Annie</PreferredFirstName>
        <PreferredLastSurname>Oak</PreferredLastSurname>"""
    content = interchange("Student", "", student(elements=elements, name=name))
    assert read_folder(students=content) == [
        CanonicalRow(4, content.index("<Student>"), {
            "local_id": "1", "first_name": "Ana", "middle_name": "B", "last_name": "Ek",
            "suffix": "Jr", "preferred_name": "Annie",
            "other_names": [
                {"first_name": "Annie", "last_name": "Oak", "type": "preferred"},
                {"first_name": "Anna", "last_name": "Bok", "type": "Previous Legal Name"},
            ],
            "birth_date": "2014-11-13", "sex": "Female", "birth_city": "Lima",
            "multiple_birth": "true",
        }),
    ]  # fmt: skip


def test_contacts_become_guardians_and_addresses_of_those_who_live_with_the_child(read_folder):
    address = f"""<Address><StreetNumberName>2 Elm St</StreetNumberName><City>Lima</City>
        <StateAbbreviation>{D}StateAbbreviationDescriptor#OH</StateAbbreviation>
        <Period><BeginDate>1999-01-01</BeginDate></Period></Address>"""
    contact = (
        "<Contact id='{0}'><ContactUniqueId>{0}</ContactUniqueId><Name><FirstName>{1}</FirstName>"
        "<LastSurname>Ek</LastSurname></Name>{2}</Contact>"
    )
    link = "<ContactReference ref='{0}'/><Relation>x#{1}</Relation><LivesWith>{2}</LivesWith>"
    rows = read_folder(
        students=interchange("Student", student()),
        contacts=interchange(
            "Contact",
            contact.format("P1", "Bo", address),
            contact.format("P2", "Cy", address.replace("2 Elm", "9 Far")),
            student_association("StudentContactAssociation", "1", link.format("P1", "Mother", "true")),
            student_association("StudentContactAssociation", "1", link.format("P2", "Father", "false")),
            student_association("StudentContactAssociation", "1", link.format("P9", "Aunt", "true")),
        ),
    )
    assert rows[0].fields["guardians"] == [
        {"guardian_first_name": "Bo", "guardian_last_name": "Ek", "guardian_relationship": "Mother"},
        {"guardian_first_name": "Cy", "guardian_last_name": "Ek", "guardian_relationship": "Father"},
    ]
    assert rows[0].fields["addresses"] == [{"address_line1": "2 Elm St", "city": "Lima", "state": "OH"}]


def test_characteristics_and_programs_become_flags_but_immigration_does_not(read_folder):
    def characteristic(code, period=""):
        return (
            "<StudentCharacteristic><StudentCharacteristic>"
            f"{D}StudentCharacteristicDescriptor#{code}</StudentCharacteristic>{period}"
            "</StudentCharacteristic>"
        )

    period = "<Period><BeginDate>2024-08-01</BeginDate><EndDate>2025-01-10</EndDate></Period>"
    described = "".join(map(characteristic, ("Immigrant", "Refugee", "Asylee")))
    rows = read_folder(
        students=interchange("Student", student(), student("2")),
        programs=interchange(
            "StudentProgram",
            student_association(
                "StudentHomelessProgramAssociation", "1", "<BeginDate>2024-09-01</BeginDate>"
            ),
            student_association("StudentCTEProgramAssociation", "1", ""),
            student_association(
                "StudentEducationOrganizationAssociation", "1",
                described + characteristic("Foster Care", period),
            ),
        ),
    )  # fmt: skip
    assert rows[0].fields["flags"] == [
        {"population": "foster_care", "value": "Y", "definition": "Ed-Fi 5.2",
         "begin": "2024-08-01", "end": "2025-01-10"},
        {"population": "homeless", "value": "Y", "definition": "McKinney-Vento",
         "begin": "2024-09-01"},
    ]  # fmt: skip
    assert "flags" not in rows[1].fields


def test_identification_codes_are_namespaced_and_an_ssn_has_its_own_field(read_folder):
    def code(system, value, assigner="255901"):
        return (
            f"<StudentIdentificationCode><IdentificationCode>{value}</IdentificationCode>"
            f"<StudentIdentificationSystem>{D}x#{system}</StudentIdentificationSystem>"
            f"<AssigningOrganizationIdentificationCode>{assigner}"
            "</AssigningOrganizationIdentificationCode></StudentIdentificationCode>"
        )

    codes = [code("State", "S1"), code("SSN", "123-45-6780"), code("Family", "F1"), code("Canadian SIN", "9")]
    rows = read_folder(
        students=interchange("Student", student()),
        seoa=interchange(
            "StudentEnrollment",
            student_association("StudentEducationOrganizationAssociation", "1", "".join(codes)),
            student_association(
                "StudentSchoolAssociation", "1",
                "<SchoolReference><SchoolIdentity><SchoolId>255901001</SchoolId></SchoolIdentity>"
                "</SchoolReference><EntryDate>2024-08-20</EntryDate>",
            ),
        ),
    )  # fmt: skip
    assert rows[0].fields == {
        "local_id": "1", "first_name": "Ana", "last_name": "Ek", "ssn": "123-45-6780",
        "identifiers": [{"system": "state_student_id", "assigner": "255901", "value": "S1"}],
        "household_ids": ["F1"],
        "enrollments": [{"school_id": "255901001", "entry_date": "2024-08-20"}],
    }  # fmt: skip


ENTITY_BOMB = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>
<InterchangeStudent><Student><StudentUniqueId>&b;</StudentUniqueId></Student></InterchangeStudent>"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_a_document_type_is_refused_in_any_encoding(tmp_path, encoding):
    path = tmp_path / "f.xml"
    path.write_bytes(
        ENTITY_BOMB.replace('version="1.0"', f'version="1.0" encoding="{encoding}"').encode(encoding)
    )
    with pytest.raises(FileError, match="document type"):
        list(open_file(path, None, "edfi"))


@pytest.mark.parametrize("encoding", ["utf8", "UTF_8", "utf-8", "UTF-8"])
@pytest.mark.parametrize("mark", [b"", BOM])
def test_utf_8_is_read_under_each_of_its_names(tmp_path, encoding, mark):
    content = interchange("Student", student(name="<FirstName>José</FirstName>"))
    path = tmp_path / "f.xml"
    path.write_bytes(mark + content.replace("UTF-8", encoding).encode())
    assert [row.fields["first_name"] for row in open_file(path, None, None)] == ["José"]


@pytest.mark.parametrize("encoding", ["foo", "Unicode", "gb2312", "rot13", "f" * 500])
@pytest.mark.parametrize("actual_encoding", ["utf-8", "utf-16"])
def test_an_unreadable_encoding_is_refused_by_name(tmp_path, encoding, actual_encoding):
    path = tmp_path / "f.xml"
    path.write_text(interchange("Student", student()).replace("UTF-8", encoding), encoding=actual_encoding)
    with pytest.raises(FileError, match=f"f\\.xml: its encoding '{encoding[:40]}.*UTF-8") as error:
        open_file(path, None, None)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 200


def test_a_truncated_file_is_refused_with_its_line(tmp_path):
    path = tmp_path / "f.xml"
    path.write_text(interchange("Student", student(), student("2"))[:-60], encoding="utf-8")
    with pytest.raises(FileError, match="not well-formed XML at line 4"):
        list(open_file(path, None, None))


def test_a_large_record_is_rejected_and_deep_nesting_refuses_the_file(read_folder):
    large_student = student("1", name=f"<FirstName>{'x' * 2_000_000}</FirstName>")
    rows = read_folder(students=interchange("Student", large_student, student("2")))
    assert isinstance(rows[0], RejectedRow)
    assert (rows[0].reason, rows[1].fields["local_id"]) == ("field-too-large", "2")
    with pytest.raises(FileError, match="nested too deeply"):
        read_folder(students=interchange("Student", student("1", "<a>" * 100 + "</a>" * 100)))


def test_files_without_students_and_files_with_mappings_are_refused(read_folder, tmp_path):
    with pytest.raises(FileError, match="InterchangeStudent"):
        read_folder(contacts=interchange("Contact"))
    path = Path(tmp_path / "s.xml")
    path.write_text(interchange("Student", student()), encoding="utf-8")
    with pytest.raises(MappingError, match="take no mapping"):
        open_file(path, make_canonical_mapping(), None)
    path.write_bytes(b"")
    with pytest.raises(FileError, match="no XML element"):
        open_file(path, None, None)
