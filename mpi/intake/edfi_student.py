"""Conversion of one Ed-Fi 5.2 student to canonical fields.

By design, citizenship, visas, immigrant, refugee and asylee characteristics, grades, health and discipline
are not read. Descriptor codes: the Ed-Fi data standard 5.2 (Apache-2.0).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from mpi.intake.xml_stream import read_child_text, to_descriptor_code

Fields = dict[str, object]

FLAG_DEFINITION = "Ed-Fi 5.2"
"""Definition of flags from characteristics, which name no law."""

_POPULATION_OF_CHARACTERISTIC = {
    "Economic Disadvantaged": "economic_disadvantage",
    "Foster Care": "foster_care",
    "Homeless": "homeless",
    "Parent in Military": "military_connected",
    "Pregnant": "pregnant_or_parenting",
    "Runaway": "runaway",
    "Single Parent": "pregnant_or_parenting",
    "Unaccompanied Youth": "unaccompanied_youth",
}
_POPULATION_OF_PROGRAM = {
    "StudentHomelessProgramAssociation": ("homeless", "McKinney-Vento"),
    "StudentLanguageInstructionProgramAssociation": ("english_learner", "ESEA Title III"),
    "StudentMigrantEducationProgramAssociation": ("migrant", "ESEA Title I-C"),
    "StudentNeglectedOrDelinquentProgramAssociation": ("neglected_or_delinquent", "ESEA Title I-D"),
    "StudentSection504ProgramAssociation": ("section_504", "Section 504"),
    "StudentSpecialEducationProgramAssociation": ("disability", "IDEA"),
}
"""Program associations that mark a population, with the law that defines it."""

_IDENTIFIER_SYSTEMS = {
    "District": "local_student_id",
    "Federal": "federal_student_id",
    "National Migrant": "msix_id",
    "School": "school_student_id",
    "State": "state_student_id",
    "State Migrant": "state_migrant_id",
    "Student Number": "student_number",
}
"""Ed-Fi systems whose codes identify a student.

A national insurance number is none of them, and is not read.
"""


@dataclass(slots=True)
class StudentDetails:
    """What Ed-Fi files other than the student file say about one student."""

    fields: Fields = field(default_factory=dict)
    flags: list[Fields] = field(default_factory=list)
    enrollments: list[Fields] = field(default_factory=list)
    contacts: list[tuple[str, str | None, bool]] = field(default_factory=list)
    """Reference of each contact, relationship, and whether the student lives with the contact."""


@dataclass(frozen=True, slots=True)
class StudentContact:
    """A parent, guardian or other contact, whom many students may share."""

    name: Fields
    addresses: tuple[Fields, ...]


def read_student(
    student: Element, details: StudentDetails | None, contacts: Mapping[str, StudentContact]
) -> Fields:
    """Return the canonical fields of an Ed-Fi student.

    Args:
        student: the ``Student`` element.
        details: what other files say of the student.
        contacts: all contacts by their references.
    """
    fields = _drop_empty({
        "local_id": read_child_text(student, "StudentUniqueId"),
        "first_name": read_child_text(student, "Name", "FirstName"),
        "middle_name": read_child_text(student, "Name", "MiddleName"),
        "last_name": read_child_text(student, "Name", "LastSurname"),
        "suffix": read_child_text(student, "Name", "GenerationCodeSuffix"),
        "preferred_name": read_child_text(student, "Name", "PreferredFirstName"),
        "other_names": list(_read_other_names(student)),
        "birth_date": read_child_text(student, "BirthData", "BirthDate"),
        "sex": to_descriptor_code(read_child_text(student, "BirthData", "BirthSex")),
        "birth_city": read_child_text(student, "BirthData", "BirthCity"),
        "birth_state": to_descriptor_code(read_child_text(student, "BirthData", "BirthStateAbbreviation")),
        "birth_country": to_descriptor_code(read_child_text(student, "BirthData", "BirthCountry")),
        "multiple_birth": read_child_text(student, "BirthData", "MultipleBirthStatus"),
    })  # fmt: skip
    description_fields = read_description(student)
    merge_fields(fields, description_fields)
    if details is not None:
        merge_fields(fields, details.fields)
        merge_fields(fields, _drop_empty({"flags": details.flags, "enrollments": details.enrollments}))
        merge_fields(
            fields, _read_contact_fields(details, contacts, with_addresses="addresses" not in fields)
        )
    return fields


def read_description(element: Element) -> Fields:
    """Return an Ed-Fi student's fields other than names and birth.

    Args:
        element: a ``Student`` or a ``StudentEducationOrganizationAssociation``.
    """
    fields = _drop_empty({
        "sex": to_descriptor_code(read_child_text(element, "Sex")),
        "addresses": list(_read_addresses(element)),
        "phone": read_child_text(element, "Telephone", "TelephoneNumber"),
        "email": read_child_text(element, "ElectronicMail", "ElectronicMailAddress"),
        "flags": list(_read_characteristics(element)),
    })  # fmt: skip
    person = read_child_text(element, "PersonReference", "PersonIdentity", "PersonId")
    system = read_child_text(element, "PersonReference", "PersonIdentity", "SourceSystem")
    if person and system:
        merge_fields(
            fields,
            {"identifiers": [_make_identifier("edfi_person_id", to_descriptor_code(system) or "", person)]},
        )
    for code in element.iterfind("StudentIdentificationCode"):
        merge_fields(fields, _read_identification(code))
    return fields


def read_program_flag(element: Element) -> Fields | None:
    """Return the special-population flag of an Ed-Fi program association, or None."""
    if element.tag not in _POPULATION_OF_PROGRAM:
        return None
    return _make_flag(*_POPULATION_OF_PROGRAM[element.tag], element)


def read_enrollment(element: Element) -> Fields:
    """Return the enrollment of an Ed-Fi ``StudentSchoolAssociation``."""
    return _drop_empty({
        "school_id": read_child_text(element, "SchoolReference", "SchoolIdentity", "SchoolId"),
        "grade": to_descriptor_code(read_child_text(element, "EntryGradeLevel")),
        "entry_date": read_child_text(element, "EntryDate"),
        "exit_date": read_child_text(element, "ExitWithdrawDate"),
    })  # fmt: skip


def read_contact(element: Element) -> StudentContact:
    """Return the parts of an Ed-Fi ``Contact`` that a student's record repeats."""
    name = {
        "guardian_first_name": read_child_text(element, "Name", "FirstName"),
        "guardian_last_name": read_child_text(element, "Name", "LastSurname"),
    }
    return StudentContact(_drop_empty(name), tuple(map(_drop_dates, _read_addresses(element))))


def _drop_dates(address: Fields) -> Fields:
    """Return a contact's address without its dates.

    They say since when the contact lives there, not the student.
    """
    return {name: value for name, value in address.items() if name not in {"begin", "end"}}


def _read_contact_fields(
    details: StudentDetails, contacts: Mapping[str, StudentContact], *, with_addresses: bool
) -> Fields:
    """Return a student's guardians, and addresses of contacts sharing the home.

    The addresses are taken only where the student has none.
    """
    guardians: list[Fields] = []
    addresses: list[Fields] = []
    for reference, relationship, lives_with in details.contacts:
        contact = contacts.get(reference)
        if contact is None or not contact.name:
            continue
        guardians.append(_drop_empty({**contact.name, "guardian_relationship": relationship}))
        if lives_with and with_addresses:
            addresses += [address for address in contact.addresses if address not in addresses]
    return _drop_empty({"guardians": guardians, "addresses": addresses})


def _read_other_names(student: Element) -> Iterator[Fields]:
    """Yield the preferred and other names of a student."""
    preferred = {
        "first_name": read_child_text(student, "Name", "PreferredFirstName"),
        "last_name": read_child_text(student, "Name", "PreferredLastSurname"),
    }
    if preferred["last_name"]:
        yield {**_drop_empty(preferred), "type": "preferred"}
    for name in student.iterfind("OtherName"):
        yield _drop_empty({
            "first_name": read_child_text(name, "FirstName"),
            "middle_name": read_child_text(name, "MiddleName"),
            "last_name": read_child_text(name, "LastSurname"),
            "type": to_descriptor_code(read_child_text(name, "OtherNameType")),
        })  # fmt: skip


def _read_addresses(element: Element) -> Iterator[Fields]:
    """Yield the addresses of an Ed-Fi element."""
    for address in element.iterfind("Address"):
        yield _drop_empty({
            "address_line1": read_child_text(address, "StreetNumberName"),
            "address_line2": read_child_text(address, "ApartmentRoomSuiteNumber"),
            "city": read_child_text(address, "City"),
            "state": to_descriptor_code(read_child_text(address, "StateAbbreviation")),
            "postal_code": read_child_text(address, "PostalCode"),
            "county": read_child_text(address, "NameOfCounty"),
            "type": to_descriptor_code(read_child_text(address, "AddressType")),
            "begin": read_child_text(address, "Period", "BeginDate"),
            "end": read_child_text(address, "Period", "EndDate"),
        })  # fmt: skip


def _read_characteristics(element: Element) -> Iterator[Fields]:
    """Yield a special-population flag for each period of a known characteristic."""
    for entry in element.iterfind("StudentCharacteristic"):
        code = to_descriptor_code(read_child_text(entry, "StudentCharacteristic"))
        population = _POPULATION_OF_CHARACTERISTIC.get(code or "")
        if population is None:
            continue
        periods: list[Element | None] = [*entry.iterfind("Period")]
        for period in periods or [None]:
            yield _make_flag(population, FLAG_DEFINITION, period)
    if to_descriptor_code(read_child_text(element, "LimitedEnglishProficiency")) == "Limited":
        yield _make_flag("english_learner", FLAG_DEFINITION, None)


def _read_identification(code: Element) -> Fields:
    """Return the canonical field that an Ed-Fi identification code fills."""
    system = to_descriptor_code(read_child_text(code, "StudentIdentificationSystem")) or ""
    value = read_child_text(code, "IdentificationCode")
    assigner = read_child_text(code, "AssigningOrganizationIdentificationCode")
    if value is None:
        return {}
    if system == "SSN":
        return {"ssn": value}
    if system == "Family":
        return {"household_ids": [value]}
    if system in _IDENTIFIER_SYSTEMS and assigner:
        return {"identifiers": [_make_identifier(_IDENTIFIER_SYSTEMS[system], assigner, value)]}
    return {}


def _make_identifier(system: str, assigner: str, value: str) -> Fields:
    """Return an identifier in the form of canonical fields."""
    return {"system": system, "assigner": assigner, "value": value}


def _make_flag(population: str, definition: str, period: Element | None) -> Fields:
    """Return a special-population flag with the dates of an Ed-Fi period."""
    return _drop_empty({
        "population": population,
        "value": "Y",
        "definition": definition,
        "begin": read_child_text(period, "BeginDate"),
        "end": read_child_text(period, "EndDate"),
    })  # fmt: skip


def _drop_empty(values: Mapping[str, object]) -> Fields:
    """Return the canonical fields that have a value."""
    return {name: value for name, value in values.items() if value}


def merge_fields(fields: Fields, more: Fields) -> None:
    """Merge fields into a student's fields.

    Lists grow by entries that they do not hold yet; single values stay as they were.

    Args:
        fields: changed in place.
        more: fields to add.
    """
    for name, value in more.items():
        current = fields.setdefault(name, [] if isinstance(value, list) else value)
        if isinstance(current, list) and isinstance(value, list):
            # A new list: the old one may belong to what was gathered about the student.
            fields[name] = [*current, *(item for item in value if item not in current)]
