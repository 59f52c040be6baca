"""Mappings proposed for files of many programs: what each column becomes, and how sure that is."""

from datetime import UTC, datetime

import pytest

from mpi.domain.errors import FileError, InputError
from mpi.intake.mapping_reader import load_mapping
from mpi.intake.proposal.header_words import read_header
from mpi.intake.proposal.proposal import ProposalOptions, propose_mapping
from mpi.intake.proposal.starters import list_starters
from mpi.intake.reader import open_file
from mpi.intake.rows import CanonicalRow

NOW = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.fixture
def propose(tmp_path):
    """Write a file and propose its mapping."""

    def write(content: bytes | str, name: str = "file.csv", **options: object):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return propose_mapping(path, ProposalOptions(**options), NOW)

    return write


def targets(proposal):
    return {column.column: column.target for column in proposal.columns}


def get(proposal, name):
    return next(column for column in proposal.columns if column.column == name)


def read_with(proposal, tmp_path, name="file.csv"):
    mapping = tmp_path / "proposed.toml"
    mapping.write_text(proposal.text)
    return [
        row
        for row in open_file(tmp_path / name, load_mapping(mapping), None)
        if isinstance(row, CanonicalRow)
    ]


PROGRAMS = {
    "powerschool": (
        "Student_Number,State_StudentNumber,First_Name,Last_Name,DOB,Gender,Grade_Level,Mother,LunchStatus",
        "1001,9000000001,Ana,Díaz,5/16/2010,F,7,Eva Díaz,F",
        {"Student_Number": "local_id", "LunchStatus": None, "Mother": "guardians.MOTHER.guardian_full_name"},
    ),
    "infinite_campus": (
        "student.studentNumber,student.stateID,student.lastName,student.firstName,student.birthdate,student.gender",
        "1001,9000000001,Díaz,Ana,05/16/2010,F",
        {"student.stateID": "identifiers.state_student_id", "student.lastName": "last_name"},
    ),
    "skyward": (
        "Other ID,Name ID,State ID,Last Name,First Name,Birth Date,Gender,Entity,Grad Yr",
        "1001,77,9000000001,Díaz,Ana,05/16/2010,F,101,2028",
        {"Other ID": "local_id", "Name ID": None, "Entity": "school_id", "Grad Yr": None},
    ),
    "aeries": (
        "SC,SN,LN,FN,MN,SX,GR,BD,ID,CID,TL,AD,CY,ST,ZC",
        "101,1,Díaz,Ana,,F,7,05/16/2010,1001,9000000001,6145550100,1 Oak St,Columbus,OH,43001",
        {"ID": "local_id", "BD": "birth_date", "CID": "identifiers.state_student_id", "AD": "address_line1"},
    ),
    "oneroster": (
        "sourcedId,status,givenName,familyName,birthDate,sex,username",
        "s-1,active,Ana,Díaz,2010-05-16,female,adiaz",
        {"sourcedId": "local_id", "username": None, "familyName": "last_name"},
    ),
    "edfi": (
        "studentUniqueId,firstName,lastSurname,birthDate,sexDescriptor,entryDate",
        "1001,Ana,Díaz,2010-05-16,Female,2024-08-20",
        {"studentUniqueId": "local_id", "lastSurname": "last_name", "entryDate": "entry_date"},
    ),
    "ccwis": (
        "CLIENT_ID,CASE_ID,FIRST_NM,LAST_NM,BIRTH_DT,GENDER_CD,SSN_NBR,REMOVAL_DT,WORKER_NM",
        "C-1,F-1,Ana,Díaz,05/16/2010 12:00:00 AM,F,,01/02/2024,Bo Ek",
        {"CLIENT_ID": "local_id", "CASE_ID": "household_ids", "REMOVAL_DT": None, "WORKER_NM": None},
    ),
}


def test_there_is_a_file_of_each_program_for_the_tests():
    assert {starter.name for starter in list_starters()} == set(PROGRAMS)


@pytest.mark.parametrize("program", sorted(PROGRAMS))
def test_file_of_a_known_program_is_recognized_and_read(propose, tmp_path, program):
    header, row, expected = PROGRAMS[program]
    proposal = propose(f"{header}\n{row}\n", state="OH")
    assert proposal.starter is not None
    assert proposal.starter.name == program
    assert expected.items() <= targets(proposal).items()
    (read,) = read_with(proposal, tmp_path)
    assert (read.fields["first_name"], read.fields["last_name"]) == ("Ana", "Díaz")
    assert read.fields["birth_date"] == "2010-05-16"
    if "identifiers" in read.fields:
        assert read.fields["identifiers"] == [
            {"system": "state_student_id", "assigner": "OH", "value": "9000000001"}
        ]


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("Stu First Nm", "first_name"),
        ("LEGAL LAST NAME", "last_name"),
        ("student_dob", "birth_date"),
        ("Date of Birth", "birth_date"),
        ("Frist Name", "first_name"),
        ("SSID", "identifiers.state_student_id"),
        ("State Student ID", "identifiers.state_student_id"),
        ("Medicaid ID", "identifiers.medicaid_id"),
        ("Parent1 First Name", "guardians.PARENT1.guardian_first_name"),
        ("Guardian 2 Last Name", "guardians.GUARDIAN2.guardian_last_name"),
        ("Mother Cell Phone", "phone"),
        ("Emergency Contact Name", None),
        ("Foster Care Status", "flags.foster_care"),
        ("ELL", "flags.english_learner"),
        ("504 Plan", "flags.section_504"),
        ("Removal Reason", None),
        ("Immigrant", None),
        ("Homeroom", None),
        ("ZipCode", "postal_code"),
        ("homePhone", "phone"),
        ("Student Name", "full_name"),
    ],
)
def test_name_of_a_column_tells_its_field(name, target):
    assert read_header(name).target == target


@pytest.mark.parametrize(
    ("values", "formats", "expected"),
    [
        (["05/16/2010", "1/2/2011"], ("%m/%d/%Y",), "2010-05-16"),
        (["16/05/2010", "01/02/2011"], ("%d/%m/%Y",), "2010-05-16"),
        (["05/16/2010 12:00:00 AM"], ("%m/%d/%Y %I:%M:%S %p",), "2010-05-16"),
        (["20100516"], ("%Y%m%d",), "2010-05-16"),
        (["16-May-2010"], ("%d-%b-%Y",), "2010-05-16"),
        (["May 16, 2010"], ("%B %d, %Y",), "2010-05-16"),
        (["2010-05-16 00:00:00"], (), "2010-05-16 00:00:00"),
        (["05/16/10"], ("%m/%d/%y",), "2010-05-16"),
        (["05/16/2010", "2010-06-17", "20110203"], ("%m/%d/%Y", "%Y%m%d"), "2010-05-16"),
    ],
)
def test_format_of_dates_is_told_from_the_values(propose, tmp_path, values, formats, expected):
    rows = "".join(f'{number},"{value}"\n' for number, value in enumerate(values))
    proposal = propose("Student ID,DOB\n" + rows)
    assert get(proposal, "DOB").date_formats == formats
    assert read_with(proposal, tmp_path)[0].fields["birth_date"] == expected


def test_order_of_day_and_month_that_no_value_tells_is_asked(propose):
    column = get(propose("Student ID,DOB\n1,03/04/2010\n2,05/06/2011\n"), "DOB")
    assert (column.is_unclear, column.date_formats) == (True, ("%m/%d/%Y",))
    assert not get(propose("Student ID,DOB\n1,03/04/2010\n2,05/26/2011\n"), "DOB").is_unclear


def test_two_digits_of_a_birth_year_are_of_living_people(propose, tmp_path):
    proposal = propose("Student ID,DOB\n1,05/16/31\n2,05/16/19\n")
    assert [row.fields["birth_date"] for row in read_with(proposal, tmp_path)] == ["1931-05-16", "2019-05-16"]


@pytest.mark.parametrize("bad", ["x" * 140_000 + ",Lopez", f'"{"x" * 140_000}",Lopez', '"Bobby,Lopez'])
def test_a_row_that_cannot_be_read_costs_no_other(propose, tmp_path, bad):
    rows = "".join(f"{number},Ana{number},Lopez\n" for number in range(2, 9_000))
    proposal = propose(f"Pupil ID,First,Last\n1,{bad}\n{rows}")
    assert (proposal.sample.form.delimiter, proposal.sample.unread) == (",", 1)
    assert [row.fields["local_id"] for row in read_with(proposal, tmp_path)][:2] == ["2", "3"]


def test_header_that_cannot_be_read_is_refused(propose):
    with pytest.raises(FileError, match="its header cannot be read: a field is longer"):
        propose(f"Pupil ID,First,{'x' * 140_000}\n1,Ana,Lopez\n")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "windows-1252"])
def test_delimiter_and_encoding_are_told_from_the_file(propose, tmp_path, delimiter, encoding):
    text = "Pupil ID,First,Last\n1,José,Díaz\n2,Ana,Peña\n".replace(",", delimiter)
    proposal = propose(text.encode(encoding), "file.txt")
    assert [row.fields["last_name"] for row in read_with(proposal, tmp_path, "file.txt")] == ["Díaz", "Peña"]


def test_title_lines_above_the_header_are_passed_over(propose, tmp_path):
    proposal = propose('Lincoln School,,\n"Run on\n2026-11-30",,\n\nPupil ID,First,Last\n1,Ana,Ek\n')
    assert proposal.sample.form.header_row == 5
    assert [row.line for row in read_with(proposal, tmp_path)] == [6]


def test_full_name_in_one_column_is_divided(propose, tmp_path):
    proposal = propose('Student ID,Student Name,DOB\n1,"Díaz, Ana Maria",2010-05-16\n')
    (row,) = read_with(proposal, tmp_path)
    assert (row.fields["first_name"], row.fields["middle_name"], row.fields["last_name"]) == (
        "Ana",
        "Maria",
        "Díaz",
    )
    both = propose("Student ID,Student Name,First Name,Last Name\n1,Ana Ek,Ana,Ek\n")
    assert targets(both)["Student Name"] is None


def test_local_id_is_the_column_that_tells_the_rows_apart(propose):
    proposal = propose("School ID,Student ID,Perm Id,First Name\n1,7,a,Ana\n1,7,b,Bo\n")
    assert targets(proposal) == {
        "School ID": "school_id",
        "Student ID": None,
        "Perm Id": "local_id",
        "First Name": "first_name",
    }
    none = propose("First Name,Last Name\nAna,Ek\nAna,Ek\n")
    assert none.lacks_local_id
    assert "{row = true}" in none.text
    chosen = propose("Student ID,Perm Id\n7,a\n7,b\n", choices={"Student ID": "local_id"})
    assert targets(chosen) == {"Student ID": "local_id", "Perm Id": None}


def test_values_of_another_form_make_a_name_unclear(propose):
    proposal = propose(
        "Student ID,Phone,Sex,Homeless,DOB\n1,Oak St,blue,shelter,40304\n2,Elm,red,car,40305\n"
    )
    assert {column.column for column in proposal.columns if column.is_unclear} == {
        "Phone", "Sex", "Homeless", "DOB",
    }  # fmt: skip
    assert "counts" in get(proposal, "DOB").reason


def test_columns_without_a_name_that_says_it_are_told_by_their_values(propose):
    proposal = propose("Student ID,Misc 1,Misc 2,Misc 3\n1,a@x.org,123-45-6789,x\n")
    assert targets(proposal) == {"Student ID": "local_id", "Misc 1": "email", "Misc 2": "ssn", "Misc 3": None}
    assert get(proposal, "Misc 1").is_unclear


def test_flag_marked_with_a_cross_is_yes(propose, tmp_path):
    proposal = propose("Student ID,Homeless\n1,X\n2,\n")
    rows = read_with(proposal, tmp_path)
    assert rows[0].fields["flags"] == [{"population": "homeless", "value": "Y"}]
    assert "flags" not in rows[1].fields


def test_standard_codes_of_rows_that_were_not_looked_at_are_read(propose, tmp_path):
    rows = [("A", "K", "X"), ("B", "L", "X")] * 2_600 + [
        ("Y", "F", "N"),
        ("no", "Male", "Yes"),
        ("U", "0", ""),
    ]
    content = "Student ID,Foster,Sex,Homeless\n" + "".join(
        f"{n},{','.join(row)}\n" for n, row in enumerate(rows)
    )
    proposal = propose(content, codes={"Foster": {"A": "Y", "B": "N"}, "Sex": {"K": "M", "L": "F"}})
    read = read_with(proposal, tmp_path)
    assert not [row.issues for row in read if row.issues]
    assert [row.fields.get("sex") for row in read[-3:]] == ["F", "M", None]
    assert [[flag["value"] for flag in row.fields["flags"]] for row in read[-3:]] == [
        ["Y", "N"], ["N", "Y"], ["U"],
    ]  # fmt: skip


def test_relationship_that_is_also_a_column_is_written_otherwise(propose, tmp_path):
    proposal = propose("Student ID,mother,Father\n1,Eva Ek,Al Ek\n")
    guardians = read_with(proposal, tmp_path)[0].fields["guardians"]
    assert [each["guardian_relationship"] for each in guardians] == ["Mother", "father"]


def test_names_with_quotes_and_letters_of_all_kinds_are_written_as_toml(propose, tmp_path):
    proposal = propose('"Student ID","Notes ""A\\B"" ñ","First Name"\n1,x,Ana\n')
    assert read_with(proposal, tmp_path)[0].fields == {"local_id": "1", "first_name": "Ana"}


def test_state_of_student_ids_is_stated_or_that_of_the_addresses(propose):
    header = "Student ID,SSID,State\n"
    assert propose(header + "1,9,Ohio\n").assigner == "OH"
    assert propose(header + "1,9,Ohio\n", state="wv").assigner == "WV"
    unknown = propose("Student ID,SSID\n1,9\n")
    assert unknown.lacks_state


def test_preview_counts_what_a_load_would_reject(propose):
    proposal = propose("Student ID,First Name,DOB\n1,Ana,2010-05-16\n,Bo,2011-01-02\n3,Cy,2012-01-01\n")
    assert (proposal.profile.rows, proposal.profile.accepted) == (3, 2)
    assert dict(proposal.profile.rejects) == {"local_id: missing": 1}


def test_nothing_of_a_value_is_in_a_proposal(propose):
    proposal = propose("Student ID,First Name,SSN\n10017,Xanthippe,123-45-6789\n")
    shown = proposal.text + repr(proposal.columns) + repr(proposal.profile)
    assert not [value for value in ("10017", "Xanthippe", "123-45-6789") if value in shown]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"starter": "blackbaud"}, "there is no 'blackbaud'; there are powerschool"),
        ({"state": "Ontario"}, "no state of the United States"),
        ({"choices": {"Studnt ID": "local_id"}}, "no column 'Studnt ID'; did you mean 'Student ID'"),
        ({"choices": {"Student ID": "dob"}}, "'dob' is no field; did you mean 'birth_date'"),
    ],
)
def test_option_that_names_nothing_is_refused_with_the_nearest(propose, options, message):
    with pytest.raises(InputError, match=message):
        propose("Student ID,First Name\n1,Ana\n", **options)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"Student ID,First Name\n", "no row that can be read"),
        (b"%PDF-1.7", "a PDF document"),
    ],
)
def test_file_without_rows_is_refused(propose, content, message):
    with pytest.raises(FileError, match=message):
        propose(content)


@pytest.mark.parametrize(
    "header",
    [
        "Student ID,First Name,Last Name,2023,2024",
        "Student ID,2021,2022,2023-24",
        "Student ID,DOB,504,Last Name",
    ],
)
def test_columns_may_be_named_by_years_and_numbers(propose, header):
    width = header.count(",") + 1
    proposal = propose(
        f"{header}\n" + "".join(",".join([str(n)] + ["a"] * (width - 1)) + "\n" for n in range(9))
    )
    assert [column.column for column in proposal.columns] == header.split(",")
    assert get(proposal, "Student ID").target == "local_id"


@pytest.mark.parametrize("row", ["2023,Ana,Diaz,2010-05-16", "1,2,3", "504,Ana,2010", "2021,2022,2023"])
def test_a_first_row_of_values_is_no_header(propose, row):
    with pytest.raises(FileError, match="no header line"):
        propose(f"{row}\n{row}\n")


def test_an_answer_about_dates_or_codes_does_not_say_that_the_field_is_right(propose):
    content = "Student ID,Birthdat,Gendr,Entry Date\n" + "".join(f"{n},01/02/2010,A,x{n}\n" for n in range(6))
    answers = {
        "date_formats": {"Birthdat": "%d/%m/%Y", "Entry Date": "%m/%d/%Y"},
        "codes": {"Gendr": {"A": "F"}},
    }
    choices = {"Birthdat": "birth_date", "Entry Date": "entry_date", "Gendr": "sex"}
    asked = [column for column in propose(content, **answers).columns if column.is_unclear]
    assert [(column.column, column.question) for column in asked] == [
        ("Birthdat", "field"), ("Gendr", "field"), ("Entry Date", "field"),
    ]  # fmt: skip
    assert not [
        column for column in propose(content, choices=choices, **answers).columns if column.is_unclear
    ]


def test_answers_about_dates_and_codes_are_followed(propose, tmp_path):
    rows = "".join(f"{n},0{n + 1}/0{n + 2}/2010,{'AB'[n % 2]}\n" for n in range(6))
    content = f"Student ID,DOB,Foster\n{rows}"
    asked = propose(content)
    assert [column.question for column in asked.columns if column.is_unclear] == ["dates", "codes"]
    proposal = propose(content, date_formats={"DOB": "%d/%m/%Y"}, codes={"Foster": {"A": "Y", "B": ""}})
    assert not [column for column in proposal.columns if column.is_unclear]
    first, second, *_ = read_with(proposal, tmp_path)
    assert (first.fields["birth_date"], second.fields["birth_date"]) == ("2010-02-01", "2010-03-02")
    assert [flag["value"] for flag in first.fields["flags"]] == ["Y"]
    assert "flags" not in second.fields
    assert not second.issues
