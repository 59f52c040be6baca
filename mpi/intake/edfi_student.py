"""One Ed-Fi 5.2 student as a canonical record.

What is not read, by design: citizenship, visas, immigrant, refugee and asylee characteristics, grades,
health and discipline. Descriptor codes: the Ed-Fi data standard 5.2 (Apache-2.0).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from mpi.intake.xml_stream import child_text, descriptor

Fields = dict[str, object]

FLAG_DEFINITION = "Ed-Fi 5.2"
"""The definition of characteristics, which name no law."""

_CHARACTERISTICS = {
    "Economic Disadvantaged": "economic_disadvantage",
    "Foster Care": "foster_care",
    "Homeless": "homeless",
    "Parent in Military": "military_connected",
    "Pregnant": "pregnant_or_parenting",
    "Runaway": "runaway",
    "Single Parent": "pregnant_or_parenting",
    "Unaccompanied Youth": "unaccompanied_youth",
}
_PROGRAMS = {
    "StudentHomelessProgramAssociation": ("homeless", "McKinney-Vento"),
    "StudentLanguageInstructionProgramAssociation": ("english_learner", "ESEA Title III"),
    "StudentMigrantEducationProgramAssociation": ("migrant", "ESEA Title I-C"),
    "StudentNeglectedOrDelinquentProgramAssociation": ("neglected_or_delinquent", "ESEA Title I-D"),
    "StudentSection504ProgramAssociation": ("section_504", "Section 504"),
    "StudentSpecialEducationProgramAssociation": ("disability", "IDEA"),
}
"""Program associations that mark a population: it, and the law whose definition the program uses."""

_IDENTIFIERS = {
    "District": "local_student_id",
    "Federal": "federal_student_id",
    "National Migrant": "msix_id",
    "School": "school_student_id",
    "State": "state_student_id",
    "State Migrant": "state_migrant_id",
    "Student Number": "student_number",
}
"""Systems whose codes identify a student; a national insurance number is none, and is not read."""


@dataclass(slots=True)
class About:
    """What the files beside the students' say about one student."""

    fields: Fields = field(default_factory=dict)
    flags: list[Fields] = field(default_factory=list)
    enrollments: list[Fields] = field(default_factory=list)
    contacts: list[tuple[str, str | None, bool]] = field(default_factory=list)
    """Each the contact's reference, its relationship, and whether the student lives with it."""


@dataclass(frozen=True, slots=True)
class Contact:
    """A parent, guardian or other contact, whom many students may share."""

    name: Fields
    addresses: tuple[Fields, ...]


def student_fields(student: Element, about: About | None, contacts: Mapping[str, Contact]) -> Fields:
    """The canonical fields of a student.

    Args:
        student: the ``Student`` element.
        about: what other files say of the student.
        contacts: all contacts by their references.
    """
    sent = _filled({
        "local_id": child_text(student, "StudentUniqueId"),
        "first_name": child_text(student, "Name", "FirstName"),
        "middle_name": child_text(student, "Name", "MiddleName"),
        "last_name": child_text(student, "Name", "LastSurname"),
        "suffix": child_text(student, "Name", "GenerationCodeSuffix"),
        "preferred_name": child_text(student, "Name", "PreferredFirstName"),
        "other_names": list(_other_names(student)),
        "birth_date": child_text(student, "BirthData", "BirthDate"),
        "sex": descriptor(child_text(student, "BirthData", "BirthSex")),
        "birth_city": child_text(student, "BirthData", "BirthCity"),
        "birth_state": descriptor(child_text(student, "BirthData", "BirthStateAbbreviation")),
        "birth_country": descriptor(child_text(student, "BirthData", "BirthCountry")),
        "multiple_birth": child_text(student, "BirthData", "MultipleBirthStatus"),
    })  # fmt: skip
    described = description(student)
    add(sent, described)
    if about is not None:
        add(sent, about.fields)
        add(sent, _filled({"flags": about.flags, "enrollments": about.enrollments}))
        add(sent, _from_contacts(about, contacts, with_addresses="addresses" not in sent))
    return sent


def description(element: Element) -> Fields:
    """What a ``Student`` or a ``StudentEducationOrganizationAssociation`` says besides the names."""
    sent = _filled({
        "sex": descriptor(child_text(element, "Sex")),
        "addresses": list(_addresses(element)),
        "phone": child_text(element, "Telephone", "TelephoneNumber"),
        "email": child_text(element, "ElectronicMail", "ElectronicMailAddress"),
        "flags": list(_characteristics(element)),
    })  # fmt: skip
    person = child_text(element, "PersonReference", "PersonIdentity", "PersonId")
    system = child_text(element, "PersonReference", "PersonIdentity", "SourceSystem")
    if person and system:
        add(sent, {"identifiers": [_identifier("edfi_person_id", descriptor(system) or "", person)]})
    for code in element.iterfind("StudentIdentificationCode"):
        add(sent, _identification(code))
    return sent


def program_flag(element: Element) -> Fields | None:
    """The flag of a program association; None where the program marks no population."""
    if element.tag not in _PROGRAMS:
        return None
    return _flag(*_PROGRAMS[element.tag], element)


def enrollment(element: Element) -> Fields:
    """The enrolment of a ``StudentSchoolAssociation``."""
    return _filled({
        "school_id": child_text(element, "SchoolReference", "SchoolIdentity", "SchoolId"),
        "grade": descriptor(child_text(element, "EntryGradeLevel")),
        "entry_date": child_text(element, "EntryDate"),
        "exit_date": child_text(element, "ExitWithdrawDate"),
    })  # fmt: skip


def contact(element: Element) -> Contact:
    """The part of a ``Contact`` that a student's record repeats."""
    name = {
        "guardian_first_name": child_text(element, "Name", "FirstName"),
        "guardian_last_name": child_text(element, "Name", "LastSurname"),
    }
    return Contact(_filled(name), tuple(map(_undated, _addresses(element))))


def _undated(address: Fields) -> Fields:
    """An address without its dates: they say since when the contact lives there, not the student."""
    return {name: value for name, value in address.items() if name not in {"begin", "end"}}


def _from_contacts(about: About, contacts: Mapping[str, Contact], *, with_addresses: bool) -> Fields:
    """Guardians, and where the student has no address of its own, those of contacts it lives with."""
    guardians: list[Fields] = []
    addresses: list[Fields] = []
    for reference, relationship, lives_with in about.contacts:
        found = contacts.get(reference)
        if found is None or not found.name:
            continue
        guardians.append(_filled({**found.name, "guardian_relationship": relationship}))
        if lives_with and with_addresses:
            addresses += [address for address in found.addresses if address not in addresses]
    return _filled({"guardians": guardians, "addresses": addresses})


def _other_names(student: Element) -> Iterator[Fields]:
    preferred = {
        "first_name": child_text(student, "Name", "PreferredFirstName"),
        "last_name": child_text(student, "Name", "PreferredLastSurname"),
    }
    if preferred["last_name"]:
        yield {**_filled(preferred), "type": "preferred"}
    for name in student.iterfind("OtherName"):
        yield _filled({
            "first_name": child_text(name, "FirstName"),
            "middle_name": child_text(name, "MiddleName"),
            "last_name": child_text(name, "LastSurname"),
            "type": descriptor(child_text(name, "OtherNameType")),
        })  # fmt: skip


def _addresses(element: Element) -> Iterator[Fields]:
    for address in element.iterfind("Address"):
        yield _filled({
            "address_line1": child_text(address, "StreetNumberName"),
            "address_line2": child_text(address, "ApartmentRoomSuiteNumber"),
            "city": child_text(address, "City"),
            "state": descriptor(child_text(address, "StateAbbreviation")),
            "postal_code": child_text(address, "PostalCode"),
            "county": child_text(address, "NameOfCounty"),
            "type": descriptor(child_text(address, "AddressType")),
            "begin": child_text(address, "Period", "BeginDate"),
            "end": child_text(address, "Period", "EndDate"),
        })  # fmt: skip


def _characteristics(element: Element) -> Iterator[Fields]:
    for entry in element.iterfind("StudentCharacteristic"):
        code = descriptor(child_text(entry, "StudentCharacteristic"))
        population = _CHARACTERISTICS.get(code or "")
        if population is None:
            continue
        periods: list[Element | None] = [*entry.iterfind("Period")]
        for period in periods or [None]:
            yield _flag(population, FLAG_DEFINITION, period)
    if descriptor(child_text(element, "LimitedEnglishProficiency")) == "Limited":
        yield _flag("english_learner", FLAG_DEFINITION, None)


def _identification(code: Element) -> Fields:
    system = descriptor(child_text(code, "StudentIdentificationSystem")) or ""
    value = child_text(code, "IdentificationCode")
    assigner = child_text(code, "AssigningOrganizationIdentificationCode")
    if value is None:
        return {}
    if system == "SSN":
        return {"ssn": value}
    if system == "Family":
        return {"household_ids": [value]}
    if system in _IDENTIFIERS and assigner:
        return {"identifiers": [_identifier(_IDENTIFIERS[system], assigner, value)]}
    return {}


def _identifier(system: str, assigner: str, value: str) -> Fields:
    return {"system": system, "assigner": assigner, "value": value}


def _flag(population: str, definition: str, period: Element | None) -> Fields:
    return _filled({
        "population": population,
        "value": "Y",
        "definition": definition,
        "begin": child_text(period, "BeginDate"),
        "end": child_text(period, "EndDate"),
    })  # fmt: skip


def _filled(values: Mapping[str, object]) -> Fields:
    return {name: value for name, value in values.items() if value}


def add(sent: Fields, more: Fields) -> None:
    """Add fields: lists grow by what they do not hold yet, single values stay as first said."""
    for name, value in more.items():
        present = sent.setdefault(name, [] if isinstance(value, list) else value)
        if isinstance(present, list) and isinstance(value, list):
            # A new list: the old one may belong to what was gathered about the student.
            sent[name] = [*present, *(item for item in value if item not in present)]
