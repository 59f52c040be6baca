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
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<Interchange{kind} {NAMESPACE}>\n'
    return head + "\n".join(elements) + f"\n</Interchange{kind}>\n"


def student(key="1", more="", name="<FirstName>Ana</FirstName><LastSurname>Ek</LastSurname>"):
    return f"<Student><StudentUniqueId>{key}</StudentUniqueId><Name>{name}</Name>{more}</Student>"


def of_student(tag, key, more):
    reference = (
        "<StudentReference><StudentIdentity><StudentUniqueId>"
        f"{key}</StudentUniqueId></StudentIdentity></StudentReference>"
    )
    return f"<{tag}>{reference}{more}</{tag}>"


@pytest.fixture
def folder(tmp_path):
    def write(**files):
        for name, content in files.items():
            (tmp_path / f"{name}.xml").write_text(content, encoding="utf-8")
        return list(open_file(tmp_path, None, None))

    return write


def test_a_student_becomes_a_canonical_row_with_its_line(folder):
    more = f"""<OtherName><FirstName>Anna</FirstName><LastSurname>Bok</LastSurname>
        <OtherNameType>{D}OtherNameTypeDescriptor#Previous Legal Name</OtherNameType></OtherName>
        <BirthData><BirthDate>2014-11-13</BirthDate><BirthCity>Lima</BirthCity>
        <BirthSex>{D}SexDescriptor#Female</BirthSex><MultipleBirthStatus>true</MultipleBirthStatus>
        </BirthData>"""
    name = """<FirstName>Ana</FirstName><MiddleName>B</MiddleName><LastSurname>Ek</LastSurname>
        <GenerationCodeSuffix>Jr</GenerationCodeSuffix><PreferredFirstName>Annie</PreferredFirstName>
        <PreferredLastSurname>Oak</PreferredLastSurname>"""
    content = interchange("Student", "", student(more=more, name=name))
    assert folder(students=content) == [
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


def test_contacts_become_guardians_and_the_address_of_those_lived_with(folder):
    address = f"""<Address><StreetNumberName>2 Elm St</StreetNumberName><City>Lima</City>
        <StateAbbreviation>{D}StateAbbreviationDescriptor#OH</StateAbbreviation>
        <Period><BeginDate>1999-01-01</BeginDate></Period></Address>"""
    contact = (
        "<Contact id='{0}'><ContactUniqueId>{0}</ContactUniqueId><Name><FirstName>{1}</FirstName>"
        "<LastSurname>Ek</LastSurname></Name>{2}</Contact>"
    )
    link = "<ContactReference ref='{0}'/><Relation>x#{1}</Relation><LivesWith>{2}</LivesWith>"
    rows = folder(
        students=interchange("Student", student()),
        contacts=interchange(
            "Contact",
            contact.format("P1", "Bo", address),
            contact.format("P2", "Cy", address.replace("2 Elm", "9 Far")),
            of_student("StudentContactAssociation", "1", link.format("P1", "Mother", "true")),
            of_student("StudentContactAssociation", "1", link.format("P2", "Father", "false")),
            of_student("StudentContactAssociation", "1", link.format("P9", "Aunt", "true")),
        ),
    )
    assert rows[0].fields["guardians"] == [
        {"guardian_first_name": "Bo", "guardian_last_name": "Ek", "guardian_relationship": "Mother"},
        {"guardian_first_name": "Cy", "guardian_last_name": "Ek", "guardian_relationship": "Father"},
    ]
    assert rows[0].fields["addresses"] == [{"address_line1": "2 Elm St", "city": "Lima", "state": "OH"}]


def test_characteristics_and_programs_become_flags_but_immigration_never(folder):
    def characteristic(code, period=""):
        return (
            "<StudentCharacteristic><StudentCharacteristic>"
            f"{D}StudentCharacteristicDescriptor#{code}</StudentCharacteristic>{period}"
            "</StudentCharacteristic>"
        )

    period = "<Period><BeginDate>2024-08-01</BeginDate><EndDate>2025-01-10</EndDate></Period>"
    described = "".join(map(characteristic, ("Immigrant", "Refugee", "Asylee")))
    rows = folder(
        students=interchange("Student", student(), student("2")),
        programs=interchange(
            "StudentProgram",
            of_student("StudentHomelessProgramAssociation", "1", "<BeginDate>2024-09-01</BeginDate>"),
            of_student("StudentCTEProgramAssociation", "1", ""),
            of_student(
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


def test_identification_codes_are_namespaced_and_an_ssn_goes_to_its_own_field(folder):
    def code(system, value, assigner="255901"):
        return (
            f"<StudentIdentificationCode><IdentificationCode>{value}</IdentificationCode>"
            f"<StudentIdentificationSystem>{D}x#{system}</StudentIdentificationSystem>"
            f"<AssigningOrganizationIdentificationCode>{assigner}"
            "</AssigningOrganizationIdentificationCode></StudentIdentificationCode>"
        )

    codes = [code("State", "S1"), code("SSN", "123-45-6780"), code("Family", "F1"), code("Canadian SIN", "9")]
    rows = folder(
        students=interchange("Student", student()),
        seoa=interchange(
            "StudentEnrollment",
            of_student("StudentEducationOrganizationAssociation", "1", "".join(codes)),
            of_student(
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


BOMB = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>
<InterchangeStudent><Student><StudentUniqueId>&b;</StudentUniqueId></Student></InterchangeStudent>"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_a_document_type_is_refused_in_any_encoding(tmp_path, encoding):
    path = tmp_path / "f.xml"
    path.write_bytes(BOMB.replace('version="1.0"', f'version="1.0" encoding="{encoding}"').encode(encoding))
    with pytest.raises(FileError, match="document type"):
        list(open_file(path, None, "edfi"))


@pytest.mark.parametrize("encoding", ["utf8", "UTF_8", "utf-8", "UTF-8"])
@pytest.mark.parametrize("mark", [b"", BOM])
def test_utf_8_is_read_by_whatever_name_a_file_calls_it(tmp_path, encoding, mark):
    content = interchange("Student", student(name="<FirstName>José</FirstName>"))
    path = tmp_path / "f.xml"
    path.write_bytes(mark + content.replace("UTF-8", encoding).encode())
    assert [row.fields["first_name"] for row in open_file(path, None, None)] == ["José"]


@pytest.mark.parametrize("encoding", ["foo", "Unicode", "gb2312", "rot13", "f" * 500])
@pytest.mark.parametrize("truly", ["utf-8", "utf-16"])
def test_an_encoding_that_cannot_be_read_is_refused_by_its_name(tmp_path, encoding, truly):
    path = tmp_path / "f.xml"
    path.write_text(interchange("Student", student()).replace("UTF-8", encoding), encoding=truly)
    with pytest.raises(FileError, match=f"f\\.xml: its encoding '{encoding[:40]}.*UTF-8") as refused:
        open_file(path, None, None)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 200


def test_a_file_cut_in_half_is_refused_with_its_line(tmp_path):
    path = tmp_path / "f.xml"
    path.write_text(interchange("Student", student(), student("2"))[:-60], encoding="utf-8")
    with pytest.raises(FileError, match="not well-formed XML at line 4"):
        list(open_file(path, None, None))


def test_a_record_too_large_costs_itself_and_deep_nesting_the_file(folder):
    big = student("1", name=f"<FirstName>{'x' * 2_000_000}</FirstName>")
    rows = folder(students=interchange("Student", big, student("2")))
    assert isinstance(rows[0], RejectedRow)
    assert (rows[0].reason, rows[1].fields["local_id"]) == ("field-too-large", "2")
    with pytest.raises(FileError, match="nested too deeply"):
        folder(students=interchange("Student", student("1", "<a>" * 100 + "</a>" * 100)))


def test_files_without_students_and_mappings_are_refused(folder, tmp_path):
    with pytest.raises(FileError, match="InterchangeStudent"):
        folder(contacts=interchange("Contact"))
    path = Path(tmp_path / "s.xml")
    path.write_text(interchange("Student", student()), encoding="utf-8")
    with pytest.raises(MappingError, match="take no mapping"):
        open_file(path, make_canonical_mapping(), None)
    path.write_bytes(b"")
    with pytest.raises(FileError, match="no XML element"):
        open_file(path, None, None)
